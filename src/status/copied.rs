//! `Copied`: whether what was backed up also lies at a second place, of a class that asks for it. Pure.

use super::backed_up::Backups;
use super::conditions::Verdict;
use crate::request::app::BackupStatus;
use crate::request::backup::{Copied, Failures};
use jiff::{SignedDuration, Timestamp};

/// Hours that a copy may take to be made, beside those of the class: the upkeep makes it once a day.
const MADE_WITHIN: i64 = 24;

/// What is known of the second place when an app's status is written, beside what lies there.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    /// Why there is none; nothing when there is one.
    pub lacks: Option<String>,
    /// Where it is, as restic names it; empty when there is none.
    pub place: String,
    /// The copies that failed since the last good one.
    pub failures: Failures,
}

/// How old something may be until it is overdue; none when the class asks for no copies.
fn allowed(backups: &Backups) -> Option<SignedDuration> {
    backups.profile.copy_hours.map(|hours| SignedDuration::from_hours(i64::from(hours) + MADE_WITHIN))
}

/// What lies at the second place that is named now. What lies at another one is no copy: that place was given up.
fn here(backups: &Backups) -> Option<&Copied> {
    backups.status.copied.as_ref().filter(|copied| copied.is_at(&backups.copies.place))
}

/// How the backups stand, as the request's status says it.
#[must_use]
pub fn told(backups: &Backups) -> BackupStatus {
    BackupStatus { copied: here(backups).cloned(), ..backups.status.clone() }
}

/// Until when what lies at the second place is fresh enough; none when it is the newest that there is, or nothing lies there.
#[must_use]
pub fn copied_until(backups: &Backups) -> Option<Timestamp> {
    let copied = here(backups).filter(|copied| Some(&copied.set) != backups.status.last_set.as_ref())?;
    copied.recovery_point.parse::<Timestamp>().ok()?.checked_add(allowed(backups)?).ok()
}

/// Whether the newest set, or one that is fresh enough, lies at a second place; none when the class asks for no copies.
#[must_use]
pub fn copied(backups: Option<&Backups>, now: Timestamp) -> Option<Verdict> {
    let backups = backups?;
    let allowed = allowed(backups)?;
    let no = |reason: &str, message: String| Some(Verdict::no("Copied", reason, message));
    let Copies { lacks, failures, .. } = &backups.copies;
    if let Some(why) = lacks {
        return no("NoSecondTarget", why.clone());
    }
    let failed = (failures.count > 0).then(|| format!("{}: {}", failures.class.map_or("Other", |class| class.as_str()), failures.message));
    let Some(copied) = here(backups) else {
        if backups.status.copied.is_some() {
            let elsewhere = "what was copied lies at another place than the second one that is named now, where there is no copy yet; the next copy is made there within a day";
            return match failed {
                Some(why) => no("CopyFailed", format!("{elsewhere}; the last attempt failed: {why}")),
                None => no("CopiedElsewhere", elsewhere.into()),
            };
        }
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
    use crate::request::backup::Profile;

    const NOW: &str = "2026-11-28T10:00:00Z";
    const AWAY: &str = "s3:https://s3.elsewhere.example.lv/copies-t";

    fn backups(copied: Option<(&str, &str)>) -> Backups {
        let repository = AWAY.to_string();
        let copied = copied.map(|(set, time)| Copied { repository, set: set.into(), recovery_point: time.into(), ..Copied::default() });
        let status = BackupStatus {
            last_set: Some("newest".into()),
            oldest: Some("2026-11-27T20:00:00Z".into()),
            copied,
            ..BackupStatus::default()
        };
        let copies = Copies { place: AWAY.into(), ..Copies::default() };
        Backups { status, profile: Profile { copy_hours: Some(24), ..Profile::default() }, copies, ..Backups::default() }
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
        old.copies.failures = none.copies.failures.clone();
        let (holds, reason, message) = said(&old);
        assert!(!holds && reason == "CopyFailed" && message.contains("until 2026-11-20T10:00:00Z"), "{message}");
        let mut fresh = backups(Some(("newest", "2026-11-20T10:00:00Z")));
        fresh.copies.failures = none.copies.failures.clone();
        assert_eq!((said(&fresh).0, said(&fresh).1), (true, "LastCopyFailed".into()));
        fresh.copies.lacks = Some("the target names none".into());
        assert_eq!((said(&fresh).0, said(&fresh).1), (false, "NoSecondTarget".into()));
    }

    #[test]
    fn a_copy_at_a_place_that_is_not_named_any_more_is_none() {
        let there = backups(Some(("newest", "2026-11-28T09:00:00Z")));
        assert_eq!((said(&there).0, said(&there).1), (true, "Copied".into()));
        assert_eq!(told(&there).copied, there.status.copied);
        let older = backups(Some(("older", "2026-11-28T09:00:00Z")));
        assert!(copied_until(&older).is_some());
        // Another target, or another address of the same.
        for place in ["s3:https://s3.farther.example.lv/copies-t", "s3:https://s3.elsewhere.example.lv/copies-2-t"] {
            let mut moved = there.clone();
            moved.copies.place = place.into();
            let (holds, reason, message) = said(&moved);
            assert!(!holds && reason == "CopiedElsewhere", "{reason}: {message}");
            assert!(message.starts_with("what was copied lies at another place than the second one that is named now"), "{message}");
            assert!(message.ends_with("is made there within a day"), "{message}");
            assert_eq!(told(&moved).copied, None);
            assert_eq!(told(&moved).last_set, moved.status.last_set, "the rest is told as it is");
            let mut moved = older.clone();
            moved.copies.place = place.into();
            assert_eq!(copied_until(&moved), None, "nothing lies there that grows too old");
        }
        let mut fails = there.clone();
        fails.copies.place = "s3:https://s3.farther.example.lv/copies-t".into();
        fails.copies.failures = Failures { count: 1, class: Some(Class::Refused), message: "no key".into(), ..Failures::default() };
        let (holds, reason, message) = said(&fails);
        assert!(!holds && reason == "CopyFailed", "{reason}: {message}");
        assert!(message.starts_with("what was copied lies at another place") && message.ends_with("Refused: no key"), "{message}");
        // Nobody knows where it lies, or no place is named.
        let mut unknown = there.clone();
        unknown.status.copied = Some(Copied { repository: String::new(), ..there.status.copied.clone().unwrap() });
        assert_eq!(said(&unknown).1, "CopiedElsewhere");
        unknown.copies.place = String::new();
        assert_eq!(told(&unknown).copied, None);
        assert!(!said(&unknown).0);
    }
}
