//! The reconcile of a municipality: its home namespace, its status, and its removal when it has no apps.

use super::converge::{Space, converge};
use super::error::ReconcileError;
use super::queue::Next;
use super::reconcile::finish;
use super::{Context, finalizer, generated, intake};
use crate::apply::ApplyError;
use crate::desired::{self, Kind};
use crate::live::look;
use crate::policy::Rejection;
use crate::request::Municipality;
use crate::request::municipality::{MunicipalityStatus, UnclaimedTenant};
use crate::status::events::{Notice, transitions};
use crate::status::patch_status;
use crate::status::summarise::{self, MunicipalityState, Rails};
use jiff::Timestamp;
use kube::{Api, Resource};
use std::sync::Arc;

/// Reconciles a municipality.
pub async fn reconcile(ctx: &Context, name: &str) -> Result<Next, ReconcileError> {
    let Some(facts) = facts(ctx, name) else {
        return Ok(Next::Rest);
    };
    if facts.object.metadata.deletion_timestamp.is_some() {
        return remove(ctx, name, facts).await;
    }
    if !facts.rejections.is_empty() && !facts.has_home {
        write(ctx, &facts, None, None).await?;
        return Ok(Next::Rest);
    }
    let object = claim(ctx, &facts.object).await?;
    let facts = Facts { object, ..facts };
    let members = &facts.object.spec.members;
    let build = |tenant_id: &str, seals: &desired::Seals| desired::home(name, tenant_id, Some(seals), members);
    let outcome = converge(
        ctx,
        Space { name, remembered: None, grant: None, keep_access: false, secrets: generated::Secrets::default(), build: &build },
    )
    .await;
    write(ctx, &facts, Some(outcome.rails.clone()), None).await?;
    finish(outcome)
}

struct Facts {
    object: Arc<Municipality>,
    rejections: Vec<Rejection>,
    below_granted: Option<Rejection>,
    unclaimed: Vec<UnclaimedTenant>,
    has_home: bool,
    apps: Vec<String>,
}

fn facts(ctx: &Context, name: &str) -> Option<Facts> {
    let world = ctx.world();
    let object = Arc::clone(world.municipalities.get(name)?);
    let rejections = world.register.municipality(name).map(|t| t.problems.clone()).unwrap_or_default();
    Some(Facts {
        below_granted: world.register.below_granted(name, &object.spec),
        unclaimed: super::unclaimed::list(&world, name),
        has_home: world.deed(name).is_some(),
        apps: world.by_municipality.get(name).into_iter().flatten().cloned().collect(),
        rejections,
        object,
    })
}

/// A municipality goes when nothing of it is left; its home namespace goes with it.
async fn remove(ctx: &Context, name: &str, facts: Facts) -> Result<Next, ReconcileError> {
    if !finalizer::is_on(facts.object.as_ref()) {
        return Ok(Next::Rest);
    }
    let ends = look::definition_ends(&ctx.client, "municipalities.kopnams.lv").await.map_err(ApplyError::from)?;
    if !ends {
        if ctx.world().deed_key.is_none() {
            // Without the key the tenants that are left cannot be told from strangers.
            return Ok(Next::After(super::converge::RESYNC));
        }
        let mut left: Vec<&str> = facts.apps.iter().map(String::as_str).collect();
        left.extend(facts.unclaimed.iter().map(|tenant| tenant.app.as_str()));
        if !left.is_empty() {
            let message = format!(
                "the municipality is being removed and still has {}; it goes when these are removed and their namespaces are gone",
                left.join(", ")
            );
            write(ctx, &facts, None, Some(message)).await?;
            return Ok(Next::Rest);
        }
        let home = {
            let world = ctx.world();
            world.deed(name).and_then(|_| world.index.namespace(name)).map(|n| (n.entry.uid, n.entry.terminating))
        };
        if let Some((uid, false)) = home {
            ctx.writer.delete(Kind::Namespace, name, name, uid).await?;
        }
    }
    finalizer::take_off(ctx.writer.gate(), &Api::all(ctx.writer.client().clone()), facts.object.as_ref()).await?;
    Ok(Next::Rest)
}

async fn claim(ctx: &Context, object: &Arc<Municipality>) -> Result<Arc<Municipality>, ReconcileError> {
    if finalizer::is_on(object.as_ref()) {
        return Ok(Arc::clone(object));
    }
    let mut claimed = finalizer::put_on(ctx.writer.gate(), &Api::all(ctx.writer.client().clone()), object.as_ref()).await?;
    ctx.metrics.patched("finalizer");
    claimed.metadata.managed_fields = None;
    ctx.world().set_municipality(claimed.clone());
    Ok(Arc::new(claimed))
}

async fn write(ctx: &Context, facts: &Facts, home: Option<Rails>, removal_waits_for: Option<String>) -> Result<(), ReconcileError> {
    let state = MunicipalityState {
        rejections: &facts.rejections,
        below_granted: facts.below_granted.clone(),
        home,
        unclaimed: facts.unclaimed.clone(),
        removal_waits_for,
    };
    let status: MunicipalityStatus = summarise::municipality(&facts.object, state, Timestamp::now());
    if facts.object.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let name = facts.object.metadata.name.clone().unwrap_or_default();
    let api: Api<Municipality> = Api::all(ctx.writer.client().clone());
    let mut written = match patch_status(ctx.writer.gate(), &api, &name, facts.object.metadata.resource_version.as_deref(), &status).await {
        Err(ApplyError::Gone) => return Ok(()),
        other => other?,
    };
    ctx.metrics.patched("status");
    let old = facts.object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    for (severity, reason, note) in transitions(old, &status.conditions) {
        ctx.teller.tell(Notice { about: facts.object.object_ref(&()), severity, reason, note });
    }
    written.metadata.managed_fields = None;
    intake::change(ctx, |world| world.set_municipality(written));
    Ok(())
}
