//! The bare client: the same objects as kopnams makes, without any logic, watches or checks.

use crate::CONCURRENCY;
use crate::measured::Timed;
use crate::requests::{app, deed_key, municipality};
use anyhow::Result;
use futures::stream::FuturesUnordered;
use futures::{StreamExt, TryStreamExt, stream};
use kopnams::desired::{self, AppTenant, DesiredSet, Identity, Object, namespace::grant_text};
use kopnams::policy::AppKey;
use kopnams::request::app::{Grant, GrantedClass, GrantedSize, MunicipalityApp};
use kopnams::request::municipality::{Member, MemberKind, Role};
use kopnams::request::quantity::{Bytes, Cpu};
use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Semaphore;

/// How the bare client writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Server-side apply, with the finalizer and both status writes.
    Apply,
    /// Plain creates, and nothing else.
    Create,
}

impl Mode {
    /// The mode in words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Apply => "bare client: server-side apply, finalizer, two status writes",
            Self::Create => "bare client: plain creates only",
        }
    }
}

/// Writes everything and tells how long it took.
pub async fn run(client: Client, apps: usize, mode: Mode) -> Result<Timed> {
    let sets: Vec<(AppKey, DesiredSet)> = (0..apps).map(set).collect();
    let objects = sets.iter().map(|(_, set)| set.objects().count()).sum();
    let places = Arc::new(Semaphore::new(CONCURRENCY));
    let begun = Instant::now();
    stream::iter(&sets)
        .map(|(key, set)| one(&client, &places, key, set, mode))
        .buffer_unordered(CONCURRENCY)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(Timed { seconds: begun.elapsed().as_secs_f64(), objects })
}

async fn one(client: &Client, places: &Semaphore, key: &AppKey, set: &DesiredSet, mode: Mode) -> Result<()> {
    let api: Api<MunicipalityApp> = Api::namespaced(client.clone(), &key.municipality);
    if mode == Mode::Apply {
        let _place = places.acquire().await?;
        let patch = json!({"metadata": {"finalizers": ["bench.example.lv/bare"]}});
        api.patch(&key.app, &PatchParams::default(), &Patch::Merge(patch)).await?;
    }
    if mode == Mode::Apply {
        status(&api, places, key, "False").await?;
    }
    write(client, places, &set.namespace, mode).await?;
    let writes: FuturesUnordered<_> = set.guards.iter().map(|object| write(client, places, object, mode)).collect();
    writes.try_collect::<Vec<_>>().await?;
    if mode == Mode::Apply {
        status(&api, places, key, "True").await?;
    }
    Ok(())
}

async fn status(api: &Api<MunicipalityApp>, places: &Semaphore, key: &AppKey, ready: &str) -> Result<()> {
    let _place = places.acquire().await?;
    let conditions: Vec<_> = ["Admitted", "Isolated", "Deployed", "Available", "Ready"]
        .iter()
        .map(|type_| json!({"type": type_, "status": ready, "reason": "Bare", "message": "written by the bare client", "lastTransitionTime": "2026-01-01T00:00:00Z"}))
        .collect();
    let patch = json!({"status": {"grant": grant(), "namespace": key.namespace(), "conditions": conditions}});
    api.patch_status(&key.app, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

async fn write(client: &Client, places: &Semaphore, object: &Object, mode: Mode) -> Result<()> {
    match object {
        Object::Namespace(o) => send(&Api::all(client.clone()), places, o, mode).await,
        Object::ResourceQuota(o) => send(&Api::namespaced(client.clone(), object.namespace()), places, o, mode).await,
        Object::LimitRange(o) => send(&Api::namespaced(client.clone(), object.namespace()), places, o, mode).await,
        Object::NetworkPolicy(o) => send(&Api::namespaced(client.clone(), object.namespace()), places, o, mode).await,
        // The control plane may have made it already: only an apply always succeeds.
        Object::ServiceAccount(o) => send(&Api::namespaced(client.clone(), object.namespace()), places, o, Mode::Apply).await,
        Object::RoleBinding(o) => send(&Api::namespaced(client.clone(), object.namespace()), places, o, mode).await,
        // The systems of this benchmark have no objects.
        Object::Workload(kind, _) => anyhow::bail!("the bare client makes no {kind}"),
    }
}

async fn send<K>(api: &Api<K>, places: &Semaphore, object: &K, mode: Mode) -> Result<()>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let _place = places.acquire().await?;
    let name = object.meta().name.as_deref().unwrap_or_default();
    match mode {
        Mode::Apply => api.patch(name, &PatchParams::apply("bare").force(), &Patch::Apply(object)).await?,
        Mode::Create => api.create(&PostParams::default(), object).await?,
    };
    Ok(())
}

/// The objects of one app, exactly as kopnams renders them.
fn set(n: usize) -> (AppKey, DesiredSet) {
    let key = AppKey::new(municipality(n), app(n));
    let mut grant = grant();
    grant.hostname = Some(format!("{}.{}.example.lv", key.app, key.municipality));
    let tenant_id = uuid::Uuid::new_v4().to_string();
    let seals = deed_key().seals(&key.namespace(), &tenant_id, Some(&grant_text(&grant)));
    let member = |role, name: &str| Member { role, kind: MemberKind::Group, name: format!("{}:{name}", key.municipality) };
    let members = [member(Role::Operator, "it"), member(Role::Viewer, "staff")];
    let tenant = AppTenant {
        key: &key,
        grant: &grant,
        tenant_id: &tenant_id,
        seals: Some(&seals),
        retiring: None,
        members: &members,
        workload: None,
        backup: &[],
    };
    let set = desired::app(tenant, &kopnams::request::PlatformSpec::default(), &Identity::default());
    (key, set)
}

fn grant() -> Grant {
    Grant {
        system: "website".into(),
        version: "1.0".into(),
        revision: "4f53cda18c2b".into(),
        size: GrantedSize {
            name: "small".into(),
            cpu: Cpu("250m".into()),
            cpu_burst: Cpu("1".into()),
            memory: Bytes("512Mi".into()),
            storage: Bytes("2Gi".into()),
            pods: 5,
        },
        data_class: GrantedClass { name: "open".into(), grace_days: 7, ..GrantedClass::default() },
        since: "2026-01-01T00:00:00Z".into(),
        revision_since: "2026-01-01T00:00:00Z".into(),
        parameters: serde_json::json!({"siteTitle": "Mērījums"}),
        ..Grant::default()
    }
}
