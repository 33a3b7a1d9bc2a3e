//! Runners and the server killed at any moment: a set that was committed stays, and is what it was.

use crate::world::{Tenant, World, check, noise};
use kopnams::backup::set::Part;
use kopnams::backup::work::Task;
use std::fs;
use std::time::Duration;

/// A number from the environment.
fn given(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().unwrap())
}

fn killed(world: &World) -> Tenant<'_> {
    let tenant = world.again("killed");
    tenant.as_writer();
    tenant
}

#[test]
fn no_committed_set_is_lost_or_wrong_whoever_is_killed() {
    // Its own server: others would not like it to be killed.
    let Some(mut world) = World::start() else { return };
    let rounds = given("KOPNAMS_KILLS", 10);
    let seed = given("KOPNAMS_SEED", u64::from(std::process::id()));
    println!("KOPNAMS_SEED={seed} rolls the same dice again");
    let mut dice = noise(seed, usize::try_from(rounds).unwrap() * 3).into_iter().map(u64::from);
    let mut roll = || dice.next().unwrap();
    world.tenant("killed");
    let mut promised = Vec::new();
    let (mut ended_well, mut disturbed) = (0, 0);
    for round in 0..rounds {
        let run = format!("r{round}");
        let (server, part, pause) = (roll() % 3 == 0, roll() % 3 == 0, Duration::from_millis(roll() * 12));
        let tenant = killed(&world);
        let content = noise(seed + round, 400_000);
        tenant.file("data", &content);
        fs::write(tenant.folder.join(&run), &content).unwrap();
        let task = if part {
            tenant.part()
        } else {
            // The part undisturbed, so that it is the commit that is hit.
            let backed = tenant.does(&run, tenant.part());
            tenant.commit(&run, &[("volume:data", &backed)])
        };
        let started = tenant.start(&run, task);
        std::thread::sleep(pause);
        if server {
            world.s3.kill();
            std::thread::sleep(Duration::from_millis(300));
            world.s3.restart().unwrap();
            let ended = started.wait();
            ended_well += u32::from(ended.report.failure.is_none());
            if ended.report.failure.is_none() && !part {
                promised.push(run);
            }
        } else {
            disturbed += u32::from(started.kill());
        }
    }
    println!("{disturbed} runners killed at work, {ended_well} outlived their server, {} sets promised", promised.len());
    let tenant = killed(&world);
    tenant.file("data", noise(seed, 10));
    fs::write(tenant.folder.join("last"), noise(seed, 10)).unwrap();
    tenant.set("last");
    promised.push("last".to_owned());
    let sets = tenant.does("list", Task::List).sets;
    for set in &promised {
        assert!(sets.iter().any(|(_, found, _)| found == set), "{set} was committed and is not in {sets:?}");
    }
    tenant.does("check", check(Some((1, 1))));
    for (manifest, set, _) in sets {
        let into = tenant.folder.join(format!("restored-{set}"));
        let parts = vec![(Part::Volume("data".into()), into.clone())];
        tenant.does("drill", Task::Restore { manifest, parts, into: None, replace: false });
        assert!(fs::read(into.join("data")).unwrap() == fs::read(tenant.folder.join(&set)).unwrap(), "{set} holds other data");
    }
}
