//! Proves the whole life of a tenant: what is made, with which names, labels and numbers, and that each change reaches
//! exactly the objects that it concerns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::kit::{annotation, app_of, by_name, condition, label, municipality, shown, text, version};
use crate::run::shared;
use crate::world::World;

/// Versions of a namespace's guard rails, once the quota controller has finished with them too.
async fn versions(world: &World, namespace: &str) -> BTreeMap<String, String> {
    world
        .until("the quotas are counted", async || {
            let rails = world.rails(namespace).await;
            let counted = |o: &Value| text(o, "/kind") != "ResourceQuota" || o["status"]["hard"] == o["spec"]["hard"];
            match rails.iter().find(|object| !counted(object)) {
                Some(object) => Err(shown(object)),
                None => Ok(by_name(&rails).into_iter().map(|(name, o)| (name, version(&o).to_string())).collect()),
            }
        })
        .await
}

/// Asserts that a change reached these objects and no others.
async fn only_changed(world: &World, namespace: &str, before: &BTreeMap<String, String>, expected: &[&str]) -> BTreeMap<String, String> {
    let after = versions(world, namespace).await;
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed: Vec<&str> = names.into_iter().filter(|name| before.get(*name) != after.get(*name)).map(String::as_str).collect();
    assert_eq!(changed, expected, "objects that changed");
    after
}

#[test]
fn a_tenant_lives() {
    shared("a tenant's life", async |world| {
        world.settle("dzive").await;
        home_is_complete(world).await;
        let mut request = app_of("dzive", "avize", "newsletter");
        request["spec"]["hostname"] = "avize.dzive.example.lv".into();
        let ready = world.open(&request).await;
        let space = "dzive--avize";
        assert_eq!(condition(&ready, "Ready"), ("True", "Ready"));
        for type_ in ["Admitted", "Isolated", "Deployed", "Available"] {
            assert_eq!(condition(&ready, type_).0, "True", "{type_}: {}", shown(&ready));
        }
        assert_eq!(text(&ready, "/status/url"), "https://avize.dzive.example.lv");
        assert!(!text(&ready, "/status/requestedAt").is_empty() && !text(&ready, "/status/readyAt").is_empty());
        app_is_complete(world, &ready).await;

        let first = versions(world, space).await;
        changes_converge(world, &mut request, first).await;
        strangers_stay(world, &mut request).await;

        request["spec"]["suspend"] = true.into();
        world.apply(&request).await;
        world.see("MunicipalityApp", "dzive", "avize", "suspended", |o| condition(o, "Ready") == ("True", "Suspended")).await;
    });
}

async fn home_is_complete(world: &World) {
    let home = world.get("Namespace", "", "dzive").await.unwrap();
    assert_eq!(label(&home, "kopnams.lv/municipality"), "dzive");
    assert_eq!(label(&home, "app.kubernetes.io/managed-by"), "kopnams");
    assert_eq!(label(&home, "kopnams.lv/app"), "", "{}", shown(&home));
    let names: Vec<_> = by_name(&world.rails("dzive").await).into_keys().collect();
    let expected = [
        "NetworkPolicy/default-deny",
        "ResourceQuota/objects",
        "RoleBinding/kopnams-operators",
        "RoleBinding/kopnams-viewers",
        "ServiceAccount/default",
    ];
    assert_eq!(names, expected);
}

async fn app_is_complete(world: &World, ready: &Value) {
    let space = "dzive--avize";
    let tenant = text(ready, "/status/tenantId");
    let ours = json!({
        "app.kubernetes.io/managed-by": "kopnams", "kopnams.lv/municipality": "dzive", "kopnams.lv/app": "avize", "kopnams.lv/tenant-id": tenant,
    });
    let namespace = world.get("Namespace", "", space).await.unwrap();
    let mut labels = ours.clone();
    labels["kubernetes.io/metadata.name"] = space.into();
    for mode in ["enforce", "audit", "warn"] {
        labels[format!("pod-security.kubernetes.io/{mode}")] = "restricted".into();
    }
    assert_eq!(namespace["metadata"]["labels"], labels);
    assert!(annotation(&namespace, "kopnams.lv/deed").starts_with(tenant), "{}", shown(&namespace));
    assert!(namespace["metadata"]["ownerReferences"].is_null(), "no owner may take the namespace away");

    let rails = by_name(&world.rails(space).await);
    let expected = [
        "LimitRange/defaults",
        "NetworkPolicy/allow-dns",
        "NetworkPolicy/allow-ingress",
        "NetworkPolicy/allow-same-namespace",
        "NetworkPolicy/default-deny",
        "NetworkPolicy/egress-mail-relay",
        "ResourceQuota/backup",
        "ResourceQuota/jobs",
        "ResourceQuota/objects",
        "ResourceQuota/running",
        "RoleBinding/kopnams-operators",
        "RoleBinding/kopnams-tenant",
        "RoleBinding/kopnams-viewers",
        "ServiceAccount/default",
    ];
    assert_eq!(rails.keys().collect::<Vec<_>>(), expected);
    for (name, object) in &rails {
        assert_eq!(object["metadata"]["labels"], ours, "labels of {name}");
        assert!(object["metadata"]["ownerReferences"].is_null(), "owners of {name}");
    }
    let compute = json!({"requests.cpu": "250m", "limits.cpu": "1", "requests.memory": "512Mi", "limits.memory": "512Mi", "pods": "5"});
    for quota in ["running", "jobs", "backup"] {
        assert_eq!(rails[&format!("ResourceQuota/{quota}")]["spec"]["hard"], compute, "{quota}");
    }
    let objects = &rails["ResourceQuota/objects"]["spec"]["hard"];
    assert_eq!(text(objects, "/requests.storage"), "4Gi", "twice the size, so that a restore fits");
    assert_eq!((text(objects, "/services.nodeports"), text(objects, "/services.loadbalancers")), ("0", "0"));
    assert_eq!(rails["ServiceAccount/default"]["automountServiceAccountToken"], json!(false));
    let limits = &rails["LimitRange/defaults"]["spec"]["limits"][0];
    assert_eq!(limits["defaultRequest"], json!({"cpu": "50m", "memory": "102Mi"}));
    assert_eq!(limits["default"], json!({"cpu": "200m", "memory": "102Mi"}));
    let deny = &rails["NetworkPolicy/default-deny"]["spec"];
    assert_eq!(*deny, json!({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}));
    let operators = &rails["RoleBinding/kopnams-operators"];
    assert_eq!(text(operators, "/roleRef/name"), "kopnams-operator");
    assert_eq!(operators["subjects"], json!([{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "dzive:it"}]));
}

async fn changes_converge(world: &World, request: &mut Value, before: BTreeMap<String, String>) {
    let space = "dzive--avize";
    let granted = |size: &'static str| move |o: &Value| text(o, "/status/grant/size/name") == size && crate::kit::is_ready(o);
    request["spec"]["size"] = "large".into();
    world.apply(request).await;
    world.see("MunicipalityApp", "dzive", "avize", "granted large", granted("large")).await;
    let sized = ["LimitRange/defaults", "ResourceQuota/backup", "ResourceQuota/jobs", "ResourceQuota/objects", "ResourceQuota/running"];
    let before = only_changed(world, space, &before, &sized).await;
    let running = world.get("ResourceQuota", space, "running").await.unwrap();
    assert_eq!(text(&running, "/spec/hard/requests.memory"), "2Gi");

    world
        .merge(
            "Municipality",
            "",
            "dzive",
            &json!({"spec": {"members": [
                {"role": "operator", "kind": "Group", "name": "dzive:it"},
                {"role": "viewer", "kind": "Group", "name": "dzive:council"},
            ]}}),
        )
        .await;
    let bound = |o: &Value| text(o, "/subjects/0/name") == "dzive:council";
    world.see("RoleBinding", space, "kopnams-viewers", "bound to the new group", bound).await;
    world.see("RoleBinding", "dzive", "kopnams-viewers", "bound to the new group", bound).await;
    let before = only_changed(world, space, &before, &["RoleBinding/kopnams-viewers"]).await;

    let dns = world.get("Platform", "", "platform").await.unwrap()["spec"]["dns"].clone();
    world.merge("Platform", "", "platform", &json!({"spec": {"dns": [{"cidr": "10.96.0.10/32"}]}})).await;
    let there = |o: &Value| text(o, "/spec/egress/0/to/0/ipBlock/cidr") == "10.96.0.10/32";
    world.see("NetworkPolicy", space, "allow-dns", "to the new server", there).await;
    let before = only_changed(world, space, &before, &["NetworkPolicy/allow-dns"]).await;
    world.merge("Platform", "", "platform", &json!({"spec": {"dns": dns}})).await;
    world.see("NetworkPolicy", space, "allow-dns", "to the old server", |o| !there(o)).await;
    only_changed(world, space, &before, &["NetworkPolicy/allow-dns"]).await;
    world.apply(&merged_members(municipality("dzive"), world).await).await;
}

/// The municipality as it was, with its code kept.
async fn merged_members(mut object: Value, world: &World) -> Value {
    let live = world.get("Municipality", "", "dzive").await.unwrap();
    object["spec"]["code"] = live["spec"]["code"].clone();
    object
}

/// A host name that is withdrawn takes its policy along, and nothing that others made.
async fn strangers_stay(world: &World, request: &mut Value) {
    let space = "dzive--avize";
    let labels = world.get("NetworkPolicy", space, "default-deny").await.unwrap()["metadata"]["labels"].clone();
    let policy = |name: &str, labels: Value| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name, "namespace": space, "labels": labels},
            "spec": {"podSelector": {"matchLabels": {"never": "there"}}, "policyTypes": ["Egress"]},
        })
    };
    let plain = world.create(&policy("of-an-admin", json!({}))).await.unwrap();
    let alike = world.create(&policy("with-our-labels", labels)).await.unwrap();
    let before = versions(world, space).await;

    let spec = request["spec"].as_object_mut().unwrap();
    let hostname = spec.remove("hostname").unwrap();
    world.apply(request).await;
    world.gone("NetworkPolicy", space, "allow-ingress").await;
    world.see("MunicipalityApp", "dzive", "avize", "without a URL", |o| text(o, "/status/url").is_empty()).await;
    let before = only_changed(world, space, &before, &["NetworkPolicy/allow-ingress"]).await;
    for stranger in [plain, alike] {
        let live = world.get("NetworkPolicy", space, text(&stranger, "/metadata/name")).await.expect("nobody asked for it to be pruned");
        assert_eq!(version(&live), version(&stranger), "{}", shown(&live));
    }
    request["spec"]["hostname"] = hostname;
    world.apply(request).await;
    world.see("NetworkPolicy", space, "allow-ingress", "there again", |_| true).await;
    only_changed(world, space, &before, &["NetworkPolicy/allow-ingress"]).await;
}
