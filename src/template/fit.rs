//! Does a system fit in a size, at its worst moment? What runs beside each other is added up as the
//! API server's quotas add it up, so a system that fits here is never refused a pod.

use super::place::pod_spec;
use crate::desired::Kind;
use crate::request::quantity::{Bytes, Cpu, write_bytes, write_cpu};
use serde_json::Value;

/// What a size gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// CPU requests, millicores.
    pub cpu: u64,
    /// CPU limits, millicores.
    pub cpu_burst: u64,
    /// Memory, bytes.
    pub memory: u64,
    /// Storage, bytes.
    pub storage: u64,
    /// Pods.
    pub pods: u64,
}

impl Room {
    fn plus(self, other: Self) -> Self {
        self.combined(other, u64::saturating_add)
    }

    fn most(self, other: Self) -> Self {
        self.combined(other, u64::max)
    }

    fn times(self, count: u64) -> Self {
        self.combined(Self::default(), |amount, _| amount.saturating_mul(count))
    }

    fn combined(self, other: Self, with: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            cpu: with(self.cpu, other.cpu),
            cpu_burst: with(self.cpu_burst, other.cpu_burst),
            memory: with(self.memory, other.memory),
            storage: with(self.storage, other.storage),
            pods: with(self.pods, other.pods),
        }
    }
}

/// What is wrong with the resources of rendered objects, each with the object's index and a path in it.
#[must_use]
pub fn resources(index: usize, kind: Kind, object: &Value) -> Vec<(usize, String, String)> {
    let Some(path) = pod_spec(kind) else { return Vec::new() };
    let at = format!("/{}", path.join("/"));
    let Some(spec) = object.pointer(&at) else { return Vec::new() };
    let mut found = Vec::new();
    for list in ["containers", "initContainers"] {
        for (number, container) in spec.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let mut reject = |field: &str, message: String| found.push((index, format!("{at}/{list}/{number}/{field}"), message));
            let text = |path: &str| container.pointer(path).and_then(Value::as_str);
            for (kind, sort) in [("requests", "request"), ("limits", "limit")] {
                let cpu = text(&format!("/resources/{kind}/cpu")).map(|text| Cpu(text.into()).millis());
                if !matches!(cpu, Some(Ok(1..))) {
                    reject("resources", format!("a container needs a {sort} of CPU; write resources.{kind}.cpu, for example 100m"));
                }
                let memory = text(&format!("/resources/{kind}/memory")).map(|text| Bytes(text.into()).bytes());
                if !matches!(memory, Some(Ok(1..))) {
                    reject(
                        "resources",
                        format!("a container needs a {sort} of memory with its unit; write resources.{kind}.memory, for example 64Mi"),
                    );
                }
            }
            let memory = |kind: &str| text(&format!("/resources/{kind}/memory")).and_then(|text| Bytes(text.into()).bytes().ok());
            if memory("requests") != memory("limits") {
                reject(
                    "resources/limits/memory",
                    "memory is promised and limit in one; write the same amount under requests and limits".into(),
                );
            }
        }
    }
    found
}

/// What is too much for a size: the quota that is exceeded, as a sentence.
#[must_use]
pub fn excess(objects: &[(Kind, Value)], size: &str, room: Room) -> Vec<String> {
    let (mut running, mut jobs, mut claims) = (Room::default(), Room::default(), 0_u64);
    for (kind, object) in objects {
        let pod = pod_spec(*kind).and_then(|path| object.pointer(&format!("/{}", path.join("/")))).map(pod).unwrap_or_default();
        match kind {
            Kind::Deployment => running = running.plus(pod.times(replicas(object) + surge(object))),
            Kind::StatefulSet => {
                running = running.plus(pod.times(replicas(object)));
                let templates = object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array).into_iter().flatten();
                claims = templates.map(storage).fold(claims, |sum, one| sum.saturating_add(one.saturating_mul(replicas(object))));
            }
            Kind::Job => jobs = jobs.plus(pod.times(number(object, "/spec/parallelism", 1))),
            Kind::CronJob => jobs = jobs.plus(pod.times(number(object, "/spec/jobTemplate/spec/parallelism", 1))),
            Kind::PersistentVolumeClaim => claims = claims.saturating_add(storage(object)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    let mut compare = |what: &str, needed: u64, has: u64, write: fn(u64) -> String| {
        if needed > has {
            found.push(format!(
                "size `{size}` has {} of {what} and the objects need {} at once; raise the size or ask for less",
                write(has),
                write(needed)
            ));
        }
    };
    for (sort, sum) in [("", running), (" for jobs", jobs)] {
        compare(&format!("CPU requests{sort}"), sum.cpu, room.cpu, write_cpu);
        compare(&format!("CPU limits (cpuBurst){sort}"), sum.cpu_burst, room.cpu_burst, write_cpu);
        compare(&format!("memory{sort}"), sum.memory, room.memory, write_bytes);
        compare(&format!("pods{sort}"), sum.pods, room.pods, |count| count.to_string());
    }
    compare("storage", claims, room.storage, write_bytes);
    found
}

/// A pod counts as the larger of what runs together and each of what runs before, as in
/// "Resource sharing within containers" of the Kubernetes documentation on init containers.
fn pod(spec: &Value) -> Room {
    let list = |name: &str| spec.get(name).and_then(Value::as_array).into_iter().flatten();
    let sidecar = |container: &&Value| container.get("restartPolicy").is_some_and(|policy| policy == "Always");
    let mut together = list("containers").map(container).fold(Room::default(), Room::plus);
    let mut before = Room::default();
    let mut sidecars = Room::default();
    for one in list("initContainers") {
        if sidecar(&one) {
            sidecars = sidecars.plus(container(one));
        } else {
            before = before.most(sidecars.plus(container(one)));
        }
    }
    together = together.plus(sidecars);
    Room { pods: 1, ..together.most(before) }
}

fn container(container: &Value) -> Room {
    let text = |path: &str| container.pointer(path).and_then(Value::as_str).unwrap_or_default().to_string();
    Room {
        cpu: Cpu(text("/resources/requests/cpu")).millis().unwrap_or(0),
        cpu_burst: Cpu(text("/resources/limits/cpu")).millis().unwrap_or(0),
        memory: Bytes(text("/resources/limits/memory")).bytes().unwrap_or(0),
        ..Room::default()
    }
}

fn storage(claim: &Value) -> u64 {
    let text = claim.pointer("/spec/resources/requests/storage").and_then(Value::as_str).unwrap_or_default();
    Bytes(text.into()).bytes().unwrap_or(0)
}

fn number(object: &Value, path: &str, default: u64) -> u64 {
    object.pointer(path).and_then(Value::as_u64).unwrap_or(default)
}

fn replicas(object: &Value) -> u64 {
    number(object, "/spec/replicas", 1)
}

/// Pods that a roll-out makes beside the present ones; a share is rounded up.
fn surge(object: &Value) -> u64 {
    if object.pointer("/spec/strategy/type").is_some_and(|kind| kind == "Recreate") {
        return 0;
    }
    match object.pointer("/spec/strategy/rollingUpdate/maxSurge") {
        Some(Value::Number(count)) => count.as_u64().unwrap_or(1),
        Some(Value::String(share)) => {
            let percent: u64 = share.trim_end_matches('%').parse().unwrap_or(25);
            replicas(object).saturating_mul(percent).div_ceil(100)
        }
        _ => replicas(object).div_ceil(4),
    }
}
