//! `Copied`: whether what was backed up also lies at a second place, of a class that asks for it. Pure.

use super::backed_up::Backups;
use super::conditions::Verdict;
use crate::request::backup::Failures;
use jiff::{SignedDuration, Timestamp};

/// Hours that a copy may take to be made, beside those of the class: the upkeep makes it once a day.
const MADE_WITHIN: i64 = 24;

/// What is known of the second place when an app's status is written, beside what lies there.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    /// Why there is none; nothing when there is one.
    pub lacks: Option<String>,
    /// The copies that failed since the last good one.
    pub failures: Failures,
}

/// How old something may be until it is overdue; none when the class asks for no copies.
fn allowed(backups: &Backups) -> Option<SignedDuration> {
    backups.profile.copy_hours.map(|hours| SignedDuration::from_hours(i64::from(hours) + MADE_WITHIN))
}

/// Until when what lies at the second place is fresh enough; none when it is the newest that there is, or nothing lies there.
#[must_use]
pub fn copied_until(backups: &Backups) -> Option<Timestamp> {
    let copied = backups.status.copied.as_ref().filter(|copied| Some(&copied.set) != backups.status.last_set.as_ref())?;
    copied.recovery_point.parse::<Timestamp>().ok()?.checked_add(allowed(backups)?).ok()
}

/// Whether the newest set, or one that is fresh enough, lies at a second place; none when the class asks for no copies.
#[must_use]
pub fn copied(backups: Option<&Backups>, now: Timestamp) -> Option<Verdict> {
    let backups = backups?;
    let allowed = allowed(backups)?;
    let no = |reason: &str, message: String| Some(Verdict::no("Copied", reason, message));
    let Copies { lacks, failures } = &backups.copies;
    if let Some(why) = lacks {
        return no("NoSecondTarget", why.clone());
    }
    let failed = (failures.count > 0).then(|| format!("{}: {}", failures.class.map_or("Other", |class| class.as_str()), failures.message));
    let Some(copied) = &backups.status.copied else {
        let oldest = backups.status.oldest.as_ref().and_then(|time| time.parse::<Timestamp>().ok());
        let overdue = oldest.is_some_and(|oldest| now.duration_since(oldest) > allowed);
        return match failed {
            Some(why) => no("CopyFailed", format!("there is no copy at the second place yet: {why}")),
            None if overdue => {
                no("CopyOverdue", "there is no copy at the second place, and it is longer due than the data class allows".into())
            }
            None => no("AwaitingFirst", "the first copy at the second place is made within a day after the first backup".into()),
        };
    };
    let until = &copied.recovery_point;
    if copied_until(backups).is_some_and(|fresh| now > fresh) {
        let old = format!("at the second place is what was backed up until {until}, which is older than the data class allows");
        return match failed {
            Some(why) => no("CopyFailed", format!("{old}: {why}")),
            None => no("CopyOverdue", old),
        };
    }
    let holds = format!("what was backed up until {until} is at the second place, too");
    Some(match failed {
        Some(why) => Verdict::yes("Copied", "LastCopyFailed", format!("{holds}; the last attempt at a newer copy failed: {why}")),
        None => Verdict::yes("Copied", "Copied", holds),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::work::Class;
    use crate::request::app::BackupStatus;
    use crate::request::backup::{Copied, Profile};

    const NOW: &str = "2026-11-28T10:00:00Z";

    fn backups(copied: Option<(&str, &str)>) -> Backups {
        let copied = copied.map(|(set, time)| Copied { set: set.into(), recovery_point: time.into(), ..Copied::default() });
        let status = BackupStatus {
            last_set: Some("newest".into()),
            oldest: Some("2026-11-27T20:00:00Z".into()),
            copied,
            ..BackupStatus::default()
        };
        Backups { status, profile: Profile { copy_hours: Some(24), ..Profile::default() }, ..Backups::default() }
    }

    fn said(backups: &Backups) -> (bool, String, String) {
        let verdict = copied(Some(backups), NOW.parse().unwrap()).unwrap();
        (verdict.holds, verdict.reason, verdict.message)
    }

    #[test]
    fn a_class_that_asks_for_none_is_told_of_none() {
        let mut none = backups(None);
        none.profile.copy_hours = None;
        none.copies.lacks = Some("no place".into());
        assert!(copied(Some(&none), NOW.parse().unwrap()).is_none());
        assert!(copied(None, NOW.parse().unwrap()).is_none());
    }

    #[test]
    fn a_copy_is_the_newest_set_or_fresh_enough() {
        let reason = |set, time| {
            let (holds, reason, _) = said(&backups(Some((set, time))));
            (holds, reason)
        };
        assert_eq!(reason("newest", "2020-01-01T00:00:00Z"), (true, "Copied".into()), "of an app that is stopped nothing is newer");
        assert_eq!(reason("older", "2026-11-26T10:00:00Z"), (true, "Copied".into()), "as old as it may be, and the day of the upkeep");
        assert_eq!(reason("older", "2026-11-26T09:59:59Z"), (false, "CopyOverdue".into()));
        let until = copied_until(&backups(Some(("older", "2026-11-26T10:00:00Z"))));
        assert_eq!(until, Some(NOW.parse().unwrap()));
        assert_eq!(copied_until(&backups(Some(("newest", "2026-11-26T10:00:00Z")))), None);
    }

    #[test]
    fn what_is_in_the_way_is_said() {
        let mut none = backups(None);
        assert_eq!(said(&none).1, "AwaitingFirst");
        none.status.oldest = Some("2026-11-26T09:00:00Z".into());
        assert_eq!(said(&none).1, "CopyOverdue");
        none.copies.failures = Failures { count: 1, class: Some(Class::Unreachable), message: "no route".into(), ..Failures::default() };
        let (holds, reason, message) = said(&none);
        assert!(!holds && reason == "CopyFailed" && message.ends_with("Unreachable: no route"), "{message}");
        let mut old = backups(Some(("older", "2026-11-20T10:00:00Z")));
        old.copies = none.copies.clone();
        let (holds, reason, message) = said(&old);
        assert!(!holds && reason == "CopyFailed" && message.contains("until 2026-11-20T10:00:00Z"), "{message}");
        let mut fresh = backups(Some(("newest", "2026-11-20T10:00:00Z")));
        fresh.copies = none.copies.clone();
        assert_eq!((said(&fresh).0, said(&fresh).1), (true, "LastCopyFailed".into()));
        fresh.copies.lacks = Some("the target names none".into());
        assert_eq!((said(&fresh).0, said(&fresh).1), (false, "NoSecondTarget".into()));
    }
}
