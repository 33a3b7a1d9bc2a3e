//! What is written out beside what an entry says: the operator's hardening and the API server's defaults.
//!
//! With every default written out, a live object either equals the desired one or has drifted. The
//! defaults are those of Kubernetes 1.36 (`pkg/apis/*/v1/defaults.go`); a test on the real API server
//! finds one that is missing here.

use super::place::pod_spec;
use crate::desired::Kind;
use crate::request::quantity::{Bytes, Cpu, write_bytes, write_cpu};
use serde_json::{Value, json};

/// A path, and what stands there when an entry says nothing. `*` is every item of a list; the parent must exist.
type Default = (&'static str, fn() -> Value);

/// What the operator asks of every pod beyond the API server's defaults.
const HARDENING: [Default; 8] = [
    ("automountServiceAccountToken", || json!(false)),
    ("enableServiceLinks", || json!(false)),
    ("securityContext", || json!({})),
    ("securityContext/runAsNonRoot", || json!(true)),
    ("securityContext/seccompProfile", || json!({"type": "RuntimeDefault"})),
    ("restartPolicy", || json!("Always")),
    ("containers/*/securityContext", || json!({})),
    ("initContainers/*/securityContext", || json!({})),
];
/// And of every container.
const CONTAINER_HARDENING: [Default; 3] = [
    ("securityContext/allowPrivilegeEscalation", || json!(false)),
    ("securityContext/capabilities", || json!({"drop": ["ALL"]})),
    ("securityContext/readOnlyRootFilesystem", || json!(true)),
];
const POD: [Default; 7] = [
    ("terminationGracePeriodSeconds", || json!(30)),
    ("dnsPolicy", || json!("ClusterFirst")),
    ("schedulerName", || json!("default-scheduler")),
    ("volumes/*/configMap/defaultMode", || json!(420)),
    ("volumes/*/secret/defaultMode", || json!(420)),
    // The API server leaves it out and then changes the owner of every file at each start.
    ("securityContext/fsGroupChangePolicy", || json!("OnRootMismatch")),
    ("volumes/*/emptyDir", || json!(null)),
];
const CONTAINER: [Default; 5] = [
    ("terminationMessagePath", || json!("/dev/termination-log")),
    ("terminationMessagePolicy", || json!("File")),
    ("imagePullPolicy", || json!("IfNotPresent")),
    ("ports/*/protocol", || json!("TCP")),
    ("resources", || json!({})),
];
const PROBES: [&str; 3] = ["livenessProbe", "readinessProbe", "startupProbe"];
const PROBE: [Default; 7] = [
    ("timeoutSeconds", || json!(1)),
    ("periodSeconds", || json!(10)),
    ("successThreshold", || json!(1)),
    ("failureThreshold", || json!(3)),
    ("httpGet/scheme", || json!("HTTP")),
    ("httpGet/path", || json!("/")),
    ("grpc/service", || json!("")),
];
const DEPLOYMENT: [Default; 5] = [
    ("spec/replicas", || json!(1)),
    ("spec/revisionHistoryLimit", || json!(10)),
    ("spec/progressDeadlineSeconds", || json!(600)),
    ("spec/strategy", || json!({})),
    ("spec/strategy/type", || json!("RollingUpdate")),
];
const STATEFUL_SET: [Default; 8] = [
    ("spec/replicas", || json!(1)),
    ("spec/revisionHistoryLimit", || json!(10)),
    // In order, a pod that never becomes ready would keep the next revision from mending it.
    ("spec/podManagementPolicy", || json!("Parallel")),
    ("spec/updateStrategy", || json!({"type": "RollingUpdate"})),
    ("spec/persistentVolumeClaimRetentionPolicy", || json!({"whenDeleted": "Retain", "whenScaled": "Retain"})),
    ("spec/volumeClaimTemplates/*/apiVersion", || json!("v1")),
    ("spec/volumeClaimTemplates/*/kind", || json!("PersistentVolumeClaim")),
    ("spec/volumeClaimTemplates/*/spec/volumeMode", || json!("Filesystem")),
];
const CRON_JOB: [Default; 4] = [
    ("spec/concurrencyPolicy", || json!("Forbid")),
    ("spec/suspend", || json!(false)),
    ("spec/successfulJobsHistoryLimit", || json!(3)),
    ("spec/failedJobsHistoryLimit", || json!(1)),
];
const JOB: [Default; 6] = [
    ("spec/completions", || json!(1)),
    ("spec/parallelism", || json!(1)),
    ("spec/backoffLimit", || json!(6)),
    ("spec/completionMode", || json!("NonIndexed")),
    ("spec/suspend", || json!(false)),
    ("spec/podReplacementPolicy", || json!("TerminatingOrFailed")),
];
const SERVICE: [Default; 4] = [
    ("spec/type", || json!("ClusterIP")),
    ("spec/sessionAffinity", || json!("None")),
    ("spec/internalTrafficPolicy", || json!("Cluster")),
    ("spec/ports/*/protocol", || json!("TCP")),
];
const CLAIM: [Default; 1] = [("spec/volumeMode", || json!("Filesystem"))];

/// Writes out what an entry leaves to the operator and the API server.
pub fn fill(kind: Kind, object: &mut Value) {
    match kind {
        Kind::Deployment => {
            write_all(object, &DEPLOYMENT);
            if object.pointer("/spec/strategy/type") == Some(&json!("RollingUpdate")) {
                write(object, "spec/strategy/rollingUpdate", || json!({}));
                write(object, "spec/strategy/rollingUpdate/maxSurge", || json!("25%"));
                write(object, "spec/strategy/rollingUpdate/maxUnavailable", || json!("25%"));
            }
        }
        Kind::StatefulSet => {
            write_all(object, &STATEFUL_SET);
            if object.pointer("/spec/updateStrategy/type") == Some(&json!("RollingUpdate")) {
                write(object, "spec/updateStrategy/rollingUpdate", || json!({"partition": 0}));
            }
        }
        Kind::CronJob => write_all(object, &CRON_JOB),
        Kind::Job => write_all(object, &JOB),
        Kind::Service => {
            write_all(object, &SERVICE);
            each(object, &["spec", "ports", "*"], &mut |port| {
                if let (None, Some(number)) = (port.get("targetPort"), port.get("port").cloned()) {
                    port["targetPort"] = number;
                }
            });
        }
        Kind::PersistentVolumeClaim => write_all(object, &CLAIM),
        _ => {}
    }
    if let Some(path) = pod_spec(kind) {
        each(object, path, &mut pod);
    }
    quantities(object);
    shed(object);
}

fn pod(spec: &mut Value) {
    write_all(spec, &HARDENING);
    write_all(spec, &POD);
    if spec.pointer("/securityContext/fsGroup").is_none()
        && let Some(context) = spec.get_mut("securityContext").and_then(Value::as_object_mut)
    {
        context.remove("fsGroupChangePolicy");
    }
    for list in ["containers", "initContainers"] {
        each(spec, &[list, "*"], &mut |container| {
            write_all(container, &CONTAINER_HARDENING);
            write_all(container, &CONTAINER);
            for name in PROBES {
                each(container, &[name], &mut |probe| write_all(probe, &PROBE));
            }
        });
    }
    // A volume with a name alone is an empty folder to the API server too.
    each(spec, &["volumes", "*"], &mut |volume| {
        let Some(map) = volume.as_object_mut() else { return };
        if map.get("emptyDir").is_some_and(Value::is_null) {
            map.remove("emptyDir");
            if map.len() == 1 {
                map.insert("emptyDir".into(), json!({}));
            }
        }
    });
}

fn write_all(at: &mut Value, defaults: &[Default]) {
    for (path, default) in defaults {
        write(at, path, *default);
    }
}

fn write(at: &mut Value, path: &str, default: fn() -> Value) {
    let steps: Vec<&str> = path.split('/').collect();
    let Some((last, parents)) = steps.split_last() else { return };
    each(at, parents, &mut |parent| {
        if let Some(map) = parent.as_object_mut()
            && !map.contains_key(*last)
        {
            map.insert((*last).to_string(), default());
        }
    });
}

/// Everything at a path.
fn each(at: &mut Value, path: &[&str], visit: &mut dyn FnMut(&mut Value)) {
    match path.split_first() {
        None => visit(at),
        Some((&"*", rest)) => at.as_array_mut().into_iter().flatten().for_each(|item| each(item, rest, visit)),
        Some((step, rest)) => {
            if let Some(inside) = at.get_mut(*step) {
                each(inside, rest, visit);
            }
        }
    }
}

/// Amounts in the form in which the API server stores them.
fn quantities(object: &mut Value) {
    match object {
        Value::Object(map) => {
            for (key, value) in map.iter_mut() {
                // An amount may be written as a number too.
                if key == "cpu" && value.is_number() {
                    *value = Value::String(value.to_string());
                }
                match (key.as_str(), value.as_str()) {
                    ("cpu", Some(text)) => {
                        if let Ok(millis) = Cpu(text.into()).millis() {
                            *value = Value::String(write_cpu(millis));
                        }
                    }
                    ("memory" | "storage" | "sizeLimit", Some(text)) => {
                        if let Ok(bytes) = Bytes(text.into()).bytes() {
                            *value = Value::String(write_bytes(bytes));
                        }
                    }
                    // Free maps and texts are nobody's amounts.
                    ("data" | "labels" | "matchLabels" | "env", _) => {}
                    _ => quantities(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(quantities),
        _ => {}
    }
}

/// Fields whose empty value the API server does not store.
const UNSTORED: [&str; 6] = ["minReadySeconds", "initialDelaySeconds", "readOnly", "stdin", "value", "publishNotReadyAddresses"];

fn shed(object: &mut Value) {
    match object {
        Value::Object(map) => {
            let empty = |value: &Value| matches!(value, Value::Number(n) if n.as_u64() == Some(0)) || *value == false || *value == "";
            map.retain(|key, value| {
                let unstored = UNSTORED.contains(&key.as_str()) && empty(value);
                !(value.is_null() || unstored || value.as_array().is_some_and(Vec::is_empty))
            });
            for (key, value) in map.iter_mut() {
                if !matches!(key.as_str(), "data" | "labels" | "matchLabels") {
                    shed(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(shed),
        _ => {}
    }
}

/// Whether two jobs are the same but for being paused.
#[must_use]
pub fn same_job(one: &Value, other: &Value) -> bool {
    let unpaused = |job: &Value| {
        let mut owned = owned(Kind::Job, job);
        owned["suspend"] = json!(false);
        owned
    };
    unpaused(one) == unpaused(other)
}

/// The part of an object that the operator decides, without what the cluster itself fills in.
#[must_use]
pub fn owned(kind: Kind, object: &Value) -> Value {
    let mut owned = match kind {
        Kind::ConfigMap => {
            json!({"data": object.get("data"), "binaryData": object.get("binaryData"), "immutable": object.get("immutable")})
        }
        _ => object.get("spec").cloned().unwrap_or_default(),
    };
    let mut without = |path: &[&str], names: &[&str]| {
        each(&mut owned, path, &mut |at| {
            if let Some(map) = at.as_object_mut() {
                map.retain(|key, _| !names.contains(&key.as_str()));
            }
        });
    };
    match kind {
        Kind::Service => {
            without(&[], &["clusterIPs", "ipFamilies", "ipFamilyPolicy"]);
            if owned.get("clusterIP").is_some_and(|ip| *ip != "None")
                && let Some(map) = owned.as_object_mut()
            {
                map.remove("clusterIP");
            }
        }
        // Which class is the default is the cluster's choice, and which volume it made.
        Kind::PersistentVolumeClaim => without(&[], &["volumeName", "storageClassName"]),
        Kind::Deployment => without(&["template", "metadata"], &["creationTimestamp"]),
        Kind::StatefulSet => {
            without(&["template", "metadata"], &["creationTimestamp"]);
            without(&["volumeClaimTemplates", "*"], &["status"]);
            without(&["volumeClaimTemplates", "*", "metadata"], &["creationTimestamp"]);
            without(&["volumeClaimTemplates", "*", "spec"], &["storageClassName"]);
        }
        Kind::CronJob => {
            without(&["jobTemplate", "metadata"], &["creationTimestamp"]);
            without(&["jobTemplate", "spec", "template", "metadata"], &["creationTimestamp"]);
        }
        // The job controller adds its own selector and labels.
        Kind::Job => {
            without(&[], &["selector", "manualSelector"]);
            without(&["template", "metadata"], &["creationTimestamp"]);
            without(
                &["template", "metadata", "labels"],
                &["batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"],
            );
        }
        _ => {}
    }
    if kind == Kind::CronJob {
        each(&mut owned, &["jobTemplate"], &mut |template| {
            if template.get("metadata").is_some_and(|meta| *meta == json!({}))
                && let Some(map) = template.as_object_mut()
            {
                map.remove("metadata");
            }
        });
    }
    owned
}
