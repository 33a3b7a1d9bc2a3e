//! Whose turn it is, from what stands in grants and status alone.

use super::*;
use crate::request::app::Earlier;
use proptest::prelude::*;

const NEW: &str = "new";
const OLD: &str = "old";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn target() -> Target<'static> {
    let rollout = Rollout { canaries: 1, batch: 2, fail_after: 1, deadline_seconds: 60 };
    Target { version: "1.0", revision: NEW, rollout, maintainer: "ventspils", allowed: None, resumed: None }
}

/// An app of a municipality with what it has.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with a name of its own")]
struct App {
    key: AppKey,
    grant: Grant,
    health: Health,
    answered: Option<String>,
    goes_back: bool,
    migrates: bool,
    secured: bool,
    returns: bool,
    unfit: bool,
    asks: bool,
    looked_at: bool,
}

impl App {
    fn with_old(municipality: &str) -> Self {
        let grant = Grant { version: "1.0".into(), revision: OLD.into(), revision_since: at(-1000).to_string(), ..Grant::default() };
        let key = AppKey::new(municipality, "web");
        Self {
            key,
            grant,
            health: Health::Answers,
            answered: Some(OLD.into()),
            goes_back: false,
            migrates: false,
            secured: true,
            returns: false,
            unfit: false,
            asks: false,
            looked_at: true,
        }
    }

    /// What a decision with this course makes of it.
    fn take(&mut self, course: &Course, now: Timestamp) {
        let had = Earlier { version: "1.0".into(), revision: self.grant.revision.clone(), until: now.to_string() };
        match course {
            Course::Move => {
                let good = self.grant.before.take().filter(|before| self.answered.as_ref() == Some(&before.revision));
                self.grant.before = Some(good.unwrap_or(had));
                self.grant.failed = None;
                self.grant.revision = NEW.into();
            }
            Course::Back => {
                self.grant.revision = self.grant.before.take().unwrap().revision;
                self.grant.failed = Some(had);
            }
            _ => return,
        }
        self.grant.revision_since = now.to_string();
        self.health = Health::Silent(now);
    }

    fn answer(&mut self) {
        self.health = Health::Answers;
        self.answered = Some(self.grant.revision.clone());
    }
}

fn paced(target: Target<'_>, apps: &[App], now: Timestamp) -> Pace {
    let followers: Vec<Follower<'_>> = apps
        .iter()
        .map(|app| Follower {
            key: &app.key,
            created: None,
            grant: &app.grant,
            asks: app.asks,
            goes_back: app.goes_back,
            migrates: app.migrates,
            secured: app.secured,
            returns: app.returns,
            looked_at: app.looked_at,
            stuck: false,
            unfit: app.unfit,
            health: app.health,
            answered: app.answered.as_deref(),
        })
        .collect();
    pace(target, &followers, now)
}

/// Lets everybody whose turn it is change, and says who that was.
fn step(target: Target<'_>, apps: &mut [App], now: Timestamp) -> (Vec<String>, Pace) {
    let pace = paced(target, apps, now);
    let mut moved = Vec::new();
    for (app, course) in apps.iter_mut().zip(&pace.courses) {
        if matches!(course, Course::Move | Course::Back) {
            moved.push(app.key.municipality.clone());
        }
        app.take(course, now);
    }
    (moved, pace)
}

fn towns() -> Vec<App> {
    ["cesis", "jelgava", "liepaja", "ventspils"].map(App::with_old).into_iter().collect()
}

#[test]
fn the_maintainer_goes_first_then_two_at_a_time() {
    let mut apps = towns();
    let (moved, pace) = step(target(), &mut apps, at(0));
    assert_eq!((moved, pace.status.phase), (vec!["ventspils".to_string()], Phase::Canaries));
    let (moved, pace) = step(target(), &mut apps, at(1));
    assert_eq!((moved.len(), pace.status.phase, pace.look_again), (0, Phase::Canaries, Some(at(60))), "it waits for the first");
    apps[3].answer();
    let (moved, pace) = step(target(), &mut apps, at(2));
    assert_eq!((moved, pace.status.phase), (vec!["cesis".to_string(), "jelgava".into()], Phase::Rolling));
    apps[1].answer();
    let (moved, _) = step(target(), &mut apps, at(3));
    assert_eq!(moved, ["liepaja"], "a place became free");
    apps.iter_mut().for_each(App::answer);
    let (moved, pace) = step(target(), &mut apps, at(4));
    assert_eq!((moved.len(), pace.status.phase, pace.status.updated, pace.look_again), (0, Phase::Done, 4, None));
}

#[test]
fn one_that_does_not_answer_goes_back_and_stops_the_others_until_an_admin_resumes() {
    let mut apps = towns();
    step(target(), &mut apps, at(0));
    let (moved, pace) = step(target(), &mut apps, at(60));
    assert_eq!((moved, pace.status.phase), (vec!["ventspils".to_string()], Phase::Stopped));
    assert_eq!((apps[3].grant.revision.as_str(), &apps[3].grant.failed.as_ref().unwrap().revision[..]), (OLD, NEW));
    apps[3].answer();
    let (moved, pace) = step(target(), &mut apps, at(1000));
    assert_eq!(moved, Vec::<String>::new());
    assert!(pace.courses[..3].iter().all(|course| *course == Course::Halted(apps[3].key.clone())), "{:?}", pace.courses);
    assert_eq!(pace.courses[3], Course::WentBack);
    assert!(pace.status.message.contains("ventspils/web did not answer"), "{}", pace.status.message);

    // An acknowledgement from before the failure does nothing; a later one lets everybody try again.
    let early = Target { resumed: Some(at(59)), ..target() };
    assert_eq!(paced(early, &apps, at(1001)).status.phase, Phase::Stopped);
    let (moved, pace) = step(Target { resumed: Some(at(1001)), ..target() }, &mut apps, at(1002));
    assert_eq!((moved, pace.status.phase), (vec!["ventspils".to_string()], Phase::Canaries));
}

#[test]
fn an_edit_after_a_failure_is_another_change_and_is_tried() {
    let mut apps = towns();
    step(target(), &mut apps, at(0));
    step(target(), &mut apps, at(60));
    apps[3].answer();
    let mended = Target { revision: "mended", ..target() };
    assert_eq!(paced(mended, &apps, at(61)).courses[3], Course::Move);
}

#[test]
fn what_migrates_waits_for_an_admin_and_does_not_go_back() {
    let mut apps = towns();
    for app in &mut apps {
        app.migrates = true;
    }
    let pace = paced(target(), &apps, at(0));
    assert_eq!(pace.status.phase, Phase::AwaitingAcknowledgement);
    assert!(pace.courses.iter().all(|course| *course == Course::Unacknowledged(Because::Migrates)));
    assert!(pace.status.message.contains("kopnams.lv/allow-revision on the entry to new"), "{}", pace.status.message);
    // Another revision was allowed, so this one was not.
    assert_eq!(paced(Target { allowed: Some(OLD), ..target() }, &apps, at(0)).status.phase, Phase::AwaitingAcknowledgement);

    let allowed = Target { allowed: Some(NEW), ..target() };
    step(allowed, &mut apps, at(0));
    let (moved, pace) = step(allowed, &mut apps, at(61));
    assert_eq!((moved.len(), pace.status.phase), (0, Phase::Stopped), "its data is of the new shape, so it stays");
    assert_eq!(apps[3].grant.revision, NEW);
    // An admin who has looked lets the others go on.
    assert_eq!(paced(Target { resumed: Some(at(59)), ..allowed }, &apps, at(62)).status.phase, Phase::Stopped, "before it failed");
    let pace = paced(Target { resumed: Some(at(62)), ..allowed }, &apps, at(62));
    assert_eq!((pace.status.phase, &pace.courses[0]), (Phase::Canaries, &Course::Move));
}

#[test]
fn what_was_written_before_this_process_led_sends_nobody_back() {
    let mut apps = towns();
    step(target(), &mut apps, at(0));
    apps[3].looked_at = false;
    let pace = paced(target(), &apps, at(1000));
    assert_eq!((pace.status.phase, &pace.courses[3]), (Phase::Canaries, &Course::UpToDate));
    apps[3].looked_at = true;
    assert_eq!(paced(target(), &apps, at(1001)).courses[3], Course::Back);
}

#[test]
fn what_an_earlier_change_broke_gets_the_next_first_and_goes_back_to_what_answered() {
    let mut apps = towns();
    step(target(), &mut apps, at(0));
    let next = Target { revision: "mended", ..target() };
    let pace = paced(next, &apps, at(10));
    let moves: Vec<usize> = (0..4).filter(|at| pace.courses[*at] == Course::Move).collect();
    assert_eq!(moves, [3], "it is broken, and the others are well");
    apps[3].take(&Course::Move, at(10));
    assert_eq!(apps[3].grant.before.as_ref().unwrap().revision, OLD, "what never answered is nothing to go back to");
}

#[test]
fn a_stopped_app_proves_nothing() {
    let mut apps = towns();
    apps[3].health = Health::Suspended;
    let (moved, _) = step(target(), &mut apps, at(0));
    assert_eq!(moved, ["cesis"]);
    apps[0].health = Health::Suspended;
    let (moved, pace) = step(target(), &mut apps, at(1));
    assert_eq!((moved, pace.status.phase), (vec!["jelgava".to_string()], Phase::Canaries));
}

#[test]
fn an_older_version_is_not_given_silently() {
    let mut apps = towns();
    for app in &mut apps {
        app.goes_back = true;
    }
    let pace = paced(target(), &apps, at(0));
    assert_eq!((pace.status.phase, &pace.courses[0]), (Phase::AwaitingAcknowledgement, &Course::Unacknowledged(Because::GoesBack)));
    // A request that names the older version says so aloud.
    apps[0].asks = true;
    assert_eq!(paced(target(), &apps, at(0)).courses[0], Course::Move);
    let allowed = Target { allowed: Some(NEW), ..target() };
    assert_eq!(paced(allowed, &apps, at(0)).courses[3], Course::Move);
}

#[test]
fn what_never_answered_is_no_fault_of_the_change() {
    let mut apps = towns();
    apps[3].health = Health::Silent(at(-1000));
    apps[3].answered = None;
    let (moved, _) = step(target(), &mut apps, at(0));
    assert_eq!(moved, ["cesis"], "what does not answer is not tried first");
    apps[0].answer();
    step(target(), &mut apps, at(1));
    apps[1].answer();
    apps[2].answer();
    step(target(), &mut apps, at(2));
    let (moved, pace) = step(target(), &mut apps, at(1000));
    assert_eq!((moved.len(), pace.status.phase, pace.status.failed), (0, Phase::Done, 0));
    assert_eq!(apps[3].grant.revision, NEW, "it may be mended by the change, and has nothing to go back to");
}

#[test]
fn one_that_falls_ill_later_holds_the_others_back_and_keeps_what_it_has() {
    let target = Target { rollout: Rollout { batch: 1, ..target().rollout }, ..target() };
    let mut apps = towns();
    step(target, &mut apps, at(0));
    apps[3].answer();
    step(target, &mut apps, at(1));
    apps[3].health = Health::Silent(at(2));
    apps[0].answer();
    let (moved, pace) = step(target, &mut apps, at(3));
    assert_eq!((moved.len(), pace.status.phase, pace.look_again), (0, Phase::Rolling, Some(at(62))), "it takes the only place");
    let (_, pace) = step(target, &mut apps, at(62));
    assert_eq!((pace.status.phase, &*apps[3].grant.revision), (Phase::Stopped, NEW));
    apps[3].answer();
    let (moved, _) = step(target, &mut apps, at(63));
    assert_eq!(moved, ["jelgava"], "well again, it holds nobody back");
}

#[test]
fn who_does_not_fit_keeps_what_it_has_and_holds_nobody_back() {
    let mut apps = towns();
    apps[3].unfit = true;
    let (moved, _) = step(target(), &mut apps, at(0));
    assert_eq!(moved, ["cesis"]);
    for second in 1..5 {
        apps[..3].iter_mut().for_each(App::answer);
        step(target(), &mut apps, at(second));
    }
    let pace = paced(target(), &apps, at(9));
    assert_eq!((pace.status.phase, pace.status.unfit, &pace.courses[3]), (Phase::Incomplete, 1, &Course::Unfit));
    assert!(pace.status.message.contains("ventspils/web"), "{}", pace.status.message);
}

proptest! {
    /// However apps fare: no more change at once than allowed, none after the limit of failures, and it comes to an end.
    #[test]
    fn limits_are_kept_however_apps_fare(
        canaries in 0_u32..4, batch in 1_u32..4, fail_after in 1_u32..4, fares in proptest::collection::vec(0_u8..4, 1..12), allow in any::<bool>(),
    ) {
        let rollout = Rollout { canaries, batch, fail_after, deadline_seconds: 60 };
        let target = Target { rollout, allowed: allow.then_some(NEW), ..target() };
        let with_old = |at: usize| App { migrates: allow, ..App::with_old(&format!("m{at:02}")) };
        let mut apps: Vec<App> = (0..fares.len()).map(with_old).collect();
        let mut moves = vec![0; apps.len()];
        let mut last = None;
        for second in 0..i64::try_from(fares.len()).unwrap() * 200 {
            let now = at(second);
            let pace = paced(target, &apps, now);
            let stopped = pace.status.phase == Phase::Stopped;
            for (index, course) in pace.courses.iter().enumerate() {
                if *course == Course::Move {
                    prop_assert!(!stopped);
                    moves[index] += 1;
                }
                apps[index].take(course, now);
            }
            let given_time = |app: &&App| matches!(app.health, Health::Silent(since) if now.duration_since(since).as_secs() < 60);
            let in_flight = apps.iter().filter(|app| app.grant.revision == NEW).filter(given_time).count();
            prop_assert!(in_flight <= canaries.max(batch) as usize, "{in_flight} at once");
            // 0 answers at once, 1 after half a minute, 2 never with the new one, 3 at the last second.
            for (app, fare) in apps.iter_mut().zip(&fares) {
                let Health::Silent(since) = app.health else { continue };
                let after = now.duration_since(since).as_secs();
                let answers = match fare { 0 => true, 1 => after >= 30, 2 => app.grant.revision == OLD, _ => after >= 59 };
                if answers {
                    app.answer();
                }
            }
            last = Some(pace);
        }
        prop_assert!(moves.iter().all(|moves| *moves <= 1), "nobody is moved twice: {moves:?}");
        let failing = fares.iter().map(|fare| u32::from(*fare == 2)).sum::<u32>();
        let status = last.unwrap().status;
        prop_assert!(status.failed <= fail_after - 1 + canaries.max(batch), "{status:?}");
        match status.phase {
            Phase::Done => prop_assert_eq!(failing, 0),
            Phase::Incomplete => prop_assert!(failing > 0 && failing < fail_after),
            Phase::Stopped => prop_assert!(failing >= fail_after),
            other => prop_assert!(false, "it does not come to an end: {:?} {:?}", other, status),
        }
    }
}

#[test]
fn what_migrates_waits_for_a_set_that_was_tried_and_a_restore_leads_back() {
    let mut apps = towns();
    for app in &mut apps {
        (app.migrates, app.secured) = (true, false);
    }
    let allowed = Target { allowed: Some(NEW), ..target() };
    for second in 0..3 {
        let (moved, pace) = step(allowed, &mut apps, at(second));
        assert_eq!((moved.len(), &pace.courses[3], &pace.courses[0]), (0, &Course::Secures, &Course::Waits), "one after another");
    }
    apps[3].secured = true;
    assert_eq!(step(allowed, &mut apps, at(3)).0, ["ventspils"]);
    apps[3].answer();
    apps[3].returns = true;
    let (moved, pace) = step(allowed, &mut apps, at(4));
    assert_eq!((moved, pace.status.phase), (vec!["ventspils".to_string()], Phase::Stopped), "what was undone is given to nobody else");
    assert_eq!(apps[3].grant.revision, OLD);
    apps[3].returns = false;
    assert_eq!(paced(allowed, &apps, at(5)).courses[3], Course::WentBack);
    // A request that asks for it by itself is no exception.
    apps[0].asks = true;
    assert_eq!(paced(allowed, &apps, at(6)).courses[0], Course::Secures);
}
