//! Many backups at once: the pool is never exceeded and nobody starves, a target that does not answer is left alone and
//! comes back by itself, a second operator doubles nothing, and names that are the same are different tenants.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::backups::{IMAGE, over, runs_of};
use crate::faults::{all_ready, ask_for, second_replica, towns};
use crate::hands::{Answer, Hands, bad, good};
use crate::kit::{app, condition, furniture, message, shown, text};
use crate::ledger::Ledger;
use crate::run::{alone, say};
use crate::world::World;

/// A target that can be switched off: then nobody listens there.
struct Target {
    address: SocketAddr,
    open: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl Target {
    async fn start() -> Self {
        // Not where connections to the API server begin: the port must be free when it is switched on again.
        let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, open: Mutex::new(Some(tokio::spawn(answer(listener)))) }
    }

    async fn switch_off(&self) {
        let task = self.open.lock().unwrap().take().unwrap();
        task.abort();
        let _ = task.await;
        assert!(!self.answers(), "it is off");
    }

    async fn switch_on(&self) {
        let listener = tokio::net::TcpListener::bind(self.address).await.unwrap();
        *self.open.lock().unwrap() = Some(tokio::spawn(answer(listener)));
    }

    fn answers(&self) -> bool {
        std::net::TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok()
    }
}

/// Refuses who has no key.
async fn answer(listener: tokio::net::TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut [0_u8; 4096])).await;
        let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
    }
}

/// The platform gets backups: those of all apps that answer are due at once.
async fn begin_backups(world: &World, target: &Target, backup: &Value) {
    crate::backups::target(world, &format!("http://{}", target.address)).await;
    let mut platform = furniture().into_iter().find(|object| text(object, "/kind") == "Platform").unwrap();
    platform["spec"]["backup"] = json!({"target": "s3", "image": IMAGE, "canaryEveryDays": 0});
    platform["spec"]["backup"].as_object_mut().unwrap().extend(backup.as_object().unwrap().clone());
    world.apply(&platform).await;
}

/// Each piece of work takes so long.
fn taking(pause: Duration, report: impl Fn(&Value) -> Value + Send + 'static) -> Answer {
    let begun: Mutex<BTreeMap<String, Instant>> = Mutex::default();
    Box::new(move |work| {
        let piece = format!("{} {}", work["run"], work["task"]["kind"]);
        let since = *begun.lock().unwrap().entry(piece).or_insert_with(Instant::now);
        (since.elapsed() >= pause).then(|| report(work))
    })
}

/// The vaults, once each has this many sets at least.
async fn sets(world: &World, vaults: usize, least: usize) -> Vec<Value> {
    let with_sets = |vault: &&Value| vault["status"]["sets"].as_array().is_some_and(|sets| sets.len() >= least);
    world
        .within(Duration::from_mins(2), &format!("{vaults} vaults have {least} sets"), async || {
            let all = world.list("BackupVault", "").await;
            let now = all.iter().filter(with_sets).count();
            let names = || all.iter().map(|vault| format!("{}/{}", text(vault, "/spec/municipality"), text(vault, "/spec/app")));
            if now >= vaults { Ok(all) } else { Err(format!("{now} have; the vaults are of {:?}", names().collect::<Vec<_>>())) }
        })
        .await
}

/// Waits until every app is backed up, and its set tried.
async fn all_proven(world: &World, count: usize) {
    world
        .within(Duration::from_mins(2), &format!("{count} apps are backed up and proven"), async || {
            let apps = world.list("MunicipalityApp", "").await;
            let proven = |o: &&Value| condition(o, "BackedUp").0 == "True" && condition(o, "RestoreProven").0 == "True";
            let now = apps.iter().filter(proven).count();
            let other = apps.iter().find(|o| !proven(o));
            let words = other.map(|o| format!("{}\n{}", message(o, "BackedUp"), message(o, "RestoreProven")));
            if now == count { Ok(()) } else { Err(format!("{now}; {}", words.unwrap_or_default())) }
        })
        .await;
}

/// F12.
#[test]
fn many_that_are_due_at_once_fill_the_pool_never_exceed_it_and_all_get_their_set() {
    alone("sixty backups due at once", async |world| {
        let (hands, target) = (Hands::start(world.admin.clone()), Target::start().await);
        hands.answer(taking(Duration::from_millis(250), good));
        world.furnish().await;
        let slugs = towns("pulks");
        for slug in &slugs {
            world.settle(slug).await;
        }
        ask_for(world, &slugs, 6).await;
        all_ready(world, &slugs, 60).await;

        let ledger = Ledger::start(&world.admin).await;
        let begun = Instant::now();
        begin_backups(world, &target, &json!({"limits": {"cluster": 4, "perTarget": 20, "perNode": 4}})).await;
        let vaults = sets(world, 60, 1).await;
        say(&format!("  60 sets after {:.1} s", begun.elapsed().as_secs_f64()));
        assert_eq!(vaults.len(), 60);
        all_proven(world, 60).await;
        say(&format!("  and tried after {:.1} s", begun.elapsed().as_secs_f64()));

        // Filled to the brim, so it would be seen if it ran over.
        assert_eq!(ledger.most_at_work(), 4, "runs at once");
        assert_eq!(ledger.most_jobs(), 4, "jobs at once");
        let begun = ledger.begun();
        let of = |kind: &str| begun.iter().filter(|(of, _)| *of == kind).count();
        assert_eq!((of("BackupRun"), of("RestoreDrill")), (60, 60));
        assert_eq!(ledger.pushed_in(), Vec::<String>::new(), "no drill goes before a backup that waits");
        let jobs = ledger.made("Job");
        assert_eq!((jobs.len(), jobs.values().max()), (180, Some(&1)), "each has two steps and a drill, and nothing is made twice");
    });
}

/// The next full minute that is some seconds off, as a window in which every app has its slot.
fn window_soon() -> Value {
    let zone = jiff::tz::TimeZone::get("Europe/Riga").unwrap();
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(80)).to_zoned(zone);
    let minute = jiff::Span::new().minutes(1);
    json!({"from": soon.strftime("%H:%M").to_string(), "to": (&soon + minute).strftime("%H:%M").to_string()})
}

/// F13.
#[test]
fn a_target_that_does_not_answer_costs_each_app_one_run_at_most_and_comes_back_by_itself() {
    alone("a target that does not answer", async |world| {
        let (hands, target) = (Hands::start(world.admin.clone()), std::sync::Arc::new(Target::start().await));
        let there = std::sync::Arc::clone(&target);
        hands.answer(taking(Duration::from_millis(300), move |work| {
            if there.answers() { good(work) } else { bad("Unreachable", "connection refused") }
        }));
        world.furnish().await;
        let slugs = towns("klust");
        for slug in &slugs {
            world.settle(slug).await;
        }
        ask_for(world, &slugs, 2).await;
        all_ready(world, &slugs, 20).await;

        let ledger = Ledger::start(&world.admin).await;
        let pool = 3;
        begin_backups(world, &target, &json!({"limits": {"cluster": pool, "perTarget": 20, "perNode": 4}, "window": window_soon()})).await;
        sets(world, 4, 1).await;
        target.switch_off().await;
        let off = Instant::now();
        world.see("BackupTarget", "", "s3", "is given up", |o| text(o, "/status/breaker/state") == "Open").await;
        let said = world.get("BackupTarget", "", "s3").await.unwrap();
        assert_eq!(condition(&said, "Ready"), ("False", "DoesNotAnswer"), "{}", shown(&said));
        let phase = |run: &Value, phase: &str| text(run, "/status/phase") == phase;
        world
            .until("what was at work has ended", async || {
                let runs = world.list("BackupRun", "kopnams-vault").await;
                let going = runs.iter().filter(|run| phase(run, "Running")).count();
                let jobs = world.list("Job", "").await;
                let names: Vec<&str> = jobs.iter().map(|job| text(job, "/metadata/name")).collect();
                if going == 0 && names.is_empty() { Ok(()) } else { Err(format!("{going} go on, and the jobs {names:?}")) }
            })
            .await;
        say(&format!("  given up after {:.1} s", off.elapsed().as_secs_f64()));
        let begun = ledger.begun().len();
        tokio::time::sleep(Duration::from_secs(10)).await;
        let runs = world.list("BackupRun", "kopnams-vault").await;
        let waiting = runs.iter().filter(|run| phase(run, "Pending") || phase(run, "")).count();
        assert!(waiting > pool, "somebody waits, so something could be begun");
        assert_eq!(ledger.begun().len(), begun, "nothing is begun while it does not answer");

        target.switch_on().await;
        let on = Instant::now();
        world
            .within(Duration::from_secs(70), "the target is used again", async || {
                let target = world.get("BackupTarget", "", "s3").await.unwrap();
                if condition(&target, "Ready") == ("True", "Answers") { Ok(()) } else { Err(shown(&target)) }
            })
            .await;
        say(&format!("  used again {:.1} s after it answered", on.elapsed().as_secs_f64()));
        all_proven(world, 20).await;
        say(&format!("  all are backed up and tried {:.1} s after it answered", on.elapsed().as_secs_f64()));

        let runs = world.list("BackupRun", "kopnams-vault").await;
        let failed: Vec<&Value> = runs.iter().filter(|run| phase(run, "Failed")).collect();
        assert!(
            failed.iter().all(|run| text(run, "/status/failure/class") == "Unreachable"),
            "{}",
            failed.iter().map(|r| shown(r)).collect::<String>()
        );
        // Three open it, and besides them the others of the pool may have been at work.
        assert!((3..3 + pool).contains(&failed.len()), "{} failed", failed.len());
        let mut each: BTreeMap<&str, usize> = BTreeMap::new();
        for run in &failed {
            *each.entry(text(run, "/spec/tenantId")).or_default() += 1;
        }
        assert!(each.values().all(|runs| *runs == 1), "{each:?}");
        for vault in world.list("BackupVault", "").await {
            assert_eq!(vault["status"]["failures"]["count"].as_u64().unwrap_or_default(), 0, "{}", shown(&vault));
        }
        assert_eq!(ledger.most_at_work(), pool, "and the pool was kept to all the time");
    });
}

/// F10 of the operator: the leader changes in the moment in which backups are due.
#[test]
fn a_leader_that_is_paused_when_backups_are_due_doubles_nothing_when_it_wakes() {
    alone("a paused leader and a slot", async |world| {
        let (hands, target) = (Hands::start(world.admin.clone()), Target::start().await);
        hands.answer(taking(Duration::from_millis(200), good));
        world.furnish().await;
        let slugs = towns("modrs");
        for slug in &slugs {
            world.settle(slug).await;
        }
        ask_for(world, &slugs, 2).await;
        all_ready(world, &slugs, 20).await;
        let second = second_replica(world);
        world.until("the second replica is ready", async || second.is_ready().then_some(()).ok_or_else(|| "not yet".into())).await;

        let ledger = Ledger::start(&world.admin).await;
        begin_backups(world, &target, &json!({"limits": {"cluster": 4, "perTarget": 20, "perNode": 4}})).await;
        // Some have their run, of some the first step is being made, and most have nothing yet.
        world
            .until("the first backups are being made", async || {
                let (runs, jobs) = (ledger.made("BackupRun").len(), ledger.made("Job").len());
                if jobs > 1 { Ok(()) } else { Err(format!("{runs} runs, {jobs} jobs")) }
            })
            .await;
        world.operator().as_ref().unwrap().freeze();
        tokio::time::sleep(Duration::from_millis(300)).await;
        let runs = ledger.made("BackupRun").len();
        say(&format!("  paused with {runs} runs and {} jobs of 20 apps", ledger.made("Job").len()));
        world.until("the second leads", async || second.leads().then_some(()).ok_or_else(|| "not yet".into())).await;
        sets(world, 20, 1).await;

        let audit = world.audit();
        world.operator().as_ref().unwrap().thaw();
        all_proven(world, 20).await;
        tokio::time::sleep(Duration::from_secs(4)).await;
        let stale: Vec<_> = audit.writes_of_operator().into_iter().filter(|line| line.code < 400).collect();
        assert!(stale.is_empty(), "written by the one that was paused: {stale:#?}");
        assert!(!world.operator().as_ref().unwrap().leads() && second.leads());

        let runs = ledger.made("BackupRun");
        assert_eq!((runs.len(), runs.values().max()), (20, Some(&1)), "one run for each slot: {runs:?}");
        let drills = ledger.made("RestoreDrill");
        assert_eq!((drills.len(), drills.values().max()), (20, Some(&1)), "one drill for each set: {drills:?}");
        let jobs = ledger.made("Job");
        let twice: Vec<String> = jobs.iter().filter(|(_, made)| **made > 1).map(|(name, _)| ledger.history(name)).collect();
        assert!(twice.is_empty(), "no job is made twice:\n{}", twice.join("\n"));
        assert_eq!(jobs.len(), 60, "one for each step: {jobs:?}");
        let mut orders: BTreeMap<String, usize> = BTreeMap::new();
        for (_, work) in hands.seen() {
            *orders.entry(format!("{} {}", work["run"], work["task"]["kind"])).or_default() += 1;
        }
        assert!(orders.values().all(|done| *done == 1), "no order is carried out twice: {orders:?}");
        for vault in sets(world, 20, 1).await {
            assert_eq!(vault["status"]["sets"].as_array().unwrap().len(), 1, "{}", shown(&vault));
        }
        assert_eq!(ledger.most_at_work(), 4, "and the pool was kept to over the change");
    });
}

fn run_for(name: &str, tenant: &str, slug: &str, slot: &str) -> Value {
    json!({
        "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupRun", "metadata": {"name": name, "namespace": "kopnams-vault"},
        "spec": {"tenantId": tenant, "municipality": slug, "app": "majaslapa", "slot": slot, "kind": "Manual"},
    })
}

#[test]
fn the_same_name_and_slot_in_two_towns_are_two_sets_and_a_run_of_another_is_not_taken_for_ones_own() {
    alone("two towns, one name", async |world| {
        let (_hands, target) = (Hands::start(world.admin.clone()), Target::start().await);
        world.furnish().await;
        let mut tenants = Vec::new();
        for slug in ["valka", "valga"] {
            world.settle(slug).await;
            let app = world.open(&app(slug, "majaslapa")).await;
            tenants.push((slug, text(&app, "/status/tenantId").to_string(), text(&app, "/status/readyAt").to_string()));
        }
        let [(first, mine, since), (second, other, _)] = tenants.as_slice() else { unreachable!() };
        // Under the very name that the first backup of one has, somebody asks for one of the other.
        let slot = since.parse::<jiff::Timestamp>().unwrap().strftime("%Y%m%d%H%M").to_string();
        let name = format!("{mine}-b{slot}");
        world.create(&run_for(&name, other, second, &slot)).await.unwrap();
        begin_backups(world, &target, &json!({})).await;
        let told = world.see("BackupVault", "", mine, "tells of it", |o| text(o, "/status/message").starts_with("RunConflict")).await;
        assert!(text(&told, "/status/message").contains(&name), "{}", shown(&told));
        world
            .see("BackupVault", "", other, "has its own set", |o| o["status"]["sets"].as_array().is_some_and(|sets| !sets.is_empty()))
            .await;
        let (told, app) =
            (world.get("BackupVault", "", mine).await.unwrap(), world.get("MunicipalityApp", first, "majaslapa").await.unwrap());
        assert!(told["status"]["sets"].as_array().is_none_or(Vec::is_empty), "{}", shown(&told));
        assert_eq!(condition(&app, "BackedUp").0, "False", "{}", shown(&app));

        world.delete("BackupRun", "kopnams-vault", &name).await;
        let mended =
            world.see("BackupVault", "", mine, "has a set", |o| o["status"]["sets"].as_array().is_some_and(|sets| !sets.is_empty())).await;
        assert_eq!(text(&mended, "/status/sets/0/name"), name);
        assert_eq!(text(&mended, "/status/message"), "", "what is over is not told any more: {}", shown(&mended));

        let slot = "202601010000";
        for (slug, tenant, _) in &tenants {
            world.create(&run_for(&format!("{tenant}-b{slot}"), tenant, slug, slot)).await.unwrap();
        }
        for (slug, tenant, _) in &tenants {
            let run = format!("{tenant}-b{slot}");
            over(world, "BackupRun", &run, "Succeeded").await;
            let vault = world.get("BackupVault", "", tenant).await.unwrap();
            let of_slot = vault["status"]["sets"].as_array().unwrap().iter().filter(|set| text(set, "/name").ends_with(slot)).count();
            assert_eq!(of_slot, 1, "{slug}: {}", shown(&vault));
        }
        let both = runs_of(&world.list("BackupRun", "kopnams-vault").await, "majaslapa");
        assert_eq!(both.iter().filter(|run| text(run, "/spec/slot") == slot).count(), 2);
    });
}
