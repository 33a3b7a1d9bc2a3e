//! Intake: watch events go into the world, and what follows from them into the queue.

use super::world::backups::Piece;
use super::world::{Store, World, key_of, stand_in};
use super::{Context, revisions};
use crate::desired::Kind;
use crate::live::index::Source;
use crate::live::{Change, health, watch};
use crate::policy::Concern;
use crate::request::backup::VAULT_NAMESPACE;
use crate::request::names::{PLATFORM, RUN};
use crate::request::{
    BackupRun, BackupTarget, BackupVault, DataClass, HostedSystem, Municipality, MunicipalityApp, Platform, RestoreDrill, RestoreRun,
};
use futures::StreamExt;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;
use serde::de::DeserializeOwned;
use std::collections::{BTreeSet, HashSet};
use std::fmt::Debug;
use std::sync::Arc;

/// Every store that is watched.
#[must_use]
pub fn stores() -> Vec<Store> {
    let custom = [
        "platforms",
        "dataclasses",
        "hostedsystems",
        "municipalities",
        "municipalityapps",
        "backuptargets",
        "backupvaults",
        "backupruns",
        "restoreruns",
        "restoredrills",
    ]
    .map(Store::Custom);
    let live = Kind::ALL.map(|kind| Store::Live(Source::Kind(kind)));
    custom.into_iter().chain(live).chain([Store::Live(Source::Claims), Store::Live(Source::Pods), Store::Revisions]).collect()
}

/// Starts every watch.
pub fn start(ctx: &Arc<Context>) {
    for kind in Kind::ALL {
        tokio::spawn(objects(Arc::clone(ctx), kind));
    }
    tokio::spawn(claims(Arc::clone(ctx)));
    tokio::spawn(pods(Arc::clone(ctx)));
    tokio::spawn(kept(Arc::clone(ctx)));
    tokio::spawn(custom::<Platform>(Arc::clone(ctx), "platforms"));
    tokio::spawn(custom::<DataClass>(Arc::clone(ctx), "dataclasses"));
    tokio::spawn(custom::<HostedSystem>(Arc::clone(ctx), "hostedsystems"));
    tokio::spawn(custom::<Municipality>(Arc::clone(ctx), "municipalities"));
    tokio::spawn(custom::<MunicipalityApp>(Arc::clone(ctx), "municipalityapps"));
    tokio::spawn(custom::<BackupTarget>(Arc::clone(ctx), "backuptargets"));
    tokio::spawn(custom::<BackupVault>(Arc::clone(ctx), "backupvaults"));
    tokio::spawn(custom::<BackupRun>(Arc::clone(ctx), "backupruns"));
    tokio::spawn(custom::<RestoreRun>(Arc::clone(ctx), "restoreruns"));
    tokio::spawn(custom::<RestoreDrill>(Arc::clone(ctx), "restoredrills"));
}

/// Changes the world and queues what follows.
pub fn change(ctx: &Context, change: impl FnOnce(&mut World)) {
    let keys = {
        let mut world = ctx.world();
        change(&mut world);
        world.settle(Timestamp::now())
    };
    for key in keys {
        ctx.queue.push(key);
    }
}

async fn objects(ctx: Arc<Context>, kind: Kind) {
    let source = Source::Kind(kind);
    let mut events = watch::objects(&ctx.client, kind);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => change(&ctx, |world| match event {
                Event::Init => world.index.begin(source),
                Event::Apply(object) | Event::InitApply(object) => {
                    if world.index.observe(&object) == Change::Some {
                        world.namespace_changed(object.namespace());
                        if kind == Kind::Job {
                            world.job_changed(object.name());
                        }
                    }
                }
                Event::Delete(object) => {
                    if world.index.forget(&object) == Change::Some {
                        world.namespace_changed(object.namespace());
                        if kind == Kind::Job {
                            world.job_changed(object.name());
                        }
                    }
                }
                Event::InitDone => {
                    for namespace in world.index.finish(source) {
                        world.namespace_changed(&namespace);
                    }
                    world.listed(Store::Live(source));
                }
            }),
            Err(error) => ctx.metrics.watch_failed(kind.as_str(), &error),
        }
    }
}

async fn claims(ctx: Arc<Context>) {
    let mut events = watch::claims(&ctx.client);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => change(&ctx, |world| match event {
                Event::Init => world.index.begin(Source::Claims),
                Event::Apply(claim) | Event::InitApply(claim) => {
                    world.index.observe_claim(&claim.namespace().unwrap_or_default(), &claim.name_any());
                }
                Event::Delete(claim) => {
                    let namespace = claim.namespace().unwrap_or_default();
                    world.index.forget_claim(&namespace, &claim.name_any());
                    world.namespace_changed(&namespace);
                }
                Event::InitDone => {
                    for namespace in world.index.finish(Source::Claims) {
                        world.namespace_changed(&namespace);
                    }
                    world.listed(Store::Live(Source::Claims));
                }
            }),
            Err(error) => ctx.metrics.watch_failed("PersistentVolumeClaim", &error),
        }
    }
}

async fn pods(ctx: Arc<Context>) {
    let mut events = watch::pods(&ctx.client);
    let (mut listed, mut listing) = (BTreeSet::new(), false);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => change(&ctx, |world| match event {
                Event::Init => {
                    listed.clear();
                    listing = true;
                    world.index.begin(Source::Pods);
                }
                Event::Apply(pod) | Event::InitApply(pod) => {
                    let namespace = pod.namespace().unwrap_or_default();
                    if listing {
                        listed.insert((namespace.clone(), pod.name_any()));
                    }
                    world.observe_pod(&pod);
                    if pod.labels().contains_key(RUN) {
                        // What ails it is said by its piece of work.
                        return;
                    }
                    if world.index.observe_pod(&namespace, &pod.name_any(), health::ails(&pod)) == Change::Some {
                        world.namespace_changed(&namespace);
                    }
                }
                Event::Delete(pod) => {
                    let namespace = pod.namespace().unwrap_or_default();
                    world.forget_pod(&namespace, &pod.name_any());
                    if world.index.forget_pod(&namespace, &pod.name_any()) == Change::Some {
                        world.namespace_changed(&namespace);
                    }
                }
                Event::InitDone => {
                    world.keep_pods(&listed);
                    listed.clear();
                    listing = false;
                    for namespace in world.index.finish(Source::Pods) {
                        world.namespace_changed(&namespace);
                    }
                    world.listed(Store::Live(Source::Pods));
                }
            }),
            Err(error) => ctx.metrics.watch_failed("Pod", &error),
        }
    }
}

/// Revisions come and go by the operator's own hand; one that somebody deletes is kept again when an app needs it.
async fn kept(ctx: Arc<Context>) {
    let mut events = watch::revisions(&ctx.client, &ctx.identity.namespace);
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => change(&ctx, |world| match event {
                Event::Apply(object) | Event::InitApply(object) => {
                    if let Some((system, revision, spec)) = revisions::read(&object) {
                        world.register.keep(&system, &revision, spec, true);
                    } else {
                        tracing::error!(name = object.name_any(), "a kept revision does not say what its name says; it is passed over");
                    }
                }
                Event::Delete(object) => {
                    if let Some((system, revision, _)) = revisions::read(&object) {
                        world.register.drop_revision(&system, &revision);
                    }
                }
                Event::Init => {}
                Event::InitDone => world.listed(Store::Revisions),
            }),
            Err(error) => ctx.metrics.watch_failed("ControllerRevision", &error),
        }
    }
}

/// How a custom resource gets into the world and out of it.
trait Custom: kube::Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Send + 'static {
    fn enter(self, world: &mut World);
    fn leave(world: &mut World, namespace: &str, name: &str);
    fn unreadable(world: &mut World, invalid: kube::core::error_boundary::InvalidObject);
}

async fn custom<K: Custom>(ctx: Arc<Context>, plural: &'static str) {
    let mut events = watch::custom::<K>(&ctx.client);
    let mut known: HashSet<(String, String)> = HashSet::new();
    let mut listed: HashSet<(String, String)> = HashSet::new();
    let id = |object: &DeserializeGuard<K>| (object.namespace().unwrap_or_default(), object.name_any());
    let enter = |world: &mut World, object: DeserializeGuard<K>| match object.0 {
        Ok(mut object) => {
            object.meta_mut().managed_fields = None;
            object.enter(world);
        }
        Err(invalid) => K::unreadable(world, invalid),
    };
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => change(&ctx, |world| match event {
                Event::Init => listed.clear(),
                Event::InitApply(object) => {
                    known.insert(id(&object));
                    listed.insert(id(&object));
                    enter(world, object);
                }
                Event::Apply(object) => {
                    known.insert(id(&object));
                    enter(world, object);
                }
                Event::Delete(object) => {
                    let (namespace, name) = id(&object);
                    K::leave(world, &namespace, &name);
                    known.remove(&(namespace, name));
                }
                Event::InitDone => {
                    for (namespace, name) in known.extract_if(|id| !listed.contains(id)) {
                        K::leave(world, &namespace, &name);
                    }
                    listed.clear();
                    world.listed(Store::Custom(plural));
                }
            }),
            Err(error) => ctx.metrics.watch_failed(plural, &error),
        }
    }
}

impl Custom for Platform {
    fn enter(self, world: &mut World) {
        if self.name_any() == PLATFORM {
            world.set_platform(Some(self));
        }
    }
    fn leave(world: &mut World, _: &str, name: &str) {
        if name == PLATFORM {
            world.set_platform(None);
        }
    }
    fn unreadable(world: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        // What was in force stays in force: a platform without its peers would cut every app off.
        world.platform_unreadable = world.platform.is_none();
        tracing::error!(error = invalid.error, "the Platform cannot be read by this release; the last readable one stays in force");
    }
}

impl Custom for DataClass {
    fn enter(self, world: &mut World) {
        world.set_class(self);
    }
    fn leave(world: &mut World, _: &str, name: &str) {
        world.remove_class(name);
    }
    fn unreadable(world: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        world.set_unreadable(Concern::Class, &invalid.metadata.name.unwrap_or_default(), invalid.error);
    }
}

impl Custom for HostedSystem {
    fn enter(self, world: &mut World) {
        world.set_system(self);
    }
    fn leave(world: &mut World, _: &str, name: &str) {
        world.remove_system(name);
    }
    fn unreadable(world: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        world.set_unreadable(Concern::System, &invalid.metadata.name.unwrap_or_default(), invalid.error);
    }
}

impl Custom for Municipality {
    fn enter(self, world: &mut World) {
        world.set_municipality(self);
    }
    fn leave(world: &mut World, _: &str, name: &str) {
        world.remove_municipality(name);
    }
    fn unreadable(world: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        world.set_unreadable(Concern::Municipality, &invalid.metadata.name.unwrap_or_default(), invalid.error);
    }
}

impl Custom for MunicipalityApp {
    fn enter(self, world: &mut World) {
        world.set_app(self, None);
    }
    fn leave(world: &mut World, namespace: &str, name: &str) {
        world.remove_app(&crate::policy::AppKey::new(namespace, name));
    }
    fn unreadable(world: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        let object = stand_in(invalid.metadata);
        if let Some(key) = key_of(&object) {
            tracing::error!(app = %key, error = invalid.error, "a stored request cannot be read by this release");
        }
        world.set_app(object, Some(invalid.error));
    }
}

impl Custom for BackupTarget {
    fn enter(self, world: &mut World) {
        world.set_target(self);
    }
    fn leave(world: &mut World, _: &str, name: &str) {
        world.remove_target(name);
    }
    fn unreadable(_: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        unreadable_backup::<Self>(&invalid);
    }
}

impl Custom for BackupVault {
    fn enter(self, world: &mut World) {
        world.set_vault(self);
    }
    fn leave(world: &mut World, _: &str, name: &str) {
        world.remove_vault(name);
    }
    fn unreadable(_: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        unreadable_backup::<Self>(&invalid);
    }
}

impl Custom for BackupRun {
    fn enter(self, world: &mut World) {
        // Elsewhere it is nothing to the operator.
        if self.metadata.namespace.as_deref() == Some(VAULT_NAMESPACE) {
            world.set_run(self);
        }
    }
    fn leave(world: &mut World, _: &str, name: &str) {
        world.remove_work(Piece::Backup, name);
    }
    fn unreadable(_: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        unreadable_backup::<Self>(&invalid);
    }
}

impl Custom for RestoreRun {
    fn enter(self, world: &mut World) {
        // Elsewhere it is nothing to the operator.
        if self.metadata.namespace.as_deref() == Some(VAULT_NAMESPACE) {
            world.set_restore(self);
        }
    }
    fn leave(world: &mut World, _: &str, name: &str) {
        world.remove_work(Piece::Restore, name);
    }
    fn unreadable(_: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        unreadable_backup::<Self>(&invalid);
    }
}

impl Custom for RestoreDrill {
    fn enter(self, world: &mut World) {
        // Elsewhere it is nothing to the operator.
        if self.metadata.namespace.as_deref() == Some(VAULT_NAMESPACE) {
            world.set_drill(self);
        }
    }
    fn leave(world: &mut World, _: &str, name: &str) {
        world.remove_work(Piece::Drill, name);
    }
    fn unreadable(_: &mut World, invalid: kube::core::error_boundary::InvalidObject) {
        unreadable_backup::<Self>(&invalid);
    }
}

/// What was known of it stays known, and nothing is done about it.
fn unreadable_backup<K: kube::Resource<DynamicType = ()>>(invalid: &kube::core::error_boundary::InvalidObject) {
    let (kind, name) = (K::kind(&()), invalid.metadata.name.as_deref().unwrap_or_default());
    tracing::error!(%kind, name, error = invalid.error, "a stored object cannot be read by this release and is left as it is");
}
