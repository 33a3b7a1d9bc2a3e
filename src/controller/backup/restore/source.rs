//! What a restore reads: whose repository, and which set in it.

use super::super::{Ground, ground};
use super::{BACKUP, PAUSE, START};
use crate::backup::work::Class;
use crate::controller::world::World;
use crate::policy::AppKey;
use crate::request::backup::{RunStatus, SetRecord};
use crate::request::{BackupVault, RestoreRun, written};
use jiff::Timestamp;

/// Why nothing can be restored.
pub enum Trouble {
    /// Not yet.
    Wait(String),
    /// Never, as it was asked for.
    Never(Class, String),
}

/// The repository that a restore reads, or is about to.
pub struct Reads {
    /// Whose it is.
    pub tenant: String,
    /// It is being read, or waits for its turn.
    pub now: bool,
}

/// The repository that a restore reads, once it has a set of what was there before and until the app runs again.
#[must_use]
pub fn reads(world: &World, run: &RestoreRun) -> Option<Reads> {
    let status = run.status.as_ref()?;
    let done = |name: &str| status.steps.iter().find(|step| step.name == name).map(|step| step.done);
    if done(BACKUP) == Some(false) || done(START) == Some(true) {
        return None;
    }
    // What is put back lies in the app's own repository.
    let back = status.failure.as_ref().and_then(|_| status.steps.iter().find(|step| step.name == BACKUP)?.snapshot.as_deref());
    let set = back.or(status.set.as_deref())?;
    let from = run.spec.from.as_deref().filter(|_| back.is_none()).unwrap_or(&run.spec.app);
    let holds = |vault: &BackupVault| vault.status.as_ref().is_some_and(|status| status.sets.iter().any(|of| of.name == set));
    let tenant = world.backups.vaults_of(&run.spec.municipality, from).find(|(_, vault)| holds(vault))?.0.clone();
    Some(Reads { tenant, now: done(PAUSE) == Some(true) })
}

/// The app that is filled, the vault that it is filled from, and the set.
pub fn facts(world: &World, run: &RestoreRun, status: &RunStatus, key: &AppKey) -> Result<(Ground, Ground, SetRecord), Trouble> {
    let tenant_id = world.tenant_of(key).ok_or_else(|| Trouble::Wait(format!("waiting until the app {key} is there")))?;
    let own = ground(world, &tenant_id).ok_or_else(|| Trouble::Wait("waiting for the app's own vault".into()))?;
    if own.grant.is_none() {
        return Err(Trouble::Wait(format!("waiting until the app {key} is admitted")));
    }
    let from = run.spec.from.as_deref().unwrap_or(&run.spec.app);
    // Only vaults of the same municipality are looked at, so another one's set is not found.
    let sets = world
        .backups
        .vaults_of(&key.municipality, from)
        .flat_map(|(id, vault)| vault.status.iter().flat_map(|status| status.sets.iter()).map(move |set| (id.clone(), set.clone())));
    let mut sets: Vec<(String, SetRecord)> = sets.collect();
    sets.sort_by(|a, b| a.1.recovery_point.cmp(&b.1.recovery_point));
    let wanted = if let Some(name) = status.set.as_ref().or(run.spec.set.as_ref()) {
        sets.into_iter().find(|(_, set)| set.name == *name).ok_or_else(|| {
            format!("no vault of {}/{from} has a set `{name}`; `kopnams backups` lists those that there are", key.municipality)
        })
    } else {
        let before: Timestamp = run
            .spec
            .before
            .as_deref()
            .unwrap_or_default()
            .parse()
            .map_err(|_| Trouble::Never(Class::Order, "`before` is no time; write for example 2026-01-31T12:00:00Z".into()))?;
        let older = |set: &SetRecord| set.recovery_point.parse::<Timestamp>().is_ok_and(|at| at <= before);
        // None is an error: the newest is never taken instead.
        let found = sets.into_iter().rfind(|(_, set)| older(set));
        found
            .ok_or_else(|| format!("{}/{from} has no set from before {}; nothing else is taken instead", key.municipality, written(before)))
    };
    let (source_id, set) = wanted.map_err(|message| Trouble::Never(Class::Missing, message))?;
    let mut source = ground(world, &source_id).ok_or_else(|| Trouble::Never(Class::Other, "the target of that set is gone".into()))?;
    if source_id != own.tenant_id {
        source.grant = None;
    }
    Ok((own, source, set))
}
