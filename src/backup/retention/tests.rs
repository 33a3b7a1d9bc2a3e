//! What stays, over histories that people had and over random ones.

use super::*;
use proptest::prelude::*;

/// Europe/Riga, whatever the machine knows of time zones.
fn riga() -> TimeZone {
    TimeZone::posix("EET-2EEST,M3.5.0/3,M10.5.0/4").unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn later(from: Timestamp, hours: i64) -> Timestamp {
    from + SignedDuration::from_hours(hours)
}

fn set(id: impl Into<String>, recovery_point: Timestamp) -> Committed {
    Committed { id: id.into(), recovery_point, verified: false }
}

/// One set a day up to a time, the newest first; named by its age in days.
fn daily(number: i64, newest: Timestamp) -> Vec<Committed> {
    (0..number).map(|age| set(format!("{age:03}"), later(newest, -24 * age))).collect()
}

fn none() -> Rules {
    Rules { last: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0, floor_days: 0, ceiling_days: None }
}

fn decided(rules: &Rules, sets: &[Committed], now: Timestamp) -> Verdict {
    decide(rules, sets, Situation { legal_hold: false, acknowledged: true, now, zone: &riga() })
}

fn unasked(rules: &Rules, sets: &[Committed], now: Timestamp) -> Verdict {
    decide(rules, sets, Situation { legal_hold: false, acknowledged: false, now, zone: &riga() })
}

fn stays(verdict: &Verdict) -> Vec<&str> {
    verdict.stays.iter().map(|kept| kept.id.as_str()).collect()
}

#[test]
fn each_set_that_stays_says_why() {
    let now = at("2026-03-02T04:00:00Z");
    let rules = Rules { last: 1, daily: 3, weekly: 2, monthly: 2, floor_days: 1, ..none() };
    let verdict = decided(&rules, &daily(40, at("2026-03-02T02:00:00Z")), now);
    let table: Vec<String> = verdict
        .stays
        .iter()
        .map(|kept| format!("{} {}", kept.id, kept.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))
        .collect();
    let expected = [
        "000 one of the last two, younger than 1 days, one of the last 1, newest of 2026-03-02, newest of 2026-W10, newest of 2026-03",
        "001 one of the last two, newest of 2026-03-01, newest of 2026-W09",
        "002 newest of 2026-02-28, newest of 2026-02",
    ];
    assert_eq!(table, expected);
    assert_eq!(verdict.goes.len(), 37);
}

#[test]
fn days_and_weeks_are_those_of_the_place_and_not_of_utc() {
    // 22:30 UTC on Sunday, 1 March, is Monday, 2 March, in Riga.
    let sets =
        [set("monday", at("2026-03-01T22:30:00Z")), set("sunday", at("2026-03-01T21:30:00Z")), set("before", at("2026-03-01T01:00:00Z"))];
    let verdict = decided(&Rules { daily: 2, ..none() }, &sets, at("2026-03-10T00:00:00Z"));
    assert!(verdict.stays[0].reasons.contains(&Reason::NewestOf("2026-03-02".into())));
    assert!(verdict.stays[1].reasons.contains(&Reason::NewestOf("2026-03-01".into())));
    assert_eq!(stays(&verdict), ["monday", "sunday"]);
}

#[test]
fn an_outage_costs_no_history() {
    let now = at("2026-06-30T00:00:00Z");
    let old = daily(10, at("2026-01-10T02:00:00Z"));
    let verdict = decided(&Rules { daily: 7, ..none() }, &old, now);
    assert_eq!(verdict.stays.len(), 7, "half a year without a backup, and the seven last days that have one stay");
}

/// F29
#[test]
fn past_the_ceiling_the_last_two_and_the_last_verified_stay_and_are_marked() {
    let mut sets = daily(30, at("2026-01-30T02:00:00Z"));
    sets[9].verified = true;
    let rules = Rules { daily: 100, ceiling_days: Some(60), ..none() };
    let verdict = unasked(&rules, &sets, at("2026-12-01T00:00:00Z"));
    assert_eq!(stays(&verdict), ["000", "001", "009"]);
    assert!(verdict.stays.iter().all(|kept| kept.past_ceiling) && verdict.past_ceiling());
    assert_eq!((verdict.goes.len(), verdict.held), (27, None), "what is past the ceiling waits for nobody");
    assert!(verdict.goes.iter().all(|gone| gone.past_ceiling));
}

#[test]
fn a_legal_hold_keeps_everything() {
    let sets = daily(400, at("2026-01-30T02:00:00Z"));
    let rules = Rules { ceiling_days: Some(30), ..none() };
    let now = at("2026-02-01T00:00:00Z");
    let verdict = decide(&rules, &sets, Situation { legal_hold: true, acknowledged: true, now, zone: &riga() });
    assert_eq!((verdict.stays.len(), verdict.goes.len()), (400, 0));
    assert!(verdict.stays.iter().all(|kept| kept.reasons.contains(&Reason::LegalHold)));
    assert!(verdict.past_ceiling(), "what is older than the ceiling is marked all the same");
}

#[test]
fn dates_in_the_future_count_for_nothing() {
    let now = at("2026-03-02T04:00:00Z");
    let good = daily(20, at("2026-03-02T02:00:00Z"));
    let rules = Rules { last: 3, daily: 5, weekly: 2, ..none() };
    let before = decided(&rules, &good, now);
    let mut mixed = good.clone();
    mixed.extend((1..1000).map(|n| Committed { verified: true, ..set(format!("junk{n}"), later(now, n)) }));
    let after = decided(&rules, &mixed, now);
    assert_eq!(after.goes, before.goes);
    let junk: Vec<&Kept> = after.stays.iter().filter(|kept| kept.id.starts_with("junk")).collect();
    assert_eq!(junk.len(), 999, "they are not deleted either");
    assert!(junk.iter().all(|kept| kept.reasons == [Reason::InTheFuture]));
    assert_eq!(after.stays.iter().filter(|kept| !kept.id.starts_with("junk")).collect::<Vec<_>>(), before.stays.iter().collect::<Vec<_>>());
}

/// F27: whoever can write sets can write many.
#[test]
fn a_thousand_junk_sets_do_not_push_out_the_good_ones() {
    let now = at("2026-03-02T04:00:00Z");
    let rules = Rules { daily: 40, ..Rules::default() };
    let good = daily(40, at("2026-03-02T02:00:00Z"));
    assert_eq!(decided(&rules, &good, now).goes, []);
    // All of today: they take the places of today alone.
    let mut today = good.clone();
    today.extend((0..1000).map(|n| set(format!("junk{n}"), now - SignedDuration::from_secs(n))));
    let gone = decided(&rules, &today, now).goes;
    assert!(gone.iter().all(|gone| gone.id.starts_with("junk")), "{gone:?}");
    // One minute after each good one that the floor does not keep: they would take all places, so a person is asked.
    let mut each = good.clone();
    each.extend(good.iter().map(|set| Committed {
        id: format!("junk{}", set.id),
        recovery_point: set.recovery_point + SignedDuration::from_mins(1),
        ..set.clone()
    }));
    let verdict = unasked(&rules, &each, now);
    assert_eq!(verdict.goes, []);
    assert!(verdict.held.is_some_and(|held| held.would_go > held.may_go && held.of == 80), "{:?}", verdict.held);
}

#[test]
fn other_rules_take_effect_once_a_person_says_so() {
    let now = at("2026-03-02T04:00:00Z");
    let sets = daily(30, at("2026-03-02T02:00:00Z"));
    let rules = Rules { daily: 7, ..none() };
    let held = unasked(&rules, &sets, now);
    assert_eq!((held.goes.len(), held.held), (0, Some(Held { would_go: 23, may_go: 6, of: 30 })));
    assert_eq!(held.stays.iter().filter(|kept| kept.reasons == [Reason::AwaitsAcknowledgement]).count(), 23);
    assert_eq!(decided(&rules, &sets, now).goes.len(), 23);
    let slightly = Rules { daily: 24, ..none() };
    assert_eq!((unasked(&slightly, &sets, now).goes.len(), unasked(&slightly, &sets, now).held), (6, None), "a fifth may go");
    let more = Rules { daily: 20, ..none() };
    assert_eq!((unasked(&more, &sets, now).goes.len(), unasked(&more, &sets, now).held.is_some()), (0, true), "more may not");
}

#[test]
fn two_may_always_go() {
    let now = at("2026-03-02T04:00:00Z");
    let sets = daily(7, at("2026-03-02T02:00:00Z"));
    assert_eq!(unasked(&Rules { last: 5, ..none() }, &sets, now).goes.len(), 2);
    assert!(unasked(&none(), &sets, now).held.is_some());
}

#[test]
fn a_ceiling_below_the_floor_is_said() {
    assert_eq!(Rules::default().problem(), None);
    let wrong = Rules { floor_days: 30, ceiling_days: Some(20), ..none() };
    assert!(wrong.problem().is_some_and(|text| text.contains("at least 30")));
    // And until it is mended, nothing is lost.
    let verdict = decided(&wrong, &daily(40, at("2026-03-02T02:00:00Z")), at("2026-03-02T04:00:00Z"));
    assert_eq!(verdict.stays.len(), 30);
}

#[test]
fn the_floor_is_met_when_the_history_reaches_back_far_enough() {
    let now = at("2026-03-02T04:00:00Z");
    let rules = Rules { floor_days: 30, ..none() };
    let sets = daily(10, at("2026-03-02T02:00:00Z"));
    assert!(rules.floor_met(Some(sets[9].recovery_point), &sets, now), "the app is ten days old");
    assert!(!rules.floor_met(Some(at("2025-01-01T00:00:00Z")), &sets, now), "sets were lost");
    assert!(rules.floor_met(Some(at("2025-01-01T00:00:00Z")), &daily(40, now), now));
    assert!(rules.floor_met(None, &[], now));
    assert!(!rules.floor_met(Some(at("2025-01-01T00:00:00Z")), &[], now));
}

#[test]
fn the_rules_are_read_as_a_data_class_writes_them() {
    let rules: Rules = serde_json::from_value(serde_json::json!({"daily": 30, "ceilingDays": 400})).unwrap();
    assert_eq!(rules, Rules { daily: 30, ceiling_days: Some(400), ..Rules::default() });
    assert!(serde_json::from_value::<Rules>(serde_json::json!({"hourly": 3})).is_err());
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let ceiling = prop_oneof![Just(None), (0u32..400).prop_map(Some)];
    (0u32..6, 0u32..20, 0u32..10, 0u32..14, 0u32..4, 0u32..40, ceiling).prop_map(
        |(last, daily, weekly, monthly, yearly, floor_days, above)| Rules {
            last,
            daily,
            weekly,
            monthly,
            yearly,
            floor_days,
            ceiling_days: above.map(|above| (floor_days + above).max(1)),
        },
    )
}

/// Up to 60 sets over up to two years, some in the future, some at the same time, in any order.
fn any_history() -> impl Strategy<Value = Vec<Committed>> {
    let one = (prop_oneof![-48i64..17_520, (0i64..730).prop_map(|day| day * 24)], prop::bool::weighted(0.1));
    prop::collection::vec(one, 0..60).prop_map(|ages| {
        let sets = ages.into_iter().enumerate();
        sets.map(|(n, (age, verified))| Committed { verified, ..set(format!("s{n:02}"), later(NOW, -age)) }).collect()
    })
}

/// How many periods count, and which one a date is in.
type Period<'a> = (u32, &'a dyn Fn(jiff::civil::Date) -> (i16, i16));

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// F28.
    #[test]
    fn no_rule_is_ever_broken(rules in any_rules(), mut sets in any_history(), acknowledged in any::<bool>()) {
        let zone = riga();
        let situation = Situation { legal_hold: false, acknowledged, now: NOW, zone: &zone };
        let verdict = decide(&rules, &sets, situation);
        let gone: BTreeSet<&str> = verdict.goes.iter().map(|gone| gone.id.as_str()).collect();
        let kept: BTreeSet<&str> = stays(&verdict).into_iter().collect();
        prop_assert_eq!(gone.len() + kept.len(), sets.len());
        prop_assert!(kept.is_disjoint(&gone) && verdict.stays.iter().all(|kept| !kept.reasons.is_empty()));

        let age = |set: &Committed| (NOW - set.recovery_point).get_seconds();
        let mut past: Vec<&Committed> = sets.iter().filter(|set| age(set) >= 0).collect();
        past.sort_by_key(|set| (std::cmp::Reverse(set.recovery_point), std::cmp::Reverse(&set.id)));
        let old = |set: &&Committed| rules.ceiling_days.is_some_and(|days| age(set) > i64::from(days) * 86_400);
        // The last two and the last verified stay, and nothing of the future goes.
        prop_assert!(past.iter().take(2).all(|set| kept.contains(set.id.as_str())));
        let verified = past.iter().find(|set| set.verified);
        prop_assert!(verified.is_none_or(|set| kept.contains(set.id.as_str())));
        prop_assert!(sets.iter().filter(|set| age(set) < 0).all(|set| kept.contains(set.id.as_str())));
        // Floor.
        prop_assert!(past.iter().filter(|set| age(set) < i64::from(rules.floor_days) * 86_400).all(|set| kept.contains(set.id.as_str())));
        // Ceiling: only those three stay, marked.
        for set in past.iter().filter(|set| old(set)) {
            let must = past.iter().take(2).chain(verified).any(|one| one.id == set.id);
            prop_assert_eq!(kept.contains(set.id.as_str()), must, "{:?}", set);
        }
        for one in &verdict.stays {
            prop_assert_eq!(one.past_ceiling, past.iter().any(|set| set.id == one.id && old(set)));
        }
        // Every period that the rules count has its newest set.
        let within: Vec<&&Committed> = past.iter().filter(|set| !old(set)).collect();
        let day = |set: &Committed| set.recovery_point.to_zoned(zone.clone()).date();
        let rows: [Period<'_>; 4] = [
            (rules.daily, &|d| (d.year(), d.day_of_year())),
            (rules.weekly, &|d| (d.iso_week_date().year(), i16::from(d.iso_week_date().week()))),
            (rules.monthly, &|d| (d.year(), i16::from(d.month()))),
            (rules.yearly, &|d| (d.year(), 0)),
        ];
        for (most, period) in rows {
            let mut newest: Vec<((i16, i16), &str)> = Vec::new();
            for set in &within {
                let of = period(day(set));
                if newest.last().is_none_or(|(last, _)| *last != of) { newest.push((of, set.id.as_str())); }
            }
            prop_assert!(newest.iter().take(most as usize).all(|(_, id)| kept.contains(id)));
        }
        prop_assert!(within.iter().take(rules.last as usize).all(|set| kept.contains(set.id.as_str())));
        // The brake: what had no place two days ago either is at most a fifth, or two.
        let then = Situation { acknowledged: true, now: later(NOW, -48), ..situation };
        let earlier = decide(&rules, &sets, then);
        let overdue = verdict.goes.iter().filter(|gone| !gone.past_ceiling && earlier.goes.iter().any(|one| one.id == gone.id)).count();
        prop_assert!(acknowledged || overdue <= (within.len() / 5).max(2));
        prop_assert!(!acknowledged || verdict.held.is_none());
        if verdict.held.is_some() {
            prop_assert!(verdict.goes.iter().all(|gone| gone.past_ceiling));
        }
        // The order of the list means nothing, and doing it again changes nothing.
        let left: Vec<Committed> = sets.iter().filter(|set| kept.contains(set.id.as_str())).cloned().collect();
        let again = decide(&rules, &left, situation);
        prop_assert_eq!(again.goes, Vec::new());
        sets.reverse();
        prop_assert_eq!(decide(&rules, &sets, situation), verdict);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rotation day by day, over turns of the year and of the clock, is nobody's business.
    #[test]
    fn daily_runs_never_ask_a_person(rules in any_rules(), per_day in 1i64..5, drill in 7i64..40, skip in 2usize..50) {
        let zone = riga();
        let begin = at("2026-11-20T01:00:00Z");
        let mut sets: Vec<Committed> = Vec::new();
        for day in 0..800i64 {
            for n in 0..per_day {
                // Some nights have no backup.
                if usize::try_from(day).unwrap() % skip != 1 {
                    sets.push(set(format!("{day:04}{n}"), later(begin, day * 24 + n * (24 / per_day)) - SignedDuration::from_hours(24)));
                }
            }
            if day % drill == 0 && let Some(last) = sets.last_mut() { last.verified = true; }
            // The hour of the run is not always the same.
            let now = later(begin, day * 24 + day % 5);
            let verdict = decide(&rules, &sets, Situation { legal_hold: false, acknowledged: false, now, zone: &zone });
            prop_assert_eq!(verdict.held, None, "day {}: {:?}", day, verdict.goes);
            let gone: BTreeSet<String> = verdict.goes.into_iter().map(|gone| gone.id).collect();
            sets.retain(|set| !gone.contains(&set.id));
        }
        prop_assert!(sets.len() >= 2);
    }
}

/// The turn of a year that begins on a Monday takes a day, a week, a month and a year from a small history at once.
#[test]
fn the_turn_of_the_year_is_rotation() {
    let rules = Rules { last: 2, daily: 2, weekly: 2, monthly: 2, yearly: 2, floor_days: 0, ceiling_days: None };
    let zone = riga();
    let mut sets: Vec<Committed> = Vec::new();
    let mut most = 0;
    for day in 0..500i64 {
        // Through Monday, 1 January 2029.
        let now = later(at("2027-10-01T02:00:00Z"), day * 24);
        sets.push(set(format!("{day}"), now));
        let verdict = decide(&rules, &sets, Situation { legal_hold: false, acknowledged: false, now, zone: &zone });
        assert_eq!(verdict.held, None);
        most = most.max(verdict.goes.len());
        let gone: BTreeSet<String> = verdict.goes.into_iter().map(|gone| gone.id).collect();
        sets.retain(|set| !gone.contains(&set.id));
    }
    assert!(most > 2, "no day took more than two, so this shows nothing");
}
