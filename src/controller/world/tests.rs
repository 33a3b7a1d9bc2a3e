//! What is decided when, and what a change wakes.

use super::*;
use serde_json::{Value, json};

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn municipality(name: &str, zones: &Value, generation: i64) -> Municipality {
    object(json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "Municipality",
        "metadata": {"name": name, "generation": generation, "resourceVersion": generation.to_string()},
        "spec": {"code": if name == "x" { "0000001" } else { "0000002" }, "title": {"lv": "a", "en": "a"}, "peerGroup": "municipality", "zones": zones,
            "allotment": {"cpu": "1", "memory": "10Gi", "storage": "10Gi", "apps": 5},
            "contacts": {"technical": "a@b", "security": "a@b", "dataProtection": "a@b"}}}))
}

fn app(municipality: &str, name: &str, host: &str, generation: i64) -> MunicipalityApp {
    object(json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "MunicipalityApp",
        "metadata": {"name": name, "namespace": municipality, "generation": generation, "resourceVersion": generation.to_string(),
            "uid": uuid::Uuid::new_v4().to_string(), "creationTimestamp": "2026-11-22T10:00:00Z"},
        "spec": {"system": "website", "hostname": host}}))
}

fn world() -> World {
    let mut world = World { deed_key: DeedKey::from_bytes(&[1; 32]), ..World::default() };
    let title = json!({"lv": "a", "en": "a"});
    world.set_class(object(json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "DataClass", "metadata": {"name": "open"}, "spec": {"title": title, "rank": 0}})));
    world.set_system(object(
        json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "HostedSystem", "metadata": {"name": "website"}, "spec": {
        "title": title, "maintainer": "platform", "category": "c", "dataClass": "open", "defaultVersion": "1.0", "defaultSize": "small",
        "sizes": {"small": {"cpu": "1", "memory": "1Gi", "storage": "1Gi", "pods": 5}}, "versions": [{"name": "1.0"}]}}),
    ));
    world.set_municipality(municipality("x", &json!(["x.lv", "z.lv"]), 1));
    world.set_municipality(municipality("y", &json!(["y.lv"]), 1));
    world
}

fn reasons(world: &World, municipality: &str, name: &str) -> Vec<Reason> {
    world.apps[&AppKey::new(municipality, name)].rejections.iter().map(|r| r.reason).collect()
}

#[test]
fn a_standby_decides_nothing_and_takes_over_what_the_leader_wrote() {
    let mut world = world();
    world.set_app(app("x", "b", "b.x.lv", 1), None);
    assert!(world.settle(now()).is_empty());
    assert!(world.apps[&AppKey::new("x", "b")].grant.is_none(), "a standby waits");
    // The leader gave the only place to another app, which its status says.
    let mut granted = app("x", "a", "a.x.lv", 2);
    granted.status =
        Some(object(json!({"grant": {"system": "website", "version": "1.0", "revision": "r", "since": "2026-11-22T09:00:00Z",
        "size": {"name": "small", "cpu": "1", "cpuBurst": "4", "memory": "1Gi", "storage": "1Gi", "pods": 5},
        "dataClass": {"name": "open", "podSecurity": "restricted", "graceDays": 7}, "hostname": "a.x.lv"}})));
    world.set_app(granted, None);
    world.lead(true);
    assert!(!world.settle(now()).is_empty());
    assert_eq!(reasons(&world, "x", "b"), [Reason::AllotmentExceeded]);
    assert_eq!(world.apps[&AppKey::new("x", "a")].grant.as_ref().unwrap().since, "2026-11-22T09:00:00Z");
}

#[test]
fn without_a_readable_platform_nothing_is_decided() {
    let mut world = world();
    world.platform_unreadable = true;
    world.lead(true);
    world.set_app(app("x", "a", "a.x.lv", 1), None);
    assert!(world.settle(now()).is_empty());
    world.set_platform(None);
    assert!(world.settle(now()).contains(&Key::App(AppKey::new("x", "a"))));
}

#[test]
fn a_freed_host_name_wakes_whoever_waits_for_it_in_another_municipality() {
    let mut world = world();
    world.lead(true);
    let holder = app("x", "web", "www.z.lv", 1);
    world.set_app(holder.clone(), None);
    world.settle(now());
    world.set_municipality(municipality("x", &json!(["x.lv"]), 2));
    world.set_municipality(municipality("y", &json!(["y.lv", "z.lv"]), 2));
    world.set_app(app("y", "web", "www.z.lv", 3), None);
    world.settle(now());
    assert_eq!(reasons(&world, "y", "web"), [Reason::HostnameTaken]);
    let mut moved = app("x", "web", "www.x.lv", 4);
    moved.metadata.uid = holder.metadata.uid;
    world.set_app(moved, None);
    assert!(world.settle(now()).contains(&Key::App(AppKey::new("y", "web"))));
    assert_eq!(reasons(&world, "y", "web"), []);
}

#[test]
fn with_the_key_lost_nothing_new_is_granted() {
    let mut world = world();
    world.deed_key = None;
    world.deed_key_lost = true;
    world.lead(true);
    world.set_app(app("x", "a", "a.x.lv", 1), None);
    world.settle(now());
    assert_eq!(reasons(&world, "x", "a"), [Reason::DeedKeyLost]);
}

#[test]
fn nothing_of_an_app_runs_while_a_pod_writes_its_data_although_the_restore_was_deleted() {
    let mut world = world();
    world.lead(true);
    world.set_app(app("x", "a", "a.x.lv", 1), None);
    let key = AppKey::new("x", "a");
    let pod = |phase: &str| -> k8s_openapi::api::core::v1::Pod {
        object(json!({
            "metadata": {"name": "back-1-abcde", "namespace": "x--a",
                "labels": {"kopnams.lv/run": "back", "batch.kubernetes.io/job-name": "back-1"}},
            "status": {"phase": phase, "reason": "Evicted"},
        }))
    };
    assert!(!world.held_for_restore(&key));
    world.observe_pod(&pod("Running"));
    assert!(world.held_for_restore(&key), "it writes");
    world.to_do.clear();
    world.observe_pod(&pod("Failed"));
    assert!(!world.held_for_restore(&key), "it has ended");
    assert!(world.to_do.contains(&Key::App(key)), "and the app hears of it");
}

/// A backup of a tenant that waits.
fn waiting(name: &str, tenant: &str) -> crate::request::BackupRun {
    object(json!({
        "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupRun",
        "metadata": {"name": name, "namespace": "kopnams-vault", "resourceVersion": "1", "creationTimestamp": "2026-11-22T09:00:00Z"},
        "spec": {"tenantId": tenant, "municipality": "x", "app": tenant, "slot": "202611220900", "kind": "Scheduled"},
    }))
}

#[test]
fn a_place_is_taken_from_the_moment_in_which_it_is_given() {
    let mut world = world();
    let backup = json!({"target": "s3", "image": "i", "limits": {"cluster": 1}});
    world.set_platform(Some(object(json!({
        "apiVersion": "kopnams.lv/v1alpha1", "kind": "Platform", "metadata": {"name": "platform"}, "spec": {"backup": backup},
    }))));
    let admissible = |world: &World| crate::controller::backup::admissible(world, now());
    world.set_run(waiting("second", "b"));
    assert_eq!(admissible(&world), ["second"]);
    world.backups.reserve("second");
    // It would be the first in line if the other one only waited.
    world.set_run(waiting("first", "a"));
    assert_eq!(admissible(&world), Vec::<String>::new(), "there is one place, and it is given");
    world.backups.release("second");
    assert_eq!(admissible(&world), ["first"], "it was not taken after all");
    world.to_do.clear();
    // As when a target answers again.
    world.look_at_backups();
    assert!(world.to_do.contains(&Key::Work(backups::Piece::Backup, "first".into())), "nobody waits longer than he must");
}

#[test]
fn a_run_of_another_tenant_under_ones_name_is_none_of_ones_own() {
    let mut world = world();
    world.set_run(waiting("a-b202611220900", "b"));
    assert_eq!(world.backups.runs_of("a").count(), 0, "or the slot would count as taken");
    world.set_run(waiting("a-b202611221000", "a"));
    assert_eq!(world.backups.runs_of("a").count(), 1);
}

#[test]
fn a_request_that_is_refused_or_cannot_be_read_changes_nothing_about_its_backups() {
    let mut world = world();
    world.lead(true);
    let from = |from: &str, host: &str, generation: i64| {
        let mut app = app("x", "a", host, generation);
        app.metadata.uid = Some("u".into());
        app.spec.backup = object(json!({"window": {"from": from, "to": "04:00"}}));
        app
    };
    let granted = |world: &World| json!(world.apps[&AppKey::new("x", "a")].grant.as_ref().unwrap().backup)["window"]["from"].clone();
    world.set_app(from("01:00", "a.x.lv", 1), None);
    world.settle(now());
    assert_eq!(granted(&world), "01:00");
    world.set_app(from("02:00", "a.y.lv", 2), None);
    world.settle(now());
    assert_eq!((reasons(&world, "x", "a"), granted(&world)), (vec![Reason::HostnameOutsideZones], json!("01:00")));
    world.set_app(from("03:00", "a.x.lv", 3), Some("unknown field `a`".into()));
    world.settle(now());
    assert_eq!((reasons(&world, "x", "a"), granted(&world)), (vec![Reason::ObjectUnreadable], json!("01:00")));
    world.set_app(from("03:00", "a.x.lv", 4), None);
    world.settle(now());
    assert_eq!((reasons(&world, "x", "a"), granted(&world)), (vec![], json!("03:00")), "and one that is granted does");
}
