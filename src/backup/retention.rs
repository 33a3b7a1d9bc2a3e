//! Which sets stay and which go: grandfather, father and son by the calendar, between a floor and a ceiling. Pure.
//!
//! It is computed here and not by restic's own policy, which works on snapshots rather than on whole sets and which junk
//! dated in the future turns against the good ones (restic's documentation on append-only repositories). What goes is
//! handed to the runner as a list of snapshots, and nothing else is forgotten.
//!
//! | rule | what it says |
//! |---|---|
//! | last two, last verified | never go, whatever else is said: without them nothing could be restored |
//! | legal hold | nothing goes |
//! | floor | nothing younger goes |
//! | ceiling | everything older goes (GDPR article 17: data leaves the backups by rotation, in a stated time); what must stay all the same is marked |
//! | last, daily, weekly, monthly, yearly | the newest set of each of so many periods stays |
//! | brake | more than the larger of two sets and a fifth do not go unless a person says so |
//!
//! Periods are counted where there are sets, so an outage of a month costs no history. Dates in the future count for nothing.

use jiff::civil::ISOWeekDate;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What one day's turn takes is no accident: at New Year a day, a week, a month and a year end at once. Two days, so that
/// a run that was late or left out does not count either.
const ROTATION: SignedDuration = SignedDuration::from_hours(48);
/// So many sets may always go without a person.
const ALWAYS_MAY_GO: usize = 2;

/// How long sets are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Rules {
    /// Number of newest sets that are kept. The last two and the last verified one are kept in any case. Default: 3.
    #[schemars(range(min = 0, max = 1000))]
    pub last: u32,
    /// Number of days of which the newest set is kept, counted where there is one. Default: 14.
    #[schemars(range(min = 0, max = 1000))]
    pub daily: u32,
    /// Number of weeks, beginning on Monday, of which the newest set is kept. Default: 8.
    #[schemars(range(min = 0, max = 1000))]
    pub weekly: u32,
    /// Number of months of which the newest set is kept. Default: 6.
    #[schemars(range(min = 0, max = 1000))]
    pub monthly: u32,
    /// Number of years of which the newest set is kept. Default: 0; a backup is no archive.
    #[schemars(range(min = 0, max = 100))]
    pub yearly: u32,
    /// Days for which every set is kept, whatever the numbers say. Default: 7.
    #[schemars(range(min = 0, max = 36500))]
    pub floor_days: u32,
    /// Days after which no set is kept, so that what was erased leaves the backups too; not less than floorDays. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 36500))]
    pub ceiling_days: Option<u32>,
}

impl Default for Rules {
    fn default() -> Self {
        Self { last: 3, daily: 14, weekly: 8, monthly: 6, yearly: 0, floor_days: 7, ceiling_days: None }
    }
}

impl Rules {
    /// What is wrong with the rules themselves.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let (floor, ceiling) = (self.floor_days, self.ceiling_days?);
        (ceiling < floor).then(|| {
            format!("ceilingDays is {ceiling} and floorDays {floor}: sets would have to be kept and deleted at once; write a ceiling of at least {floor}")
        })
    }

    /// Whether the history reaches back as far as the floor asks: the oldest set is that old, or was the first one ever.
    #[must_use]
    pub fn floor_met(&self, first_ever: Option<Timestamp>, sets: &[Committed], now: Timestamp) -> bool {
        let Some(first) = first_ever else { return true };
        let needed = first.max(before(now, days(self.floor_days)));
        // A daily rhythm does not have a set at every moment; the newest before the floor may be gone by now.
        let needed = needed.checked_add(ROTATION).unwrap_or(Timestamp::MAX).min(now);
        sets.iter().any(|set| set.recovery_point <= needed)
    }
}

/// A committed set, as far as it matters here. Its snapshots are the caller's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The set: the name of the run that made it.
    pub id: String,
    /// Its recovery point.
    pub recovery_point: Timestamp,
    /// A drill has restored it and found it good.
    pub verified: bool,
}

/// What is to be known beside the rules and the sets.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Nothing may go.
    pub legal_hold: bool,
    /// A person said that as many may go as the rules ask.
    pub acknowledged: bool,
    /// The time.
    pub now: Timestamp,
    /// Whose calendar counts.
    pub zone: &'a TimeZone,
}

/// Why a set stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A legal hold keeps everything.
    LegalHold,
    /// It is one of the last two.
    LastTwo,
    /// It is the last one that a drill found good.
    LastVerified,
    /// It is among the newest, of which so many are kept.
    Last(u32),
    /// It is the newest of this day, week, month or year.
    NewestOf(String),
    /// It is younger than so many days.
    Floor(u32),
    /// It is dated in the future, so it counts for nothing and nothing is done to it.
    InTheFuture,
    /// It would go, and waits until a person says so (see [`Held`]).
    AwaitsAcknowledgement,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LegalHold => f.write_str("legal hold"),
            Self::LastTwo => f.write_str("one of the last two"),
            Self::LastVerified => f.write_str("the last one that was proven"),
            Self::Last(number) => write!(f, "one of the last {number}"),
            Self::NewestOf(period) => write!(f, "newest of {period}"),
            Self::Floor(days) => write!(f, "younger than {days} days"),
            Self::InTheFuture => f.write_str("dated in the future"),
            Self::AwaitsAcknowledgement => f.write_str("would go; waits for an acknowledgement"),
        }
    }
}

/// A set that stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The set.
    pub id: String,
    /// Its recovery point.
    pub recovery_point: Timestamp,
    /// Why it stays; never empty.
    pub reasons: Vec<Reason>,
    /// It is older than the ceiling allows, and there is nothing newer to take its place.
    pub past_ceiling: bool,
}

/// A set that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The set.
    pub id: String,
    /// Its recovery point.
    pub recovery_point: Timestamp,
    /// It goes because of its age alone; otherwise because newer ones took its places.
    pub past_ceiling: bool,
}

/// More would go than may without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// So many would go.
    pub would_go: usize,
    /// So many may.
    pub may_go: usize,
    /// Of so many.
    pub of: usize,
}

/// What comes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What stays, the newest first.
    pub stays: Vec<Kept>,
    /// What goes, the newest first.
    pub goes: Vec<Gone>,
    /// What would go waits for a person; sets past the ceiling do not wait.
    pub held: Option<Held>,
}

impl Verdict {
    /// Whether a set stays that the ceiling would have go.
    #[must_use]
    pub fn past_ceiling(&self) -> bool {
        self.stays.iter().any(|kept| kept.past_ceiling)
    }
}

/// Which sets stay and which go.
#[must_use]
pub fn decide(rules: &Rules, sets: &[Committed], situation: Situation<'_>) -> Verdict {
    let Situation { legal_hold, acknowledged, now, zone } = situation;
    let reasons = reasons(rules, sets, now, zone);
    let mut verdict = Verdict::default();
    let mut order: Vec<&Committed> = sets.iter().collect();
    order.sort_by(|a, b| newest_first(a, b));
    for set in order {
        let mut why = reasons.get(set.id.as_str()).cloned().unwrap_or_default();
        if legal_hold && !why.contains(&Reason::InTheFuture) {
            why.push(Reason::LegalHold);
        }
        let (id, recovery_point, past_ceiling) = (set.id.clone(), set.recovery_point, is_past_ceiling(rules, set, now));
        if why.is_empty() {
            verdict.goes.push(Gone { id, recovery_point, past_ceiling });
        } else {
            verdict.stays.push(Kept { id, recovery_point, reasons: why, past_ceiling });
        }
    }
    if !legal_hold && !acknowledged {
        verdict.held = brake(rules, sets, &verdict.goes, now, zone);
    }
    if verdict.held.is_some() {
        let (goes, waits) = std::mem::take(&mut verdict.goes).into_iter().partition(|gone: &Gone| gone.past_ceiling);
        verdict.goes = goes;
        let kept = |gone: Gone| Kept {
            id: gone.id,
            recovery_point: gone.recovery_point,
            reasons: vec![Reason::AwaitsAcknowledgement],
            past_ceiling: false,
        };
        verdict.stays.extend(waits.into_iter().map(kept));
        verdict.stays.sort_by(|a, b| (b.recovery_point, &b.id).cmp(&(a.recovery_point, &a.id)));
    }
    verdict
}

/// Holds what goes if that is more than ordinary rotation: sets that had no place two days ago either, and were kept until
/// now, go because of something else, such as other rules, a hold that ended, or junk that took their places.
fn brake(rules: &Rules, sets: &[Committed], goes: &[Gone], now: Timestamp, zone: &TimeZone) -> Option<Held> {
    let counted: Vec<&Gone> = goes.iter().filter(|gone| !gone.past_ceiling).collect();
    let base = sets.iter().filter(|set| set.recovery_point <= now && !is_past_ceiling(rules, set, now)).count();
    let may_go = ALWAYS_MAY_GO.max(base / 5);
    if counted.len() <= may_go {
        return None;
    }
    let then = before(now, ROTATION);
    let earlier = reasons(rules, sets, then, zone);
    let overdue = counted.iter().filter(|gone| gone.recovery_point <= then && !earlier.contains_key(gone.id.as_str())).count();
    (overdue > may_go).then_some(Held { would_go: counted.len(), may_go, of: base })
}

/// Why each set stays, at a time; sets that do not are not in it.
fn reasons<'a>(rules: &Rules, sets: &'a [Committed], now: Timestamp, zone: &TimeZone) -> BTreeMap<&'a str, Vec<Reason>> {
    let mut found: BTreeMap<&str, Vec<Reason>> = BTreeMap::new();
    let mut add = |set: &'a Committed, reason| found.entry(set.id.as_str()).or_default().push(reason);
    let (mut past, future): (Vec<&Committed>, Vec<&Committed>) = sets.iter().partition(|set| set.recovery_point <= now);
    past.sort_by(|a, b| newest_first(a, b));
    for set in future {
        add(set, Reason::InTheFuture);
    }
    for set in past.iter().take(2) {
        add(set, Reason::LastTwo);
    }
    if let Some(set) = past.iter().find(|set| set.verified) {
        add(set, Reason::LastVerified);
    }
    // A floor above the ceiling is refused elsewhere; until somebody mends it, nothing is lost.
    let floor = before(now, days(rules.floor_days));
    for set in past.iter().filter(|set| set.recovery_point > floor) {
        add(set, Reason::Floor(rules.floor_days));
    }
    let within: Vec<&Committed> = past.into_iter().filter(|set| !is_past_ceiling(rules, set, now)).collect();
    for set in within.iter().take(rules.last as usize) {
        add(set, Reason::Last(rules.last));
    }
    let mut seen: [BTreeSet<String>; 4] = Default::default();
    let most = [rules.daily, rules.weekly, rules.monthly, rules.yearly];
    for set in within {
        for ((seen, most), period) in seen.iter_mut().zip(most).zip(periods(set.recovery_point, zone)) {
            if seen.len() < most as usize && seen.insert(period.clone()) {
                add(set, Reason::NewestOf(period));
            }
        }
    }
    found
}

/// The day, week, month and year of a time, as people write them.
fn periods(at: Timestamp, zone: &TimeZone) -> [String; 4] {
    let date = at.to_zoned(zone.clone()).date();
    let week: ISOWeekDate = date.iso_week_date();
    [
        date.to_string(),
        format!("{:04}-W{:02}", week.year(), week.week()),
        format!("{:04}-{:02}", date.year(), date.month()),
        format!("{:04}", date.year()),
    ]
}

fn is_past_ceiling(rules: &Rules, set: &Committed, now: Timestamp) -> bool {
    rules.ceiling_days.is_some_and(|ceiling| set.recovery_point < before(now, days(ceiling)))
}

fn newest_first(a: &Committed, b: &Committed) -> std::cmp::Ordering {
    (b.recovery_point, &b.id).cmp(&(a.recovery_point, &a.id))
}

fn days(number: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(number) * 24)
}

fn before(now: Timestamp, ago: SignedDuration) -> Timestamp {
    now.checked_sub(ago).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests;
