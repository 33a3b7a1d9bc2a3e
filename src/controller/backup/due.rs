//! What is due of a vault: its next backup, and the drill of its class or the next part to be read.

use super::Ground;
use crate::backup::schedule::{self, History, Rhythm, Slot};
use crate::controller::world::World;
use crate::controller::world::backups::Record;
use crate::request::backup::{BackupVaultStatus, Level, RunKind};
use crate::request::names::ACKNOWLEDGE_SHRUNK;
use crate::request::{RestoreDrill, written};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How often a part of a repository's data is read: all of it within 28 days.
const READ_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// Into how many parts its data is divided for that.
const SLICES: u32 = 28;
/// When a drill that the target did not answer is tried again.
const AWAY: SignedDuration = SignedDuration::from_hours(1);
/// When a drill that failed is tried again at the soonest, with a newer set.
const FRESH: SignedDuration = SignedDuration::from_hours(6);

/// What is due of a vault.
#[derive(Default)]
pub struct Due {
    /// A backup, and why.
    pub backup: Option<(Slot, RunKind)>,
    /// A drill: its slot, how far it goes, the set, and which 28th is read.
    pub drill: Option<(Slot, Level, String, Option<u32>)>,
    /// When to look again.
    pub again: Option<Timestamp>,
}

pub(super) fn time(text: Option<&String>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

/// What is due now, and when the next backup is, as the status says it.
#[must_use]
pub fn due(world: &World, ground: &Ground, status: &BackupVaultStatus, now: Timestamp) -> (Due, Option<String>) {
    let record = world.apps.get(&ground.key);
    let retiring = world.index.namespace(&ground.key.namespace()).is_some_and(|n| n.marks.as_ref().is_some_and(|m| m.retire.is_some()));
    let runs: Vec<_> = world.backups.runs_of(&ground.tenant_id).collect();
    let busy = runs.iter().any(|run| !run.phase().is_over());
    let mut due = Due::default();
    let zone = zone();
    let rhythm = Rhythm { window: ground.window(), zone: &zone, rpo: SignedDuration::from_hours(i64::from(ground.profile.rpo_hours)) };
    let failure = status.failures.class.zip(time(status.failures.at.as_ref())).map(|(class, ended)| schedule::Failure {
        class,
        ended,
        in_a_row: status.failures.count,
    });
    // Of the target that holds this vault: the platform may name another one for new apps.
    let target = ground.target.status.clone().unwrap_or_default();
    let word = world.backups.vaults.get(&ground.tenant_id).and_then(|vault| super::said(vault, ACKNOWLEDGE_SHRUNK, now));
    let history = History {
        created: ground.grant.as_ref().and_then(|grant| grant.since.parse().ok()),
        answered: record.and_then(|record| time(record.object.status.as_ref()?.ready_at.as_ref())),
        last_started: runs.iter().filter_map(|run| run.metadata.creation_timestamp.as_ref().map(|time| time.0)).max(),
        last_success: time(status.last_success.as_ref()),
        failure,
        changed_since: time(target.changed.as_ref()).max(word),
        target_good: target.breaker.last_good,
    };
    let held = world.held_for_restore(&ground.key);
    let suspended_done = ground.grant.as_ref().is_some_and(|grant| grant.suspend) && history.last_success.is_some();
    // Of a retiring app the last set is made by its removal; a stopped one writes nothing new.
    let next = if retiring || held || suspended_done { None } else { Some(schedule::next_due(&ground.tenant_id, rhythm, &history, now)) };
    let next_due = match next {
        Some(schedule::Next::Now(slot)) => {
            let at = written(slot.at);
            if !busy {
                due.backup = Some((slot, RunKind::Scheduled));
            }
            Some(at)
        }
        Some(schedule::Next::Then(slot)) => {
            due.again = Some(slot.at);
            Some(written(slot.at))
        }
        Some(schedule::Next::Stopped(_) | schedule::Next::AwaitsTarget) | None => None,
    };
    if let Some(set) = status.sets.last()
        && !busy
        && !held
    {
        drills(world, ground, status, &set.name, now, &mut due);
    }
    (due, next_due)
}

/// Which drill is due: that of the class, or reading the next part of the repository.
fn drills(world: &World, ground: &Ground, status: &BackupVaultStatus, newest: &str, now: Timestamp, due: &mut Due) {
    let drills: Vec<_> = world.backups.drills_of(&ground.tenant_id).collect();
    if drills.iter().any(|drill| !drill.phase().is_over()) {
        return;
    }
    let began = |level: Level| {
        let of = |drill: &&&std::sync::Arc<RestoreDrill>| (drill.spec.level >= Level::Restore) == (level >= Level::Restore);
        drills.iter().filter(of).filter_map(|drill| drill.metadata.creation_timestamp.as_ref().map(|time| time.0)).max()
    };
    let level = ground.profile.drill.level;
    let every = SignedDuration::from_hours(24 * i64::from(ground.profile.drill.every_days));
    // One that failed is tried again with the next set, and after a day with the same; one that the target did not answer as
    // soon as it may do so again, which says nothing about the set.
    let failed = status.drill_failures.count > 0;
    let tried = drills.iter().rfind(|drill| drill.spec.level >= Level::Restore);
    let failure = tried.and_then(|drill| drill.status.as_ref()?.failure.as_ref());
    let away = failure.is_some_and(|failure| failure.class.is_the_targets());
    let fresh = status.drill_failures.set.as_deref().is_some_and(|set| set != newest);
    let wait = match () {
        () if away => AWAY,
        // Where sets are made every hour, each would be tried.
        () if failed && fresh => FRESH.min(every),
        () if failed => SignedDuration::from_hours(24).min(every),
        () => every,
    };
    let last = began(Level::Load);
    let proof = last.and_then(|last| last.checked_add(wait).ok());
    if level >= Level::Restore && proof.is_none_or(|at| at <= now) {
        due.drill = Some((Slot::at(now), level, newest.to_string(), None));
        return;
    }
    let read = began(Level::Read).map_or(time(status.prepared.as_ref()), Some).and_then(|last| last.checked_add(READ_EVERY).ok());
    if read.is_some_and(|at| at <= now) {
        let day = u32::try_from(now.as_second() / 86400).unwrap_or_default();
        // What was damaged is read again every other day, until it is good; the rest goes on in between.
        let slice = match status.read_failures.slice {
            Some(damaged) if day % 2 == 0 => damaged,
            Some(_) => day / 2 % SLICES + 1,
            None => day % SLICES + 1,
        };
        due.drill = Some((Slot::at(now), Level::Read, newest.to_string(), Some(slice)));
        return;
    }
    let next = proof.filter(|_| level >= Level::Restore).into_iter().chain(read).min();
    due.again = due.again.into_iter().chain(next).min();
}

/// The time zone of windows and of retention's days.
#[must_use]
pub fn zone() -> TimeZone {
    TimeZone::get("Europe/Riga").unwrap_or(TimeZone::UTC)
}
