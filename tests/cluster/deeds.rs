//! Proves that only a deed makes a namespace the operator's: what was there before, a forged label or a deed copied to
//! another name gains nothing, a crash loses nothing, and without the key nothing is written.

use std::time::Duration;

use serde_json::{Value, json};

use crate::kit::{annotation, app, condition, label, shown, text, uid, version};
use crate::run::{alone, shared};
use crate::silence::rest;
use crate::world::World;

/// How long the operator gets to do what it must not.
const TIME_TO_TOUCH: Duration = Duration::from_secs(1);
const CONFLICT: fn(&Value) -> bool = |o| condition(o, "Ready") == ("False", "NamespaceConflict");

fn namespace(name: &str, labels: &Value, annotations: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels, "annotations": annotations}})
}

/// Asserts that a namespace is exactly as it was.
async fn untouched(world: &World, before: &Value) {
    let live = world.get("Namespace", "", text(before, "/metadata/name")).await.unwrap();
    assert_eq!((uid(&live), version(&live)), (uid(before), version(before)), "touched:\n{}", shown(&live));
}

#[test]
fn what_is_not_ours_stays_untouched() {
    shared("foreign namespaces", async |world| {
        world.settle("svess").await;
        world.open(&app("svess", "istais")).await;
        let real = world.get("Namespace", "", "svess--istais").await.unwrap();
        let mut labels = real["metadata"]["labels"].clone();
        labels.as_object_mut().unwrap().remove("kubernetes.io/metadata.name");
        let annotations = real["metadata"]["annotations"].clone();

        let mut strangers = Vec::new();
        for (name, labels, annotations) in [
            ("kopets", &labels, &annotations),
            ("viltots", &json!({"app.kubernetes.io/managed-by": "kopnams", "kopnams.lv/municipality": "svess"}), &json!({})),
            ("vecs", &json!({}), &json!({})),
        ] {
            let made = world.create(&namespace(&format!("svess--{name}"), labels, annotations)).await.unwrap();
            world.apply(&app("svess", name)).await;
            world.see("MunicipalityApp", "svess", name, "NamespaceConflict", CONFLICT).await;
            strangers.push((name, made));
        }
        // Names that no request asks for, with everything that could be copied.
        let other = world.create(&namespace("public-like", &labels, &annotations)).await.unwrap();
        let orphan = world.create(&namespace("svess--neviena", &labels, &annotations)).await.unwrap();
        let of_cluster =
            world.merge("Namespace", "", "kube-public", &json!({"metadata": {"labels": labels, "annotations": annotations}})).await;

        for restarted in [false, true] {
            if restarted {
                world.kill_operator().await;
                world.ensure_operator().await;
            }
            tokio::time::sleep(TIME_TO_TOUCH).await;
            for object in [&other, &orphan, &of_cluster].into_iter().chain(strangers.iter().map(|(_, made)| made)) {
                untouched(world, object).await;
                let name = text(object, "/metadata/name");
                let rails = world.rails(name).await;
                let ours: Vec<_> = rails.iter().filter(|o| label(o, "app.kubernetes.io/managed-by") == "kopnams").collect();
                assert!(ours.is_empty(), "made in {name}: {ours:#?}");
            }
        }
        let listed = world.get("Municipality", "", "svess").await.unwrap();
        assert!(listed["status"]["unclaimed"].is_null(), "a forged tenant is not reported as one: {}", shown(&listed));

        for (name, _) in &strangers {
            world.delete_kept("Namespace", "", &format!("svess--{name}")).await;
            let live = world.ready_app("svess", name).await;
            let made = world.get("Namespace", "", &format!("svess--{name}")).await.unwrap();
            assert_eq!(label(&made, "kopnams.lv/tenant-id"), text(&live, "/status/tenantId"));
            assert_ne!(annotation(&made, "kopnams.lv/deed"), annotation(&real, "kopnams.lv/deed"));
        }
        world.allow("Namespace", "", "kube-public").await;
        let nothing: Value =
            labels.as_object().unwrap().keys().map(|key| (key.clone(), Value::Null)).collect::<serde_json::Map<_, _>>().into();
        world.merge("Namespace", "", "kube-public", &json!({"metadata": {"labels": nothing, "annotations": null}})).await;
    });
}

/// A home namespace that somebody made before is not taken either.
#[test]
fn a_home_that_was_there_before_is_not_taken() {
    shared("a foreign home", async |world| {
        let made = world.create(&namespace("ciemins", &json!({}), &json!({}))).await.unwrap();
        world.apply(&crate::kit::municipality("ciemins")).await;
        world.see("Municipality", "", "ciemins", "NamespaceConflict", CONFLICT).await;
        tokio::time::sleep(TIME_TO_TOUCH).await;
        untouched(world, &made).await;
        world.delete("Namespace", "", "ciemins").await;
        world.ready_municipality("ciemins").await;
    });
}

/// The status that remembers the tenant is refused, the operator killed: only the namespace knows the tenant now.
#[test]
fn killed_between_namespace_and_status_it_finds_its_tenant() {
    shared("killed before the status", async |world| {
        world.settle("avarija").await;
        let policy = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "no-tenant-yet"},
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": ["kopnams.lv"], "apiVersions": ["*"], "operations": ["UPDATE"], "resources": ["municipalityapps/status"],
                }]},
                "validations": [{"expression": "object.metadata.namespace != 'avarija' || !has(object.status.tenantId)", "message": "not yet"}],
            },
        });
        world.apply(&policy).await;
        world.apply(&json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "no-tenant-yet"},
            "spec": {"policyName": "no-tenant-yet", "validationActions": ["Deny"]},
        })).await;
        // In force a moment later: a probe is refused when it is.
        world.apply(&app("avarija", "mers")).await;
        let probe = json!({"status": {"tenantId": "probe"}});
        world
            .until("the policy is in force", async || {
                let params = kube::api::PatchParams::default();
                let patch = kube::api::Patch::Merge(&probe);
                match world.api("MunicipalityApp", "avarija").patch_status("mers", &params, &patch).await {
                    Err(error) if error.to_string().contains("not yet") => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            })
            .await;
        world.apply(&app("avarija", "viens")).await;
        let made = world.see("Namespace", "", "avarija--viens", "made", |_| true).await;
        world.kill_operator().await;
        let forgotten = world.get("MunicipalityApp", "avarija", "viens").await.unwrap();
        assert_eq!(text(&forgotten, "/status/tenantId"), "", "the status knows nothing of the tenant");

        world.delete("ValidatingAdmissionPolicyBinding", "", "no-tenant-yet").await;
        world.delete("ValidatingAdmissionPolicy", "", "no-tenant-yet").await;
        world.ensure_operator().await;
        let ready = world.ready_app("avarija", "viens").await;
        assert_eq!(text(&ready, "/status/tenantId"), label(&made, "kopnams.lv/tenant-id"));
        assert_eq!(uid(&world.get("Namespace", "", "avarija--viens").await.unwrap()), uid(&made));
    });
}

#[test]
fn without_the_key_nothing_is_written_until_it_is_restored() {
    alone("the key lost", async |world| {
        world.furnish().await;
        world.settle("atslega").await;
        world.open(&app("atslega", "viens")).await;
        // What the first process has not said yet, such as that the Platform is usable, the second would say.
        rest(world).await;
        let mut secret = world.get("Secret", "kopnams-system", "kopnams-deed-key").await.unwrap();
        world.delete("Secret", "kopnams-system", "kopnams-deed-key").await;
        world.kill_operator().await;
        world.ensure_operator().await;

        let audit = world.audit();
        world.apply(&app("atslega", "divi")).await;
        let lost = |o: &Value| condition(o, "Isolated") == ("False", "DeedKeyLost");
        let new = |o: &Value| condition(o, "Admitted") == ("False", "DeedKeyLost");
        let refused = world.see("MunicipalityApp", "atslega", "divi", "DeedKeyLost", new).await;
        assert!(crate::kit::message(&refused, "Admitted").contains("kopnams-deed-key"), "{}", shown(&refused));
        world.see("MunicipalityApp", "atslega", "viens", "DeedKeyLost", lost).await;
        assert!(world.get("Namespace", "", "atslega--divi").await.is_none());
        let writes = audit.writes_of_operator();
        let objects: Vec<_> = writes.iter().filter(|line| !line.resource.starts_with("municipal") && line.resource != "events").collect();
        assert!(objects.is_empty(), "written without the key: {objects:#?}");
        assert!(world.get("Secret", "kopnams-system", "kopnams-deed-key").await.is_none(), "no second key is made");

        secret["metadata"] = json!({"name": "kopnams-deed-key", "namespace": "kopnams-system"});
        world.create(&secret).await.unwrap();
        world.ready_app("atslega", "divi").await;
        world.ready_app("atslega", "viens").await;
    });
}
