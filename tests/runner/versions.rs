//! What was deleted in a bucket with versions is destroyed in the end; what was written over is not.

use crate::world::{Tenant, noise, world};
use kopnams::backup::runner::restic::Credentials;
use kopnams::backup::runner::s3::{Ask, S3};
use kopnams::backup::work::{Class, Report, Task};

/// Forgets a set and prunes; what was deleted is kept for so many days.
fn forget(manifests: &[&Report], deleted_days: u32) -> Task {
    let snapshots = manifests.iter().map(|set| set.snapshot.clone().unwrap()).collect();
    Task::Forget { snapshots, prune: true, known: None, deleted_days: Some(deleted_days) }
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
    let all = Task::Forget { snapshots: parts, prune: true, known: None, deleted_days: Some(7) };
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
    tenant.does("check", Task::Check { read: Some((1, 1)) });
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
    tenant.does("check", Task::Check { read: Some((1, 1)) });
}
