//! Tenants without a request: retiring ones, which go when their days of grace are over, and orphans,
//! which stay until somebody asks for them again. The guard rails of both are kept up.

use super::backup::last::{self, FinalSet};
use super::backup::vault;
use super::converge::RESYNC;
use super::error::ReconcileError;
use super::queue::Next;
use super::reconcile::finish;
use super::tenant::{Wish, converge_app};
use super::world::{Key, World};
use super::{Context, backup};
use crate::apply::ApplyError;
use crate::backup::schedule::Slot;
use crate::desired::Kind;
use crate::live::look;
use crate::policy::AppKey;
use crate::request::app::Grant;
use crate::request::backup::RunKind;
use crate::request::municipality::UnclaimedTenant;
use crate::request::names::app_namespace;
use crate::request::written;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Reconciles the namespace of an app that has no request.
pub async fn reconcile(ctx: &Context, key: &AppKey) -> Result<Next, ReconcileError> {
    if key.is_drill() {
        return backup::scratch::reconcile(ctx, key).await;
    }
    let seen = facts(&ctx.world(), key);
    let Some(facts) = seen else {
        return Ok(Next::Rest);
    };
    ctx.queue.push(Key::Municipality(key.municipality.clone()));
    if facts.terminating {
        return Ok(Next::Rest);
    }
    if let Some(due) = facts.delete_after
        && Timestamp::now() >= due
    {
        if let Err(next) = last_backup(ctx, key, &facts).await? {
            keep_up(ctx, key, &facts).await?;
            return Ok(next);
        }
        // This cannot be undone, so what the lists say is asked once more.
        let claims = facts.claims == 0 && look::has_claims(&ctx.client, &key.namespace()).await.map_err(ApplyError::from)?;
        let needed = claims || look::has_request(&ctx.client, key).await.map_err(ApplyError::from)?;
        if needed {
            return Ok(Next::After(RESYNC));
        }
        tracing::info!(app = %key, "the days of grace are over and nothing is left to be kept here; the namespace is deleted");
        ctx.writer.delete(Kind::Namespace, &key.namespace(), &key.namespace(), facts.uid).await?;
        return Ok(Next::Rest);
    }
    match (keep_up(ctx, key, &facts).await?, facts.delete_after) {
        (Next::Rest, Some(due)) => Ok(Next::After(pause_until(due))),
        (next, _) => Ok(next),
    }
}

/// Keeps the guard rails up.
async fn keep_up(ctx: &Context, key: &AppKey, facts: &Facts) -> Result<Next, ReconcileError> {
    let Some(grant) = &facts.grant else { return Ok(Next::Rest) };
    let wish = Wish { key, grant, retiring: facts.retire.as_deref(), remembered: None };
    finish(converge_app(ctx, wish).await)
}

/// Whether nothing of a tenant's data would be lost with its namespace; otherwise when to look again.
///
/// A last set is made of the app at rest and restored elsewhere; only then may the claims go. As long as the target does
/// not answer, or anything else is wrong, the namespace stays. An admin may let it go without, and must say why.
async fn last_backup(ctx: &Context, key: &AppKey, facts: &Facts) -> Result<Result<(), Next>, ReconcileError> {
    let tenant_id = facts.tenant_id.as_str();
    if facts.claims == 0 {
        let ground = { backup::ground(&ctx.world(), tenant_id) };
        if let Some(ground) = ground {
            vault::retain(ctx, &ground, "the app was removed; it had no volumes").await?;
        }
        return Ok(Ok(()));
    }
    vault::ensure(ctx, key, tenant_id).await?;
    let (ground, state) = {
        let world = ctx.world();
        let since = facts.retire.as_deref().and_then(|since| since.parse().ok()).unwrap_or(Timestamp::MIN);
        (backup::ground(&world, tenant_id), last::final_set(&world, tenant_id, since))
    };
    let Some(ground) = ground else {
        // A platform without backups never takes data away.
        return Ok(Err(Next::After(RESYNC)));
    };
    if let Some(why) = facts.skip_final.as_ref().filter(|why| !why.trim().is_empty()) {
        tracing::warn!(app = %key, why, "an admin lets the app go without a last backup");
        vault::retain(ctx, &ground, &format!("the app was removed without a last backup, as a platform admin said: {why}")).await?;
        return Ok(Ok(()));
    }
    let now = Timestamp::now();
    Ok(match state {
        FinalSet::Verified if !last::holds_all(ctx, &ground, facts.retire.as_deref()).await? => {
            // A claim came after the last backup was made.
            vault::make_run(ctx, &ground, &Slot::at(now), RunKind::Final).await?;
            Err(Next::After(Duration::from_mins(1)))
        }
        FinalSet::Verified => {
            vault::retain(ctx, &ground, "the app was removed; its last backup was restored elsewhere and found as it should be").await?;
            Ok(())
        }
        FinalSet::Going => Err(Next::After(Duration::from_secs(30))),
        FinalSet::Made(set) => {
            vault::prove(ctx, &ground, &set, now).await?;
            Err(Next::After(Duration::from_secs(30)))
        }
        FinalSet::None => {
            vault::make_run(ctx, &ground, &Slot::at(now), RunKind::Final).await?;
            Err(Next::After(Duration::from_secs(30)))
        }
        FinalSet::Failed { ended, message, again } => {
            tracing::error!(app = %key, message, "the last backup failed; the app's data stays where it is until one is made");
            if ended.is_none_or(|ended| now.duration_since(ended) > again) {
                vault::make_run(ctx, &ground, &Slot::at(now), RunKind::Final).await?;
            }
            Err(Next::After(Duration::from_mins(1)))
        }
    })
}

/// How long to rest until something is due: never longer than anything rests.
#[must_use]
pub fn pause_until(due: Timestamp) -> Duration {
    let left = Duration::try_from(due.duration_since(Timestamp::now())).unwrap_or_default();
    // What is overdue waits for the end of its claims, which comes as an event.
    if left.is_zero() { RESYNC } else { left.clamp(Duration::from_secs(1), RESYNC) }
}

struct Facts {
    uid: uuid::Uuid,
    tenant_id: String,
    skip_final: Option<String>,
    terminating: bool,
    retire: Option<String>,
    delete_after: Option<Timestamp>,
    grant: Option<Grant>,
    claims: usize,
}

fn facts(world: &World, key: &AppKey) -> Option<Facts> {
    let name = app_namespace(&key.municipality, &key.app);
    let tenant_id = world.deed(&name)?.tenant_id;
    let found = world.index.namespace(&name)?;
    let retire = found.marks.as_ref()?.retire.clone();
    let skip_final = found.marks.as_ref()?.skip_final.clone();
    let grant = world.sealed_grant(key);
    let days = grant.as_ref().map(|grant| grant.data_class.grace_days);
    // Without a readable grant nothing says how long to wait, so nothing is deleted.
    let due = retire.as_deref().and_then(|since| since.parse::<Timestamp>().ok()).zip(days);
    let delete_after = due.and_then(|(since, days)| since.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok());
    Some(Facts {
        uid: found.entry.uid,
        tenant_id,
        skip_final,
        terminating: found.entry.terminating,
        retire,
        delete_after,
        grant,
        claims: world.index.claims(&name),
    })
}

/// The tenants of a municipality that no request speaks for.
#[must_use]
pub fn list(world: &World, municipality: &str) -> Vec<UnclaimedTenant> {
    let prefix = format!("{municipality}--");
    let mut found: Vec<UnclaimedTenant> = world
        .index
        .namespaces()
        .filter(|(name, namespace)| name.starts_with(&prefix) && namespace.marks.is_some())
        .filter_map(|(name, _)| {
            let key = world.deed(name)?.key()?;
            if world.apps.contains_key(&key) || key.is_drill() {
                return None;
            }
            let facts = facts(world, &key)?;
            let state = match (facts.retire.is_some(), facts.claims) {
                (false, _) => "Orphaned",
                (true, 0) => "Retiring",
                (true, _) => "AwaitingFinalBackup",
            };
            Some(UnclaimedTenant {
                app: key.app,
                namespace: name.to_string(),
                state: state.into(),
                delete_after: facts.delete_after.map(written),
            })
        })
        .collect();
    found.sort_by(|a, b| a.app.cmp(&b.app));
    found
}
