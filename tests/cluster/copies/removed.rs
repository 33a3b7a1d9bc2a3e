//! The copy of a vault whose app is gone: what of it was left behind is never taken for another, and none writes where
//! something is being destroyed.

use std::time::Duration;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use super::{SLUG, VAULT, second, upkeep, vault};
use crate::backups::{archive, back_up, house, over};
use crate::hands::{Hands, good};
use crate::kit::{app_of, label, shown, text};
use crate::run::alone;
use crate::world::{World, api};

/// Whether it is the copy of a vault whose app is gone: for that one nothing waits.
fn is_last(work: &Value) -> bool {
    work["task"]["kind"] == "copy" && work["task"]["seconds"].is_null()
}

/// All is well, but these copies go on for ever.
fn hold(hands: &Hands) {
    hands.answer(|work| (!is_last(work)).then(|| good(work)));
}

/// The sets that the repository had to hold when it was copied, of each such copy that came to its end.
fn ended(hands: &Hands) -> Vec<Vec<String>> {
    let copies = hands.seen().into_iter().map(|(_, work)| work).filter(is_last);
    copies.map(|work| work["task"]["holds"].as_object().unwrap().keys().cloned().collect()).collect()
}

/// Names of the Jobs of such copies.
async fn jobs(world: &World, tenant: &str) -> Vec<String> {
    let jobs = world.list("Job", VAULT).await;
    let names = jobs.iter().map(|job| text(job, "/metadata/name").to_string());
    names.filter(|name| name.starts_with(&format!("{tenant}-y"))).collect()
}

/// How the Job of the copy of a set is called, up to what says the place.
fn beginning(set: &str) -> String {
    let (tenant, slot) = set.rsplit_once("-b").unwrap();
    format!("{tenant}-y{slot}")
}

/// Waits until there is the Job of the copy of a set and no other one, with its pod and its order.
async fn copies(world: &World, tenant: &str, set: &str) -> String {
    world
        .within(Duration::from_mins(1), &format!("only {set} is being copied"), async || {
            let jobs = jobs(world, tenant).await;
            let [job] = &jobs[..] else { return Err(format!("{jobs:?}")) };
            let pods = world.list("Pod", VAULT).await;
            let has_pod = pods.iter().any(|pod| label(pod, "batch.kubernetes.io/job-name") == job);
            let ready = job.starts_with(&beginning(set)) && has_pod && world.get("Secret", VAULT, job).await.is_some();
            if ready { Ok(job.clone()) } else { Err(format!("{jobs:?}, a pod: {has_pod}")) }
        })
        .await
}

async fn patch(world: &World, tenant: &str, status: Value) {
    let patch = Patch::Merge(json!({"status": status}));
    api(&world.admin, "BackupVault", "").patch_status(tenant, &PatchParams::default(), &patch).await.unwrap();
}

/// One set more, as if the app had been there again and was removed again.
async fn one_set_more(world: &World, tenant: &str, slot: &str) -> String {
    let mut sets = vault(world, tenant).await["status"]["sets"].as_array().unwrap().clone();
    let mut newer = sets.last().unwrap().clone();
    let name = format!("{tenant}-b{slot}");
    newer["name"] = json!(name);
    sets.push(newer);
    patch(world, tenant, json!({"sets": sets})).await;
    name
}

/// The operator is gone, and what it has begun comes to its end meanwhile.
async fn ends_meanwhile(world: &World, hands: &Hands, job: &str) {
    world.kill_operator().await;
    hands.answer(|work| Some(good(work)));
    world
        .until("its pod has ended", async || {
            let pods = world.list("Pod", VAULT).await;
            let over = |pod: &&Value| label(pod, "batch.kubernetes.io/job-name") == job && text(pod, "/status/phase") == "Succeeded";
            pods.iter().find(over).map(drop).ok_or_else(|| format!("{} pods", pods.len()))
        })
        .await;
    hold(hands);
}

/// An app with a copy that was removed: its tenant, and its last set, of which the copy has begun and does not end.
async fn removed(world: &World, hands: &Hands) -> (String, String) {
    archive(world, SLUG).await;
    second(world).await;
    world.merge("BackupTarget", "", "s3", &json!({"spec": {"copyTo": "away"}})).await;
    let run = back_up(world, SLUG, "arhivs", "202601010000").await;
    let tenant = text(&over(world, "BackupRun", &run, "Succeeded").await, "/spec/tenantId").to_string();
    let app = world.get("MunicipalityApp", SLUG, "arhivs").await.unwrap();
    let class = text(&app, "/status/grant/dataClass/name").to_string();
    let asks = json!({"spec": {"graceDays": 0, "backup": {"copyHours": 24, "finalRetentionDays": 1}}});
    world.merge("DataClass", "", &class, &asks).await;
    world
        .until("its copies are asked for", async || {
            let app = world.get("MunicipalityApp", SLUG, "arhivs").await.unwrap();
            let said = crate::kit::condition(&app, "Copied").0 == "False";
            if said { Ok(()) } else { Err(shown(&app)) }
        })
        .await;
    upkeep(world, &tenant, &run, "202601020000").await;
    assert_eq!(vault(world, &tenant).await["status"]["copied"]["set"], run.as_str());
    hold(hands);
    world.delete("MunicipalityApp", SLUG, "arhivs").await;
    let last = world
        .within(Duration::from_mins(3), "it is retained with a last set", async || {
            let vault = vault(world, &tenant).await;
            let last = vault["status"]["sets"].as_array().unwrap().last().map(|set| text(set, "/name").to_string()).unwrap();
            if vault["status"]["phase"] == "Retained" && last != run { Ok(last) } else { Err(shown(&vault)) }
        })
        .await;
    copies(world, &tenant, &last).await;
    (tenant, last)
}

#[test]
fn a_last_copy_that_was_left_behind_is_not_taken_for_another() {
    alone("a last copy left behind", async |world| {
        let hands = house(world).await;
        let (tenant, last) = removed(world, &hands).await;
        let copied = async || text(&vault(world, &tenant).await, "/status/copied/set").to_string();
        let before = copied().await;

        // Its copy is whole, and nobody wrote that down before there was a newer set.
        ends_meanwhile(world, &hands, &copies(world, &tenant, &last).await).await;
        assert_eq!(ended(&hands), [[before.clone(), last.clone()]]);
        let newer = one_set_more(world, &tenant, "209901010000").await;
        world.ensure_operator().await;
        copies(world, &tenant, &newer).await;
        assert_eq!(copied().await, before, "nobody has copied the newer set");
        hands.answer(|work| Some(good(work)));
        world
            .within(Duration::from_mins(1), "the newer set is copied, and nothing is left of it", async || {
                let (set, jobs) = (copied().await, jobs(world, &tenant).await);
                if set == newer && jobs.is_empty() { Ok(()) } else { Err(format!("{set}, {jobs:?}")) }
            })
            .await;
        assert_eq!(ended(&hands)[1..], [[before, last, newer]]);

        // It was written down, and the operator was killed before it had cleared away.
        hold(&hands);
        let newest = one_set_more(world, &tenant, "209901020000").await;
        ends_meanwhile(world, &hands, &copies(world, &tenant, &newest).await).await;
        patch(world, &tenant, json!({"copied": {"set": newest}})).await;
        world.ensure_operator().await;
        world
            .within(Duration::from_mins(1), "what was left of it is cleared away", async || {
                let jobs = jobs(world, &tenant).await;
                if jobs.is_empty() { Ok(()) } else { Err(format!("{jobs:?}")) }
            })
            .await;
        assert_eq!(ended(&hands).len(), 3, "it was copied once");

        nothing_is_destroyed_under_a_copy(world, &hands, &tenant).await;
    });
}

/// The day of the vault comes while its last set is being copied.
async fn nothing_is_destroyed_under_a_copy(world: &World, hands: &Hands, tenant: &str) {
    let newest = one_set_more(world, tenant, "209901030000").await;
    let job = copies(world, tenant, &newest).await;
    let pods = world.list("Pod", VAULT).await;
    let pod = pods.iter().find(|pod| label(pod, "batch.kubernetes.io/job-name") == job).unwrap();
    let pod = text(pod, "/metadata/name");
    // It takes its time to go, as one does whose node is slow.
    world.merge("Pod", VAULT, pod, &json!({"metadata": {"finalizers": ["example.lv/held"]}})).await;
    patch(world, tenant, json!({"retainUntil": "2026-01-01T00:00:00Z"})).await;
    world.gone("Job", VAULT, &job).await;
    world
        .until("it says for what it waits", async || {
            let vault = vault(world, tenant).await;
            let said = text(&vault, "/status/message").contains("the copying of its last set is ended first");
            if said { Ok(()) } else { Err(shown(&vault)) }
        })
        .await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let destroyed = || hands.seen().iter().filter(|(_, work)| work["task"]["kind"] == "destroy").count();
    assert_eq!(destroyed(), 0, "it may still write");
    assert!(!vault(world, tenant).await["status"]["copies"].is_null());
    world.merge("Pod", VAULT, pod, &json!({"metadata": {"finalizers": null}})).await;
    world
        .within(Duration::from_mins(2), "it is destroyed at both places", async || {
            let vault = vault(world, tenant).await;
            if vault["status"]["phase"] == "Shredded" { Ok(()) } else { Err(shown(&vault)) }
        })
        .await;
    assert_eq!(destroyed(), 2);
    assert_eq!(ended(hands).len(), 3, "the copy that was ended has reported nothing");
}

#[test]
fn an_app_that_is_asked_for_again_has_no_last_copy() {
    alone("asked for again while it is copied", async |world| {
        let hands = house(world).await;
        let space = format!("{SLUG}--arhivs");
        // What holds its namespace back when everything goes.
        let held = async || {
            let map = json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "held", "namespace": space, "finalizers": ["example.lv/held"]},
            });
            world.create(&map).await.unwrap();
        };
        let removing = async {
            world
                .within(Duration::from_mins(2), "its namespace is there", async || {
                    world.get("Namespace", "", &space).await.map(drop).ok_or_else(String::new)
                })
                .await;
            held().await;
        };
        let ((tenant, last), ()) = tokio::join!(removed(world, &hands), removing);
        let before = vault(world, &tenant).await["status"]["copied"].clone();
        let job = copies(world, &tenant, &last).await;

        world.apply(&app_of(SLUG, "arhivs", "keeper")).await;
        world.gone("Job", VAULT, &job).await;
        world
            .until("it is an app's again", async || {
                let vault = vault(world, &tenant).await;
                let active = vault["status"]["phase"] == "Active" && vault["status"]["retainUntil"].is_null();
                if active { Ok(()) } else { Err(shown(&vault)) }
            })
            .await;
        assert_eq!(vault(world, &tenant).await["status"]["copied"], before);
        assert!(ended(&hands).is_empty());
    });
}
