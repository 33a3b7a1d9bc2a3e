//! What an object of a catalogue entry may consist of: an allow-list of kinds and fields.
//!
//! Whatever is not named here is refused with its path: other kinds, other namespaces, host settings,
//! priority classes, service accounts, annotations that controllers obey.

use super::place::pod_spec;
use crate::desired::Kind;
use serde_json::Value;

/// The kinds that an entry may have.
pub const KINDS: [(Kind, &str); 8] = [
    (Kind::ConfigMap, "v1"),
    (Kind::PersistentVolumeClaim, "v1"),
    (Kind::Service, "v1"),
    (Kind::Deployment, "apps/v1"),
    (Kind::StatefulSet, "apps/v1"),
    (Kind::Job, "batch/v1"),
    (Kind::CronJob, "batch/v1"),
    (Kind::PodDisruptionBudget, "policy/v1"),
];

/// Fields by path: `*` is any item of a list or any key of a map, `**` is everything beneath.
const EVERY: [&str; 4] = ["apiVersion", "kind", "metadata/name", "metadata/labels/*"];
const CONFIG_MAP: [&str; 2] = ["data/*", "immutable"];
const CLAIM: [&str; 4] = ["accessModes/*", "resources/requests/storage", "storageClassName", "volumeMode"];
const SERVICE: [&str; 9] = [
    "spec/type",
    "spec/clusterIP",
    "spec/selector/*",
    "spec/publishNotReadyAddresses",
    "spec/ports/*/name",
    "spec/ports/*/port",
    "spec/ports/*/targetPort",
    "spec/ports/*/protocol",
    "spec/ports/*/appProtocol",
];
const DEPLOYMENT: [&str; 8] = [
    "spec/replicas",
    "spec/selector/matchLabels/*",
    "spec/minReadySeconds",
    "spec/revisionHistoryLimit",
    "spec/progressDeadlineSeconds",
    "spec/strategy/type",
    "spec/strategy/rollingUpdate/maxSurge",
    "spec/strategy/rollingUpdate/maxUnavailable",
];
const STATEFUL_SET: [&str; 8] = [
    "spec/replicas",
    "spec/selector/matchLabels/*",
    "spec/minReadySeconds",
    "spec/revisionHistoryLimit",
    "spec/serviceName",
    "spec/podManagementPolicy",
    "spec/volumeClaimTemplates/*/metadata/name",
    "spec/volumeClaimTemplates/*/metadata/labels/*",
];
// No ttlSecondsAfterFinished: a job that goes away by itself would be made and run again.
const JOB: [&str; 4] = ["backoffLimit", "completions", "parallelism", "activeDeadlineSeconds"];
const CRON_JOB: [&str; 6] = [
    "spec/schedule",
    "spec/timeZone",
    "spec/concurrencyPolicy",
    "spec/startingDeadlineSeconds",
    "spec/successfulJobsHistoryLimit",
    "spec/failedJobsHistoryLimit",
];
const BUDGET: [&str; 4] = ["spec/minAvailable", "spec/maxUnavailable", "spec/selector/matchLabels/*", "spec/unhealthyPodEvictionPolicy"];
const POD: [&str; 22] = [
    "restartPolicy",
    "terminationGracePeriodSeconds",
    "activeDeadlineSeconds",
    "hostname",
    "subdomain",
    "securityContext/runAsNonRoot",
    "securityContext/runAsUser",
    "securityContext/runAsGroup",
    "securityContext/fsGroup",
    "securityContext/supplementalGroups/*",
    "securityContext/fsGroupChangePolicy",
    "securityContext/seccompProfile/type",
    "volumes/*/name",
    "volumes/*/emptyDir/medium",
    "volumes/*/emptyDir/sizeLimit",
    "volumes/*/emptyDir",
    "volumes/*/configMap/**",
    "volumes/*/secret/secretName",
    "volumes/*/secret/defaultMode",
    "volumes/*/secret/items/**",
    "volumes/*/persistentVolumeClaim/claimName",
    "volumes/*/persistentVolumeClaim/readOnly",
];
const CONTAINER: [&str; 31] = [
    "name",
    "image",
    "imagePullPolicy",
    "command/*",
    "args/*",
    "workingDir",
    "stdin",
    "env/*/name",
    "env/*/value",
    "env/*/valueFrom/secretKeyRef/name",
    "env/*/valueFrom/secretKeyRef/key",
    "env/*/valueFrom/configMapKeyRef/name",
    "env/*/valueFrom/configMapKeyRef/key",
    "ports/*/name",
    "ports/*/containerPort",
    "ports/*/protocol",
    "resources/requests/cpu",
    "resources/requests/memory",
    "resources/limits/cpu",
    "resources/limits/memory",
    "volumeMounts/*/name",
    "volumeMounts/*/mountPath",
    "volumeMounts/*/subPath",
    "volumeMounts/*/readOnly",
    "livenessProbe/**",
    "readinessProbe/**",
    "startupProbe/**",
    "lifecycle/preStop/exec/command/*",
    "lifecycle/postStart/exec/command/*",
    "terminationMessagePolicy",
    "restartPolicy",
];
const CONTAINER_SECURITY: [&str; 7] = [
    "securityContext/runAsNonRoot",
    "securityContext/runAsUser",
    "securityContext/runAsGroup",
    "securityContext/readOnlyRootFilesystem",
    "securityContext/allowPrivilegeEscalation",
    "securityContext/capabilities/drop/*",
    "securityContext/seccompProfile/type",
];

/// The kind of an object, if an entry may have it.
pub fn kind(object: &Value) -> Result<Kind, String> {
    let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
    let (version, name) = (field("apiVersion"), field("kind"));
    let found = KINDS.into_iter().find(|(kind, api)| kind.as_str() == name && *api == version);
    found.map(|(kind, _)| kind).ok_or_else(|| {
        let allowed = KINDS.map(|(kind, version)| format!("{kind} of {version}"));
        let hint = if name == "Ingress" { "; for a host name write route on the version" } else { "" };
        format!(
            "`{name}` of `{version}` cannot be part of an entry; it may have {}{hint}",
            crate::request::said::listed(allowed.iter().map(String::as_str))
        )
    })
}

/// The paths that are not allowed in an object of this kind, each with why and what to write.
#[must_use]
pub fn forbidden(kind: Kind, object: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(object, &mut Vec::new(), &mut |path, value| {
        if !allowed(kind, path) {
            let shown = path.join("/");
            found.push((format!("/{shown}"), format!("`{shown}` cannot be set in an entry's {kind}; leave it out{}", hint(path))));
        } else if let Some(problem) = wrong(path, value) {
            found.push((format!("/{}", path.join("/")), problem));
        }
    });
    found
}

fn hint(path: &[String]) -> &'static str {
    match path.iter().map(String::as_str).find(|word| !word.bytes().all(|b| b.is_ascii_digit())) {
        Some("metadata") if path.get(1).is_some_and(|word| word == "namespace") => ": every object is made in the app's own namespace",
        _ if path.iter().any(|word| word == "nodePort") => ": apps are reached through route",
        _ if path.iter().any(|word| word.starts_with("host") || word == "privileged") => ": an app has no part of the node",
        _ if path.iter().any(|word| word == "priorityClassName" || word == "serviceAccountName") => ": the operator decides it",
        _ => "",
    }
}

fn allowed(kind: Kind, path: &[String]) -> bool {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    if matches_any(&EVERY, &words) {
        return !words.get(2).is_some_and(|label| words[1] == "labels" && ours(label));
    }
    if let Some(prefix) = pod_spec(kind) {
        if let Some(inside) = words.strip_prefix(prefix) {
            return match inside {
                ["containers" | "initContainers", _, rest @ ..] => matches_any(&CONTAINER, rest) || matches_any(&CONTAINER_SECURITY, rest),
                _ => matches_any(&POD, inside),
            };
        }
        let template = &prefix[..prefix.len() - 1];
        if let Some(["metadata", "labels", label]) = words.strip_prefix(template) {
            return !ours(label);
        }
    }
    match kind {
        Kind::ConfigMap => matches_any(&CONFIG_MAP, &words),
        Kind::PersistentVolumeClaim => words.strip_prefix(&["spec"]).is_some_and(|rest| matches_any(&CLAIM, rest)),
        Kind::Service => matches_any(&SERVICE, &words),
        Kind::Deployment => matches_any(&DEPLOYMENT, &words),
        Kind::StatefulSet => {
            let in_claim = matches!(words[..], ["spec", "volumeClaimTemplates", _, "spec", ..]) && matches_any(&CLAIM, &words[4..]);
            in_claim || matches_any(&STATEFUL_SET, &words)
        }
        Kind::Job => words.strip_prefix(&["spec"]).is_some_and(|rest| matches_any(&JOB, rest)),
        Kind::CronJob => {
            matches_any(&CRON_JOB, &words)
                || words.strip_prefix(&["spec", "jobTemplate", "spec"]).is_some_and(|rest| matches_any(&JOB, rest))
        }
        Kind::PodDisruptionBudget => matches_any(&BUDGET, &words),
        _ => false,
    }
}

/// Labels that are the operator's own.
fn ours(label: &str) -> bool {
    crate::desired::object::is_ours(label) || label.contains("kopnams.lv")
}

/// Values that are not allowed where the field itself is.
fn wrong(path: &[String], value: &Value) -> Option<String> {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    let must = |good: bool, field: &str, write: &str| (!good).then(|| format!("`{field}` must be {write}; leave it out and it is"));
    match words.as_slice() {
        [.., "securityContext", "runAsNonRoot"] => must(*value == true, "runAsNonRoot", "true"),
        [.., "securityContext", "readOnlyRootFilesystem"] => {
            must(*value == true, "readOnlyRootFilesystem", "true, with an emptyDir for what the program writes")
        }
        [.., "securityContext", "allowPrivilegeEscalation"] => must(*value == false, "allowPrivilegeEscalation", "false"),
        [.., "securityContext", "runAsUser" | "runAsGroup" | "fsGroup"] | [.., "supplementalGroups", _] => must(
            value.as_u64().is_some_and(|id| id > 0),
            words.last().copied().unwrap_or_default(),
            "a number above 0: nothing runs as root",
        ),
        [.., "capabilities", "drop", _] => must(*value == "ALL", "capabilities.drop", "[ALL]"),
        [.., "seccompProfile", "type"] => must(*value == "RuntimeDefault", "seccompProfile.type", "RuntimeDefault"),
        ["spec", "type"] => must(*value == "ClusterIP", "type", "ClusterIP: apps are reached through route"),
        ["spec", "clusterIP"] => must(*value == "None", "clusterIP", "None, for a headless service"),
        [.., "httpGet" | "tcpSocket", "host"] => Some("a probe asks its own pod; leave host out".into()),
        _ => None,
    }
}

fn matches_any(patterns: &[&str], words: &[&str]) -> bool {
    patterns.iter().any(|pattern| matches(pattern, words))
}

fn matches(pattern: &str, words: &[&str]) -> bool {
    let mut rest = words.iter();
    for step in pattern.split('/') {
        match (step, rest.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (step, Some(word)) if step == *word => {}
            _ => return false,
        }
    }
    rest.next().is_none()
}

/// Visits every value that holds no other: scalars and empty lists and maps.
pub fn walk(value: &Value, path: &mut Vec<String>, visit: &mut impl FnMut(&[String], &Value)) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, inside) in map {
                path.push(key.clone());
                walk(inside, path, visit);
                path.pop();
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, inside) in items.iter().enumerate() {
                path.push(index.to_string());
                walk(inside, path, visit);
                path.pop();
            }
        }
        _ => visit(path, value),
    }
}
