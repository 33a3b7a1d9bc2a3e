//! What a breaker does alone, and an outage with the schedule and the pools around it.

use super::*;
use crate::backup::admission::{Limits, Purpose, Run, admit};
use crate::backup::schedule::{Failure, History, Next, Rhythm, Window, next_due};
use crate::backup::work::Class;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

const BEGIN: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn second(number: i64) -> Timestamp {
    BEGIN + SignedDuration::from_secs(number)
}

fn opened() -> Breaker {
    (0..3).fold(Breaker::default(), |breaker, n| breaker.run_failed(second(n)))
}

#[test]
fn three_failures_in_a_row_open_it() {
    let twice = Breaker::default().run_failed(BEGIN).run_failed(BEGIN);
    assert!(twice.admits() && !twice.clone().probe_failed(BEGIN).admits() && !twice.clone().run_failed(BEGIN).admits());
    assert!(twice.good(BEGIN).run_failed(BEGIN).run_failed(BEGIN).admits(), "in a row");
    assert_eq!(opened().open_since, Some(second(2)));
}

#[test]
fn a_target_in_doubt_is_probed_and_one_that_answers_is_not() {
    assert!(!Breaker::default().wants_probe(second(1_000_000)));
    let doubt = Breaker::default().run_failed(BEGIN);
    assert_eq!(doubt.probe_at(), Some(second(30)));
    assert_eq!(doubt.probing(second(30)).probe_at(), Some(second(60)), "one at a time");
    assert_eq!(opened().good(second(5)).probe_at(), None);
}

#[test]
fn while_it_is_open_there_is_one_probe_at_a_time_with_growing_intervals() {
    let mut breaker = opened();
    let mut waits = Vec::new();
    let mut now = second(2);
    for _ in 0..7 {
        let next = breaker.probe_at().unwrap();
        waits.push(next.duration_since(now).as_secs());
        now = next;
        assert!(breaker.wants_probe(now) && !breaker.wants_probe(now - SignedDuration::from_secs(1)));
        breaker = breaker.probing(now);
        assert!(breaker.state == State::HalfOpen && !breaker.admits() && !breaker.wants_probe(now + SignedDuration::from_secs(60)));
        breaker = breaker.probe_failed(now);
        assert_eq!(breaker.state, State::Open);
    }
    assert_eq!(waits, [30, 60, 120, 240, 300, 300, 300]);
    assert_eq!(breaker.open_since, Some(second(2)), "it is one outage");
    let closed = breaker.probing(now).good(now);
    assert!(closed.admits() && closed.open_since.is_none() && closed.failures == 0 && closed.last_good == Some(now));
}

#[test]
fn a_probe_that_is_lost_with_its_process_is_made_again() {
    let breaker = opened().probing(second(40));
    assert!(!breaker.wants_probe(second(40 + 299)));
    assert!(breaker.wants_probe(second(40 + 300)));
}

#[test]
fn runs_that_end_after_it_opened_do_not_push_the_probe_back() {
    let late = (0..50).fold(opened(), |breaker, n| breaker.run_failed(second(20 + n)));
    assert_eq!((late.probe_at(), late.failures), (opened().probe_at(), 3));
}

#[test]
fn it_is_kept_in_a_status() {
    let json = serde_json::to_value(opened()).unwrap();
    assert_eq!(json["state"], "Open");
    assert_eq!(json["openSince"], "2027-01-15T08:00:02Z");
    assert_eq!(serde_json::from_value::<Breaker>(json).unwrap(), opened());
    assert_eq!(serde_json::from_str::<Breaker>("{}").unwrap(), Breaker::default());
}

/// F13: the target is away for three hours, in the middle of a night in which 200 apps are backed up.
#[test]
fn an_outage_of_three_hours_costs_each_app_one_failed_run_at_most_and_mends_itself() {
    let (window, zone) = (Window { from: "22:00".into(), to: "05:00".into() }, TimeZone::UTC);
    let rhythm = Rhythm { window: &window, zone: &zone, rpo: SignedDuration::from_hours(24) };
    let begin: Timestamp = "2027-01-15T21:00:00Z".parse().unwrap();
    let hour = |number: i64| begin + SignedDuration::from_hours(number);
    let away = |now: Timestamp| now >= hour(3) && now < hour(6);
    let limits = Limits { cluster: 10, ..Limits::default() };

    let mut breaker = Breaker::default();
    let mut apps: BTreeMap<String, History> = BTreeMap::new();
    for n in 0..200 {
        let earlier = Some(hour(-12));
        let history = History { created: earlier, answered: earlier, last_started: earlier, last_success: earlier, ..History::default() };
        apps.insert(format!("tenant-{n}"), history);
    }
    let mut running: Vec<(Timestamp, Run)> = Vec::new();
    let mut failures: BTreeMap<String, u32> = BTreeMap::new();
    let (mut probes, mut started_while_open, mut opened, mut closed) = (0, 0, None, None);
    let mut now = begin;
    while now < hour(12) {
        // What ends, two minutes after it began; with the target away, it fails.
        let (ended, still): (Vec<_>, Vec<_>) = running.into_iter().partition(|(ends, _)| *ends <= now);
        running = still;
        for (_, run) in ended {
            let history = apps.get_mut(&run.tenant).unwrap();
            if away(now) {
                *failures.entry(run.tenant.clone()).or_default() += 1;
                let in_a_row = history.failure.map_or(0, |failure| failure.in_a_row) + 1;
                history.failure = Some(Failure { class: Class::Unreachable, ended: now, in_a_row });
                breaker = breaker.run_failed(now);
            } else {
                history.failure = None;
                history.last_success = Some(now);
                breaker = breaker.good(now);
            }
        }
        if breaker.wants_probe(now) {
            probes += 1;
            breaker = breaker.probing(now);
            breaker = if away(now) { breaker.probe_failed(now) } else { breaker.good(now) };
        }
        if !breaker.admits() {
            opened = opened.or(Some(now));
        } else if opened.is_some() {
            closed = closed.or(Some(now));
        }
        let mut waiting = Vec::new();
        for (tenant, history) in &mut apps {
            history.target_good = breaker.last_good;
            if running.iter().any(|(_, run)| run.tenant == *tenant) {
                continue;
            }
            if let Next::Now(slot) = next_due(tenant, rhythm, history, now) {
                let id = format!("{tenant}-{}", slot.name);
                let target = "riga".to_string();
                waiting.push(Run { id, tenant: tenant.clone(), target, node: None, due: slot.at, purpose: Purpose::Backup });
            }
        }
        let under_way: Vec<Run> = running.iter().map(|(_, run)| run.clone()).collect();
        let breakers = BTreeMap::from([("riga".to_string(), breaker.clone())]);
        for id in admit(&waiting, &under_way, limits, &breakers, now) {
            let run = waiting.iter().find(|run| run.id == id).unwrap().clone();
            started_while_open += u32::from(!breaker.admits());
            apps.get_mut(&run.tenant).unwrap().last_started = Some(now);
            running.push((now + SignedDuration::from_mins(2), run));
        }
        now += SignedDuration::from_secs(30);
    }
    assert!(failures.values().all(|failed| *failed == 1) && !failures.is_empty() && failures.len() < 20, "{failures:?}");
    assert_eq!(started_while_open, 0);
    assert!(opened.is_some_and(|at| at < hour(3) + SignedDuration::from_mins(10)), "{opened:?}");
    assert!(closed.is_some_and(|at| at >= hour(6) && at <= hour(6) + LONGEST + SignedDuration::from_secs(30)), "{closed:?}");
    assert!(probes > 30 && probes < 60, "{probes} probes in three hours");
    let after = apps.values().filter(|history| history.last_success > Some(begin) && history.failure.is_none()).count();
    assert_eq!(after, 200, "every app has its backup of the night");
}
