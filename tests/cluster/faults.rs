//! Proves that crashes, pauses and an API server that goes away change how long it takes and not what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::audit::Line;
use crate::kit::{app, is_ready, label, meant, text};
use crate::operator::Operator;
use crate::run::{alone, say};
use crate::world::World;

/// Asks for so many apps of each municipality at once.
pub async fn ask_for(world: &World, slugs: &[String], each: usize) {
    let requests = slugs.iter().flat_map(|slug| (0..each).map(move |n| app(slug, &format!("lapa-{n:02}"))));
    stream::iter(requests).for_each_concurrent(16, async |request| drop(world.apply(&request).await)).await;
}

/// How many of the municipalities' requests are Ready.
async fn ready(world: &World, slugs: &[String]) -> usize {
    let all = world.list("MunicipalityApp", "").await;
    all.iter().filter(|o| slugs.iter().any(|slug| slug == text(o, "/metadata/namespace")) && is_ready(o)).count()
}

pub async fn all_ready(world: &World, slugs: &[String], count: usize) {
    world
        .within(Duration::from_mins(2), &format!("{count} apps are Ready"), async || {
            let now = ready(world, slugs).await;
            if now == count { Ok(()) } else { Err(format!("{now} are Ready")) }
        })
        .await;
}

/// Everything of the tenants of a municipality, without what differs from one municipality to the next.
async fn end_state(world: &World, slugs: &[String]) -> BTreeMap<String, Value> {
    let mut state = BTreeMap::new();
    let mut objects = world.list("Namespace", "").await;
    for kind in crate::world::RAILS {
        objects.extend(world.list(kind, "").await);
    }
    let requests = world.list("MunicipalityApp", "").await;
    for object in objects.into_iter().chain(requests) {
        let space =
            if text(&object, "/kind") == "Namespace" { text(&object, "/metadata/name") } else { text(&object, "/metadata/namespace") };
        let Some((index, slug)) = slugs.iter().enumerate().find(|(_, slug)| space.split("--").next() == Some(slug)) else { continue };
        let mut plain = meant(&object);
        if let Some(tenant) = plain["metadata"]["labels"].get_mut("kopnams.lv/tenant-id") {
            *tenant = "one".into();
        }
        if let Some(notes) = plain["metadata"]["annotations"].as_object_mut() {
            notes.values_mut().for_each(|note| *note = "one".into());
        }
        let plain = serde_json::from_str(&plain.to_string().replace(slug, "town")).unwrap();
        let at = format!(
            "{index} {} {} {}",
            space.replace(slug, "town"),
            text(&object, "/kind"),
            text(&object, "/metadata/name").replace(slug, "town")
        );
        assert!(state.insert(at.clone(), plain).is_none(), "twice: {at}");
    }
    state
}

pub fn towns(prefix: &str) -> Vec<String> {
    (0..10).map(|n| format!("{prefix}{n}")).collect()
}

#[test]
fn killed_at_random_moments_it_ends_where_an_undisturbed_one_ends() {
    alone("killed at random moments", async |world| {
        world.furnish().await;
        let (calm, rough) = (towns("mierigs"), towns("vetrains"));
        for slug in calm.iter().chain(&rough) {
            world.apply(&crate::kit::municipality(slug)).await;
        }
        for slug in calm.iter().chain(&rough) {
            world.ready_municipality(slug).await;
        }
        ask_for(world, &calm, 20).await;
        all_ready(world, &calm, 200).await;

        let mut dice = Dice::thrown();
        // `make soak` asks for more; each kill comes while requests are still being answered, or soon after.
        let least = std::env::var("KOPNAMS_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(4);
        let asking = ask_for(world, &rough, 20);
        let killing = async {
            let mut kills = 0;
            while kills < least || kills < 2 * least && ready(world, &rough).await < 200 {
                tokio::time::sleep(Duration::from_millis(dice.between(50, 900))).await;
                world.kill_operator().await;
                world.ensure_operator().await;
                kills += 1;
            }
            kills
        };
        let ((), kills) = futures::join!(asking, killing);
        all_ready(world, &rough, 200).await;
        say(&format!("  killed {kills} times"));

        let (expected, actual) = (end_state(world, &calm).await, end_state(world, &rough).await);
        assert!(expected.len() > 200 * 13, "{} objects", expected.len());
        let missing: Vec<_> = expected.keys().filter(|at| !actual.contains_key(*at)).collect();
        let more: Vec<_> = actual.keys().filter(|at| !expected.contains_key(*at)).collect();
        assert!(missing.is_empty() && more.is_empty(), "missing {missing:?}, too many {more:?}");
        for (at, object) in &expected {
            assert_eq!(object, &actual[at], "{at}");
        }
        let spaces = world.list("Namespace", "").await;
        let tenants: BTreeSet<&str> = spaces.iter().map(|o| label(o, "kopnams.lv/tenant-id")).filter(|id| !id.is_empty()).collect();
        assert_eq!(tenants.len(), 2 * (10 + 200), "every namespace is another tenant's");
    });
}

#[test]
fn what_happened_while_nobody_watched_is_repaired() {
    alone("while nobody watched", async |world| {
        world.furnish().await;
        world.settle("partraukums").await;
        world.open(&app("partraukums", "viens")).await;
        let space = "partraukums--viens";
        world.operator().as_ref().unwrap().freeze();
        world.delete("NetworkPolicy", space, "default-deny").await;
        world.merge("ResourceQuota", space, "running", &json!({"spec": {"hard": {"pods": "5000"}}})).await;
        world.restart_apiserver().await;
        world.operator().as_ref().unwrap().thaw();
        world.see("NetworkPolicy", space, "default-deny", "made again", |_| true).await;
        world.see("ResourceQuota", space, "running", "as granted", |o| text(o, "/spec/hard/pods") == "5").await;

        // Also while it runs and finds no API server for longer than its lease.
        world.lab.stop_apiserver().unwrap();
        tokio::time::sleep(Duration::from_secs(crate::operator::LEASE + 1)).await;
        world.restart_apiserver().await;
        world.ensure_operator().await;
        world.open(&app("partraukums", "divi")).await;
        world.delete("LimitRange", space, "defaults").await;
        world.see("LimitRange", space, "defaults", "made again", |_| true).await;
    });
}

#[test]
fn a_leader_that_was_paused_beyond_its_lease_writes_nothing() {
    alone("a paused leader", async |world| {
        world.furnish().await;
        let slugs = towns("pauze");
        for slug in &slugs {
            world.settle(slug).await;
        }
        let second = second_replica(world);
        world.until("the second replica is ready", async || second.is_ready().then_some(()).ok_or_else(|| "not yet".into())).await;
        assert!(!second.leads(), "one leads");

        ask_for(world, &slugs, 6).await;
        world
            .until("the first is in the middle of it", async || if ready(world, &slugs).await > 5 { Ok(()) } else { Err(String::new()) })
            .await;
        world.operator().as_ref().unwrap().freeze();
        let done = ready(world, &slugs).await;
        say(&format!("  paused when {done} of 60 apps were Ready"));
        world.until("the second leads", async || second.leads().then_some(()).ok_or_else(|| "not yet".into())).await;
        all_ready(world, &slugs, 60).await;

        let audit = world.audit();
        world.operator().as_ref().unwrap().thaw();
        for name in ["default-deny", "allow-dns", "allow-same-namespace"] {
            world.delete("NetworkPolicy", "pauze0--lapa-00", name).await;
            world.see("NetworkPolicy", "pauze0--lapa-00", name, "made again", |_| true).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        // What the API server refuses, because it was decided on an older version, is not written.
        let stale: Vec<Line> = audit.writes_of_operator().into_iter().filter(|line| line.code < 400).collect();
        assert!(stale.is_empty(), "written by the one that was paused: {stale:#?}");
        let repairs =
            audit.of(SECOND).into_iter().filter(|line| line.resource == "networkpolicies" && line.verb == "create" && line.code == 201);
        assert_eq!(repairs.count(), 3, "the second repairs");
        assert!(!world.operator().as_ref().unwrap().leads(), "and the first knows that it does not lead");
    });
}

const SECOND: &str = "system:serviceaccount:kopnams-system:kopnams-second";

/// A second replica, as another user with the same rights, so that the audit log tells the two apart.
pub fn second_replica(world: &World) -> Operator {
    let system = "--namespace=kopnams-system";
    let account = "--serviceaccount=kopnams-system:kopnams-second";
    for args in [
        vec!["create", "serviceaccount", "kopnams-second", system],
        vec!["create", "clusterrolebinding", "second", "--clusterrole=kopnams-controller", account],
        vec!["create", "rolebinding", "second", "--role=kopnams-controller", account, system],
        vec!["create", "rolebinding", "second", "--role=kopnams-vault", account, "--namespace=kopnams-vault"],
    ] {
        world.lab.kubectl(args).unwrap();
    }
    let config = world.config_of("kopnams-second");
    world.start_operator_as(Path::new(&config))
}

/// Random numbers by a seed that is printed, so that a run can be repeated with `KOPNAMS_SEED`.
struct Dice(u64);

impl Dice {
    fn thrown() -> Self {
        let given = std::env::var("KOPNAMS_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).unwrap();
            u64::from_ne_bytes(bytes)
        });
        say(&format!("  KOPNAMS_SEED={seed}"));
        Self(seed | 1)
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        low + self.0 % (high - low)
    }
}
