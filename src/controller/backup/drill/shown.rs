//! What a drill has shown: its evidence, and what the vault says of it.

use super::super::say_vault;
use super::{RESTORE, set_of};
use crate::apply::ApplyError;
use crate::backup::evidence::{self, Evidence, Finding, Outcome};
use crate::backup::work::Class;
use crate::controller::Context;
use crate::controller::world::World;
use crate::request::RestoreDrill;
use crate::request::backup::{BackupVaultStatus, Failures, Level, PhaseTime, Proven, RunFailure, RunStatus, SetRecord};
use crate::request::written;
use jiff::Timestamp;

/// The record of a drill that restored something, chained to the one before.
pub fn record(world: &World, drill: &RestoreDrill, status: &RunStatus, set: &SetRecord, now: Timestamp) -> Option<Evidence> {
    let level = match drill.spec.level {
        Level::Check | Level::Read => return None,
        Level::Restore => evidence::Level::Files,
        Level::Load => evidence::Level::Database,
        Level::Start => evidence::Level::App,
    };
    let whole = |time: Timestamp| Timestamp::from_second(time.as_second()).unwrap_or(time);
    let time = |text: Option<&String>| text.and_then(|text| text.parse().ok());
    let facts = || status.steps.iter().filter_map(|step| step.facts.as_ref());
    let phases = phases(status, now).into_iter().map(|phase| evidence::Phase { name: phase.name, milliseconds: phase.milliseconds });
    let finding = Finding {
        tenant: drill.spec.tenant_id.clone(),
        municipality: drill.spec.municipality.clone(),
        app: drill.spec.app.clone(),
        set: set.name.clone(),
        recovery_point: time(Some(&set.recovery_point))?,
        level,
        began: time(status.began.as_ref()).unwrap_or(now),
        ended: whole(now),
        phases: phases.collect(),
        files: status.steps.iter().filter(|step| step.name == RESTORE).map(|step| step.files).sum(),
        bytes: status.steps.iter().filter(|step| step.name == RESTORE).map(|step| step.bytes).sum(),
        tables: facts().map(|facts| facts.tables).sum(),
        rows: facts().map(|facts| facts.rows).sum(),
        outcome: if status.failure.is_none() { Outcome::Passed } else { Outcome::Failed },
        class: status.failure.as_ref().map(|failure| failure.class),
    };
    let vault = world.backups.vaults.get(&drill.spec.tenant_id).and_then(|vault| vault.status.as_ref());
    Some(evidence::append(vault.map(|status| status.evidence.as_str()).unwrap_or_default(), finding))
}

/// Writes down in the vault what a drill has shown, once; whatever was killed in between.
pub async fn settle(ctx: &Context, drill: &RestoreDrill, status: &RunStatus) -> Result<(), ApplyError> {
    let name = drill.metadata.name.clone().unwrap_or_default();
    let (vault, set) = {
        let world = ctx.world();
        (world.backups.vaults.get(&drill.spec.tenant_id).cloned(), set_of(&world, drill))
    };
    let known = vault.and_then(|vault| vault.status.as_ref().and_then(|status| status.last_drill.clone()));
    // Names of a tenant's drills are in the order of their slots.
    if known.is_some_and(|known| known >= name) {
        return Ok(());
    }
    let ended: Timestamp = status.ended.as_deref().and_then(|time| time.parse().ok()).unwrap_or_else(Timestamp::now);
    say_vault(ctx, &drill.spec.tenant_id, |vault| {
        vault.last_drill = Some(name.clone());
        if let Some(evidence) = &status.evidence {
            vault.evidence.clone_from(&evidence.hash);
        }
        match &status.failure {
            None => {
                if let Some(set) = &set {
                    passed(vault, drill, &set.name, proven(drill, status, set, ended));
                }
            }
            // A target that is away proves nothing about what it holds.
            Some(failure) if failure.class.is_the_targets() => {}
            // What is missing is written down by itself, and says nothing about what was read.
            Some(failure) if failure.class == Class::Suspicious => {}
            Some(failure) => failed(vault, drill, failure, status.ended.clone()),
        }
    })
    .await
}

fn proven(drill: &RestoreDrill, status: &RunStatus, set: &SetRecord, now: Timestamp) -> Proven {
    Proven {
        set: set.name.clone(),
        recovery_point: set.recovery_point.clone(),
        at: written(now),
        level: Some(drill.spec.level),
        phases: phases(status, now),
        evidence: status.evidence.as_ref().map(|evidence| evidence.hash.clone()).unwrap_or_default(),
    }
}

/// How long each step took.
fn phases(status: &RunStatus, now: Timestamp) -> Vec<PhaseTime> {
    let phases = status.steps.iter().map(|step| {
        let ended = status.steps.iter().filter_map(|other| other.began.as_deref()).find(|began| Some(*began) > step.began.as_deref());
        let end = ended.and_then(|time| time.parse().ok()).unwrap_or(now);
        let began = step.began.as_deref().and_then(|time| time.parse::<Timestamp>().ok()).unwrap_or(end);
        PhaseTime { name: step.name.clone(), milliseconds: u64::try_from(end.duration_since(began).as_millis()).unwrap_or_default() }
    });
    phases.collect()
}

fn failed(vault: &mut BackupVaultStatus, drill: &RestoreDrill, failure: &RunFailure, at: Option<String>) {
    let failures = if drill.spec.level < Level::Restore { &mut vault.read_failures } else { &mut vault.drill_failures };
    *failures = Failures {
        at,
        set: Some(drill.spec.set.clone()),
        // What failed first is read again until it is good; that another one fails says nothing about it.
        slice: failures.slice.or(drill.spec.slice),
        ..failures.and(drill.metadata.name.as_deref().unwrap_or_default(), failure.class, &failure.message, "")
    };
}

fn passed(vault: &mut BackupVaultStatus, drill: &RestoreDrill, set: &str, proof: Proven) {
    if drill.spec.level < Level::Restore {
        // Reading proves nothing about a restore that failed, and a part that is sound nothing about the others.
        if vault.read_failures.slice.is_none_or(|slice| drill.spec.slice == Some(slice)) {
            vault.read_failures = Failures::default();
        }
        return;
    }
    vault.drill_failures = Failures::default();
    if let Some(known) = vault.sets.iter_mut().find(|known| known.name == set) {
        known.verified = true;
    }
    vault.proven = Some(proof);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::backup::RestoreDrillSpec;

    fn read(slice: Option<u32>) -> RestoreDrill {
        let spec = RestoreDrillSpec {
            tenant_id: "t".into(),
            municipality: "ogres-novads".into(),
            app: "arhivs".into(),
            set: "t-b1".into(),
            level: if slice.is_some() { Level::Read } else { Level::Check },
            slot: "1".into(),
            slice,
        };
        RestoreDrill::new(&format!("t-d{slice:?}"), spec)
    }

    #[test]
    fn a_part_that_could_not_be_read_stays_known_until_it_can() {
        let mut vault = BackupVaultStatus::default();
        let damaged = RunFailure { class: Class::Damaged, message: "a pack is not as its name says".into() };
        let mut fails = |slice| {
            failed(&mut vault, &read(slice), &damaged, Some("2026-11-27T01:00:00Z".into()));
            vault.read_failures.clone()
        };
        assert_eq!(fails(Some(3)).slice, Some(3));
        // Others that fail, too, do not hide it.
        assert_eq!((fails(Some(4)).slice, fails(None).slice), (Some(3), Some(3)));
        assert_eq!(fails(Some(5)).count, 4);
        for (slice, left) in [(None, 4), (Some(4), 4), (Some(3), 0)] {
            passed(&mut vault, &read(slice), "t-b1", Proven::default());
            assert_eq!(vault.read_failures.count, left, "{slice:?} is sound");
        }
    }
}
