//! Labels that everything of a tenant carries, and who the operator is.

use crate::request::names::{APP, MANAGED_BY, MANAGER, MUNICIPALITY, TENANT_ID};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

/// The operator's own `ServiceAccount`, to which it grants its rights inside tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The operator's namespace.
    pub namespace: String,
    /// Its `ServiceAccount`.
    pub service_account: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self { namespace: "kopnams-system".into(), service_account: "kopnams".into() }
    }
}

/// Whom an object belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Owner<'a> {
    /// The namespace that it is in.
    pub namespace: &'a str,
    /// The municipality's slug.
    pub municipality: &'a str,
    /// The app's name; none in a home namespace.
    pub app: Option<&'a str>,
    /// The tenant's UUID; empty when it is not known yet.
    pub tenant_id: &'a str,
}

impl Owner<'_> {
    /// The labels of everything of this owner.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        let mut labels =
            BTreeMap::from([(MANAGED_BY.to_string(), MANAGER.to_string()), (MUNICIPALITY.to_string(), self.municipality.to_string())]);
        if let Some(app) = self.app {
            labels.insert(APP.to_string(), app.to_string());
        }
        if !self.tenant_id.is_empty() {
            labels.insert(TENANT_ID.to_string(), self.tenant_id.to_string());
        }
        labels
    }

    /// Metadata of an object of this owner in its namespace.
    #[must_use]
    pub fn meta(&self, name: &str) -> ObjectMeta {
        ObjectMeta {
            name: Some(name.to_string()),
            namespace: Some(self.namespace.to_string()),
            labels: Some(self.labels()),
            ..ObjectMeta::default()
        }
    }
}
