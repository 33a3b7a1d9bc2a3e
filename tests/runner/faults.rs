//! Faults of disks, files, networks and servers: each is told by its name, and nothing that failed looks done.

use crate::world::{Tenant, check, noise, part, signal_group, world};
use kopnams::backup::set::Part;
use kopnams::backup::work::{Class, Issue, Issuer, Task};
use kopnams_lab::{Fault, FaultProxy};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The files of a kind in a tenant's bucket.
fn objects(tenant: &Tenant<'_>, kind: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![tenant.world.s3.bucket(&tenant.repository.bucket).join(kind)];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Changes one byte where the server does not see it.
fn spoil(pack: &Path) {
    let mut bytes = fs::read(pack).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x40;
    // In place, so that what the server keeps beside the file stays.
    fs::OpenOptions::new().write(true).open(pack).and_then(|mut file| std::io::Write::write_all(&mut file, &bytes)).unwrap();
}

/// F1 and F22: a changed byte in a pack.
#[test]
fn a_damaged_copy_is_found_and_never_restored_as_if_whole() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("damaged");
    tenant.file("large", noise(2, 2_000_000));
    let manifest = tenant.set("r1").snapshot.unwrap();
    tenant.does("check", check(Some((1, 1))));
    tenant.does("drill", tenant.restore_all(&manifest, "before"));
    let packs = objects(&tenant, "data");
    let largest = packs.iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    spoil(largest);
    let unread = tenant.restic(&["check"]);
    assert!(unread.status.success(), "a check that reads no data cannot see it: {}", String::from_utf8_lossy(&unread.stderr));
    tenant.does("check", check(None));
    tenant.fails("check", check(Some((1, 1))), Class::Damaged);
    tenant.fails("drill", tenant.restore_all(&manifest, "after"), Class::Damaged);
    // A pack that is gone is seen without reading.
    fs::remove_file(largest).unwrap();
    tenant.fails("check", check(None), Class::Damaged);
    tenant.fails("drill", tenant.restore_all(&manifest, "gone"), Class::Damaged);
    tenant.fails("check", check(Some((3, 2))), Class::Order);
}

/// A small file system that goes with the value.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf) -> Option<Self> {
        fs::create_dir_all(&at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&at).stderr(Stdio::null()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(Self(at));
        }
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "a small file system cannot be mounted, and nothing may be left out");
        // Past the test harness, which would hide it.
        std::io::Write::write_all(&mut std::io::stderr(), b"SKIPPED: restoring onto a full disk: mounting needs root\n").unwrap();
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// F2
#[test]
fn a_full_disk_is_told() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("full");
    let Some(small) = Small::mount(tenant.folder.join("small")) else { return };
    tenant.file("large", noise(3, 1_500_000));
    let manifest = tenant.set("r1").snapshot.unwrap();
    let restore = |folder: &Path| Task::Restore {
        manifest: manifest.clone(),
        parts: vec![(Part::Volume("data".into()), folder.into())],
        into: None,
        replace: true,
    };
    tenant.fails("restore", restore(&small.0), Class::NoSpace);
    tenant.does("restore", restore(&tenant.folder.join("roomy")));
}

/// F3, F4, F6, F8
#[test]
fn what_is_not_whole_is_in_no_set() {
    let Some(world) = world() else { return };
    let mut tenant = world.tenant("parts");
    tenant.file("page", noise(4, 1000));
    tenant.file("other", noise(5, 1000));
    fs::set_permissions(&tenant.folder, fs::Permissions::from_mode(0o755)).unwrap();
    let whole = tenant.does("r1", tenant.part());

    // A file that the app's user cannot read.
    let locked = tenant.volume().join("other");
    let root = rustix::process::geteuid().is_root();
    tenant.user = root.then_some(65534);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    let mut stock = tenant.stock(&["backup", ".", "--force", "--tag", "stock"]);
    if root {
        std::os::unix::process::CommandExt::uid(&mut stock, 65534);
    }
    let stock = stock.current_dir(tenant.volume()).output().unwrap();
    assert_eq!(stock.status.code(), Some(3), "{}", String::from_utf8_lossy(&stock.stderr));
    let there = tenant.restic(&["snapshots", "--json", "--tag", "stock"]);
    assert!(String::from_utf8_lossy(&there.stdout).contains("short_id"), "restic alone leaves a snapshot that looks like any other");
    let told = tenant.fails("r2", tenant.part(), Class::Partial);
    assert!(told.snapshot.is_none());
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o644)).unwrap();
    tenant.does("r2", tenant.part());
    tenant.user = None;

    // Nothing where something was, and far less than usual.
    let Task::Part { part, path, .. } = tenant.part() else { unreachable!() };
    let order = |path: &Path, may_be_empty, before| {
        let (part, path) = (part.clone(), path.to_owned());
        Task::Part { part, path, exclude: vec!["cache".into()], may_be_empty, before, facts: false }
    };
    let empty = tenant.folder.join("empty");
    fs::create_dir_all(empty.join("cache")).unwrap();
    fs::write(empty.join("cache/x"), "left out").unwrap();
    tenant.fails("r3", order(&empty, false, vec![]), Class::Suspicious);
    tenant.does("r3", order(&empty, true, vec![]));
    tenant.does("r3", order(&path, false, vec![4000, 4000, 4000]));
    tenant.fails("r3", order(&path, false, vec![4002, 4002, 4002]), Class::Suspicious);

    // A part that is missing, of another run, or other than listed.
    let mut lost = whole.clone();
    lost.snapshot = Some("0".repeat(64));
    let told = tenant.fails("r1", tenant.commit("r1", &[("volume:data", &whole), ("volume:lost", &lost)]), Class::Missing).message;
    assert!(told.contains("volume:lost"), "{told}");
    tenant.fails("r1", tenant.commit("r1", &[("volume:other", &whole)]), Class::Missing);
    tenant.fails("r9", tenant.commit("r9", &[("volume:data", &whole)]), Class::Missing);
    let mut changed = whole.clone();
    changed.digest = "0".repeat(64);
    tenant.fails("r1", tenant.commit("r1", &[("volume:data", &changed)]), Class::Damaged);
    assert!(tenant.sets().is_empty(), "parts without a manifest are no set");
    let committed = tenant.does("r1", tenant.commit("r1", &[("volume:data", &whole)]));
    assert_eq!(tenant.sets(), ["r1"]);

    // Orphans are those that no manifest lists.
    let all = tenant.restic(&["snapshots", "--json"]);
    let all: Vec<serde_json::Value> = serde_json::from_slice(&all.stdout).unwrap();
    let of_no_set = all.iter().filter(|snapshot| !snapshot["tags"].to_string().contains("run=r1"));
    assert!(of_no_set.count() >= 4);
    tenant.fails("restore", tenant.restore_all(&whole.snapshot.unwrap(), "no-manifest"), Class::Missing);
    tenant.does("restore", tenant.restore_all(&committed.snapshot.unwrap(), "manifest"));
}

/// F6: a dump that is not whole has no facts.
#[test]
fn a_dump_without_its_facts_is_no_part() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("dump");
    let folder = tenant.folder.join("dump");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("dump.sql"), "--").unwrap();
    fs::write(folder.join("facts"), "users 1\n").unwrap();
    let dump = || match part("database:rt", &folder) {
        Task::Part { part, path, exclude, may_be_empty, before, .. } => {
            Task::Part { part, path, exclude, may_be_empty, before, facts: true }
        }
        other => other,
    };
    tenant.fails("r1", dump(), Class::Database);
    fs::write(folder.join("sentinel"), crate::world::sentinel("r0")).unwrap();
    let backed = tenant.does("r1", dump());
    // It carries the text of another run: it was not made for this set.
    let manifest = tenant.does("r1", tenant.commit("r1", &[("database:rt", &backed)])).snapshot.unwrap();
    tenant.fails("restore", tenant.restore_all(&manifest, "other"), Class::Damaged);
}

/// F9: `kill -9` while a lock is held that excludes everybody.
#[test]
fn a_lock_of_the_dead_is_taken_away_and_that_of_the_living_is_heeded() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("locked");
    tenant.file("page", "x");
    tenant.set("r1");
    let proxy = FaultProxy::start(world.s3.listens()).unwrap();
    tenant.as_admin();
    let slow = tenant.at(proxy.endpoint());
    proxy.set(Fault::Latency(Duration::from_millis(300)));
    // Where locks were, there are markers that they are deleted.
    let before = objects(&tenant, "locks");
    let mut pruning = slow.stock(&["prune"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while objects(&tenant, "locks") == before {
        assert!(began.elapsed() < Duration::from_secs(30) && pruning.try_wait().unwrap().is_none(), "no lock was seen");
        std::thread::sleep(Duration::from_millis(5));
    }
    signal_group(&pruning, rustix::process::Signal::STOP);
    tenant.as_writer();
    tenant.fails("r2", tenant.part(), Class::Locked);
    signal_group(&pruning, rustix::process::Signal::KILL);
    pruning.wait().unwrap();
    assert_eq!(tenant.restic_in(&tenant.volume(), &["backup", "."]).status.code(), Some(11), "restic alone stays locked out");
    tenant.does("r2", tenant.part());
}

/// The kubelet asks first: there is still a report then, and no lock stays.
#[test]
fn a_runner_that_is_asked_to_end_lets_go_and_says_so() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("ended");
    tenant.file("page", noise(8, 300_000));
    tenant.set("r1");
    let proxy = FaultProxy::start(world.s3.listens()).unwrap();
    let slow = tenant.at(proxy.endpoint());
    proxy.set(Fault::Latency(Duration::from_millis(300)));
    let before = objects(&tenant, "locks");
    let started = slow.start("r2", slow.part());
    let began = Instant::now();
    while objects(&tenant, "locks") == before {
        assert!(began.elapsed() < Duration::from_mins(1), "no lock was seen");
        std::thread::sleep(Duration::from_millis(5));
    }
    let runner = rustix::process::Pid::from_raw(i32::try_from(started.child.id()).unwrap()).unwrap();
    rustix::process::kill_process(runner, rustix::process::Signal::TERM).unwrap();
    let ended = started.wait();
    assert_eq!((ended.report.failure, ended.code), (Some(Class::Deadline), Some(1)), "{}", ended.said);
    let locks = tenant.restic(&["list", "locks"]);
    assert_eq!(String::from_utf8_lossy(&locks.stdout), "", "{}", ended.said);
    assert_eq!(tenant.sets(), ["r1"]);
}

/// F13 and F14
#[test]
fn a_target_that_is_away_and_one_that_refuses_are_told_apart_and_soon() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("away");
    tenant.file("page", noise(6, 300_000));
    let proxy = FaultProxy::start(world.s3.listens()).unwrap();
    let there = tenant.at(proxy.endpoint());
    let counted = |act: &dyn Fn()| {
        let (before, began) = (proxy.requests(), Instant::now());
        act();
        (proxy.requests() - before, began.elapsed())
    };
    let manifest = there.set("r1").snapshot.unwrap();
    for fault in [Fault::Outage, Fault::Status(503)] {
        proxy.set(fault);
        let (_, took) = counted(&|| drop(there.fails("r2", there.part(), Class::Unreachable)));
        assert!(took < Duration::from_secs(40), "{fault:?} took {took:?}");
    }
    proxy.set(Fault::Status(403));
    let (requests, took) = counted(&|| drop(there.fails("r2", there.part(), Class::Refused)));
    assert!(requests <= 20 && took < Duration::from_secs(20), "{requests} requests in {took:?}");
    proxy.set(Fault::Truncate);
    let ended = there.run("restore", there.restore_all(&manifest, "cut"));
    assert!(ended.report.failure.is_some(), "{}", ended.said);
    proxy.set(Fault::Latency(Duration::from_millis(20)));
    there.set("r2");
    proxy.set(Fault::Pass);
    let sets = there.sets();
    let all = || String::from_utf8(there.restic(&["snapshots", "--json", "--no-lock"]).stdout).unwrap();
    assert_eq!(sets, ["r1", "r2"], "it goes on by itself: {}", all());

    there.secret("secret-key", "not the key");
    let (requests, _) = counted(&|| drop(there.fails("r3", there.part(), Class::Refused)));
    assert!(requests <= 20, "{requests} requests");
    there.secret("access-key", "nobody");
    there.fails("r3", there.part(), Class::Refused);
    there.as_writer();
    there.secret("password", "not the password");
    let (requests, _) = counted(&|| drop(there.fails("r3", there.part(), Class::WrongKey)));
    assert!(requests <= 30, "{requests} requests");
    // Nor is it made anew by preparing it with another password.
    there.as_admin();
    there.fails("prepare", Task::Prepare { issue: None, escrow: None, made: false }, Class::WrongKey);
    there.as_writer();
    there.secret("password", "password-of-away");
    there.does("r3", there.part());
}

/// F22
#[test]
fn a_set_that_is_damaged_on_purpose_restores_until_then_and_not_after() {
    let Some(world) = world() else { return };
    let tenant = world.bare("canary");
    let issue = Some(Issue { issuer: Issuer::Versitygw, endpoint: None, lock_days: 0 });
    let made = tenant.does("c1", Task::Canary { issue });
    let phases: Vec<&str> = made.phases.iter().map(|(name, _)| name.as_str()).collect();
    assert!(phases.ends_with(&["whole", "damage"]), "it was whole until then: {phases:?}");
    assert_eq!(tenant.sets(), ["c1"], "its lists are whole, so only reading can tell");
    tenant.does("c2", check(None));
    let failed = tenant.fails("c3", tenant.restore_all(&made.snapshot.unwrap(), "drill"), Class::Damaged);
    assert!(!failed.message.is_empty());
}
