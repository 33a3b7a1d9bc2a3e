//! Proves that the operator is silent at rest and after a restart, and that a new app costs exactly its own writes.

use std::time::Duration;

use crate::audit::tally;
use crate::kit::{app, app_of};
use crate::run::shared;
use crate::world::World;

/// Waits until the operator has written nothing for a while.
pub async fn rest(world: &World) {
    world
        .until("the operator rests", async || {
            let audit = world.audit();
            tokio::time::sleep(Duration::from_millis(1500)).await;
            let lines = audit.writes_of_operator();
            if lines.is_empty() { Ok(()) } else { Err(format!("{lines:#?}")) }
        })
        .await;
}

#[test]
fn at_rest_there_are_watches_and_the_lease_and_nothing_else() {
    shared("at rest", async |world| {
        world.settle("klusums").await;
        world.open(&app("klusums", "viens")).await;
        world.open(&app_of("klusums", "divi", "newsletter")).await;
        rest(world).await;

        let audit = world.audit();
        tokio::time::sleep(Duration::from_secs(20)).await;
        let lines = audit.of_operator();
        assert!(lines.iter().all(|line| line.verb == "watch"), "expected watches only, asked were {lines:#?}");
        let lease = audit.of(crate::audit::OPERATOR);
        assert!(lease.iter().any(crate::audit::Line::leases), "the audit log shows the operator's lease, so it would show more");
    });
}

#[test]
fn a_restart_with_nothing_changed_writes_nothing() {
    shared("a restart", async |world| {
        world.settle("atsakums").await;
        world.open(&app("atsakums", "viens")).await;
        rest(world).await;

        let audit = world.audit();
        world.stop_operator();
        world.ensure_operator().await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let writes = audit.writes_of_operator();
        assert!(writes.is_empty(), "expected no writes after a restart, written were {writes:#?}");
        let lists = audit.of_operator().iter().filter(|line| line.resource == "municipalityapps").count();
        assert!(lists > 0, "it did start: it listed the requests");
    });
}

#[test]
fn a_new_app_costs_its_objects_one_finalizer_and_two_status_writes() {
    shared("writes per app", async |world| {
        world.settle("izmaksas").await;
        rest(world).await;

        let audit = world.audit();
        let mut request = app("izmaksas", "viens");
        request["spec"]["hostname"] = "viens.izmaksas.example.lv".into();
        world.open(&request).await;
        rest(world).await;
        let expected = [
            ("create limitranges", 1),
            ("create namespaces", 1),
            ("create networkpolicies", 4),
            ("create resourcequotas", 4),
            ("create rolebindings", 3),
            ("patch municipalityapps", 1),
            ("patch municipalityapps/status", 2),
            // The control plane makes it itself at any moment, so it is applied.
            ("patch serviceaccounts", 1),
        ];
        let lines: Vec<_> = audit.of_operator().into_iter().filter(|line| line.verb != "watch").collect();
        let expected = expected.map(|(what, count)| (what.to_string(), count)).into();
        assert_eq!(tally(&lines), expected, "{lines:#?}");
        assert!(lines.iter().all(|line| line.code < 300), "every write succeeds at once: {lines:#?}");
    });
}
