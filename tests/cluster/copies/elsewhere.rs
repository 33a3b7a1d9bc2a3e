//! Another second place is named: what lies at the one before is no copy any more, and is destroyed with its vault all the same.

use std::process::Command;
use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{SLUG, VAULT, ask, copied, place, second, upkeep, vault};
use crate::backups::{archive, back_up, house, over};
use crate::hands::{Hands, good};
use crate::kit::{message, shown, text};
use crate::run::alone;
use crate::world::{World, api};

/// All is well, but copies go on for ever.
fn hold(hands: &Hands) {
    hands.answer(|work| (work["task"]["kind"] != "copy").then(|| good(work)));
}

async fn copy_to(world: &World, name: &str) {
    world.merge("BackupTarget", "", "s3", &json!({"spec": {"copyTo": name}})).await;
}

/// What lies at the place that is named now is no copy, wherever one looks.
async fn is_elsewhere(world: &World, gauge: &str) {
    let app = copied(world, "False", "CopiedElsewhere").await;
    let said = message(&app, "Copied");
    assert!(said.contains("lies at another place than the second one that is named now"), "{said}");
    assert!(said.contains("the next copy is made there within a day"), "{said}");
    assert!(app["status"]["backup"]["copied"].is_null(), "{}", shown(&app));
    assert_eq!(measured(world, gauge), Some(0.0));
    let (shown, fine) = backups(world);
    assert!(!fine && shown["backup"]["copied"].is_null() && !shown["backup"]["lastSet"].is_null(), "{shown}");
}

/// It is one, at a place whose buckets begin so.
async fn is_here(world: &World, gauge: &str, bucket: &str) {
    let app = copied(world, "True", "Copied").await;
    let place = text(&app, "/status/backup/copied/repository");
    assert!(place.contains(&format!("/{bucket}-")), "{}", shown(&app));
    assert!(measured(world, gauge) > Some(0.0));
    let (shown, _) = backups(world);
    assert_eq!(text(&shown, "/backup/copied/repository"), place, "{shown}");
}

fn measured(world: &World, gauge: &str) -> Option<f64> {
    world.operator().as_ref().unwrap().metric(gauge)
}

/// What `kopnams backups` says of the app, and whether all is well.
fn backups(world: &World) -> (Value, bool) {
    let ended = Command::new(env!("CARGO_BIN_EXE_kopnams"))
        .args(["backups", &format!("{SLUG}/arhivs"), "--output", "json"])
        .env("KUBECONFIG", world.lab.kubeconfig())
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&ended.stdout).unwrap_or_else(|_| panic!("{ended:?}"));
    (told[0].clone(), ended.status.success())
}

#[test]
fn what_lies_at_a_place_that_is_not_named_any_more_is_no_copy() {
    alone("another second place", async |world| {
        let hands = house(world).await;
        archive(world, SLUG).await;
        let run = back_up(world, SLUG, "arhivs", "202601010000").await;
        let tenant = text(&over(world, "BackupRun", &run, "Succeeded").await, "/spec/tenantId").to_string();
        let app = world.get("MunicipalityApp", SLUG, "arhivs").await.unwrap();
        let class = text(&app, "/status/grant/dataClass/name").to_string();
        let gauge = format!("kopnams_backup_copied_timestamp_seconds{{municipality=\"{SLUG}\",app=\"arhivs\",class=\"{class}\"}} ");
        world.merge("DataClass", "", &class, &json!({"spec": {"backup": {"copyHours": 24}}})).await;
        second(world).await;
        place(world, "farther", "far").await;
        copy_to(world, "away").await;
        copied(world, "False", "AwaitingFirst").await;
        assert_eq!(measured(world, &gauge), Some(0.0));
        upkeep(world, &tenant, &run, "209901010000").await;
        is_here(world, &gauge, "copies").await;
        let lies = |vault: &Value| [vault["status"]["copied"].clone(), vault["status"]["copies"].clone()];
        let kept = vault(world, &tenant).await;
        assert_eq!(kept["status"]["copied"]["repository"], kept["status"]["copies"][0]["repository"], "{}", shown(&kept));

        // The target itself says another place, and then the one before again.
        world.merge("BackupTarget", "", "away", &json!({"spec": {"bucket": "moved"}})).await;
        is_elsewhere(world, &gauge).await;
        world.merge("BackupTarget", "", "away", &json!({"spec": {"bucket": "copies"}})).await;
        is_here(world, &gauge, "copies").await;
        assert_eq!(lies(&vault(world, &tenant).await), lies(&kept), "what lies where stands in the vault all the time");

        // Another target is named while a copy goes on: it ends where it was sent. Times are written to the second.
        tokio::time::sleep(Duration::from_secs(1)).await;
        hold(&hands);
        let drill = ask(world, &tenant, &run, "209901020000").await;
        let job = format!("{drill}-2");
        world.see("Secret", VAULT, &job, "is the order of the copy", |_| true).await;
        copy_to(world, "farther").await;
        is_elsewhere(world, &gauge).await;
        hands.answer(|work| Some(good(work)));
        over(world, "RestoreDrill", &drill, "Succeeded").await;
        is_elsewhere(world, &gauge).await;
        let after = vault(world, &tenant).await;
        assert_eq!(after["status"]["copied"]["repository"], kept["status"]["copied"]["repository"], "{}", shown(&after));
        assert_ne!(after["status"]["copied"]["at"], kept["status"]["copied"]["at"], "it was written down: {}", shown(&after));

        // The next one goes to the new place, and what is known of the other says nothing about this.
        upkeep(world, &tenant, &run, "209901030000").await;
        is_here(world, &gauge, "far").await;
        let order = hands.seen().into_iter().map(|(_, work)| work).rfind(|work| work["task"]["kind"] == "copy").unwrap();
        assert_eq!(order["task"]["to"]["bucket"], format!("far-{tenant}"));
        assert_eq!(order["task"]["prune"], true, "nobody knows what lies there");
        let places = vault(world, &tenant).await["status"]["copies"].clone();
        let targets: Vec<&str> = places.as_array().unwrap().iter().map(|place| text(place, "/target")).collect();
        assert_eq!(targets, ["away", "farther"], "both are destroyed with it");

        the_last_set_is_copied_to_the_place_that_is_named(world, &hands, &tenant, &class).await;
    });
}

/// The app goes, and another second place is named when its last set was copied.
async fn the_last_set_is_copied_to_the_place_that_is_named(world: &World, hands: &Hands, tenant: &str, class: &str) {
    world.merge("DataClass", "", class, &json!({"spec": {"graceDays": 0, "backup": {"finalRetentionDays": 1}}})).await;
    let patch = async |status: Value| {
        let patch = Patch::Merge(json!({"status": status}));
        api(&world.admin, "BackupVault", "").patch_status(tenant, &PatchParams::default(), &patch).await.unwrap();
    };
    // As in the test of a whole life: what an older drill shows is not written down.
    patch(json!({"lastDrill": format!("{tenant}-d202001010000")})).await;
    world.delete("MunicipalityApp", SLUG, "arhivs").await;
    let last_is_at = async |bucket: &str| {
        world
            .within(Duration::from_mins(3), &format!("it is retained, and its last set is copied to {bucket}"), async || {
                let vault = vault(world, tenant).await;
                let status = &vault["status"];
                let last = status["sets"].as_array().and_then(|sets| sets.last()).map(|set| set["name"].clone()).unwrap_or_default();
                let there = text(status, "/copied/repository").contains(&format!("/{bucket}-"));
                if status["phase"] == "Retained" && status["copied"]["set"] == last && there { Ok(()) } else { Err(shown(&vault)) }
            })
            .await;
    };
    let copies = || hands.seen().iter().filter(|(_, work)| work["task"]["kind"] == "copy").count();
    last_is_at("far").await;
    let before = copies();
    copy_to(world, "away").await;
    last_is_at("copies").await;
    // It is there, and is not copied again and again.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(copies(), before + 1);

    patch(json!({"retainUntil": "2026-01-01T00:00:00Z"})).await;
    let shredded = world
        .within(Duration::from_mins(2), "it is destroyed at all places", async || {
            let vault = vault(world, tenant).await;
            if vault["status"]["phase"] == "Shredded" { Ok(vault) } else { Err(shown(&vault)) }
        })
        .await;
    assert!(shredded["status"]["copies"].is_null() && shredded["status"]["copied"].is_null(), "{}", shown(&shredded));
    let orders = hands.seen().into_iter().map(|(_, work)| work).filter(|work| work["task"]["kind"] == "destroy");
    let destroyed: Vec<String> = orders.map(|work| text(&work, "/repository/bucket").split('-').next().unwrap().to_string()).collect();
    assert_eq!(destroyed, ["far", "copies", "kopnams"], "the first at the end");
}
