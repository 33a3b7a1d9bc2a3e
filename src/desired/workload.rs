//! The system that runs in a tenant: its rendered objects with the operator's labels, and its route.

use super::meta::Owner;
use super::object::{Kind, Object};
use crate::request::app::Grant;
use crate::request::names::{OWNS, ROTATION, SETTINGS};
use crate::request::platform::{PlatformSpec, Scheme};
use crate::request::system::Route;
use crate::template::defaults::fill;
use crate::template::place::pod_spec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::core::{DynamicObject, TypeMeta};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What a tenant's workload is made from.
#[derive(Clone, Copy, Debug)]
pub struct Workload<'a> {
    /// The rendered objects.
    pub objects: &'a [(Kind, Value)],
    /// Where requests for the host name go.
    pub route: Option<&'a Route>,
    /// Nothing runs for now, and everything is kept.
    pub paused: bool,
}

/// What must be there before something else of the workload can start.
const fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::ConfigMap => 0,
        Kind::PersistentVolumeClaim => 1,
        Kind::Service => 2,
        Kind::StatefulSet => 3,
        Kind::Ingress => 5,
        _ => 4,
    }
}

/// The objects of an app's system, in the order in which they are made.
#[must_use]
pub fn of_app(owner: Owner<'_>, grant: &Grant, workload: Workload<'_>, settings: &PlatformSpec) -> Vec<Object> {
    let make = |(kind, object): &(Kind, Value)| {
        let mut object = object.clone();
        mark_settings(*kind, &mut object, workload.objects);
        if let Some(rotation) = &grant.rotation {
            mark_template(*kind, &mut object, ROTATION, rotation);
        }
        one(owner, *kind, object, workload.paused)
    };
    let mut objects: Vec<Object> = workload.objects.iter().map(make).collect();
    if let (Some(route), Some(host)) = (workload.route, &grant.hostname) {
        match settings.notice.as_ref().filter(|_| workload.paused) {
            Some(image) => {
                objects.extend(notice(image).into_iter().map(|(kind, object)| one(owner, kind, object, false)));
                let route = Route { service: NOTICE.into(), port: IntOrString::Int(80) };
                objects.push(ingress(owner, &route, host, settings));
            }
            None => objects.push(ingress(owner, route, host, settings)),
        }
    }
    objects.sort_by_key(|object| rank(object.kind()));
    objects
}

/// Where replicas and suspension are decided: by the entry, unless the app is paused.
fn one(owner: Owner<'_>, kind: Kind, mut object: Value, paused: bool) -> Object {
    if let Some(path) = pod_spec(kind) {
        let template = format!("/{}", path[..path.len() - 1].join("/"));
        label(object.pointer_mut(&template), owner);
    }
    if kind == Kind::StatefulSet {
        let claims = object.pointer_mut("/spec/volumeClaimTemplates").and_then(Value::as_array_mut);
        claims.into_iter().flatten().for_each(|claim| label(Some(claim), owner));
    }
    if paused && let Some(spec) = object.get_mut("spec") {
        match kind {
            Kind::Deployment | Kind::StatefulSet => spec["replicas"] = json!(0),
            Kind::Job | Kind::CronJob => spec["suspend"] = json!(true),
            _ => {}
        }
    }
    let name = crate::template::name(&object).to_string();
    let mut meta = owner.meta(&name);
    let own = object.pointer("/metadata/labels").and_then(Value::as_object).cloned().unwrap_or_default();
    let own = own.into_iter().filter_map(|(key, value)| value.as_str().map(|value| (key, value.to_string())));
    meta.labels.get_or_insert_default().extend(own);
    let mut data = match object {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(ToString::to_string)).unwrap_or_default();
    let types = TypeMeta { api_version: text(data.remove("apiVersion")), kind: text(data.remove("kind")) };
    data.remove("metadata");
    Object::Workload(kind, Box::new(DynamicObject { types: Some(types), metadata: meta, data: Value::Object(data) }))
}

/// Marks a pod template with the settings that it uses, so that pods are made anew when a request changes them.
fn mark_settings(kind: Kind, object: &mut Value, all: &[(Kind, Value)]) {
    // A job is done once; other settings do not make it another job.
    let Some(path) = pod_spec(kind).filter(|_| kind != Kind::Job) else { return };
    let used = object.pointer(&format!("/{}", path.join("/"))).map(settings_of).unwrap_or_default();
    let settings = all.iter().filter(|(kind, settings)| *kind == Kind::ConfigMap && used.contains(crate::template::name(settings)));
    let data: Map<String, Value> = settings
        .map(|(_, settings)| (crate::template::name(settings).to_string(), settings.get("data").cloned().unwrap_or_default()))
        .collect();
    if !data.is_empty() {
        let digest = Sha256::digest(Value::Object(data).to_string().as_bytes());
        mark_template(kind, object, SETTINGS, &hex::encode(&digest[..8]));
    }
}

/// Puts an annotation on a pod template, so that pods are made anew when it changes.
fn mark_template(kind: Kind, object: &mut Value, name: &str, value: &str) {
    let Some(path) = pod_spec(kind).filter(|_| kind != Kind::Job) else { return };
    let template = object.pointer_mut(&format!("/{}", path[..path.len() - 1].join("/"))).and_then(Value::as_object_mut);
    let meta = template.map(|template| template.entry("metadata").or_insert_with(|| json!({})));
    if let Some(meta) = meta.and_then(Value::as_object_mut) {
        let annotations = meta.entry("annotations").or_insert_with(|| json!({}));
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.insert(name.to_string(), value.into());
        }
    }
}

/// Names of the `ConfigMap`s that a pod uses.
fn settings_of(pod: &Value) -> BTreeSet<String> {
    let list = |at: &Value, name: &str| at.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let volumes = list(pod, "volumes").into_iter().filter_map(|volume| volume.pointer("/configMap/name").cloned());
    let containers = list(pod, "containers").into_iter().chain(list(pod, "initContainers"));
    let variables =
        containers.flat_map(|container| list(&container, "env")).filter_map(|env| env.pointer("/valueFrom/configMapKeyRef/name").cloned());
    volumes.chain(variables).filter_map(|name| name.as_str().map(ToString::to_string)).collect()
}

/// Puts the owner's labels on a template, so that its pods and claims are known by them.
fn label(template: Option<&mut Value>, owner: Owner<'_>) {
    let Some(map) = template.and_then(Value::as_object_mut) else { return };
    let meta = map.entry("metadata").or_insert_with(|| json!({}));
    if let Some(meta) = meta.as_object_mut()
        && let Some(labels) = meta.entry("labels").or_insert_with(|| json!({})).as_object_mut()
    {
        labels.extend(owner.labels().into_iter().map(|(key, value)| (key, Value::String(value))));
    }
}

/// Name of what stands in the place of a suspended app.
const NOTICE: &str = "kopnams-notice";

/// One small pod with the notice page, and the way to it.
fn notice(image: &str) -> [(Kind, Value); 2] {
    let labels = json!({"app": NOTICE});
    let amounts = |cpu: &str| json!({"cpu": cpu, "memory": "32Mi"});
    let container = json!({
        "name": "notice",
        "image": image,
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5},
        "resources": {"requests": amounts("10m"), "limits": amounts("100m")},
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    });
    let pod = json!({"containers": [container], "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}}]});
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NOTICE},
        "spec": {"strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    });
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NOTICE},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    });
    let mut both = [(Kind::Deployment, deployment), (Kind::Service, service)];
    for (kind, object) in &mut both {
        fill(*kind, object);
    }
    both
}

/// The route from the claimed host name to the app.
fn ingress(owner: Owner<'_>, route: &Route, host: &str, settings: &PlatformSpec) -> Object {
    let port = match &route.port {
        IntOrString::Int(number) => json!({"number": number}),
        IntOrString::String(name) => json!({"name": name}),
    };
    let backend = json!({"service": {"name": route.service, "port": port}});
    let mut spec = json!({
        "ingressClassName": settings.ingress.class_name,
        "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
    });
    let mut meta = owner.meta("route");
    if !settings.ingress.annotations.is_empty() {
        let names = settings.ingress.annotations.keys().cloned().collect::<Vec<_>>().join(",");
        let mut annotations = settings.ingress.annotations.clone();
        annotations.insert(OWNS.to_string(), names);
        meta.annotations = Some(annotations);
        if settings.ingress.scheme == Scheme::Https {
            spec["tls"] = json!([{"hosts": [host], "secretName": "route-tls"}]);
        }
    }
    let types = TypeMeta { api_version: "networking.k8s.io/v1".into(), kind: "Ingress".into() };
    Object::Workload(Kind::Ingress, Box::new(DynamicObject { types: Some(types), metadata: meta, data: json!({"spec": spec}) }))
}
