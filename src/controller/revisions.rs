//! Revisions that are kept: what a version of a catalogue entry consisted of, as long as an app has it or may go back to it.
//!
//! Each is a `ControllerRevision` in the operator's namespace, which the API server never lets anybody change. Its name
//! holds the hash of its contents, so one that says something else is not believed.

use super::{Context, intake};
use crate::apply::ApplyError;
use crate::policy::catalogue::revision;
use crate::request::HostedSystemSpec;
use crate::request::app::Grant;
use crate::request::names::{MANAGED_BY, MANAGER, SYSTEM};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::runtime::RawExtension;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use std::collections::BTreeMap;

/// Keeps what a granted app consists of, unless it is kept already or there is nothing to keep.
pub async fn keep(ctx: &Context, grant: &Grant) -> Result<(), ApplyError> {
    let Some(spec) = ({ ctx.world().register.to_be_kept(&grant.system, &grant.version, &grant.revision) }) else {
        return Ok(());
    };
    let object = ControllerRevision {
        metadata: ObjectMeta {
            name: Some(name(&grant.system, &grant.revision)),
            labels: Some(BTreeMap::from([(MANAGED_BY.into(), MANAGER.into()), (SYSTEM.into(), grant.system.clone())])),
            ..ObjectMeta::default()
        },
        revision: 1,
        data: Some(RawExtension(serde_json::to_value(&spec).unwrap_or_default())),
    };
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    match ctx.writer.gate().pass(api(ctx).create(&params, &object)).await {
        // Another worker was first; the name says that it is the same.
        Ok(_) | Err(ApplyError::Conflict) => {}
        Err(other) => return Err(other),
    }
    ctx.metrics.patched("revision");
    intake::change(ctx, |world| world.register.keep(&grant.system, &grant.revision, spec, true));
    Ok(())
}

/// Deletes the kept revisions of a system that nobody needs any more.
pub async fn tidy(ctx: &Context, system: &str) -> Result<(), ApplyError> {
    let unused = { ctx.world().unused_revisions(system) };
    for revision in unused {
        match ctx.writer.gate().pass(api(ctx).delete(&name(system, &revision), &DeleteParams::default())).await {
            Ok(_) | Err(ApplyError::Gone) => {}
            Err(other) => return Err(other),
        }
        ctx.world().register.drop_revision(system, &revision);
    }
    Ok(())
}

/// What a kept revision says: its system, its hash and its contents. None when these do not belong together.
#[must_use]
pub fn read(object: &ControllerRevision) -> Option<(String, String, HostedSystemSpec)> {
    let system = object.metadata.labels.as_ref()?.get(SYSTEM)?;
    let spec: HostedSystemSpec = serde_json::from_value(object.data.as_ref()?.0.clone()).ok()?;
    let hash = revision(&spec, spec.versions.first()?);
    (object.metadata.name.as_deref() == Some(&name(system, &hash))).then(|| (system.clone(), hash, spec))
}

fn name(system: &str, revision: &str) -> String {
    format!("{system}-{revision}")
}

fn api(ctx: &Context) -> Api<ControllerRevision> {
    Api::namespaced(ctx.writer.client().clone(), &ctx.identity.namespace)
}
