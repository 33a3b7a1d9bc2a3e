//! How a workload is doing: what `kstatus` reads from an object, and what ails a pod, in plain words.

use crate::desired::Kind;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use serde_json::Value;

/// How an object is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Good,
    /// On its way; what it waits for.
    Coming(String),
    /// It has failed, or does not go on by itself.
    Failed(String),
}

/// How an object is doing, after the rules of `kstatus` (kubernetes-sigs/cli-utils).
#[must_use]
pub fn of(kind: Kind, generation: Option<i64>, object: &Value) -> Health {
    let status = object.get("status");
    let number = |path: &str| status.and_then(|s| s.pointer(path)).and_then(Value::as_i64);
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    let conditions = || status.and_then(|s| s.get("conditions")).and_then(Value::as_array).into_iter().flatten();
    let condition =
        |type_: &str| conditions().find(|c| c.get("type").is_some_and(|t| t == type_) && c.get("status").is_some_and(|s| s == "True"));
    let said = |found: &Value| found.get("message").and_then(Value::as_str).unwrap_or_default().to_string();
    let seen = number("/observedGeneration").unwrap_or(0) >= generation.unwrap_or(0);
    match kind {
        Kind::Deployment => {
            if let Some(failure) = condition("ReplicaFailure") {
                return Health::Failed(plain(&said(failure)));
            }
            if !seen {
                return Health::Coming("it was just changed".into());
            }
            let (updated, available) = (number("/updatedReplicas").unwrap_or(0), number("/availableReplicas").unwrap_or(0));
            let old = number("/replicas").unwrap_or(0) - updated;
            if updated >= wanted && available >= wanted && old <= 0 {
                return Health::Good;
            }
            if conditions().any(|c| c.get("reason").is_some_and(|reason| reason == "ProgressDeadlineExceeded")) {
                Health::Failed("not all of its pods answer, and it does not get further".into())
            } else {
                Health::Coming("not all of its pods answer yet".into())
            }
        }
        Kind::StatefulSet => {
            let ready = number("/readyReplicas").unwrap_or(0);
            let revision = |name: &str| status.and_then(|s| s.get(name)).and_then(Value::as_str);
            let updated = revision("currentRevision") == revision("updateRevision");
            match (seen, ready >= wanted && number("/replicas").unwrap_or(0) == wanted && (updated || wanted == 0)) {
                (true, true) => Health::Good,
                (false, _) => Health::Coming("it was just changed".into()),
                (true, false) => Health::Coming("not all of its pods answer yet".into()),
            }
        }
        Kind::Job => match (condition("Complete"), condition("Failed"), condition("Suspended")) {
            (Some(_), ..) | (_, _, Some(_)) => Health::Good,
            (_, Some(failure), _) => Health::Failed(format!("the job failed: {}", said(failure))),
            _ => Health::Coming("the job is not done yet".into()),
        },
        // Most classes make a volume when the first pod asks for it, and a pod that waits for one says so itself.
        Kind::PersistentVolumeClaim if status.and_then(|s| s.get("phase")).is_some_and(|phase| phase == "Lost") => {
            Health::Failed("its volume is lost".into())
        }
        _ => Health::Good,
    }
}

/// What ails a pod, if anything does.
#[must_use]
pub fn ails(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let unschedulable = status.conditions.iter().flatten().find(|c| c.type_ == "PodScheduled" && c.status == "False");
    if let Some(condition) = unschedulable {
        let why = condition.message.clone().unwrap_or_default();
        return Some(format!("no node has room for it ({})", plain(&why)));
    }
    if status.phase.as_deref() == Some("Failed") && status.reason.as_deref() == Some("Evicted") {
        return Some(format!("it was evicted ({})", plain(&status.message.clone().unwrap_or_default())));
    }
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    containers.into_iter().find_map(container)
}

fn container(container: &ContainerStatus) -> Option<String> {
    let name = &container.name;
    let state = container.state.as_ref()?;
    let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let ended = |code: i32, reason: Option<&str>| match reason {
        Some("OOMKilled") => "used more memory than its size allows".to_string(),
        _ => format!("ended with exit code {code}"),
    };
    if let Some(waiting) = &state.waiting {
        let message = plain(waiting.message.as_deref().unwrap_or_default());
        return match waiting.reason.as_deref().unwrap_or_default() {
            "ImagePullBackOff" | "ErrImagePull" | "ErrImageNeverPull" | "InvalidImageName" => {
                Some(format!("the image of its container {name} cannot be had ({message})"))
            }
            "CrashLoopBackOff" => {
                let how = last.map_or_else(|| "ended".to_string(), |t| ended(t.exit_code, t.reason.as_deref()));
                Some(format!("its container {name} {how} and is started again and again"))
            }
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                Some(format!("its container {name} cannot be started ({message})"))
            }
            _ => None,
        };
    }
    let terminated = state.terminated.as_ref()?;
    (terminated.exit_code != 0).then(|| format!("its container {name} {}", ended(terminated.exit_code, terminated.reason.as_deref())))
}

/// A message of the cluster without what changes from one time to the next, and not too long.
fn plain(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let quota = first.split_once("exceeded quota: ");
    if let Some((_, rest)) = quota {
        return format!("the tenant's quota is full: {}", shorten(rest));
    }
    shorten(first)
}

fn shorten(text: &str) -> String {
    const MOST: usize = 240;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}
