//! Single looks at the API server where a cached answer would not do: a hand-over asks whether the
//! definition or the home namespace is being deleted at this moment.

use crate::policy::AppKey;
use crate::request::MunicipalityApp;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
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

/// Whether a workload of a namespace has pods, or is to have some. The page that stands in for a stopped app does not count.
pub async fn has_running(client: &Client, namespace: &str) -> Result<bool, kube::Error> {
    let all = ListParams::default();
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
    let of = |name: Option<&str>, wanted: Option<i32>, has: Option<i32>| {
        !name.is_some_and(|name| name.starts_with("kopnams-")) && (wanted.unwrap_or(1) > 0 || has.unwrap_or(0) > 0)
    };
    let running = deployments.list(&all).await?.items.iter().any(|object| {
        let (wanted, has) =
            (object.spec.as_ref().and_then(|spec| spec.replicas), object.status.as_ref().and_then(|status| status.replicas));
        of(object.metadata.name.as_deref(), wanted, has)
    });
    let set = sets.list(&all).await?.items.iter().any(|object| {
        let (wanted, has) = (object.spec.as_ref().and_then(|spec| spec.replicas), object.status.as_ref().map(|status| status.replicas));
        of(object.metadata.name.as_deref(), wanted, has)
    });
    Ok(running || set)
}

/// Whether somebody asks for an app.
pub async fn has_request(client: &Client, key: &AppKey) -> Result<bool, kube::Error> {
    let api: Api<MunicipalityApp> = Api::namespaced(client.clone(), &key.municipality);
    Ok(api.get_metadata_opt(&key.app).await?.is_some())
}
