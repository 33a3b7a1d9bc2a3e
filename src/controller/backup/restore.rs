//! A restore: a set before it, a pause, every volume and database filled and compared, and the app again. What cannot be
//! filled is put back as it was; an app never starts on data that is half of one set and half of another.

mod back;
mod source;

pub use source::{Reads, reads};

use self::source::{Trouble, facts};
use super::fill;
use super::ground::spoken;
use super::keys::Hand;
use super::step::{self, LOOK, Progress};
use super::vault::meta;
use super::{Ground, create, say_vault, tidy, wait, write};
use crate::apply::ApplyError;
use crate::backup::work::{Class, Report};
use crate::controller::Context;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::world::World;
use crate::controller::world::backups::Record;
use crate::policy::AppKey;
use crate::request::RestoreRun;
use crate::request::backup::{LONGEST_NAME, RestoreRunSpec, RunFailure, RunPhase, RunStatus, SetRecord, StepRecord, VAULT_NAMESPACE};
use crate::request::written;
use crate::status::conditions::find;
use jiff::Timestamp;
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
    create(ctx, &run, "restore").await.map(drop)
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
        let rendered = own.rendered(&world);
        let missing = |part: &String| rendered.as_ref().and_then(|rendered| fill::plan_of(rendered, part)).is_none();
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
        BACKUP => back::before(ctx, run, status, own, number).await,
        PAUSE => {
            // A backup that reads while this writes would be a set of neither.
            let read = {
                let world = ctx.world();
                world.backups.runs_of(&own.tenant_id).any(|run| world.backups.goes_on(run.as_ref()))
            };
            if read {
                return wait(ctx, run, status, "waiting until a backup of the app is over").await;
            }
            if run.spec.with_version && own.grant.as_ref().is_none_or(|grant| grant.revision != set.revision) {
                return wait(ctx, run, status, "waiting until the app is back at the version that wrote the set").await;
            }
            let name = run.metadata.name.as_deref().unwrap_or_default();
            let Some(_place) = super::place(ctx, name) else {
                return wait(ctx, run, status, "waiting for its turn").await;
            };
            // Nothing of the app may run while its data is written over.
            if !super::at_rest(ctx, &space).await? {
                return wait(ctx, run, status, "waiting until the app has stopped").await;
            }
            let rendered = { own.rendered(&ctx.world()) };
            if let Some(rendered) = rendered {
                fill::make_claims(ctx, own.owner(&space), &rendered, set).await?;
            }
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
                (answers(&world, &own.key), own.patience(&world))
            };
            if answers {
                return finish(ctx, run, status, own, set, number).await;
            }
            let since = status.steps[number].began.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
            if since.is_none_or(|since| Timestamp::now().duration_since(since) < patience) {
                return Ok(Next::After(step::SOON));
            }
            let message = format!("the app answered before the restore and did not within {} after it", spoken(patience));
            back::undo(ctx, run, status, own, number, Class::Other, &message).await
        }
        part => {
            let back = part.strip_prefix(BACK);
            let (ground, from) = match back {
                Some(_) => {
                    let made = back::set_before(&ctx.world(), &status, own);
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

/// Whether an app answers, as its status says it.
fn answers(world: &World, key: &AppKey) -> bool {
    let status = world.apps.get(key).and_then(|record| record.object.status.as_ref());
    status.and_then(|status| find(&status.conditions, "Available")).is_some_and(|said| said.status == "True" && said.reason != "Suspended")
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
    let rendered = { own.rendered(&ctx.world()) };
    let Some(plan) = rendered.and_then(|rendered| fill::plan_of(&rendered, part)) else {
        return back::undo(ctx, run, status, own, number, Class::Missing, "the app has no place for it any more").await;
    };
    // The repository is the source's, the Job and the volumes are the app's own.
    let order = |task| source.order(&run_name, task);
    let base = own.step(&run_name, number, &space, Hand::Writer);
    let Some(wanted) = fill::step(base, &plan, set.manifest.clone(), order) else {
        return back::undo(ctx, run, status, own, number, Class::Database, "the database has no volume to be loaded into").await;
    };
    match step::advance(ctx, wanted, &source.target.spec, &source.tenant_id).await? {
        Progress::Going => Ok(Next::After(LOOK)),
        Progress::Ended(report) => match report.failure {
            None => done(ctx, run, status, own, number, &report).await,
            Some(class) => back::undo(ctx, run, status, own, number, class, &report.message).await,
        },
    }
}

pub(super) async fn done(
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

pub(super) async fn fail(
    ctx: &Context,
    run: &Arc<RestoreRun>,
    mut status: RunStatus,
    class: Class,
    message: &str,
) -> Result<Next, ReconcileError> {
    status.phase = RunPhase::Failed;
    status.message = message.to_string();
    status.ended = Some(written(Timestamp::now()));
    status.failure = Some(RunFailure { class, message: message.to_string() });
    write(ctx, run, &status).await?;
    Ok(Next::Rest)
}
