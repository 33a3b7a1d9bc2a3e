//! The system that runs in a tenant, as far as a control plane without a node shows it: made, kept, changed, paused.

use serde_json::{Value, json};

use crate::kit::{app_of, by_name, condition, message, text, version};
use crate::run::shared;
use crate::silence::rest;
use crate::world::World;

const KINDS: [&str; 9] =
    ["ConfigMap", "PersistentVolumeClaim", "Service", "Deployment", "StatefulSet", "Job", "CronJob", "PodDisruptionBudget", "Ingress"];

async fn deployed(world: &World, slug: &str, name: &str) -> Value {
    world.see("MunicipalityApp", slug, name, "deployed", |app| condition(app, "Deployed") == ("True", "Deployed")).await
}

async fn workload(world: &World, space: &str) -> Vec<Value> {
    let mut found = Vec::new();
    for kind in KINDS {
        found.extend(
            world
                .list(kind, space)
                .await
                .into_iter()
                .filter(|object| object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kopnams"),
        );
    }
    found
}

fn everything(slug: &str) -> Value {
    let mut request = app_of(slug, "viss", "everything");
    request["spec"]["hostname"] = format!("viss.{slug}.example.lv").into();
    request
}

#[test]
fn every_kind_is_made_once_and_stays_as_it_was_meant() {
    shared("every kind", async |world| {
        world.settle("viss").await;
        world.apply(&everything("viss")).await;
        deployed(world, "viss", "viss").await;
        // Nothing runs without a node.
        let waits = |app: &Value| {
            condition(app, "Available") == ("False", "NotAnswering") && message(app, "Available").contains("not all of its pods answer yet")
        };
        world.see("MunicipalityApp", "viss", "viss", "waiting for its pods", waits).await;
        rest(world).await;

        let space = "viss--viss";
        let objects = workload(world, space).await;
        let names = by_name(&objects).into_keys().collect::<Vec<_>>();
        let expected = [
            "ConfigMap/settings",
            "CronJob/nightly",
            "Deployment/helper",
            "Deployment/web",
            "Ingress/route",
            "Job/once",
            "PersistentVolumeClaim/data-database-0",
            "PersistentVolumeClaim/files",
            "PodDisruptionBudget/web",
            "Service/database",
            "Service/web",
            "StatefulSet/database",
        ];
        assert_eq!(names, expected);
        // What the API server made of each is what was meant: otherwise a restart would write it again.
        let audit = world.audit();
        world.stop_operator();
        world.ensure_operator().await;
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        let writes = audit.writes_of_operator();
        assert!(writes.is_empty(), "a default of the API server is not written out: {writes:#?}");
    });
}

#[test]
fn what_a_template_says_is_what_is_made() {
    shared("a template", async |world| {
        world.settle("sablons").await;
        let mut request = everything("sablons");
        let title = "Ķekava's \"site\"\n---\n${app.name} $(HOME) $$ `id` 🏛 <script>";
        request["spec"]["parameters"] = json!({"siteTitle": title});
        world.apply(&request).await;
        deployed(world, "sablons", "viss").await;
        let space = "sablons--viss";

        let settings = world.get("ConfigMap", space, "settings").await.unwrap();
        assert_eq!(settings["data"]["title"], title);
        let json: Value = serde_json::from_str(text(&settings, "/data/settings.json")).unwrap();
        assert_eq!(json, json!({"title": title, "colour": "red"}));
        assert_eq!(settings["data"]["nginx.conf"], "server_name viss.sablons.example.lv; # ${literal}");

        let web = world.get("Deployment", space, "web").await.unwrap();
        let pod = &web["spec"]["template"]["spec"];
        // The kubelet reads `$$` as `$`, so the variable holds the title byte for byte.
        assert_eq!(pod["containers"][0]["env"][0]["value"], title.replace('$', "$$"));
        assert_eq!(pod["containers"][0]["env"][1]["value"], "8");
        assert_eq!(pod["initContainers"][0]["args"], json!(["--colour=red"]));
        assert_eq!(pod["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(pod["automountServiceAccountToken"], false);

        let route = world.get("Ingress", space, "route").await.unwrap();
        assert_eq!(route["spec"]["rules"][0]["host"], "viss.sablons.example.lv");
        assert_eq!(route["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"], json!({"name": "web", "port": {"name": "http"}}));
    });
}

#[test]
fn a_secret_is_made_once_and_shown_nowhere() {
    shared("a secret", async |world| {
        world.settle("noslepums").await;
        world.apply(&everything("noslepums")).await;
        deployed(world, "noslepums", "viss").await;
        let secret = world.get("Secret", "noslepums--viss", "database").await.unwrap();
        let password = text(&secret, "/data/password").to_string();
        assert_eq!((password.len(), text(&secret, "/data/token").len()), (56, 44), "40 and 32 characters in base64");

        let mut request = everything("noslepums");
        request["spec"]["parameters"] = json!({"colour": "blue"});
        world.apply(&request).await;
        world
            .see("Deployment", "noslepums--viss", "web", "blue", |web| {
                web["spec"]["template"]["spec"]["initContainers"][0]["args"][0] == "--colour=blue"
            })
            .await;
        world.stop_operator();
        world.ensure_operator().await;
        let after = world.get("Secret", "noslepums--viss", "database").await.unwrap();
        assert_eq!((text(&after, "/data/password"), version(&after)), (&*password, version(&secret)), "kept");

        let plain =
            String::from_utf8(std::process::Command::new("base64").arg("-d").stdin(pipe(&password)).output().unwrap().stdout).unwrap();
        assert_eq!(plain.len(), 40);
        for kind in ["MunicipalityApp", "Namespace", "HostedSystem", "Event"] {
            for object in world.list(kind, if kind == "MunicipalityApp" || kind == "Event" { "noslepums" } else { "" }).await {
                let shown = object.to_string();
                assert!(!shown.contains(&plain) && !shown.contains(&password), "{kind} shows the secret");
            }
        }
    });
}

fn pipe(text: &str) -> std::process::Stdio {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    file.into()
}

#[test]
fn what_somebody_changes_in_a_workload_is_put_right_and_what_is_left_over_goes() {
    shared("workload drift", async |world| {
        world.settle("vejs").await;
        world.apply(&everything("vejs")).await;
        deployed(world, "vejs", "viss").await;
        rest(world).await;
        let space = "vejs--viss";
        let edits = [
            ("Deployment", "web", json!({"spec": {"replicas": 3}})),
            ("Deployment", "helper", json!({"spec": {"template": {"spec": {"priorityClassName": "system-cluster-critical"}}}})),
            ("StatefulSet", "database", json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 5}}}})),
            ("ConfigMap", "settings", json!({"data": {"title": "Other", "more": "x"}})),
            ("Service", "web", json!({"spec": {"selector": {"app": "other"}}})),
            ("CronJob", "nightly", json!({"spec": {"schedule": "* * * * *"}})),
            ("PodDisruptionBudget", "web", json!({"spec": {"maxUnavailable": 0}})),
            ("Ingress", "route", json!({"spec": {"rules": [{"host": "other.example.lv"}]}})),
        ];
        for (kind, name, edit) in edits {
            let before = world.get(kind, space, name).await.unwrap();
            let of = |object: &Value| if kind == "ConfigMap" { object["data"].clone() } else { object["spec"].clone() };
            world.merge(kind, space, name, &edit).await;
            world.see(kind, space, name, "as it was meant", |now| of(now) == of(&before)).await;
        }
        for (kind, name) in [("Deployment", "web"), ("Service", "database"), ("Ingress", "route"), ("Job", "once")] {
            let uid = text(&world.get(kind, space, name).await.unwrap(), "/metadata/uid").to_string();
            world.delete(kind, space, name).await;
            world.see(kind, space, name, "made again", |now| text(now, "/metadata/uid") != uid).await;
        }
        // Without the host name there is no route; the claim stays whatever happens.
        let mut request = everything("vejs");
        request["spec"].as_object_mut().unwrap().remove("hostname");
        world.apply(&request).await;
        world.gone("Ingress", space, "route").await;
        world.get("PersistentVolumeClaim", space, "files").await.unwrap();
    });
}

#[test]
fn suspended_it_stands_still_and_resumed_it_is_as_before() {
    shared("suspend", async |world| {
        world.settle("miegs").await;
        world.apply(&everything("miegs")).await;
        deployed(world, "miegs", "viss").await;
        let space = "miegs--viss";
        let job = text(&world.get("Job", space, "once").await.unwrap(), "/metadata/uid").to_string();
        let mut request = everything("miegs");
        request["spec"]["suspend"] = true.into();
        world.apply(&request).await;
        for (kind, name) in [("Deployment", "web"), ("Deployment", "helper"), ("StatefulSet", "database")] {
            world.see(kind, space, name, "no pods", |object| object["spec"]["replicas"] == 0).await;
        }
        world.see("CronJob", space, "nightly", "paused", |object| object["spec"]["suspend"] == true).await;
        world.see("Job", space, "once", "paused", |object| object["spec"]["suspend"] == true).await;
        request["spec"]["suspend"] = false.into();
        world.apply(&request).await;
        world.see("Deployment", space, "web", "as before", |object| object["spec"]["replicas"] == 1).await;
        world.see("CronJob", space, "nightly", "as before", |object| object["spec"]["suspend"] == false).await;
        let resumed = world.see("Job", space, "once", "as before", |object| object["spec"]["suspend"] == false).await;
        assert_eq!(text(&resumed, "/metadata/uid"), job, "the same job, which is not run twice");
    });
}
