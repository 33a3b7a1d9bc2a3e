//! What reads while a repository is pruned: nothing that is whole is called damaged, and nobody is kept waiting who need not be.

use crate::world::{noise, sentinel, signal_group, world};
use kopnams::backup::set::Part;
use kopnams::backup::work::{Class, Task};
use kopnams_lab::{Fault, FaultProxy};
use std::fs;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn reading_does_not_wait_for_a_prune_and_a_restore_does() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("pruning");
    tenant.file("page", "x");
    let database = tenant.folder.join("dump");
    fs::create_dir_all(&database).unwrap();
    for (name, text) in [("dump", "x"), ("facts", "users 3\n"), ("sentinel", &sentinel("r1"))] {
        fs::write(database.join(name), text).unwrap();
    }
    let Task::Part { part, path, exclude, may_be_empty, before, .. } = crate::world::part("database:rt", &database) else { unreachable!() };
    let backed = tenant.does("r1", Task::Part { part, path, exclude, may_be_empty, before, facts: true });
    let manifest = tenant.does("r1", tenant.commit("r1", &[("database:rt", &backed)])).snapshot.unwrap();
    let locks = || fs::read_dir(world.s3.bucket("kopnams-pruning").join("locks")).into_iter().flatten().count();
    let proxy = FaultProxy::start(world.s3.listens()).unwrap();
    tenant.as_admin();
    let slow = tenant.at(proxy.endpoint());
    proxy.set(Fault::Latency(Duration::from_millis(300)));
    let before = locks();
    let mut pruning = slow.stock(&["prune"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while locks() == before {
        assert!(began.elapsed() < Duration::from_secs(30) && pruning.try_wait().unwrap().is_none(), "no lock was seen");
        std::thread::sleep(Duration::from_millis(5));
    }
    signal_group(&pruning, rustix::process::Signal::STOP);
    tenant.as_writer();
    let began = Instant::now();
    assert_eq!(tenant.sets(), ["r1"]);
    let compare = || Task::Compare { manifest: manifest.clone(), part: Part::Database("rt".into()), facts: database.join("facts") };
    tenant.does("compare", compare());
    let read = began.elapsed();
    // It writes as long as it takes, so nobody may take anything away meanwhile.
    let began = Instant::now();
    tenant.fails("restore", tenant.restore_all(&manifest, "locked"), Class::Locked);
    assert!(began.elapsed() > Duration::from_secs(6), "a lock is waited for");
    println!("read in {read:?} beside a prune; a restore gave up after {:?}", began.elapsed());
    let written = fs::read_dir(tenant.folder.join("locked/database/rt")).unwrap().count();
    assert_eq!(written, 0);
    // The same, of a prune that comes to its end.
    proxy.set(Fault::Pass);
    let waiting = tenant.start("restore", tenant.restore_all(&manifest, "waited"));
    std::thread::sleep(Duration::from_secs(1));
    signal_group(&pruning, rustix::process::Signal::CONT);
    let ended = waiting.wait();
    assert_eq!(ended.report.failure, None, "{}", ended.said);
    assert!(pruning.wait().unwrap().success());
}

#[test]
fn lists_beside_prunes_that_take_packs_away_are_all_whole() {
    let Some(world) = world() else { return };
    let tenant = world.tenant("repacked");
    tenant.file("page", noise(1, 50_000));
    tenant.set("r1");
    tenant.as_admin();
    let done = AtomicBool::new(false);
    let mut lists = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..4_u64 {
                let folder = tenant.folder.join(format!("junk{round}"));
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join("junk"), noise(round + 2, 200_000)).unwrap();
                assert!(tenant.restic_in(&folder, &["backup", ".", "--tag=junk"]).status.success());
                let forgotten = tenant.restic(&["forget", "--tag=junk", "--unsafe-allow-remove-all", "--retry-lock=1m"]);
                assert!(forgotten.status.success(), "{}", String::from_utf8_lossy(&forgotten.stderr));
                // All that is small is written anew, and what held it goes.
                let pruned = tenant.restic(&["prune", "--max-unused=0", "--repack-small", "--retry-lock=1m"]);
                assert!(pruned.status.success(), "{}", String::from_utf8_lossy(&pruned.stderr));
            }
            done.store(true, Ordering::SeqCst);
        });
        while !done.load(Ordering::SeqCst) {
            assert_eq!(tenant.sets(), ["r1"]);
            lists += 1;
        }
    });
    println!("{lists} lists beside four prunes");
    assert!(lists > 1);
}
