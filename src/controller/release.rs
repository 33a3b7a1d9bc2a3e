//! Releasing: before the operator is uninstalled its finalizers come off and nothing else is touched.
//!
//! The lease is taken first and kept, so that no operator that still runs puts a finalizer back.

use crate::apply::{ApplyError, Fence, Gate};
use crate::controller::finalizer;
use crate::request::{Municipality, MunicipalityApp};
use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ListParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;

/// How long the lease stays taken after the release, so that the operator's pods are gone by then.
const HELD_FOR_SECONDS: i32 = 60;
const RENEWED_EVERY: Duration = Duration::from_secs(15);

/// What was released.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Requests whose finalizer came off.
    pub apps: usize,
    /// Municipalities whose finalizer came off.
    pub municipalities: usize,
}

/// Takes the lease and every finalizer of ours off.
pub async fn release(client: Client, namespace: &str, lease_name: &str) -> anyhow::Result<Released> {
    take_lease(client.clone(), namespace, lease_name).await.context("the lease could not be taken")?;
    let renewal = tokio::spawn(renew_lease(client.clone(), namespace.to_string(), lease_name.to_string()));
    let released = release_both(&client).await;
    renewal.abort();
    released
}

/// Keeps the lease while the release goes on, however long it takes.
async fn renew_lease(client: Client, namespace: String, name: String) {
    let api: Api<Lease> = Api::namespaced(client, &namespace);
    loop {
        tokio::time::sleep(RENEWED_EVERY).await;
        let renewed = async {
            let Some(lease) = api.get_opt(&name).await? else { return Ok(()) };
            let spec = LeaseSpec { renew_time: Some(MicroTime(Timestamp::now())), ..lease.spec.clone().unwrap_or_default() };
            api.replace(&name, &PostParams::default(), &Lease { spec: Some(spec), ..lease }).await.map(|_| ())
        };
        if let Err::<(), kube::Error>(error) = renewed.await {
            tracing::warn!(%error, "the lease could not be renewed");
        }
    }
}

async fn release_both(client: &Client) -> anyhow::Result<Released> {
    // Only the metadata is read, so that an object which this release cannot read is released too.
    let apps = release_all::<PartialObjectMeta<MunicipalityApp>>(client, |object| {
        Api::namespaced(client.clone(), object.metadata.namespace.as_deref().unwrap_or_default())
    });
    let apps = apps.await.context("a request could not be released")?;
    let municipalities = release_all::<PartialObjectMeta<Municipality>>(client, |_| Api::all(client.clone()));
    let municipalities = municipalities.await.context("a municipality could not be released")?;
    Ok(Released { apps, municipalities })
}

/// Takes the lease over and waits until the former holder surely writes nothing more.
async fn take_lease(client: Client, namespace: &str, name: &str) -> anyhow::Result<()> {
    let api: Api<Lease> = Api::namespaced(client, namespace);
    for _ in 0..10 {
        let Some(lease) = api.get_opt(name).await? else {
            return Ok(());
        };
        let old = lease.spec.clone().unwrap_or_default();
        let held = old.holder_identity.as_deref().is_some_and(|holder| !holder.is_empty());
        let wait = u64::from(old.lease_duration_seconds.unwrap_or(15).max(1).unsigned_abs());
        let now = MicroTime(Timestamp::now());
        let spec = LeaseSpec {
            holder_identity: Some("kopnams-release".into()),
            lease_duration_seconds: Some(HELD_FOR_SECONDS.saturating_add(i32::try_from(wait).unwrap_or(300))),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(old.lease_transitions.unwrap_or(0) + 1),
            ..LeaseSpec::default()
        };
        match api.replace(name, &PostParams::default(), &Lease { spec: Some(spec), ..lease }).await {
            Ok(_) => {
                if held {
                    tracing::info!(seconds = wait, "waiting until the operator surely writes nothing more");
                    tokio::time::sleep(Duration::from_secs(wait)).await;
                }
                return Ok(());
            }
            // The operator renewed it meanwhile.
            Err(kube::Error::Api(status)) if status.code == 409 => {}
            Err(other) => return Err(other.into()),
        }
    }
    anyhow::bail!("the lease `{name}` is renewed by the operator faster than it can be taken; try again")
}

async fn release_all<K>(client: &Client, api_of: impl Fn(&K) -> Api<K>) -> Result<usize, ApplyError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    let gate = Gate::new(Fence::open(), 8, Duration::from_secs(30));
    let all: Api<K> = Api::all(client.clone());
    let mut released = 0;
    let mut from = ListParams::default().limit(500);
    loop {
        let page = match gate.pass(all.list(&from)).await {
            Ok(page) => page,
            // The definition is gone, and with it every object.
            Err(ApplyError::Gone) => return Ok(released),
            Err(other) => return Err(other),
        };
        for object in page.items.iter().filter(|object| finalizer::is_on(*object)) {
            finalizer::take_off(&gate, &api_of(object), object).await?;
            released += 1;
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => from = ListParams::default().limit(500).continue_token(&token),
            None => return Ok(released),
        }
    }
}
