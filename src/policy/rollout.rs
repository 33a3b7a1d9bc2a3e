//! How a change of a catalogue entry reaches the apps that have the entry already: a few first, then the others in
//! turn, until too many fail. Pure: who has what and how it does goes in, whose turn it is comes out.
//!
//! There is no memory but what stands in the grants and in the status of the requests, so a new leader goes on where
//! the old one stopped.

use super::{AppKey, Turn};
use crate::request::app::Grant;
use crate::request::system::{Phase, Rollout, RolloutStatus};
use jiff::{SignedDuration, Timestamp};

/// Where an app stands in the roll-out of its system's version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Course {
    /// It has what the catalogue says.
    #[default]
    UpToDate,
    /// It is its turn.
    Move,
    /// Its turn is still to come.
    Waits,
    /// No more apps get the change, for this app did not answer with it.
    Halted(AppKey),
    /// A platform admin must allow the change.
    Unacknowledged(Because),
    /// It is its turn, as soon as a set of what is there was made and tried: nothing else leads back from this change.
    Secures,
    /// It goes back to what it had, for it did not answer in time.
    Back,
    /// It went back to what it had.
    WentBack,
    /// Its request does not fit the change.
    Unfit,
}

/// Why a change waits for a platform admin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// It changes the shape of data.
    Migrates,
    /// It goes back to an older version.
    GoesBack,
}

impl Course {
    /// What that means for the decision on a request.
    #[must_use]
    pub const fn turn(&self) -> Turn {
        match self {
            Self::UpToDate | Self::Move => Turn::Now,
            Self::Back => Turn::Back,
            Self::Waits | Self::Halted(_) | Self::Unacknowledged(_) | Self::Secures | Self::WentBack | Self::Unfit => Turn::Stay,
        }
    }
}

/// What is rolled out.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The version's name.
    pub version: &'a str,
    /// Its revision.
    pub revision: &'a str,
    /// How it is to go.
    pub rollout: Rollout,
    /// The municipality that keeps the entry; its own apps go first.
    pub maintainer: &'a str,
    /// The revision that a platform admin allowed.
    pub allowed: Option<&'a str>,
    /// Failures up to this time no longer count.
    pub resumed: Option<Timestamp>,
}

/// An app that follows the target.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with a name of its own")]
pub struct Follower<'a> {
    /// Whose app it is.
    pub key: &'a AppKey,
    /// When it was requested.
    pub created: Option<Timestamp>,
    /// What it has.
    pub grant: &'a Grant,
    /// The request itself asks for another version than the app has, so nobody else's turn comes before.
    pub asks: bool,
    /// Between what it has, or had before the target, and the target lies a version that changes the shape of data.
    pub migrates: bool,
    /// A set was made of what it has and restored elsewhere, just now; or there is nothing that could make one.
    pub secured: bool,
    /// A restore takes it back to what it had, with the data of that time.
    pub returns: bool,
    /// The version that it has is newer than the target's in the order of the entry, or the entry has it no more.
    pub goes_back: bool,
    /// Its request does not fit the target.
    pub unfit: bool,
    /// How it does.
    pub health: Health,
    /// This process has looked at it itself; what is written may be old.
    pub looked_at: bool,
    /// It was to go back and cannot.
    pub stuck: bool,
    /// The revision with which it last answered.
    pub answered: Option<&'a str>,
}

/// How an app does with what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Every part of it answers.
    Answers,
    /// It is stopped as its request asks.
    Suspended,
    /// Not every part of it answers, since then.
    Silent(Timestamp),
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Where each follower stands, in their order.
    pub courses: Vec<Course>,
    /// How the roll-out goes.
    pub status: RolloutStatus,
    /// When to look again, if nothing happens before.
    pub look_again: Option<Timestamp>,
}

/// Where a follower stands before it is known whose turn it is.
enum Stand {
    /// It has the target and answers.
    Done,
    /// It has the target and is given time.
    Moving(Timestamp),
    /// It has the target and does not answer, which says nothing about the target: it did not answer before either, or an
    /// admin let the roll-out go on.
    Excused,
    /// It answered with the target and stopped later; until then it is given time.
    Unwell(Timestamp),
    /// It has the target and did not answer in time.
    Failed {
        goes_back: bool,
    },
    WentBack,
    Unfit,
    Unacknowledged(Because),
    /// Its request asks for the target, and may be refused it.
    Asks {
        refused: bool,
    },
    /// It waits for its turn; what it has does not run, and what it had before did.
    Waits {
        broken: bool,
    },
}

/// Whose turn it is.
#[must_use]
pub fn pace(target: Target<'_>, followers: &[Follower<'_>], now: Timestamp) -> Pace {
    let stands: Vec<Stand> = followers.iter().map(|follower| stand(target, follower, now)).collect();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let count = |is: &dyn Fn(&Stand) -> bool| number(stands.iter().filter(|stand| is(stand)).count());
    let waiting = count(&|stand| matches!(stand, Stand::Waits { .. }));
    let asking = count(&|stand| matches!(stand, Stand::Asks { refused: false }));
    // One that fell ill later holds the others back, and nobody if there are none.
    let unwell = |stand: &Stand, over: bool| matches!(stand, Stand::Unwell(due) if waiting > 0 && (*due <= now) == over);
    let moves = |stand: &Stand| matches!(stand, Stand::Moving(_)) || unwell(stand, false);
    let fails = |stand: &Stand| matches!(stand, Stand::Failed { .. } | Stand::WentBack) || unwell(stand, true);
    let (moving, failed) = (count(&moves), count(&fails));
    let unfit = count(&|stand| matches!(stand, Stand::Unfit | Stand::Asks { refused: true }));
    let unacknowledged = count(&|stand| matches!(stand, Stand::Unacknowledged(_)));
    // An app that never had anything else, or is stopped, tells nothing about the change.
    let proves =
        |(f, stand): &(&Follower<'_>, &Stand)| matches!(stand, Stand::Done) && f.health == Health::Answers && f.grant.before.is_some();
    let proven = number(followers.iter().zip(&stands).filter(proves).count());
    let culprit = followers.iter().zip(&stands).filter(|(_, stand)| fails(stand)).map(|(follower, _)| follower.key).min();
    let stopped = (failed >= target.rollout.fail_after).then_some(culprit).flatten();

    let testing = proven < target.rollout.canaries;
    let places = if testing { target.rollout.canaries - proven } else { target.rollout.batch };
    let places = if stopped.is_some() { 0 } else { places.saturating_sub(moving) as usize };
    let mut line: Vec<usize> = (0..followers.len()).filter(|at| matches!(stands[*at], Stand::Waits { .. })).collect();
    line.sort_by_key(|at| {
        let follower = &followers[*at];
        // What an earlier change broke is to be mended first. What does not run otherwise shows nothing, and comes last.
        let rank = match (&stands[*at], follower.health) {
            (Stand::Waits { broken: true }, _) => 0,
            (_, Health::Answers) => 1,
            _ => 2,
        };
        (rank, follower.key.municipality != target.maintainer, follower.created, follower.key)
    });
    let mut next = vec![false; followers.len()];
    for at in line.into_iter().take(places) {
        next[at] = true;
    }

    let course = |(at, stand): (usize, &Stand)| match stand {
        Stand::Done | Stand::Moving(_) | Stand::Excused | Stand::Unwell(_) | Stand::Failed { goes_back: false } => Course::UpToDate,
        Stand::Failed { goes_back: true } => Course::Back,
        Stand::WentBack => Course::WentBack,
        Stand::Unfit => Course::Unfit,
        Stand::Unacknowledged(because) => Course::Unacknowledged(*because),
        Stand::Asks { .. } | Stand::Waits { .. } if (next[at] || matches!(stand, Stand::Asks { .. })) && unsecured(&followers[at]) => {
            Course::Secures
        }
        Stand::Asks { .. } => Course::Move,
        Stand::Waits { .. } if next[at] => Course::Move,
        Stand::Waits { .. } => stopped.map_or(Course::Waits, |culprit| Course::Halted(culprit.clone())),
    };
    let phase = match () {
        () if stopped.is_some() => Phase::Stopped,
        () if waiting + moving > 0 && testing => Phase::Canaries,
        () if waiting + moving + asking > 0 => Phase::Rolling,
        () if unacknowledged > 0 => Phase::AwaitingAcknowledgement,
        () if failed + unfit > 0 => Phase::Incomplete,
        () => Phase::Done,
    };
    let status = RolloutStatus {
        version: target.version.into(),
        revision: target.revision.into(),
        phase,
        apps: number(followers.len()),
        updated: count(&|stand| matches!(stand, Stand::Done | Stand::Unwell(_))),
        moving,
        waiting: waiting + unacknowledged + asking,
        failed,
        unfit,
        message: message(target, phase, stopped, followers, &stands),
    };
    let due = stands.iter().filter_map(|stand| match stand {
        Stand::Moving(due) => Some(*due),
        Stand::Unwell(due) => (waiting > 0 && *due > now).then_some(*due),
        _ => None,
    });
    Pace { courses: stands.iter().enumerate().map(course).collect(), status, look_again: due.min() }
}

/// Whether nothing would lead an app back from the change.
const fn unsecured(follower: &Follower<'_>) -> bool {
    follower.migrates && !follower.secured
}

fn stand(target: Target<'_>, follower: &Follower<'_>, now: Timestamp) -> Stand {
    let grant = follower.grant;
    if grant.revision == target.revision {
        if follower.returns {
            return Stand::Failed { goes_back: !follower.stuck };
        }
        let Health::Silent(since) = follower.health else { return Stand::Done };
        let Some(before) = &grant.before else { return Stand::Excused };
        let due = due(since, target.rollout);
        return match follower.answered {
            _ if target.resumed.is_some_and(|resumed| due <= resumed) => Stand::Excused,
            // Whatever the reason is: going back would mend nothing for sure.
            Some(answered) if answered == target.revision => Stand::Unwell(due),
            // What was written before this process led may be long past.
            _ if now < due || !follower.looked_at => Stand::Moving(due),
            Some(answered) if answered == before.revision => Stand::Failed { goes_back: !follower.migrates && !follower.stuck },
            _ => Stand::Excused,
        };
    }
    let failed = grant.failed.as_ref().filter(|failed| failed.revision == target.revision);
    let until = |failed: &crate::request::app::Earlier| failed.until.parse::<Timestamp>().ok();
    if failed.is_some_and(|failed| target.resumed.is_none() || until(failed) > target.resumed) {
        return Stand::WentBack;
    }
    let allowed = target.allowed == Some(target.revision);
    match () {
        () if follower.migrates && !allowed => Stand::Unacknowledged(Because::Migrates),
        () if follower.asks => Stand::Asks { refused: follower.unfit },
        () if follower.unfit => Stand::Unfit,
        () if follower.goes_back && !allowed => Stand::Unacknowledged(Because::GoesBack),
        () => {
            let earlier = grant.before.as_ref().is_some_and(|before| follower.answered == Some(&before.revision));
            Stand::Waits { broken: earlier && matches!(follower.health, Health::Silent(_)) }
        }
    }
}

/// Until when an app that does not answer since then is given time.
fn due(since: Timestamp, rollout: Rollout) -> Timestamp {
    since.checked_add(SignedDuration::from_secs(i64::from(rollout.deadline_seconds))).unwrap_or(Timestamp::MAX)
}

/// What is to be known of a roll-out; without numbers, which stand beside it.
fn message(target: Target<'_>, phase: Phase, culprit: Option<&AppKey>, followers: &[Follower<'_>], stands: &[Stand]) -> String {
    let first = |is: fn(&Stand) -> bool| {
        let found = followers.iter().zip(stands).filter(|(_, stand)| is(stand)).map(|(follower, _)| follower.key).min();
        found.map(ToString::to_string).unwrap_or_default()
    };
    let minutes = target.rollout.deadline_seconds.div_ceil(60);
    let (version, revision) = (target.version, target.revision);
    match phase {
        Phase::Canaries => format!("the first apps have version {version} as it is now; the others follow when these answer"),
        Phase::Rolling => format!("the apps get version {version} as it is now, in turn"),
        Phase::Done => format!("every app has version {version} as it is now"),
        Phase::Stopped => format!(
            "{} did not answer with version {version} as it is now within {minutes} min, so no more apps get it; mend the entry, or set the annotation {} on it to the present time to try again",
            culprit.map(ToString::to_string).unwrap_or_default(),
            crate::request::names::RESUME_ROLLOUTS,
        ),
        Phase::AwaitingAcknowledgement => {
            let because = stands.iter().find_map(|stand| match stand {
                Stand::Unacknowledged(because) => Some(*because),
                _ => None,
            });
            let why = match because {
                Some(Because::GoesBack) => "is older than what apps have, or the entry no longer has what they have",
                _ => "changes the shape of data, after which no earlier version can read it",
            };
            format!(
                "version {version} {why}; to let apps have it, a platform admin sets the annotation {} on the entry to {revision}",
                crate::request::names::ALLOW_REVISION,
            )
        }
        Phase::Incomplete if stands.iter().any(|stand| matches!(stand, Stand::Unfit | Stand::Asks { refused: true })) => format!(
            "the request of {} does not fit version {version} as it is now, so the app keeps what it has; its status says why",
            first(|stand| matches!(stand, Stand::Unfit | Stand::Asks { refused: true })),
        ),
        Phase::Incomplete => format!(
            "{} did not answer with version {version} as it is now; its status says what it has",
            first(|stand| matches!(stand, Stand::Failed { .. } | Stand::WentBack)),
        ),
    }
}

#[cfg(test)]
mod tests;
