//! The kinds that the operator makes, and the part of each that it owns.
//!
//! The kinds are an allow-list in code: nothing else can be written.

use crate::request::names::{ALLOW_DELETE, INTENT, MANAGED_BY, OWNS, POD_SECURITY, PREFIX, SKIP_FINAL_BACKUP};
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// A kind that the operator makes or looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1 Namespace`
    Namespace,
    /// `v1 ResourceQuota`
    ResourceQuota,
    /// `v1 LimitRange`
    LimitRange,
    /// `networking.k8s.io/v1 NetworkPolicy`
    NetworkPolicy,
    /// `v1 ServiceAccount`
    ServiceAccount,
    /// `rbac.authorization.k8s.io/v1 RoleBinding`
    RoleBinding,
    /// `v1 ConfigMap`
    ConfigMap,
    /// `v1 PersistentVolumeClaim`
    PersistentVolumeClaim,
    /// `v1 Service`
    Service,
    /// `apps/v1 Deployment`
    Deployment,
    /// `apps/v1 StatefulSet`
    StatefulSet,
    /// `batch/v1 Job`
    Job,
    /// `batch/v1 CronJob`
    CronJob,
    /// `policy/v1 PodDisruptionBudget`
    PodDisruptionBudget,
    /// `networking.k8s.io/v1 Ingress`
    Ingress,
}

impl Kind {
    /// Every kind, in the order in which plans list them.
    pub const ALL: [Self; 15] = [
        Self::Namespace,
        Self::ResourceQuota,
        Self::LimitRange,
        Self::NetworkPolicy,
        Self::ServiceAccount,
        Self::RoleBinding,
        Self::ConfigMap,
        Self::PersistentVolumeClaim,
        Self::Service,
        Self::Deployment,
        Self::StatefulSet,
        Self::Job,
        Self::CronJob,
        Self::PodDisruptionBudget,
        Self::Ingress,
    ];

    /// Whether it belongs to the system that runs in a tenant, as against the tenant's guard rails.
    #[must_use]
    pub fn is_workload(self) -> bool {
        self.resource().is_some()
    }

    /// How the API server calls a kind of workload; none for a guard rail.
    #[must_use]
    pub fn resource(self) -> Option<ApiResource> {
        let (group, plural) = match self {
            Self::ConfigMap => ("", "configmaps"),
            Self::PersistentVolumeClaim => ("", "persistentvolumeclaims"),
            Self::Service => ("", "services"),
            Self::Deployment => ("apps", "deployments"),
            Self::StatefulSet => ("apps", "statefulsets"),
            Self::Job => ("batch", "jobs"),
            Self::CronJob => ("batch", "cronjobs"),
            Self::PodDisruptionBudget => ("policy", "poddisruptionbudgets"),
            Self::Ingress => ("networking.k8s.io", "ingresses"),
            Self::Namespace | Self::ResourceQuota | Self::LimitRange | Self::NetworkPolicy | Self::ServiceAccount | Self::RoleBinding => {
                return None;
            }
        };
        let kind = GroupVersionKind::gvk(group, "v1", self.as_str());
        Some(ApiResource::from_gvk_with_plural(&kind, plural))
    }

    /// The kind's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::ResourceQuota => "ResourceQuota",
            Self::LimitRange => "LimitRange",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::ServiceAccount => "ServiceAccount",
            Self::RoleBinding => "RoleBinding",
            Self::ConfigMap => "ConfigMap",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::Service => "Service",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::Ingress => "Ingress",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Hash of the part of an object that the operator owns: equal means nothing has drifted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Content(pub [u8; 16]);

impl Content {
    /// Written out once and hashed: this runs for every object of every watch event and plan.
    fn of(value: &impl Serialize) -> Self {
        let mut text = Vec::with_capacity(2048);
        // Neither writing to memory nor these types can fail.
        let _ = serde_json::to_writer(&mut text, value);
        let digest = Sha256::digest(&text);
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        Self(short)
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An object of one of the kinds.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A namespace.
    Namespace(Namespace),
    /// A quota.
    ResourceQuota(ResourceQuota),
    /// Defaults for containers.
    LimitRange(LimitRange),
    /// A network policy.
    NetworkPolicy(NetworkPolicy),
    /// A service account.
    ServiceAccount(ServiceAccount),
    /// A role binding.
    RoleBinding(RoleBinding),
    /// An object of the system that runs in a tenant; its kind is one of those that are workload.
    Workload(Kind, Box<DynamicObject>),
}

impl Object {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Namespace(_) => Kind::Namespace,
            Self::ResourceQuota(_) => Kind::ResourceQuota,
            Self::LimitRange(_) => Kind::LimitRange,
            Self::NetworkPolicy(_) => Kind::NetworkPolicy,
            Self::ServiceAccount(_) => Kind::ServiceAccount,
            Self::RoleBinding(_) => Kind::RoleBinding,
            Self::Workload(kind, _) => *kind,
        }
    }

    /// Its metadata.
    #[must_use]
    pub fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Namespace(o) => &o.metadata,
            Self::ResourceQuota(o) => &o.metadata,
            Self::LimitRange(o) => &o.metadata,
            Self::NetworkPolicy(o) => &o.metadata,
            Self::ServiceAccount(o) => &o.metadata,
            Self::RoleBinding(o) => &o.metadata,
            Self::Workload(_, o) => &o.metadata,
        }
    }

    /// Its metadata, to be changed.
    pub fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Namespace(o) => &mut o.metadata,
            Self::ResourceQuota(o) => &mut o.metadata,
            Self::LimitRange(o) => &mut o.metadata,
            Self::NetworkPolicy(o) => &mut o.metadata,
            Self::ServiceAccount(o) => &mut o.metadata,
            Self::RoleBinding(o) => &mut o.metadata,
            Self::Workload(_, o) => &mut o.metadata,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.meta().name.as_deref().unwrap_or_default()
    }

    /// Its namespace; for a namespace, its own name.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.meta().namespace.as_deref().unwrap_or_else(|| self.name())
    }

    /// The hash of the part that the operator owns.
    #[must_use]
    pub fn content(&self) -> Content {
        let meta = self.meta();
        let marks = (owned(meta.labels.as_ref()), owned(meta.annotations.as_ref()));
        match self {
            Self::Namespace(_) => Content::of(&((), marks)),
            Self::ResourceQuota(o) => Content::of(&(&o.spec, marks)),
            Self::LimitRange(o) => Content::of(&(&o.spec, marks)),
            Self::NetworkPolicy(o) => Content::of(&(&o.spec, marks)),
            Self::ServiceAccount(o) => Content::of(&(o.automount_service_account_token, marks)),
            Self::RoleBinding(o) => Content::of(&(&o.role_ref, &o.subjects, marks)),
            Self::Workload(kind, o) => Content::of(&(crate::template::defaults::owned(*kind, &o.data), marks)),
        }
    }

    /// Writes the intent annotation: the content as it was meant.
    pub fn write_intent(&mut self) {
        let intent = self.content().to_string();
        self.meta_mut().annotations.get_or_insert_default().insert(INTENT.to_string(), intent);
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Namespace(o) => o.serialize(serializer),
            Self::ResourceQuota(o) => o.serialize(serializer),
            Self::LimitRange(o) => o.serialize(serializer),
            Self::NetworkPolicy(o) => o.serialize(serializer),
            Self::ServiceAccount(o) => o.serialize(serializer),
            Self::RoleBinding(o) => o.serialize(serializer),
            Self::Workload(_, o) => o.serialize(serializer),
        }
    }
}

/// The labels or annotations that belong to the operator, in the order of their names.
fn owned(map: Option<&BTreeMap<String, String>>) -> Vec<(&str, &str)> {
    let ours = map.into_iter().flatten().filter(|(key, _)| is_ours(key) || is_named(map, key));
    ours.map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// Whether the annotations themselves name this one as the operator's.
#[must_use]
pub fn is_named(map: Option<&BTreeMap<String, String>>, key: &str) -> bool {
    map.and_then(|map| map.get(OWNS)).is_some_and(|names| names.split(',').any(|name| name == key))
}

/// Whether a label or annotation belongs to the operator alone; the intent speaks of the others.
#[must_use]
pub fn is_ours(key: &str) -> bool {
    (key.starts_with(PREFIX) && key != INTENT && key != ALLOW_DELETE && key != SKIP_FINAL_BACKUP)
        || key.starts_with(POD_SECURITY)
        || key == MANAGED_BY
}
