//! What lies between two sets of files.

use super::*;
use crate::review::tests::{PLATFORM, app, tree};

fn changed(base: &[&str], head: &[&str]) -> Change {
    change(&tree(base), &tree(head), &Definitions::compile().unwrap())
}

/// What becomes of the apps that become otherwise.
fn told(change: &Change) -> Vec<String> {
    let touched = change.touched().map(|(key, outcome)| {
        let what = match outcome {
            Outcome::Created(_) => "created",
            Outcome::Changed { .. } => "changed",
            Outcome::Refused { .. } => "refused",
            Outcome::Unchanged(_) | Outcome::Elsewhere(_) => "?",
        };
        format!("{} {what}", key.app)
    });
    touched.chain(change.removed.keys().map(|key| format!("{} removed", key.app))).collect()
}

#[test]
fn the_same_files_come_to_nothing() {
    // Two that want one name: who has it depends on the order, and the one that was refused says something else then.
    let (a, b) = (app("a", ", hostname: www.riga.example.lv, size: huge"), app("b", ", hostname: www.riga.example.lv"));
    let files = [PLATFORM, &a, &b];
    let change = changed(&files, &files);
    assert_eq!((told(&change), change.is_refused()), (Vec::new(), false), "{:?}", change.new);
    // Touched, it is looked at.
    let mended = app("a", ", hostname: www.riga.example.lv, size: large");
    let change = changed(&files, &[PLATFORM, &mended, &b]);
    assert_eq!((told(&change), change.is_refused()), (vec!["a refused".into()], true), "the other one had it before");
}

#[test]
fn what_is_there_keeps_its_place_and_what_goes_makes_room() {
    let (a, b) = (app("a", ", size: large"), app("b", ", size: large"));
    // Of two large ones there is room for one.
    let change = changed(&[PLATFORM, &b], &[PLATFORM, &a, &b]);
    assert_eq!(told(&change), ["a refused"], "though it comes first by its name");
    let change = changed(&[PLATFORM, &b], &[PLATFORM, &a]);
    assert_eq!((told(&change), change.is_refused()), (vec!["a created".into(), "b removed".into()], false));
    let small = app("b", ", size: small");
    assert_eq!(told(&changed(&[PLATFORM, &small], &[PLATFORM, &b])), ["b changed"]);
    let change = changed(&[PLATFORM, &b], &[PLATFORM, &small]);
    assert_eq!((told(&change), change.new[0].code.as_str()), (vec!["b refused".into()], "StorageShrinks"));
}

#[test]
fn only_what_the_change_makes_wrong_is_its_fault() {
    let wrong = app("wrong", ", size: huge");
    let change = changed(&[PLATFORM, &wrong], &[PLATFORM, &format!("# moved\n\n{wrong}"), &app("a", "")]);
    assert_eq!((told(&change), change.is_refused()), (vec!["a created".into()], false));
    let change = changed(&[PLATFORM, &app("a", "")], &[PLATFORM, &wrong.replace("name: wrong", "name: a")]);
    assert_eq!((told(&change), change.new.len()), (vec!["a refused".into()], 1));
    // A platform that takes away what an app has is at fault for that app.
    let change =
        changed(&[PLATFORM, &app("a", ", size: large")], &[&PLATFORM.replace("    large:", "    bulky:"), &app("a", ", size: large")]);
    assert_eq!((told(&change), change.is_refused()), (vec!["a refused".into()], true));
}

#[test]
fn no_time_is_in_it() {
    let text = |change: &Change| format!("{:?} {:?}", change.after.apps, change.new);
    let files = ([PLATFORM], [PLATFORM, &*app("a", ", hostname: www.riga.example.lv").leak()]);
    let first = text(&changed(&files.0, &files.1));
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(first, text(&changed(&files.0, &files.1)));
    let taken = app("b", ", hostname: www.riga.example.lv");
    let said = changed(&files.1, &[files.1[0], files.1[1], &taken]).new.remove(0).message;
    assert!(said.contains("is claimed by riga/a; write another name"), "{said}");
}
