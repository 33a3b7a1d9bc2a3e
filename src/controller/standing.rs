//! The status of platform objects: usable, or what is wrong with each.

use super::error::ReconcileError;
use super::queue::Next;
use super::{Context, intake};
use crate::apply::ApplyError;
use crate::policy::{Concern, Rejection};
use crate::request::{DataClass, HostedSystem, Platform};
use crate::status::patch_status;
use crate::status::summarise::{Plain, usable};
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
        return unreadable::<HostedSystem, crate::request::system::HostedSystemStatus>(ctx, Concern::System, name).await;
    };
    let written = say(ctx, object.as_ref(), object.status.as_ref(), &problems).await?;
    if let Some(object) = written {
        intake::change(ctx, |world| world.set_system(object));
    }
    Ok(Next::Rest)
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
    if old == Some(&status) {
        return Ok(None);
    }
    let name = object.meta().name.clone().unwrap_or_default();
    let api: Api<K> = Api::all(ctx.writer.client().clone());
    match patch_status(ctx.writer.gate(), &api, &name, object.meta().resource_version.as_deref(), &status).await {
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
