//! The second copy of backups: made with the daily upkeep, told where it stands, and destroyed with its vault.

mod elsewhere;
mod removed;

use std::time::Duration;

use serde_json::{Value, json};

use crate::backups::{answering, archive, ask_drill, back_up, house, over};
use crate::hands::{bad, good};
use crate::kit::{condition, message, shown, text};
use crate::run::alone;
use crate::world::World;

const VAULT: &str = "kopnams-vault";
const SLUG: &str = "preilu-novads";

/// A second target, and its key.
async fn second(world: &World) {
    place(world, "away", "copies").await;
}

/// A target for copies, and its key.
async fn place(world: &World, name: &str, bucket: &str) {
    let secret = format!("{name}-maintainer");
    world
        .apply(&json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupTarget", "metadata": {"name": name},
            "spec": {
                "endpoint": answering(), "bucket": bucket, "isolation": "perApp", "maintainerSecret": secret,
                "egress": [{"cidr": "198.51.100.9/32", "ports": [443]}],
            },
        }))
        .await;
    world
        .create(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret, "namespace": VAULT},
            "stringData": {"access-key": "second", "secret-key": "hidden"},
        }))
        .await
        .unwrap();
}

/// Asks for the daily upkeep now.
async fn upkeep(world: &World, tenant: &str, set: &str, slot: &str) -> Value {
    let name = ask(world, tenant, set, slot).await;
    over(world, "RestoreDrill", &name, "Succeeded").await
}

/// The same without waiting for it: its name.
async fn ask(world: &World, tenant: &str, set: &str, slot: &str) -> String {
    let spec = json!({"tenantId": tenant, "municipality": SLUG, "app": "arhivs", "slot": slot, "set": set, "level": "Read", "slice": 7});
    ask_drill(world, spec).await
}

fn steps(drill: &Value) -> Vec<&str> {
    drill["status"]["steps"].as_array().unwrap().iter().map(|step| text(step, "/name")).collect()
}

async fn copied(world: &World, status: &str, reason: &str) -> Value {
    world
        .within(Duration::from_mins(1), &format!("Copied is {status}, {reason}"), async || {
            let app = world.get("MunicipalityApp", SLUG, "arhivs").await.unwrap();
            if condition(&app, "Copied") == (status, reason) { Ok(app) } else { Err(shown(&app)) }
        })
        .await
}

async fn vault(world: &World, tenant: &str) -> Value {
    world.get("BackupVault", "", tenant).await.unwrap()
}

#[test]
fn a_class_that_asks_for_it_has_a_second_copy_and_the_truth_about_it() {
    alone("a second copy", async |world| {
        let hands = house(world).await;
        archive(world, SLUG).await;
        let run = back_up(world, SLUG, "arhivs", "202601010000").await;
        let tenant = text(&over(world, "BackupRun", &run, "Succeeded").await, "/spec/tenantId").to_string();
        let app = world.get("MunicipalityApp", SLUG, "arhivs").await.unwrap();
        assert_eq!(condition(&app, "Copied"), ("", ""), "nobody asked for it");
        assert_eq!(steps(&upkeep(world, &tenant, &run, "209901010000").await), ["forget", "read"]);

        // The class asks, and there is no place for it.
        let class = text(&app, "/status/grant/dataClass/name").to_string();
        world.merge("DataClass", "", &class, &json!({"spec": {"backup": {"copyHours": 24}}})).await;
        let app = copied(world, "False", "NoSecondTarget").await;
        assert!(message(&app, "Copied").contains("the BackupTarget s3 names none"), "{}", message(&app, "Copied"));
        let own = json!({"spec": {"copyTo": "s3"}});
        let params = kube::api::PatchParams::default();
        let refused = crate::world::api(&world.admin, "BackupTarget", "").patch("s3", &params, &kube::api::Patch::Merge(&own)).await;
        assert!(refused.unwrap_err().to_string().contains("copyTo names the target itself"));
        let few = json!({"spec": {"backup": {"copyHours": 23}}});
        let refused = crate::world::api(&world.admin, "DataClass", "").patch(&class, &params, &kube::api::Patch::Merge(&few)).await;
        assert!(refused.unwrap_err().to_string().contains("copyHours"));
        world.merge("BackupTarget", "", "s3", &json!({"spec": {"copyTo": "away"}})).await;
        world
            .until("it is said that there is no such target", async || {
                let app = world.get("MunicipalityApp", SLUG, "arhivs").await.unwrap();
                let said = message(&app, "Copied").contains("there is no other BackupTarget of that name");
                if said { Ok(()) } else { Err(message(&app, "Copied").to_string()) }
            })
            .await;

        // There is one, and it does not answer: what was read of the first counts all the same.
        second(world).await;
        copied(world, "False", "AwaitingFirst").await;
        world
            .until("the work may connect to it", async || {
                let policy = world.get("NetworkPolicy", VAULT, "target-away").await;
                policy.filter(|policy| shown(policy).contains("198.51.100.9/32")).map(drop).ok_or("there is no policy".to_string())
            })
            .await;
        hands.answer(|work| match text(work, "/task/kind") {
            "copy" => {
                let mut report = bad("Unreachable", "At the second place: no route to host");
                report["second"] = json!(true);
                Some(report)
            }
            _ => Some(good(work)),
        });
        let drill = upkeep(world, &tenant, &run, "209901020000").await;
        assert_eq!(steps(&drill), ["forget", "read", "copy"]);
        assert!(text(&drill, "/status/message").contains("the repository is sound; its copy at the second place failed: Unreachable"));
        let app = copied(world, "False", "CopyFailed").await;
        assert!(message(&app, "Copied").ends_with("no route to host"), "{}", message(&app, "Copied"));
        assert_eq!(condition(&app, "BackedUp").0, "True", "{}", shown(&app));
        let kept = vault(world, &tenant).await;
        assert!(kept["status"]["readFailures"].is_null() && kept["status"]["copied"].is_null(), "{}", shown(&kept));
        assert_eq!(kept["status"]["copyFailures"]["count"], 1, "{}", shown(&kept));
        let breaker = async |name: &str| world.get("BackupTarget", "", name).await.unwrap()["status"]["breaker"].clone();
        assert!(breaker("s3").await["lastFailure"].is_null(), "{}", breaker("s3").await);
        assert!(!breaker("away").await["lastFailure"].is_null(), "{}", breaker("away").await);

        // It answers.
        hands.answer(|work| Some(good(work)));
        upkeep(world, &tenant, &run, "209901030000").await;
        let app = copied(world, "True", "Copied").await;
        assert_eq!(app["status"]["backup"]["copied"]["set"], run.as_str(), "{}", shown(&app));
        let kept = vault(world, &tenant).await;
        let status = &kept["status"];
        assert_eq!(
            (&status["copied"]["set"], &status["copied"]["objects"], &status["copied"]["bytes"]),
            (&json!(run), &json!(3), &json!(1000))
        );
        assert_eq!(status["copied"]["recoveryPoint"], status["sets"][0]["recoveryPoint"]);
        assert!(status["copyFailures"].is_null() && !text(status, "/copied/at").is_empty(), "{}", shown(&kept));
        assert_eq!(text(status, "/copies/0/target"), "away");
        let orders: Vec<Value> = hands.seen().into_iter().map(|(_, work)| work).filter(|work| work["task"]["kind"] == "copy").collect();
        let [_, order] = &orders[..] else { panic!("{orders:?}") };
        assert_eq!(order["repository"]["bucket"], format!("kopnams-{tenant}"));
        assert_eq!(order["task"]["to"]["bucket"], format!("copies-{tenant}"));
        let set = &status["sets"][0];
        let held = order["task"]["holds"][text(set, "/name")].as_array().unwrap().len();
        assert_eq!(held, 1 + set["snapshots"].as_array().unwrap().len());
        assert_eq!(order["task"]["seconds"], 3600, "backups wait for it");
        assert!(!order.to_string().contains("hidden"), "{order}");

        destroyed_at_both(world, &hands, &tenant).await;
    });
}

/// The app goes; its last set is copied too, and on its day the vault is destroyed at both places, the second before the first.
async fn destroyed_at_both(world: &World, hands: &crate::hands::Hands, tenant: &str) {
    let class = text(&world.get("MunicipalityApp", SLUG, "arhivs").await.unwrap(), "/status/grant/dataClass/name").to_string();
    world.merge("DataClass", "", &class, &json!({"spec": {"graceDays": 0, "backup": {"finalRetentionDays": 1}}})).await;
    let params = kube::api::PatchParams::default();
    let api = crate::world::api(&world.admin, "BackupVault", "");
    // The drills of this test have slots that are still to come, and what an older one shows is not written down.
    let earlier = json!({"status": {"lastDrill": format!("{tenant}-d202001010000")}});
    api.patch_status(tenant, &params, &kube::api::Patch::Merge(&earlier)).await.unwrap();
    world.delete("MunicipalityApp", SLUG, "arhivs").await;
    let retained = world
        .within(Duration::from_mins(3), "it is retained, and its last set is copied", async || {
            let vault = vault(world, tenant).await;
            let status = &vault["status"];
            let last = status["sets"].as_array().and_then(|sets| sets.last()).map(|set| set["name"].clone()).unwrap_or_default();
            let done = status["phase"] == "Retained" && status["copied"]["set"] == last;
            if done { Ok(vault) } else { Err(shown(&vault)) }
        })
        .await;
    let last = text(&retained, "/status/copied/set");
    assert!(retained["status"]["sets"].as_array().unwrap().len() > 1 && !last.is_empty(), "{}", shown(&retained));

    hands.answer(|work| match (text(work, "/task/kind"), text(work, "/repository/bucket").starts_with("copies-")) {
        ("destroy", true) => Some(bad("Unreachable", "no route to host")),
        _ => Some(good(work)),
    });
    let past = json!({"status": {"retainUntil": "2026-01-01T00:00:00Z"}});
    api.patch_status(tenant, &params, &kube::api::Patch::Merge(&past)).await.unwrap();
    world
        .until("it is held, and says so", async || {
            let vault = vault(world, tenant).await;
            let said = text(&vault, "/status/message").contains("its copy at the second target away could not be destroyed (Unreachable)");
            if said { Ok(()) } else { Err(shown(&vault)) }
        })
        .await;
    assert_eq!(text(&vault(world, tenant).await, "/status/phase"), "Retained");
    assert!(world.get("Secret", VAULT, &format!("vk-{tenant}")).await.is_some(), "its keys are needed for the copy");

    hands.answer(|work| Some(good(work)));
    // What failed is left alone for a while; another process knows nothing of that.
    world.kill_operator().await;
    world.ensure_operator().await;
    let shredded = world
        .within(Duration::from_mins(2), "it is destroyed at both places", async || {
            let vault = vault(world, tenant).await;
            if vault["status"]["phase"] == "Shredded" { Ok(vault) } else { Err(shown(&vault)) }
        })
        .await;
    assert!(shredded["status"]["copies"].is_null() && shredded["status"]["copied"].is_null(), "{}", shown(&shredded));
    let destroyed: Vec<String> = hands
        .seen()
        .iter()
        .filter(|(_, work)| work["task"]["kind"] == "destroy")
        .map(|(space, work)| format!("{space} {}", text(work, "/repository/bucket").split('-').next().unwrap()))
        .collect();
    assert_eq!(destroyed[destroyed.len() - 2..], ["kopnams-vault copies", "kopnams-vault kopnams"], "{destroyed:?}");
    assert!(world.get("Secret", VAULT, &format!("vk-{tenant}")).await.is_none());

    // As if that had not been written down any more: without keys nobody can destroy it once more, and nobody has to.
    let orders = hands.seen().len();
    let back = json!({"status": {"phase": "Retained", "sets": retained["status"]["sets"]}});
    api.patch_status(tenant, &params, &kube::api::Patch::Merge(&back)).await.unwrap();
    world
        .until("its record says so again", async || {
            let vault = vault(world, tenant).await;
            let told = |vault: &Value| ["phase", "message", "destroyed", "sets"].map(|field| vault["status"][field].clone());
            if told(&vault) == told(&shredded) { Ok(()) } else { Err(shown(&vault)) }
        })
        .await;
    assert_eq!(hands.seen().len(), orders, "nothing is destroyed twice");
}
