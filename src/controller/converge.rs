//! Making one namespace what it shall be: the namespace first, then its guard rails, then pruning.

use super::Context;
use super::error::ReconcileError;
use super::generated::{self, Secrets};
use super::world::KEY_LOST;
use crate::apply::ApplyError;
use crate::desired::{DesiredSet, Kind, Object, Owner, Seals};
use crate::live::{Change, DeedKey};
use crate::plan::{Plan, Step, plan};
use crate::policy::Reason;
use crate::status::summarise::{Rails, Work};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::time::Duration;
use uuid::Uuid;

/// What came of it.
pub struct Outcome {
    /// How far the guard rails are.
    pub rails: Rails,
    /// How the system behind them is doing.
    pub work: Work,
    /// The tenant's UUID, once the namespace is the operator's.
    pub tenant_id: Option<String>,
    /// What somebody else had changed or taken away and was put right.
    pub repaired: Vec<(Kind, String)>,
    /// Why it is not finished, if it is to be tried again.
    pub error: Option<ReconcileError>,
}

/// Who a namespace is for, and how its desired set is made once its tenant id and seals are known.
pub struct Space<'a> {
    /// The namespace's name.
    pub name: &'a str,
    /// A tenant id that the request remembers, for a namespace that was lost.
    pub remembered: Option<&'a str>,
    /// The grant as it is to stand on the namespace; none for a home.
    pub grant: Option<&'a str>,
    /// The municipality is not known, so neither are its groups: access that was given stays.
    pub keep_access: bool,
    /// Secrets that the workload needs.
    pub secrets: Secrets<'a>,
    /// Makes the desired set.
    pub build: &'a (dyn Fn(&str, &Seals) -> DesiredSet + Sync),
}

enum Start {
    Make(DeedKey, String),
    Keep(DeedKey, String),
    Stop(Rails),
}

/// Makes a namespace and everything in it what it shall be.
pub async fn converge(ctx: &Context, space: Space<'_>) -> Outcome {
    let (key, tenant_id) = match begin(ctx, &space) {
        Start::Stop(rails) => {
            return Outcome { rails, work: Work::Waiting, tenant_id: None, repaired: Vec::new(), error: None };
        }
        Start::Keep(key, tenant_id) | Start::Make(key, tenant_id) => (key, tenant_id),
    };
    let seals = key.seals(space.name, &tenant_id, space.grant);
    let desired = (space.build)(&tenant_id, &seals);
    let compare = || {
        let mut todo = plan(&desired, ctx.world().index.view(space.name));
        todo.prune.retain(|step| !(space.keep_access && step.kind() == Kind::RoleBinding));
        todo
    };
    if secret_is_missing(ctx, space.name) {
        generated::forget(ctx, space.name);
    }
    let todo = compare();
    let drifted = todo.drifted.clone();
    if todo.namespace.as_ref().is_some_and(|step| matches!(step, Step::Create(_))) {
        generated::forget(ctx, space.name);
    }
    let mut failure = execute(ctx, space.name, &todo).await.err();
    let guarded = compare();
    // Only behind guard rails that are confirmed live does anything run.
    let mut refused = None;
    if failure.is_none() && guarded.guarded() {
        let fresh = todo.guards.iter().any(|step| step.kind() == Kind::RoleBinding);
        let (municipality, app) = crate::live::deed::owner_by_name(space.name);
        let owner = Owner { namespace: space.name, municipality, app, tenant_id: &tenant_id };
        refused = deploy(ctx, owner, &space, &guarded, fresh).await.err();
    }
    let left = compare();
    let work = work(ctx, space.name, &desired, &left, refused.as_ref());
    failure = failure.or(refused);
    let rails = match &failure {
        _ if left.guarded() => Rails::Live,
        None if left.waiting > 0 => Rails::Terminating,
        None | Some(ApplyError::Fenced | ApplyError::Conflict | ApplyError::Gone) => Rails::Pending,
        Some(ApplyError::NamespaceTerminating) => Rails::Terminating,
        Some(error) => Rails::Failed(error.to_string()),
    };
    if failure.is_none() && !drifted.is_empty() {
        ctx.metrics.repaired(&drifted);
    }
    let made = ctx.world().deed(space.name).map(|deed| deed.tenant_id);
    let repaired = if rails == Rails::Live { drifted } else { Vec::new() };
    // Something came between: what is left is looked at again soon, without waiting for an event.
    let unfinished = failure.is_none() && !left.is_empty() && left.waiting + left.waiting_workload == 0;
    let error = failure.or(unfinished.then_some(ApplyError::Conflict)).map(ReconcileError::from);
    Outcome { rails, work, tenant_id: made, repaired, error }
}

/// Makes the workload, one object after another: what comes later needs what comes before.
async fn deploy(ctx: &Context, owner: Owner<'_>, space: &Space<'_>, todo: &Plan, fresh: bool) -> Result<(), ApplyError> {
    let mut patience = if fresh { RIGHTS_TAKE_HOLD } else { 0 };
    loop {
        let done = async {
            generated::ensure(ctx, owner, space.secrets).await?;
            // What is left over goes last, when everything that takes its place is there.
            let left_over = todo.prune.iter().filter(|step| step.kind().is_workload());
            for step in todo.workload.iter().chain(left_over) {
                run(ctx, space.name, step).await?;
            }
            Ok(())
        };
        match done.await {
            // The binding that gives the operator its rights here was made a moment ago.
            Err(ApplyError::Refused(_)) if patience > 0 => {
                patience -= 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => return other,
        }
    }
}

/// How often a refusal is believed to come from rights that have not taken hold yet, 100 ms apart.
const RIGHTS_TAKE_HOLD: u32 = 20;

/// Whether a pod waits for a Secret: somebody deleted it, and nobody watches Secrets.
fn secret_is_missing(ctx: &Context, namespace: &str) -> bool {
    ctx.world().index.view(namespace).ailing().is_some_and(|(_, ails)| ails.contains("secret ") && ails.contains("not found"))
}

/// How the system behind the guard rails is doing, as far as the index knows.
fn work(ctx: &Context, namespace: &str, desired: &DesiredSet, left: &Plan, refused: Option<&ApplyError>) -> Work {
    let world = ctx.world();
    let view = world.index.view(namespace);
    if let Some(ApplyError::Invalid(message) | ApplyError::Refused(message)) = refused {
        return Work::Refused(message.clone());
    }
    if desired.workload.as_ref().is_some_and(Vec::is_empty) && left.prune.is_empty() {
        return Work::Nothing;
    }
    if !left.is_empty() {
        return Work::Waiting;
    }
    let running = view.objects().filter(|(kind, _, entry)| kind.is_workload() && entry.intended && !entry.controlled);
    let parts = running.filter_map(|(kind, name, entry)| Some((kind, name.to_string(), entry.health.as_deref()?.clone())));
    Work::Made { known: desired.workload.is_some(), parts: parts.collect(), ails: view.ailing().map(|(_, ails)| ails.to_string()) }
}

/// Whose namespace is it? Without a valid deed nothing is touched.
fn begin(ctx: &Context, space: &Space<'_>) -> Start {
    let world = ctx.world();
    let Some(key) = world.deed_key.clone() else {
        return Start::Stop(Rails::Stopped(Reason::DeedKeyLost, KEY_LOST.into()));
    };
    let Some(found) = world.index.namespace(space.name) else {
        let tenant_id = space.remembered.map_or_else(|| Uuid::new_v4().to_string(), ToString::to_string);
        return Start::Make(key, tenant_id);
    };
    if found.entry.terminating {
        return Start::Stop(Rails::Terminating);
    }
    if let Some(deed) = world.deed(space.name) {
        Start::Keep(key, deed.tenant_id)
    } else {
        let message = format!("the namespace `{}` exists and was not made by kopnams; it is left untouched", space.name);
        Start::Stop(Rails::Stopped(Reason::NamespaceConflict, message))
    }
}

/// Carries a plan out. Independent guard rails go on when one fails; nothing is pruned then.
async fn execute(ctx: &Context, namespace: &str, todo: &Plan) -> Result<(), ApplyError> {
    if let Some(step) = &todo.namespace {
        run(ctx, namespace, step).await?;
    }
    let mut guards: FuturesUnordered<_> = todo.guards.iter().map(|step| run(ctx, namespace, step)).collect();
    let mut first = None;
    while let Some(done) = guards.next().await {
        if let Err(error) = done {
            first.get_or_insert(error);
        }
    }
    if let Some(error) = first {
        return Err(error);
    }
    for step in todo.prune.iter().filter(|step| !step.kind().is_workload()) {
        run(ctx, namespace, step).await?;
    }
    Ok(())
}

async fn run(ctx: &Context, namespace: &str, step: &Step) -> Result<(), ApplyError> {
    let written = match step {
        Step::Create(object @ Object::Namespace(_)) => match ctx.writer.create(object).await {
            Err(ApplyError::Conflict) => return look(ctx, namespace).await,
            other => other.map(Some),
        },
        Step::Create(object) => ctx.writer.create(object).await.map(Some),
        Step::Replace(object) => ctx.writer.replace(object).await.map(Some),
        Step::Delete { kind, name, uid } => ctx.writer.delete(*kind, namespace, name, *uid).await.map(|()| None),
    };
    ctx.metrics.wrote(step, written.as_ref().err());
    match written? {
        Some(object) => {
            let mut world = ctx.world();
            world.index.observe(&object);
            if let Step::Create(meant) | Step::Replace(meant) = step
                && object.kind().is_workload()
                && meant.content() != object.content()
            {
                tracing::debug!(kind = %object.kind(), namespace, name = object.name(), "the API server made something else of it");
                world.index.accept(&object, meant.content());
            }
        }
        None => {
            if let Step::Delete { kind, name, uid } = step {
                ctx.world().index.forget_deleted(*kind, namespace, name, *uid);
            }
        }
    }
    Ok(())
}

/// A namespace of that name exists already: one look tells whose it is, and the next turn goes by that.
async fn look(ctx: &Context, name: &str) -> Result<(), ApplyError> {
    if let Some(found) = ctx.writer.look_at_namespace(name).await? {
        super::intake::change(ctx, |world| {
            if world.index.observe(&Object::Namespace(found)) == Change::Some {
                world.namespace_changed(name);
            }
        });
    }
    Err(ApplyError::Conflict)
}

/// The longest that anything rests without being looked at again, in memory only.
pub const RESYNC: Duration = Duration::from_mins(10);
