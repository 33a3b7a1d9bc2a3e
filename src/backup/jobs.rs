//! The Jobs that do the work, and what is mounted into each. Pure.
//!
//! Every pod is `restricted`: a user that is not root, no privilege to gain, a read-only root, no `ServiceAccount` token.
//! It never starts again by itself: what failed is told and decided by the operator.

use super::coverage::Security;
use super::work::{ACCESS_KEY_FILE, PASSWORD_FILE, SECRET_KEY_FILE, WORK_FILE, WORK_FOLDER, Work};
use crate::desired::{Kind, Object, Owner};
use crate::request::names::{BACKUP_PRIORITY_CLASS, RUN};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::{DynamicObject, TypeMeta};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

mod check;

pub use check::{CHECK, check};

/// Folder of a volume that is backed up, or of what is restored, in the runner.
pub const DATA: &str = "/var/kopnams/data";
/// Folder of a database's dump, in the runner and in the database's own container.
pub const DUMP: &str = "/var/kopnams/dump";
/// Folder of the configuration of an app, in the runner.
pub const CONFIGURATION: &str = "/var/kopnams/configuration";
/// File into which a database's container writes the facts that it found after loading.
pub const FACTS: &str = "/var/kopnams/facts/found";
/// Seconds that a piece of work may take at most, beside its wait for a node.
pub const DEADLINE: i64 = 6 * 3600;
/// Memory of a runner. `restic` holds its index in it, which is small for a repository of one app.
pub const RUNNER_MEMORY: &str = "512Mi";

/// As whom a pod works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// User.
    pub uid: i64,
    /// Group.
    pub gid: i64,
    /// Group of the volumes.
    pub fs_group: Option<i64>,
}

impl Default for User {
    fn default() -> Self {
        Self { uid: 65532, gid: 65532, fs_group: Some(65532) }
    }
}

impl From<&Security> for User {
    fn from(security: &Security) -> Self {
        Self { uid: security.uid, gid: security.gid.unwrap_or(security.uid), fs_group: security.fs_group }
    }
}

impl User {
    /// The user of a workload's pod: of the container if it says so, else of the pod.
    #[must_use]
    pub fn of(pod: &Value, container: Option<&Value>) -> Self {
        let own = |field: &str| {
            let of = |at: Option<&Value>| at.and_then(|at| at.pointer(&format!("/securityContext/{field}"))).and_then(Value::as_i64);
            of(container).or_else(|| of(Some(pod)))
        };
        let uid = own("runAsUser").unwrap_or(Self::default().uid);
        Self { uid, gid: own("runAsGroup").unwrap_or(uid), fs_group: own("fsGroup") }
    }
}

/// One Job.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    /// Its name: the piece of work and the number of the step.
    pub name: &'a str,
    /// The piece of work.
    pub run: &'a str,
    /// Whom it belongs to, and the namespace that it is in.
    pub owner: Owner<'a>,
    /// The image of the runner.
    pub image: &'a str,
    /// As whom the pod works.
    pub user: User,
    /// The node on which the volume is in use.
    pub node: Option<&'a str>,
    /// Volumes beside the order, and where each is mounted in the runner.
    pub mounts: Vec<Mount>,
    /// Volumes of those before it that the runner sees too, as its container mounts them.
    pub runner_mounts: Vec<Value>,
    /// Containers that come before the runner, one after another.
    pub before: Vec<Value>,
    /// Volumes that only those use.
    pub volumes: Vec<Value>,
    /// The pods are counted by the quota of backups, in a tenant's namespace.
    pub counted: bool,
}

/// A volume of a Job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is in the runner.
    pub path: String,
    /// What it is.
    pub volume: Volume,
}

/// What a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Volume {
    /// A claim of the tenant, only to be read.
    Claim(String),
    /// A claim of the tenant, to be written.
    Filled(String),
    /// Files of the Job's own Secret: key and name.
    Own(Vec<(String, String)>),
    /// An empty folder that goes with the pod.
    Empty,
    /// An empty volume of this size that goes with the pod.
    Scratch(String),
}

impl Volume {
    /// The volume under a name; `secret` is the Job's own.
    #[must_use]
    pub fn render(&self, name: &str, secret: &str) -> Value {
        match self {
            Self::Claim(claim) => json!({"name": name, "persistentVolumeClaim": {"claimName": claim, "readOnly": true}}),
            Self::Filled(claim) => json!({"name": name, "persistentVolumeClaim": {"claimName": claim}}),
            Self::Own(files) => {
                let items: Vec<Value> = files.iter().map(|(key, path)| json!({"key": key, "path": path})).collect();
                json!({"name": name, "secret": {"secretName": secret, "items": items, "defaultMode": 0o440}})
            }
            Self::Empty => json!({"name": name, "emptyDir": {}}),
            Self::Scratch(size) => json!({"name": name, "ephemeral": {"volumeClaimTemplate": {"spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}},
            }}}}),
        }
    }

    const fn read_only(&self) -> bool {
        matches!(self, Self::Claim(_) | Self::Own(_))
    }
}

/// What every container may not do.
fn restricted() -> Value {
    json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
}

/// The runner's container, with the order at its usual place.
#[must_use]
pub fn runner(name: &str, image: &str, order: Option<&str>, mounts: &[Value]) -> Value {
    let order = order.map_or_else(|| WORK_FILE.to_string(), |order| format!("{order}.json"));
    let mut all = vec![
        json!({"name": "work", "mountPath": WORK_FOLDER, "readOnly": true}),
        json!({"name": "cache", "mountPath": "/var/kopnams/cache"}),
        json!({"name": "cache", "mountPath": "/tmp", "subPath": "tmp"}),
    ];
    all.extend_from_slice(mounts);
    json!({
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["runner", "--order", order],
        "env": [{"name": "GOMEMLIMIT", "value": "400MiB"}, {"name": "HOME", "value": "/tmp"}],
        "resources": {"requests": {"cpu": "50m", "memory": RUNNER_MEMORY}, "limits": {"cpu": "1", "memory": RUNNER_MEMORY}},
        "securityContext": restricted(),
        "terminationMessagePolicy": "File",
        "volumeMounts": all,
    })
}

/// The Job, as the operator makes it. It carries no intent, so nothing ever prunes or repairs it.
#[must_use]
pub fn job(wanted: &Job<'_>) -> Object {
    let mut volumes = vec![
        json!({"name": "work", "secret": {"secretName": wanted.name, "defaultMode": 0o440}}),
        json!({"name": "cache", "emptyDir": {}}),
    ];
    let mut mounts = Vec::new();
    for (number, mount) in wanted.mounts.iter().enumerate() {
        let name = format!("data-{number}");
        volumes.push(mount.volume.render(&name, wanted.name));
        mounts.push(json!({"name": name, "mountPath": mount.path, "readOnly": mount.volume.read_only()}));
    }
    mounts.extend(wanted.runner_mounts.iter().cloned());
    volumes.extend(wanted.volumes.iter().cloned());
    let mut labels: Map<String, Value> = wanted.owner.labels().into_iter().map(|(key, value)| (key, Value::from(value))).collect();
    labels.insert(RUN.into(), wanted.run.into());
    let mut security = json!({
        "runAsNonRoot": true, "runAsUser": wanted.user.uid, "runAsGroup": wanted.user.gid,
        "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
    });
    if let Some(group) = wanted.user.fs_group {
        security["fsGroup"] = group.into();
    }
    let mut pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": 30,
        "securityContext": security,
        "initContainers": wanted.before,
        "containers": [runner("runner", wanted.image, None, &mounts)],
        "volumes": volumes,
    });
    if wanted.counted {
        pod["priorityClassName"] = BACKUP_PRIORITY_CLASS.into();
    }
    if let Some(node) = wanted.node {
        // By the node's name, for a volume that only one node can use at a time.
        let term = json!({"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]});
        pod["affinity"] = json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}});
    }
    let spec = json!({
        "backoffLimit": 0,
        "activeDeadlineSeconds": DEADLINE,
        // The operator deletes it when its report is written down; this is for an operator that never comes back.
        "ttlSecondsAfterFinished": 7 * 24 * 3600,
        "template": {"metadata": {"labels": labels}, "spec": pod},
    });
    let mut metadata = wanted.owner.meta(wanted.name);
    metadata.labels.get_or_insert_default().insert(RUN.into(), wanted.run.into());
    let types = TypeMeta { api_version: "batch/v1".into(), kind: "Job".into() };
    Object::Workload(Kind::Job, Box::new(DynamicObject { types: Some(types), metadata, data: json!({"spec": spec}) }))
}

/// The keys with which a runner works.
#[derive(Clone)]
pub struct Keys {
    /// The repository's password.
    pub password: Vec<u8>,
    /// Id of the S3 key.
    pub access_key: Vec<u8>,
    /// The S3 key.
    pub secret_key: Vec<u8>,
    /// More files beside the order.
    pub more: BTreeMap<String, Vec<u8>>,
}

/// The Secret with a Job's orders and keys. It belongs to the Job and goes with it.
#[must_use]
pub fn secret(wanted: &Job<'_>, uid: &str, orders: &[(Option<&str>, &Work)], keys: &Keys) -> Secret {
    let mut data: BTreeMap<String, ByteString> = BTreeMap::new();
    let mut put = |name: &str, value: Vec<u8>| data.insert(name.to_string(), ByteString(value));
    for (order, work) in orders {
        let name = order.map_or_else(|| WORK_FILE.to_string(), |order| format!("{order}.json"));
        put(&name, serde_json::to_vec(work).unwrap_or_default());
    }
    put(PASSWORD_FILE, keys.password.clone());
    put(ACCESS_KEY_FILE, keys.access_key.clone());
    put(SECRET_KEY_FILE, keys.secret_key.clone());
    for (name, value) in &keys.more {
        put(name, value.clone());
    }
    let mut metadata = wanted.owner.meta(wanted.name);
    metadata.labels.get_or_insert_default().insert(RUN.into(), wanted.run.into());
    metadata.owner_references = Some(vec![OwnerReference {
        api_version: "batch/v1".into(),
        kind: "Job".into(),
        name: wanted.name.into(),
        uid: uid.into(),
        controller: None,
        block_owner_deletion: None,
    }]);
    Secret { metadata, data: Some(data), immutable: Some(true), type_: Some("Opaque".into()), ..Secret::default() }
}

/// A database's own container, and what its copy is to do.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseJob<'a> {
    /// The spec of the pod that the database runs in.
    pub pod: &'a Value,
    /// Its container.
    pub container: &'a Value,
    /// Name of the copy.
    pub name: &'a str,
    /// `dump` or `load`.
    pub argument: &'a str,
    /// Variables beside the container's own.
    pub environment: &'a [(&'a str, &'a str)],
    /// Name of the volume that takes the place of its files; none to leave them out.
    pub files: Option<&'a str>,
    /// Generated secrets and `ConfigMap`s of the app with their keys.
    pub secrets: &'a [(String, Vec<String>)],
    /// Where the app itself is not, its secrets are keys of this Secret, as `name.key`, and so are its settings, as
    /// [`setting`] names them.
    pub secrets_of: Option<&'a str>,
}

/// The key of an entry of one of the app's `ConfigMap`s in a Job's Secret.
#[must_use]
pub fn setting(config_map: &str, key: &str) -> String {
    format!("configmap.{config_map}.{key}")
}

/// A volume with a Secret's or `ConfigMap`'s entries, out of the Job's own Secret.
fn from_the_jobs_own(volume: &mut Value, job: &str, secrets: &[(String, Vec<String>)]) {
    let name = |pointer: &str| volume.pointer(pointer).and_then(Value::as_str).map(ToString::to_string);
    let (source, of, called): (&str, String, fn(&str, &str) -> String) = match (name("/secret/secretName"), name("/configMap/name")) {
        (Some(secret), _) => ("secret", secret, |name, key| format!("{name}.{key}")),
        (None, Some(settings)) => ("configMap", settings, setting),
        (None, None) => return,
    };
    let old = volume[source].take();
    let text = |item: &Value, field: &str| item.get(field).and_then(Value::as_str).unwrap_or_default().to_string();
    let chosen =
        old.get("items").and_then(Value::as_array).map(|items| items.iter().map(|item| (text(item, "key"), text(item, "path"))).collect());
    let all = || secrets.iter().find(|(name, _)| *name == of).map(|(_, keys)| keys.iter().map(|key| (key.clone(), key.clone())).collect());
    let items: Vec<(String, String)> = chosen.or_else(all).unwrap_or_default();
    let items: Vec<Value> = items.into_iter().map(|(key, path)| json!({"key": called(&of, &key), "path": path})).collect();
    // A database may refuse a file that others could read, and a script has to stay one.
    let mode = old.get("defaultMode").cloned().unwrap_or_else(|| json!(if source == "secret" { 0o440 } else { 0o444 }));
    *volume = json!({"name": volume["name"], "secret": {"secretName": job, "items": items, "defaultMode": mode}});
}

/// Takes a volume and its mount over from an app's pod, under a name that nothing else in the Job's pod has; the volume once.
fn carry(prefix: &str, mut mount: Value, mut volume: Value, mounts: &mut Vec<Value>, volumes: &mut Vec<Value>) {
    let own = json!(format!("{prefix}-{}", mount["name"].as_str().unwrap_or_default()));
    mount["name"] = own.clone();
    mounts.push(mount);
    if !volumes.iter().any(|known| known["name"] == own) {
        volume["name"] = own;
        volumes.push(volume);
    }
}

/// A copy of a database's own container that dumps it, or loads a dump, and the volumes that it needs.
///
/// It has the container's image, environment, secrets and user, and one argument.
#[must_use]
pub fn database(wanted: &DatabaseJob<'_>) -> (Value, Vec<Value>) {
    let DatabaseJob { pod, container, name, argument, environment, files, .. } = *wanted;
    let used: Vec<&Value> = container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten().collect();
    let volumes = || pod.get("volumes").and_then(Value::as_array).into_iter().flatten();
    let claim_of = |volume: &Value| volume.pointer("/persistentVolumeClaim/claimName").and_then(Value::as_str).map(ToString::to_string);
    let named = |mount: &Value| {
        let wanted = mount.get("name").and_then(Value::as_str);
        volumes().find(|volume| volume.get("name").and_then(Value::as_str) == wanted)
    };
    let mut mounts = vec![json!({"name": "dump", "mountPath": DUMP}), json!({"name": "facts", "mountPath": "/var/kopnams/facts"})];
    let mut extra: Vec<Value> = vec![json!({"name": "dump", "emptyDir": {}}), json!({"name": "facts", "emptyDir": {}})];
    for mount in used {
        let Some(volume) = named(mount) else {
            // A claim made from a template of the set has no volume in the pod's spec.
            if files.is_some() {
                mounts.push(json!({"name": files, "mountPath": mount.get("mountPath")}));
            }
            continue;
        };
        if claim_of(volume).is_some() {
            if files.is_some() {
                let mut mount = mount.clone();
                mount["name"] = files.into();
                mounts.push(mount);
            }
            continue;
        }
        let mut volume = volume.clone();
        if let Some(job) = wanted.secrets_of {
            from_the_jobs_own(&mut volume, job, wanted.secrets);
        }
        carry("db", mount.clone(), volume, &mut mounts, &mut extra);
    }
    let mut env: Vec<Value> = container.get("env").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(job) = wanted.secrets_of {
        for from in env.iter_mut().filter_map(|variable| variable.get_mut("valueFrom")) {
            let key = |of: &Value, called: fn(&str, &str) -> String| {
                called(of["name"].as_str().unwrap_or_default(), of["key"].as_str().unwrap_or_default())
            };
            let key = match (from.get("secretKeyRef"), from.get("configMapKeyRef")) {
                (Some(secret), _) => key(secret, |name, key| format!("{name}.{key}")),
                (None, Some(settings)) => key(settings, setting),
                // A field of the pod itself.
                (None, None) => continue,
            };
            *from = json!({"secretKeyRef": {"name": job, "key": key}});
        }
    }
    env.extend(environment.iter().map(|(name, value)| json!({"name": name, "value": value})));
    let mut copy = json!({
        "name": name,
        "image": container.get("image"),
        "imagePullPolicy": "IfNotPresent",
        "args": [argument],
        "env": env,
        "resources": container.get("resources"),
        "securityContext": restricted(),
        "terminationMessagePolicy": "File",
        "volumeMounts": mounts,
    });
    for field in ["command", "workingDir"] {
        if let Some(value) = container.get(field) {
            copy[field] = value.clone();
        }
    }
    (copy, extra)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_elsewhere_has_the_apps_secrets_and_settings_out_of_the_jobs_own_secret() {
        let pod = json!({"volumes": [
            {"name": "settings", "configMap": {"name": "postgres", "defaultMode": 0o555}},
            {"name": "one", "configMap": {"name": "postgres", "items": [{"key": "hba.conf", "path": "pg_hba.conf"}]}},
            {"name": "password", "secret": {"secretName": "db"}},
            {"name": "run", "emptyDir": {}},
            {"name": "files", "persistentVolumeClaim": {"claimName": "files"}},
        ]});
        let mounts: Vec<Value> =
            ["settings", "one", "password", "run", "files"].map(|name| json!({"name": name, "mountPath": name})).into();
        let container = json!({"image": "i", "volumeMounts": mounts, "env": [
            {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "postgres", "key": "hba.conf"}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
            {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ]});
        let keys = [
            ("postgres".to_string(), vec!["hba.conf".to_string(), "start.sh".to_string()]),
            ("db".to_string(), vec!["password".to_string()]),
        ];
        let made = |secrets_of| {
            let job = DatabaseJob {
                pod: &pod,
                container: &container,
                name: "load",
                argument: "load",
                environment: &[],
                files: Some("scratch"),
                secrets: &keys,
                secrets_of,
            };
            database(&job)
        };
        let (copy, volumes) = made(Some("job-0"));
        let volume = |name: &str| volumes.iter().find(|volume| volume["name"] == name).cloned().unwrap_or_default();
        let items = |name: &str| volume(name)["secret"]["items"].clone();
        assert_eq!(volume("db-settings")["secret"]["secretName"], "job-0");
        assert_eq!(volume("db-settings")["secret"]["defaultMode"], 0o555, "a script stays one");
        assert_eq!(
            items("db-settings"),
            json!([{"key": "configmap.postgres.hba.conf", "path": "hba.conf"}, {"key": "configmap.postgres.start.sh", "path": "start.sh"}])
        );
        assert_eq!(items("db-one"), json!([{"key": "configmap.postgres.hba.conf", "path": "pg_hba.conf"}]));
        assert_eq!(items("db-password"), json!([{"key": "db.password", "path": "password"}]));
        assert_eq!(volume("db-run"), json!({"name": "db-run", "emptyDir": {}}));
        let env = |number: usize| copy["env"][number]["valueFrom"].clone();
        assert_eq!(env(0), json!({"secretKeyRef": {"name": "job-0", "key": "configmap.postgres.hba.conf"}}));
        assert_eq!(env(1), json!({"secretKeyRef": {"name": "job-0", "key": "db.password"}}));
        assert_eq!(env(2), json!({"fieldRef": {"fieldPath": "metadata.name"}}));
        // Where the app is, everything is as its own pod has it.
        let (copy, volumes) = made(None);
        assert_eq!(copy["env"][0], container["env"][0]);
        assert!(volumes.iter().any(|volume| volume["configMap"]["name"] == "postgres"), "{volumes:?}");
    }
}
