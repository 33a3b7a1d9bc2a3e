//! Restores and backups when what is there is broken, or far less than it was.

use std::time::Duration;

use serde_json::{Value, json};

use crate::backups::{archive, back_up, house, over};
use crate::hands::{bad, good};
use crate::kit::{condition, message, shown, text};
use crate::run::alone;
use crate::world::World;

const VAULT: &str = "kopnams-vault";

async fn restore(world: &World, slug: &str, name: &str, more: Value) {
    let mut spec = json!({"municipality": slug, "app": "arhivs"});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world
        .create(&json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreRun", "metadata": {"name": name, "namespace": VAULT}, "spec": spec,
        }))
        .await
        .unwrap();
}

/// The order by which a part of a run was backed up.
fn part<'a>(seen: &'a [(String, Value)], run: &str) -> &'a Value {
    let found = seen.iter().map(|(_, work)| work).find(|work| work["task"]["kind"] == "part" && text(work, "/run") == run);
    &found.unwrap_or_else(|| panic!("no part of {run} was backed up: {seen:?}"))["task"]
}

#[test]
fn broken_data_is_restored_all_the_same_and_an_app_never_starts_on_half_of_it() {
    alone("a restore of broken data", async |world| {
        let hands = house(world).await;
        let (slug, space) = ("balvu-novads", "balvu-novads--arhivs");
        archive(world, slug).await;
        let set = back_up(world, slug, "arhivs", "202601010000").await;
        over(world, "BackupRun", &set, "Succeeded").await;
        let runs = |seen: &Value| seen["status"]["steps"][0]["snapshot"].as_str().unwrap().to_string();

        // All its files are gone: that is what the restore is for, so the set before it holds nothing, and says so to nobody.
        restore(world, slug, "tukss", json!({"set": set})).await;
        let done = over(world, "RestoreRun", "tukss", "Succeeded").await;
        let order = part(&hands.seen(), &runs(&done)).clone();
        assert_eq!((&order["mayBeEmpty"], &order["before"]), (&json!(true), &Value::Null), "{order}");
        let regular = part(&hands.seen(), &set).clone();
        assert_ne!(regular["mayBeEmpty"], true, "a regular backup of nothing is none: {regular}");

        // What is there cannot even be read: nothing is touched until somebody says that it need not be kept.
        let unreadable = |work: &Value| match (text(work, "/task/kind"), text(work, "/task/part")) {
            ("part", _) => Some(bad("Partial", "a file cannot be read")),
            _ => Some(good(work)),
        };
        hands.answer(unreadable);
        restore(world, slug, "bojats", json!({"set": set})).await;
        let failed = over(world, "RestoreRun", "bojats", "Failed").await;
        let said = text(&failed, "/status/message");
        assert!(
            said.contains("nothing was touched") && said.contains("kopnams restore balvu-novads/arhivs --without-set-before"),
            "{said}"
        );
        let runs_on = |o: &Value| o["spec"]["replicas"] == 1;
        world.see("Deployment", space, "web", "runs", runs_on).await;

        restore(world, slug, "tomer", json!({"set": set, "withoutSetBefore": "the disk was damaged"})).await;
        let done = over(world, "RestoreRun", "tomer", "Succeeded").await;
        assert!(
            text(&done, "/status/message").ends_with("no set of what was there before was made: the disk was damaged"),
            "{}",
            shown(&done)
        );
        assert_eq!(text(&done, "/status/withoutSetBefore"), "the disk was damaged");
        world.see("Deployment", space, "web", "runs", runs_on).await;

        // With nothing to put back, an app whose restore failed halfway stays stopped, also when its restore is long over ...
        hands.answer(move |work: &Value| match text(work, "/task/kind") {
            "restore" => Some(bad("Damaged", "a pack is damaged")),
            _ => unreadable(work),
        });
        restore(world, slug, "puscela", json!({"set": set, "withoutSetBefore": "the disk was damaged"})).await;
        let failed = over(world, "RestoreRun", "puscela", "Failed").await;
        assert_eq!(failed["status"]["unfinished"], true, "{}", shown(&failed));
        let asleep = |o: &Value| o["spec"]["replicas"] == 0;
        world.see("Deployment", space, "web", "does not run", asleep).await;
        world.kill_operator().await;
        world.ensure_operator().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.see("Deployment", space, "web", "still does not run", asleep).await;
        let app = world.get("MunicipalityApp", slug, "arhivs").await.unwrap();
        assert_eq!(condition(&app, "Available").1, "Restoring", "{}", shown(&app));
        assert!(message(&app, "Available").contains("until another restore succeeds"), "{}", message(&app, "Available"));

        // ... and one that touched nothing changes nothing about that, until one succeeds.
        restore(world, slug, "velreiz", json!({"set": set})).await;
        over(world, "RestoreRun", "velreiz", "Failed").await;
        world.see("Deployment", space, "web", "still does not run", asleep).await;
        hands.answer(|work| Some(good(work)));
        restore(world, slug, "beigas", json!({"set": set})).await;
        over(world, "RestoreRun", "beigas", "Succeeded").await;
        world.see("Deployment", space, "web", "runs", runs_on).await;
    });
}

#[test]
fn far_less_than_usual_is_no_backup_until_an_admin_says_that_it_is_right() {
    alone("less than usual", async |world| {
        let hands = house(world).await;
        let slug = "madonas-novads";
        archive(world, slug).await;
        for minute in 0..3 {
            let run = back_up(world, slug, "arhivs", &format!("20260101000{minute}")).await;
            over(world, "BackupRun", &run, "Succeeded").await;
        }
        // As the runner judges it: by the sets before.
        hands.answer(|work| {
            let known = work["task"]["before"].as_array().is_some_and(|before| before.len() >= 3);
            let less = text(work, "/task/kind") == "part" && known;
            Some(if less { bad("Suspicious", "volume:files has 10 bytes.") } else { good(work) })
        });
        let run = back_up(world, slug, "arhivs", "202601010010").await;
        let failed = over(world, "BackupRun", &run, "Failed").await;
        let tenant = text(&failed, "/spec/tenantId").to_string();
        let said = text(&failed, "/status/message");
        assert!(said.contains(&format!("kubectl annotate backupvault {tenant} --overwrite kopnams.lv/acknowledge-shrunk=")), "{said}");
        world
            .merge(
                "BackupVault",
                "",
                &tenant,
                &json!({"metadata": {"annotations": {"kopnams.lv/acknowledge-shrunk": jiff::Timestamp::now().to_string()}}}),
            )
            .await;
        // By itself: nobody has to wait for the next night.
        let next = world
            .within(Duration::from_mins(3), "another backup is made", async || {
                let runs = world.list("BackupRun", VAULT).await;
                let found = runs.iter().find(|run| text(run, "/spec/kind") == "Scheduled" && text(run, "/status/phase") == "Succeeded");
                found.cloned().ok_or_else(|| runs.iter().map(shown).collect::<String>())
            })
            .await;
        let order = part(&hands.seen(), text(&next, "/metadata/name")).clone();
        assert_eq!((&order["before"], &order["mayBeEmpty"]), (&Value::Null, &json!(true)), "{order}");
        let vault = world.get("BackupVault", "", &tenant).await.unwrap();
        assert_eq!(vault["status"]["sets"].as_array().unwrap().len(), 4, "{}", shown(&vault));
    });
}
