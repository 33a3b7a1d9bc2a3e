//! The set from before a restore, and the way back to it.

use super::super::step;
use super::super::vault::make_run;
use super::super::{Ground, write};
use super::{ANSWER, BACK, BACKUP, PAUSE, START, done, fail};
use crate::backup::schedule::Slot;
use crate::backup::work::{Class, Report};
use crate::controller::Context;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::world::World;
use crate::controller::world::backups::Record;
use crate::request::RestoreRun;
use crate::request::backup::{RunFailure, RunKind, RunPhase, RunStatus, SetRecord, StepRecord};
use crate::request::written;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// The set that was made before the data was written over.
pub fn set_before(world: &World, status: &RunStatus, own: &Ground) -> Option<SetRecord> {
    let name = status.steps.iter().find(|step| step.name == BACKUP)?.snapshot.clone()?;
    world.backups.vaults.get(&own.tenant_id)?.status.as_ref()?.sets.iter().find(|set| set.name == name).cloned()
}

/// Makes a set of what is there now, so that a restore can be undone.
pub async fn before(
    ctx: &Context,
    run: &Arc<RestoreRun>,
    mut status: RunStatus,
    own: &Ground,
    number: usize,
) -> Result<Next, ReconcileError> {
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

/// A part could not be filled: what was there before is put back, if there was anything.
pub async fn undo(
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
