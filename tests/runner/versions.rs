//! What was deleted in a bucket with versions is destroyed in the end; what was written over is not.

use crate::world::{DefaultOne, Tenant, check, noise, world};
use kopnams::backup::runner::restic::Credentials;
use kopnams::backup::runner::s3::{Ask, S3};
use kopnams::backup::work::{Class, Holds, Issue, Report, Task};

/// Forgets a set and prunes; what was deleted is kept for so many days.
fn forget(manifests: &[&Report], deleted_days: u32) -> Task {
    let snapshots = manifests.iter().map(|set| set.snapshot.clone().unwrap()).collect();
    Task::Forget { snapshots, prune: true, known: None, holds: Holds::new(), lost: Vec::new(), deleted_days: Some(deleted_days) }
}

fn client(tenant: &Tenant<'_>, access_key: &str, secret_key: &str) -> S3 {
    let credentials = Credentials { access_key: access_key.into(), secret_key: secret_key.into() };
    S3::new(&tenant.world.s3.endpoint(), &tenant.repository, &credentials).unwrap()
}

fn admin(tenant: &Tenant<'_>) -> S3 {
    client(tenant, tenant.world.s3.access_key(), tenant.world.s3.secret_key())
}

/// All versions with content and all marks that something was deleted.
fn versions(tenant: &Tenant<'_>, prefix: &str) -> (usize, usize) {
    let path = format!("/{}", tenant.repository.bucket);
    let answer =
        admin(tenant).ask(&Ask { method: "GET", path: &path, query: &[("versions", ""), ("prefix", prefix)], ..Ask::default() }).unwrap();
    assert!(answer.is_fine() && !answer.body.contains("<IsTruncated>true"), "{}", answer.body);
    (answer.body.matches("<Version>").count(), answer.body.matches("<DeleteMarker>").count())
}

/// All objects that there are.
fn objects(tenant: &Tenant<'_>) -> Vec<String> {
    let path = format!("/{}", tenant.repository.bucket);
    let answer = admin(tenant).ask(&Ask { method: "GET", path: &path, query: &[("list-type", "2")], ..Ask::default() }).unwrap();
    answer.body.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

#[test]
fn what_was_pruned_is_destroyed_after_its_days_and_every_set_that_stays_is_whole() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("versions");
    tenant.file("page", noise(1, 300_000));
    let first = tenant.set("r1");
    tenant.file("page", noise(2, 300_000));
    let second = tenant.set("r2");
    tenant.as_admin();
    let part = tenant.does("list", Task::List).sets;
    assert_eq!(part.len(), 2);
    let parts: Vec<String> =
        serde_json::from_slice::<Vec<serde_json::Value>>(&tenant.restic(&["snapshots", "--json", "--tag=run=r1"]).stdout)
            .unwrap()
            .iter()
            .map(|snapshot| snapshot["id"].as_str().unwrap().to_owned())
            .collect();
    assert!(parts.contains(first.snapshot.as_ref().unwrap()) && parts.len() == 3, "{parts:?}");
    let all = Task::Forget { snapshots: parts, prune: true, known: None, holds: Holds::new(), lost: Vec::new(), deleted_days: Some(7) };
    tenant.does("forget", all);
    let (contents, markers) = versions(&tenant, "");
    let there = objects(&tenant).len();
    assert!(
        contents > there + 3 && markers > 0,
        "what was deleted is only hidden: {contents} versions, {markers} markers, {there} objects"
    );

    // A day later nothing is destroyed; when its days are over everything of it is, and nothing else.
    let report = tenant.does("prune", forget(&[], 1));
    assert!(!report.message.contains("destroyed"), "{}", report.message);
    let report = tenant.does("prune", forget(&[], 0));
    assert!(report.message.contains("versions of what was deleted more than 0 days ago are destroyed"), "{}", report.message);
    let (contents, markers) = versions(&tenant, "");
    // The prune after it has made and deleted a lock of its own.
    let left = objects(&tenant);
    assert!(contents - left.len() <= 2 && markers <= 2, "{contents} versions, {markers} markers of {left:?}");
    assert_eq!(tenant.sets(), ["r2"]);
    tenant.does("restore", tenant.restore_all(second.snapshot.as_ref().unwrap(), "whole"));
    tenant.does("check", check(Some((1, 1))));
}

#[test]
fn what_was_written_over_is_told_and_the_earlier_version_is_kept() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("spoilt");
    tenant.file("page", noise(3, 10_000));
    tenant.set("r1");
    tenant.as_admin();
    tenant.does("prune", forget(&[], 0));
    // With the key that lies in the app's namespace.
    let writer = client(&tenant, "writerspoilt", "secret-of-spoilt");
    let pack = objects(&tenant).into_iter().find(|key| key.starts_with("data/")).unwrap();
    let path = format!("/{}/{pack}", tenant.repository.bucket);
    let ask = |s3: &S3, method: &str, body: Vec<u8>| s3.ask(&Ask { method, path: &path, body: body.into(), ..Ask::default() }).unwrap();
    // Written again as it is, because an answer was lost.
    let whole = std::fs::read(world.s3.bucket(&tenant.repository.bucket).join(&pack)).unwrap();
    assert!(ask(&writer, "PUT", whole.clone()).is_fine());
    tenant.does("prune", forget(&[], 1));
    assert!(ask(&writer, "PUT", noise(4, 500)).is_fine());
    let report = tenant.fails("prune", forget(&[], 0), Class::Damaged);
    assert!(report.message.contains("1 objects were written over") && report.message.contains(&pack), "{}", report.message);
    assert_eq!(versions(&tenant, &pack), (3, 0), "nothing was destroyed");
    // Brought back, all is well again.
    assert!(ask(&writer, "PUT", whole).is_fine());
    tenant.does("prune", forget(&[], 0));
    assert_eq!(versions(&tenant, &pack), (4, 0), "what somebody wrote stays for whoever looks into it");
    tenant.does("check", check(Some((1, 1))));
}

#[test]
fn sets_that_somebody_deleted_are_told_before_anything_goes_for_good() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("plundered");
    let mut sets = Vec::new();
    for run in ["r1", "r2", "r3"] {
        tenant.file("page", noise(run.bytes().map(u64::from).sum(), 10_000));
        let backed = tenant.does(run, tenant.part());
        let committed = tenant.does(run, tenant.commit(run, &[("volume:data", &backed)]));
        sets.push((run.to_owned(), [backed.snapshot, committed.configuration, committed.snapshot].into_iter().flatten().collect()));
    }
    tenant.as_admin();
    let holds = |but: &str| sets.iter().filter(|(name, _)| name != but).cloned().collect::<Holds>();
    let upkeep = |snapshots: &[String], holds: Holds| Task::Forget {
        snapshots: snapshots.to_vec(),
        prune: true,
        known: Some(vec!["r1".into(), "r2".into(), "r3".into()]),
        holds,
        lost: Vec::new(),
        deleted_days: Some(0),
    };
    tenant.does("check", Task::Check { read: None, holds: holds("") });
    // One of three snapshots of a set: with the admin's own key, for the writer may not.
    let part: &String = &sets[1].1[0];
    let path = format!("/{}/snapshots/{part}", tenant.repository.bucket);
    assert!(admin(&tenant).ask(&Ask { method: "DELETE", path: &path, ..Ask::default() }).unwrap().is_fine());
    let before = versions(&tenant, "data/");
    let told = "Snapshots of 1 of the 2 sets that the repository has to hold are not in it: r2.";
    let report = tenant.fails("upkeep", upkeep(&sets[0].1, holds("r1")), Class::Suspicious);
    assert_eq!(report.message, told);
    let left = |run: &str| {
        let listed = tenant.restic(&["snapshots", "--json", &format!("--tag=run={run}")]).stdout;
        serde_json::from_slice::<Vec<serde_json::Value>>(&listed).unwrap().len()
    };
    assert_eq!((left("r1"), left("r2")), (3, 2), "nothing was forgotten");
    assert_eq!((versions(&tenant, "data/"), versions(&tenant, &format!("snapshots/{part}"))), (before, (1, 1)), "nor destroyed");
    let report = tenant.fails("check", Task::Check { read: None, holds: holds("r1") }, Class::Suspicious);
    assert_eq!(report.message, told);
    assert_eq!(report.lacks, ["r2"]);
    // Of a set that nobody has to keep it is no loss.
    tenant.does("check", Task::Check { read: None, holds: holds("r2") });
    // Brought back: the mark that it was deleted goes.
    let query = [("versions", ""), ("prefix", &*format!("snapshots/{part}"))];
    let bucket = format!("/{}", tenant.repository.bucket);
    let listing = admin(&tenant).ask(&Ask { method: "GET", path: &bucket, query: &query, ..Ask::default() }).unwrap().body;
    let mark = listing.split("<DeleteMarker>").nth(1).unwrap().split("<VersionId>").nth(1).unwrap().split('<').next().unwrap();
    let undone = Ask { method: "DELETE", path: &path, query: &[("versionId", mark)], ..Ask::default() };
    assert!(admin(&tenant).ask(&undone).unwrap().is_fine());
    tenant.does("upkeep", upkeep(&sets[0].1, holds("r1")));
    tenant.does("check", Task::Check { read: Some((1, 1)), holds: holds("r1") });
    assert_eq!(tenant.sets(), ["r2", "r3"]);

    // Said to be lost it is told, and what is left of it goes; of others that are missing nobody has said that.
    assert!(admin(&tenant).ask(&Ask { method: "DELETE", path: &path, ..Ask::default() }).unwrap().is_fine());
    let lost = |set: &str| Task::Forget {
        snapshots: Vec::new(),
        prune: false,
        known: Some(vec!["r2".into(), "r3".into()]),
        holds: holds("r1"),
        lost: vec![set.into()],
        deleted_days: None,
    };
    tenant.fails("upkeep", lost("r3"), Class::Suspicious);
    assert_eq!((left("r2"), tenant.does("upkeep", lost("r2")).lacks), (2, vec!["r2".to_owned()]));
    assert_eq!((left("r2"), tenant.sets()), (0, vec!["r3".to_owned()]));

    // What somebody has written over is there and cannot be read; nobody can say that it is lost.
    let held: Holds = sets.iter().filter(|(name, _)| name == "r3").cloned().collect();
    let path = format!("/{}/snapshots/{}", tenant.repository.bucket, sets[2].1[0]);
    let writer = client(&tenant, "writerplundered", "secret-of-plundered");
    let put = |body: Vec<u8>| writer.ask(&Ask { method: "PUT", path: &path, body: body.into(), ..Ask::default() }).unwrap().is_fine();
    let whole = std::fs::read(world.s3.bucket(&tenant.repository.bucket).join(format!("snapshots/{}", sets[2].1[0]))).unwrap();
    assert!(put(noise(9, 300)));
    // As in a Job, which has no cache from before.
    std::fs::remove_dir_all(tenant.folder.join("cache-0")).unwrap();
    for said in [Vec::new(), vec!["r3".to_owned()]] {
        let task = Task::Forget { snapshots: Vec::new(), prune: true, known: None, holds: held.clone(), lost: said, deleted_days: Some(0) };
        let report = tenant.fails("upkeep", task, Class::Damaged);
        assert!(report.message.contains("are in it and cannot be read") && report.lacks.is_empty(), "{}", report.message);
    }
    assert!(put(whole));
    tenant.does("check", Task::Check { read: None, holds: held });
}

#[test]
fn more_versions_than_a_page_of_a_list_has_are_all_destroyed() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("crowded");
    tenant.file("page", "x");
    tenant.set("r1");
    tenant.as_admin();
    // As a year of locks leaves them: each was written and deleted. Some of one name, so that a page ends within it.
    let s3 = admin(&tenant);
    for number in 0..1300 {
        let name = if number % 2 == 0 { "often".to_owned() } else { format!("lock{number}") };
        let path = format!("/{}/locks/{name}", tenant.repository.bucket);
        for (method, body) in [("PUT", "x"), ("DELETE", "")] {
            let answer = s3.ask(&Ask { method, path: &path, body: body.into(), ..Ask::default() }).unwrap();
            assert!(answer.is_fine(), "{}", answer.body);
        }
    }
    let report = tenant.does("prune", forget(&[], 0));
    let destroyed: usize = report.message.split(' ').find_map(|word| word.parse().ok().filter(|number| *number > 0)).unwrap();
    assert!(destroyed >= 1300, "{}", report.message);
    let (contents, markers) = versions(&tenant, "locks/");
    assert!(contents <= 2 && markers <= 2, "{contents} versions, {markers} markers are left");
    assert_eq!(tenant.sets(), ["r1"]);
}

#[test]
fn what_the_target_locks_stays_hidden_and_goes_when_it_may() {
    let Some(world) = world() else { return };
    let tenant = world.bare("frozen");
    tenant.does("prepare", Task::Prepare { issue: Some(Issue { lock_days: 1, ..Issue::default_one() }), escrow: None, made: false });
    tenant.as_writer();
    tenant.file("page", noise(5, 10_000));
    tenant.set("r1");
    tenant.file("page", noise(6, 10_000));
    let backed = tenant.does("r2", tenant.part());
    let second = tenant.does("r2", tenant.commit("r2", &[("volume:data", &backed)]));
    tenant.as_admin();
    let gone: Vec<String> = [backed.snapshot, second.configuration, second.snapshot].into_iter().flatten().collect();
    let snapshot = format!("snapshots/{}", gone[0]);
    let task = Task::Forget { snapshots: gone, prune: true, known: None, holds: Holds::new(), lost: Vec::new(), deleted_days: Some(0) };
    tenant.does("forget", task);
    let report = tenant.does("prune", forget(&[], 0));
    assert!(report.message.contains("some are still locked by the target"), "{}", report.message);
    assert_eq!(versions(&tenant, &snapshot), (1, 1), "without its mark it would be there again");
    assert_eq!(tenant.sets(), ["r1"]);
    tenant.does("check", check(Some((1, 1))));
}
