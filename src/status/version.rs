//! What is said of an app's version: whether it has what the catalogue says, and whether that is still looked after. Pure.

use super::conditions::Verdict;
use crate::policy::rejection::joined;
use crate::policy::rollout::Because;
use crate::policy::{Course, Rejection};
use crate::request::app::Grant;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// How long before its end a version is said to end, in days.
const WARNING_DAYS: i64 = 90;

/// `UpToDate`: whether the app has what its catalogue entry says now.
#[must_use]
pub fn up_to_date(grant: &Grant, course: &Course, unfit: &[Rejection]) -> Verdict {
    let no = |reason, message: String| Verdict::no("UpToDate", reason, message);
    let had = grant.failed.as_ref().map_or_else(String::new, |failed| failed.version.clone());
    match course {
        Course::UpToDate => Verdict::yes("UpToDate", "UpToDate", "the app has what the catalogue says"),
        Course::Move => no("ItsTurn", "the app gets what the catalogue says now".into()),
        Course::Waits => no("WaitsForItsTurn", "the catalogue's entry has changed; the app gets the change when those before it answer with it".into()),
        Course::Halted(culprit) => no(
            "RolloutStopped",
            format!(
                "the catalogue's entry has changed, and no more apps get the change, for {culprit} did not answer with it; the app keeps what it has until the entry is mended"
            ),
        ),
        Course::Unacknowledged(Because::Migrates) => no(
            "AwaitingAcknowledgement",
            "the new version changes the shape of the app's data; a platform admin must allow it, as the status of the catalogue's entry says".into(),
        ),
        Course::Secures => no(
            "BackupFirst",
            "the catalogue's entry changes the shape of the app's data; a backup is made and tried first, then the app gets the change".into(),
        ),
        Course::Unacknowledged(Because::GoesBack) => no(
            "AwaitingAcknowledgement",
            "the catalogue goes back to an older version; a platform admin must allow it, as the status of the catalogue's entry says".into(),
        ),
        Course::Back | Course::WentBack => no(
            "WentBack",
            format!(
                "the app did not answer in time with what the catalogue says now ({} {had}), so it has again what it had before",
                grant.system
            ),
        ),
        Course::Unfit if unfit.is_empty() => {
            no("DoesNotFit", "the catalogue's entry has changed, and the request is refused; the app keeps what it has".into())
        }
        Course::Unfit => no("DoesNotFit", format!("the catalogue's entry has changed, and the request does not fit it: {}; the app keeps what it has", joined(unfit))),
    }
}

/// `Supported`: whether the app's version is still looked after.
#[must_use]
pub fn supported(grant: &Grant, eol: Option<&str>, now: Timestamp) -> Verdict {
    let Some((written, day)) = eol.and_then(|text| Some((text, text.parse::<Date>().ok()?))) else {
        return Verdict::yes("Supported", "Supported", "no end is set for the app's version");
    };
    let today = now.to_zoned(TimeZone::UTC).date();
    let soon = today.checked_add(WARNING_DAYS.days()).is_ok_and(|soon| soon > day);
    let version = format!("{} {}", grant.system, grant.version);
    match (today > day, soon) {
        (true, _) => Verdict::no(
            "Supported",
            "EndOfLife",
            format!("{version} is no longer looked after since the end of {written}; ask for a newer version"),
        ),
        (false, true) => {
            Verdict::yes("Supported", "EndsSoon", format!("{version} is looked after until {written}; ask for a newer version before that"))
        }
        (false, false) => Verdict::yes("Supported", "Supported", format!("{version} is looked after until {written}")),
    }
}

/// When what [`supported`] says of a version changes next.
#[must_use]
pub fn supported_changes(eol: &str, now: Timestamp) -> Option<Timestamp> {
    let day: Date = eol.parse().ok()?;
    let starts = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp());
    let warns = day.checked_sub((WARNING_DAYS - 1).days()).ok().and_then(starts);
    let ends = day.tomorrow().ok().and_then(starts);
    [warns, ends].into_iter().flatten().filter(|at| *at > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_version_is_looked_after_to_the_end_of_its_last_day() {
        let grant = Grant { system: "website".into(), version: "1.0".into(), ..Grant::default() };
        let said = |now: &str| supported(&grant, Some("2027-03-31"), at(now)).reason;
        assert_eq!(said("2026-12-31T23:59:59Z"), "Supported");
        assert_eq!(said("2027-01-01T00:00:00Z"), "EndsSoon");
        assert_eq!(said("2027-03-31T23:59:59Z"), "EndsSoon");
        assert_eq!(said("2027-04-01T00:00:00Z"), "EndOfLife");
        assert!(!supported(&grant, Some("2027-03-31"), at("2027-04-01T00:00:00Z")).holds);
        assert!(supported(&grant, None, at("2027-04-01T00:00:00Z")).holds);
    }

    #[test]
    fn it_is_looked_at_again_when_what_is_said_changes() {
        let next = |now: &str| supported_changes("2027-03-31", at(now));
        assert_eq!(next("2026-11-25T10:00:00Z"), Some(at("2027-01-01T00:00:00Z")));
        assert_eq!(next("2027-01-01T00:00:00Z"), Some(at("2027-04-01T00:00:00Z")));
        assert_eq!(next("2027-04-01T00:00:00Z"), None);
    }
}
