//! A second copy of a repository at another place: whole at every moment, never of what is damaged, and never emptied
//! because the first was.

use crate::world::{DefaultOne, Ended, Tenant, World, forget, noise, world};
use kopnams::backup::work::{Class, Holds, Issue, Report, Repository, Task};
use kopnams_lab::{Fault, FaultProxy};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// The server at the other place; none where it cannot be built.
fn elsewhere() -> Option<&'static World> {
    static ELSEWHERE: OnceLock<Option<World>> = OnceLock::new();
    ELSEWHERE.get_or_init(World::start).as_ref()
}

/// A tenant with its repository at the first place, and the same at the second, where there is nothing yet.
struct Both {
    first: Tenant<'static>,
    second: Tenant<'static>,
}

impl Both {
    fn new(name: &str) -> Option<Self> {
        let (world, other) = (world()?, elsewhere()?);
        let (first, mut second) = (world.tenant(name), other.bare(name));
        second.repository.bucket = format!("copies-{name}");
        first.secret("second-access-key", other.s3.access_key());
        first.secret("second-secret-key", other.s3.secret_key());
        Some(Self { first, second })
    }

    /// A set with a file of its own; snapshots of the part and the manifest.
    fn set(&self, run: &str, bytes: usize) -> Vec<String> {
        self.first.as_writer();
        self.first.file("page", noise(run.bytes().map(u64::from).sum(), bytes));
        let backed = self.first.does(run, self.first.part());
        let committed = self.first.does(run, self.first.commit(run, &[("volume:data", &backed)]));
        [backed.snapshot, committed.configuration, committed.snapshot].into_iter().flatten().collect()
    }

    fn order(&self, known: &[String], prune: bool) -> Task {
        self.order_to(self.second.repository.clone(), known, prune)
    }

    fn order_to(&self, to: Repository, known: &[String], prune: bool) -> Task {
        self.order_within(to, known, prune, None)
    }

    /// The same, which begins nothing more after so many seconds.
    fn order_within(&self, to: Repository, known: &[String], prune: bool, seconds: Option<u64>) -> Task {
        self.first.as_admin();
        let (issue, deleted_days) = (Some(Issue::default_one()), prune.then_some(0));
        Task::Copy { to, issue, holds: holds(known), prune, shrunk: false, seconds, deleted_days }
    }

    fn run(&self, task: Task) -> Ended {
        let ended = self.first.run("copy", task);
        assert!(!ended.said.contains(self.second.world.s3.secret_key()), "a secret is in what was said:\n{}", ended.said);
        ended
    }

    fn copies(&self, known: &[String], prune: bool) -> Report {
        let ended = self.run(self.order(known, prune));
        assert_eq!((ended.report.failure, ended.code), (None, Some(0)), "{}", ended.said);
        assert_eq!(ended.report.to, self.second.repository.url(), "{}", ended.said);
        ended.report
    }

    fn fails(&self, task: Task, class: Class, second: bool) -> String {
        let ended = self.run(task);
        assert_eq!((ended.report.failure, ended.report.second), (Some(class), second), "{}", ended.said);
        assert!(!ended.report.to.is_empty(), "a failure says at which place, too: {}", ended.said);
        assert!(ended.report.message.ends_with('.'), "{}", ended.report.message);
        ended.report.message
    }

    fn here(&self) -> BTreeMap<String, Vec<u8>> {
        held(&self.first)
    }

    fn there(&self) -> BTreeMap<String, Vec<u8>> {
        held(&self.second)
    }
}

/// All snapshots as those of one set; none without any.
fn holds(known: &[String]) -> Holds {
    [("all".to_owned(), known.to_vec())].into_iter().filter(|(_, known)| !known.is_empty()).collect()
}

fn bucket(tenant: &Tenant<'_>) -> PathBuf {
    tenant.world.s3.bucket(&tenant.repository.bucket)
}

/// All objects of a bucket with their contents, but locks.
fn held(tenant: &Tenant<'_>) -> BTreeMap<String, Vec<u8>> {
    let root = bucket(tenant);
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().display().to_string();
            if !name.starts_with("locks/") {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// Puts something where the server does not see it done.
fn smuggle(at: &Path, content: &[u8]) -> String {
    let id = hex::encode(Sha256::digest(content));
    fs::create_dir_all(at).unwrap();
    fs::write(at.join(&id), content).unwrap();
    id
}

#[test]
fn what_was_copied_is_restored_when_the_first_is_gone() {
    let Some(both) = Both::new("copied") else { return };
    let (first, second) = (&both.first, &both.second);
    let one = both.set("r1", 3_000_000);
    // Somebody is at work, or was killed at it.
    let locks = bucket(first).join("locks");
    let lock = smuggle(&locks, b"a lock of somebody else");
    fs::write(bucket(first).join("readme"), "no object of restic").unwrap();
    let report = both.copies(&one, false);
    let (mut here, there) = (both.here(), both.there());
    here.remove("readme");
    assert_eq!(here, there);
    assert!(!bucket(second).join("locks").exists(), "locks are not copied");
    fs::remove_file(locks.join(lock)).unwrap();
    let bytes: usize = here.iter().filter(|(name, _)| *name != "config").map(|(_, content)| content.len()).sum();
    assert_eq!((report.files, report.bytes, report.added), (here.len() as u64, bytes as u64, bytes as u64));
    assert!(report.message.contains(&format!("{} objects with {bytes} bytes were copied", here.len() - 1)), "{}", report.message);

    let two = both.set("r2", 200_000);
    let known = [one, two].concat();
    let added = both.copies(&known, false).added;
    assert!((200_000..bytes as u64).contains(&added), "only what is new: {added}");
    assert!(both.copies(&known, true).message.starts_with("0 objects with 0 bytes were copied; the second place holds all"));
    let there = both.there();

    first.world.s3.wipe("kopnams-copied").unwrap();
    let told = both.fails(both.order(&known, true), Class::Vanished, false);
    assert!(told.contains("nothing was taken away at the second place"), "{told}");
    assert_eq!(both.there(), there);

    // As an admin does who points the target at the second place: the writer is there, too.
    second.as_writer();
    assert_eq!(second.sets(), ["r1", "r2"]);
    let manifest = second.does("list", Task::List).sets[1].0.clone();
    second.does("restore", second.restore_all(&manifest, "all"));
    let page = fs::read(first.volume().join("page")).unwrap();
    assert!(fs::read(second.folder.join("all/volume/data/page")).unwrap() == page);
    let stock = |args: &[&str]| {
        let output = second.restic(args);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let target = second.folder.join("stock");
    stock(&["restore", "latest", "--tag", "part=volume:data", "--target", &target.display().to_string()]);
    assert!(fs::read(target.join("page")).unwrap() == page);
    stock(&["check", "--read-data"]);
    second.file("page", "written at the second place");
    second.set("r3");
    assert_eq!(second.sets(), ["r1", "r2", "r3"]);
}

#[test]
fn a_copy_that_is_killed_leaves_a_whole_repository_and_goes_on() {
    let Some(both) = Both::new("halved") else { return };
    let mut known = Vec::new();
    for number in 0..3 {
        known.extend(both.set(&format!("r{number}"), 300_000));
    }
    let proxy = FaultProxy::start(both.second.world.s3.listens()).unwrap();
    proxy.set(Fault::Latency(Duration::from_millis(60)));
    let to = Repository { endpoint: proxy.endpoint(), ..both.second.repository.clone() };
    let all = both.here().len();
    // What makes it a repository is there first, so that a kill meets a copy at work.
    both.fails(both.order_within(to.clone(), &known, true, Some(0)), Class::Deadline, false);
    let (mut halves, mut pause) = (0, Duration::from_millis(500));
    for _ in 0..40 {
        let started = both.first.start("copy", both.order_to(to.clone(), &known, true));
        std::thread::sleep(pause);
        if !started.kill() {
            break;
        }
        // Each gets a little farther than the one before.
        pause += Duration::from_millis(80);
        let there = both.there();
        if there.len() > 1 && there.len() < all {
            halves += 1;
        }
        if there.keys().any(|name| name.starts_with("keys/")) {
            let checked = both.second.restic(&["check", "--read-data", "--no-lock"]);
            assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
        }
    }
    println!("{halves} copies were killed in the middle, of {all} objects");
    assert!(halves > 0, "none was killed in the middle");
    both.copies(&known, true);
    assert_eq!(both.here(), both.there());
    assert_eq!(both.second.sets(), ["r0", "r1", "r2"]);
}

#[test]
fn what_is_damaged_at_the_first_is_named_and_does_not_reach_the_second() {
    let Some(both) = Both::new("rotten") else { return };
    let mut known = both.set("r1", 100_000);
    both.copies(&known, false);
    let before = both.there();
    known.extend(both.set("r2", 2_000_000));
    let (largest, content) = both.here().into_iter().max_by_key(|(_, content)| content.len()).unwrap();
    let write = |content: &[u8]| {
        // In place, so that what the server keeps beside the file stays.
        let mut file = fs::OpenOptions::new().write(true).open(bucket(&both.first).join(&largest)).unwrap();
        std::io::Write::write_all(&mut file, content).unwrap();
    };
    let mut spoilt = content.clone();
    spoilt[content.len() / 3] ^= 0x40;
    write(&spoilt);
    let told = both.fails(both.order(&known, true), Class::Damaged, false);
    assert!(told.contains(&format!("The first target holds damaged data: the content of {largest} is not")), "{told}");
    let after = both.there();
    assert!(!after.contains_key(&largest), "nothing of it is written");
    let snapshots = |held: &BTreeMap<String, Vec<u8>>| held.keys().filter(|name| name.starts_with("snapshots/")).count();
    assert_eq!(snapshots(&after), snapshots(&before), "no set that would need it is there");
    assert!(before.iter().all(|(name, content)| after.get(name) == Some(content)), "what was there stays");
    assert_eq!(both.second.sets(), ["r1"]);
    // The same when it is whole.
    write(&content);
    both.copies(&known, true);
    assert_eq!(both.second.sets(), ["r1", "r2"]);
}

#[test]
fn a_first_that_was_wiped_does_not_wipe_the_second() {
    let Some(both) = Both::new("emptied") else { return };
    let known = both.set("r1", 500_000);
    both.copies(&known, true);
    let there = both.there();
    let bucket = bucket(&both.first);
    // Its packs alone, as somebody does it who makes room; then its snapshots; then what makes it a repository.
    let aside = both.first.folder.join("aside");
    fs::rename(bucket.join("data"), &aside).unwrap();
    let told = both.fails(both.order(&known, true), Class::Suspicious, false);
    assert!(told.contains("The repository has 0 packs with 0 bytes"), "{told}");
    assert_eq!(both.there(), there);
    fs::rename(&aside, bucket.join("data")).unwrap();
    both.copies(&known, true);
    fs::remove_dir_all(bucket.join("snapshots")).unwrap();
    let told = both.fails(both.order(&known, true), Class::Suspicious, false);
    assert!(told.starts_with("Snapshots of 1 of the 1 sets that the repository has to hold are not in it: all."), "{told}");
    assert_eq!(both.there(), there);
    fs::remove_file(bucket.join("config")).unwrap();
    both.fails(both.order(&[], true), Class::Vanished, false);
    assert_eq!(both.there(), there);
    assert_eq!(both.second.sets(), ["r1"]);
}

#[test]
fn what_somebody_deleted_at_the_first_is_not_taken_away_at_the_second() {
    let Some(both) = Both::new("plucked") else { return };
    let known = [both.set("r1", 400_000), both.set("r2", 500_000)].concat();
    both.copies(&known, true);
    // One pack of several: all snapshots are there, and it is far from half of what there was.
    let pack = both.here().into_keys().filter(|name| name.starts_with("data/")).max_by_key(|name| both.here()[name].len()).unwrap();
    let (there, aside) = (both.there(), both.first.folder.join("aside"));
    fs::rename(bucket(&both.first).join(&pack), &aside).unwrap();
    let told = both.fails(both.order(&known, true), Class::Damaged, false);
    assert!(told.ends_with("Nothing was taken away at the second place: it may hold what is lost here."), "{told}");
    assert_eq!(both.there(), there);
    // Nor is it when nothing is to be taken away, which asks nothing more of the first.
    both.copies(&known, false);
    assert_eq!(both.there(), there);
    fs::rename(&aside, bucket(&both.first).join(&pack)).unwrap();
    both.copies(&known, true);
}

#[test]
fn a_copy_that_takes_too_long_is_broken_off_and_goes_on_the_next_time() {
    let Some(both) = Both::new("lengthy") else { return };
    let known = [both.set("r1", 300_000), both.set("r2", 300_000)].concat();
    let told = both.fails(both.order_within(both.second.repository.clone(), &known, true, Some(0)), Class::Deadline, false);
    assert!(told.contains("the next copy goes on from it"), "{told}");
    assert_eq!(both.there().into_keys().collect::<Vec<_>>(), ["config"]);
    let proxy = FaultProxy::start(both.second.world.s3.listens()).unwrap();
    let to = Repository { endpoint: proxy.endpoint(), ..both.second.repository.clone() };
    proxy.set(Fault::Latency(Duration::from_millis(400)));
    let mut before = 1;
    let mut times = 0;
    while both.run(both.order_within(to.clone(), &known, true, Some(1))).report.failure == Some(Class::Deadline) {
        let there = both.there().len();
        assert!(there > before, "each goes on where the one before ended: {before}, then {there}");
        (before, times) = (there, times + 1);
        assert!(times < 30, "it does not come to an end");
    }
    assert!(times > 1, "{times}");
    assert_eq!(both.here(), both.there());
    assert_eq!(both.second.sets(), ["r1", "r2"]);
}

#[test]
fn a_config_that_was_written_over_at_the_first_is_not_the_seconds_fault() {
    let Some(both) = Both::new("overwritten") else { return };
    let known = both.set("r1", 1000);
    both.copies(&known, true);
    let (file, there) = (bucket(&both.first).join("config"), both.there());
    let genuine = fs::read(&file).unwrap();
    fs::write(&file, noise(1, 155)).unwrap();
    let ended = both.run(both.order(&known, true));
    assert!(ended.report.failure.is_some() && !ended.report.second, "{}", ended.said);
    assert!(!ended.report.message.contains("another repository"), "{}", ended.report.message);
    assert_eq!(both.there(), there);
    fs::write(&file, genuine).unwrap();
    both.copies(&known, true);
}

#[test]
fn who_may_only_use_a_bucket_copies_into_it() {
    let Some(mut both) = Both::new("guest") else { return };
    let known = both.set("r1", 1000);
    // A bucket that is there, of somebody who may make none.
    let host = both.second.world.tenant("host");
    both.second.repository = Repository { prefix: "guest".into(), ..host.repository.clone() };
    let order = |to: Repository| {
        both.first.as_admin();
        Task::Copy { to, issue: None, holds: holds(&known), prune: false, shrunk: false, seconds: None, deleted_days: None }
    };
    both.first.secret("second-access-key", "writerhost");
    both.first.secret("second-secret-key", "secret-of-host");
    let nowhere = Repository { bucket: "copies-of-nobody".into(), ..both.second.repository.clone() };
    both.fails(order(nowhere), Class::Refused, true);
    let ended = both.run(order(both.second.repository.clone()));
    assert_eq!(ended.report.failure, None, "{}", ended.said);
    assert_eq!(both.second.sets(), ["r1"]);
}

#[test]
fn another_repository_is_not_written_over() {
    let Some(both) = Both::new("another") else { return };
    let known = both.set("r1", 1000);
    both.second.does("prepare", Task::Prepare { issue: Some(Issue::default_one()), escrow: None, made: false });
    let there = both.there();
    let told = both.fails(both.order(&known, true), Class::Order, true);
    assert!(told.contains("lies another repository"), "{told}");
    assert_eq!(both.there(), there);
    fs::remove_file(bucket(&both.second).join("config")).unwrap();
    let told = both.fails(both.order(&known, true), Class::Order, true);
    assert!(told.contains("files of a repository without a config"), "{told}");
    let told = both.fails(both.order_to(both.first.repository.clone(), &known, true), Class::Order, false);
    assert!(told.contains("is the first one"), "{told}");
    // Nor is somebody let in who may not.
    both.first.secret("second-secret-key", "wrong");
    both.fails(both.order(&known, true), Class::Refused, true);
}

#[test]
fn what_was_forgotten_and_pruned_goes_at_the_second_when_that_is_asked_for() {
    let Some(both) = Both::new("thinned") else { return };
    let (one, two) = (both.set("r1", 400_000), both.set("r2", 600_000));
    both.copies(&[one.clone(), two.clone()].concat(), false);
    both.first.does("forget", forget(one, true));
    let before = both.there();
    both.copies(&two, false);
    let after = both.there();
    assert!(before.keys().all(|name| after.contains_key(name)), "nothing goes unless it is asked for");
    let told = both.copies(&two, true).message;
    assert!(told.contains("that the first does not hold any more were taken away"), "{told}");
    assert_eq!(both.here(), both.there());
    assert_eq!(both.second.sets(), ["r2"]);
    assert!(both.second.restic(&["check", "--read-data"]).status.success());
}

#[test]
fn who_does_not_answer_is_told_apart() {
    let Some(both) = Both::new("silent") else { return };
    let known = both.set("r1", 1000);
    let proxy = FaultProxy::start(both.second.world.s3.listens()).unwrap();
    let to = Repository { endpoint: proxy.endpoint(), ..both.second.repository.clone() };
    proxy.set(Fault::Outage);
    let told = both.fails(both.order_to(to.clone(), &known, false), Class::Unreachable, true);
    assert!(told.starts_with("At the second place: "), "{told}");
    proxy.set(Fault::Pass);
    let proxy = FaultProxy::start(both.first.world.s3.listens()).unwrap();
    proxy.set(Fault::Outage);
    let task = both.order_to(to.clone(), &known, false);
    let ended = both.first.at(proxy.endpoint()).run("copy", task);
    assert_eq!((ended.report.failure, ended.report.second), (Some(Class::Unreachable), false), "{}", ended.said);
    both.run(both.order_to(to, &known, false));
    assert_eq!(both.here(), both.there());
}

#[test]
fn a_repository_of_many_objects_is_copied_page_by_page_without_a_bucket_of_its_own() {
    let Some(mut both) = Both::new("paged") else { return };
    let known = both.set("r1", 1000);
    // More than a page of a listing; junk that restic passes over, under names that are right.
    for number in 0..2100_u32 {
        let content = format!("junk {number}");
        let id = hex::encode(Sha256::digest(&content));
        smuggle(&bucket(&both.first).join("data").join(&id[..2]), content.as_bytes());
    }
    both.second.repository.bucket = "copies-shared".into();
    both.second.repository.prefix = "cluster/paged".into();
    both.first.as_admin();
    let order = || Task::Copy {
        to: both.second.repository.clone(),
        issue: None,
        holds: holds(&known),
        prune: true,
        shrunk: false,
        seconds: None,
        deleted_days: Some(7),
    };
    let report = both.first.does("copy", order());
    assert!(report.files > 2100, "{}", report.message);
    let there = |both: &Both| -> BTreeMap<String, Vec<u8>> {
        both.there().into_iter().map(|(name, content)| (name.strip_prefix("cluster/paged/").unwrap().to_owned(), content)).collect()
    };
    assert_eq!(both.here(), there(&both));
    assert!(both.first.does("copy", order()).message.starts_with("0 objects"));
    fs::remove_dir_all(bucket(&both.first).join("data/00")).unwrap();
    both.first.does("copy", order());
    assert_eq!(both.here(), there(&both));
    assert_eq!(both.second.sets(), ["r1"]);
}
