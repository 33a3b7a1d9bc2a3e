//! Tenants without a request: retiring ones, which go when their days of grace are over, and orphans,
//! which stay until somebody asks for them again. The guard rails of both are kept up.

use super::Context;
use super::converge::RESYNC;
use super::error::ReconcileError;
use super::queue::Next;
use super::reconcile::finish;
use super::tenant::{Wish, converge_app};
use super::world::{Key, World};
use crate::apply::ApplyError;
use crate::desired::Kind;
use crate::live::look;
use crate::policy::AppKey;
use crate::request::app::Grant;
use crate::request::municipality::UnclaimedTenant;
use crate::request::names::app_namespace;
use crate::request::written;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Reconciles the namespace of an app that has no request.
pub async fn reconcile(ctx: &Context, key: &AppKey) -> Result<Next, ReconcileError> {
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
        && facts.claims == 0
    {
        // This cannot be undone, so what the lists say is asked once more.
        let needed = look::has_claims(&ctx.client, &key.namespace()).await.map_err(ApplyError::from)?
            || look::has_request(&ctx.client, key).await.map_err(ApplyError::from)?;
        if needed {
            return Ok(Next::After(RESYNC));
        }
        tracing::info!(app = %key, "the days of grace are over and there are no volume claims; the namespace is deleted");
        ctx.writer.delete(Kind::Namespace, &key.namespace(), &key.namespace(), facts.uid).await?;
        return Ok(Next::Rest);
    }
    let Some(grant) = facts.grant else {
        return Ok(Next::Rest);
    };
    let wish = Wish { key, grant: &grant, retiring: facts.retire.as_deref(), remembered: None };
    let outcome = converge_app(ctx, wish).await;
    match (finish(outcome)?, facts.delete_after) {
        (Next::Rest, Some(due)) => Ok(Next::After(pause_until(due))),
        (next, _) => Ok(next),
    }
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
    terminating: bool,
    retire: Option<String>,
    delete_after: Option<Timestamp>,
    grant: Option<Grant>,
    claims: usize,
}

fn facts(world: &World, key: &AppKey) -> Option<Facts> {
    let name = app_namespace(&key.municipality, &key.app);
    world.deed(&name)?;
    let found = world.index.namespace(&name)?;
    let retire = found.marks.as_ref()?.retire.clone();
    let grant = world.sealed_grant(key);
    let days = grant.as_ref().map(|grant| grant.data_class.grace_days);
    // Without a readable grant nothing says how long to wait, so nothing is deleted.
    let due = retire.as_deref().and_then(|since| since.parse::<Timestamp>().ok()).zip(days);
    let delete_after = due.and_then(|(since, days)| since.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok());
    Some(Facts {
        uid: found.entry.uid,
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
            if world.apps.contains_key(&key) {
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
