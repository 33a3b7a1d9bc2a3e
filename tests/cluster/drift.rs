//! Proves that every field that the operator declares comes back: each leaf of each guard rail is changed, taken away
//! and added to by an admin, and each object is deleted. Generated from the live objects, so a new field is tested too.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kube::api::{DynamicObject, PostParams};
use serde_json::{Value, json};

use crate::kit::{annotation, app_of, by_name, condition, label, meant, shown, text, uid, version};
use crate::run::{say, shared};
use crate::world::World;

/// What came of the edits of one object.
#[derive(Default)]
struct Count {
    repaired: usize,
    slowest: Duration,
    /// Declared fields of which the API server itself lets nothing be changed.
    fixed: BTreeSet<String>,
}

#[test]
fn every_declared_field_comes_back() {
    shared("drift of guard rails", async |world| {
        world.settle("dreifs").await;
        let mut request = app_of("dreifs", "viens", "newsletter");
        request["spec"]["hostname"] = "viens.dreifs.example.lv".into();
        world.open(&request).await;
        let before = repairs(world);
        let mut count = Count::default();
        let objects: Vec<Value> = world.rails("dreifs--viens").await.into_iter().chain(world.rails("dreifs").await).collect();
        for object in &objects {
            edit_everything(world, object, &declared(object), &mut count).await;
        }
        say(&format!("  {} edits of {} objects repaired, the slowest in {:?}", count.repaired, objects.len(), count.slowest));
        // A binding made anew is tested on its own; the others are changed with the list that they are in.
        let parts = ["/spec/scopeSelector/matchExpressions/", "/subjects/0/apiGroup", "/subjects/0/kind", "/roleRef/"];
        let fixed: Vec<_> = count.fixed.iter().filter(|at| !parts.iter().any(|part| at.starts_with(part))).collect();
        assert_eq!(fixed, Vec::<&String>::new(), "declared fields of which the API server lets nothing be changed");
        assert!(count.repaired > 300, "the matrix is as large as it was: {}", count.repaired);
        world.ready_app("dreifs", "viens").await;
        assert!(repairs(world) > before, "repairs are counted in the metrics");
    });
}

#[test]
fn every_mark_on_a_namespace_comes_back() {
    shared("drift of namespaces", async |world| {
        world.settle("zimes").await;
        world.open(&app_of("zimes", "viens", "website")).await;
        let foreign =
            json!({"metadata": {"labels": {"team": "a", "example.lv/cost-centre": "7"}, "annotations": {"example.lv/note": "kept"}}});
        let mut count = Count::default();
        for space in ["zimes--viens", "zimes"] {
            // The admission policies let nobody do this who does not say that they mean it.
            world.allow("Namespace", "", space).await;
            let object = world.merge("Namespace", "", space, &foreign).await;
            let others = ["kopnams.lv~1deed", "kopnams.lv~1allow-delete"];
            let marks = declared(&object).into_iter().filter(|at| !others.iter().any(|other| at.ends_with(other))).collect();
            edit_everything(world, &object, &marks, &mut count).await;
            for extra in [
                json!({"labels": {"pod-security.kubernetes.io/enforce-version": "v1.20"}}),
                json!({"labels": {"kopnams.lv/more": "x"}}),
                json!({"annotations": {"kopnams.lv/retire": "2026-01-01T00:00:00Z"}}),
                json!({"labels": {"pod-security.kubernetes.io/enforce": "privileged", "kopnams.lv/municipality": "riga"}}),
            ] {
                world.merge("Namespace", "", space, &json!({"metadata": extra})).await;
                comes_back(world, &object, &extra.to_string(), &mut count).await;
            }
            let live = world.get("Namespace", "", space).await.unwrap();
            assert_eq!((label(&live, "team"), annotation(&live, "example.lv/note")), ("a", "kept"), "{}", shown(&live));
            assert_eq!(uid(&live), uid(&object));
        }
        say(&format!("  {} edits of namespaces repaired, the slowest in {:?}", count.repaired, count.slowest));
        assert_eq!(count.fixed, BTreeSet::new());
    });
}

/// The deed is the proof itself: without it the namespace is a stranger's, until it is put back.
#[test]
fn a_namespace_without_its_deed_is_a_strangers() {
    shared("a deed taken off", async |world| {
        world.settle("dokuments").await;
        world.open(&app_of("dokuments", "viens", "website")).await;
        let space = "dokuments--viens";
        let deed = annotation(&world.get("Namespace", "", space).await.unwrap(), "kopnams.lv/deed").to_string();
        world.allow("Namespace", "", space).await;
        let bare = world.merge("Namespace", "", space, &json!({"metadata": {"annotations": {"kopnams.lv/deed": null}}})).await;
        let conflict = |o: &Value| condition(o, "Isolated") == ("False", "NamespaceConflict");
        world.see("MunicipalityApp", "dokuments", "viens", "a conflict", conflict).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let live = world.get("Namespace", "", space).await.unwrap();
        assert_eq!(version(&live), version(&bare), "untouched: {}", shown(&live));
        world.merge("Namespace", "", space, &json!({"metadata": {"annotations": {"kopnams.lv/deed": deed}}})).await;
        world.ready_app("dokuments", "viens").await;
    });
}

/// What a binding binds to cannot be edited; made anew with another role it is made anew by the operator.
#[test]
fn a_binding_to_another_role_is_made_anew() {
    shared("bindings to another role", async |world| {
        world.settle("lomas").await;
        world.open(&app_of("lomas", "viens", "website")).await;
        let space = "lomas--viens";
        for (name, object) in by_name(&world.list("RoleBinding", space).await) {
            for labelled in [true, false] {
                let mut forged = meant(&object);
                forged["apiVersion"] = "rbac.authorization.k8s.io/v1".into();
                forged["roleRef"]["name"] = "cluster-admin".into();
                if !labelled {
                    forged["metadata"]["labels"] = json!({});
                    forged["metadata"]["annotations"] = json!({});
                }
                world
                    .while_frozen(async || {
                        world.delete("RoleBinding", space, text(&object, "/metadata/name")).await;
                        world.create(&forged).await.unwrap();
                    })
                    .await;
                let back = |o: &Value| meant(o)["roleRef"] == object["roleRef"] && label(o, "kopnams.lv/app") == "viens";
                let what = format!("{name} bound as meant again, labelled: {labelled}");
                world.see("RoleBinding", space, text(&object, "/metadata/name"), &what, back).await;
            }
        }
    });
}

fn repairs(world: &World) -> f64 {
    let operator = world.operator();
    operator.as_ref().unwrap().metric("kopnams_repairs_total{kind=\"NetworkPolicy\"} ").unwrap_or_default()
}

/// JSON pointers of everything that the operator declares, containers included.
fn declared(object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for root in ["/spec", "/subjects", "/roleRef", "/automountServiceAccountToken"] {
        if object["kind"] != "Namespace"
            && let Some(value) = object.pointer(root)
        {
            walk(value, root.to_string(), &mut found);
        }
    }
    for map in ["labels", "annotations"] {
        let keys = object["metadata"][map].as_object().into_iter().flatten().map(|(key, _)| key);
        let ours = |key: &&String| {
            key.contains("kopnams.lv/") || key.starts_with("pod-security.") || key.as_str() == "app.kubernetes.io/managed-by"
        };
        found.extend(keys.filter(ours).map(|key| format!("/metadata/{map}/{}", key.replace('/', "~1"))));
    }
    found
}

fn walk(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| walk(value, format!("{at}/{}", key.replace('/', "~1")), found)),
        Value::Array(list) => list.iter().enumerate().for_each(|(index, value)| walk(value, format!("{at}/{index}"), found)),
        _ => {}
    }
    found.push(at);
}

/// Makes every edit to every declared place, one after another, and deletes the object at last.
async fn edit_everything(world: &World, object: &Value, places: &Vec<String>, count: &mut Count) {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    for at in places {
        let mut accepted = false;
        for (what, value) in edits(object.pointer(at).unwrap()) {
            let Some(edited) = replaced(object, at, value) else { continue };
            if write(world, object, edited).await {
                accepted = true;
                comes_back(world, object, &format!("{what} {at}"), count).await;
                if what == "change" {
                    // The other candidates are for fields that take only certain values.
                    break;
                }
            }
        }
        if write(world, object, without(object, at)).await {
            accepted = true;
            comes_back(world, object, &format!("remove {at}"), count).await;
        }
        let is_leaf = !object.pointer(at).unwrap().is_object() && !object.pointer(at).unwrap().is_array();
        if is_leaf && !accepted {
            count.fixed.insert(at.clone());
        }
    }
    if kind != "Namespace" {
        world.delete(kind, text(object, "/metadata/namespace"), name).await;
        comes_back(world, object, "delete", count).await;
    }
}

/// What a value can be changed to; of several candidates the first that the API server takes is used.
fn edits(value: &Value) -> Vec<(&'static str, Value)> {
    match value {
        Value::Bool(value) => vec![("change", json!(!value))],
        Value::Number(value) => vec![("change", json!(value.as_i64().unwrap() + 1))],
        Value::String(value) => {
            let other = ["UDP", "Egress", "Ingress", "DoesNotExist", "NotIn", "Exists", "BestEffort", "203.0.113.0/24", "7", "7Gi", "Pod"];
            let marked = [format!("{value}x"), format!("{value}-x")];
            marked.into_iter().chain(other.map(Into::into)).filter(|new| new != value).map(|new| ("change", json!(new))).collect()
        }
        Value::Array(list) => {
            let mut longer = list.clone();
            longer.extend(list.first().cloned());
            let rule = [list.clone(), vec![json!({})]].concat();
            let subject = json!({"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "strangers"});
            let subject = [list.clone(), vec![subject]].concat();
            vec![("append to", json!(rule)), ("append to", json!(subject)), ("repeat in", json!(longer)), ("empty", json!([]))]
        }
        Value::Object(map) => {
            // Fields that exist and that the operator leaves out, beside free keys of maps.
            let extras = [
                ("extra", json!("x")),
                ("count/extras.example.lv", json!("7")),
                ("ingress", json!([{}])),
                ("egress", json!([{}])),
                ("ports", json!([{"protocol": "TCP", "port": 1}])),
                ("endPort", json!(60000)),
                ("max", json!({"cpu": "64"})),
                ("min", json!({"cpu": "1m"})),
                ("except", json!(["192.0.2.25/32"])),
                ("podSelector", json!({"matchLabels": {"extra": "x"}})),
                ("namespaceSelector", json!({})),
                ("matchLabels", json!({"extra": "x"})),
                ("matchExpressions", json!([{"key": "extra", "operator": "Exists"}])),
            ];
            let absent = extras.into_iter().filter(|(key, _)| !map.contains_key(*key));
            absent
                .map(|(key, value)| {
                    let mut map = map.clone();
                    map.insert(key.into(), value);
                    ("add to", Value::Object(map))
                })
                .collect()
        }
        Value::Null => vec![],
    }
}

fn replaced(object: &Value, at: &str, value: Value) -> Option<Value> {
    let mut edited = object.clone();
    *edited.pointer_mut(at)? = value;
    Some(edited)
}

fn without(object: &Value, at: &str) -> Value {
    let mut edited = object.clone();
    let (parent, key) = at.rsplit_once('/').unwrap();
    match edited.pointer_mut(parent) {
        Some(Value::Object(map)) => {
            map.remove(&key.replace("~1", "/"));
        }
        Some(Value::Array(list)) => {
            list.remove(key.parse().unwrap());
        }
        _ => {}
    }
    edited
}

/// Writes an edited object in the live one's place; false if the API server refuses or sees no difference.
async fn write(world: &World, object: &Value, mut edited: Value) -> bool {
    let (kind, namespace, name) = (text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    loop {
        let live = world.get(kind, namespace, name).await.unwrap();
        edited["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
        edited["metadata"]["uid"] = live["metadata"]["uid"].clone();
        edited["apiVersion"] = live["apiVersion"].clone();
        let Ok(edited) = serde_json::from_value::<DynamicObject>(edited.clone()) else { return false };
        match world.api(kind, namespace).replace(name, &PostParams::default(), &edited).await {
            Ok(written) => return meant(&serde_json::to_value(written).unwrap()) != meant(&live),
            Err(kube::Error::Api(status)) if status.code == 422 || status.code == 400 => return false,
            // The quota controller counts meanwhile.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(error) => panic!("{kind} {namespace}/{name}: {error}"),
        }
    }
}

async fn comes_back(world: &World, object: &Value, edit: &str, count: &mut Count) {
    let (kind, namespace, name) = (text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"));
    let begun = Instant::now();
    let mut expected = meant(object);
    world
        .until(&format!("{kind} {namespace}/{name} comes back after: {edit}"), async || {
            let Some(live) = world.get(kind, namespace, name).await else { return Err("it does not exist".into()) };
            expected["apiVersion"] = live["apiVersion"].clone();
            if meant(&live) == expected { Ok(()) } else { Err(format!("{}\nmeant:\n{}", shown(&live), shown(&expected))) }
        })
        .await;
    count.repaired += 1;
    count.slowest = count.slowest.max(begun.elapsed());
}
