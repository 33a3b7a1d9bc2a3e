//! Proving a version before anybody asks for it: it is rendered for a stand-in in every size.

use super::fit::{self, Room};
use super::{For, Template, filled, name, place, shape};
use crate::desired::Kind;
use crate::policy::{AppKey, Reason, Rejection};
use crate::request::app::GrantedSize;
use crate::request::platform::Scheme;
use crate::request::quantity::Cpu;
use crate::request::system::{HostedSystemSpec, Route, Version};
use crate::request::{MunicipalitySpec, Title};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};

/// Renders the version for a stand-in in every size: does it fit, and does the API server's own type read it?
/// Parameters cannot reach what is looked at here.
pub fn prove(template: &Template, spec: &HostedSystemSpec, version: &Version, at: &str) -> Vec<Rejection> {
    let mut found = Vec::new();
    let (key, municipality) = stand_in();
    let parameters = sample(&spec.parameters);
    for (name, size) in &spec.sizes {
        let Ok(cpu) = size.cpu.millis() else { continue };
        let burst = size.cpu_burst.as_ref().and_then(|burst| burst.millis().ok()).unwrap_or(cpu * 4);
        let (Ok(memory), Ok(storage)) = (size.memory.bytes(), size.storage.bytes()) else { continue };
        let room = Room { cpu, cpu_burst: burst, memory, storage, pods: size.pods.into() };
        let granted = GrantedSize {
            name: name.clone(),
            cpu: size.cpu.clone(),
            cpu_burst: size.cpu_burst.clone().unwrap_or_else(|| Cpu(crate::request::quantity::write_cpu(burst))),
            memory: size.memory.clone(),
            storage: size.storage.clone(),
            pods: size.pods,
        };
        let app = For {
            key: &key,
            municipality: &municipality,
            system: "system",
            version: &version.name,
            size: &granted,
            scheme: Scheme::Https,
            hostname: Some("www.example.lv"),
            parameters: &parameters,
        };
        let bare = match template.evaluate(app) {
            Ok(bare) => bare,
            Err(problem) => {
                found.push(Rejection::new(Reason::ExpressionInvalid, format!("{at}/objects"), problem));
                break;
            }
        };
        for (index, (kind, object)) in bare.iter().enumerate() {
            // An expression may give a map: what is in it must be allowed as if it were written there.
            let place = |path: &str| format!("{at}/objects/{index}{path}");
            let problems = shape::forbidden(*kind, object);
            found.extend(problems.into_iter().map(|(path, message)| Rejection::new(Reason::ObjectNotAllowed, place(&path), message)));
        }
        let objects = filled(bare);
        for (index, (kind, object)) in objects.iter().enumerate() {
            let problems = fit::resources(index, *kind, object);
            let place = |path: &str| format!("{at}/objects/{index}{path}");
            found.extend(problems.into_iter().map(|(_, path, message)| Rejection::new(Reason::ObjectNotAllowed, place(&path), message)));
            found.extend(typed(*kind, object).map(|message| Rejection::new(Reason::ObjectNotAllowed, place(""), message)));
            found.extend(
                judge(*kind, object, &objects).map(|(path, message)| Rejection::new(Reason::ObjectNotAllowed, place(path), message)),
            );
        }
        let sizes = format!("/spec/sizes/{name}");
        found.extend(
            fit::excess(&objects, name, room).into_iter().map(|message| Rejection::new(Reason::SizeTooSmall, sizes.clone(), message)),
        );
        found.extend(template.route.as_ref().and_then(|route| follow_route(route, &objects, at)));
    }
    found.sort_by(|a, b| (&a.path, &a.message).cmp(&(&b.path, &b.message)));
    found.dedup();
    found
}

/// What Kubernetes' own types cannot read in an object, such as a text where a number belongs.
fn typed(kind: Kind, object: &Value) -> Option<String> {
    fn read<K: serde::de::DeserializeOwned>(object: &Value) -> Option<String> {
        K::deserialize(object).err().map(|error| error.to_string())
    }
    let problem = match kind {
        Kind::ConfigMap => read::<ConfigMap>(object),
        Kind::PersistentVolumeClaim => read::<PersistentVolumeClaim>(object),
        Kind::Service => read::<Service>(object),
        Kind::Deployment => read::<Deployment>(object),
        Kind::StatefulSet => read::<StatefulSet>(object),
        Kind::Job => read::<Job>(object),
        Kind::CronJob => read::<CronJob>(object),
        Kind::PodDisruptionBudget => read::<PodDisruptionBudget>(object),
        _ => None,
    };
    problem.map(|problem| format!("the API server cannot read the {kind} `{}`: {problem}; write a value of the right kind", name(object)))
}

/// Rules that concern an object as a whole.
fn judge(kind: Kind, object: &Value, all: &[(Kind, Value)]) -> Option<(&'static str, String)> {
    let pod = place::pod_spec(kind).and_then(|path| object.pointer(&format!("/{}", path.join("/"))));
    match kind {
        Kind::Deployment => {
            let claims: Vec<&str> = pod
                .and_then(|pod| pod.get("volumes"))
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|volume| volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str))
                .collect();
            let once = all.iter().any(|(kind, claim)| {
                *kind == Kind::PersistentVolumeClaim
                    && claims.contains(&name(claim))
                    && claim
                        .pointer("/spec/accessModes")
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .any(|mode| mode == "ReadWriteOnce")
            });
            let recreate = object.pointer("/spec/strategy/type").is_some_and(|strategy| strategy == "Recreate");
            (once && !recreate).then(|| {
                (
                    "/spec/strategy",
                    "a Deployment with a ReadWriteOnce claim cannot run two pods at once; write strategy: {type: Recreate}".into(),
                )
            })
        }
        Kind::Job | Kind::CronJob => {
            let limited = pod.is_some_and(|pod| pod.get("activeDeadlineSeconds").is_some());
            let path = if kind == Kind::Job { "/spec/template/spec" } else { "/spec/jobTemplate/spec/template/spec" };
            let allow = object.pointer("/spec/concurrencyPolicy").is_some_and(|policy| policy == "Allow");
            if allow {
                let message = "runs that overlap cannot be counted against the size; write concurrencyPolicy: Forbid or Replace";
                return Some(("/spec/concurrencyPolicy", message.into()));
            }
            let policy = pod.and_then(|pod| pod.get("restartPolicy")).and_then(Value::as_str);
            if !matches!(policy, Some("Never" | "OnFailure")) {
                return Some((
                    path,
                    "a job's pods are not started for ever; write restartPolicy: Never or OnFailure on its pod template".into(),
                ));
            }
            (!limited).then(|| (path, "a job needs an end; write activeDeadlineSeconds on its pod template, for example 3600".into()))
        }
        _ => None,
    }
}

/// The route leads to a port of a Service whose pods say when they are ready.
fn follow_route(route: &Route, objects: &[(Kind, Value)], at: &str) -> Option<Rejection> {
    let reject = |field: &str, message: String| Some(Rejection::new(Reason::RouteInvalid, format!("{at}/route/{field}"), message));
    let services = || objects.iter().filter(|(kind, _)| *kind == Kind::Service).map(|(_, object)| object);
    let Some(service) = services().find(|service| name(service) == route.service) else {
        let names = crate::request::said::listed(services().map(name));
        return reject("service", format!("there is no Service `{}` among the objects; write one of {names}", route.service));
    };
    let ports = service.pointer("/spec/ports").and_then(Value::as_array).cloned().unwrap_or_default();
    let fits = |port: &Value| match &route.port {
        IntOrString::Int(number) => port.get("port").and_then(Value::as_i64) == Some(i64::from(*number)),
        IntOrString::String(text) => port.get("name").and_then(Value::as_str) == Some(text),
    };
    if !ports.iter().any(fits) {
        return reject("port", format!("the Service `{}` has no such port; write the name or number of one of its ports", route.service));
    }
    let selector = service.pointer("/spec/selector").and_then(Value::as_object).cloned().unwrap_or_default();
    let ready = |(kind, object): &&(Kind, Value)| {
        let labels = object.pointer("/spec/template/metadata/labels");
        let selected = !selector.is_empty() && selector.iter().all(|(key, value)| labels.and_then(|l| l.get(key)) == Some(value));
        let containers = place::pod_spec(*kind).and_then(|path| object.pointer(&format!("/{}/containers", path.join("/"))));
        selected && containers.and_then(Value::as_array).into_iter().flatten().any(|c| c.get("readinessProbe").is_some())
    };
    if !objects.iter().any(|object| ready(&object)) {
        let message = format!(
            "no container behind the Service `{}` has a readinessProbe, so nobody would know when it answers; write one",
            route.service
        );
        return reject("service", message);
    }
    None
}

/// Somebody to render for while an entry is read.
pub fn stand_in() -> (AppKey, MunicipalitySpec) {
    let text = |text: &str| text.to_string();
    let municipality = MunicipalitySpec {
        code: text("0000000"),
        title: Title { lv: text("Novads"), en: text("Municipality") },
        peer_group: crate::request::municipality::PeerGroup::Municipality,
        allotment: crate::request::municipality::Allotment {
            cpu: Cpu(text("1")),
            memory: crate::request::quantity::Bytes(text("1Gi")),
            storage: crate::request::quantity::Bytes(text("1Gi")),
            apps: 1,
        },
        zones: Vec::new(),
        members: Vec::new(),
        contacts: crate::request::municipality::Contacts { technical: text("-"), security: text("-"), data_protection: text("-") },
    };
    (AppKey::new("novads", "app"), municipality)
}

/// Parameters of the right types, so that expressions can be tried.
fn sample(schema: &Value) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    let value = |property: &Value| {
        let first = property.get("enum").and_then(Value::as_array).and_then(|values| values.first()).cloned();
        first.or_else(|| property.get("default").cloned()).unwrap_or_else(|| match property.get("type").and_then(Value::as_str) {
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(true),
            Some("array") => json!([]),
            Some("object") => json!({}),
            _ => json!("text"),
        })
    };
    Value::Object(properties.map(|(name, property)| (name.clone(), value(property))).collect())
}
