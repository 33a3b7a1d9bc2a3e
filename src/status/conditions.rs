//! Conditions: what holds, since when, and what changed.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// What is to be said of one condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The condition's type.
    pub type_: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// A stable reason.
    pub reason: String,
    /// A sentence for people.
    pub message: String,
}

impl Verdict {
    /// A condition that holds.
    pub fn yes(type_: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self { type_, holds: true, reason: reason.to_string(), message: message.into() }
    }

    /// A condition that does not hold.
    pub fn no(type_: &'static str, reason: &str, message: impl Into<String>) -> Self {
        Self { type_, holds: false, reason: reason.to_string(), message: message.into() }
    }
}

/// Longest message of a condition: the API server takes 32768 bytes.
const MESSAGE_MAX: usize = 2000;

/// The new condition list: a transition time moves only when the status of a condition changes.
///
/// Conditions of ours that are no longer said disappear.
#[must_use]
pub fn merge(old: &[Condition], verdicts: Vec<Verdict>, generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let now = Time(Timestamp::from_second(now.as_second()).unwrap_or(now));
    let condition = |verdict: Verdict| {
        let status = if verdict.holds { "True" } else { "False" };
        let before = old.iter().find(|c| c.type_ == verdict.type_ && c.status == status);
        Condition {
            type_: verdict.type_.to_string(),
            status: status.to_string(),
            reason: verdict.reason,
            message: shorten(verdict.message),
            observed_generation: generation,
            last_transition_time: before.map_or(now.clone(), |c| c.last_transition_time.clone()),
        }
    };
    verdicts.into_iter().map(condition).collect()
}

fn shorten(mut message: String) -> String {
    if message.len() > MESSAGE_MAX {
        let end = (0..=MESSAGE_MAX).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}

/// A condition by type.
#[must_use]
pub fn find<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether a condition is there and holds.
#[must_use]
pub fn holds(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "True")
}
