//! The namespace: pod security labels, the deed that proves who made it, and the grant.

use super::AppTenant;
use super::meta::Owner;
use super::object::Object;
use crate::request::app::Grant;
use crate::request::class::PodSecurity;
use crate::request::names::{DEED, GRANT, GRANT_SEAL, POD_SECURITY, RETIRE};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

/// Proofs that the operator wrote a namespace and the grant on it, made with its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seals {
    /// Over the namespace's name, its municipality, app and tenant id.
    pub deed: String,
    /// Over the grant as [`grant_text`] writes it.
    pub grant: String,
}

/// The grant as it stands on the namespace, so that the tenant outlives its request.
#[must_use]
pub fn grant_text(grant: &Grant) -> String {
    serde_json::to_string(grant).unwrap_or_default()
}

/// An app's namespace.
#[must_use]
pub fn of_app(owner: Owner<'_>, tenant: AppTenant<'_>) -> Object {
    let mut annotations = BTreeMap::from([(GRANT.to_string(), grant_text(tenant.grant))]);
    if let Some(seals) = tenant.seals {
        annotations.insert(DEED.to_string(), seals.deed.clone());
        annotations.insert(GRANT_SEAL.to_string(), seals.grant.clone());
    }
    if let Some(since) = tenant.retiring {
        annotations.insert(RETIRE.to_string(), since.to_string());
    }
    named(owner, tenant.grant.data_class.pod_security, annotations)
}

/// A municipality's home namespace.
#[must_use]
pub fn of_home(owner: Owner<'_>, seals: Option<&Seals>) -> Object {
    let deed = seals.map(|seals| (DEED.to_string(), seals.deed.clone()));
    named(owner, PodSecurity::Restricted, deed.into_iter().collect())
}

fn named(owner: Owner<'_>, level: PodSecurity, annotations: BTreeMap<String, String>) -> Object {
    let mut labels = owner.labels();
    for mode in ["enforce", "audit", "warn"] {
        labels.insert(format!("{POD_SECURITY}{mode}"), level.as_str().to_string());
    }
    Object::Namespace(Namespace {
        metadata: ObjectMeta {
            name: Some(owner.namespace.to_string()),
            labels: Some(labels),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    })
}
