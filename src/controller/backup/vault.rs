//! Vaults: made with their tenant, kept after it, destroyed on their day. What is due is made from here.

use super::due::{due, time};
use super::last::AGAIN;
use super::step::{self, Progress, Step};
use super::{Ground, canary, copy, create, ground, keys, say_vault};
use crate::apply::ApplyError;
use crate::backup::schedule::Slot;
use crate::backup::work::{Class, Task};
use crate::controller::backup::keys::Hand;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::unclaimed::pause_until;
use crate::controller::world::backups::Record;
use crate::controller::world::rollouts::SECURED_FOR;
use crate::controller::{Context, intake};
use crate::desired::Owner;
use crate::policy::{AppKey, Course};
use crate::request::backup::{
    BackupRunSpec, BackupVaultSpec, BackupVaultStatus, Level, RestoreDrillSpec, RunKind, RunPhase, VAULT_NAMESPACE, VaultPhase,
};
use crate::request::names::MANAGER;
use crate::request::written;
use crate::request::{BackupRun, BackupVault, RestoreDrill};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Api;
use kube::api::{DeleteParams, PostParams};

/// Makes the vault of a tenant and its keys, unless they are there or the platform has no backups.
pub async fn ensure(ctx: &Context, key: &AppKey, tenant_id: &str) -> Result<(), ApplyError> {
    let target = {
        let world = ctx.world();
        let Some(settings) = &world.register.settings().backup else { return Ok(()) };
        if world.backups.vaults.contains_key(tenant_id) {
            return Ok(());
        }
        settings.target.clone()
    };
    make(ctx, key, tenant_id, target, false).await
}

/// Makes a vault at a target with its keys, unless they are there.
pub async fn make(ctx: &Context, key: &AppKey, tenant_id: &str, target: String, canary: bool) -> Result<(), ApplyError> {
    // The keys first: a vault without them could never be opened.
    keys::ensure(ctx, tenant_id, key).await?;
    let spec = BackupVaultSpec { municipality: key.municipality.clone(), app: key.app.clone(), target, legal_hold: false, canary };
    let vault = BackupVault { metadata: meta(tenant_id, key, tenant_id, None), spec, status: None };
    let api: Api<BackupVault> = Api::all(ctx.writer.client().clone());
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    let made = match ctx.writer.gate().pass(api.create(&params, &vault)).await {
        Err(ApplyError::Conflict) => ctx.writer.gate().pass(api.get(tenant_id)).await?,
        other => other?,
    };
    ctx.metrics.patched("vault");
    intake::change(ctx, |world| world.set_vault(made));
    Ok(())
}

/// Metadata of something of a tenant's backups.
#[must_use]
pub fn meta(name: &str, key: &AppKey, tenant_id: &str, namespace: Option<&str>) -> ObjectMeta {
    let owner = Owner { namespace: "", municipality: &key.municipality, app: Some(&key.app), tenant_id };
    ObjectMeta { namespace: namespace.map(ToString::to_string), ..owner.meta(name) }
}

/// Looks at a vault: makes what is due of it.
pub async fn reconcile(ctx: &Context, tenant_id: &str) -> Result<Next, ReconcileError> {
    let (Some(vault), ground) = ({
        let world = ctx.world();
        (world.backups.vaults.get(tenant_id).cloned(), ground(&world, tenant_id))
    }) else {
        return Ok(Next::Rest);
    };
    let status = vault.status.clone().unwrap_or_default();
    let Some(ground) = ground else { return Ok(Next::Rest) };
    if vault.spec.canary {
        return canary::reconcile(ctx, &vault, &status, &ground).await;
    }
    match status.phase {
        VaultPhase::Shredded => return Ok(Next::Rest),
        VaultPhase::Retained => return expire(ctx, &vault, &status, &ground).await,
        VaultPhase::Active => {}
    }
    if ground.grant.is_none() {
        let gone = { ctx.world().index.namespace(&ground.key.namespace()).is_none() };
        if gone && !status.sets.is_empty() {
            // Its namespace went without us: what was backed up is kept all the same.
            retain(ctx, &ground, "the app's namespace is gone and was not removed by kopnams").await?;
        }
        return Ok(Next::After(crate::controller::converge::RESYNC));
    }
    let now = Timestamp::now();
    let (plan, changed) = { due(&ctx.world(), &ground, &status, now) };
    if let Some((slot, kind)) = plan.backup {
        make_run(ctx, &ground, &slot, kind).await?;
    }
    if let Some((slot, level, set, slice)) = plan.drill {
        make_drill(ctx, &ground, &slot, level, set, slice).await?;
    }
    let secures = { ctx.world().apps.get(&ground.key).is_some_and(|record| record.course == Course::Secures) };
    if secures {
        secure(ctx, &ground, now).await?;
    }
    let days = Some(ground.profile.final_retention_days);
    say_vault(ctx, tenant_id, |vault| {
        vault.next_due = changed;
        vault.final_retention_days = days;
    })
    .await?;
    clear_records(ctx, tenant_id, now).await?;
    let next = plan.again.unwrap_or(now + SignedDuration::from_mins(10));
    Ok(Next::After(pause_until(next).max(std::time::Duration::from_secs(1))))
}

/// Deletes records of work that nobody looks for any more: what came of it stands in the vault. Drills that restored
/// something are the evidence, and stay.
async fn clear_records(ctx: &Context, tenant_id: &str, now: Timestamp) -> Result<(), ApplyError> {
    let old = |time: Option<&Time>, days: i64| time.is_some_and(|time| now.duration_since(time.0) > SignedDuration::from_hours(24 * days));
    let (runs, drills) = {
        let world = ctx.world();
        let runs: Vec<_> = world.backups.runs_of(tenant_id).filter(|run| run.phase().is_over()).cloned().collect();
        // The newest are kept whatever their age: they say when the last run was made.
        let many = runs.len().saturating_sub(KEPT_RUNS);
        let runs = runs.into_iter().take(many).filter(|run| old(run.metadata.creation_timestamp.as_ref(), 14));
        let drills = world.backups.drills_of(tenant_id).filter(|drill| drill.spec.level < Level::Restore && drill.phase().is_over());
        let newest = world.backups.drills_of(tenant_id).last().and_then(|drill| drill.metadata.name.clone());
        let drills = drills.filter(|drill| drill.metadata.name != newest && old(drill.metadata.creation_timestamp.as_ref(), 7)).cloned();
        (runs.filter_map(|run| run.metadata.name.clone()).collect::<Vec<_>>(), drills.collect::<Vec<_>>())
    };
    let client = ctx.writer.client();
    for name in runs {
        let api: Api<BackupRun> = Api::namespaced(client.clone(), VAULT_NAMESPACE);
        gone(ctx.writer.gate().pass(api.delete(&name, &DeleteParams::default())).await.map(drop))?;
    }
    for name in drills.into_iter().filter_map(|drill| drill.metadata.name.clone()) {
        let api: Api<RestoreDrill> = Api::namespaced(client.clone(), VAULT_NAMESPACE);
        gone(ctx.writer.gate().pass(api.delete(&name, &DeleteParams::default())).await.map(drop))?;
    }
    Ok(())
}

/// How many records of backups are kept whatever their age.
const KEPT_RUNS: usize = 20;

fn gone(deleted: Result<(), ApplyError>) -> Result<(), ApplyError> {
    match deleted {
        Err(ApplyError::Gone) => Ok(()),
        other => other,
    }
}

/// How it is told that a run of somebody else bears the name of a slot.
const CONFLICT: &str = "RunConflict";

/// Makes a backup for a slot. One that is there already is for the same tenant and slot, or nothing is as it should be.
pub async fn make_run(ctx: &Context, ground: &Ground, slot: &Slot, kind: RunKind) -> Result<String, ApplyError> {
    let name = format!("{}-b{}", ground.tenant_id, slot.name);
    let spec = BackupRunSpec {
        tenant_id: ground.tenant_id.clone(),
        municipality: ground.key.municipality.clone(),
        app: ground.key.app.clone(),
        slot: slot.name.clone(),
        kind,
    };
    let run = BackupRun { metadata: meta(&name, &ground.key, &ground.tenant_id, Some(VAULT_NAMESPACE)), spec, status: None };
    if !create(ctx, &run, "run").await? {
        let api: Api<BackupRun> = Api::namespaced(ctx.writer.client().clone(), VAULT_NAMESPACE);
        let there = ctx.writer.gate().pass(api.get(&name)).await?;
        if (&there.spec.tenant_id, &there.spec.slot) != (&run.spec.tenant_id, &run.spec.slot) {
            let message = format!("{CONFLICT}: {name} is there and is of another tenant or slot; a platform admin must delete it");
            say_vault(ctx, &ground.tenant_id, |vault| vault.message = Some(message.clone())).await?;
            return Err(ApplyError::Invalid(message));
        }
        intake::change(ctx, |world| world.set_run(there));
    }
    say_vault(ctx, &ground.tenant_id, |vault| vault.message = vault.message.take().filter(|said| !said.starts_with(CONFLICT))).await?;
    Ok(name)
}

async fn make_drill(ctx: &Context, ground: &Ground, slot: &Slot, level: Level, set: String, slice: Option<u32>) -> Result<(), ApplyError> {
    let name = format!("{}-d{}", ground.tenant_id, slot.name);
    let spec = RestoreDrillSpec {
        tenant_id: ground.tenant_id.clone(),
        municipality: ground.key.municipality.clone(),
        app: ground.key.app.clone(),
        set,
        level,
        slot: slot.name.clone(),
        slice,
    };
    let drill = RestoreDrill { metadata: meta(&name, &ground.key, &ground.tenant_id, Some(VAULT_NAMESPACE)), spec, status: None };
    create(ctx, &drill, "drill").await.map(drop)
}

/// Restores a set elsewhere at once, as a last backup and one before an upgrade need it; after a failure again in a while.
pub async fn prove(ctx: &Context, ground: &Ground, set: &str, now: Timestamp) -> Result<(), ApplyError> {
    let (tried, busy) = {
        let world = ctx.world();
        let drills: Vec<_> = world.backups.drills_of(&ground.tenant_id).filter(|drill| drill.spec.set == set).cloned().collect();
        let last = drills.iter().filter_map(|drill| drill.metadata.creation_timestamp.as_ref().map(|time| time.0)).max();
        (last, drills.iter().any(|drill| !drill.phase().is_over()))
    };
    if busy || tried.is_some_and(|last| now.duration_since(last) <= AGAIN) {
        return Ok(());
    }
    drill_now(ctx, ground, set, now).await
}

/// Restores a set elsewhere at once.
pub async fn drill_now(ctx: &Context, ground: &Ground, set: &str, now: Timestamp) -> Result<(), ApplyError> {
    make_drill(ctx, ground, &Slot::at(now), Level::Restore, set.to_string(), None).await
}

/// Makes a set of what an app has before its data changes shape, and tries it.
async fn secure(ctx: &Context, ground: &Ground, now: Timestamp) -> Result<(), ApplyError> {
    let (newest, verified) = {
        let world = ctx.world();
        let fresh = |run: &&std::sync::Arc<BackupRun>| {
            run.metadata.creation_timestamp.as_ref().is_some_and(|time| now.duration_since(time.0) < SECURED_FOR)
        };
        let newest =
            world.backups.runs_of(&ground.tenant_id).filter(|run| run.spec.kind == RunKind::BeforeUpgrade).filter(fresh).last().cloned();
        let sets = world.backups.vaults.get(&ground.tenant_id).and_then(|vault| vault.status.as_ref()).map(|status| status.sets.as_slice());
        let verified = newest
            .as_ref()
            .is_some_and(|run| sets.unwrap_or_default().iter().any(|set| Some(&set.name) == run.metadata.name.as_ref() && set.verified));
        (newest, verified)
    };
    let again = match &newest {
        None => true,
        Some(run) if run.phase() == RunPhase::Failed => {
            let ended = run.status.as_ref().and_then(|status| time(status.ended.as_ref()));
            ended.is_none_or(|ended| now.duration_since(ended) > AGAIN)
        }
        Some(_) => false,
    };
    if again {
        return make_run(ctx, ground, &Slot::at(now), RunKind::BeforeUpgrade).await.map(drop);
    }
    match newest {
        Some(run) if run.phase() == RunPhase::Succeeded && !verified => {
            prove(ctx, ground, run.metadata.name.as_deref().unwrap_or_default(), now).await
        }
        _ => Ok(()),
    }
}

/// The app is gone; its vault is kept until its day.
pub async fn retain(ctx: &Context, ground: &Ground, why: &str) -> Result<(), ApplyError> {
    // Of an app whose namespace went without us nothing says any more what its class is; what it said last stands in the vault.
    let last = { ctx.world().backups.vaults.get(&ground.tenant_id).and_then(|vault| vault.status.as_ref()?.final_retention_days) };
    let days = last.filter(|_| ground.grant.is_none()).unwrap_or(ground.profile.final_retention_days);
    // What the server locks nobody can destroy sooner, so no other day is promised.
    let locked = { copy::lock_days(&ctx.world(), ground) };
    let days = days.max(ground.target.spec.lock_days).max(locked);
    let until = Timestamp::now().checked_add(SignedDuration::from_hours(24 * i64::from(days))).map(written).ok();
    say_vault(ctx, &ground.tenant_id, |vault| {
        if vault.phase == VaultPhase::Active {
            vault.phase = VaultPhase::Retained;
            vault.retain_until.clone_from(&until);
            vault.next_due = None;
            vault.message = Some(why.to_string());
        }
    })
    .await
}

/// A vault whose day has come is destroyed with its keys; the record of it stays.
async fn expire(ctx: &Context, vault: &BackupVault, status: &BackupVaultStatus, ground: &Ground) -> Result<Next, ReconcileError> {
    let tenant_id = &ground.tenant_id;
    if let Some(at) = &status.destroyed {
        return shred(ctx, tenant_id, at).await;
    }
    // Asked for again meanwhile, by its old name: it is the same tenant. A namespace that is on its way out is no request.
    let claimed = {
        let world = ctx.world();
        world.apps.contains_key(&ground.key) && world.tenant_of(&ground.key).as_deref() == Some(tenant_id)
    };
    if claimed {
        // Its upkeep copies again, and two would write there at once.
        copy::end(ctx, tenant_id, None).await?;
        say_vault(ctx, tenant_id, |vault| {
            vault.phase = VaultPhase::Active;
            vault.retain_until = None;
            vault.message = None;
        })
        .await?;
        return Ok(Next::After(std::time::Duration::ZERO));
    }
    let Some(until) = time(status.retain_until.as_ref()) else { return Ok(Next::Rest) };
    if vault.spec.legal_hold || Timestamp::now() < until {
        if let Some(next) = copy::last(ctx, status, ground).await? {
            return Ok(next);
        }
        return Ok(Next::After(pause_until(until)));
    }
    // What is restored from it, or is to be, is not taken away under the restore.
    let wanted = {
        let world = ctx.world();
        let waits = world.apps.iter().find(|(key, record)| {
            let from = record.object.spec.restore_from.as_ref().is_some_and(|from| from.app == ground.key.app);
            let filled = || world.tenant_of(key).is_some_and(|tenant_id| world.backups.filled(&tenant_id));
            key.municipality == ground.key.municipality && from && !filled()
        });
        let waits = waits.map(|(key, _)| key.to_string());
        waits.or_else(|| status.sets.iter().find(|set| world.backups.in_use(&set.name)).map(|set| format!("the set {}", set.name)))
    };
    if let Some(wanted) = wanted {
        let message = format!("its day has come and it stays until {wanted} is restored from it");
        say_vault(ctx, tenant_id, |vault| vault.message = Some(message)).await?;
        return Ok(Next::After(crate::controller::converge::RESYNC));
    }
    let place = ground.repository().url();
    if !status.repository.is_empty() && status.repository != place {
        // Not to be found at the new place would look as if it were destroyed, and its keys would go.
        let message = format!(
            "its day has come, and its BackupTarget was changed since its last set was made: the repository is at {} and the target says {place}; set the target back, or move the repository there and delete this vault's Secret {} by hand when it is destroyed",
            status.repository,
            keys::name(tenant_id)
        );
        say_vault(ctx, tenant_id, |vault| vault.message = Some(message)).await?;
        return Ok(Next::After(crate::controller::converge::RESYNC));
    }
    let run = destroying(tenant_id);
    if let Some(until) = { ctx.world().backups.paused(&run, Timestamp::now()) } {
        return Ok(Next::After(pause_until(until)));
    }
    if let Some(next) = copy::destroy(ctx, &run, status, ground).await? {
        return Ok(next);
    }
    let order = ground.order(&run, Task::Destroy { issue: ground.issue() });
    let step = Step { orders: vec![(None, order)], ..ground.step(&run, 0, VAULT_NAMESPACE, Hand::Maintainer) };
    let report = match step::advance(ctx, step, &ground.target.spec, tenant_id).await? {
        Progress::Going => return Ok(Next::After(step::LOOK)),
        Progress::Ended(report) => report,
    };
    if let Some(class) = report.failure.filter(|class| *class != Class::Vanished) {
        step::clear(ctx, VAULT_NAMESPACE, &run, 0).await?;
        let message =
            format!("its day has come and it could not be destroyed ({}): {}; this is tried again", class.as_str(), report.message);
        say_vault(ctx, tenant_id, |vault| vault.message = Some(message)).await?;
        ctx.world().backups.pause(&run, Timestamp::now() + crate::controller::converge::RESYNC);
        return Ok(Next::After(crate::controller::converge::RESYNC));
    }
    // Written down as long as the Job says so: without its keys nobody could destroy it, or find it gone, once more.
    let at = written(Timestamp::now());
    say_vault(ctx, tenant_id, |vault| vault.destroyed = Some(at.clone())).await?;
    shred(ctx, tenant_id, &at).await
}

/// The repository is destroyed everywhere: its keys go, and the record says so.
async fn shred(ctx: &Context, tenant_id: &str, at: &str) -> Result<Next, ReconcileError> {
    step::clear(ctx, VAULT_NAMESPACE, &destroying(tenant_id), 0).await?;
    keys::destroy(ctx, tenant_id).await?;
    say_vault(ctx, tenant_id, |vault| {
        vault.phase = VaultPhase::Shredded;
        vault.sets.clear();
        vault.message = Some(format!("destroyed with its keys at {at}"));
    })
    .await?;
    Ok(Next::Rest)
}

/// Name of the work that destroys a vault.
fn destroying(tenant_id: &str) -> String {
    format!("{tenant_id}-x")
}
