//! A changed catalogue entry on a real control plane: it reaches apps in turn, stops at a failure, is undone where it failed,
//! and survives the end of its operator. Without a node a Deployment never answers, and what has none always does.

use serde_json::{Value, json};

use crate::kit::{app_of, condition, message, text, uid};
use crate::run::shared;
use crate::silence::rest;
use crate::world::World;

const IMAGE: &str = "localhost/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// A catalogue entry whose apps have one setting.
fn entry(name: &str, setting: &str) -> Value {
    let settings =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"text": setting, "for": "${app.name}"}});
    json!({
    "apiVersion": "kopnams.lv/v1alpha1", "kind": "HostedSystem", "metadata": {"name": name},
    "spec": {
        "title": {"lv": "Maiņa", "en": "Change"}, "maintainer": "platform", "category": "communication", "dataClass": "open",
        "defaultVersion": "1.0", "defaultSize": "small",
        "sizes": {"small": {"cpu": "100m", "memory": "128Mi", "storage": "1Gi", "pods": 3}},
        "rollout": {"canaries": 1, "batch": 1, "failAfter": 1, "deadlineSeconds": 10},
        "versions": [{"name": "1.0", "images": {"web": IMAGE}, "objects": [settings]}],
    }})
}

/// A Deployment that never answers here.
fn silent() -> Value {
    let resources = json!({"cpu": "50m", "memory": "64Mi"});
    let container = json!({"name": "web", "image": "${images.web}", "resources": {"requests": resources, "limits": resources}});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "strategy": {"type": "Recreate"}, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"securityContext": {"runAsUser": 1000}, "containers": [container]}}}})
}

/// A municipality whose apps have the entry's first setting.
async fn opened(world: &World, slug: &str, system: &str, names: &[&str]) {
    world.settle(slug).await;
    world.apply(&entry(system, "one")).await;
    for name in names {
        world.open(&app_of(slug, name, system)).await;
    }
}

async fn setting(world: &World, space: &str, text: &str) {
    world.see("ConfigMap", space, "settings", text, |o| o["data"]["text"] == text).await;
}

async fn rolled_out(world: &World, system: &str, reason: &str) -> Value {
    let what = format!("rolled out: {reason}");
    world.see("HostedSystem", "", system, &what, |o| condition(o, "RolledOut").1 == reason).await
}

async fn up_to_date(world: &World, slug: &str, name: &str, reason: &str) -> Value {
    world.see("MunicipalityApp", slug, name, reason, |o| condition(o, "UpToDate").1 == reason).await
}

fn revision(app: &Value) -> &str {
    text(app, "/status/grant/revision")
}

/// The revisions that the operator keeps of a system.
async fn kept(world: &World, system: &str) -> Vec<String> {
    let all = world.list("ControllerRevision", "kopnams-system").await;
    all.iter().filter(|o| o["metadata"]["labels"]["kopnams.lv/system"] == system).map(|o| text(o, "/metadata/name").to_string()).collect()
}

#[test]
fn an_edit_reaches_every_app_and_the_earlier_contents_are_kept_while_they_may_be_needed() {
    shared("a roll-out", async |world| {
        let (slug, system) = ("maina", "maina-laba");
        opened(world, slug, system, &["a", "b", "c"]).await;
        assert_eq!(kept(world, system).await.len(), 1);
        let untouched = world.get("HostedSystem", "", system).await.unwrap();
        assert_eq!(condition(&untouched, "RolledOut").1, "", "what never changed has nothing to say");

        world.apply(&entry(system, "two")).await;
        for name in ["a", "b", "c"] {
            setting(world, &format!("{slug}--{name}"), "two").await;
        }
        let done = rolled_out(world, system, "Done").await;
        assert_eq!(done["status"]["rollouts"][0]["updated"], 3, "{done}");
        assert_eq!(kept(world, system).await.len(), 2, "one to go back to");
        world.apply(&entry(system, "three")).await;
        for name in ["a", "b", "c"] {
            setting(world, &format!("{slug}--{name}"), "three").await;
        }
        world
            .until("the oldest is not kept any more", async || match kept(world, system).await {
                all if all.len() == 2 => Ok(()),
                all => Err(format!("{all:?}")),
            })
            .await;
        rest(world).await;
    });
}

#[test]
fn what_does_not_answer_goes_back_and_the_others_are_spared() {
    shared("a failed roll-out", async |world| {
        let (slug, system) = ("kluda", "maina-slikta");
        opened(world, slug, system, &["a", "b"]).await;
        let before = world.get("MunicipalityApp", slug, "a").await.unwrap();

        let mut bad = entry(system, "two");
        bad["spec"]["versions"][0]["objects"].as_array_mut().unwrap().push(silent());
        world.apply(&bad).await;
        world.see("Deployment", "kluda--a", "web", "tried", |_| true).await;
        let waits = up_to_date(world, slug, "b", "WaitsForItsTurn").await;
        assert_eq!(revision(&waits), revision(&before));

        // The operator ends in the middle; the next one goes on from what is written.
        world.kill_operator().await;
        world.ensure_operator().await;
        let back = up_to_date(world, slug, "a", "WentBack").await;
        assert_eq!((revision(&back), condition(&back, "Admitted").0), (revision(&before), "True"));
        assert!(message(&back, "UpToDate").contains("it has again what it had before"), "{back}");
        world.gone("Deployment", "kluda--a", "web").await;
        setting(world, "kluda--a", "one").await;
        world.ready_app(slug, "a").await;
        assert_eq!(uid(&world.get("Namespace", "", "kluda--a").await.unwrap()).len(), 36);

        let stopped = rolled_out(world, system, "Stopped").await;
        assert!(message(&stopped, "RolledOut").contains("kluda/a did not answer"), "{stopped}");
        let spared = up_to_date(world, slug, "b", "RolloutStopped").await;
        assert_eq!((revision(&spared), condition(&spared, "Ready").0), (revision(&before), "True"));
        assert_eq!(world.get("Deployment", "kluda--b", "web").await, None);
        // An app with the earlier contents is still kept as it was meant.
        world.delete("ConfigMap", "kluda--b", "settings").await;
        setting(world, "kluda--b", "one").await;

        world.apply(&entry(system, "three")).await;
        for name in ["a", "b"] {
            setting(world, &format!("kluda--{name}"), "three").await;
            up_to_date(world, slug, name, "UpToDate").await;
        }
        rolled_out(world, system, "Done").await;
    });
}

#[test]
fn what_migrates_waits_for_an_acknowledgement_of_this_very_revision() {
    shared("a migration", async |world| {
        let (slug, system) = ("parbuve", "maina-datu");
        opened(world, slug, system, &["a"]).await;
        let mut migrates = entry(system, "one");
        let mut second = migrates["spec"]["versions"][0].clone();
        second["name"] = "2.0".into();
        second["migrates"] = true.into();
        second["objects"][0]["data"]["text"] = "two".into();
        migrates["spec"]["versions"].as_array_mut().unwrap().push(second);
        migrates["spec"]["defaultVersion"] = "2.0".into();
        world.apply(&migrates).await;
        up_to_date(world, slug, "a", "AwaitingAcknowledgement").await;
        let asks = rolled_out(world, system, "AwaitingAcknowledgement").await;
        let said = message(&asks, "RolledOut").to_string();
        let revision = said.rsplit(' ').next().unwrap().to_string();
        setting(world, "parbuve--a", "one").await;

        let allow = |revision: &str| json!({"metadata": {"annotations": {"kopnams.lv/allow-revision": revision}}});
        world.merge("HostedSystem", "", system, &allow("000000000000")).await;
        rest(world).await;
        up_to_date(world, slug, "a", "AwaitingAcknowledgement").await;
        world.merge("HostedSystem", "", system, &allow(&revision)).await;
        setting(world, "parbuve--a", "two").await;
        up_to_date(world, slug, "a", "UpToDate").await;
    });
}

#[test]
fn the_end_of_a_version_is_said() {
    shared("end of life", async |world| {
        let (slug, system) = ("beigas", "maina-veca");
        opened(world, slug, system, &["a"]).await;
        let app = world.ready_app(slug, "a").await;
        assert_eq!(condition(&app, "Supported"), ("True", "Supported"));
        let mut old = entry(system, "one");
        old["spec"]["versions"][0]["eol"] = "2026-01-31".into();
        world.apply(&old).await;
        let app = world.see("MunicipalityApp", slug, "a", "end of life", |o| condition(o, "Supported") == ("False", "EndOfLife")).await;
        assert_eq!(condition(&app, "Ready").0, "True", "it runs on");
    });
}

#[test]
fn a_tenant_without_its_request_is_stopped_and_runs_again_when_it_is_asked_for() {
    shared("a retiring workload", async |world| {
        let (slug, system) = ("aizvert", "maina-pauze");
        world.settle(slug).await;
        let mut with_pods = entry(system, "one");
        with_pods["spec"]["versions"][0]["objects"].as_array_mut().unwrap().push(silent());
        world.apply(&with_pods).await;
        world.apply(&app_of(slug, "a", system)).await;
        world.see("Deployment", "aizvert--a", "web", "runs", |o| o["spec"]["replicas"] == 1).await;
        world.delete("MunicipalityApp", slug, "a").await;
        world.see("Deployment", "aizvert--a", "web", "stopped", |o| o["spec"]["replicas"] == 0).await;
        world.gone("MunicipalityApp", slug, "a").await;
        // It is kept as it was meant although nobody asks for it, whatever becomes of the catalogue.
        world.delete("HostedSystem", "", system).await;
        world.delete("ConfigMap", "aizvert--a", "settings").await;
        setting(world, "aizvert--a", "one").await;
        world.apply(&with_pods).await;
        world.apply(&app_of(slug, "a", system)).await;
        world.see("Deployment", "aizvert--a", "web", "runs again", |o| o["spec"]["replicas"] == 1).await;
    });
}

#[test]
fn secrets_are_made_anew_when_a_request_asks_for_it_and_a_refused_change_rotates_nothing() {
    shared("rotation", async |world| {
        let (slug, system) = ("maina-paroli", "maina-parole");
        world.settle(slug).await;
        let mut with_secret = entry(system, "one");
        let version = &mut with_secret["spec"]["versions"][0];
        version["secrets"] = json!([{"name": "database", "keys": {"password": {}}}]);
        version["objects"].as_array_mut().unwrap().push(silent());
        world.apply(&with_secret).await;
        let mut request = app_of(slug, "a", system);
        world.apply(&request).await;
        let space = "maina-paroli--a";
        let password = |o: &Value| text(o, "/data/password").to_string();
        let first = password(&world.see("Secret", space, "database", "made", |_| true).await);

        request["spec"]["rotateSecrets"] = "2026-11-25".into();
        request["spec"]["size"] = "enormous".into();
        world.apply(&request).await;
        world.see("MunicipalityApp", slug, "a", "refused", |o| condition(o, "Admitted") == ("False", "SizeUnknown")).await;
        rest(world).await;
        assert_eq!(password(&world.get("Secret", space, "database").await.unwrap()), first);

        request["spec"].as_object_mut().unwrap().remove("size");
        world.apply(&request).await;
        let mark = |o: &Value| o["spec"]["template"]["metadata"]["annotations"]["kopnams.lv/rotation"] == "2026-11-25";
        world.see("Deployment", space, "web", "its pods start anew", mark).await;
        let second = password(&world.get("Secret", space, "database").await.unwrap());
        assert_ne!(second, first, "before the pods start, the secret is another");
        world.kill_operator().await;
        world.ensure_operator().await;
        rest(world).await;
        assert_eq!(password(&world.get("Secret", space, "database").await.unwrap()), second, "once");
        // There and back again: each change of the text makes them anew.
        let mut seen = vec![first, second];
        for text in ["2026-12-24", "2026-11-25"] {
            request["spec"]["rotateSecrets"] = text.into();
            world.apply(&request).await;
            let made = |o: &Value| o["metadata"]["annotations"]["kopnams.lv/rotation"] == text;
            let now = password(&world.see("Secret", space, "database", text, made).await);
            assert!(!seen.contains(&now));
            seen.push(now);
        }
    });
}
