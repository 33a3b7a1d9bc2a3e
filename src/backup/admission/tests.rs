//! Pools, precedence and starvation, with a simulated clock.

use super::*;

const BEGIN: Timestamp = Timestamp::constant(1_800_000_000, 0);
const LIMITS: Limits = Limits { cluster: 20, per_target: 20, per_node: 4 };

fn minute(number: i64) -> Timestamp {
    BEGIN + SignedDuration::from_mins(number)
}

fn run(id: &str, purpose: Purpose, due: Timestamp) -> Run {
    Run { id: id.into(), tenant: format!("of-{id}"), target: "riga".into(), node: None, due, purpose }
}

fn admitted(waiting: &[Run], running: &[Run], limits: Limits) -> Vec<String> {
    admit(waiting, running, limits, &BTreeMap::new(), BEGIN)
}

/// The most that ran at once, and the minute in which each was done, when each takes so many minutes.
fn simulate(mut waiting: Vec<Run>, limits: Limits, takes: i64) -> (usize, BTreeMap<String, i64>) {
    let mut running: Vec<(i64, Run)> = Vec::new();
    let (mut most, mut done, mut now) = (0, BTreeMap::new(), 0);
    while !waiting.is_empty() || !running.is_empty() {
        running.retain(|(ends, run)| *ends > now || done.insert(run.id.clone(), now).is_some());
        let under_way: Vec<Run> = running.iter().map(|(_, run)| run.clone()).collect();
        for id in admit(&waiting, &under_way, limits, &BTreeMap::new(), minute(now)) {
            let at = waiting.iter().position(|run| run.id == id).unwrap();
            running.push((now + takes, waiting.remove(at)));
        }
        most = most.max(running.len());
        for node in ["n0", "n1", "n2"] {
            assert!(running.iter().filter(|(_, run)| run.node.as_deref() == Some(node)).count() <= limits.per_node as usize);
        }
        now += 1;
        assert!(now < 100_000, "it never ends");
    }
    (most, done)
}

/// F12.
#[test]
fn six_hundred_apps_due_in_one_minute_are_done_in_the_computed_time() {
    let apps: Vec<Run> = (0..600).map(|n| run(&format!("{n:03}"), Purpose::Backup, BEGIN)).collect();
    let needs = LIMITS.needs(600, SignedDuration::from_mins(2));
    assert_eq!(needs, SignedDuration::from_mins(60));
    let (most, done) = simulate(apps, LIMITS, 2);
    assert_eq!((most, done.len()), (20, 600), "the pool is used, and never more");
    assert_eq!(done.values().max().copied(), Some(needs.as_mins()));
}

#[test]
fn no_pool_is_ever_exceeded() {
    let apps = (0..300).map(|n| Run { node: Some(format!("n{}", n % 3)), ..run(&format!("{n:03}"), Purpose::Backup, BEGIN) });
    let (most, done) = simulate(apps.collect(), LIMITS, 2);
    assert_eq!((most, done.len()), (12, 300));
    let two = |n: usize| Run { target: format!("t{}", n % 2), ..run(&format!("{n:03}"), Purpose::Backup, BEGIN) };
    let waiting: Vec<Run> = (0..50).map(two).collect();
    let limits = Limits { per_target: 3, ..LIMITS };
    let begun = admitted(&waiting, &[], limits);
    assert_eq!(begun.len(), 6);
    let running: Vec<Run> = waiting.iter().filter(|run| begun.contains(&run.id)).cloned().collect();
    assert_eq!(admitted(&waiting, &running, limits), Vec::<String>::new(), "what runs counts, and runs once");
}

#[test]
fn somebody_who_waits_goes_before_backups_and_these_before_drills() {
    let mut waiting = vec![
        run("drill", Purpose::Drill, minute(-300)),
        run("late", Purpose::Backup, minute(-10)),
        run("early", Purpose::Backup, minute(-20)),
        run("restore", Purpose::Restore, minute(0)),
        run("final", Purpose::Final, minute(0)),
        run("tomorrow", Purpose::Restore, minute(1)),
    ];
    let expected = ["final", "restore", "early", "late", "drill"];
    assert_eq!(admitted(&waiting, &[], LIMITS), expected);
    waiting.reverse();
    assert_eq!(admitted(&waiting, &[], LIMITS), expected, "the order of the list means nothing");
    assert_eq!(admitted(&waiting, &[], Limits { cluster: 2, ..LIMITS }), expected[..2]);
}

/// More is due than the pool can do, for ever; each kind gets on all the same.
#[test]
fn nobody_starves() {
    let limits = Limits { cluster: 1, ..LIMITS };
    let mut waiting = vec![run("drill", Purpose::Drill, minute(0)), run("backup", Purpose::Backup, minute(0))];
    let mut done = BTreeMap::new();
    for now in 0..4000 {
        waiting.push(run(&format!("restore{now}"), Purpose::Restore, minute(now)));
        for id in admit(&waiting, &[], limits, &BTreeMap::new(), minute(now)) {
            waiting.retain(|run| run.id != id);
            done.insert(id, now);
        }
    }
    assert!(
        done["backup"] >= 12 * 60 && done["backup"] < 13 * 60 && done["drill"] >= 36 * 60 && done["drill"] < 37 * 60,
        "{:?}",
        (done["backup"], done["drill"])
    );
}

#[test]
fn who_only_reads_a_repository_is_let_in_by_all_but_who_changes_it() {
    let of_one = |id, purpose| Run { tenant: "cesis".into(), ..run(id, purpose, BEGIN) };
    let all = [Purpose::Final, Purpose::Restore, Purpose::Before, Purpose::Backup, Purpose::Drill, Purpose::Upkeep];
    let reads = |purpose| matches!(purpose, Purpose::Restore | Purpose::Drill);
    for inside in all {
        for waits in all {
            let may = (reads(inside) || reads(waits)) && inside != Purpose::Upkeep && waits != Purpose::Upkeep;
            let let_in = !admitted(&[of_one("waits", waits)], &[of_one("inside", inside)], LIMITS).is_empty();
            assert_eq!(let_in, may, "{waits:?} while {inside:?}");
        }
    }
    // Those that wait together do not come in together either.
    let waiting = [of_one("backup", Purpose::Backup), of_one("upkeep", Purpose::Upkeep), of_one("restore", Purpose::Restore)];
    assert_eq!(admitted(&waiting, &[], LIMITS), ["restore", "backup"]);
}

#[test]
fn what_is_parked_holds_up_nobody_else() {
    let open = (0..3).fold(Breaker::default(), |breaker, _| breaker.run_failed(BEGIN));
    let breakers = BTreeMap::from([("riga".to_string(), open), ("liepaja".to_string(), Breaker::default().run_failed(BEGIN))]);
    let mut waiting: Vec<Run> = (0..30).map(|n| run(&format!("{n:02}"), Purpose::Restore, BEGIN)).collect();
    waiting.push(Run { target: "liepaja".into(), ..run("other", Purpose::Drill, BEGIN) });
    waiting.push(run("tomorrow", Purpose::Backup, minute(1)));
    assert_eq!(admit(&waiting, &[], LIMITS, &breakers, BEGIN), ["other"]);
    assert_eq!(parked(&waiting, &breakers, BEGIN), 30);
}
