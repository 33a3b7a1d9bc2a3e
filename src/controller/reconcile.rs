//! The reconcile of a request: from the decision to a tenant that is live, in one straight line.

use super::converge::Outcome;
use super::error::ReconcileError;
use super::queue::Next;
use super::tenant::{Wish, converge_app};
use super::world::{AppRecord, Key};
use super::{Context, backup, finalizer, home, intake, removal, revisions, standing, unclaimed};
use crate::desired::Kind;
use crate::policy::AppKey;
use crate::request::app::{Grant, MunicipalityApp, MunicipalityAppStatus};
use crate::status::backed_up::changes_at;
use crate::status::events::{Notice, Severity, transitions};
use crate::status::patch_status;
use crate::status::summarise::{self, AppState, Rails, Work};
use crate::status::version::supported_changes;
use jiff::Timestamp;
use kube::{Api, Resource};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// Works on keys, one after another, while this process leads.
pub async fn work(ctx: Arc<Context>, mut leading: watch::Receiver<bool>) {
    loop {
        if leading.wait_for(|leading| *leading).await.is_err() {
            return;
        }
        let key = ctx.queue.next().await;
        let begun = Instant::now();
        let result = match &key {
            Key::App(app) => reconcile_app(&ctx, app).await,
            Key::Municipality(name) => home::reconcile(&ctx, name).await,
            Key::System(name) => standing::system(&ctx, name).await,
            Key::Class(name) => standing::class(&ctx, name).await,
            Key::Platform => standing::platform(&ctx).await,
            Key::Target(name) => backup::target::reconcile(&ctx, name).await,
            Key::Vault(tenant_id) => backup::vault::reconcile(&ctx, tenant_id).await,
            Key::Work(piece, name) => Box::pin(backup::work(&ctx, *piece, name)).await,
        };
        ctx.metrics.reconciled(begun.elapsed(), result.as_ref().err());
        let next = match result {
            Ok(next) => next,
            Err(error) => {
                tracing::debug!(?key, %error, "a reconcile is tried again");
                error.next()
            }
        };
        ctx.queue.done(key, next);
    }
}

/// Reconciles a request.
pub(super) async fn reconcile_app(ctx: &Context, key: &AppKey) -> Result<Next, ReconcileError> {
    let seen = { ctx.world().apps.get(key).cloned() };
    let Some(record) = seen else {
        return Box::pin(unclaimed::reconcile(ctx, key)).await;
    };
    if record.object.metadata.deletion_timestamp.is_some() {
        return removal::hand_over(ctx, key, &record).await;
    }
    if !record.decided {
        return Ok(Next::Rest);
    }
    if let Some(problem) = &record.unreadable {
        // Its status cannot be read either, so it is not written over; the guard rails are kept up below.
        tracing::error!(app = %key, problem = problem.message, "a stored request cannot be read by this release");
    }
    let Some(grant) = record.grant.clone() else {
        tell(ctx, key, &record, (Rails::Pending, Work::Waiting), None).await?;
        return Ok(Next::Rest);
    };
    let record = match record.unreadable {
        Some(_) => record,
        None => AppRecord { object: claim(ctx, &record.object).await?, ..record },
    };
    // What it consists of is kept first: once the catalogue has changed nobody else knows it.
    revisions::keep(ctx, &grant).await?;
    // What is granted is written down before anything is made from it.
    if record.object.status.as_ref().and_then(|status| status.grant.as_ref()) != Some(&grant) {
        tell(ctx, key, &record, (Rails::Pending, Work::Waiting), None).await?;
    }
    let record = { ctx.world().apps.get(key).cloned() }.unwrap_or(record);
    if record.grant.as_ref() != Some(&grant) {
        // It was decided again meanwhile, and its next turn is in the queue already.
        return Ok(Next::Rest);
    }
    let remembered = record.object.status.as_ref().and_then(|status| status.tenant_id.clone());
    let wish = Wish { key, grant: &grant, retiring: None, remembered: remembered.as_deref() };
    let outcome = converge_app(ctx, wish).await;
    told_repairs(ctx, &record.object, &outcome.repaired);
    tell(ctx, key, &record, (outcome.rails.clone(), outcome.work.clone()), outcome.tenant_id.as_deref()).await?;
    if let (None, Some(tenant_id)) = (&outcome.error, &outcome.tenant_id) {
        backup::vault::ensure(ctx, key, tenant_id).await?;
        backup::restore::ensure_filled(ctx, key, tenant_id).await?;
    }
    if !record.looked_at {
        intake::change(ctx, |world| world.looked_at(key));
    }
    let ends = eol(ctx, Some(&grant)).and_then(|day| supported_changes(&day, Timestamp::now()));
    let stale = { backup::status_of(&ctx.world(), key) }.and_then(|backups| changes_at(&backups, Timestamp::now()));
    let ends = ends.into_iter().chain(stale).min();
    match (finish(outcome)?, ends) {
        (Next::Rest, Some(at)) => Ok(Next::After(unclaimed::pause_until(at))),
        (next, _) => Ok(next),
    }
}

/// The last day on which a granted version is looked after, as the catalogue says it now.
fn eol(ctx: &Context, grant: Option<&Grant>) -> Option<String> {
    let (world, grant) = (ctx.world(), grant?);
    let (version, _) = world.register.system(&grant.system)?.version(&grant.version)?;
    version.eol.clone()
}

/// The outcome as the queue takes it.
pub fn finish(outcome: Outcome) -> Result<Next, ReconcileError> {
    match (outcome.error, outcome.rails) {
        (Some(error), _) => Err(error),
        (None, Rails::Live) => Ok(Next::Rest),
        // The end of what is being deleted, or a removed conflict, comes as an event; this is for safety.
        (None, _) => Ok(Next::After(super::converge::RESYNC)),
    }
}

/// Puts the finalizer on, so that the removal of the request will be handed over.
async fn claim(ctx: &Context, object: &Arc<MunicipalityApp>) -> Result<Arc<MunicipalityApp>, ReconcileError> {
    if finalizer::is_on(object.as_ref()) {
        return Ok(Arc::clone(object));
    }
    let mut claimed = finalizer::put_on(ctx.writer.gate(), &api(ctx, object), object.as_ref()).await?;
    ctx.metrics.patched("finalizer");
    claimed.metadata.managed_fields = None;
    ctx.world().set_app(claimed.clone(), None);
    Ok(Arc::new(claimed))
}

/// Writes the status of a request, if it changed, and tells what changed.
async fn tell(
    ctx: &Context,
    key: &AppKey,
    record: &AppRecord,
    (rails, work): (Rails, Work),
    tenant_id: Option<&str>,
) -> Result<(), ReconcileError> {
    if record.unreadable.is_some() {
        return Ok(());
    }
    let name = key.namespace();
    let eol = eol(ctx, record.grant.as_ref());
    let (scheme, backup, held) = {
        let world = ctx.world();
        let held = world.held_for_restore(key).then(|| backup::held_words(&world, key));
        (world.register.settings().ingress.scheme, backup::status_of(&world, key), held)
    };
    let state = AppState {
        grant: record.grant.as_ref(),
        rejections: &record.rejections,
        course: &record.course,
        unfit: &record.unfit,
        eol: eol.as_deref(),
        scheme,
        rails,
        work,
        tenant_id,
        namespace: &name,
        backup,
        held: held.as_deref(),
    };
    let status = summarise::app(&record.object, &state, Timestamp::now());
    write_status(ctx, &record.object, status).await
}

/// Writes a status of a request, if it changed, and tells what changed.
pub async fn write_status(ctx: &Context, object: &MunicipalityApp, status: MunicipalityAppStatus) -> Result<(), ReconcileError> {
    if object.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let name = object.metadata.name.clone().unwrap_or_default();
    let mut written =
        match patch_status(ctx.writer.gate(), &api(ctx, object), &name, object.metadata.resource_version.as_deref(), &status).await {
            // Removed meanwhile: there is nobody left to tell.
            Err(crate::apply::ApplyError::Gone) => return Ok(()),
            other => other?,
        };
    ctx.metrics.patched("status");
    let old = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    for (severity, reason, note) in transitions(old, &status.conditions) {
        ctx.teller.tell(Notice { about: object.object_ref(&()), severity, reason, note });
    }
    written.metadata.managed_fields = None;
    intake::change(ctx, |world| world.set_app(written, None));
    Ok(())
}

fn told_repairs(ctx: &Context, object: &MunicipalityApp, repaired: &[(Kind, String)]) {
    if repaired.is_empty() {
        return;
    }
    let list = repaired.iter().map(|(kind, name)| format!("{kind} {name}")).collect::<Vec<_>>().join(", ");
    let note = format!("somebody else changed or deleted {list}; it is as it was meant again");
    ctx.teller.tell(Notice { about: object.object_ref(&()), severity: Severity::Warning, reason: "Repaired".into(), note });
}

/// The API of the namespace that a request is in.
pub fn api(ctx: &Context, object: &MunicipalityApp) -> Api<MunicipalityApp> {
    Api::namespaced(ctx.writer.client().clone(), object.metadata.namespace.as_deref().unwrap_or_default())
}
