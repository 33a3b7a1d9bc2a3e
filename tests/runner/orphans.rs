//! What runs left that never came to a set goes, and nothing else.

use crate::world::{Tenant, part, world};
use kopnams::backup::work::{Class, Holds, Task};
use std::collections::BTreeMap;
use std::fs;

/// Tags of all snapshots, by id.
fn snapshots(tenant: &Tenant<'_>) -> BTreeMap<String, String> {
    let said = tenant.restic(&["snapshots", "--json"]);
    let all: Vec<serde_json::Value> = serde_json::from_slice(&said.stdout).unwrap();
    all.iter().map(|one| (one["id"].as_str().unwrap().to_owned(), one["tags"].to_string())).collect()
}

/// A snapshot as a runner would have made it at that time.
fn left(tenant: &Tenant<'_>, run: &str, part: &str, time: &str, content: &str) -> String {
    let folder = tenant.folder.join("left");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("manifest.json"), content).unwrap();
    let args = [
        "backup".to_owned(),
        ".".to_owned(),
        "--force".to_owned(),
        "--json".to_owned(),
        "--quiet".to_owned(),
        format!("--host=tenant-{}", tenant.name),
        format!("--tag=run={run}"),
        format!("--tag=part={part}"),
        format!("--tag=set={run}"),
        format!("--time={time}"),
    ];
    let output = tenant.restic_in(&folder, &args.each_ref().map(String::as_str));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(output.stdout.trim_ascii()).unwrap();
    summary["snapshot_id"].as_str().unwrap().to_owned()
}

fn forget(known: Option<&[&str]>) -> Task {
    Task::Forget {
        snapshots: Vec::new(),
        prune: true,
        known: known.map(|known| known.iter().map(|&run| run.to_owned()).collect()),
        holds: Holds::new(),
        lost: Vec::new(),
        deleted_days: None,
    }
}

const OLD: &str = "2026-01-01 00:00:00";

#[test]
fn what_never_came_to_a_set_goes_after_two_days_and_nothing_else_does() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("orphans");
    tenant.file("page", "x");
    let lost = tenant.set("lost");
    tenant.set("listed");
    // A run of just now that has not come to its end.
    let fresh = tenant.does("fresh", part("volume:data", &tenant.volume())).snapshot.unwrap();
    let orphan = left(&tenant, "failed", "volume:data", OLD, "x");
    let configuration = left(&tenant, "failed", "configuration", OLD, "x");
    let mut stays = vec![
        fresh,
        left(&tenant, "working", "volume:data", OLD, "it is still at work"),
        // Old parts of runs that have a manifest: one that cannot be read, and one of the future.
        left(&tenant, "unread", "volume:data", OLD, "x"),
        left(&tenant, "unread", "manifest", OLD, "{\"set\": "),
        left(&tenant, "ahead", "volume:data", OLD, "x"),
        left(&tenant, "ahead", "manifest", "2999-01-01 00:00:00", "{}"),
        left(&tenant, "strange", "something", OLD, "no part"),
    ];
    // A manifest that lists what another run made.
    let listed = left(&tenant, "other", "volume:data", OLD, "x");
    let id = lost.snapshot.clone().unwrap();
    let genuine = String::from_utf8(tenant.restic(&["dump", &id, "/manifest.json"]).stdout).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&genuine).unwrap();
    let genuine = genuine.replace(manifest["parts"][0]["snapshot"].as_str().unwrap(), &listed);
    stays.extend([listed, left(&tenant, "borrower", "manifest", OLD, &genuine)]);

    tenant.fails("upkeep", forget(Some(&["listed", "working"])), Class::Refused);
    let before = snapshots(&tenant);
    assert!(before.contains_key(&orphan), "the writer can forget nothing");
    tenant.as_admin();
    let none = tenant.does("upkeep", forget(None));
    assert_eq!(snapshots(&tenant), before, "nothing is forgotten unless all that is known is told");
    assert!(!none.message.contains("without a set"), "{}", none.message);
    let told = tenant.does("upkeep", forget(Some(&["listed", "working"]))).message;
    assert!(told.contains("2 more are forgotten, which runs without a set left"), "{told}");
    let mut rest = before.clone();
    assert!(rest.remove(&orphan).is_some() && rest.remove(&configuration).is_some());
    assert_eq!(snapshots(&tenant), rest);
    assert!(stays.iter().all(|id| rest.contains_key(id)), "{rest:?}");
    // The vault knows nothing of this one, and it is all there is.
    tenant.does("upkeep", forget(Some(&[])));
    assert_eq!(tenant.sets(), ["lost", "listed"]);
    tenant.does("drill", tenant.restore_all(&id, "lost"));
    assert!(!snapshots(&tenant).contains_key(&stays[1]), "nobody says any more that it is at work");
}

/// F27
#[test]
fn junk_makes_no_set_go() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("littered");
    tenant.file("page", "x");
    let set = tenant.set("r1").snapshot.unwrap();
    for number in 0..15 {
        left(&tenant, &format!("junk{number}"), "volume:data", "2999-01-01 00:00:00", "x");
        left(&tenant, &format!("junk{}", number + 15), "volume:data", OLD, "x");
    }
    // As if they were newer parts of the set itself.
    let more = left(&tenant, "r1", "volume:data", OLD, "x");
    tenant.as_admin();
    let told = tenant.does("upkeep", forget(Some(&[]))).message;
    assert!(told.contains("15 more"), "{told}");
    assert_eq!(snapshots(&tenant).len(), 3 + 15 + 1);
    assert!(snapshots(&tenant).contains_key(&more));
    assert_eq!(tenant.sets(), ["r1"]);
    tenant.does("drill", tenant.restore_all(&set, "whole"));
}
