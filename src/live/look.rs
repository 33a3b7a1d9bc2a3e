//! Single looks at the API server where a cached answer would not do: a hand-over asks whether the
//! definition or the home namespace is being deleted at this moment.

use crate::policy::AppKey;
use crate::request::MunicipalityApp;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::core::PartialObjectMeta;
use kube::{Api, Client};

/// Whether a definition is gone or being deleted.
pub async fn definition_ends(client: &Client, name: &str) -> Result<bool, kube::Error> {
    let api: Api<CustomResourceDefinition> = Api::all(client.clone());
    let found: Option<PartialObjectMeta<_>> = api.get_metadata_opt(name).await?;
    Ok(found.is_none_or(|definition| definition.metadata.deletion_timestamp.is_some()))
}

/// Whether a namespace is gone or being deleted.
pub async fn namespace_ends(client: &Client, name: &str) -> Result<bool, kube::Error> {
    let api: Api<Namespace> = Api::all(client.clone());
    let found: Option<PartialObjectMeta<_>> = api.get_metadata_opt(name).await?;
    Ok(found.is_none_or(|namespace| namespace.metadata.deletion_timestamp.is_some()))
}

/// Whether a namespace holds a volume claim.
pub async fn has_claims(client: &Client, namespace: &str) -> Result<bool, kube::Error> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    Ok(!api.list_metadata(&ListParams::default().limit(1)).await?.items.is_empty())
}

/// The volume claims of a namespace, whoever made them.
pub async fn claims(client: &Client, namespace: &str) -> Result<Vec<PersistentVolumeClaim>, kube::Error> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    Ok(api.list(&ListParams::default()).await?.items)
}

/// Whether somebody asks for an app.
pub async fn has_request(client: &Client, key: &AppKey) -> Result<bool, kube::Error> {
    let api: Api<MunicipalityApp> = Api::namespaced(client.clone(), &key.municipality);
    Ok(api.get_metadata_opt(&key.app).await?.is_some())
}
