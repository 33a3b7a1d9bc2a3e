//! Single looks at the API server where a cached answer would not do: a hand-over asks whether the
//! definition or the home namespace is being deleted at this moment.

use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
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
