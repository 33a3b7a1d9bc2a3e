//! The upkeep of a repository: what retention lets go, what has to stay, and when room is given back.

use super::super::{Ground, due, said};
use crate::backup::retention::{self, Committed, Situation};
use crate::backup::work::{Holds, Report, Task};
use crate::controller::world::World;
use crate::controller::world::backups::Record;
use crate::request::BackupVault;
use crate::request::backup::{BackupVaultStatus, RunStatus, SetRecord};
use crate::request::names::{ACKNOWLEDGE_LOST, ACKNOWLEDGE_RETENTION};
use jiff::{SignedDuration, Timestamp};

/// Day of the week on which room is given back: Sunday, when least is done.
pub const PRUNED_ON: jiff::civil::Weekday = jiff::civil::Weekday::Sunday;

/// What the runner is told to forget; none when there is nothing to do today.
#[must_use]
pub fn task(world: &World, ground: &Ground, status: &RunStatus, now: Timestamp, is_there: bool) -> Option<Task> {
    let goes = chosen(world, ground, status);
    let sunday = now.to_zoned(due::zone()).weekday() == PRUNED_ON;
    let snapshots: Vec<String> = goes.iter().flat_map(|set| set.snapshots.iter().cloned().chain([set.manifest.clone()])).collect();
    let vault = world.backups.vaults.get(&ground.tenant_id);
    let may_destroy = vault.is_some_and(|vault| may_destroy(vault));
    let lost = vault.is_some_and(|vault| says(vault, ACKNOWLEDGE_LOST, now));
    // One that was begun on Sunday may end on Monday.
    if snapshots.is_empty() && !sunday && !lost && !is_there {
        return None;
    }
    Some(Task::Forget {
        snapshots,
        prune: sunday && may_destroy,
        known: Some(known(world, ground)),
        holds: held_there(world, &ground.tenant_id, &status.forgets),
        lost,
        deleted_days: may_destroy.then(|| deleted_days(ground)),
    })
}

/// Whether an admin's word in an annotation of a vault counts now.
#[must_use]
pub fn says(vault: &BackupVault, annotation: &str, now: Timestamp) -> bool {
    said(vault, annotation, now).is_some_and(|said| now.duration_since(said) < WORD)
}

/// Strikes off in a vault what was forgotten, and what an admin says is lost and was not found.
pub fn strike_off(vault: &mut BackupVaultStatus, forgets: &[String], report: &Report) {
    vault.sets.retain(|set| !forgets.contains(&set.name) && !report.lacks.contains(&set.name));
}

/// What is to be done when sets are not in the repository any more.
#[must_use]
pub fn lost_words(tenant_id: &str) -> String {
    format!(
        " Until this is settled nothing is forgotten, nor room given back. Bring back what was deleted, see \"Sets that are missing\" in docs/backups.md. If it is lost for good, say so, and those sets are struck off the list with the next upkeep, within a day: kubectl annotate backupvault {tenant_id} --overwrite {ACKNOWLEDGE_LOST}=\"$(date --utc +%Y-%m-%dT%H:%M:%SZ)\""
    )
}

/// What the repository of a vault has to hold: all sets that it lists but these.
#[must_use]
pub fn held_there(world: &World, tenant_id: &str, but: &[String]) -> Holds {
    let sets = world.backups.vaults.get(tenant_id).and_then(|vault| vault.status.as_ref()).map(|status| status.sets.as_slice());
    let sets = sets.unwrap_or_default().iter().filter(|set| !but.contains(&set.name));
    sets.map(|set| (set.name.clone(), set.snapshots.iter().chain([&set.manifest]).cloned().collect())).collect()
}

/// Whether what is only hidden may go for good: not from a vault that is held, nor while something in it could not be read or
/// restored, for what was deleted may be the only good that there is.
#[must_use]
pub fn may_destroy(vault: &BackupVault) -> bool {
    let sound = |status: &BackupVaultStatus| status.read_failures.count == 0 && status.drill_failures.count == 0;
    !vault.spec.legal_hold && vault.status.as_ref().is_none_or(sound)
}

/// Days for which a bucket with versions keeps what was deleted at least: a mistake has to be found in them.
const DELETED_DAYS: u32 = 7;

/// For how long what was deleted is kept; the target itself does not let it go while it is locked.
#[must_use]
pub fn deleted_days(ground: &Ground) -> u32 {
    ground.target.spec.lock_days.max(DELETED_DAYS)
}

/// Names of the sets that retention lets go now; none that something reads at the moment.
#[must_use]
pub fn forgotten(world: &World, ground: &Ground, now: Timestamp) -> Vec<String> {
    let Some(vault) = world.backups.vaults.get(&ground.tenant_id) else { return Vec::new() };
    // As long as nobody knows what the class asks for, nothing goes by somebody else's rules.
    if ground.grant.as_ref().is_none_or(|grant| world.register.class(&grant.data_class.name).is_none()) {
        return Vec::new();
    }
    let goes = verdict(ground, vault, now).goes.into_iter().map(|gone| gone.id);
    goes.filter(|set| !world.backups.in_use(set)).collect()
}

/// The runs whose snapshots stay: those whose sets the vault has, and those that are not over.
fn known(world: &World, ground: &Ground) -> Vec<String> {
    let vault = world.backups.vaults.get(&ground.tenant_id).and_then(|vault| vault.status.as_ref());
    let sets = vault.map(|status| status.sets.as_slice()).unwrap_or_default().iter().map(|set| set.name.clone());
    let going = world.backups.runs_of(&ground.tenant_id).filter(|run| !run.phase().is_over()).filter_map(|run| run.metadata.name.clone());
    sets.chain(going).collect()
}

/// The sets that were chosen, as far as the vault still has them.
fn chosen(world: &World, ground: &Ground, status: &RunStatus) -> Vec<SetRecord> {
    let vault = world.backups.vaults.get(&ground.tenant_id).and_then(|vault| vault.status.as_ref());
    let sets = vault.map(|status| status.sets.as_slice()).unwrap_or_default();
    sets.iter().filter(|set| status.forgets.contains(&set.name)).cloned().collect()
}

/// How long an admin's word on retention counts: long enough for the next daily upkeep, not for what comes later.
pub const WORD: SignedDuration = SignedDuration::from_hours(48);

/// What retention says of the sets of a vault.
#[must_use]
pub fn verdict(ground: &Ground, vault: &BackupVault, now: Timestamp) -> retention::Verdict {
    let sets = vault.status.as_ref().map(|status| status.sets.as_slice()).unwrap_or_default();
    let sets: Vec<Committed> = sets.iter().filter_map(SetRecord::committed).collect();
    let zone = due::zone();
    let acknowledged = says(vault, ACKNOWLEDGE_RETENTION, now);
    retention::decide(&ground.profile.retention, &sets, Situation { legal_hold: vault.spec.legal_hold, acknowledged, now, zone: &zone })
}

/// What is held, and how it is let go.
#[must_use]
pub fn held_words(tenant_id: &str, held: retention::Held) -> String {
    let retention::Held { would_go, may_go, of } = held;
    format!(
        "retention would let {would_go} of {of} sets go at once, and at most {may_go} go without an admin's word, so they stay; if it is right (other rules, a hold that ended), say so, and they go with the next upkeep, within a day: kubectl annotate backupvault {tenant_id} --overwrite {ACKNOWLEDGE_RETENTION}=\"$(date --utc +%Y-%m-%dT%H:%M:%SZ)\""
    )
}
