//! What a writer, or whoever has its credentials, cannot do to what is backed up.

use crate::world::{check, forget, noise, world};
use kopnams::backup::runner::restic::Credentials;
use kopnams::backup::runner::s3::{Answer, Ask, S3};
use kopnams::backup::work::{Class, Task};
use std::fs;

/// F15
#[test]
fn a_repository_that_is_gone_is_not_made_anew() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("wiped");
    tenant.file("page", "x");
    tenant.set("r1");
    let bucket = world.s3.bucket("kopnams-wiped");
    // Its files, and then the bucket itself.
    for entry in fs::read_dir(&bucket).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }
    tenant.fails("r2", tenant.part(), Class::Vanished);
    assert!(!bucket.join("config").exists());
    tenant.fails("list", Task::List, Class::Vanished);
    tenant.as_admin();
    world.s3.wipe("kopnams-wiped").unwrap();
    tenant.fails("r2", tenant.part(), Class::Vanished);
    tenant.fails("check", check(None), Class::Vanished);
    assert!(!bucket.exists());
}

/// F25
#[test]
fn a_writer_reads_no_other_tenant_and_loses_nothing_of_its_own() {
    let Some(world) = world() else { return };
    let (one, two) = (world.tenant("one"), world.tenant("two"));
    one.file("page", noise(7, 1000));
    two.file("page", "two");
    one.set("r1");
    two.set("r1");
    let credentials = Credentials { access_key: "writerone".into(), secret_key: "secret-of-one".into() };
    let s3 = S3::new(&world.s3.endpoint(), &one.repository, &credentials).unwrap();
    let admin = Credentials { access_key: world.s3.access_key().into(), secret_key: world.s3.secret_key().into() };
    let admin = S3::new(&world.s3.endpoint(), &one.repository, &admin).unwrap();
    let ask = |s3: &S3, method: &str, path: &str, query: &[(&str, &str)], body: &str| -> Answer {
        s3.ask(&Ask { method, path, query, headers: &[], body: body.to_owned().into() }).unwrap()
    };
    let object = |kind: &str| {
        let file = fs::read_dir(world.s3.bucket("kopnams-one").join(kind)).unwrap().next().unwrap().unwrap();
        format!("/kopnams-one/{kind}/{}", file.file_name().display())
    };
    let snapshot = object("snapshots");
    assert!(ask(&s3, "GET", &snapshot, &[], "").is_fine(), "its own it reads");
    for (method, path, query) in [
        ("GET", "/kopnams-two/config", &[][..]),
        ("GET", "/kopnams-two", &[("list-type", "2")][..]),
        ("PUT", "/kopnams-two/data/x", &[][..]),
        ("DELETE", "/kopnams-two/config", &[][..]),
        ("DELETE", &snapshot, &[][..]),
        ("DELETE", "/kopnams-one/config", &[][..]),
        ("DELETE", "/kopnams-one", &[][..]),
        ("PUT", "/kopnams-one", &[("policy", "")][..]),
        ("DELETE", "/kopnams-one", &[("policy", "")][..]),
        ("PUT", "/kopnams-one", &[("versioning", "")][..]),
        ("PATCH", "/list-users", &[][..]),
    ] {
        // As it would be understood, were it allowed.
        let body = if query == [("versioning", "")] {
            "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
        } else {
            ""
        };
        let answer = ask(&s3, method, path, query, body);
        assert_eq!(answer.status, 403, "{method} {path} {query:?}: {}", answer.body);
    }
    assert_eq!(two.sets(), ["r1"]);
    // Overwriting it may; what was there stays as a version, which it cannot delete.
    let before = ask(&s3, "GET", &snapshot, &[], "").body;
    assert!(ask(&s3, "PUT", &snapshot, &[], "spoilt").is_fine());
    assert_eq!(ask(&s3, "GET", &snapshot, &[], "").body, "spoilt");
    let key = snapshot.trim_start_matches("/kopnams-one/");
    let versions = ask(&admin, "GET", "/kopnams-one", &[("versions", ""), ("prefix", key)], "").body;
    let ids: Vec<&str> = versions.split("<VersionId>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert_eq!(ids.len(), 2, "{versions}");
    for id in &ids {
        assert_eq!(ask(&s3, "DELETE", &snapshot, &[("versionId", id)], "").status, 403);
    }
    let kept = ids.iter().find(|id| ask(&admin, "GET", &snapshot, &[("versionId", id)], "").body == before);
    assert!(kept.is_some(), "what was overwritten is still there");
    // Nor does the runner forget anything with a writer's rights.
    let manifest = two.does("list", Task::List).sets[0].0.clone();
    two.fails("forget", forget(vec![manifest], false), Class::Refused);
    assert_eq!(two.sets(), ["r1"]);
}

/// F27
#[test]
fn junk_is_no_set_and_only_what_is_named_is_forgotten() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("junk");
    tenant.file("page", "x");
    let first = tenant.set("r1");
    tenant.set("r2");
    // As somebody with the writer's credentials and the password can make them.
    let host = format!("--host=tenant-{}", tenant.name);
    let manifest = tenant.folder.join("forged");
    fs::create_dir_all(&manifest).unwrap();
    let forge = |content: &str, more: &[&str]| {
        fs::write(manifest.join("manifest.json"), content).unwrap();
        let output = tenant.restic_in(&manifest, &[&["backup", ".", "--force", &host, "--tag=part=manifest"], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let genuine = tenant.restic(&["dump", first.snapshot.as_deref().unwrap(), "/manifest.json"]);
    let genuine = String::from_utf8(genuine.stdout).unwrap();
    forge(&genuine, &["--tag=run=r1", "--tag=set=r1", "--time=2999-01-01 00:00:00"]);
    forge("{\"set\": \"r3\"", &["--tag=run=r3", "--tag=set=r3"]);
    forge(&genuine, &["--tag=run=r4", "--tag=set=r4"]);
    forge(&genuine.replace("\"r1\"", "\"r5\""), &["--tag=run=r5", "--tag=set=r5"]);
    assert_eq!(tenant.sets(), ["r1", "r2"]);

    tenant.as_admin();
    let forget = |snapshots: &[&str], prune| forget(snapshots.iter().map(|&id| id.to_owned()).collect(), prune);
    let count = || serde_json::from_slice::<Vec<serde_json::Value>>(&tenant.restic(&["snapshots", "--json"]).stdout).unwrap().len();
    let before = count();
    let id = first.snapshot.as_deref().unwrap();
    for wrong in [&["latest"][..], &[""], &[id, "latest"], &[&id[..8]], &[]] {
        tenant.fails("forget", forget(wrong, false), Class::Order);
    }
    assert_eq!(count(), before);
    tenant.does("forget", forget(&[id], true));
    assert_eq!((count(), tenant.sets()), (before - 1, vec!["r2".to_owned()]));
    tenant.does("forget", forget(&[id], false));
    let second = tenant.does("list", Task::List).sets[0].0.clone();
    tenant.does("restore", tenant.restore_all(&second, "pruned"));
}
