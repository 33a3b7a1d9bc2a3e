//! Small makers of the objects that tests ask for, and readers of what comes back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

/// A municipality with a zone `<slug>.example.lv` and the groups `<slug>:it` and `<slug>:staff`; room for 40 apps.
pub fn municipality(slug: &str) -> Value {
    static CODES: AtomicU32 = AtomicU32::new(1_000_000);
    let code = CODES.fetch_add(1, Ordering::Relaxed).to_string();
    json!({
        "apiVersion": "kopnams.lv/v1alpha1", "kind": "Municipality", "metadata": {"name": slug},
        "spec": {
            "code": code, "title": {"lv": slug, "en": slug}, "peerGroup": "municipality",
            "allotment": {"cpu": "40", "memory": "80Gi", "storage": "400Gi", "apps": 40},
            "zones": [format!("{slug}.example.lv")],
            "members": [
                {"role": "operator", "kind": "Group", "name": format!("{slug}:it")},
                {"role": "viewer", "kind": "Group", "name": format!("{slug}:staff")},
            ],
            "contacts": {"technical": "it@example.lv", "security": "it@example.lv", "dataProtection": "it@example.lv"},
        },
    })
}

/// A request for the system `website` in size small.
pub fn app(slug: &str, name: &str) -> Value {
    app_of(slug, name, "website")
}

/// A request for a system in its default size.
pub fn app_of(slug: &str, name: &str, system: &str) -> Value {
    json!({
        "apiVersion": "kopnams.lv/v1alpha1", "kind": "MunicipalityApp", "metadata": {"name": name, "namespace": slug},
        "spec": {"system": system},
    })
}

/// The platform, the data classes and the catalogue of these tests. The removal brake is off.
pub fn furniture() -> Vec<Value> {
    let kind = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let system = |name: &str, class: &str, egress: &[&str]| {
        let sizes = json!({
            "small": {"cpu": "250m", "cpuBurst": "1", "memory": "512Mi", "storage": "2Gi", "pods": 5},
            "large": {"cpu": "1", "memory": "2Gi", "storage": "20Gi", "pods": 10},
        });
        let title = json!({"lv": name, "en": name});
        kind(
            "HostedSystem",
            name,
            json!({
                "title": title, "maintainer": "platform", "category": "communication", "dataClass": class, "defaultVersion": "1.0",
                "defaultSize": "small", "sizes": sizes, "egress": egress, "versions": [{"name": "1.0", "objects": []}, {"name": "1.1", "objects": []}],
            }),
        )
    };
    let class = |name: &str, rank: u32, days: u32| {
        kind("DataClass", name, json!({"title": {"lv": name, "en": name}, "rank": rank, "graceDays": days}))
    };
    vec![
        kind(
            "Platform",
            "platform",
            json!({
                "ingress": {"className": "haproxy", "from": [{"namespace": "ingress", "podLabels": {"app": "haproxy"}}]},
                "dns": [{"namespace": "kube-system", "podLabels": {"k8s-app": "kube-dns"}}],
                "egress": {"mail-relay": [{"cidr": "192.0.2.25/32", "ports": [25]}]},
                "removalBrake": {"municipalities": 1000, "windowMinutes": 10},
            }),
        ),
        class("open", 0, 7),
        class("fleeting", 1, 0),
        system("website", "open", &[]),
        system("newsletter", "open", &["mail-relay"]),
        system("poll", "fleeting", &[]),
        kind("HostedSystem", "everything", serde_yaml::from_str(include_str!("everything.yaml")).unwrap()),
    ]
}

/// A string in an object.
pub fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A label.
pub fn label<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"]["labels"][name].as_str().unwrap_or_default()
}

/// An annotation.
pub fn annotation<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"]["annotations"][name].as_str().unwrap_or_default()
}

/// UID of an object.
pub fn uid(object: &Value) -> &str {
    text(object, "/metadata/uid")
}

/// Resource version of an object.
pub fn version(object: &Value) -> &str {
    text(object, "/metadata/resourceVersion")
}

/// A condition's status and reason.
pub fn condition<'a>(object: &'a Value, type_: &str) -> (&'a str, &'a str) {
    let found = object["status"]["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == type_);
    found.map_or(("", ""), |c| (text(c, "/status"), text(c, "/reason")))
}

/// A condition's message.
pub fn message<'a>(object: &'a Value, type_: &str) -> &'a str {
    let found = object["status"]["conditions"].as_array().into_iter().flatten().find(|c| c["type"] == type_);
    found.map_or("", |c| text(c, "/message"))
}

/// Whether an object is Ready by the newest request.
pub fn is_ready(object: &Value) -> bool {
    condition(object, "Ready").0 == "True" && object["status"]["observedGeneration"] == object["metadata"]["generation"]
}

/// An object without what the API server and its controllers keep for themselves.
pub fn meant(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(meta) = object["metadata"].as_object_mut() {
        for field in ["resourceVersion", "managedFields", "generation", "creationTimestamp", "uid"] {
            meta.remove(field);
        }
    }
    object
}

/// An object as text for a message.
pub fn shown(object: &Value) -> String {
    let mut object = object.clone();
    if let Some(meta) = object["metadata"].as_object_mut() {
        meta.remove("managedFields");
    }
    serde_yaml::to_string(&object).unwrap()
}

/// Objects by kind and name.
pub fn by_name(objects: &[Value]) -> BTreeMap<String, Value> {
    objects.iter().map(|object| (format!("{}/{}", text(object, "/kind"), text(object, "/metadata/name")), object.clone())).collect()
}
