//! Backups as the operator sees to them, with runners that only report: what is made when, what counts as a backup, who
//! waits for whom, and what happens when something is killed.

use std::time::Duration;

use serde_json::{Value, json};

use crate::hands::{Hands, bad, good};
use crate::kit::{app_of, condition, furniture, message, municipality, shown, text};
use crate::run::alone;
use crate::world::World;

pub const IMAGE: &str = "localhost/kopnams@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A world with a target, and hands that report.
pub async fn house(world: &World) -> Hands {
    for mut object in furniture() {
        if text(&object, "/kind") == "Platform" {
            object["spec"]["backup"] = json!({"target": "s3", "image": IMAGE, "canaryEveryDays": 0});
        }
        world.apply(&object).await;
    }
    target(world, &answering()).await;
    Hands::start(world.admin.clone())
}

/// The target of these tests, and its key.
pub async fn target(world: &World, endpoint: &str) {
    world
        .apply(&json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupTarget", "metadata": {"name": "s3"},
            "spec": {
                "endpoint": endpoint, "bucket": "kopnams", "isolation": "perApp", "maintainerSecret": "s3-maintainer",
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
}

/// An endpoint that answers, as a target that refuses who has no key.
pub fn answering() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut buffer = [0_u8; 4096];
            let _ = std::io::Read::read(&mut stream, &mut buffer);
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    format!("http://{address}")
}

/// A volume for a claim that is there, or will be.
pub async fn volume(world: &World, namespace: &str, claim: &str, size: &str) {
    world
        .create(&json!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("{namespace}-{claim}")},
            "spec": {
                "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/nowhere"},
                "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": claim},
            },
        }))
        .await
        .unwrap();
}

/// A system with one volume and one program.
pub fn keeper() -> Value {
    serde_yaml::from_str(include_str!("keeper.yaml")).unwrap()
}

/// An operator, and a municipality with an app `arhivs` whose volume is there.
pub async fn archive(world: &World, slug: &str) {
    archive_of(world, slug, &keeper()).await;
}

/// The same, of another entry with the name and the volume of [`keeper`].
pub async fn archive_of(world: &World, slug: &str, entry: &Value) {
    world.apply(entry).await;
    world.ensure_operator().await;
    world.apply(&municipality(slug)).await;
    world.ready_municipality(slug).await;
    let space = format!("{slug}--arhivs");
    volume(world, &space, "files", "1Gi").await;
    world.apply(&app_of(slug, "arhivs", "keeper")).await;
    world.see("PersistentVolumeClaim", &space, "files", "is bound", |o| text(o, "/status/phase") == "Bound").await;
}

/// Asks for a backup now, as an admin does.
pub async fn back_up(world: &World, slug: &str, name: &str, slot: &str) -> String {
    let app = world.see("MunicipalityApp", slug, name, "has a tenant", |o| !text(o, "/status/tenantId").is_empty()).await;
    let tenant = text(&app, "/status/tenantId").to_string();
    let run = format!("{tenant}-b{slot}");
    world
        .create(&json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupRun", "metadata": {"name": run, "namespace": "kopnams-vault"},
            "spec": {"tenantId": tenant, "municipality": slug, "app": name, "slot": slot, "kind": "Manual"},
        }))
        .await
        .unwrap();
    run
}

/// Asks for a drill, named by its tenant and slot as the operator names it.
pub async fn ask_drill(world: &World, spec: Value) -> String {
    let name = format!("{}-d{}", text(&spec, "/tenantId"), text(&spec, "/slot"));
    let metadata = json!({"name": name, "namespace": "kopnams-vault"});
    let drill = json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreDrill", "metadata": metadata, "spec": spec});
    world.create(&drill).await.unwrap();
    name
}

pub async fn over(world: &World, kind: &str, name: &str, phase: &str) -> Value {
    world
        .within(Duration::from_mins(2), &format!("{kind} {name} is {phase}"), async || {
            let run = world.get(kind, "kopnams-vault", name).await.ok_or("it is not there")?;
            if text(&run, "/status/phase") == phase { Ok(run) } else { Err(shown(&run)) }
        })
        .await
}

pub fn runs_of(runs: &[Value], app: &str) -> Vec<Value> {
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

/// F10
#[test]
fn an_operator_that_is_killed_in_the_middle_makes_one_set_and_not_two() {
    alone("killed in a backup", async |world| {
        let hands = house(world).await;
        hands.answer(|work| (text(work, "/task/kind") != "part").then(|| good(work)));
        archive(world, "ventspils").await;
        let run = back_up(world, "ventspils", "arhivs", "202601010000").await;
        world
            .until("its volume is being backed up", async || {
                let jobs = world.list("Job", "ventspils--arhivs").await;
                if jobs.len() == 1 { Ok(()) } else { Err(format!("{} jobs", jobs.len())) }
            })
            .await;
        world.kill_operator().await;
        hands.answer(|work| Some(good(work)));
        world.ensure_operator().await;
        let done = over(world, "BackupRun", &run, "Succeeded").await;
        let steps: Vec<&str> = done["status"]["steps"].as_array().unwrap().iter().map(|step| text(step, "/name")).collect();
        assert_eq!(steps, ["prepare", "volume:files", "commit"]);
        let parts = hands.seen().iter().filter(|(_, work)| work["task"]["kind"] == "part" && text(work, "/run") == run).count();
        assert_eq!(parts, 1, "the job that was made before the kill is the one that counts");
        let tenant = text(&done, "/spec/tenantId").to_string();
        let vault = world.get("BackupVault", "", &tenant).await.unwrap();
        let sets: Vec<&str> = vault["status"]["sets"].as_array().unwrap().iter().map(|set| text(set, "/name")).collect();
        assert_eq!(sets, [run.as_str()], "{}", shown(&vault));
    });
}

/// F20
#[test]
fn a_new_app_is_filled_before_it_starts_and_not_a_moment_earlier() {
    alone("restored beside", async |world| {
        let hands = house(world).await;
        world.apply(&keeper()).await;
        world.ensure_operator().await;
        world.apply(&municipality("saldus-novads")).await;
        world.ready_municipality("saldus-novads").await;
        for name in ["arhivs", "kopija"] {
            volume(world, &format!("saldus-novads--{name}"), "files", "1Gi").await;
        }
        world.apply(&app_of("saldus-novads", "arhivs", "keeper")).await;
        world.see("PersistentVolumeClaim", "saldus-novads--arhivs", "files", "is bound", |o| text(o, "/status/phase") == "Bound").await;
        // As soon as the tenant has its name: its vault may come a moment later, and is waited for.
        let run = back_up(world, "saldus-novads", "arhivs", "202601010000").await;
        over(world, "BackupRun", &run, "Succeeded").await;
        let nobody = "00000000-0000-4000-8000-000000000000";
        let foundling = format!("{nobody}-b202601010000");
        world
            .create(&json!({
                "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupRun", "metadata": {"name": foundling, "namespace": "kopnams-vault"},
                "spec": {"tenantId": nobody, "municipality": "saldus-novads", "app": "arhivs", "slot": "202601010000", "kind": "Manual"},
            }))
            .await
            .unwrap();
        world
            .see("BackupRun", "kopnams-vault", &foundling, "waits and says for what", |o| {
                text(o, "/status/message") == format!("waiting: there is no vault of the tenant {nobody}")
                    && text(o, "/status/phase") == "Pending"
            })
            .await;

        hands.answer(|work| (text(work, "/task/kind") != "restore").then(|| good(work)));
        let mut copy = app_of("saldus-novads", "kopija", "keeper");
        copy["spec"]["restoreFrom"] = json!({"app": "arhivs", "set": run});
        world.apply(&copy).await;
        let space = "saldus-novads--kopija";
        world
            .until("it is being filled", async || {
                let jobs = world.list("Job", space).await;
                if jobs.len() == 1 { Ok(()) } else { Err(format!("{} jobs", jobs.len())) }
            })
            .await;
        let asleep = |o: &Value| o["spec"]["replicas"] == 0;
        world.see("Deployment", space, "web", "does not run", asleep).await;
        // Whatever becomes of the operator meanwhile.
        world.kill_operator().await;
        world.ensure_operator().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        world.see("Deployment", space, "web", "still does not run", asleep).await;
        let app = world.get("MunicipalityApp", "saldus-novads", "kopija").await.unwrap();
        assert_eq!(condition(&app, "Available"), ("False", "Restoring"), "{}", shown(&app));

        hands.answer(|work| Some(good(work)));
        world.see("Deployment", space, "web", "runs", |o| o["spec"]["replicas"] == 1).await;
        let jobs = world.list("Job", space).await;
        assert!(jobs.is_empty(), "no job of the restore is left when the app runs: {}", jobs.len());
        let filled = hands.seen().into_iter().filter(|(namespace, work)| namespace == space && work["task"]["kind"] == "restore").count();
        assert_eq!(filled, 1);

        // None from before that time: nothing is taken instead, and the app does not start empty.
        let mut early = app_of("saldus-novads", "agrak", "keeper");
        early["spec"]["restoreFrom"] = json!({"app": "arhivs", "before": "2020-01-01T00:00:00Z"});
        world.apply(&early).await;
        world
            .see("MunicipalityApp", "saldus-novads", "agrak", "says so", |o| {
                message(o, "Available").contains("nothing else is taken instead")
            })
            .await;
        world.see("Deployment", "saldus-novads--agrak", "web", "does not run", asleep).await;
    });
}

#[test]
fn restores_of_one_app_take_turns_and_one_that_cannot_be_done_stops_nothing() {
    alone("restores in turn", async |world| {
        let hands = house(world).await;
        let space = "dobeles-novads--arhivs";
        archive(world, "dobeles-novads").await;
        let run = back_up(world, "dobeles-novads", "arhivs", "202601010000").await;
        over(world, "BackupRun", &run, "Succeeded").await;
        let restore = |name: &str| {
            json!({
                "apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreRun", "metadata": {"name": name, "namespace": "kopnams-vault"},
                "spec": {"municipality": "dobeles-novads", "app": "arhivs", "set": run},
            })
        };
        // No Job can be called so: it is said before anything is stopped, and not found out afterwards.
        let long = format!("{}-20260101000000", "a".repeat(45));
        world.create(&restore(&long)).await.unwrap();
        let failed = over(world, "RestoreRun", &long, "Failed").await;
        assert!(text(&failed, "/status/message").contains("the name has 60 characters"), "{}", shown(&failed));
        assert!(failed["status"]["steps"].is_null(), "{}", shown(&failed));
        assert_eq!(world.get("Deployment", space, "web").await.unwrap()["spec"]["replicas"], 1);

        let names = ["second", "first", "a-third"];
        world.kill_operator().await;
        for name in names {
            world.create(&restore(name)).await.unwrap();
        }
        world.ensure_operator().await;
        let mut times = Vec::new();
        for name in names {
            let done = over(world, "RestoreRun", name, "Succeeded").await;
            times.push((text(&done, "/status/began").to_owned(), text(&done, "/status/ended").to_owned()));
        }
        times.sort();
        assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "no two write at once: {times:?}");
        let written = hands.seen().iter().filter(|(at, work)| at == space && work["task"]["kind"] == "restore").count();
        assert_eq!(written, 3);
    });
}

/// A pod as tenants may have it.
pub fn idle_pod(space: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "hog-", "namespace": space},
        "spec": {
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "hog", "image": "localhost/hog",
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
            }],
        },
    })
}

/// Starts pods until the quota of an app refuses another.
async fn fill_quota(world: &World, space: &str) {
    let hog = idle_pod(space);
    let refused = loop {
        match world.create(&hog).await {
            Ok(_) => {}
            Err(kube::Error::Api(status)) => break status.message,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(refused.contains("exceeded quota: running"), "{refused}");
}

/// Takes the pods away that filled the quota.
async fn empty_quota(world: &World, space: &str) {
    let hogs: Vec<Value> = world.list("Pod", space).await;
    for hog in hogs.iter().filter(|pod| text(pod, "/metadata/name").starts_with("hog-")) {
        world.delete("Pod", space, text(hog, "/metadata/name")).await;
    }
}

/// A set of a day a hundred days ago.
fn old_set(name: &str, minute: i64) -> Value {
    let day = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * 100);
    let at = (day + jiff::SignedDuration::from_mins(minute)).to_string();
    let snapshot = |kind: &str| format!("{kind}-of-{name}");
    json!({
        "name": name, "recoveryPoint": at, "manifest": snapshot("manifest"), "snapshots": [snapshot("files")],
        "files": 1, "bytes": 1, "seconds": 1, "parts": {"volume:files": 1},
    })
}

/// F16
#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
fn retention_waits_for_a_word_and_takes_nothing_that_is_being_restored() {
    alone("retention", async |world| {
        let hands = house(world).await;
        let space = "tukuma-novads--arhivs";
        archive(world, "tukuma-novads").await;
        // The app has taken all of its quota: its backup has room of its own.
        fill_quota(world, space).await;
        let run = back_up(world, "tukuma-novads", "arhivs", "202601010000").await;
        let tenant = text(&over(world, "BackupRun", &run, "Succeeded").await, "/spec/tenantId").to_string();

        empty_quota(world, space).await;

        // Thirty sets of one day, which nobody's rules ask for.
        let old = |number: i64| format!("{tenant}-b2025{number:08}");
        let sets = (0..30).map(|number| old_set(&old(number), number));
        let vault = world.get("BackupVault", "", &tenant).await.unwrap();
        let sets: Vec<Value> = sets.chain(vault["status"]["sets"].as_array().unwrap().iter().cloned()).collect();
        let patch = json!({"status": {"sets": sets}});
        crate::world::api(&world.admin, "BackupVault", "")
            .patch_status(&tenant, &kube::api::PatchParams::default(), &kube::api::Patch::Merge(&patch))
            .await
            .unwrap();
        let forgotten = || -> Vec<String> {
            let orders = hands.seen().into_iter().filter(|(_, work)| work["task"]["kind"] == "forget");
            orders
                .flat_map(|(_, work)| work["task"]["snapshots"].as_array().unwrap().clone())
                .map(|id| id.as_str().unwrap().into())
                .collect()
        };
        let drill = async |slot: &str| {
            ask_drill(
                world,
                json!({"tenantId": tenant, "municipality": "tukuma-novads", "app": "arhivs", "slot": slot, "set": run, "level": "Check"}),
            )
            .await
        };
        let upkeep = async |slot: &str| {
            let name = drill(slot).await;
            over(world, "RestoreDrill", &name, "Succeeded").await;
            world.get("BackupVault", "", &tenant).await.unwrap()
        };
        let vault = upkeep("209901010000").await;
        assert_eq!(vault["status"]["sets"].as_array().unwrap().len(), 31, "{}", shown(&vault));
        assert!(text(&vault, "/status/held").contains(&format!("kubectl annotate backupvault {tenant}")), "{}", shown(&vault));
        assert_eq!(forgotten(), Vec::<String>::new());

        // One of them is to be restored as soon as an app is asked for, so it stays.
        let waits = json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreRun", "metadata": {"name": "later", "namespace": "kopnams-vault"},
            "spec": {"municipality": "tukuma-novads", "app": "vecais", "from": "arhivs", "set": old(7)},
        });
        world.create(&waits).await.unwrap();
        world.see("RestoreRun", "kopnams-vault", "later", "waits", |o| text(o, "/status/message").contains("vecais is there")).await;

        // A restore of another is at work; a backup and the upkeep that are asked for meanwhile wait until it is over.
        hands.answer(|work| (text(work, "/task/kind") != "restore").then(|| good(work)));
        let restore = json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "RestoreRun", "metadata": {"name": "back", "namespace": "kopnams-vault"},
            "spec": {"municipality": "tukuma-novads", "app": "arhivs", "set": old(8)},
        });
        world.create(&restore).await.unwrap();
        world
            .until("data is being written over", async || {
                let jobs = world.list("Job", space).await;
                if jobs.iter().any(|job| text(job, "/metadata/name").starts_with("back-")) {
                    Ok(())
                } else {
                    Err(format!("{} jobs", jobs.len()))
                }
            })
            .await;
        let waiting = back_up(world, "tukuma-novads", "arhivs", "202601020000").await;
        world
            .merge(
                "BackupVault",
                "",
                &tenant,
                &json!({"metadata": {"annotations": {
                    "kopnams.lv/acknowledge-retention": jiff::Timestamp::now().to_string(),
                }}}),
            )
            .await;
        let asked = drill("209901020000").await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        for (kind, name) in [("BackupRun", &waiting), ("RestoreDrill", &asked)] {
            let still = world.get(kind, "kopnams-vault", name).await.unwrap();
            assert!(matches!(text(&still, "/status/phase"), "" | "Pending"), "{}", shown(&still));
        }
        assert_eq!(forgotten(), Vec::<String>::new());
        hands.answer(|work| Some(good(work)));
        over(world, "RestoreRun", "back", "Succeeded").await;
        over(world, "RestoreDrill", &asked, "Succeeded").await;
        over(world, "BackupRun", &waiting, "Succeeded").await;
        let vault = world.get("BackupVault", "", &tenant).await.unwrap();
        let left: Vec<&str> = vault["status"]["sets"].as_array().unwrap().iter().map(|set| text(set, "/name")).collect();
        assert!(left.len() < 10, "{left:?}");
        assert!(left.contains(&old(7).as_str()), "it is to be restored: {left:?}");
        assert!(vault["status"]["held"].is_null(), "{}", shown(&vault));
        let gone = (0..30).map(old).filter(|name| !left.contains(&name.as_str()));
        let mut expected: Vec<String> = gone.flat_map(|name| [format!("files-of-{name}"), format!("manifest-of-{name}")]).collect();
        let mut found = forgotten();
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "what is struck off is what was forgotten");
        let orders = hands.seen().into_iter().filter(|(_, work)| work["task"]["kind"] == "forget");
        let held: Vec<String> =
            orders.flat_map(|(_, work)| work["task"]["holds"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()).collect();
        assert!(!held.is_empty() && held.iter().all(|set| left.contains(&set.as_str())), "what goes need not be there: {held:?}");
        assert!(vault["status"]["going"].is_null(), "{}", shown(&vault));
        world.delete("RestoreRun", "kopnams-vault", "later").await;
        let vault = upkeep("209901030000").await;
        assert!(!shown(&vault).contains(&old(7)), "{}", shown(&vault));
    });
}

#[test]
fn sets_that_are_not_there_any_more_stop_the_upkeep_until_somebody_says_that_they_are_lost() {
    alone("lost sets", async |world| {
        let hands = house(world).await;
        archive(world, "dobeles-novads").await;
        let kept = back_up(world, "dobeles-novads", "arhivs", "202601010000").await;
        let run = over(world, "BackupRun", &kept, "Succeeded").await;
        let tenant = text(&run, "/spec/tenantId").to_string();
        let gone = back_up(world, "dobeles-novads", "arhivs", "202601020000").await;
        over(world, "BackupRun", &gone, "Succeeded").await;
        let lacks = gone.clone();
        hands.answer(move |work| {
            Some(match text(work, "/task/kind") {
                "check" if !work["task"]["holds"][&lacks].is_null() => {
                    let mut report = bad("Suspicious", "Snapshots of 1 of the 2 sets are not in it.");
                    report["lacks"] = json!([lacks.strip_prefix(text(work, "/tenant")).unwrap()]);
                    report
                }
                "forget" if work["task"]["lost"] == json!([lacks]) => {
                    json!({"lacks": [lacks], "message": "1 sets are lost.", "files": 0, "bytes": 0, "added": 0})
                }
                _ => good(work),
            })
        });
        let upkeep = async |slot: &str, phase: &str| {
            let name = ask_drill(
                world,
                json!({"tenantId": tenant, "municipality": "dobeles-novads", "app": "arhivs", "slot": slot, "set": gone, "level": "Check"}),
            )
            .await;
            over(world, "RestoreDrill", &name, phase).await
        };
        let sets = async || -> Vec<String> {
            let vault = world.get("BackupVault", "", &tenant).await.unwrap();
            vault["status"]["sets"].as_array().unwrap().iter().map(|set| text(set, "/name").to_string()).collect()
        };
        let failed = upkeep("209901010000", "Failed").await;
        let said = text(&failed, "/status/message");
        assert!(said.starts_with("read: Snapshots of 1 of the 2 sets are not in it. Until this is settled"), "{said}");
        assert!(said.contains(&format!("kubectl annotate backupvault {tenant} --overwrite kopnams.lv/acknowledge-lost=")), "{said}");
        assert_eq!(sets().await, [kept.clone(), gone.clone()], "nobody has said anything");
        let vault = world.get("BackupVault", "", &tenant).await.unwrap();
        assert_eq!(vault["status"]["missing"]["sets"], json!([gone]), "{}", shown(&vault));
        assert!(vault["status"]["readFailures"].is_null(), "what was read is as it was: {}", shown(&vault));
        let app = world.get("MunicipalityApp", "dobeles-novads", "arhivs").await.unwrap();
        let alarm = |gauge: &str| {
            let metrics = world.operator();
            let class = text(&app, "/status/grant/dataClass/name");
            let line = format!("kopnams_{gauge}{{municipality=\"dobeles-novads\",app=\"arhivs\",class=\"{class}\"}} ");
            metrics.as_ref().unwrap().metric(&line)
        };
        assert_eq!((alarm("backup_sets_missing"), alarm("restore_drill_failed")), (Some(1.0), Some(0.0)));
        let asked = hands.seen().into_iter().rev().find(|(_, work)| work["task"]["kind"] == "check").unwrap().1;
        for set in vault["status"]["sets"].as_array().unwrap() {
            let mut ids: Vec<Value> = set["snapshots"].as_array().unwrap().clone();
            ids.push(set["manifest"].clone());
            assert_eq!(asked["task"]["holds"][text(set, "/name")], json!(ids), "all of a set has to be there");
        }
        let word = json!({"metadata": {"annotations": {"kopnams.lv/acknowledge-lost": jiff::Timestamp::now().to_string()}}});
        world.merge("BackupVault", "", &tenant, &word).await;
        let drill = upkeep("209901020000", "Succeeded").await;
        assert!(text(&drill, "/status/message").ends_with(&format!("lost, and struck off: {gone}")), "{}", shown(&drill));
        assert_eq!(sets().await, [kept], "what is lost is struck off");
        let vault = world.get("BackupVault", "", &tenant).await.unwrap();
        assert!(vault["status"]["missing"].is_null(), "{}", shown(&vault));
        assert_eq!(alarm("backup_sets_missing"), Some(0.0));
        assert_eq!(vault["status"]["lastSuccess"], vault["status"]["sets"][0]["recoveryPoint"], "{}", shown(&vault));
    });
}

/// F26
#[test]
fn a_removed_app_goes_only_when_its_last_backup_was_made_and_tried() {
    alone("the last backup", async |world| {
        let hands = house(world).await;
        let space = "olaines-novads--arhivs";
        archive(world, "olaines-novads").await;
        let app = world.see("MunicipalityApp", "olaines-novads", "arhivs", "is live", |o| condition(o, "Isolated").0 == "True").await;
        let tenant = text(&app, "/status/tenantId").to_string();
        // The target does not answer: the namespace is held, never dropped.
        hands.answer(|work| match text(work, "/task/kind") {
            "prepare" => Some(good(work)),
            _ => Some(bad("Unreachable", "connection refused")),
        });
        world.delete("MunicipalityApp", "olaines-novads", "arhivs").await;
        world
            .within(Duration::from_mins(2), "the last backup fails", async || {
                let runs = runs_of(&world.list("BackupRun", "kopnams-vault").await, "arhivs");
                let failed = runs.iter().any(|run| text(run, "/spec/kind") == "Final" && text(run, "/status/phase") == "Failed");
                if failed { Ok(()) } else { Err(runs.iter().map(shown).collect()) }
            })
            .await;
        let held = world.get("Namespace", "", space).await.unwrap();
        assert!(held["metadata"]["deletionTimestamp"].is_null(), "{}", shown(&held));

        // An admin asks for another at once; it is made, and restored elsewhere, and then the namespace goes.
        hands.answer(|work| Some(good(work)));
        world
            .create(&json!({
                "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupRun",
                "metadata": {"name": format!("{tenant}-b299901010000"), "namespace": "kopnams-vault"},
                "spec": {"tenantId": tenant, "municipality": "olaines-novads", "app": "arhivs", "slot": "299901010000", "kind": "Final"},
            }))
            .await
            .unwrap();
        world
            .within(Duration::from_mins(3), "the namespace goes", async || {
                let found = world.get("Namespace", "", space).await;
                match found {
                    Some(namespace) if namespace["metadata"]["deletionTimestamp"].is_null() => Err(shown(&namespace)),
                    _ => Ok(()),
                }
            })
            .await;
        let vault = world.get("BackupVault", "", &tenant).await.unwrap();
        assert_eq!(text(&vault, "/status/phase"), "Retained", "{}", shown(&vault));
        let sets = vault["status"]["sets"].as_array().unwrap();
        assert!(sets.iter().any(|set| set["verified"] == true), "{}", shown(&vault));
        assert!(!text(&vault, "/status/retainUntil").is_empty());
    });
}
