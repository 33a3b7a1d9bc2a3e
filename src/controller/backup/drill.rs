//! A drill: a set is restored, compared with its manifest and loaded, somewhere else, and thrown away.
//!
//! Everything runs in kopnams-vault: neither the app's namespace nor its volumes are touched. What is restored lies on a
//! volume that goes with the pod.

mod shown;
pub mod upkeep;

use self::shown::{record, settle};
use super::ground::lacks;
use super::keys::{self, Hand};
use super::load::{self, Load, Pattern, database_of};
use super::step::{self, LOOK, Progress, Step};
use super::{Ground, copy, ground, say_vault, scratch, tidy, wait, write};
use crate::backup::jobs::{DATA, Mount, Volume};
use crate::backup::work::{Class, Report, Task};
use crate::controller::Context;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::world::World;
use crate::policy::AppKey;
use crate::request::RestoreDrill;
use crate::request::backup::{Level, RunFailure, RunKind, RunPhase, RunStatus, SetRecord, StepRecord, VAULT_NAMESPACE};
use crate::request::written;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

const READ: &str = "read";
const FORGET: &str = "forget";
const RESTORE: &str = "restore";
const LOAD: &str = "load:";

/// How it is told which sets an admin said are lost, and were not found.
const STRUCK_OFF: &str = "lost, and struck off: ";

/// Bytes up to which a set is restored into an empty folder of the node rather than onto a volume.
const SMALL: u64 = 64 << 20;

/// Takes a drill one step further.
pub async fn reconcile(ctx: &Context, name: &str) -> Result<Next, ReconcileError> {
    let Some(drill) = ({ ctx.world().backups.drills.get(name).cloned() }) else { return Ok(Next::Rest) };
    let status = drill.status.clone().unwrap_or_default();
    if status.phase.is_over() {
        settle(ctx, &drill, &status).await?;
        if drill.spec.level == Level::Start {
            // Whatever became of it: what it started goes.
            scratch::remove(ctx, &AppKey::of_drill(&drill.spec.municipality, name)).await?;
        }
        return tidy(ctx, name, &drill.spec.municipality, &drill.spec.app, &status).await;
    }
    let (ground, set) = {
        let world = ctx.world();
        (ground(&world, &drill.spec.tenant_id), set_of(&world, &drill))
    };
    let Some(ground) = ground else {
        let lacks = { lacks(&ctx.world(), &drill.spec.tenant_id, drill.metadata.creation_timestamp.as_ref(), Timestamp::now()) };
        return match lacks {
            Ok(message) => wait(ctx, &drill, status, &message).await,
            Err(why) => fail(ctx, &drill, status, Class::Other, &why).await,
        };
    };
    let Some(set) = set else {
        return fail(ctx, &drill, status, Class::Missing, "the set is not in the vault any more").await;
    };
    match status.phase {
        RunPhase::Pending => begin(ctx, &drill, &ground, &set).await,
        _ => go_on(ctx, &drill, status, &ground, &set).await,
    }
}

fn set_of(world: &World, drill: &RestoreDrill) -> Option<SetRecord> {
    let vault = world.backups.vaults.get(&drill.spec.tenant_id)?;
    let found = vault.status.as_ref()?.sets.iter().find(|set| set.name == drill.spec.set).cloned();
    // Whatever looks through the whole repository asks for no certain set of it.
    found.or_else(|| (drill.spec.level < Level::Restore).then(SetRecord::default))
}

/// Why a drill of a set proves nothing about what could be lost today; none when it does.
fn stale(ground: &Ground, set: &SetRecord, now: Timestamp) -> Option<String> {
    // The last set of an app that goes, or before an upgrade, is of what is there however long it lies; and what is stopped,
    // or gone, writes nothing new.
    let regular = matches!(set.kind, RunKind::Scheduled | RunKind::Manual);
    let writes = ground.grant.as_ref().is_some_and(|grant| !grant.suspend);
    let hours = ground.profile.rpo_hours;
    // A run takes its time; see `status::backed_up`.
    let allowed = SignedDuration::from_hours(i64::from(hours) + 1);
    let at: Timestamp = set.recovery_point.parse().ok()?;
    (regular && writes && now.duration_since(at) > allowed).then(|| {
        format!("the set is of {}, and the data class allows a loss of {hours} hours: that it can be restored proves nothing about what would be lost today", set.recovery_point)
    })
}

async fn begin(ctx: &Context, drill: &Arc<RestoreDrill>, ground: &Ground, set: &SetRecord) -> Result<Next, ReconcileError> {
    let name = drill.metadata.name.clone().unwrap_or_default();
    let now = Timestamp::now();
    if drill.spec.level >= Level::Restore
        && let Some(why) = stale(ground, set, now)
    {
        return fail(ctx, drill, drill.status.clone().unwrap_or_default(), Class::Stale, &why).await;
    }
    let Some(_place) = super::place(ctx, &name) else { return Ok(Next::After(LOOK)) };
    let names: Vec<String> = match drill.spec.level {
        Level::Check | Level::Read => {
            let copied = { copy::step(&ctx.world(), ground) };
            [FORGET.into(), READ.into()].into_iter().chain(copied).collect()
        }
        Level::Restore => vec![RESTORE.into()],
        Level::Load | Level::Start => {
            let databases = set.parts.keys().filter_map(|part| part.strip_prefix("database:"));
            let more = if drill.spec.level == Level::Start { scratch::steps(set) } else { Vec::new() };
            std::iter::once(RESTORE.to_string()).chain(databases.map(|name| format!("{LOAD}{name}"))).chain(more).collect()
        }
    };
    let mut steps: Vec<StepRecord> = names.into_iter().map(|name| StepRecord { name, ..StepRecord::default() }).collect();
    step::begin_next(&mut steps, now);
    let status = RunStatus {
        phase: RunPhase::Running,
        message: "the drill has begun".into(),
        began: Some(written(now)),
        steps,
        ..RunStatus::default()
    };
    write(ctx, drill, &status).await?;
    Ok(Next::After(std::time::Duration::ZERO))
}

async fn go_on(
    ctx: &Context,
    drill: &Arc<RestoreDrill>,
    mut status: RunStatus,
    ground: &Ground,
    set: &SetRecord,
) -> Result<Next, ReconcileError> {
    let name = drill.metadata.name.clone().unwrap_or_default();
    let Some((number, _)) = step::begin_next(&mut status.steps, Timestamp::now()) else {
        return fail(ctx, drill, status, Class::Other, "the drill has no steps").await;
    };
    let step_name = status.steps[number].name.clone();
    if scratch::is_step(&step_name) {
        return match scratch::advance(ctx, &name, ground, set, &status.steps[number], number).await? {
            Progress::Going => Ok(Next::After(LOOK)),
            Progress::Ended(report) => ended(ctx, drill, status, ground, set, number, &report).await,
        };
    }
    if step_name == copy::COPY {
        return match copy::advance(ctx, &name, number, ground, status.steps[number].began.as_ref()).await? {
            Progress::Going => Ok(Next::After(LOOK)),
            Progress::Ended(report) => ended(ctx, drill, status, ground, set, number, &report).await,
        };
    }
    match step::stands(ctx, VAULT_NAMESPACE, &name, number) {
        Some(Progress::Going) => return Ok(Next::After(LOOK)),
        Some(Progress::Ended(report)) => return ended(ctx, drill, status, ground, set, number, &report).await,
        None => {}
    }
    let order = |task| ground.order(&name, task);
    let base = ground.step(&name, number, VAULT_NAMESPACE, Hand::Maintainer);
    let room = || match ground.grant.as_ref().filter(|_| set.bytes > SMALL) {
        Some(grant) => Volume::Scratch(grant.size.storage.0.clone()),
        // The app may be gone; what its set holds fits in twice as much.
        None if set.bytes > SMALL => Volume::Scratch(format!("{}Mi", (set.bytes >> 19) + 64)),
        None => Volume::Empty,
    };
    let manifest = set.manifest.clone();
    let is_there = { step::is_there(&ctx.world(), VAULT_NAMESPACE, &name, number) };
    if step_name == FORGET && !is_there {
        // Until the Job is made it may change: a hold, or a restore that reads one of them.
        let goes = { upkeep::forgotten(&ctx.world(), ground, Timestamp::now()) };
        if status.forgets != goes {
            status.forgets = goes;
            write(ctx, drill, &status).await?;
            return Ok(Next::After(std::time::Duration::ZERO));
        }
        // Before anything is forgotten: whatever becomes of the Job, what it may have taken nobody misses.
        say_vault(ctx, &ground.tenant_id, |vault| {
            let more = status.forgets.iter().filter(|set| !vault.going.contains(set)).cloned().collect::<Vec<_>>();
            vault.going.extend(more);
        })
        .await?;
    }
    let wanted = if step_name == FORGET {
        let Some(task) = ({ upkeep::task(&ctx.world(), ground, &status, Timestamp::now(), is_there) }) else {
            return ended(ctx, drill, status, ground, set, number, &Report::default()).await;
        };
        Step { orders: vec![(None, order(task))], ..base }
    } else if step_name == READ {
        let read = drill.spec.slice.filter(|_| drill.spec.level >= Level::Read).map(|slice| (slice, 28));
        let holds = { upkeep::held_there(&ctx.world(), &ground.tenant_id, &status.forgets) };
        Step { orders: vec![(None, order(Task::Check { read, holds }))], ..base }
    } else if step_name == RESTORE {
        let task = Task::Restore { manifest, parts: Vec::new(), into: Some(DATA.into()), replace: false };
        Step { orders: vec![(None, order(task))], mounts: vec![Mount { path: DATA.into(), volume: room() }], ..base }
    } else {
        let database_name = step_name.trim_start_matches(LOAD).to_string();
        let Some(Pattern { plan, secrets, settings }) = ({ database_of(&ctx.world(), ground, &database_name) }) else {
            let why = format!("the app has no database `{database_name}` any more, so nobody knows how its dump is loaded");
            return fail(ctx, drill, status, Class::Database, &why).await;
        };
        let files = keys::copied(ctx, &ground.tenant_id).await?;
        let files = files.into_iter().map(|(key, value)| (key, value.0)).chain(settings).collect();
        let job = step::job_name(&name, number);
        let load =
            Load { plan: &plan, secrets: &secrets, secrets_of: Some(&job), manifest, files: room().render("files", &job), replace: false };
        load::step(Step { files, ..base }, load, order)
    };
    match step::advance(ctx, wanted, &ground.target.spec, &ground.tenant_id).await? {
        Progress::Going => Ok(Next::After(LOOK)),
        Progress::Ended(report) => ended(ctx, drill, status, ground, set, number, &report).await,
    }
}

async fn ended(
    ctx: &Context,
    drill: &Arc<RestoreDrill>,
    mut status: RunStatus,
    ground: &Ground,
    set: &SetRecord,
    number: usize,
    report: &Report,
) -> Result<Next, ReconcileError> {
    let name = drill.metadata.name.clone().unwrap_or_default();
    let step_name = status.steps[number].name.clone();
    if step_name == copy::COPY {
        // What was read and forgotten before counts, whatever became of the copy.
        copy::told(ctx, &name, ground, status.steps[number].began.as_ref(), report).await?;
    } else if report.failure == Some(Class::Suspicious) {
        // What is missing must not keep what is new from being read and copied; it is told in the end.
        let lacks = upkeep::lacks(report, &ground.tenant_id);
        say_vault(ctx, &ground.tenant_id, |vault| upkeep::missed(vault, &lacks, &report.message, Timestamp::now())).await?;
        let message = format!("{step_name}: {}{}", report.message, upkeep::lost_words(&drill.spec.tenant_id));
        status.failure.get_or_insert(RunFailure { class: Class::Suspicious, message });
    } else if let Some(class) = report.failure {
        return fail(ctx, drill, status, class, &format!("{step_name}: {}", report.message)).await;
    } else if step_name == READ && status.failure.is_none() {
        say_vault(ctx, &ground.tenant_id, |vault| vault.missing = None).await?;
    }
    step::record(&mut status.steps[number], report);
    if step_name == FORGET && report.failure.is_none() {
        let now = Timestamp::now();
        let lacks = upkeep::lacks(report, &ground.tenant_id);
        if !lacks.is_empty() {
            status.message = format!("{STRUCK_OFF}{}", lacks.join(", "));
        }
        let held = {
            let world = ctx.world();
            let vault = world.backups.vaults.get(&ground.tenant_id);
            vault.and_then(|vault| upkeep::verdict(ground, vault, now).held).map(|held| upkeep::held_words(&ground.tenant_id, held))
        };
        say_vault(ctx, &ground.tenant_id, |vault| {
            upkeep::strike_off(vault, &status.forgets, &lacks);
            vault.tidied = Some(written(now));
            vault.held = held;
        })
        .await?;
    }
    if step::begin_next(&mut status.steps, Timestamp::now()).is_none() {
        if let Some(RunFailure { class, message }) = status.failure.clone() {
            fail(ctx, drill, status, class, &message).await?;
            step::clear(ctx, VAULT_NAMESPACE, &name, number).await?;
            return Ok(Next::After(std::time::Duration::ZERO));
        }
        let now = Timestamp::now();
        let struck_off = Some(status.message.clone()).filter(|said| said.starts_with(STRUCK_OFF)).map(|said| format!("; {said}"));
        status.phase = RunPhase::Succeeded;
        status.ended = Some(written(now));
        status.message = if drill.spec.level >= Level::Restore {
            "the set was restored and is as its manifest says".into()
        } else {
            copy::words(&step_name, report) + &struck_off.unwrap_or_default()
        };
        status.evidence = record(&ctx.world(), drill, &status, set, now);
    }
    write(ctx, drill, &status).await?;
    step::clear(ctx, VAULT_NAMESPACE, &name, number).await?;
    Ok(Next::After(std::time::Duration::ZERO))
}

async fn fail(
    ctx: &Context,
    drill: &Arc<RestoreDrill>,
    mut status: RunStatus,
    class: Class,
    message: &str,
) -> Result<Next, ReconcileError> {
    let now = written(Timestamp::now());
    status.phase = RunPhase::Failed;
    status.message = message.to_string();
    status.ended = Some(now);
    status.failure = Some(RunFailure { class, message: message.to_string() });
    let set = { set_of(&ctx.world(), drill) };
    if let Some(set) = set.filter(|_| !class.is_the_targets()) {
        status.evidence = record(&ctx.world(), drill, &status, &set, Timestamp::now());
    }
    // First: what is over is not looked at again, and a target that nobody counted is never asked whether it answers.
    super::target::count(ctx, &drill.spec.tenant_id, class).await?;
    write(ctx, drill, &status).await?;
    Ok(Next::After(std::time::Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::super::ground::tests::ground;
    use super::*;
    use crate::request::app::Grant;

    /// F21
    #[test]
    fn a_set_that_is_too_old_proves_nothing_about_today() {
        let set = SetRecord { recovery_point: "2026-11-26T01:00:00Z".into(), ..SetRecord::default() };
        let at = |time: &str| time.parse::<Timestamp>().unwrap();
        assert_eq!(stale(&ground(), &set, at("2026-11-26T06:00:00Z")), None, "as old as it may be, and the hour that a run may take");
        let why = stale(&ground(), &set, at("2026-11-26T06:00:01Z")).unwrap();
        assert!(why.contains("the set is of 2026-11-26T01:00:00Z, and the data class allows a loss of 4 hours"), "{why}");
        // What writes nothing new loses nothing, however old its last set is.
        let late = at("2027-11-26T06:00:00Z");
        let last = SetRecord { kind: RunKind::Final, ..set.clone() };
        assert_eq!(stale(&ground(), &last, late), None);
        let stopped = Ground { grant: Some(Grant { suspend: true, ..Grant::default() }), ..ground() };
        assert_eq!(stale(&stopped, &set, late), None);
        assert!(stale(&ground(), &set, late).is_some());
    }
}
