//! The status of platform objects: usable, or what is wrong with each.

use super::error::ReconcileError;
use super::queue::Next;
use super::unclaimed::pause_until;
use super::{Context, intake, revisions};
use crate::apply::ApplyError;
use crate::policy::{Concern, Rejection};
use crate::request::{DataClass, HostedSystem, Platform};
use crate::status::events::{Notice, transitions};
use crate::status::patch_status;
use crate::status::summarise::{self, Plain, usable};
use jiff::Timestamp;
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// The status of a catalogue entry.
pub async fn system(ctx: &Context, name: &str) -> Result<Next, ReconcileError> {
    let Some((object, problems)) = ({
        let world = ctx.world();
        let problems = world.register.system(name).map(|entry| entry.problems.clone());
        world.systems.get(name).cloned().zip(problems)
    }) else {
        revisions::tidy(ctx, name).await?;
        return unreadable::<HostedSystem, crate::request::system::HostedSystemStatus>(ctx, Concern::System, name).await;
    };
    // An app that did not answer in time goes back now, without any event.
    intake::change(ctx, |world| world.look_at_rollouts(name));
    let (rollouts, again) = {
        let world = ctx.world();
        let (rollouts, again) = world.rollouts_of(name);
        (rollouts.to_vec(), again)
    };
    let generation = object.metadata.generation;
    let status = summarise::system(object.status.as_ref(), &problems, &rollouts, generation, Timestamp::now());
    if let Some(written) = write(ctx, object.as_ref(), object.status.as_ref(), &status).await? {
        let old = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        for (severity, reason, note) in transitions(old, &status.conditions) {
            ctx.teller.tell(Notice { about: object.object_ref(&()), severity, reason, note });
        }
        intake::change(ctx, |world| world.set_system(written));
    }
    revisions::tidy(ctx, name).await?;
    Ok(again.map_or(Next::Rest, |at| Next::After(pause_until(at))))
}

/// The status of a data class.
pub async fn class(ctx: &Context, name: &str) -> Result<Next, ReconcileError> {
    let Some((object, problems)) = ({
        let world = ctx.world();
        let problems = world.register.class(name).map(|class| class.problems.clone());
        world.classes.get(name).cloned().zip(problems)
    }) else {
        return unreadable::<DataClass, crate::request::class::DataClassStatus>(ctx, Concern::Class, name).await;
    };
    let written = say(ctx, object.as_ref(), object.status.as_ref(), &problems).await?;
    if let Some(object) = written {
        intake::change(ctx, |world| world.set_class(object));
    }
    Ok(Next::Rest)
}

/// The status of the platform.
pub async fn platform(ctx: &Context) -> Result<Next, ReconcileError> {
    let Some(object) = ({ ctx.world().platform.clone() }) else {
        return Ok(Next::Rest);
    };
    if let Some(object) = say::<Platform, _>(ctx, object.as_ref(), object.status.as_ref(), &[]).await? {
        intake::change(ctx, |world| world.set_platform(Some(object)));
    }
    Ok(Next::Rest)
}

async fn say<K, S>(ctx: &Context, object: &K, old: Option<&S>, problems: &[Rejection]) -> Result<Option<K>, ReconcileError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
    S: Plain + PartialEq + Serialize + Sync,
{
    let generation = object.meta().generation;
    let before = old.map(Plain::conditions).unwrap_or_default();
    let status = S::with(generation, usable(before, problems, generation, Timestamp::now()));
    write(ctx, object, old, &status).await
}

/// Writes a status, if it changed.
async fn write<K, S>(ctx: &Context, object: &K, old: Option<&S>, status: &S) -> Result<Option<K>, ReconcileError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
    S: PartialEq + Serialize + Sync,
{
    if old == Some(status) {
        return Ok(None);
    }
    let name = object.meta().name.clone().unwrap_or_default();
    let api: Api<K> = Api::all(ctx.writer.client().clone());
    match patch_status(ctx.writer.gate(), &api, &name, object.meta().resource_version.as_deref(), status).await {
        Ok(mut object) => {
            ctx.metrics.patched("status");
            object.meta_mut().managed_fields = None;
            Ok(Some(object))
        }
        Err(ApplyError::Gone) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

/// A stored object that cannot be read still gets a status that says so.
async fn unreadable<K, S>(ctx: &Context, concern: Concern, name: &str) -> Result<Next, ReconcileError>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
    S: Plain + Serialize + Sync,
{
    let Some(problem) = ({ ctx.world().register.unreadable(concern, name) }) else {
        return Ok(Next::Rest);
    };
    let status = S::with(None, usable(&[], &[problem], None, Timestamp::now()));
    let api: Api<K> = Api::all(ctx.writer.client().clone());
    // The answer cannot be read either; that it was written is enough.
    match patch_status(ctx.writer.gate(), &api, name, None, &status).await {
        Ok(_) | Err(ApplyError::Gone | ApplyError::Transient(_)) => Ok(Next::Rest),
        Err(other) => Err(other.into()),
    }
}
