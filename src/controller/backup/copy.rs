//! The second copy of a vault: made with its daily upkeep, once more when its app is gone, and destroyed with it.
//!
//! A copy that fails says nothing about the repository that it was to be made of: it is told beside it, and a second target
//! that does not answer stops no work of the first.

mod removed;

pub use self::removed::{end, last};

use super::drill::upkeep;
use super::keys::{self, Hand};
use super::step::{self, LOOK, Progress, SOON, Step};
use super::{Ground, due, say_vault, target};
use crate::apply::ApplyError;
use crate::backup::work::{Class, Report, Task};
use crate::controller::Context;
use crate::controller::converge::RESYNC;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::world::World;
use crate::request::backup::{BackupVaultStatus, Copied, Failures, SecondPlace, SetRecord, VAULT_NAMESPACE};
use crate::request::names::ACKNOWLEDGE_RETENTION;
use crate::request::{BackupTarget, BackupVault, written};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// Name of the step.
pub const COPY: &str = "copy";
/// How long after the last time what was pruned goes at the second place in any case: that Sunday it may not have answered.
const TIDIED_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The second target of a tenant's vault.
///
/// # Errors
/// Why there is none, in plain words.
pub fn second(world: &World, ground: &Ground) -> Result<Arc<BackupTarget>, String> {
    let own = ground.target.metadata.name.as_deref().unwrap_or_default();
    let Some(name) = &ground.target.spec.copy_to else {
        return Err(format!(
            "the data class asks for a copy at a second place, and the BackupTarget {own} names none; a platform admin writes its copyTo"
        ));
    };
    let found = world.backups.targets.get(name).filter(|_| name != own).cloned();
    found.ok_or_else(|| format!("copyTo of the BackupTarget {own} is {name}, and there is no other BackupTarget of that name"))
}

/// Where the second place of a tenant's vault is, as restic names it.
///
/// # Errors
/// As [`second`].
pub fn place(world: &World, ground: &Ground) -> Result<String, String> {
    second(world, ground).map(|target| ground.at(&target).repository().url())
}

/// The step of the daily upkeep, if the class asks for copies and there is a place for them.
#[must_use]
pub fn step(world: &World, ground: &Ground) -> Option<String> {
    ground.profile.copy_hours.filter(|_| second(world, ground).is_ok()).map(|_| COPY.to_string())
}

/// Days for which the second target lets nobody destroy what was written; 0 without one.
#[must_use]
pub fn lock_days(world: &World, ground: &Ground) -> u32 {
    second(world, ground).map_or(0, |target| target.spec.lock_days)
}

fn name_of(target: &BackupTarget) -> String {
    target.metadata.name.clone().unwrap_or_default()
}

fn answers(target: &BackupTarget) -> bool {
    target.status.as_ref().is_none_or(|status| status.breaker.admits())
}

fn vault_of(world: &World, ground: &Ground) -> Option<Arc<BackupVault>> {
    world.backups.vaults.get(&ground.tenant_id).cloned()
}

/// Whether what was pruned goes at a second place, too, with a copy that began then.
fn prunes(vault: &BackupVault, place: &str, began: Timestamp) -> bool {
    let status = vault.status.as_ref();
    // Nobody reads a vault any more whose app is gone, and what is not whole must not thin out the other.
    if !upkeep::may_destroy(vault) || status.is_some_and(|status| status.retain_until.is_some()) {
        return false;
    }
    let tidied = status.and_then(|status| due::time(status.copied_at(place)?.tidied.as_ref()));
    let sunday = began.to_zoned(due::zone()).weekday() == upkeep::PRUNED_ON;
    sunday || tidied.is_none_or(|tidied| began.duration_since(tidied) > TIDIED_EVERY)
}

/// For how long a copy goes on: it is a part of the upkeep, and backups and restores of the app wait for that. What is left is
/// copied the next day.
const TIME: Duration = Duration::from_hours(1);

/// How long what copied before may take to go, once its Job is deleted; backups of the app wait meanwhile.
const GOES_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// What the runner is told.
fn task(world: &World, ground: &Ground, there: &Ground, began: Timestamp) -> Task {
    let vault = vault_of(world, ground);
    // Nothing waits for the copy of an app that is gone.
    let retained = vault.as_ref().and_then(|vault| vault.status.as_ref()).is_some_and(|status| status.retain_until.is_some());
    let shrunk = vault.as_ref().is_some_and(|vault| upkeep::says(vault, ACKNOWLEDGE_RETENTION, began));
    Task::Copy {
        to: there.repository(),
        issue: there.issue(),
        holds: upkeep::held_there(world, &ground.tenant_id, &[]),
        prune: vault.as_ref().is_some_and(|vault| prunes(vault, &there.repository().url(), began)),
        shrunk,
        seconds: (!retained).then_some(TIME.as_secs()),
        deleted_days: Some(upkeep::deleted_days(there)),
    }
}

/// A copy of which nobody knows where it lies is none.
fn placed(mut progress: Progress) -> Progress {
    if let Progress::Ended(report) = &mut progress
        && report.failure.is_none()
        && report.to.is_empty()
    {
        report.failure = Some(Class::Order);
        report.message = "the runner does not say where it copied to: the image of the Platform's backup is of another version than the operator; name the one of this version".into();
    }
    progress
}

/// Takes the copy of a vault one step further. `began` is when the step began, as it was written down.
pub async fn advance(ctx: &Context, run: &str, number: usize, ground: &Ground, began: Option<&String>) -> Result<Progress, ApplyError> {
    go_on(ctx, run, number, ground, began).await.map(placed)
}

async fn go_on(ctx: &Context, run: &str, number: usize, ground: &Ground, began: Option<&String>) -> Result<Progress, ApplyError> {
    if let Some(known) = step::stands(ctx, VAULT_NAMESPACE, run, number) {
        return Ok(known);
    }
    let failed =
        |class, message: String| Ok(Progress::Ended(Box::new(Report { failure: Some(class), message, second: true, ..Report::default() })));
    let named = { second(&ctx.world(), ground) };
    let target = match named {
        Ok(target) => target,
        Err(why) => return failed(Class::Order, why),
    };
    let (name, there) = (name_of(&target), ground.at(&target));
    let began = due::time(began).unwrap_or_else(Timestamp::now);
    if !{ step::is_there(&ctx.world(), VAULT_NAMESPACE, run, number) } {
        // Two that write at the second place at once: one of them may take away what the other has just written.
        if end(ctx, &ground.tenant_id, Some(run)).await? {
            if Timestamp::now().duration_since(began) <= GOES_WITHIN {
                return Ok(Progress::Going);
            }
            return failed(
                Class::Locked,
                format!(
                    "a pod that copied for {} when its app was removed is still there and may still write, so nothing was copied; see what holds it up: kubectl --namespace {VAULT_NAMESPACE} get pods",
                    ground.tenant_id
                ),
            );
        }
        if !answers(&target) {
            return failed(Class::Unreachable, format!("the second target {name} does not answer, so nothing was copied"));
        }
    }
    // Before the Job has its order: what nobody wrote down nobody would destroy.
    let place = SecondPlace { target: name.clone(), repository: there.repository().url() };
    say_vault(ctx, &ground.tenant_id, |vault| {
        if !vault.copies.contains(&place) {
            vault.copies.push(place);
        }
    })
    .await?;
    let Some(files) = keys::of_second(ctx, &target.spec).await? else {
        let what = format!(
            "there is no key to work with at the second place: the maintainerSecret of the BackupTarget {name} is missing in kopnams-vault, or lacks access-key or secret-key"
        );
        return failed(Class::Refused, what);
    };
    let order = { ground.order(run, task(&ctx.world(), ground, &there, began)) };
    let step = Step { orders: vec![(None, order)], files, ..ground.step(run, number, VAULT_NAMESPACE, Hand::Maintainer) };
    step::advance(ctx, step, &ground.target.spec, &ground.tenant_id).await
}

/// Writes down in the vault what came of a copy. `began` as in [`advance`].
pub async fn told(ctx: &Context, run: &str, ground: &Ground, began: Option<&String>, report: &Report) -> Result<(), ApplyError> {
    let now = Timestamp::now();
    let began = due::time(began).unwrap_or(now);
    if let Some(class) = report.failure {
        if report.second {
            let second = { second(&ctx.world(), ground) }.ok();
            // Of one that is known not to answer nothing was asked, and another may be named since.
            let same = |target: &Arc<BackupTarget>| report.to.is_empty() || ground.at(target).repository().url() == report.to;
            if let Some(target) = second.filter(|target| answers(target) && same(target)) {
                target::count_at(ctx, &name_of(&target), class).await?;
            }
        } else {
            target::count(ctx, &ground.tenant_id, class).await?;
        }
        return say_vault(ctx, &ground.tenant_id, |vault| {
            vault.copy_failures = vault.copy_failures.and(run, class, &report.message, &written(now));
        })
        .await;
    }
    // Where the Job was sent, which may not be where it would be sent now.
    let place = report.to.as_str();
    let pruned = { vault_of(&ctx.world(), ground) }.is_some_and(|vault| prunes(&vault, place, began));
    say_vault(ctx, &ground.tenant_id, |vault| {
        let tidied = if pruned { Some(written(began)) } else { vault.copied_at(place).and_then(|copied| copied.tidied.clone()) };
        vault.copy_failures = Failures::default();
        vault.copied = newest(&vault.sets, began).map(|set| Copied {
            repository: place.to_string(),
            at: written(now),
            set: set.name.clone(),
            recovery_point: set.recovery_point.clone(),
            objects: report.files,
            bytes: report.bytes,
            tidied,
        });
    })
    .await
}

/// The newest set that was there when a copy began; nothing is added while it goes on.
fn newest(sets: &[SetRecord], began: Timestamp) -> Option<&SetRecord> {
    sets.iter().rev().find(|set| set.recovery_point.parse::<Timestamp>().is_ok_and(|at| at <= began))
}

/// What is said at the end of an upkeep whose last step was a copy that failed.
#[must_use]
pub fn words(step_name: &str, report: &Report) -> String {
    match report.failure.filter(|_| step_name == COPY) {
        Some(class) => format!("the repository is sound; its copy at the second place failed: {}: {}", class.as_str(), report.message),
        None => "the repository is sound".into(),
    }
}

/// Destroys what lies at second places, one after another; when to look again, or none when nothing is left there.
///
/// They go before the first does: as long as one of them cannot be reached the vault and its keys stay what they are.
pub async fn destroy(ctx: &Context, run: &str, status: &BackupVaultStatus, ground: &Ground) -> Result<Option<Next>, ReconcileError> {
    let tenant_id = &ground.tenant_id;
    // What still copies would write again what was destroyed.
    if end(ctx, tenant_id, None).await? {
        let message = "its day has come, and the copying of its last set is ended first: its pod is still there".to_string();
        say_vault(ctx, tenant_id, |vault| vault.message = Some(message)).await?;
        return Ok(Some(Next::After(SOON)));
    }
    let Some(place) = status.copies.last() else { return Ok(None) };
    let target = { ctx.world().backups.targets.get(&place.target).cloned() };
    let there = target.as_ref().map(|target| ground.at(target));
    let by_hand =
        format!("if the place is gone for good, take it out of status.copies: kubectl edit backupvault {tenant_id} --subresource=status");
    let held = match (&target, &there) {
        (Some(target), Some(there)) if there.repository().url() == place.repository => {
            (!answers(target)).then(|| format!("the second target {} does not answer, and this is tried again; {by_hand}", place.target))
        }
        (Some(_), _) => Some(format!(
            "its copy is at {}, and the BackupTarget {} says another place since; set it back. Otherwise destroy the copy by hand; {by_hand}",
            place.repository, place.target
        )),
        (None, _) => Some(format!("the BackupTarget {} of its copy is not there; apply it again. {by_hand}", place.target)),
    };
    let (Some(target), Some(there), None) = (target, there, &held) else {
        let message = format!("its day has come and it stays: {}", held.unwrap_or_default());
        say_vault(ctx, tenant_id, |vault| vault.message = Some(message)).await?;
        return Ok(Some(Next::After(RESYNC)));
    };
    // A number of its own for each place: a Job that goes takes its time.
    let number = status.copies.len();
    let order = there.order(run, Task::Destroy { issue: there.issue() });
    let step = Step { orders: vec![(None, order)], ..there.step(run, number, VAULT_NAMESPACE, Hand::Maintainer) };
    let report = match step::advance(ctx, step, &target.spec, tenant_id).await? {
        Progress::Going => return Ok(Some(Next::After(LOOK))),
        Progress::Ended(report) => report,
    };
    step::clear(ctx, VAULT_NAMESPACE, run, number).await?;
    if let Some(class) = report.failure.filter(|class| *class != Class::Vanished) {
        target::count_at(ctx, &place.target, class).await?;
        let message = format!(
            "its day has come and its copy at the second target {} could not be destroyed ({}): {}; this is tried again",
            place.target,
            class.as_str(),
            report.message
        );
        say_vault(ctx, tenant_id, |vault| vault.message = Some(message)).await?;
        ctx.world().backups.pause(run, Timestamp::now() + RESYNC);
        return Ok(Some(Next::After(RESYNC)));
    }
    say_vault(ctx, tenant_id, |vault| {
        vault.copies.retain(|known| known != place);
        let stays = vault.copied.take().filter(|copied| !copied.is_at(&place.repository));
        vault.copied = stays.filter(|_| !vault.copies.is_empty());
    })
    .await?;
    Ok(Some(Next::After(Duration::ZERO)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AWAY: &str = "s3:https://s3.elsewhere.example.lv/copies-t";

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    #[test]
    fn what_was_pruned_goes_on_sundays_and_when_a_sunday_was_missed() {
        let vault = |status: BackupVaultStatus| BackupVault {
            status: Some(status),
            ..BackupVault::new("t", serde_json::from_value(serde_json::json!({"municipality": "m", "app": "a", "target": "s3"})).unwrap())
        };
        let tidied = |time: &str| {
            let copied = Copied { repository: AWAY.into(), tidied: Some(time.into()), ..Copied::default() };
            vault(BackupVaultStatus { copied: Some(copied), ..BackupVaultStatus::default() })
        };
        let prunes = |vault: &BackupVault, began| prunes(vault, AWAY, began);
        // The 29th of November 2026 is a Sunday, in Latvia from 22:00 UTC of the day before.
        let broken = Failures { count: 1, ..Failures::default() };
        let sunday = at("2026-11-29T10:00:00Z");
        assert!(prunes(&vault(BackupVaultStatus::default()), sunday));
        assert!(!prunes(&vault(BackupVaultStatus { read_failures: broken.clone(), ..BackupVaultStatus::default() }), sunday));
        assert!(!prunes(&vault(BackupVaultStatus { drill_failures: broken, ..BackupVaultStatus::default() }), sunday));
        assert!(!prunes(&vault(BackupVaultStatus { retain_until: Some("2027-01-01".into()), ..BackupVaultStatus::default() }), sunday));
        let mut held = vault(BackupVaultStatus::default());
        held.spec.legal_hold = true;
        assert!(!prunes(&held, sunday));
        assert!(prunes(&tidied("2026-11-28T10:00:00Z"), at("2026-11-28T22:00:00Z")));
        assert!(!prunes(&tidied("2026-11-22T10:00:00Z"), at("2026-11-28T21:59:00Z")));
        assert!(!prunes(&tidied("2026-11-29T10:00:00Z"), at("2026-11-30T10:00:00Z")));
        assert!(prunes(&tidied("2026-11-22T10:00:00Z"), at("2026-11-30T10:00:00Z")), "it did not answer on Sunday");
        assert!(prunes(&vault(BackupVaultStatus::default()), at("2026-11-30T10:00:00Z")), "nobody knows what lies there");
        let monday = at("2026-11-30T10:00:00Z");
        assert!(!prunes(&tidied("2026-11-29T10:00:00Z"), monday));
        let elsewhere = "s3:https://s3.farther.example.lv/copies-t";
        assert!(super::prunes(&tidied("2026-11-29T10:00:00Z"), elsewhere, monday), "what was tidied is another place");
    }

    #[test]
    fn a_copy_of_which_nobody_knows_where_it_lies_has_failed() {
        let ended = |report: Report| match placed(Progress::Ended(Box::new(report))) {
            Progress::Ended(report) => report,
            Progress::Going => panic!("it has ended"),
        };
        let good = Report { to: AWAY.into(), files: 3, ..Report::default() };
        assert_eq!(*ended(good.clone()), good);
        let unknown = ended(Report { to: String::new(), ..good.clone() });
        assert!(unknown.failure == Some(Class::Order) && unknown.message.contains("does not say where"), "{unknown:?}");
        let failed = Report { failure: Some(Class::Unreachable), message: "no route".into(), ..Report::default() };
        assert_eq!(*ended(failed.clone()), failed, "why it failed stays");
        assert!(matches!(placed(Progress::Going), Progress::Going));
    }

    #[test]
    fn the_newest_set_there_is_one_that_was_made_before_the_copy() {
        let set = |name: &str, time: &str| SetRecord { name: name.into(), recovery_point: time.into(), ..SetRecord::default() };
        let sets = [set("a", "2026-11-26T01:00:00Z"), set("b", "2026-11-26T02:00:00Z"), set("c", "no time")];
        let named = |began| newest(&sets, at(began)).map(|set| set.name.as_str());
        assert_eq!(named("2026-11-26T03:00:00Z"), Some("b"));
        assert_eq!(named("2026-11-26T01:30:00Z"), Some("a"));
        assert_eq!(named("2026-11-26T00:30:00Z"), None);
    }
}
