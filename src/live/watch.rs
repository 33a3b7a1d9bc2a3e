//! Watches: one per kind, each with its own backoff, projected at once.
//!
//! A watch never ends; an error of one kind delays no other. When a watch lists again, what vanished
//! meanwhile is noticed.

use crate::desired::{Kind, Object};
use crate::request::names::{MANAGED_BY, MANAGER};
use futures::StreamExt;
use futures::stream::BoxStream;
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, PersistentVolumeClaim, Pod, ResourceQuota, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::core::{DeserializeGuard, DynamicObject, PartialObjectMeta};
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;

/// A watch event of an object of the operator's kinds, or of a custom resource.
pub type Events<K> = BoxStream<'static, Result<Event<K>, watcher::Error>>;

/// Objects of one kind that carry the operator's label; namespaces without a selector, so that a
/// removed label and a foreign namespace are seen too.
#[must_use]
pub fn objects(client: &Client, kind: Kind) -> Events<Object> {
    let labelled = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
    match kind {
        Kind::Namespace => all::<Namespace>(client, watcher::Config::default(), Object::Namespace),
        Kind::ResourceQuota => all::<ResourceQuota>(client, labelled, Object::ResourceQuota),
        Kind::LimitRange => all::<LimitRange>(client, labelled, Object::LimitRange),
        Kind::NetworkPolicy => all::<NetworkPolicy>(client, labelled, Object::NetworkPolicy),
        Kind::ServiceAccount => all::<ServiceAccount>(client, labelled, Object::ServiceAccount),
        Kind::RoleBinding => all::<RoleBinding>(client, labelled, Object::RoleBinding),
        workload => match workload.resource() {
            Some(resource) => {
                let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
                lifted(api, labelled, move |object| Object::Workload(kind, Box::new(object)))
            }
            None => futures::stream::empty().boxed(),
        },
    }
}

/// Volume claims of the whole cluster, whoever made them; only their metadata is asked for.
#[must_use]
pub fn claims(client: &Client) -> Events<PartialObjectMeta<PersistentVolumeClaim>> {
    let api: Api<PartialObjectMeta<PersistentVolumeClaim>> = Api::all(client.clone());
    watch(api, watcher::Config::default()).backoff(Patience::default()).boxed()
}

/// Pods of tenants; they carry the operator's label as the templates do.
#[must_use]
pub fn pods(client: &Client) -> Events<Pod> {
    let labelled = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
    watch(Api::all(client.clone()), labelled).backoff(Patience::default()).boxed()
}

/// The revisions that are kept in the operator's namespace.
#[must_use]
pub fn revisions(client: &Client, namespace: &str) -> Events<ControllerRevision> {
    let labelled = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
    watch(Api::namespaced(client.clone(), namespace), labelled).backoff(Patience::default()).boxed()
}

/// Custom resources. One that cannot be read does not end the watch.
#[must_use]
pub fn custom<K>(client: &Client) -> Events<DeserializeGuard<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let api: Api<DeserializeGuard<K>> = Api::all(client.clone());
    watch(api, watcher::Config::default()).backoff(Patience::default()).boxed()
}

fn all<K>(client: &Client, config: watcher::Config, wrap: fn(K) -> Object) -> Events<Object>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    lifted(Api::all(client.clone()), config, wrap)
}

fn lifted<K>(api: Api<K>, config: watcher::Config, wrap: impl Fn(K) -> Object + Copy + Send + 'static) -> Events<Object>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let lift = move |event: Event<K>| match event {
        Event::Apply(object) => Event::Apply(wrap(object)),
        Event::Delete(object) => Event::Delete(wrap(object)),
        Event::InitApply(object) => Event::InitApply(wrap(object)),
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
    };
    watch(api, config).backoff(Patience::default()).map(move |event| event.map(&lift)).boxed()
}

/// How long a failed watch waits: as the library proposes, and at most five seconds, so that an outage of the
/// API server is followed by repairs soon after its end. Twelve watches at that pace are no burden.
#[derive(Default)]
struct Patience(watcher::DefaultBackoff);

impl Iterator for Patience {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next().map(|pause| pause.min(Duration::from_secs(5)))
    }
}

impl Backoff for Patience {
    fn reset(&mut self) {
        self.0.reset();
    }
}
