//! `BackedUp` and `RestoreProven`: what a person may rely on, and nothing that is merely meant. Pure.

use super::conditions::Verdict;
use super::copied::{Copies, copied_until};
use crate::backup::coverage::State;
use crate::request::app::BackupStatus;
use crate::request::backup::{Failures, Level, Profile};
use jiff::{SignedDuration, Timestamp};

/// What is known of an app's backups when its status is written.
#[derive(Clone, Debug, Default)]
pub struct Backups {
    /// As its status says it.
    pub status: BackupStatus,
    /// What its data class asks for.
    pub profile: Profile,
    /// The drills that failed since the last good one.
    pub drills: Failures,
    /// What is in the way of a copy at a second place.
    pub copies: Copies,
}

fn time(text: Option<&String>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

fn days(number: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(number))
}

/// Until when the newest set is fresh enough for the class.
#[must_use]
pub fn fresh_until(backups: &Backups) -> Option<Timestamp> {
    let rpo = SignedDuration::from_hours(i64::from(backups.profile.rpo_hours));
    // A run takes its time, and the slot lies where the window has it: an hour more is no loss of more than was meant.
    time(backups.status.last_success.as_ref())?.checked_add(rpo + SignedDuration::from_hours(1)).ok()
}

/// Until when a restore that was tried counts as proof.
#[must_use]
pub fn proven_until(backups: &Backups) -> Option<Timestamp> {
    let proven = backups.status.proven.as_ref()?;
    time(Some(&proven.at))?.checked_add(days(2 * backups.profile.drill.every_days)).ok()
}

/// When one of the conditions changes by itself.
#[must_use]
pub fn changes_at(backups: &Backups, now: Timestamp) -> Option<Timestamp> {
    fresh_until(backups).into_iter().chain(proven_until(backups)).chain(copied_until(backups)).filter(|at| *at > now).min()
}

/// Whether there is a complete set that is fresh enough.
#[must_use]
pub fn backed_up(backups: Option<&Backups>, now: Timestamp) -> Verdict {
    let no = |reason: &str, message: String| Verdict::no("BackedUp", reason, message);
    let Some(backups) = backups else {
        return no("NoBackups", "the platform has no backups; a platform admin names a BackupTarget in the Platform's backup".into());
    };
    let failed = backups.status.failures.as_ref().filter(|failures| failures.count > 0);
    let why = |failures: &Failures| format!("{}: {}", failures.class.map_or("Other", |class| class.as_str()), failures.message);
    let Some(fresh) = fresh_until(backups) else {
        return match failed {
            Some(failures) => no("BackupFailed", format!("there is no backup yet: {}", why(failures))),
            None => no("AwaitingFirst", "the first backup is made soon after the app answers for the first time".into()),
        };
    };
    let uncovered: Vec<String> = backups
        .status
        .coverage
        .iter()
        .filter(|one| one.state == State::Uncovered)
        .map(|one| format!("{} ({})", one.name, one.reason))
        .collect();
    if !uncovered.is_empty() {
        return no("Incomplete", format!("not everything is in the backups: {}", uncovered.join("; ")));
    }
    if now > fresh {
        let last = backups.status.last_success.clone().unwrap_or_default();
        return no(
            "Stale",
            match failed {
                Some(failures) => format!("the newest backup is of {last}, which is older than the data class allows: {}", why(failures)),
                None => format!("the newest backup is of {last}, which is older than the data class allows"),
            },
        );
    }
    match failed {
        Some(failures) => Verdict::yes(
            "BackedUp",
            "LastRunFailed",
            format!("the newest complete backup is fresh; the last attempt at another failed: {}", why(failures)),
        ),
        None => Verdict::yes("BackedUp", "Complete", "there is a fresh backup of every volume and database, and of the configuration"),
    }
}

/// Whether a restore was tried and was good, and not too long ago.
#[must_use]
pub fn restore_proven(backups: Option<&Backups>, now: Timestamp) -> Verdict {
    let no = |reason: &str, message: String| Verdict::no("RestoreProven", reason, message);
    let Some(backups) = backups else {
        return no("NoBackups", "the platform has no backups, so nothing can be restored".into());
    };
    if backups.drills.count > 0 {
        let class = backups.drills.class.map_or("Other", |class| class.as_str());
        return no("DrillFailed", format!("the last trial of a restore failed: {class}: {}", backups.drills.message));
    }
    if backups.profile.drill.level < Level::Restore {
        return no("NotTried", "the data class asks for no trial of a restore".into());
    }
    match proven_until(backups) {
        None => no("AwaitingFirst", "a restore is tried after the first backup".into()),
        Some(until) if now > until => no("Stale", "the last trial of a restore is more than two intervals of the data class ago".into()),
        Some(_) => Verdict::yes("RestoreProven", "Restored", "a backup was restored elsewhere and found as it should be"),
    }
}
