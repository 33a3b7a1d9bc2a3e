//! Backups, wired: vaults and their keys, runs, restores and drills, each a straight line that can be begun again anywhere.

pub mod canary;
pub mod copy;
pub mod drill;
pub mod due;
pub mod fill;
pub mod ground;
pub mod keys;
pub mod last;
pub mod load;
pub mod restore;
pub mod run;
pub mod scratch;
pub mod step;
pub mod target;
pub mod vault;

use super::Context;
use super::error::ReconcileError;
use super::queue::Next;
use super::world::World;
use super::world::backups::{self, Piece, Record};
use crate::apply::ApplyError;
use crate::backup::admission::{self, Purpose, Run};
use crate::backup::breaker::Breaker;
use crate::backup::work::Class;
use crate::policy::AppKey;
use crate::request::BackupVault;
use crate::request::app::{BackupStatus, SetLine};
use crate::request::backup::{BackupVaultStatus, Failures, Level, RunKind, RunPhase, RunStatus, VAULT_NAMESPACE};
use crate::request::names::MANAGER;
use crate::status::backed_up::Backups;
use crate::status::copied::Copies;
use crate::status::patch_status;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::PostParams;
use std::collections::BTreeMap;
use std::sync::Arc;

use ground::profile;
pub use ground::{Ground, ground};

/// Looks at a piece of work.
pub async fn work(ctx: &Context, piece: Piece, name: &str) -> Result<Next, ReconcileError> {
    let current = match piece {
        Piece::Backup => is_current(ctx, |backups| backups.runs.get(name)).await?,
        Piece::Restore => is_current(ctx, |backups| backups.restores.get(name)).await?,
        Piece::Drill => is_current(ctx, |backups| backups.drills.get(name)).await?,
    };
    if !current {
        return Ok(Next::After(step::SOON));
    }
    match piece {
        Piece::Backup => run::reconcile(ctx, name).await,
        // They have many steps, and most keys of the queue are neither.
        Piece::Restore => Box::pin(restore::reconcile(ctx, name)).await,
        Piece::Drill => Box::pin(drill::reconcile(ctx, name)).await,
    }
}

/// Whether what is known of a piece of work that goes on is what the API server has.
///
/// Its Jobs come by a watch of their own. To a process that has just begun to lead it may look as if the Job of a step were not
/// made yet, because the watch of Jobs already says that it was deleted and that of the records does not yet say that the step
/// is done; the step would be done twice, and a restore would write over an app that runs again. So each is asked for once.
/// What this process wrote itself is current: it is the only one that writes.
async fn is_current<K: Record>(ctx: &Context, find: impl FnOnce(&backups::Backups) -> Option<&Arc<K>>) -> Result<bool, ApplyError> {
    let (name, version) = {
        let world = ctx.world();
        let Some(known) = find(&world.backups).filter(|known| known.phase() == RunPhase::Running) else { return Ok(true) };
        let name = known.meta().name.clone().unwrap_or_default();
        if world.backups.is_own(&name) {
            return Ok(true);
        }
        (name, known.meta().resource_version.clone())
    };
    let api: Api<K> = Api::namespaced(ctx.writer.client().clone(), VAULT_NAMESPACE);
    let Some(mut live) = ctx.writer.gate().pass(api.get_opt(&name)).await? else { return Ok(false) };
    ctx.world().backups.own(&name);
    if live.meta().resource_version == version {
        return Ok(true);
    }
    live.meta_mut().managed_fields = None;
    super::intake::change(ctx, |world| live.enter(world));
    Ok(false)
}

/// Writes the status of a piece of work, if it is another.
async fn write<K: Record>(ctx: &Context, object: &Arc<K>, status: &RunStatus) -> Result<(), ApplyError> {
    if object.status() == Some(status) {
        return Ok(());
    }
    let api: Api<K> = Api::namespaced(ctx.writer.client().clone(), VAULT_NAMESPACE);
    let name = object.meta().name.clone().unwrap_or_default();
    let mut written = patch_status(ctx.writer.gate(), &api, &name, object.meta().resource_version.as_deref(), status).await?;
    written.meta_mut().managed_fields = None;
    ctx.metrics.patched("status");
    ctx.world().backups.own(&name);
    super::intake::change(ctx, |world| written.enter(world));
    Ok(())
}

/// Asks for a piece of work; whether it was not there before.
async fn create<K: Record>(ctx: &Context, object: &K, what: &'static str) -> Result<bool, ApplyError> {
    let api: Api<K> = Api::namespaced(ctx.writer.client().clone(), VAULT_NAMESPACE);
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    match ctx.writer.gate().pass(api.create(&params, object)).await {
        Ok(made) => {
            ctx.metrics.patched(what);
            super::intake::change(ctx, |world| made.enter(world));
            Ok(true)
        }
        Err(ApplyError::Conflict) => Ok(false),
        Err(other) => Err(other),
    }
}

/// A piece of work waits, and says for what.
async fn wait<K: Record>(ctx: &Context, object: &Arc<K>, mut status: RunStatus, message: &str) -> Result<Next, ReconcileError> {
    status.message = message.to_string();
    write(ctx, object, &status).await?;
    Ok(Next::After(step::SOON))
}

/// Writes the status of a vault, if it is another.
pub async fn say_vault(ctx: &Context, tenant_id: &str, change: impl FnOnce(&mut BackupVaultStatus)) -> Result<(), ApplyError> {
    let Some(vault) = ({ ctx.world().backups.vaults.get(tenant_id).cloned() }) else { return Ok(()) };
    let mut status = vault.status.clone().unwrap_or_default();
    change(&mut status);
    if vault.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let api: Api<BackupVault> = Api::all(ctx.writer.client().clone());
    let mut written = patch_status(ctx.writer.gate(), &api, tenant_id, vault.metadata.resource_version.as_deref(), &status).await?;
    ctx.metrics.patched("status");
    written.metadata.managed_fields = None;
    super::intake::change(ctx, |world| world.set_vault(written));
    Ok(())
}

/// When an admin said something in an annotation of a vault; a time to come says nothing.
fn said(vault: &BackupVault, annotation: &str, now: Timestamp) -> Option<Timestamp> {
    let said: Timestamp = vault.metadata.annotations.as_ref()?.get(annotation)?.parse().ok()?;
    (said <= now).then_some(said)
}

/// How the backups of an app stand, for its status; none when the platform has none.
#[must_use]
pub fn status_of(world: &World, key: &AppKey) -> Option<Backups> {
    world.register.settings().backup.as_ref()?;
    let vault = world.tenant_of(key).and_then(|tenant_id| world.backups.vaults.get(&tenant_id));
    let restore = newest_restore(world, key).map(restore_words);
    let status = vault.and_then(|vault| vault.status.clone()).unwrap_or_default();
    let profile = profile(world, world.apps.get(key).and_then(|record| record.grant.as_ref()));
    // What cannot be read any more cannot be restored either.
    let missing = status.missing.as_ref().map(|missing| Failures {
        count: 1,
        class: Some(Class::Suspicious),
        message: missing.message.clone(),
        at: Some(missing.at.clone()),
        ..Failures::default()
    });
    let drills = match missing {
        _ if status.drill_failures.count > 0 => status.drill_failures.clone(),
        Some(missing) => missing,
        None => status.read_failures.clone(),
    };
    // Before there is a vault nobody knows which target it will have.
    let place = vault.map(|vault| match ground(world, vault.metadata.name.as_deref().unwrap_or_default()) {
        Some(ground) => copy::place(world, &ground),
        None => Err(format!("the BackupTarget {} of its vault is not there, so nobody knows where it is copied to", vault.spec.target)),
    });
    let (place, lacks) = match place {
        Some(Ok(place)) => (place, None),
        Some(Err(why)) => (String::new(), Some(why)),
        None => (String::new(), None),
    };
    let copies = Copies { lacks, place, failures: status.copy_failures.clone() };
    let status = BackupStatus {
        last_success: status.last_success.clone(),
        last_set: status.sets.last().map(|set| set.name.clone()),
        sets: u32::try_from(status.sets.len()).unwrap_or(u32::MAX),
        list: status
            .sets
            .iter()
            .map(|set| SetLine {
                name: set.name.clone(),
                recovery_point: set.recovery_point.clone(),
                bytes: set.bytes,
                verified: set.verified,
                kind: set.kind,
            })
            .collect(),
        oldest: status.sets.first().map(|set| set.recovery_point.clone()),
        next_due: status.next_due.clone(),
        failures: (status.failures.count > 0).then(|| status.failures.clone()),
        coverage: status.coverage.clone(),
        proven: status.proven.clone(),
        copied: status.copied.clone(),
        restore,
    };
    Some(Backups { status, profile, drills, copies })
}

/// Why an app that is being filled does not run.
#[must_use]
pub fn held_words(world: &World, key: &AppKey) -> String {
    if world.register.settings().backup.is_none() {
        return "the app is to be filled from a backup, and the platform has no backups; it does not start empty".into();
    }
    let why = if world.backups.half_written(key) {
        "its data is neither as it was nor as a backup has it, so it stays stopped until a restore succeeds"
    } else if world.to_be_filled(key) {
        "the app is filled from a backup before it starts"
    } else {
        "the app is stopped while it is restored"
    };
    newest_restore(world, key).map_or_else(|| why.to_string(), |status| format!("{why}: {}", restore_words(status)))
}

/// How the newest restore into an app stands, if anything is known of it yet.
fn newest_restore<'a>(world: &'a World, key: &AppKey) -> Option<&'a RunStatus> {
    let runs = world.backups.restores.values().filter(|run| run.spec.municipality == key.municipality && run.spec.app == key.app);
    runs.max_by_key(|run| run.metadata.creation_timestamp.as_ref().map(|time| time.0))?.status.as_ref()
}

fn restore_words(status: &RunStatus) -> String {
    match (status.phase, &status.failure) {
        (RunPhase::Failed, Some(failure)) => format!("the last restore failed: {}", failure.message),
        (RunPhase::Succeeded, _) => format!("restored at {}", status.ended.as_deref().unwrap_or_default()),
        _ if status.message.is_empty() => "a restore is asked for".into(),
        _ => status.message.clone(),
    }
}

/// What is told of a piece of work when it is over: its Jobs go, and so does the record of it once nobody looks for it any more.
async fn tidy(ctx: &Context, name: &str, municipality: &str, app: &str, status: &RunStatus) -> Result<Next, ReconcileError> {
    ctx.world().backups.disown(name);
    let space = crate::request::names::app_namespace(municipality, app);
    for namespace in [VAULT_NAMESPACE, &space] {
        step::clear_all(ctx, namespace, name, 0..status.steps.len()).await?;
    }
    Ok(Next::Rest)
}

/// Whether nothing of an app runs, and nothing will start: its pods are gone and its workloads are scaled to nothing.
pub async fn at_rest(ctx: &Context, namespace: &str) -> Result<bool, ApplyError> {
    let living = { ctx.world().backups.living(namespace).next().is_some() };
    Ok(!living && !crate::live::look::has_running(&ctx.client, namespace).await?)
}

/// A place in the pools, kept from the moment in which it is given: until the work is written down as running many others
/// ask, and would be given the same.
pub struct Place<'a> {
    ctx: &'a Context,
    name: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.ctx.world().backups.release(&self.name);
    }
}

/// The place of a waiting piece of work, if it may begin. Keep it until its status says that it runs.
#[must_use]
pub fn place<'a>(ctx: &'a Context, name: &str) -> Option<Place<'a>> {
    let mut world = ctx.world();
    admissible(&world, Timestamp::now()).iter().any(|id| id == name).then(|| {
        world.backups.reserve(name);
        Place { ctx, name: name.to_string() }
    })
}

/// The waiting pieces of work that may begin.
#[must_use]
pub fn admissible(world: &World, now: Timestamp) -> Vec<String> {
    let Some(settings) = &world.register.settings().backup else { return Vec::new() };
    // Thousands may wait, and each asks: while the pool is full there is nothing to put in order.
    if world.backups.at_work() >= usize::try_from(settings.limits.cluster).unwrap_or(usize::MAX) {
        return Vec::new();
    }
    let breakers: BTreeMap<String, Breaker> = world
        .backups
        .targets
        .iter()
        .map(|(name, target)| (name.clone(), target.status.as_ref().map(|status| status.breaker.clone()).unwrap_or_default()))
        .collect();
    let (mut waiting, mut running) = (Vec::new(), Vec::new());
    let mut sort = |run: Run, goes_on: bool| if goes_on { running.push(run) } else { waiting.push(run) };
    let target_of = |tenant: &str| world.backups.vaults.get(tenant).map(|vault| vault.spec.target.clone()).unwrap_or_default();
    let due = |meta: &ObjectMeta| meta.creation_timestamp.as_ref().map_or(Timestamp::MIN, |time| time.0);
    for (id, run) in world.backups.runs.iter().filter(|(_, run)| !run.phase().is_over()) {
        let key = AppKey::new(&run.spec.municipality, &run.spec.app);
        // What is half written over is no backup of anything. The set from before a restore is made before it writes.
        if !world.backups.goes_on(run.as_ref()) && run.spec.kind != RunKind::BeforeRestore && world.backups.written_over(&key) {
            continue;
        }
        let node = world.backups.living(&key.namespace()).find_map(|(_, pod)| pod.node.clone());
        let purpose = match run.spec.kind {
            RunKind::Final => Purpose::Final,
            RunKind::BeforeRestore | RunKind::BeforeUpgrade => Purpose::Before,
            RunKind::Scheduled | RunKind::Manual => Purpose::Backup,
        };
        let tenant = run.spec.tenant_id.clone();
        sort(
            Run { id: id.clone(), target: target_of(&tenant), tenant, node, due: due(&run.metadata), purpose },
            world.backups.goes_on(run.as_ref()),
        );
    }
    for (id, drill) in world.backups.drills.iter().filter(|(_, drill)| !drill.phase().is_over()) {
        let tenant = drill.spec.tenant_id.clone();
        let purpose = if drill.spec.level < Level::Restore { Purpose::Upkeep } else { Purpose::Drill };
        let run = Run { id: id.clone(), target: target_of(&tenant), tenant, node: None, due: due(&drill.metadata), purpose };
        sort(run, world.backups.goes_on(drill.as_ref()));
    }
    for (id, restore) in world.backups.restores.iter().filter(|(_, restore)| restore.phase() == RunPhase::Running) {
        // Before, it waits for a set that has a place of its own; then it reads the repository that its set lies in.
        let Some(reads) = restore::reads(world, restore) else { continue };
        let run = Run {
            id: id.clone(),
            target: target_of(&reads.tenant),
            tenant: reads.tenant,
            node: None,
            due: due(&restore.metadata),
            purpose: Purpose::Restore,
        };
        sort(run, reads.now || world.backups.is_reserved(id));
    }
    admission::admit(&waiting, &running, settings.limits, &breakers, now)
}
