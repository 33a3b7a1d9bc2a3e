//! Where a tenant's quota is decided: four `ResourceQuota`s, because quotas add up and scopes are limited.
//!
//! Each pod is counted by exactly one of `running`, `jobs` and `backup`, so jobs and backups never
//! starve the app nor it them. `objects` counts the rest.

use super::meta::Owner;
use super::object::Object;
use crate::request::app::GrantedSize;
use crate::request::names::BACKUP_PRIORITY_CLASS;
use crate::request::quantity::{write_bytes, write_cpu};
use k8s_openapi::api::core::v1::{ResourceQuota, ResourceQuotaSpec, ScopeSelector, ScopedResourceSelectorRequirement};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// Objects of each kind that a tenant may have beyond what its system renders.
const ROOM: usize = 20;
/// Kinds that are counted with [`ROOM`].
const COUNTED: [&str; 11] = [
    "persistentvolumeclaims",
    "services",
    "configmaps",
    "secrets",
    "count/deployments.apps",
    "count/statefulsets.apps",
    "count/daemonsets.apps",
    "count/jobs.batch",
    "count/cronjobs.batch",
    "count/ingresses.networking.k8s.io",
    "count/poddisruptionbudgets.policy",
];

/// The four quotas of an app.
#[must_use]
pub fn of_app(owner: Owner<'_>, size: &GrantedSize) -> Vec<Object> {
    let not_backup = scope("PriorityClass", "NotIn", Some(BACKUP_PRIORITY_CLASS));
    vec![
        quota(owner, "objects", objects(size), vec![]),
        quota(owner, "running", compute(size), vec![scope("NotTerminating", "Exists", None), not_backup.clone()]),
        quota(owner, "jobs", compute(size), vec![scope("Terminating", "Exists", None), not_backup]),
        quota(owner, "backup", backups(size), vec![scope("PriorityClass", "In", Some(BACKUP_PRIORITY_CLASS))]),
    ]
}

/// The quota of a home namespace: requests live there and nothing runs.
#[must_use]
pub fn of_home(owner: Owner<'_>) -> Object {
    let none = ["pods", "services", "persistentvolumeclaims"].map(|name| (name.to_string(), Quantity("0".into())));
    quota(owner, "objects", none.into(), vec![])
}

/// Storage is twice the size, so that a restore fits beside the data.
fn objects(size: &GrantedSize) -> BTreeMap<String, Quantity> {
    let storage = size.storage.bytes().unwrap_or(0).saturating_mul(2);
    let mut hard: BTreeMap<String, Quantity> = COUNTED.map(|name| (name.to_string(), Quantity(ROOM.to_string()))).into();
    hard.insert("requests.storage".into(), Quantity(write_bytes(storage)));
    hard.insert("services.nodeports".into(), Quantity("0".into()));
    hard.insert("services.loadbalancers".into(), Quantity("0".into()));
    hard
}

/// Room for one runner at least, however small the app is, and for a copy of its database beside it.
fn backups(size: &GrantedSize) -> BTreeMap<String, Quantity> {
    let memory = size.memory.bytes().unwrap_or(0).max(RUNNER_MEMORY);
    let burst = size.cpu_burst.millis().unwrap_or(0).max(RUNNER_BURST);
    let (memory, burst) = (write_bytes(memory), write_cpu(burst));
    let amounts = [
        ("requests.cpu", size.cpu.0.clone()),
        ("limits.cpu", burst),
        ("requests.memory", memory.clone()),
        ("limits.memory", memory),
        ("pods", size.pods.max(2).to_string()),
    ];
    amounts.map(|(name, amount)| (name.to_string(), Quantity(amount))).into()
}

/// Memory of a runner, as [`crate::backup::jobs::RUNNER_MEMORY`].
const RUNNER_MEMORY: u64 = 512 << 20;
/// Thousandths of a CPU that a runner may use.
const RUNNER_BURST: u64 = 1000;

fn compute(size: &GrantedSize) -> BTreeMap<String, Quantity> {
    let amounts = [
        ("requests.cpu", size.cpu.0.clone()),
        ("limits.cpu", size.cpu_burst.0.clone()),
        ("requests.memory", size.memory.0.clone()),
        ("limits.memory", size.memory.0.clone()),
        ("pods", size.pods.to_string()),
    ];
    amounts.map(|(name, amount)| (name.to_string(), Quantity(amount))).into()
}

fn scope(name: &str, operator: &str, value: Option<&str>) -> ScopedResourceSelectorRequirement {
    ScopedResourceSelectorRequirement {
        scope_name: name.to_string(),
        operator: operator.to_string(),
        values: value.map(|value| vec![value.to_string()]),
    }
}

fn quota(owner: Owner<'_>, name: &str, hard: BTreeMap<String, Quantity>, scopes: Vec<ScopedResourceSelectorRequirement>) -> Object {
    let selector = (!scopes.is_empty()).then_some(ScopeSelector { match_expressions: Some(scopes) });
    let spec = ResourceQuotaSpec { hard: Some(hard), scope_selector: selector, scopes: None };
    Object::ResourceQuota(ResourceQuota { metadata: owner.meta(name), spec: Some(spec), status: None })
}
