//! Proves that what was granted stays when the catalogue changes, that a budget is never exceeded however many ask at
//! once, and that names that look alike when joined are different tenants.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::kit::{app, app_of, condition, is_ready, label, municipality, shown, text, uid};
use crate::run::shared;

#[test]
fn a_system_that_leaves_the_catalogue_tears_nothing_down() {
    shared("a system leaves the catalogue", async |world| {
        let mut entry = world.get("HostedSystem", "", "website").await.unwrap();
        entry["metadata"] = json!({"name": "passing"});
        entry.as_object_mut().unwrap().remove("status");
        world.apply(&entry).await;
        world.settle("katalogs").await;
        let granted = world.open(&app_of("katalogs", "viens", "passing")).await;
        let space = "katalogs--viens";
        let before = world.get("Namespace", "", space).await.unwrap();

        world.delete("HostedSystem", "", "passing").await;
        let unknown = |o: &Value| condition(o, "Admitted") == ("False", "SystemUnknown") && condition(o, "Isolated").0 == "True";
        let live = world.see("MunicipalityApp", "katalogs", "viens", "SystemUnknown, and isolated still", unknown).await;
        assert_eq!(live["status"]["grant"], granted["status"]["grant"], "what was granted stays in force");
        world.delete("NetworkPolicy", space, "default-deny").await;
        world.see("NetworkPolicy", space, "default-deny", "repaired from the grant", |_| true).await;
        assert_eq!(uid(&world.get("Namespace", "", space).await.unwrap()), uid(&before));
        world.apply(&app_of("katalogs", "divi", "passing")).await;
        world.see("MunicipalityApp", "katalogs", "divi", "SystemUnknown", |o| condition(o, "Ready") == ("False", "SystemUnknown")).await;
        assert!(world.get("Namespace", "", "katalogs--divi").await.is_none());

        world.apply(&entry).await;
        world.ready_app("katalogs", "viens").await;
        world.ready_app("katalogs", "divi").await;
    });
}

#[test]
fn a_budget_is_never_exceeded() {
    shared("a budget", async |world| {
        let mut town = municipality("budzets");
        town["spec"]["allotment"] = json!({"cpu": "1", "memory": "80Gi", "storage": "400Gi", "apps": 40});
        world.apply(&town).await;
        world.ready_municipality("budzets").await;
        // Each asks for a quarter of a core, all at once.
        let requests: Vec<Value> = (0..12).map(|n| app("budzets", &format!("a{n:02}"))).collect();
        join_all(requests.iter().map(|request| world.apply(request))).await;
        let decided = |o: &Value| is_ready(o) || condition(o, "Ready") == ("False", "AllotmentExceeded");
        let apps = world
            .until("all are decided", async || {
                let apps = world.list("MunicipalityApp", "budzets").await;
                apps.iter().find(|o| !decided(o)).map_or(Ok(apps.clone()), |o| Err(shown(o)))
            })
            .await;
        let ready: Vec<&str> = apps.iter().filter(|o| is_ready(o)).map(|o| text(o, "/metadata/name")).collect();
        assert_eq!(ready.len(), 4, "{ready:?}");
        let spaces = world.list("Namespace", "").await.iter().filter(|o| text(o, "/metadata/name").starts_with("budzets--")).count();
        assert_eq!(spaces, 4, "nothing is made for the others");

        // Less than is granted: reported, nobody is evicted. More again: the next ones in order of creation.
        world.merge("Municipality", "", "budzets", &json!({"spec": {"allotment": {"cpu": "500m"}}})).await;
        let below = |o: &Value| condition(o, "WithinAllotment") == ("False", "AllotmentBelowGranted");
        world.see("Municipality", "", "budzets", "below what is granted", below).await;
        for name in &ready {
            world.ready_app("budzets", name).await;
        }
        world.merge("Municipality", "", "budzets", &json!({"spec": {"allotment": {"cpu": "1500m"}}})).await;
        world
            .until("six fit now", async || {
                let apps = world.list("MunicipalityApp", "budzets").await;
                let now = apps.iter().filter(|o| is_ready(o)).count();
                if now == 6 { Ok(()) } else { Err(format!("{now} are Ready")) }
            })
            .await;
    });
}

#[test]
fn names_that_look_alike_joined_are_different_tenants() {
    shared("joined names", async |world| {
        for (slug, name) in [("sala", "b-c"), ("sala-b", "c")] {
            world.settle(slug).await;
            world.open(&app(slug, name)).await;
        }
        let mut tenants = BTreeSet::new();
        for (space, town) in [("sala--b-c", "sala"), ("sala-b--c", "sala-b")] {
            let found = world.get("Namespace", "", space).await.unwrap();
            assert_eq!(label(&found, "kopnams.lv/municipality"), town);
            tenants.insert(label(&found, "kopnams.lv/tenant-id").to_string());
        }
        assert_eq!(tenants.len(), 2);
        let refused = world.create(&municipality("sala--b")).await.unwrap_err().to_string();
        assert!(refused.contains("NameInvalid"), "{refused}");
    });
}
