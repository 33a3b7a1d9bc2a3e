//! The last backup of an app that goes, and how it stands.

use super::Ground;
use super::due::time;
use crate::apply::ApplyError;
use crate::backup::coverage::State;
use crate::controller::Context;
use crate::controller::world::World;
use crate::request::BackupRun;
use crate::request::backup::{RunKind, RunPhase};
use jiff::{SignedDuration, Timestamp};

/// Whether the newest last backup of a tenant speaks of every claim that its namespace has now.
pub async fn holds_all(ctx: &Context, ground: &Ground, since: Option<&str>) -> Result<bool, ApplyError> {
    let since = since.and_then(|since| since.parse().ok()).unwrap_or(Timestamp::MIN);
    let covered: Vec<String> = {
        let world = ctx.world();
        let newest = final_run(&world, &ground.tenant_id, since);
        let coverage = newest.and_then(|run| run.status.as_ref()).map(|status| status.coverage.clone()).unwrap_or_default();
        coverage.into_iter().map(|one| one.name).collect()
    };
    let claims = crate::live::look::claims(&ctx.client, &ground.key.namespace()).await?;
    Ok(claims.iter().all(|claim| claim.metadata.name.as_ref().is_some_and(|name| covered.contains(name))))
}

/// The newest last backup of a tenant that was made since a time.
fn final_run<'a>(world: &'a World, tenant_id: &str, since: Timestamp) -> Option<&'a std::sync::Arc<BackupRun>> {
    let created = |run: &BackupRun| run.metadata.creation_timestamp.as_ref().map(|time| time.0);
    world.backups.runs_of(tenant_id).filter(|run| run.spec.kind == RunKind::Final && created(run).is_some_and(|time| time >= since)).last()
}

/// How long after a last backup or its drill failed another is tried.
pub const AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// How the newest last backup of a tenant stands.
#[must_use]
pub fn final_set(world: &World, tenant_id: &str, since: Timestamp) -> FinalSet {
    let Some(run) = final_run(world, tenant_id, since) else { return FinalSet::None };
    let name = run.metadata.name.clone().unwrap_or_default();
    let ended = run.status.as_ref().and_then(|status| time(status.ended.as_ref()));
    match run.status.as_ref().map(|status| status.phase) {
        Some(RunPhase::Succeeded) => {
            let coverage = run.status.as_ref().map(|status| status.coverage.as_slice()).unwrap_or_default();
            let missing: Vec<&str> = coverage.iter().filter(|one| one.state == State::Uncovered).map(|one| one.name.as_str()).collect();
            if !missing.is_empty() {
                // What nobody backed up would be gone for ever.
                let message = format!("the last backup does not hold {}", missing.join(", "));
                // Each try makes a set, which is kept: once a day is enough to see that somebody has mended it.
                return FinalSet::Failed { ended, message, again: SignedDuration::from_hours(24) };
            }
            let sets = world.backups.vaults.get(tenant_id).and_then(|vault| vault.status.as_ref()).map(|status| &status.sets);
            let verified = sets.and_then(|sets| sets.iter().find(|set| set.name == name)).is_some_and(|set| set.verified);
            if verified { FinalSet::Verified } else { FinalSet::Made(name) }
        }
        Some(RunPhase::Failed) => {
            let message = run.status.as_ref().map(|status| status.message.clone()).unwrap_or_default();
            FinalSet::Failed { ended, message, again: AGAIN }
        }
        _ => FinalSet::Going,
    }
}

/// How the last backup of an app that goes stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FinalSet {
    /// It is not begun.
    None,
    /// It goes on.
    Going,
    /// It failed, or does not hold everything.
    Failed {
        /// When.
        ended: Option<Timestamp>,
        /// Why, or what it lacks.
        message: String,
        /// How long after it another is tried.
        again: SignedDuration,
    },
    /// It is made, and not verified yet.
    Made(String),
    /// It is made and verified.
    Verified,
}
