//! Slots, what is owed, and what is tried again.

use super::*;
use std::collections::BTreeSet;

fn riga() -> TimeZone {
    TimeZone::posix("EET-2EEST,M3.5.0/3,M10.5.0/4").unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hours(number: i64) -> SignedDuration {
    SignedDuration::from_hours(number)
}

fn minutes_of(number: i64) -> SignedDuration {
    SignedDuration::from_mins(number)
}

/// Runs a test with one slot every so many hours.
fn with<T>(rpo: i64, test: impl Fn(Rhythm<'_>) -> T) -> T {
    let (window, zone) = (Window::default(), riga());
    test(Rhythm { window: &window, zone: &zone, rpo: hours(rpo) })
}

/// An app that has been backed up when it should.
fn calm(last_started: Timestamp) -> History {
    History {
        created: Some(at("2026-01-01T00:00:00Z")),
        answered: Some(at("2026-01-01T00:10:00Z")),
        last_started: Some(last_started),
        last_success: Some(last_started),
        ..History::default()
    }
}

fn failed(class: Class, started: Timestamp, ended: Timestamp, in_a_row: u32) -> History {
    History { failure: Some(Failure { class, ended, in_a_row }), last_success: None, ..calm(started) }
}

fn then(next: &Next) -> Timestamp {
    match next {
        Next::Then(slot) => slot.at,
        other => panic!("{other:?} is not later"),
    }
}

fn at_once(next: &Next) -> Slot {
    match next {
        Next::Now(slot) => slot.clone(),
        other => panic!("{other:?} is not now"),
    }
}

/// Every run that is made from one time to another by a scheduler that looks every minute, if every run succeeds.
fn runs(tenant: &str, rhythm: Rhythm<'_>, from: Timestamp, to: Timestamp) -> Vec<Slot> {
    let mut history = calm(from);
    let (mut now, mut made) = (from, Vec::new());
    while now < to {
        if let Next::Now(slot) = next_due(tenant, rhythm, &history, now) {
            made.push(slot);
            history = calm(now);
        }
        now += minutes_of(1);
    }
    made
}

#[test]
fn slots_lie_in_the_window_and_are_spread_over_it() {
    let zone = riga();
    let mut seen = BTreeSet::new();
    for tenant in 0..500 {
        let tenant = format!("tenant-{tenant}");
        let next = with(24, |rhythm| next_due(&tenant, rhythm, &calm(at("2026-07-01T12:00:00Z")), at("2026-07-01T12:00:00Z")));
        let local = then(&next).to_zoned(zone.clone()).time();
        assert!(local.hour() >= 22 || local.hour() < 5, "{tenant} at {local}");
        seen.insert((local.hour(), local.minute() / 30));
    }
    assert_eq!(seen.len(), 14, "every half hour of the seven has some");
}

#[test]
fn a_slot_is_named_by_its_minute_in_utc() {
    assert_eq!(Slot::at(at("2026-07-01T02:03:04Z")).name, "202607010203");
}

#[test]
fn an_app_begins_at_the_same_minute_of_every_day_also_over_the_turn_of_the_clock() {
    let zone = riga();
    for tenant in ["a", "b", "c", "d"] {
        let made = with(24, |rhythm| runs(tenant, rhythm, at("2026-10-20T12:00:00Z"), at("2026-10-30T12:00:00Z")));
        assert_eq!(made.len(), 10);
        let times: BTreeSet<_> = made.iter().map(|slot| slot.at.to_zoned(zone.clone()).time()).collect();
        assert_eq!(times.len(), 1, "{times:?}");
    }
}

#[test]
fn a_shorter_objective_is_kept_on_every_day_of_the_year() {
    for rpo in [1, 5, 6, 7, 12, 24, 48] {
        // Two weeks about each turn of the clock.
        for from in ["2026-03-22T12:00:00Z", "2026-10-18T12:00:00Z"] {
            let made = with(rpo, |rhythm| runs("ventspils", rhythm, at(from), at(from) + hours(14 * 24)));
            let gaps = made.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at));
            // One slot a day belongs to a time of day, and one day has 25 hours.
            let most = if rpo >= 24 { hours(25) } else { hours(rpo) };
            assert!(gaps.clone().all(|gap| gap <= most), "{rpo} h: {:?}", gaps.max());
            let least = 14 * 24 / usize::try_from(rpo.min(24)).unwrap();
            assert!((least - 1..=least * 3 / 2 + 1).contains(&made.len()), "{rpo} h: {} runs", made.len());
            assert_eq!(made.iter().map(|slot| &slot.name).collect::<BTreeSet<_>>().len(), made.len(), "names differ");
        }
    }
}

/// F10, F11.
#[test]
fn one_run_makes_up_for_all_that_were_missed() {
    let last = at("2026-07-01T12:00:00Z");
    let now = at("2026-07-06T12:00:00Z");
    with(24, |rhythm| {
        let slot = at_once(&next_due("cesis", rhythm, &calm(last), now));
        assert!(slot.at > now - hours(24), "the latest of the five: {slot:?}");
        // It is named by the slot, so a second leader makes the same run.
        assert_eq!(at_once(&next_due("cesis", rhythm, &calm(last), now + minutes_of(3))), slot);
        let next = then(&next_due("cesis", rhythm, &calm(now), now));
        assert_eq!(next, slot.at + hours(24), "and the others are not owed");
    });
}

#[test]
fn a_slot_that_is_done_is_not_done_again() {
    with(24, |rhythm| {
        let slot = then(&next_due("cesis", rhythm, &calm(at("2026-07-01T12:00:00Z")), at("2026-07-01T12:00:00Z")));
        assert!(matches!(next_due("cesis", rhythm, &calm(slot), slot), Next::Then(_)));
        assert!(matches!(next_due("cesis", rhythm, &calm(slot + minutes_of(200)), slot + minutes_of(201)), Next::Then(_)));
        // A list of sets made anew from the repository says it too.
        let known = History { last_started: None, ..calm(slot) };
        assert!(matches!(next_due("cesis", rhythm, &known, slot + minutes_of(1)), Next::Then(_)));
    });
}

#[test]
fn a_new_app_is_backed_up_soon_after_it_answers() {
    let created = at("2026-07-01T12:00:00Z");
    with(24, |rhythm| {
        let new = History { created: Some(created), ..History::default() };
        let regular = then(&next_due("cesis", rhythm, &new, created));
        assert!(regular > created + hours(6), "nothing is owed from before it was there");
        let answered = History { answered: Some(created + minutes_of(5)), ..new.clone() };
        let first = at_once(&next_due("cesis", rhythm, &answered, created + minutes_of(5)));
        assert_eq!(first.at, created + minutes_of(5), "as soon as it answers; the pools see to the rest");
        // One that never answers may have data all the same.
        assert_eq!(at_once(&next_due("cesis", rhythm, &new, regular)).at, regular);
    });
}

#[test]
fn a_failed_run_is_tried_again_three_times_and_then_at_its_regular_slot() {
    let started = at("2026-07-01T12:00:00Z");
    let ended = started + minutes_of(2);
    with(24, |rhythm| {
        let regular = then(&next_due("cesis", rhythm, &calm(started), started));
        let waits = (1..=5).map(|row| then(&next_due("cesis", rhythm, &failed(Class::Partial, started, ended, row), ended)));
        let expected = [ended + minutes_of(5), ended + minutes_of(15), ended + minutes_of(45), regular, regular];
        assert_eq!(waits.collect::<Vec<_>>(), expected);
        // Two runs never have one name.
        let slot = at_once(&next_due("cesis", rhythm, &failed(Class::Partial, started, ended, 1), ended + minutes_of(5)));
        assert_ne!(slot.name, Slot::at(started).name);
        // Once it is being tried, the failure is of the past.
        let trying = History { last_started: Some(ended + minutes_of(5)), ..failed(Class::Partial, started, ended, 1) };
        assert_eq!(then(&next_due("cesis", rhythm, &trying, ended + minutes_of(6))), regular);
    });
}

#[test]
fn a_fault_that_stays_makes_no_storm() {
    let begin = at("2026-07-01T12:00:00Z");
    let mut history = calm(begin);
    let (mut now, mut row, mut made) = (begin, 0, 0);
    while now < begin + hours(10 * 24) {
        if let Next::Now(_) = with(24, |rhythm| next_due("cesis", rhythm, &history, now)) {
            (row, made) = (row + 1, made + 1);
            history = failed(Class::Database, now, now + minutes_of(1), row);
            now += minutes_of(1);
        }
        now += minutes_of(1);
    }
    assert_eq!(made, 10 + 3, "one a day, and the three tries after the first");
}

/// F14.
#[test]
fn what_a_person_must_mend_is_not_tried_until_something_changed() {
    let started = at("2026-07-01T12:00:00Z");
    let ended = started + SignedDuration::from_secs(10);
    with(24, |rhythm| {
        for class in [Class::Vanished, Class::WrongKey, Class::Refused, Class::Order] {
            let history = failed(class, started, ended, 1);
            assert_eq!(next_due("cesis", rhythm, &history, started + hours(1000)), Next::Stopped(class));
            let before = History { changed_since: Some(started), ..history.clone() };
            assert_eq!(next_due("cesis", rhythm, &before, started + hours(1000)), Next::Stopped(class));
            // Mended within the minute: the next run has another name all the same.
            let mended = History { changed_since: Some(ended + SignedDuration::from_secs(5)), ..history };
            assert_ne!(at_once(&next_due("cesis", rhythm, &mended, ended + minutes_of(10))).name, Slot::at(started).name);
        }
    });
}

#[test]
fn the_targets_fault_is_waited_out() {
    let started = at("2026-07-01T12:00:00Z");
    let ended = started + minutes_of(2);
    with(24, |rhythm| {
        let history = failed(Class::Unreachable, started, ended, 1);
        assert_eq!(next_due("cesis", rhythm, &history, ended + hours(100)), Next::AwaitsTarget);
        let old = History { target_good: Some(started), ..history.clone() };
        assert_eq!(next_due("cesis", rhythm, &old, ended + hours(100)), Next::AwaitsTarget);
        let good = History { target_good: Some(ended + hours(3)), ..history.clone() };
        at_once(&next_due("cesis", rhythm, &good, ended + hours(3)));
        // A target that comes and goes is not tried at once every time.
        let flaps = History { target_good: Some(ended + SignedDuration::from_secs(1)), ..history };
        assert_eq!(then(&next_due("cesis", rhythm, &flaps, ended + minutes_of(1))), ended + minutes_of(5));
    });
}

#[test]
fn a_window_is_hours_and_minutes() {
    let window = |from: &str, to: &str| Window { from: from.into(), to: to.into() };
    assert_eq!(window("22:00", "05:00").problem(), None);
    for wrong in ["24:00", "7:00", "22", "22:60", "", "+1:00", "22:0x"] {
        assert!(window(wrong, "05:00").problem().is_some_and(|text| text.contains(wrong)), "{wrong}");
        assert!(window("05:00", wrong).problem().is_some(), "{wrong}");
    }
    assert_eq!((window("22:00", "05:00").span(), window("01:00", "01:00").span()), ((22 * 60, 7 * 60), (60, DAY)));
}
