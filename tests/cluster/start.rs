//! Drills that start the app: elsewhere, on what was restored, without a way out, and nothing of it is left.

use std::time::Duration;

use serde_json::{Value, json};

use crate::backups::{archive_of, ask_drill, back_up, house, keeper, over};
use crate::hands::{Hands, failed_before, good};
use crate::kit::{condition, shown, text};
use crate::run::alone;
use crate::world::{World, api};

const VAULT: &str = "kopnams-vault";

/// A town whose app is backed up, and drilled as far as its start; it may take this many seconds to answer.
async fn town(world: &World, slug: &str, seconds: u32) -> (Hands, String) {
    let mut entry = keeper();
    entry["spec"]["rollout"] = json!({"deadlineSeconds": seconds});
    entry["spec"]["egress"] = json!(["mail"]);
    town_of(world, slug, &entry).await
}

/// The same, of another entry.
async fn town_of(world: &World, slug: &str, entry: &Value) -> (Hands, String) {
    let hands = house(world).await;
    hands.answer(|work| (text(work, "/task/kind") != "restore").then(|| good(work)));
    world.merge("Platform", "", "platform", &json!({"spec": {"egress": {"mail": [{"cidr": "192.0.2.25/32", "ports": [25]}]}}})).await;
    world.merge("DataClass", "", "fleeting", &json!({"spec": {"backup": {"drill": {"level": "Start"}}}})).await;
    archive_of(world, slug, entry).await;
    let set = back_up(world, slug, "arhivs", "202601010000").await;
    over(world, "BackupRun", &set, "Succeeded").await;
    let drill = world
        .until("its start is tried by itself", async || {
            let drills = world.list("RestoreDrill", VAULT).await;
            let found = drills.iter().find(|drill| text(drill, "/spec/level") == "Start");
            found.map(|drill| text(drill, "/metadata/name").to_string()).ok_or_else(|| drills.iter().map(shown).collect::<String>())
        })
        .await;
    (hands, drill)
}

/// The namespace in which it is started.
async fn scratch(world: &World, slug: &str) -> Option<String> {
    let all = world.list("Namespace", "").await;
    let name = |space: &Value| text(space, "/metadata/name").to_string();
    all.iter().map(name).find(|name| name.starts_with(&format!("{slug}--drill-")))
}

/// What a kubelet would say of pods that run and are ready.
async fn ready(world: &World, space: &str) {
    for pod in world.list("Pod", space).await {
        if pod["metadata"]["labels"]["kopnams.lv/run"].is_null() && pod["status"]["phase"] != "Running" {
            let status = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}});
            let _ = api(&world.admin, "Pod", space)
                .patch_status(text(&pod, "/metadata/name"), &kube::api::PatchParams::default(), &kube::api::Patch::Merge(&status))
                .await;
        }
    }
}

async fn gone(world: &World, slug: &str) {
    world
        .within(Duration::from_mins(2), "nothing of the drill is left", async || match scratch(world, slug).await {
            None => Ok(()),
            Some(space) => Err(space),
        })
        .await;
    // Nor a copy of its passwords.
    let secrets = world.list("Secret", VAULT).await;
    let vaults: Vec<String> = world.list("BackupVault", "").await.iter().map(|vault| text(vault, "/metadata/name").to_string()).collect();
    for secret in
        secrets.iter().map(|secret| text(secret, "/metadata/name")).filter(|name| name.starts_with("vs-") || name.starts_with("vk-"))
    {
        assert!(vaults.iter().any(|vault| secret.ends_with(vault)), "{secret} is of nobody");
    }
}

#[test]
fn an_app_is_started_on_what_was_restored_with_no_way_out_and_nothing_is_left() {
    alone("a drill that starts the app", async |world| {
        let slug = "aluksnes-novads";
        let (hands, drill) = town(world, slug, 60).await;
        // It is restored first; then its own namespace is filled, and nothing runs there meanwhile.
        hands.answer(|work| {
            let fills = text(work, "/task/kind") == "restore" && !work["task"]["parts"].as_array().unwrap().is_empty();
            (!fills).then(|| good(work))
        });
        let space = world
            .within(Duration::from_mins(1), "a namespace", async || scratch(world, slug).await.ok_or_else(|| "none".to_string()))
            .await;
        world
            .until(
                "it is being filled",
                async || if world.list("Job", &space).await.len() == 1 { Ok(()) } else { Err("no job".to_string()) },
            )
            .await;
        assert_eq!(world.get("Deployment", &space, "web").await.unwrap()["spec"]["replicas"], 0);
        // Its way out: to names, to itself, and for the runner to the backups. The app itself has another.
        let names = async |space: &str| {
            let mut names: Vec<String> =
                world.list("NetworkPolicy", space).await.iter().map(|policy| text(policy, "/metadata/name").to_string()).collect();
            names.sort();
            names
        };
        let policies = names(&space).await;
        assert_eq!(policies, ["allow-dns", "allow-same-namespace", "backup-egress", "default-deny"]);
        let out = world.get("NetworkPolicy", &space, "backup-egress").await.unwrap();
        assert_eq!(out["spec"]["podSelector"]["matchExpressions"][0]["key"], "kopnams.lv/run", "{out}");
        assert!(names(&format!("{slug}--arhivs")).await.contains(&"egress-mail".to_string()), "the app itself has more");
        let bound: Vec<Value> = world.list("RoleBinding", &space).await;
        assert!(
            bound.iter().all(|binding| binding["subjects"][0]["kind"] == "ServiceAccount"),
            "no person sees what is restored there: {bound:?}"
        );
        // Nobody counts it among the municipality's.
        let town = world.get("Municipality", "", slug).await.unwrap();
        assert!(!shown(&town).contains("drill-"), "{}", shown(&town));

        hands.answer(|work| Some(good(work)));
        world
            .within(Duration::from_mins(2), "it has passed", async || {
                ready(world, &space).await;
                let now = world.get("RestoreDrill", VAULT, &drill).await.unwrap();
                if text(&now, "/status/phase") == "Succeeded" { Ok(()) } else { Err(shown(&now)) }
            })
            .await;
        let steps = world.get("RestoreDrill", VAULT, &drill).await.unwrap()["status"]["steps"].clone();
        let steps: Vec<&str> = steps.as_array().unwrap().iter().map(|step| text(step, "/name")).collect();
        assert_eq!(steps, ["restore", "space", "fill:volume:files", "start", "ask"]);
        gone(world, slug).await;
        let app = world.see("MunicipalityApp", slug, "arhivs", "is proven", |o| condition(o, "RestoreProven").0 == "True").await;
        assert_eq!(app["status"]["backup"]["proven"]["level"], "Start", "{}", shown(&app));
    });
}

/// Asks for another drill that starts the app, and makes its pods ready until it is over.
async fn start_again(world: &World, of: &Value, slot: &str, phase: &str) -> Value {
    let slug = text(of, "/spec/municipality");
    let mut spec = of["spec"].clone();
    spec["slot"] = json!(slot);
    let name = ask_drill(world, spec).await;
    world
        .within(Duration::from_mins(2), "it is over", async || {
            if let Some(space) = scratch(world, slug).await {
                ready(world, &space).await;
            }
            let now = world.get("RestoreDrill", VAULT, &name).await.unwrap();
            if text(&now, "/status/phase") == phase { Ok(now) } else { Err(shown(&now)) }
        })
        .await
}

#[test]
fn what_its_entry_wants_to_see_is_run_in_a_copy_of_its_container_and_fails_by_name() {
    alone("checks of a started app", async |world| {
        let slug = "kraslavas-novads";
        let (hands, drill) = town(world, slug, 60).await;
        hands.answer(|work| Some(good(work)));
        let first = world.get("RestoreDrill", VAULT, &drill).await.unwrap();
        let mut entry = keeper();
        entry["spec"]["rollout"] = json!({"deadlineSeconds": 60});
        let command = json!(["/bin/web", "--count", "files"]);
        entry["spec"]["versions"][0]["backup"] =
            json!({"checks": {"commands": [{"name": "rows", "workloadKind": "Deployment", "workload": "web", "command": command}]}});
        world.apply(&entry).await;

        // The job waits for whoever looks at its pod.
        let (looks, looked) = std::sync::mpsc::channel();
        hands.answer(move |work| {
            if text(work, "/task/kind") == "ask" {
                looks.send(work.clone()).unwrap();
                return Some(failed_before("check-rows", "12 files are missing"));
            }
            Some(good(work))
        });
        let failed = start_again(world, &first, "209901010000", "Failed").await;
        assert_eq!(failed["status"]["failure"]["class"], "CheckFailed", "{}", shown(&failed));
        assert_eq!(text(&failed, "/status/message"), "ask: check rows: 12 files are missing");
        assert!(looked.try_recv().unwrap()["task"]["endpoint"].is_null(), "it has no page, and its command is run all the same");
        let app = world.see("MunicipalityApp", slug, "arhivs", "is not proven", |o| condition(o, "RestoreProven").1 == "DrillFailed").await;
        assert!(shown(&app).contains("CheckFailed"), "{}", shown(&app));

        hands.answer(|work| Some(good(work)));
        start_again(world, &first, "209901020000", "Succeeded").await;

        // A page of its own, of an app that has none.
        world
            .merge("MunicipalityApp", slug, "arhivs", &json!({"spec": {"backup": {"checks": {"http": [{"name": "front", "path": "/"}]}}}}))
            .await;
        let app = world.see("MunicipalityApp", slug, "arhivs", "is refused", |o| condition(o, "Admitted").1 == "BackupInvalid").await;
        assert!(shown(&app).contains("check `front`: the system has no page to ask for"), "{}", shown(&app));
    });
}

/// A keeper with a page.
fn library() -> Value {
    let mut entry = keeper();
    entry["spec"]["rollout"] = json!({"deadlineSeconds": 60});
    let version = &mut entry["spec"]["versions"][0];
    version["route"] = json!({"service": "web", "port": "http"});
    let objects = version["objects"].as_array_mut().unwrap();
    let container = &mut objects[1]["spec"]["template"]["spec"]["containers"][0];
    container["ports"] = json!([{"name": "http", "containerPort": 8080}]);
    container["readinessProbe"] = json!({"httpGet": {"path": "/", "port": "http"}});
    objects.push(json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    }));
    entry
}

#[test]
fn what_a_refused_edit_wishes_is_neither_asked_nor_left_out_and_what_was_granted_is() {
    alone("wishes of a refused edit", async |world| {
        let slug = "livanu-novads";
        let (hands, drill) = town_of(world, slug, &library()).await;
        hands.answer(|work| Some(good(work)));
        let first = world.get("RestoreDrill", VAULT, &drill).await.unwrap();
        let edit = async |spec: Value| world.merge("MunicipalityApp", slug, "arhivs", &json!({"spec": spec})).await;
        let page = |path: &str| json!({"http": [{"name": "page", "path": path}]});
        let granted = async |path: &'static str| {
            let is = move |app: &Value| text(app, "/status/grant/backup/checks/http/0/path") == path;
            world.see("MunicipalityApp", slug, "arhivs", "is granted", is).await;
        };
        // The pages that a drill asked for.
        let asked = |drill: &Value| {
            let of_this = |work: &Value| text(work, "/task/kind") == "ask" && work["run"] == drill["metadata"]["name"];
            let asks: Vec<Value> = hands.seen().into_iter().map(|(_, work)| work).filter(of_this).collect();
            let pages = asks[0]["task"]["checks"].as_array().cloned().unwrap_or_default();
            pages.iter().map(|check| text(check, "/path").to_string()).collect::<Vec<_>>()
        };
        let parts = async |slot: &str| {
            let run = back_up(world, slug, "arhivs", slot).await;
            let run = over(world, "BackupRun", &run, "Succeeded").await;
            let steps = run["status"]["steps"].as_array().unwrap();
            let parts: Vec<String> = steps.iter().map(|step| text(step, "/name").to_string()).collect();
            (parts, text(&run, "/status/coverage/0/state").to_string())
        };

        edit(json!({"backup": {"checks": page("/granted")}})).await;
        granted("/granted").await;
        // Refused for something else, and for its very wishes.
        let leave_out = json!([{"volume": "files", "reason": "nobody looks"}]);
        for (number, reason, spec) in [
            (1, "SizeUnknown", json!({"size": "huge", "backup": {"checks": page("/refused"), "exclude": leave_out}})),
            (2, "BackupInvalid", json!({"size": null, "backup": {"checks": page("@example.lv/"), "exclude": leave_out}})),
        ] {
            edit(spec).await;
            world.see("MunicipalityApp", slug, "arhivs", "is refused", |app| condition(app, "Admitted").1 == reason).await;
            let drill = start_again(world, &first, &format!("20990101000{number}"), "Succeeded").await;
            assert_eq!(asked(&drill), ["/granted"], "{reason}");
            let (parts, state) = parts(&format!("20260102000{number}")).await;
            assert_eq!((parts, state.as_str()), (vec!["volume:files".into(), "commit".into()], "Covered"), "{reason}");
        }
        edit(json!({"backup": {"checks": page("/accepted"), "exclude": leave_out}})).await;
        granted("/accepted").await;
        let drill = start_again(world, &first, "209901020000", "Succeeded").await;
        assert_eq!(asked(&drill), ["/accepted"]);
        let (parts, state) = parts("202601030000").await;
        assert_eq!((parts, state.as_str()), (vec!["commit".into()], "Excluded"));
    });
}

/// F24
#[test]
fn an_app_that_does_not_answer_on_what_was_restored_is_not_proven_and_is_taken_away_whatever_happens() {
    alone("a drill whose app is silent", async |world| {
        let slug = "varaklanu-novads";
        let (hands, drill) = town(world, slug, 10).await;
        hands.answer(|work| Some(good(work)));
        let failed = over(world, "RestoreDrill", &drill, "Failed").await;
        assert_eq!(failed["status"]["failure"]["class"], "NoAnswer", "{}", shown(&failed));
        assert!(text(&failed, "/status/message").contains("was not ready within 10 seconds: Deployment web"), "{}", shown(&failed));
        gone(world, slug).await;
        let app = world.see("MunicipalityApp", slug, "arhivs", "is not proven", |o| condition(o, "RestoreProven").1 == "DrillFailed").await;
        assert!(shown(&app).contains("NoAnswer"), "{}", shown(&app));

        // The operator is killed in the middle, and the record of the drill is deleted before it is back.
        hands.answer(|work| {
            let fills = text(work, "/task/kind") == "restore" && !work["task"]["parts"].as_array().unwrap().is_empty();
            (!fills).then(|| good(work))
        });
        let tenant = text(&failed, "/spec/tenantId");
        let set = text(&failed, "/spec/set");
        let spec = json!({"tenantId": tenant, "municipality": slug, "app": "arhivs", "slot": "209901010000", "set": set, "level": "Start"});
        let second = ask_drill(world, spec).await;
        world.within(Duration::from_mins(1), "a namespace", async || scratch(world, slug).await.ok_or_else(|| "none".to_string())).await;
        world.kill_operator().await;
        world.delete("RestoreDrill", VAULT, &second).await;
        world.ensure_operator().await;
        gone(world, slug).await;
    });
}
