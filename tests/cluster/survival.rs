//! Proves that tenants outlive what they are asked for by: the definition, the home namespace, the installation.
//! No app namespace is lost, and each request that is made again finds its own tenant.

use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{annotation, app, condition, label, shown, text, uid};
use crate::run::alone;
use crate::world::World;

const APPS: [(&str, &str); 3] = [("saglabats", "viens"), ("saglabats", "divi"), ("kaimins", "viens")];

/// What must stay: UID of the namespace, tenant and since when it is granted.
#[derive(Debug, PartialEq)]
struct Kept {
    uid: String,
    tenant: String,
    since: String,
}

async fn kept(world: &World, slug: &str, name: &str) -> Kept {
    let request = world.ready_app(slug, name).await;
    let space = world.get("Namespace", "", &format!("{slug}--{name}")).await.unwrap();
    assert_eq!(annotation(&space, "kopnams.lv/retire"), "", "{}", shown(&space));
    let tenant = text(&request, "/status/tenantId").to_string();
    assert_eq!(tenant, label(&space, "kopnams.lv/tenant-id"));
    Kept { uid: uid(&space).into(), tenant, since: text(&request, "/status/grant/since").into() }
}

async fn ask(world: &World) -> Vec<Kept> {
    let mut all = Vec::new();
    for (slug, name) in APPS {
        world.open(&app(slug, name)).await;
        all.push(kept(world, slug, name).await);
    }
    all
}

/// Asserts that every app namespace is there as before, neither marked nor going.
async fn all_there(world: &World, before: &[Kept], after: &str) {
    for ((slug, name), kept) in APPS.iter().zip(before) {
        let space =
            world.get("Namespace", "", &format!("{slug}--{name}")).await.unwrap_or_else(|| panic!("{slug}--{name} is lost after {after}"));
        assert_eq!(uid(&space), kept.uid, "after {after}");
        assert!(space["metadata"]["deletionTimestamp"].is_null(), "after {after}: {}", shown(&space));
        assert_eq!(annotation(&space, "kopnams.lv/retire"), "", "nobody asked for its removal; after {after}: {}", shown(&space));
    }
}

#[test]
fn tenants_outlive_their_requests_home_and_operator() {
    alone("survival", async |world| {
        world.furnish().await;
        for slug in ["saglabats", "kaimins"] {
            world.settle(slug).await;
        }
        let before = ask(world).await;
        the_definition_goes(world, &before).await;
        the_home_goes(world, &before).await;
        the_installation_goes(world, &before).await;
    });
}

async fn the_definition_goes(world: &World, before: &[Kept]) {
    let definition = "municipalityapps.kopnams.lv";
    world.delete("CustomResourceDefinition", "", definition).await;
    world.gone("CustomResourceDefinition", "", definition).await;
    all_there(world, before, "the definition was deleted").await;
    let orphaned = |o: &Value| {
        o["status"]["unclaimed"].as_array().is_some_and(|list| list.len() == 2 && list.iter().all(|t| t["state"] == "Orphaned"))
    };
    world.see("Municipality", "", "saglabats", "tells of its orphans", orphaned).await;

    world.lab.kubectl(["apply", "-f", concat!(env!("CARGO_MANIFEST_DIR"), "/crds/municipalityapps.yaml")]).unwrap();
    world.lab.kubectl(["wait", "--for=condition=Established", "crd", definition]).unwrap();
    assert_eq!(ask(world).await, before, "each request finds its own");
    world.see("Municipality", "", "saglabats", "tells of nothing", |o| o["status"]["unclaimed"].is_null()).await;
}

async fn the_home_goes(world: &World, before: &[Kept]) {
    let home = world.get("Namespace", "", "saglabats").await.unwrap();
    world.delete_kept("Namespace", "", "saglabats").await;
    world.see("Namespace", "", "saglabats", "made again", |o| uid(o) != uid(&home)).await;
    world.ready_municipality("saglabats").await;
    all_there(world, before, "the home namespace was deleted").await;
    assert_eq!(ask(world).await, before, "each request finds its own");
}

async fn the_installation_goes(world: &mut World, before: &[Kept]) {
    world.stop_operator();
    // The chart's hook runs this in a pod; there is no kubelet here.
    let released = Command::new(env!("CARGO_BIN_EXE_kopnams"))
        .args(["release", "--namespace", "kopnams-system"])
        .env_clear()
        .env("KUBECONFIG", world.lab.kubeconfig())
        .output()
        .unwrap();
    assert!(released.status.success(), "{}", String::from_utf8_lossy(&released.stderr));
    assert!(String::from_utf8_lossy(&released.stdout).contains("released 3 requests and 2 municipalities"), "{released:?}");
    world.helm(&["uninstall", "kopnams", "--no-hooks"]);
    assert!(world.get("ClusterRole", "", "kopnams-controller").await.is_none(), "it is uninstalled");
    for slug in ["saglabats", "kaimins"] {
        let town = world.get("Municipality", "", slug).await.unwrap();
        assert!(town["metadata"]["finalizers"].is_null(), "{}", shown(&town));
    }
    for (slug, name) in APPS {
        world.delete("MunicipalityApp", slug, name).await;
        assert!(world.get("MunicipalityApp", slug, name).await.is_none(), "nothing holds it any more");
    }
    all_there(world, before, "the chart was uninstalled and the requests deleted").await;
    let deny = world.get("NetworkPolicy", "saglabats--viens", "default-deny").await;
    assert!(deny.is_some(), "without the operator nothing becomes more permissive");

    world.install();
    // The release keeps the lease for a minute, so that an operator that still runs stays out; nobody waits for that here.
    world.delete("Lease", "kopnams-system", "kopnams").await;
    world.renew_operator_token();
    world.ensure_operator().await;
    assert_eq!(ask(world).await, before, "each request finds its own");
    let ready = world.get("MunicipalityApp", "kaimins", "viens").await.unwrap();
    assert_eq!(ready["metadata"]["finalizers"], json!(["kopnams.lv/hand-over"]));
    assert_eq!(condition(&ready, "Ready").0, "True");
}
