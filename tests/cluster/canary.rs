//! The negative control of drills: a set that is damaged on purpose, whose drill has to fail.

use std::time::Duration;

use serde_json::{Value, json};

use crate::backups::{ask_drill, house, over};
use crate::hands::{bad, good};
use crate::kit::{condition, message, shown, text};
use crate::run::alone;
use crate::world::World;

const VAULT: &str = "kopnams-vault";

fn made() -> Value {
    json!({"snapshot": "a".repeat(64), "configuration": "b".repeat(64), "files": 4, "bytes": 1000, "added": 1000})
}

async fn target(world: &World, reason: &str) -> Value {
    world
        .within(Duration::from_mins(2), &format!("DrillsCanFail is {reason}"), async || {
            let target = world.get("BackupTarget", "", "s3").await.unwrap();
            if condition(&target, "DrillsCanFail").1 == reason { Ok(target) } else { Err(shown(&target)) }
        })
        .await
}

/// F22
#[test]
fn a_drill_that_does_not_notice_damage_is_found_out() {
    alone("a canary", async |world| {
        let hands = house(world).await;
        let answer = |drill: Value| {
            move |work: &Value| match text(work, "/task/kind") {
                "canary" => Some(made()),
                "restore" => Some(drill.clone()),
                _ => Some(good(work)),
            }
        };
        hands.answer(answer(bad("Damaged", "a pack is not what it was")));
        world.merge("Platform", "", "platform", &json!({"spec": {"backup": {"canaryEveryDays": 7}}})).await;
        world.ensure_operator().await;
        let found = target(world, "Damaged").await;
        assert_eq!(condition(&found, "DrillsCanFail").0, "True", "{}", shown(&found));
        let vaults = world.list("BackupVault", "").await;
        let canaries: Vec<&Value> = vaults.iter().filter(|vault| vault["spec"]["canary"] == true).collect();
        let [canary] = canaries[..] else { panic!("{vaults:?}") };
        assert_eq!(canary["status"]["drillFailures"]["class"], "Damaged", "{}", shown(canary));
        let seen: Vec<String> = hands.seen().iter().map(|(space, work)| format!("{space} {}", text(work, "/task/kind"))).collect();
        assert_eq!(seen, ["kopnams-vault canary", "kopnams-vault restore"]);

        // A drill that is satisfied with what is damaged.
        hands.answer(answer(json!({"files": 3, "bytes": 1000, "added": 0})));
        let tenant = text(canary, "/metadata/name");
        let set = text(canary, "/status/sets/0/name");
        let spec =
            json!({"tenantId": tenant, "municipality": VAULT, "app": "canary", "slot": "209901010000", "set": set, "level": "Restore"});
        let drill = ask_drill(world, spec).await;
        over(world, "RestoreDrill", &drill, "Succeeded").await;
        let found = target(world, "DrillCannotFail").await;
        assert_eq!(condition(&found, "DrillsCanFail").0, "False");
        assert!(message(&found, "DrillsCanFail").contains("do not rely on RestoreProven"), "{}", message(&found, "DrillsCanFail"));
    });
}

#[test]
fn a_canary_that_cannot_be_made_is_left_alone_for_a_while() {
    alone("no canary", async |world| {
        let hands = house(world).await;
        hands.answer(|work| match text(work, "/task/kind") {
            "canary" => Some(bad("NoSpace", "the disk is full")),
            _ => Some(good(work)),
        });
        world.merge("Platform", "", "platform", &json!({"spec": {"backup": {"canaryEveryDays": 7}}})).await;
        world.ensure_operator().await;
        world
            .until("it is said why", async || {
                let vaults = world.list("BackupVault", "").await;
                let said = vaults.iter().any(|vault| text(vault, "/status/message").contains("NoSpace: the disk is full"));
                if said { Ok(()) } else { Err(vaults.iter().map(shown).collect()) }
            })
            .await;
        // The Job that goes is no reason to make the next one.
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(hands.seen().len(), 1, "{:?}", hands.seen());
        assert!(world.list("Job", "").await.is_empty(), "and nothing is left of it");
    });
}
