//! When an app is backed up: its slots, what is owed after an outage, and when a failed run is tried again. Pure.
//!
//! An app's first slot of a day lies in the platform's window, at a minute that follows from the tenant's id, so that many
//! apps do not begin at once and an app begins at the same minute every day. With a recovery point objective shorter than
//! a day more slots follow in even steps until the next day's first one, also over the turn of the clock.
//!
//! A slot is owed once. After an outage the latest one is made up for and the others are not; the run bears the slot's name,
//! so a second leader that makes it too is told that it exists.

use super::work::Class;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Waits before a failed run is tried again, in minutes: enough for a pod that moved or a lock that was held. After the last
/// the next regular slot is next.
const RETRIES: [i64; 3] = [5, 15, 45];
const DAY: i64 = 24 * 60;
/// The shortest step between slots, in minutes.
const SHORTEST_STEP: i64 = 5;

/// The part of a day in which backups begin, in the platform's time zone; it may go over midnight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// When it begins, as 22:00.
    #[schemars(length(min = 5, max = 5))]
    #[x_kube(validation = Rule::new("self.matches('^([01][0-9]|2[0-3]):[0-5][0-9]$')")
        .message("BackupInvalid: a time is hours and minutes with two digits each; write for example 22:00"))]
    pub from: String,
    /// When it ends, as 05:00. The same as from: the whole day.
    #[schemars(length(min = 5, max = 5))]
    #[x_kube(validation = Rule::new("self.matches('^([01][0-9]|2[0-3]):[0-5][0-9]$')")
        .message("BackupInvalid: a time is hours and minutes with two digits each; write for example 05:00"))]
    pub to: String,
}

impl Default for Window {
    fn default() -> Self {
        Self { from: "22:00".into(), to: "05:00".into() }
    }
}

impl Window {
    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let wrong = [&self.from, &self.to].into_iter().find(|text| minutes(text).is_none())?;
        Some(format!("`{wrong}` is no time of day; write hours and minutes with two digits each, as 22:00"))
    }

    /// Its beginning, and how many minutes it is long. One that cannot be read is the default one.
    fn span(&self) -> (i64, i64) {
        let (from, to) = minutes(&self.from).zip(minutes(&self.to)).unwrap_or((22 * 60, 5 * 60));
        let long = (to - from).rem_euclid(DAY);
        (from, if long == 0 { DAY } else { long })
    }
}

/// Minutes since midnight of a text as `22:00`.
fn minutes(text: &str) -> Option<i64> {
    let (hours, rest) = text.split_once(':')?;
    let number =
        |text: &str| (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse::<i64>().ok()).flatten();
    let (hours, rest) = (number(hours)?, number(rest)?);
    (hours < 24 && rest < 60).then_some(hours * 60 + rest)
}

/// When backups are made.
#[derive(Clone, Copy, Debug)]
pub struct Rhythm<'a> {
    /// The window for the first slot of a day.
    pub window: &'a Window,
    /// The time zone of the window.
    pub zone: &'a TimeZone,
    /// The recovery point objective: slots are never further apart, and never further than a day.
    pub rpo: SignedDuration,
}

/// A time at which a run belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The time.
    pub at: Timestamp,
    /// The time as it stands in the run's name: `yyyymmddhhmm` in UTC.
    pub name: String,
}

impl Slot {
    /// The slot at a time; seconds do not count.
    #[must_use]
    pub fn at(at: Timestamp) -> Self {
        Self { at, name: at.strftime("%Y%m%d%H%M").to_string() }
    }
}

/// What became of an app's runs so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// When the app was granted; what lies before is not owed.
    pub created: Option<Timestamp>,
    /// When the app first answered.
    pub answered: Option<Timestamp>,
    /// When the last run was made, whatever became of it.
    pub last_started: Option<Timestamp>,
    /// The last good set.
    pub last_success: Option<Timestamp>,
    /// How the last run failed; none when it did not, or has not ended.
    pub failure: Option<Failure>,
    /// When something last changed that a failure which does not go away by itself may come from: credentials, key, target,
    /// or that a person asked to try again.
    pub changed_since: Option<Timestamp>,
    /// When the target last answered (see [`Breaker::last_good`](super::breaker::Breaker::last_good)).
    pub target_good: Option<Timestamp>,
}

/// A run that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub class: Class,
    /// When it ended.
    pub ended: Timestamp,
    /// How many failed in a row, this one among them.
    pub in_a_row: u32,
}

/// When a run is to be made next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Now, under this slot.
    Now(Slot),
    /// Then, if nothing changes before.
    Then(Slot),
    /// Not before somebody does something about it ([`Class::is_final`]).
    Stopped(Class),
    /// Not before the target answers again.
    AwaitsTarget,
}

/// When an app is to be backed up next.
#[must_use]
pub fn next_due(tenant_id: &str, rhythm: Rhythm<'_>, history: &History, now: Timestamp) -> Next {
    // A newer run takes the place of the failed one, whatever comes of it.
    let failure = history.failure.filter(|failure| history.last_started.is_none_or(|started| started <= failure.ended));
    let done = history.last_started.max(history.last_success).max(failure.map(|failure| failure.ended));
    let (last, next) = around(tenant_id, rhythm, now);
    // The last run has the minute in which it was made for its name.
    let earliest = history.last_started.and_then(|started| started.checked_add(SignedDuration::from_mins(1)).ok());
    let due = |at: Timestamp| {
        let at = earliest.map_or(at, |earliest| at.max(earliest));
        if at <= now { Next::Now(Slot::at(at)) } else { Next::Then(Slot::at(at)) }
    };
    if let Some(Failure { class, ended, in_a_row }) = failure {
        let changed = history.changed_since.filter(|changed| *changed > ended);
        if class.is_final() {
            return changed.map_or(Next::Stopped(class), due);
        }
        let wait = usize::try_from(in_a_row.saturating_sub(1)).ok().and_then(|row| RETRIES.get(row));
        let retry = wait.and_then(|wait| ended.checked_add(SignedDuration::from_mins(*wait)).ok());
        // A regular slot that passed since then is as good a reason; one that is still to come may be sooner.
        let owed = if done.is_none_or(|done| last > done) { last } else { next };
        let again = retry.map_or(owed, |retry| retry.min(owed));
        if class.is_the_targets() {
            // A target that comes and goes is no reason to hurry.
            return history.target_good.filter(|good| *good > ended).map_or(Next::AwaitsTarget, |good| due(again.max(good)));
        }
        return due(changed.map_or(again, |changed| again.min(changed)));
    }
    let baseline = done.max(history.created).unwrap_or(now);
    let regular = if last > baseline { last } else { next };
    // As soon as it answers; that many do at the same time is seen to by the pools.
    let first = history.answered.filter(|_| done.is_none());
    due(first.map_or(regular, |first| first.min(regular)))
}

/// The latest slot that is not after a time, and the first one after it.
fn around(tenant_id: &str, rhythm: Rhythm<'_>, now: Timestamp) -> (Timestamp, Timestamp) {
    let today = now.to_zoned(rhythm.zone.clone()).date();
    // The first slot of a window over midnight may belong to the evening before, and clocks may turn in between.
    let mut dates: Vec<Date> = (-2..=2i64).filter_map(|day| today.checked_add(jiff::Span::new().days(day)).ok()).collect();
    dates.sort_unstable();
    let firsts: Vec<Timestamp> = dates.into_iter().filter_map(|date| first_slot(tenant_id, rhythm, date)).collect();
    let step = step(rhythm.rpo);
    let mut all: Vec<Timestamp> = Vec::new();
    for pair in firsts.windows(2) {
        let mut at = pair[0];
        while at < pair[1] {
            all.push(at);
            let next = at.checked_add(SignedDuration::from_mins(step)).ok();
            // With one slot a day, the 25 hours of the day on which clocks are put back have one, too.
            let Some(next) = next.filter(|_| step < DAY) else { break };
            at = next;
        }
    }
    let last = all.iter().rev().find(|slot| **slot <= now).copied().unwrap_or(Timestamp::MIN);
    let next = all.iter().find(|slot| **slot > now).copied().unwrap_or(Timestamp::MAX);
    (last, next)
}

/// The first slot of the day that begins on a date.
fn first_slot(tenant_id: &str, rhythm: Rhythm<'_>, date: Date) -> Option<Timestamp> {
    let (from, long) = rhythm.window.span();
    let offset = spread(tenant_id) % u64::try_from(long).ok()?.max(1);
    let minute = from + i64::try_from(offset).ok()?;
    let date = date.checked_add(jiff::Span::new().days(minute / DAY)).ok()?;
    let (hour, minute) = (i8::try_from(minute % DAY / 60).ok()?, i8::try_from(minute % 60).ok()?);
    let time = Time::new(hour, minute, 0, 0).ok()?;
    rhythm.zone.to_ambiguous_timestamp(date.to_datetime(time)).compatible().ok()
}

/// Minutes between slots: as many even steps of a day as the objective needs.
fn step(rpo: SignedDuration) -> i64 {
    let rpo = (rpo.as_secs() / 60).clamp(SHORTEST_STEP, DAY);
    let slots = DAY / rpo + i64::from(DAY % rpo != 0);
    DAY / slots
}

/// A number that is the same for a tenant for ever.
fn spread(tenant_id: &str) -> u64 {
    let digest = Sha256::digest(tenant_id.as_bytes());
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests;
