//! A restore: a set before it, a pause, every volume and database filled and compared, and the app again. What cannot be
//! filled is put back as it was; an app never starts on data that is half of one set and half of another.

use super::keys::Hand;
use super::load::{self, Load, database_of};
use super::step::{self, LOOK, Progress, Step};
use super::vault::{make_run, meta};
use super::{Ground, ground, say_vault, tidy, wait, write};
use crate::apply::ApplyError;
use crate::backup::coverage::{self, PartPlan, VolumePlan};
use crate::backup::jobs::{DATA, Mount, User, Volume};
use crate::backup::schedule::Slot;
use crate::backup::set::Part;
use crate::backup::work::{Class, Report, Task};
use crate::controller::Context;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::world::World;
use crate::controller::world::backups::Record;
use crate::desired::{Kind, Object, Owner};
use crate::policy::AppKey;
use crate::request::backup::{
    LONGEST_NAME, RestoreRunSpec, RunFailure, RunKind, RunPhase, RunStatus, SetRecord, StepRecord, VAULT_NAMESPACE,
};
use crate::request::names::MANAGER;
use crate::request::written;
use crate::request::{BackupVault, RestoreRun};
use crate::status::conditions::find;
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use kube::api::PostParams;
use kube::core::{DynamicObject, TypeMeta};
use serde_json::{Value, json};
use std::sync::Arc;

// Steps that are no parts.
/// A set is made of what is there now.
pub const BACKUP: &str = "backup";
const PAUSE: &str = "pause";
/// The app may run again.
pub const START: &str = "start";
/// The app answered before, so it is waited for.
const ANSWER: &str = "answer";
/// Before the name of a part: it is put back as it was.
const BACK: &str = "back:";

/// Asks for the restore that a new app is to be filled by, unless that was done.
pub async fn ensure_filled(ctx: &Context, key: &AppKey, tenant_id: &str) -> Result<(), ApplyError> {
    let (wanted, fresh) = {
        let world = ctx.world();
        let Some(from) = world.apps.get(key).and_then(|record| record.object.spec.restore_from.clone()) else { return Ok(()) };
        if world.backups.filled(tenant_id)
            || world.backups.restoring(key).next().is_some()
            || world.backups.restores.contains_key(&fill_name(tenant_id))
        {
            return Ok(());
        }
        // An app that was removed and is asked for again has data: a set is made of it first.
        let status = world.backups.vaults.get(tenant_id).and_then(|vault| vault.status.as_ref());
        (from, status.is_none_or(|status| status.sets.is_empty()))
    };
    let spec = RestoreRunSpec {
        municipality: key.municipality.clone(),
        app: key.app.clone(),
        from: Some(wanted.app),
        set: wanted.set,
        before: wanted.before,
        fresh,
        with_version: false,
        without_set_before: None,
    };
    let run = RestoreRun { metadata: meta(&fill_name(tenant_id), key, tenant_id, Some(VAULT_NAMESPACE)), spec, status: None };
    let api: Api<RestoreRun> = Api::namespaced(ctx.writer.client().clone(), VAULT_NAMESPACE);
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    match ctx.writer.gate().pass(api.create(&params, &run)).await {
        Ok(made) => {
            ctx.metrics.patched("restore");
            crate::controller::intake::change(ctx, |world| world.set_restore(made));
            Ok(())
        }
        Err(ApplyError::Conflict) => Ok(()),
        Err(other) => Err(other),
    }
}

fn fill_name(tenant_id: &str) -> String {
    format!("{tenant_id}-r0")
}

/// Takes a restore one step further.
pub async fn reconcile(ctx: &Context, name: &str) -> Result<Next, ReconcileError> {
    let Some(run) = ({ ctx.world().backups.restores.get(name).cloned() }) else { return Ok(Next::Rest) };
    let status = run.status.clone().unwrap_or_default();
    if status.phase.is_over() {
        return tidy(ctx, name, &run.spec.municipality, &run.spec.app, &status).await;
    }
    let key = AppKey::new(&run.spec.municipality, &run.spec.app);
    let facts = { facts(&ctx.world(), &run, &status, &key) };
    let (own, source, set) = match facts {
        Ok(facts) => facts,
        Err(Trouble::Wait(message)) => return wait(ctx, &run, status, &message).await,
        // Data may be half written: the app must not start on it.
        Err(Trouble::Never(_, message)) if status.steps.iter().any(|step| step.name == PAUSE && step.done) => {
            return wait(ctx, &run, status, &format!("{message}; the app stays stopped until that is mended")).await;
        }
        Err(Trouble::Never(class, message)) => return fail(ctx, &run, status, class, &message).await,
    };
    match status.phase {
        RunPhase::Pending => begin(ctx, &run, status, &own, &set).await,
        _ => go_on(ctx, &run, status, &own, &source, &set).await,
    }
}

enum Trouble {
    Wait(String),
    Never(Class, String),
}

/// The repository that a restore reads, or is about to.
pub struct Reads {
    /// Whose it is.
    pub tenant: String,
    /// It is being read, or waits for its turn.
    pub now: bool,
}

/// The repository that a restore reads, once it has a set of what was there before and until the app runs again.
#[must_use]
pub fn reads(world: &World, run: &RestoreRun) -> Option<Reads> {
    let status = run.status.as_ref()?;
    let done = |name: &str| status.steps.iter().find(|step| step.name == name).map(|step| step.done);
    if done(BACKUP) == Some(false) || done(START) == Some(true) {
        return None;
    }
    // What is put back lies in the app's own repository.
    let back = status.failure.as_ref().and_then(|_| status.steps.iter().find(|step| step.name == BACKUP)?.snapshot.as_deref());
    let set = back.or(status.set.as_deref())?;
    let from = run.spec.from.as_deref().filter(|_| back.is_none()).unwrap_or(&run.spec.app);
    let holds = |vault: &BackupVault| vault.status.as_ref().is_some_and(|status| status.sets.iter().any(|of| of.name == set));
    let tenant = world.backups.vaults_of(&run.spec.municipality, from).find(|(_, vault)| holds(vault))?.0.clone();
    Some(Reads { tenant, now: done(PAUSE) == Some(true) })
}

/// The app that is filled, the vault that it is filled from, and the set.
fn facts(world: &World, run: &RestoreRun, status: &RunStatus, key: &AppKey) -> Result<(Ground, Ground, SetRecord), Trouble> {
    let tenant_id = world.tenant_of(key).ok_or_else(|| Trouble::Wait(format!("waiting until the app {key} is there")))?;
    let own = ground(world, &tenant_id).ok_or_else(|| Trouble::Wait("waiting for the app's own vault".into()))?;
    if own.grant.is_none() {
        return Err(Trouble::Wait(format!("waiting until the app {key} is admitted")));
    }
    let from = run.spec.from.as_deref().unwrap_or(&run.spec.app);
    // Only vaults of the same municipality are looked at, so another one's set is not found.
    let sets = world
        .backups
        .vaults_of(&key.municipality, from)
        .flat_map(|(id, vault)| vault.status.iter().flat_map(|status| status.sets.iter()).map(move |set| (id.clone(), set.clone())));
    let mut sets: Vec<(String, SetRecord)> = sets.collect();
    sets.sort_by(|a, b| a.1.recovery_point.cmp(&b.1.recovery_point));
    let wanted = if let Some(name) = status.set.as_ref().or(run.spec.set.as_ref()) {
        sets.into_iter().find(|(_, set)| set.name == *name).ok_or_else(|| {
            format!("no vault of {}/{from} has a set `{name}`; `kopnams backups` lists those that there are", key.municipality)
        })
    } else {
        let before: Timestamp = run
            .spec
            .before
            .as_deref()
            .unwrap_or_default()
            .parse()
            .map_err(|_| Trouble::Never(Class::Order, "`before` is no time; write for example 2026-01-31T12:00:00Z".into()))?;
        let older = |set: &SetRecord| set.recovery_point.parse::<Timestamp>().is_ok_and(|at| at <= before);
        // None is an error: the newest is never taken instead.
        let found = sets.into_iter().rfind(|(_, set)| older(set));
        found
            .ok_or_else(|| format!("{}/{from} has no set from before {}; nothing else is taken instead", key.municipality, written(before)))
    };
    let (source_id, set) = wanted.map_err(|message| Trouble::Never(Class::Missing, message))?;
    let mut source = ground(world, &source_id).ok_or_else(|| Trouble::Never(Class::Other, "the target of that set is gone".into()))?;
    if source_id != own.tenant_id {
        source.grant = None;
    }
    Ok((own, source, set))
}

async fn begin(ctx: &Context, run: &Arc<RestoreRun>, mut status: RunStatus, own: &Ground, set: &SetRecord) -> Result<Next, ReconcileError> {
    let name = run.metadata.name.clone().unwrap_or_default();
    if run.spec.fresh && name != fill_name(&own.tenant_id) {
        let message = "`fresh` is for the filling of a new app by its own request; leave it out, and a set is made of what is there first";
        return fail(ctx, run, status, Class::Order, message).await;
    }
    let has = own.grant.as_ref().map(|grant| (grant.revision.as_str(), grant.before.as_ref().map(|before| before.revision.as_str())));
    let leads_there = has.is_some_and(|(now, before)| now == set.revision || before == Some(set.revision.as_str()));
    if run.spec.with_version && !leads_there {
        let message = "the set was written by another version than the app has, and than the one that it had before; leave withVersion out to restore its data only";
        return fail(ctx, run, status, Class::Order, message).await;
    }
    if name.len() > LONGEST_NAME {
        let message = format!(
            "the name has {} characters and Jobs are named after it, so it may have {LONGEST_NAME}; take a shorter one",
            name.len()
        );
        return fail(ctx, run, status, Class::Order, &message).await;
    }
    // Two at once would write over each other: one after another, as they were asked for.
    let other = {
        let world = ctx.world();
        let turn = |run: &RestoreRun| (run.metadata.creation_timestamp.as_ref().map(|time| time.0), run.metadata.name.clone());
        let goes = |other: &Arc<RestoreRun>| {
            other.metadata.name != run.metadata.name && (other.phase() == RunPhase::Running || turn(other) < turn(run))
        };
        world.backups.restoring(&own.key).any(goes)
    };
    if other {
        return wait(ctx, run, status, "waiting until another restore into this app is over").await;
    }
    let parts = set.parts.keys().cloned();
    let before = (!run.spec.fresh).then(|| BACKUP.to_string());
    // Whether it answers says something only of an app that did before, and only if there is something to go back to.
    let answers = { !run.spec.fresh && answers(&ctx.world(), &own.key) };
    let after = answers.then(|| ANSWER.to_string());
    let names = before.into_iter().chain([PAUSE.to_string()]).chain(parts).chain([START.to_string()]).chain(after);
    status.steps = names.map(|name| StepRecord { name, ..StepRecord::default() }).collect();
    let problem = {
        let world = ctx.world();
        let missing = |part: &String| plan_of(&world, own, part).is_none();
        // By the version that it goes back to, it has.
        set.parts.keys().find(|part| !run.spec.with_version && missing(part)).cloned()
    };
    if let Some(part) = problem {
        let message =
            format!("the set has {part} and the app has no place for it; ask for the same system in the version that the set was made of");
        return fail(ctx, run, status, Class::Missing, &message).await;
    }
    let now = Timestamp::now();
    step::begin_next(&mut status.steps, now);
    status.phase = RunPhase::Running;
    status.set = Some(set.name.clone());
    status.began = Some(written(now));
    status.message = format!("restoring the set {} of {}", set.name, set.recovery_point);
    write(ctx, run, &status).await?;
    Ok(Next::After(std::time::Duration::ZERO))
}

/// How a part of an app is filled.
fn plan_of(world: &World, own: &Ground, part: &str) -> Option<PartPlan> {
    let rendered = world.register.render(&own.key, own.grant.as_ref()?)?;
    let claims: Vec<coverage::Claim> = coverage::expected(&rendered.objects)
        .into_iter()
        .map(|name| coverage::Claim { name, access_modes: Vec::new(), phase: "Bound".into(), labelled: true })
        .collect();
    let app = coverage::App { objects: &rendered.objects, claims: &claims, entry: &rendered.backup, exclusions: &[], quiesced: true };
    coverage::plan(app).parts.into_iter().find(|planned| planned.part().to_string() == part)
}

async fn go_on(
    ctx: &Context,
    run: &Arc<RestoreRun>,
    mut status: RunStatus,
    own: &Ground,
    source: &Ground,
    set: &SetRecord,
) -> Result<Next, ReconcileError> {
    let space = own.key.namespace();
    let Some((number, fresh)) = step::begin_next(&mut status.steps, Timestamp::now()) else {
        return fail(ctx, run, status, Class::Other, "the restore has no steps").await;
    };
    if fresh {
        write(ctx, run, &status).await?;
        return Ok(Next::After(std::time::Duration::ZERO));
    }
    let name = status.steps[number].name.clone();
    match name.as_str() {
        BACKUP => before(ctx, run, status, own, number).await,
        PAUSE => {
            // A backup that reads while this writes would be a set of neither.
            let read = { ctx.world().backups.runs_of(&own.tenant_id).any(|run| run.phase() == RunPhase::Running) };
            if read {
                return wait(ctx, run, status, "waiting until a backup of the app is over").await;
            }
            if run.spec.with_version && own.grant.as_ref().is_none_or(|grant| grant.revision != set.revision) {
                return wait(ctx, run, status, "waiting until the app is back at the version that wrote the set").await;
            }
            let name = run.metadata.name.as_deref().unwrap_or_default();
            if !super::admitted(&ctx.world(), name, Timestamp::now()) {
                return wait(ctx, run, status, "waiting for its turn").await;
            }
            // Nothing of the app may run while its data is written over.
            if !super::at_rest(ctx, &space).await? {
                return wait(ctx, run, status, "waiting until the app has stopped").await;
            }
            make_claims(ctx, own, set).await?;
            // The claims may still be on their way, of an app that is new.
            done(ctx, run, status, own, number, &Report::default()).await
        }
        START => {
            let name = run.metadata.name.as_deref().unwrap_or_default();
            if step::clear_all(ctx, &space, name, 0..status.steps.len()).await? {
                return Ok(Next::After(std::time::Duration::from_secs(1)));
            }
            if status.steps.iter().any(|step| step.name == ANSWER && !step.done) {
                status.message = "waiting until the app answers".into();
                step::record(&mut status.steps[number], &Report::default());
                step::begin_next(&mut status.steps, Timestamp::now());
                write(ctx, run, &status).await?;
                return Ok(Next::After(step::SOON));
            }
            finish(ctx, run, status, own, set, number).await
        }
        ANSWER => {
            let (answers, patience) = {
                let world = ctx.world();
                (answers(&world, &own.key), patience(&world, own))
            };
            if answers {
                return finish(ctx, run, status, own, set, number).await;
            }
            let since = status.steps[number].began.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
            if since.is_none_or(|since| Timestamp::now().duration_since(since) < patience) {
                return Ok(Next::After(step::SOON));
            }
            let message = format!("the app answered before the restore and did not within {} minutes after it", patience.as_mins());
            undo(ctx, run, status, own, number, Class::Other, &message).await
        }
        part => {
            let back = part.strip_prefix(BACK);
            let (ground, from) = match back {
                Some(_) => {
                    let made = set_before(&ctx.world(), &status, own);
                    let Some(made) = made else {
                        return wait(
                            ctx,
                            run,
                            status,
                            "the set from before the restore is not in the vault; a platform admin must look at it",
                        )
                        .await;
                    };
                    (own, made)
                }
                None => (source, set.clone()),
            };
            fill(ctx, run, status, own, ground, &from, number, back.unwrap_or(part)).await
        }
    }
}

/// Makes the claims that a `StatefulSet` would make for its pods, of which none has run yet; it takes them as they are.
async fn make_claims(ctx: &Context, own: &Ground, set: &SetRecord) -> Result<(), ApplyError> {
    let space = own.key.namespace();
    let rendered = {
        let world = ctx.world();
        own.grant.as_ref().and_then(|grant| world.register.render(&own.key, grant))
    };
    let Some(rendered) = rendered else { return Ok(()) };
    let plans: Vec<PartPlan> = { set.parts.keys().filter_map(|part| plan_of(&ctx.world(), own, part)).collect() };
    let names = plans.into_iter().filter_map(|plan| match plan {
        PartPlan::Volume(volume) => Some(volume.claim),
        PartPlan::Database(database) => database.volume,
    });
    for name in names {
        let Some(template) = coverage::template_of_claim(&rendered.objects, &name) else { continue };
        ctx.writer.create_once(&claim_for(own.owner(&space), &name, template)).await?;
    }
    Ok(())
}

/// Such a claim. It carries no intent: like those that the set makes, it is neither repaired nor pruned.
fn claim_for(owner: Owner<'_>, name: &str, template: &Value) -> Object {
    let mut metadata = owner.meta(name);
    let labels = template.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_string())));
    metadata.labels.get_or_insert_default().extend(labels);
    let types = TypeMeta { api_version: "v1".into(), kind: "PersistentVolumeClaim".into() };
    let data = json!({"spec": template.get("spec")});
    Object::Workload(Kind::PersistentVolumeClaim, Box::new(DynamicObject { types: Some(types), metadata, data }))
}

/// Whether an app answers, as its status says it.
fn answers(world: &World, key: &AppKey) -> bool {
    let status = world.apps.get(key).and_then(|record| record.object.status.as_ref());
    status.and_then(|status| find(&status.conditions, "Available")).is_some_and(|said| said.status == "True" && said.reason != "Suspended")
}

/// How long an app may take until it answers, as its catalogue entry says.
fn patience(world: &World, own: &Ground) -> SignedDuration {
    let entry = own.grant.as_ref().and_then(|grant| world.register.system(&grant.system));
    let rollout = entry.map(|entry| entry.spec.rollout).unwrap_or_default();
    SignedDuration::from_secs(i64::from(rollout.deadline_seconds))
}

/// The set that was made before the data was written over.
fn set_before(world: &World, status: &RunStatus, own: &Ground) -> Option<SetRecord> {
    let name = status.steps.iter().find(|step| step.name == BACKUP)?.snapshot.clone()?;
    world.backups.vaults.get(&own.tenant_id)?.status.as_ref()?.sets.iter().find(|set| set.name == name).cloned()
}

/// Makes a set of what is there now, so that a restore can be undone.
async fn before(ctx: &Context, run: &Arc<RestoreRun>, mut status: RunStatus, own: &Ground, number: usize) -> Result<Next, ReconcileError> {
    let Some(name) = status.steps[number].snapshot.clone() else {
        // A backup of this minute that was due anyway would wait for this restore, which waits for it; one that is over was
        // made for the restore before this one.
        let slot = {
            let world = ctx.world();
            let taken = |slot: &Slot| {
                let there = world.backups.runs.get(&format!("{}-b{}", own.tenant_id, slot.name));
                there.is_some_and(|there| there.spec.kind != RunKind::BeforeRestore || there.phase().is_over())
            };
            let now = Timestamp::now();
            let mut slots = (0..60).map(|minutes| Slot::at(now + SignedDuration::from_mins(minutes)));
            slots.find(|slot| !taken(slot)).unwrap_or_else(|| Slot::at(now))
        };
        let name = make_run(ctx, own, &slot, RunKind::BeforeRestore).await?;
        status.steps[number].snapshot = Some(name);
        status.message = "making a set of what is there now".into();
        write(ctx, run, &status).await?;
        return Ok(Next::After(std::time::Duration::ZERO));
    };
    let made = { ctx.world().backups.runs.get(&name).and_then(|run| run.status.clone()).unwrap_or_default() };
    match made.phase {
        RunPhase::Succeeded => {
            let report = Report { snapshot: Some(name), ..Report::default() };
            done(ctx, run, status, own, number, &report).await
        }
        RunPhase::Failed if run.spec.without_set_before.is_some() => {
            status.steps[number].snapshot = None;
            status.without_set_before.clone_from(&run.spec.without_set_before);
            done(ctx, run, status, own, number, &Report::default()).await
        }
        RunPhase::Failed => {
            let why = format!(
                "no set could be made of what is there now, so nothing was touched: {}; if what is there is broken and need not be kept, say so with the reason: kopnams restore {} --without-set-before \"…\"",
                made.message, own.key
            );
            fail(ctx, run, status, made.failure.map_or(Class::Other, |failure| failure.class), &why).await
        }
        _ => Ok(Next::After(std::time::Duration::from_secs(2))),
    }
}

/// Fills one volume or database, and compares.
#[expect(clippy::too_many_arguments, reason = "a step needs what it fills, from where, and where it stands")]
async fn fill(
    ctx: &Context,
    run: &Arc<RestoreRun>,
    status: RunStatus,
    own: &Ground,
    source: &Ground,
    set: &SetRecord,
    number: usize,
    part: &str,
) -> Result<Next, ReconcileError> {
    let run_name = run.metadata.name.clone().unwrap_or_default();
    let space = own.key.namespace();
    // Whatever came between: while something of the app runs, nothing is written.
    if ctx.world().backups.living(&space).next().is_some() {
        return wait(ctx, run, status, "waiting until the app has stopped").await;
    }
    // Nor while the pod of another step may still start and write.
    let others = (0..status.steps.len()).filter(|other| *other != number);
    if step::clear_all(ctx, &space, &run_name, others).await? {
        return Ok(Next::After(std::time::Duration::from_secs(1)));
    }
    let Some(plan) = ({ plan_of(&ctx.world(), own, part) }) else {
        return undo(ctx, run, status, own, number, Class::Missing, "the app has no place for it any more").await;
    };
    // The repository is the source's, the Job and the volumes are the app's own.
    let order = |task| source.order(&run_name, task);
    let base = own.step(&run_name, number, &space, Hand::Writer);
    let manifest = set.manifest.clone();
    let wanted = match &plan {
        PartPlan::Volume(VolumePlan { claim, security, .. }) => {
            let task = Task::Restore { manifest, parts: vec![(Part::Volume(claim.clone()), DATA.into())], into: None, replace: true };
            Step {
                user: User::from(security),
                mounts: vec![Mount { path: DATA.into(), volume: Volume::Filled(claim.clone()) }],
                orders: vec![(None, order(task))],
                ..base
            }
        }
        PartPlan::Database(plan) => {
            let Some(volume) = plan.volume.clone() else {
                return undo(ctx, run, status, own, number, Class::Database, "the database has no volume to be loaded into").await;
            };
            let secrets = { database_of(&ctx.world(), own, &plan.name) }.map(|pattern| pattern.secrets).unwrap_or_default();
            let files = Volume::Filled(volume).render("files", "");
            let load = Load { plan, secrets: &secrets, secrets_of: None, manifest, files, replace: true };
            load::step(base, load, order)
        }
    };
    match step::advance(ctx, wanted, &source.target.spec, &source.tenant_id).await? {
        Progress::Going => Ok(Next::After(LOOK)),
        Progress::Ended(report) => match report.failure {
            None => done(ctx, run, status, own, number, &report).await,
            Some(class) => undo(ctx, run, status, own, number, class, &report.message).await,
        },
    }
}

/// A part could not be filled: what was there before is put back, if there was anything.
async fn undo(
    ctx: &Context,
    run: &Arc<RestoreRun>,
    mut status: RunStatus,
    own: &Ground,
    number: usize,
    class: Class,
    message: &str,
) -> Result<Next, ReconcileError> {
    let name = run.metadata.name.clone().unwrap_or_default();
    let space = own.key.namespace();
    let part = status.steps[number].name.clone();
    if class.is_the_targets() {
        // What was there before lies at the same target, so there is nothing to do but wait for it.
        let message = format!("{part}: the target does not answer; the app stays stopped and this is tried again");
        return again(ctx, run, status, &space, number, message, std::time::Duration::from_secs(30)).await;
    }
    if part.starts_with(BACK) {
        // Another restore may mend what this one cannot.
        let other =
            { ctx.world().backups.restoring(&own.key).find_map(|other| other.metadata.name.clone().filter(|other| *other != name)) };
        if let Some(other) = other {
            status.unfinished = true;
            step::clear(ctx, &space, &name, number).await?;
            let message = format!("what was there before could not be put back ({part}: {message}); the restore {other} goes on from here");
            return fail(ctx, run, status, class, &message).await;
        }
        // Tried again: the app stays stopped as long as its data is neither the one nor the other.
        let message =
            format!("what was there before could not be put back ({part}: {message}); the app stays stopped and this is tried again");
        return again(ctx, run, status, &space, number, message, std::time::Duration::from_mins(1)).await;
    }
    let failure = RunFailure { class, message: format!("{part}: {message}") };
    // What was there before was written by the version that the app has left.
    let made = { set_before(&ctx.world(), &status, own) }.filter(|_| !run.spec.with_version);
    let Some(made) = made else {
        step::clear(ctx, &space, &name, number).await?;
        if run.spec.fresh || part == ANSWER {
            // A new app had nothing before: it never starts, and its request says why. One that does not answer is whole.
            return fail(ctx, run, status, class, &failure.message).await;
        }
        status.unfinished = true;
        let why = if run.spec.with_version {
            "what was there before is of the version that it left"
        } else {
            "there is no set of what was there before"
        };
        let message = format!("{}; {why}, so the app stays stopped until another restore succeeds", failure.message);
        return fail(ctx, run, status, class, &message).await;
    };
    status.failure = Some(failure);
    status.message = format!("{part} could not be restored ({message}); what was there before is put back");
    let start = status.steps.iter().position(|step| step.name == START).unwrap_or(status.steps.len());
    let back: Vec<_> = made.parts.keys().map(|part| StepRecord { name: format!("{BACK}{part}"), ..StepRecord::default() }).collect();
    let put = start + back.len();
    status.steps.splice(start..start, back);
    for (number, step) in status.steps.iter_mut().enumerate() {
        match step.name.as_str() {
            // It ran again already: it stops once more, and starts on what is put back.
            PAUSE if part == ANSWER => *step = StepRecord { name: PAUSE.into(), ..StepRecord::default() },
            START => *step = StepRecord { name: START.into(), ..StepRecord::default() },
            _ => step.done = number < start || number > put,
        }
    }
    write(ctx, run, &status).await?;
    step::clear(ctx, &space, &name, number).await?;
    Ok(Next::After(std::time::Duration::ZERO))
}

/// Has a step done anew, after a while.
async fn again(
    ctx: &Context,
    run: &Arc<RestoreRun>,
    mut status: RunStatus,
    space: &str,
    number: usize,
    message: String,
    after: std::time::Duration,
) -> Result<Next, ReconcileError> {
    status.message = message;
    status.steps[number].began = Some(written(Timestamp::now()));
    write(ctx, run, &status).await?;
    step::clear(ctx, space, run.metadata.name.as_deref().unwrap_or_default(), number).await?;
    Ok(Next::After(after))
}

async fn done(
    ctx: &Context,
    run: &Arc<RestoreRun>,
    mut status: RunStatus,
    own: &Ground,
    number: usize,
    report: &Report,
) -> Result<Next, ReconcileError> {
    let name = run.metadata.name.clone().unwrap_or_default();
    step::record(&mut status.steps[number], report);
    step::begin_next(&mut status.steps, Timestamp::now());
    if status.failure.is_none() {
        status.message = format!("{} of {} steps are done", status.steps.iter().filter(|step| step.done).count(), status.steps.len());
    }
    write(ctx, run, &status).await?;
    step::clear(ctx, &own.key.namespace(), &name, number).await?;
    Ok(Next::After(std::time::Duration::ZERO))
}

/// The app may run again.
async fn finish(
    ctx: &Context,
    run: &Arc<RestoreRun>,
    mut status: RunStatus,
    own: &Ground,
    set: &SetRecord,
    number: usize,
) -> Result<Next, ReconcileError> {
    let failed = status.failure.clone();
    if failed.is_none() && run.metadata.name.as_deref() == Some(fill_name(&own.tenant_id).as_str()) {
        say_vault(ctx, &own.tenant_id, |vault| vault.filled = Some(set.name.clone())).await?;
    }
    step::record(&mut status.steps[number], &Report::default());
    status.ended = Some(written(Timestamp::now()));
    if let Some(failure) = failed {
        status.phase = RunPhase::Failed;
        status.message = format!("the restore failed and what was there before was put back: {}", failure.message);
    } else {
        status.phase = RunPhase::Succeeded;
        status.message = format!("restored the set {} of {}", set.name, set.recovery_point);
        if let Some(reason) = &status.without_set_before {
            status.message = format!("{}; no set of what was there before was made: {reason}", status.message);
        }
    }
    write(ctx, run, &status).await?;
    Ok(Next::Rest)
}

async fn fail(ctx: &Context, run: &Arc<RestoreRun>, mut status: RunStatus, class: Class, message: &str) -> Result<Next, ReconcileError> {
    status.phase = RunPhase::Failed;
    status.message = message.to_string();
    status.ended = Some(written(Timestamp::now()));
    status.failure = Some(RunFailure { class, message: message.to_string() });
    write(ctx, run, &status).await?;
    Ok(Next::Rest)
}
