//! The canary of a target: a vault whose only set is damaged on purpose. It is drilled like any other, by the same Job, the
//! same record and the same verdict, and has to fail. One that passes shows that no drill proves anything.

use super::keys::Hand;
use super::step::{self, LOOK, Progress, Step};
use super::vault::{drill_now, make as make_vault};
use super::{Ground, say_vault};
use crate::apply::ApplyError;
use crate::backup::breaker::State;
use crate::backup::work::{Class, Report, Task};
use crate::controller::Context;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::unclaimed::pause_until;
use crate::controller::world::World;
use crate::controller::world::backups::Record;
use crate::policy::AppKey;
use crate::request::backup::{BackupVaultStatus, RunKind, RunPhase, SetRecord, VAULT_NAMESPACE};
use crate::request::{BackupTarget, BackupVault, RestoreDrill, written};
use crate::status::conditions::Verdict;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Its name, where an app's name stands. Its municipality is the namespace of the vaults, which no municipality can be called.
const APP: &str = "canary";
/// When making it is tried again.
const AGAIN: Duration = Duration::from_hours(1);

/// The name of a target's canary, as a tenant's: it follows from the target, so that there is never a second one.
fn tenant_of(target: &BackupTarget) -> String {
    let named = format!("canary of {}", target.metadata.uid.as_deref().unwrap_or_default());
    let digest = Sha256::digest(named.as_bytes());
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string()
}

/// Days between its drills; none when the platform wants none, or no backups at this target.
fn every(world: &World, target: &str) -> Option<SignedDuration> {
    let backup = world.register.settings().backup.as_ref().filter(|backup| backup.target == target)?;
    (backup.canary_every_days > 0).then(|| SignedDuration::from_hours(24 * i64::from(backup.canary_every_days)))
}

/// Makes the canary's vault and its keys, unless they are there.
pub async fn ensure(ctx: &Context, target: &BackupTarget) -> Result<(), ApplyError> {
    let (name, tenant_id) = (target.metadata.name.clone().unwrap_or_default(), tenant_of(target));
    let wanted = {
        let world = ctx.world();
        every(&world, &name).is_some() && !world.backups.vaults.contains_key(&tenant_id)
    };
    if !wanted {
        return Ok(());
    }
    make_vault(ctx, &AppKey::new(VAULT_NAMESPACE, APP), &tenant_id, name, true).await
}

/// Looks at a canary: makes its set, and has it drilled when that is due.
pub async fn reconcile(ctx: &Context, vault: &BackupVault, status: &BackupVaultStatus, ground: &Ground) -> Result<Next, ReconcileError> {
    let Some(every) = ({ every(&ctx.world(), &vault.spec.target) }) else { return Ok(Next::Rest) };
    let Some(set) = status.sets.last() else { return make(ctx, ground).await };
    let (newest, busy) = {
        let world = ctx.world();
        let newest = world.backups.drills_of(&ground.tenant_id).last().cloned();
        let busy = newest.as_ref().is_some_and(|drill| !drill.phase().is_over());
        (newest, busy)
    };
    if busy {
        return Ok(Next::Rest);
    }
    let class = newest.as_ref().and_then(|drill| drill.status.as_ref()?.failure.as_ref()).map(|failure| failure.class);
    if newest.as_ref().is_some_and(|drill| drill.spec.set == set.name)
        && matches!(class, Some(Class::Vanished | Class::Missing | Class::WrongKey))
    {
        // It is not there any more, which is no damage: another is made.
        say_vault(ctx, &ground.tenant_id, |vault| vault.sets.clear()).await?;
        return Ok(Next::After(Duration::ZERO));
    }
    // One that said nothing about the damage is no trial.
    let wait = if class.is_some_and(|class| class != Class::Damaged) { SignedDuration::try_from(AGAIN).unwrap_or(every) } else { every };
    let last = newest.and_then(|drill| drill.metadata.creation_timestamp.as_ref().map(|time| time.0));
    let due = last.and_then(|last| last.checked_add(wait).ok());
    let now = Timestamp::now();
    if let Some(due) = due.filter(|due| *due > now) {
        return Ok(Next::After(pause_until(due)));
    }
    drill_now(ctx, ground, &set.name, now).await?;
    Ok(Next::Rest)
}

/// Makes its set, in a Job of its own.
async fn make(ctx: &Context, ground: &Ground) -> Result<Next, ReconcileError> {
    let answers =
        ground.target.status.as_ref().is_some_and(|status| status.breaker.state == State::Closed && status.breaker.last_good.is_some());
    if !answers {
        return Ok(Next::After(Duration::from_mins(1)));
    }
    let run = format!("{}-c", ground.tenant_id);
    if let Some(until) = { ctx.world().backups.paused(&run, Timestamp::now()) } {
        return Ok(Next::After(pause_until(until)));
    }
    let order = ground.order(&run, Task::Canary { issue: ground.issue() });
    let step = Step { orders: vec![(None, order)], ..ground.step(&run, 0, VAULT_NAMESPACE, Hand::Maintainer) };
    let report = match step::advance(ctx, step, &ground.target.spec, &ground.tenant_id).await? {
        Progress::Going => return Ok(Next::After(LOOK)),
        Progress::Ended(report) => report,
    };
    let made = record(&run, &report, Timestamp::now());
    let failure =
        report.failure.map_or_else(|| "the runner named no set".to_string(), |class| format!("{}: {}", class.as_str(), report.message));
    say_vault(ctx, &ground.tenant_id, |vault| match &made {
        Some(set) => {
            vault.prepared = Some(set.recovery_point.clone());
            vault.message = None;
            vault.sets = vec![set.clone()];
        }
        None => vault.message = Some(format!("the set that is to be damaged could not be made: {failure}")),
    })
    .await?;
    step::clear(ctx, VAULT_NAMESPACE, &run, 0).await?;
    if made.is_none() {
        ctx.world().backups.pause(&run, Timestamp::now() + AGAIN);
    }
    Ok(if made.is_some() { Next::After(Duration::ZERO) } else { Next::After(AGAIN) })
}

fn record(run: &str, report: &Report, now: Timestamp) -> Option<SetRecord> {
    let manifest = report.snapshot.clone().filter(|_| report.failure.is_none())?;
    Some(SetRecord {
        name: run.to_string(),
        recovery_point: written(now),
        manifest,
        snapshots: report.configuration.iter().cloned().collect(),
        files: report.files,
        bytes: report.bytes,
        parts: BTreeMap::from([(format!("volume:{APP}"), report.bytes)]),
        kind: RunKind::Manual,
        ..SetRecord::default()
    })
}

/// What the drills of a canary have shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sung {
    /// The last one that says anything did not fail.
    pub passed: bool,
    /// When one last failed because of the damage.
    pub failed_at: Option<Timestamp>,
}

fn sung(world: &World, tenant_id: &str) -> Sung {
    let mut sung = Sung::default();
    let over = |drill: &&Arc<RestoreDrill>| drill.phase().is_over();
    for drill in world.backups.drills_of(tenant_id).filter(over) {
        let Some(status) = &drill.status else { continue };
        match (status.phase, status.failure.as_ref().map(|failure| failure.class)) {
            (RunPhase::Succeeded, _) => sung.passed = true,
            (_, Some(Class::Damaged)) => {
                sung.passed = false;
                sung.failed_at = status.ended.as_ref().and_then(|time| time.parse().ok());
            }
            _ => {}
        }
    }
    sung
}

/// What the canaries of all targets have shown.
pub fn all(world: &World) -> impl Iterator<Item = (String, Sung)> {
    let canaries = world.backups.vaults.iter().filter(|(_, vault)| vault.spec.canary && every(world, &vault.spec.target).is_some());
    canaries.map(|(tenant_id, vault)| (vault.spec.target.clone(), sung(world, tenant_id)))
}

/// `DrillsCanFail`: whether a drill at a target notices damage; none when the platform wants no canary.
#[must_use]
pub fn verdict(world: &World, target: &BackupTarget) -> Option<Verdict> {
    every(world, target.metadata.name.as_deref().unwrap_or_default())?;
    let sung = sung(world, &tenant_of(target));
    Some(match sung.failed_at {
        _ if sung.passed => Verdict::no(
            "DrillsCanFail",
            "DrillCannotFail",
            "the drill of a set that is damaged on purpose did not fail, so no drill proves anything; do not rely on RestoreProven until this is mended",
        ),
        Some(_) => Verdict::yes("DrillsCanFail", "Damaged", "the drill of a set that is damaged on purpose failed, as it has to"),
        None => Verdict::no("DrillsCanFail", "AwaitingFirst", "a set that is damaged on purpose was not drilled yet"),
    })
}
