//! The removal of a request is a hand-over: the tenant is marked as retiring and the request released.
//!
//! When the definition or the home namespace is going too, nobody asked for this app to be removed:
//! the request is released and the tenant stays as a reported orphan.

use super::error::ReconcileError;
use super::queue::Next;
use super::reconcile::{api, finish, write_status};
use super::tenant::{Wish, converge_app};
use super::world::{AppRecord, World};
use super::{Context, finalizer};
use crate::apply::ApplyError;
use crate::live::look;
use crate::policy::AppKey;
use crate::request::names::ACKNOWLEDGE_REMOVALS;
use crate::request::written;
use crate::status::summarise::{self, Rails};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Hands a removed request over.
pub async fn hand_over(ctx: &Context, key: &AppKey, record: &AppRecord) -> Result<Next, ReconcileError> {
    if !finalizer::is_on(record.object.as_ref()) {
        return Ok(Next::Rest);
    }
    let ends = look::definition_ends(&ctx.client, "municipalityapps.kopnams.lv").await.map_err(ApplyError::from)?
        || look::namespace_ends(&ctx.client, &key.municipality).await.map_err(ApplyError::from)?;
    if !ends {
        let message = held(&ctx.world(), key, Timestamp::now());
        if let Some(message) = message {
            let status = summarise::removal_held(&record.object, &message, Timestamp::now());
            write_status(ctx, &record.object, status).await?;
            return Ok(Next::Rest);
        }
        let has_namespace = ctx.world().index.namespace(&key.namespace()).is_some();
        if let Some(grant) = record.grant.as_ref().filter(|_| has_namespace) {
            let marked = { ctx.world().index.namespace(&key.namespace()).and_then(|n| n.marks.as_ref()?.retire.clone()) };
            let since = marked.unwrap_or_else(|| written(Timestamp::now()));
            let name = key.namespace();
            let wish = Wish { key, grant, retiring: Some(&since), remembered: None };
            let outcome = converge_app(ctx, wish).await;
            // Once the mark is on, the tenant is looked after without its request, also where a guard rail is refused.
            let handed_over = {
                let world = ctx.world();
                let mark = world.index.namespace(&name).and_then(|n| n.marks.as_ref()?.retire.clone());
                world.sealed_grant(key).is_some() && mark.as_ref() == Some(&since)
            };
            match &outcome.rails {
                // A namespace that is going or was never the operator's has nothing to hand over.
                Rails::Live | Rails::Terminating | Rails::Stopped(crate::policy::Reason::NamespaceConflict, _) => {}
                _ if handed_over => {}
                _ => return finish(outcome),
            }
            tracing::info!(app = %key, "the request was removed; its tenant is retiring");
        }
    }
    finalizer::take_off(ctx.writer.gate(), &api(ctx, &record.object), record.object.as_ref()).await?;
    ctx.metrics.patched("finalizer");
    Ok(Next::Rest)
}

/// Whether the brake on removals holds this one, and what to say then.
///
/// Removals within the window of this one are counted by municipality: those that wait and those that
/// were handed over already. An acknowledgement covers everything that was removed up to its time.
fn held(world: &World, key: &AppKey, now: Timestamp) -> Option<String> {
    let brake = &world.register.settings().removal_brake;
    let removed_at = |key: &AppKey| world.apps.get(key)?.object.metadata.deletion_timestamp.as_ref().map(|t| t.0);
    let asked = removed_at(key).unwrap_or(now);
    if acknowledged(world).is_some_and(|until| asked <= until) {
        return None;
    }
    let window = SignedDuration::from_mins(i64::from(brake.window_minutes));
    let near = |at: Timestamp| asked.duration_since(at).abs() <= window;
    let waiting = world.apps.keys().filter(|other| removed_at(other).is_some_and(near)).map(|other| other.municipality.as_str());
    let retired = world.index.namespaces().filter_map(|(name, n)| {
        let since: Timestamp = n.marks.as_ref()?.retire.as_ref()?.parse().ok()?;
        near(since).then(|| crate::live::deed::owner_by_name(name).0)
    });
    let concerned: BTreeSet<&str> = waiting.chain(retired).collect();
    let many = concerned.len() > brake.municipalities as usize;
    many.then(|| {
        format!(
            "removals within {} minutes concern more than {} municipalities, which may be a mistake, so this one waits; to let everything removed so far go ahead, a platform admin sets the annotation {ACKNOWLEDGE_REMOVALS} on the Platform to the present time, as 2026-01-31T12:00:00Z",
            brake.window_minutes, brake.municipalities
        )
    })
}

fn acknowledged(world: &World) -> Option<Timestamp> {
    world.platform.as_ref()?.metadata.annotations.as_ref()?.get(ACKNOWLEDGE_REMOVALS)?.parse().ok()
}
