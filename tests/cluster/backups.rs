//! Backups as the operator sees to them, with runners that only report: what is made when, what counts as a backup, who
//! waits for whom, and what happens when something is killed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::hands::{Hands, bad, good};
use crate::kit::{app_of, condition, furniture, message, municipality, shown, text};
use crate::run::alone;
use crate::world::World;

const IMAGE: &str = "localhost/kopnams@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A world with a target, and hands that report.
async fn house(world: &World) -> Hands {
    for mut object in furniture() {
        if text(&object, "/kind") == "Platform" {
            object["spec"]["backup"] = json!({"target": "s3", "image": IMAGE});
        }
        world.apply(&object).await;
    }
    world
        .apply(&json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupTarget", "metadata": {"name": "s3"},
            "spec": {
                "endpoint": "http://127.0.0.1:1", "bucket": "kopnams", "isolation": "perApp", "maintainerSecret": "s3-maintainer",
                "egress": [{"cidr": "192.0.2.9/32", "ports": [443]}],
            },
        }))
        .await;
    world
        .create(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s3-maintainer", "namespace": "kopnams-vault"},
            "stringData": {"access-key": "test", "secret-key": "test"},
        }))
        .await
        .unwrap();
    Hands::start(world.admin.clone())
}

fn runs_of(runs: &[Value], app: &str) -> Vec<Value> {
    runs.iter().filter(|run| text(run, "/spec/app") == app).cloned().collect()
}

#[test]
fn a_request_is_backed_up_and_proven_by_itself() {
    alone("backed up by itself", async |world| {
        let hands = house(world).await;
        world.ensure_operator().await;
        world.apply(&municipality("kuldigas-novads")).await;
        world.ready_municipality("kuldigas-novads").await;
        world.open(&app_of("kuldigas-novads", "majaslapa", "website")).await;
        let app = world
            .within(Duration::from_mins(3), "it is backed up and proven", async || {
                let app = world.get("MunicipalityApp", "kuldigas-novads", "majaslapa").await.unwrap();
                let both = condition(&app, "BackedUp").0 == "True" && condition(&app, "RestoreProven").0 == "True";
                if both { Ok(app) } else { Err(format!("{}\n{}", message(&app, "BackedUp"), message(&app, "RestoreProven"))) }
            })
            .await;
        assert_eq!(app["status"]["backup"]["sets"], 1, "{}", shown(&app));
        let kinds: Vec<String> = hands.seen().iter().map(|(namespace, work)| format!("{namespace} {}", text(work, "/task/kind"))).collect();
        assert_eq!(kinds[..2], ["kopnams-vault prepare", "kopnams-vault commit"], "{kinds:?}");
        assert!(kinds.contains(&"kopnams-vault restore".to_string()), "{kinds:?}");
        // Nothing is left of the work but what was written down.
        world
            .until("its jobs are gone", async || {
                let jobs = world.list("Job", "").await;
                if jobs.is_empty() { Ok(()) } else { Err(format!("{} jobs", jobs.len())) }
            })
            .await;
        let runs = runs_of(&world.list("BackupRun", "kopnams-vault").await, "majaslapa");
        assert_eq!(runs.len(), 1, "{runs:?}");
    });
}

#[test]
fn a_backup_that_fails_is_no_backup_and_says_why() {
    alone("a failed backup", async |world| {
        let hands = house(world).await;
        hands.answer(|work| match text(work, "/task/kind") {
            "commit" => Some(bad("Partial", "one file could not be read")),
            _ => Some(good(work)),
        });
        world.ensure_operator().await;
        world.apply(&municipality("ogres-novads")).await;
        world.ready_municipality("ogres-novads").await;
        world.open(&app_of("ogres-novads", "majaslapa", "website")).await;
        let app = world
            .within(Duration::from_mins(3), "it says that the backup failed", async || {
                let app = world.get("MunicipalityApp", "ogres-novads", "majaslapa").await.unwrap();
                if condition(&app, "BackedUp") == ("False", "BackupFailed") { Ok(app) } else { Err(message(&app, "BackedUp").into()) }
            })
            .await;
        assert!(message(&app, "BackedUp").contains("Partial: commit: one file could not be read"), "{}", message(&app, "BackedUp"));
        assert_eq!(app["status"]["backup"]["sets"], 0);
        assert_eq!(condition(&app, "RestoreProven"), ("False", "AwaitingFirst"));
    });
}
