//! A version that changes the shape of data: it begins with a set that was made and tried, and that set leads back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::backups::{archive, house, keeper, over};
use crate::hands::good;
use crate::kit::{condition, shown, text};
use crate::run::alone;

const VAULT: &str = "kopnams-vault";

/// The system with a second version that changes the shape of its data.
fn migrating() -> Value {
    let mut entry = keeper();
    let mut second = entry["spec"]["versions"][0].clone();
    second["name"] = "2.0".into();
    second["migrates"] = true.into();
    second["objects"][1]["spec"]["template"]["spec"]["containers"][0]["command"] = json!(["/bin/web2"]);
    entry["spec"]["versions"].as_array_mut().unwrap().push(second);
    entry["spec"]["defaultVersion"] = "2.0".into();
    entry
}

#[test]
fn a_version_that_migrates_begins_with_a_set_that_was_tried_and_that_set_leads_back() {
    alone("a migration with a set", async |world| {
        let hands = house(world).await;
        let (slug, space) = ("gulbenes-novads", "gulbenes-novads--arhivs");
        archive(world, slug).await;
        let is = |kind: &'static str| move |work: &Value| text(work, "/task/kind") == kind;
        hands.answer(move |work| (!is("part")(work)).then(|| good(work)));
        world.apply(&migrating()).await;
        let asks = world.see("HostedSystem", "", "keeper", "asks", |o| condition(o, "RolledOut").1 == "AwaitingAcknowledgement").await;
        let revision = text(&asks, "/status/rollouts/0/revision").to_string();
        world.merge("HostedSystem", "", "keeper", &json!({"metadata": {"annotations": {"kopnams.lv/allow-revision": revision}}})).await;

        // Its volume is being backed up: it is not begun.
        let first = world
            .until("a set is made first", async || {
                let runs = world.list("BackupRun", VAULT).await;
                let found = runs.iter().find(|run| text(run, "/spec/kind") == "BeforeUpgrade" && text(run, "/status/phase") == "Running");
                let more =
                    [world.get("HostedSystem", "", "keeper").await.unwrap(), world.get("MunicipalityApp", slug, "arhivs").await.unwrap()];
                found.cloned().ok_or_else(|| runs.iter().chain(&more).map(shown).collect::<String>())
            })
            .await;
        let command = |o: &Value| o["spec"]["template"]["spec"]["containers"][0]["command"][0].clone();
        let still = async |why: &str| {
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert_eq!(command(&world.get("Deployment", space, "web").await.unwrap()), "/bin/web", "{why}");
            let app = world.get("MunicipalityApp", slug, "arhivs").await.unwrap();
            assert_eq!(condition(&app, "UpToDate"), ("False", "BackupFirst"), "{}", shown(&app));
        };
        still("there is no set").await;
        // The set is there and was not tried: not either, whatever becomes of the operator.
        hands.answer(move |work| (!is("restore")(work)).then(|| good(work)));
        let set = text(&first, "/metadata/name").to_string();
        over(world, "BackupRun", &set, "Succeeded").await;
        world.kill_operator().await;
        world.ensure_operator().await;
        still("the set was not tried").await;
        hands.answer(|work| Some(good(work)));
        world.see("Deployment", space, "web", "has the new version", |o| command(o) == "/bin/web2").await;
        let runs = world.list("BackupRun", VAULT).await;
        assert_eq!(runs.iter().filter(|run| text(run, "/spec/kind") == "BeforeUpgrade").count(), 1, "one set is enough");

        let restore = |name: &str, set: &str| {
            json!({
                "apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreRun", "metadata": {"name": name, "namespace": VAULT},
                "spec": {"municipality": slug, "app": "arhivs", "set": set, "withVersion": true},
            })
        };
        world.create(&restore("atpakal", &set)).await.unwrap();
        let back = over(world, "RestoreRun", "atpakal", "Succeeded").await;
        world
            .see("Deployment", space, "web", "has the old version again", |o| command(o) == "/bin/web" && o["spec"]["replicas"] == 1)
            .await;
        let app = world.get("MunicipalityApp", slug, "arhivs").await.unwrap();
        assert_eq!(condition(&app, "UpToDate"), ("False", "WentBack"), "{}", shown(&app));

        // The set from before that restore is of the version that it has left for good.
        let newer = text(&back, "/status/steps/0/snapshot").to_string();
        world.create(&restore("uz-prieksu", &newer)).await.unwrap();
        let refused = over(world, "RestoreRun", "uz-prieksu", "Failed").await;
        assert!(text(&refused, "/status/message").contains("written by another version than the app has"), "{}", shown(&refused));
        assert_eq!(command(&world.get("Deployment", space, "web").await.unwrap()), "/bin/web");
    });
}
