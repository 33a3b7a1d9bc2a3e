//! Proves that removal is a hand-over: undone within the days of grace, never deleting a claim, never taking a
//! municipality with its apps, and held when too many go at once.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::kit::{annotation, app, app_of, condition, message, shown, text, uid};
use crate::run::{alone, shared};
use crate::world::World;

/// The state of a tenant without a request, as its municipality tells it.
fn unclaimed<'a>(municipality: &'a Value, app: &str) -> &'a str {
    let found = municipality["status"]["unclaimed"].as_array().into_iter().flatten().find(|tenant| tenant["app"] == app);
    found.map_or("", |tenant| text(tenant, "/state"))
}

async fn remove(world: &World, slug: &str, name: &str) {
    world.delete("MunicipalityApp", slug, name).await;
    world.gone("MunicipalityApp", slug, name).await;
}

#[test]
fn within_the_days_of_grace_a_removal_is_undone_by_asking_again() {
    shared("removed and asked for again", async |world| {
        world.settle("grace").await;
        let first = world.open(&app("grace", "viens")).await;
        let space = "grace--viens";
        let before = world.get("Namespace", "", space).await.unwrap();

        remove(world, "grace", "viens").await;
        let retiring = world.see("Namespace", "", space, "retiring", |o| !annotation(o, "kopnams.lv/retire").is_empty()).await;
        assert_eq!(uid(&retiring), uid(&before));
        let town = world.see("Municipality", "", "grace", "tells of it", |o| unclaimed(o, "viens") == "Retiring").await;
        let due: Timestamp = text(&town, "/status/unclaimed/0/deleteAfter").parse().unwrap();
        let days = due.duration_since(Timestamp::now()).as_hours() / 24;
        assert!((6..=7).contains(&days), "seven days of grace: {}", shown(&town));
        world.delete("NetworkPolicy", space, "default-deny").await;
        world.see("NetworkPolicy", space, "default-deny", "kept up while it retires", |_| true).await;

        let again = world.open(&app("grace", "viens")).await;
        assert_eq!(again["status"]["tenantId"], first["status"]["tenantId"]);
        assert_eq!(again["status"]["grant"], first["status"]["grant"]);
        let after = world.see("Namespace", "", space, "not retiring", |o| annotation(o, "kopnams.lv/retire").is_empty()).await;
        assert_eq!(uid(&after), uid(&before));
        world.see("Municipality", "", "grace", "tells of nothing", |o| o["status"]["unclaimed"].is_null()).await;
    });
}

#[test]
fn without_grace_a_namespace_goes_unless_it_holds_a_claim() {
    shared("claims are kept", async |world| {
        world.settle("dati").await;
        for name in ["tukss", "pilns"] {
            world.open(&app_of("dati", name, "poll")).await;
        }
        world
            .create(&json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "dati--pilns"},
                "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "none", "resources": {"requests": {"storage": "1Gi"}}},
            }))
            .await
            .unwrap();
        for name in ["tukss", "pilns"] {
            remove(world, "dati", name).await;
        }
        world.gone("Namespace", "", "dati--tukss").await;
        world
            .see("Municipality", "", "dati", "awaits a backup", |o| {
                unclaimed(o, "pilns") == "AwaitingFinalBackup" && unclaimed(o, "tukss").is_empty()
            })
            .await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let held = world.get("Namespace", "", "dati--pilns").await.expect("it holds a claim");
        assert!(held["metadata"]["deletionTimestamp"].is_null(), "{}", shown(&held));
        world.delete_kept("PersistentVolumeClaim", "dati--pilns", "data").await;
        world.gone("Namespace", "", "dati--pilns").await;
        world.see("Municipality", "", "dati", "tells of nothing", |o| o["status"]["unclaimed"].is_null()).await;
    });
}

#[test]
fn a_municipality_goes_after_its_apps() {
    shared("a municipality goes", async |world| {
        world.settle("iznikusi").await;
        world.open(&app_of("iznikusi", "pedejais", "poll")).await;
        world.delete("Municipality", "", "iznikusi").await;
        let waits = |o: &Value| condition(o, "Ready") == ("False", "AppsRemain");
        let town = world.see("Municipality", "", "iznikusi", "waits for its apps", waits).await;
        assert!(message(&town, "Ready").contains("pedejais"), "{}", shown(&town));
        assert!(world.get("Namespace", "", "iznikusi--pedejais").await.unwrap()["metadata"]["deletionTimestamp"].is_null());
        world.delete("MunicipalityApp", "iznikusi", "pedejais").await;
        for space in ["iznikusi--pedejais", "iznikusi"] {
            world.gone("Namespace", "", space).await;
        }
        world.gone("Municipality", "", "iznikusi").await;
    });
}

#[test]
fn removals_that_touch_many_municipalities_wait_for_an_acknowledgement() {
    alone("the removal brake", async |world| {
        world.furnish().await;
        world.merge("Platform", "", "platform", &json!({"spec": {"removalBrake": {"municipalities": 3, "windowMinutes": 10}}})).await;
        let towns = ["viens", "divi", "tris", "cetri", "pieci"];
        for slug in towns {
            world.settle(slug).await;
            world.open(&app(slug, "lapa")).await;
        }
        for slug in &towns[..3] {
            remove(world, slug, "lapa").await;
        }
        for slug in &towns[3..] {
            world.delete("MunicipalityApp", slug, "lapa").await;
        }
        for slug in &towns[3..] {
            let held = |o: &Value| condition(o, "Ready") == ("False", "RemovalHeld");
            let waiting = world.see("MunicipalityApp", slug, "lapa", "held", held).await;
            assert!(message(&waiting, "Ready").contains("acknowledge-removals"), "{}", shown(&waiting));
            let space = world.get("Namespace", "", &format!("{slug}--lapa")).await.unwrap();
            assert_eq!(annotation(&space, "kopnams.lv/retire"), "", "nothing was begun");
        }
        // A restart forgets nothing of it.
        world.kill_operator().await;
        world.ensure_operator().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(world.get("MunicipalityApp", "cetri", "lapa").await.is_some(), "still held");

        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        world.merge("Platform", "", "platform", &json!({"metadata": {"annotations": {"kopnams.lv/acknowledge-removals": now}}})).await;
        for slug in &towns[3..] {
            world.gone("MunicipalityApp", slug, "lapa").await;
            let space = format!("{slug}--lapa");
            world.see("Namespace", "", &space, "retiring", |o| !annotation(o, "kopnams.lv/retire").is_empty()).await;
        }
    });
}
