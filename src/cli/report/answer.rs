//! What became of a request after its pull request was merged. Pure.

use crate::request::MunicipalityApp;
use crate::request::app::MunicipalityAppSpec;
use crate::request::municipality::UnclaimedTenant;
use jiff::{SignedDuration, Timestamp};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It runs.
    Ready {
        /// Where it is reached.
        url: Option<String>,
        /// How long after the merge; none when it was ready before.
        took: Option<SignedDuration>,
    },
    /// It is refused as it stands.
    Refused {
        /// The reason's name.
        reason: String,
        /// Why, and what to write instead.
        message: String,
    },
    /// It was removed, or never reached the cluster.
    Removed {
        /// From when on its data may be deleted.
        until: Option<String>,
    },
    /// Another pull request has changed it since.
    Superseded,
    /// The cluster does not have it as it was merged.
    NotApplied,
    /// The cluster has it, and it is on its way.
    Going {
        /// The reason's name.
        reason: String,
        /// What it waits for.
        message: String,
    },
}

impl Answer {
    /// Whether nothing more is to be waited for.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::NotApplied | Self::Going { .. })
    }

    /// Whether it is as it was asked for.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self, Self::Ready { .. } | Self::Removed { .. } | Self::Superseded)
    }
}

/// What is known of a request.
#[derive(Clone, Debug)]
pub struct Known<'a> {
    /// What was merged; none when the request was taken away.
    pub asked: Option<&'a MunicipalityAppSpec>,
    /// What the branch asks for by now; none when the request is not there any more.
    pub now: Option<&'a MunicipalityAppSpec>,
    /// What the cluster has.
    pub live: Option<&'a MunicipalityApp>,
    /// What is left of it after its removal.
    pub left: Option<&'a UnclaimedTenant>,
    /// When it was merged.
    pub merged: Timestamp,
}

/// What became of a request.
#[must_use]
pub fn answer(known: &Known<'_>) -> Answer {
    if known.asked != known.now {
        return Answer::Superseded;
    }
    match (known.asked, known.live) {
        (None, None) => Answer::Removed { until: known.left.and_then(|left| left.delete_after.clone()) },
        (None, Some(_)) | (Some(_), None) => Answer::NotApplied,
        (Some(asked), Some(live)) if live.spec != *asked => Answer::NotApplied,
        (Some(_), Some(live)) => of_live(live, known.merged),
    }
}

fn of_live(live: &MunicipalityApp, merged: Timestamp) -> Answer {
    let waits = || Answer::Going { reason: "Waiting".into(), message: String::new() };
    let Some(status) = &live.status else { return waits() };
    if status.observed_generation != live.metadata.generation {
        return waits();
    }
    let condition = |type_: &str| status.conditions.iter().find(|condition| condition.type_ == type_);
    let Some(ready) = condition("Ready") else { return waits() };
    if ready.status == "True" {
        let took = ready.last_transition_time.0.duration_since(merged);
        return Answer::Ready { url: status.url.clone(), took: (took > SignedDuration::ZERO).then_some(took) };
    }
    match condition("Stalled").filter(|stalled| stalled.status == "True") {
        Some(stalled) => Answer::Refused { reason: stalled.reason.clone(), message: stalled.message.clone() },
        None => Answer::Going { reason: ready.reason.clone(), message: ready.message.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MERGED: &str = "2026-11-27T08:00:00Z";

    fn spec(size: &str) -> MunicipalityAppSpec {
        serde_json::from_value(json!({"system": "website", "size": size})).unwrap()
    }

    fn live(observed: i64, conditions: &[(&str, &str, &str)]) -> MunicipalityApp {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(type_, status, reason)| {
                json!({"type": type_, "status": status, "reason": reason, "message": format!("{reason} it is"), "lastTransitionTime": "2026-11-27T08:00:42Z"})
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "MunicipalityApp", "metadata": {"name": "majaslapa", "generation": 2},
            "spec": spec("small"),
            "status": {"observedGeneration": observed, "url": "https://www.kuldiga.example.lv/", "conditions": conditions},
        }))
        .unwrap()
    }

    fn told(live: Option<&MunicipalityApp>) -> Answer {
        let asked = spec("small");
        answer(&Known { asked: Some(&asked), now: Some(&asked), live, left: None, merged: MERGED.parse().unwrap() })
    }

    #[test]
    fn ready_is_what_the_cluster_has_as_it_was_merged_and_says_so_of_this_generation() {
        let url = Some("https://www.kuldiga.example.lv/".to_owned());
        let took = Some(SignedDuration::from_secs(42));
        assert_eq!(told(Some(&live(2, &[("Ready", "True", "Ready")]))), Answer::Ready { url, took });
        // What is said of the request before says nothing of this one.
        assert!(matches!(told(Some(&live(1, &[("Ready", "True", "Ready")]))), Answer::Going { .. }));
        assert_eq!(told(None), Answer::NotApplied);
        let mut other = live(2, &[("Ready", "True", "Ready")]);
        other.spec = spec("large");
        assert_eq!(told(Some(&other)), Answer::NotApplied);
    }

    #[test]
    fn what_is_refused_is_told_with_its_reason_and_what_goes_on_is_not_final() {
        let refused = told(Some(&live(2, &[("Stalled", "True", "AllotmentExceeded"), ("Ready", "False", "AllotmentExceeded")])));
        assert_eq!(refused, Answer::Refused { reason: "AllotmentExceeded".into(), message: "AllotmentExceeded it is".into() });
        assert!(refused.is_final() && !refused.is_good());
        let going = told(Some(&live(2, &[("Ready", "False", "NotAnswering")])));
        assert_eq!(going, Answer::Going { reason: "NotAnswering".into(), message: "NotAnswering it is".into() });
        assert!(!going.is_final() && !told(Some(&live(2, &[]))).is_final());
    }

    #[test]
    fn what_was_removed_or_changed_again_is_told_as_that() {
        let merged = MERGED.parse().unwrap();
        let (small, large) = (spec("small"), spec("large"));
        let known = Known { asked: None, now: None, live: None, left: None, merged };
        assert_eq!(answer(&known), Answer::Removed { until: None });
        let left = UnclaimedTenant { delete_after: Some("2026-12-04T08:00:00Z".into()), ..UnclaimedTenant::default() };
        assert_eq!(answer(&Known { left: Some(&left), ..known.clone() }), Answer::Removed { until: left.delete_after.clone() });
        assert_eq!(answer(&Known { live: Some(&live(2, &[])), ..known.clone() }), Answer::NotApplied);
        assert_eq!(answer(&Known { asked: Some(&small), now: Some(&large), ..known.clone() }), Answer::Superseded);
        assert_eq!(answer(&Known { now: Some(&small), ..known }), Answer::Superseded);
    }
}
