//! A target that does not answer is left alone: one breaker for each. Pure.
//!
//! Three failures in a row open it: runs that failed because of the target ([`Class::is_the_targets`](super::work::Class::is_the_targets)),
//! or probes, which are made as soon as the first one failed. While it is open nothing is started but one probe at a time,
//! at growing intervals, and the first good answer closes it. Nobody has to do anything. With [`schedule`](super::schedule),
//! which tries such a run again only after a good answer, an outage costs an app one failed run at most.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Failures in a row after which it opens.
const OPENS_AFTER: u32 = 3;
/// Time between probes of a target that is in doubt, and after the first failed probe of one that is given up.
const SHORTEST: SignedDuration = SignedDuration::from_secs(30);
/// Longest time between two probes, so that work goes on soon after an outage.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);
/// A probe that has said nothing for so long is lost, perhaps with the process that made it.
const LOST_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Whether a target is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum State {
    /// It is used.
    #[default]
    Closed,
    /// It does not answer, and nothing is started.
    Open,
    /// It did not answer, and one probe is on its way.
    HalfOpen,
}

/// What is known of a target's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Breaker {
    /// Whether the target is used.
    #[serde(default)]
    pub state: State,
    /// Failures in a row.
    #[serde(default)]
    pub failures: u32,
    /// Since when it has not been used, RFC 3339; none while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub open_since: Option<Timestamp>,
    /// When it last failed, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last_failure: Option<Timestamp>,
    /// When it last answered, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last_good: Option<Timestamp>,
    /// When the last probe was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub last_probe: Option<Timestamp>,
}

impl Breaker {
    /// Whether work for the target may be started.
    #[must_use]
    pub fn admits(&self) -> bool {
        self.state == State::Closed
    }

    /// When a probe is to be made next; in the past for at once, none while the target is not in doubt. With one on its way
    /// it is the time at which that one counts as lost.
    #[must_use]
    pub fn probe_at(&self) -> Option<Timestamp> {
        if self.failures == 0 {
            return None;
        }
        let wait = match self.state {
            State::HalfOpen => return self.last_probe.map(|at| after(at, LOST_AFTER)),
            State::Closed => SHORTEST,
            State::Open => backoff(self.failures.saturating_sub(OPENS_AFTER)),
        };
        Some(after(self.last_failure.max(self.last_probe).unwrap_or(Timestamp::MIN), wait))
    }

    /// Whether a probe is to be made now.
    #[must_use]
    pub fn wants_probe(&self, now: Timestamp) -> bool {
        self.probe_at().is_some_and(|at| at <= now)
    }

    /// A probe was started.
    #[must_use]
    pub fn probing(mut self, now: Timestamp) -> Self {
        self.last_probe = Some(now);
        if self.state != State::Closed {
            self.state = State::HalfOpen;
        }
        self
    }

    /// The target answered, a probe or a run: whether that run did what it should is another question.
    #[must_use]
    pub fn good(self, now: Timestamp) -> Self {
        Self { last_good: Some(now), last_probe: self.last_probe, last_failure: self.last_failure, ..Self::default() }
    }

    /// A run failed because of the target.
    #[must_use]
    pub fn run_failed(self, now: Timestamp) -> Self {
        // Runs that were under way when it opened end one after the other; they say nothing new and push no probe back.
        if self.state == State::Closed { self.count(now) } else { self }
    }

    /// A probe failed.
    #[must_use]
    pub fn probe_failed(mut self, now: Timestamp) -> Self {
        self.last_probe = Some(now);
        self.count(now)
    }

    fn count(mut self, now: Timestamp) -> Self {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(now);
        if self.failures >= OPENS_AFTER {
            self.state = State::Open;
            self.open_since = self.open_since.or(Some(now));
        }
        self
    }
}

/// The time between probes after so many failed ones.
fn backoff(failed: u32) -> SignedDuration {
    // Nine doublings are past the longest.
    SHORTEST.saturating_mul(1 << failed.min(9)).min(LONGEST)
}

fn after(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
