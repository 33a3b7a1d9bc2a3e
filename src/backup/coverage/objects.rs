//! Claims and their consumers in rendered objects.

use crate::desired::Kind;
use crate::template::place::pod_spec;
use serde_json::Value;

/// The object of a kind with a name.
pub(super) fn find<'a>(objects: &'a [(Kind, Value)], kind: Kind, name: &str) -> Option<&'a Value> {
    objects.iter().find(|(of, object)| *of == kind && crate::template::name(object) == name).map(|(_, object)| object)
}

/// The pod template of an object; `Null` for one without.
pub(super) fn template_of(kind: Kind, object: &Value) -> &Value {
    let path = pod_spec(kind).and_then(|path| path.split_last()).map(|(_, path)| format!("/{}", path.join("/")));
    path.and_then(|path| object.pointer(&path)).unwrap_or(&Value::Null)
}

/// The pod's spec in an object; `Null` for one without.
pub(super) fn pod_of(kind: Kind, object: &Value) -> &Value {
    template_of(kind, object).get("spec").unwrap_or(&Value::Null)
}

fn array<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// Every claim that the objects ask for: their own, and those that a `StatefulSet` makes for its pods.
pub(super) fn claims_of(objects: &[(Kind, Value)]) -> Vec<String> {
    let own =
        objects.iter().filter(|(kind, _)| *kind == Kind::PersistentVolumeClaim).map(|(_, claim)| crate::template::name(claim).to_string());
    let made = Consumer::all(objects).into_iter().flat_map(|consumer| {
        let replicas = consumer.object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
        let of = move |prefix: &String| (0..replicas).map(|ordinal| format!("{prefix}{ordinal}")).collect::<Vec<_>>();
        consumer.templates.iter().flat_map(of).collect::<Vec<_>>()
    });
    own.chain(made).collect()
}

/// What a `StatefulSet` makes a claim from, if it is one that it makes for its pods.
pub(super) fn template_of_claim<'a>(objects: &'a [(Kind, Value)], claim: &str) -> Option<&'a Value> {
    Consumer::all(objects).into_iter().find_map(|consumer| {
        let number = consumer.templates.iter().position(|prefix| claim.strip_prefix(prefix.as_str()).is_some_and(is_ordinal))?;
        consumer.object.pointer(&format!("/spec/volumeClaimTemplates/{number}"))
    })
}

/// A workload, as far as it mounts claims.
pub(super) struct Consumer<'a> {
    pub(super) kind: Kind,
    pub(super) name: &'a str,
    pub(super) object: &'a Value,
    pub(super) pod: &'a Value,
    /// Claims by name of the volume in the pod.
    volumes: Vec<(&'a str, &'a str)>,
    /// Beginnings of the names of claims that it makes for its pods: `<template>-<statefulset>-`.
    templates: Vec<String>,
    /// Names of those templates, which are names of volumes too.
    template_names: Vec<&'a str>,
}

impl<'a> Consumer<'a> {
    /// Every workload, those that run all the time first.
    pub(super) fn all(objects: &'a [(Kind, Value)]) -> Vec<Self> {
        let kinds = [Kind::Deployment, Kind::StatefulSet, Kind::CronJob, Kind::Job];
        let of_kind = |kind| objects.iter().filter(move |(of, _)| *of == kind).map(|(kind, object)| Self::new(*kind, object));
        kinds.into_iter().flat_map(of_kind).collect()
    }

    fn new(kind: Kind, object: &'a Value) -> Self {
        let (name, pod) = (crate::template::name(object), pod_of(kind, object));
        let volumes =
            array(pod, "volumes").filter_map(|volume| Some((text(volume, "/name")?, text(volume, "/persistentVolumeClaim/claimName")?)));
        let templates = object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten();
        let template_names: Vec<&str> = templates.map(crate::template::name).collect();
        let templates = template_names.iter().map(|template| format!("{template}-{name}-")).collect();
        Self { kind, name, object, pod, volumes: volumes.collect(), templates, template_names }
    }

    /// The volume of its pods that is a claim.
    fn volume(&self, claim: &str) -> Option<&'a str> {
        let own = self.volumes.iter().find(|(_, of)| *of == claim).map(|(volume, _)| *volume);
        own.or_else(|| {
            let made = self
                .templates
                .iter()
                .zip(&self.template_names)
                .find(|(prefix, _)| claim.strip_prefix(prefix.as_str()).is_some_and(is_ordinal));
            made.map(|(_, name)| *name)
        })
    }

    /// Whether its pods have a claim, also one of a replica that is not asked for any more.
    pub(super) fn uses(&self, claim: &str) -> bool {
        self.volume(claim).is_some()
    }

    /// The container that mounts a claim: the first that may write there, or else the first.
    pub(super) fn container(&self, claim: &str) -> Option<&'a Value> {
        let volume = self.volume(claim)?;
        let mount = |container: &Value| array(container, "volumeMounts").find(|mount| text(mount, "/name") == Some(volume)).cloned();
        let containers = || array(self.pod, "containers").chain(array(self.pod, "initContainers"));
        let writes =
            |container: &&Value| mount(container).is_some_and(|mount| mount.get("readOnly").and_then(Value::as_bool) != Some(true));
        containers().find(writes).or_else(|| containers().find(|container| mount(container).is_some()))
    }
}

/// Whether a text is the number of a `StatefulSet`'s pod as it is written: no sign, no leading zero.
fn is_ordinal(text: &str) -> bool {
    text == "0" || (!text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()))
}
