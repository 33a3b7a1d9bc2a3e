//! What a set holds: the files of the configuration, the manifest, and how much a part usually is.

use super::super::{Ground, keys, said};
use crate::apply::ApplyError;
use crate::backup::coverage::{self, Plan};
use crate::backup::set::{LeftOut, Manifest, Part, PartRecord};
use crate::backup::work::Report;
use crate::controller::Context;
use crate::controller::world::World;
use crate::policy::register::Rendered;
use crate::request::BackupRun;
use crate::request::app::Grant;
use crate::request::backup::{RunKind, RunStatus, SetRecord, StepRecord};
use crate::request::names::ACKNOWLEDGE_SHRUNK;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// What the coverage leaves out, as a manifest lists it.
pub fn left_out(plan: &Plan) -> Vec<LeftOut> {
    let out = plan.coverage.iter().filter(|one| one.state == coverage::State::Excluded);
    out.map(|one| LeftOut { volume: one.name.clone(), reason: one.reason.clone() }).collect()
}

/// The files of the configuration part: with them and the volumes the app can be made again without this cluster.
pub async fn configuration(
    ctx: &Context,
    ground: &Ground,
    grant: &Grant,
    rendered: &Rendered,
) -> Result<Vec<(String, Vec<u8>)>, ApplyError> {
    let request = {
        ctx.world().apps.get(&ground.key).map(|record| json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "MunicipalityApp", "metadata": {"name": ground.key.app, "namespace": ground.key.municipality}, "spec": record.object.spec}))
    };
    let secrets: serde_json::Map<String, serde_json::Value> = keys::copied(ctx, &ground.tenant_id)
        .await?
        .into_iter()
        .map(|(key, value)| (key, String::from_utf8_lossy(&value.0).into_owned().into()))
        .collect();
    let objects: Vec<&serde_json::Value> = rendered.objects.iter().map(|(_, object)| object).collect();
    let pretty = |value: &serde_json::Value| serde_json::to_vec_pretty(value).unwrap_or_default();
    Ok(vec![
        ("request.json".into(), pretty(&request.unwrap_or_default())),
        ("grant.json".into(), pretty(&json!(grant))),
        ("objects.json".into(), pretty(&json!(objects))),
        ("secrets.json".into(), pretty(&serde_json::Value::Object(secrets))),
    ])
}

pub fn manifest(run: &BackupRun, status: &RunStatus, ground: &Ground, grant: &Grant) -> Manifest {
    let part = |step: &StepRecord| {
        Some(PartRecord {
            part: step.name.parse::<Part>().ok()?,
            snapshot: step.snapshot.clone()?,
            files: step.files,
            bytes: step.bytes,
            digest: step.digest.clone(),
            facts: step.facts.clone(),
        })
    };
    Manifest {
        set: run.metadata.name.clone().unwrap_or_default(),
        municipality: ground.key.municipality.clone(),
        app: ground.key.app.clone(),
        system: grant.system.clone(),
        version: grant.version.clone(),
        revision: grant.revision.clone(),
        began: status.began.clone().unwrap_or_default(),
        // The same however often the order is written: when the commit was begun, the parts were done.
        ended: status.steps.iter().filter_map(|step| step.began.clone()).max().unwrap_or_default(),
        sentinel: status.sentinel.clone(),
        parts: status.steps.iter().filter_map(part).collect(),
        left_out: status.left_out.clone(),
    }
}

pub fn committed(run: &BackupRun, status: &RunStatus, report: &Report, now: Timestamp, revision: &str) -> SetRecord {
    let parts: Vec<&StepRecord> = status.steps.iter().filter(|step| step.name.parse::<Part>().is_ok()).collect();
    let began: Option<Timestamp> = status.began.as_deref().and_then(|time| time.parse().ok());
    SetRecord {
        name: run.metadata.name.clone().unwrap_or_default(),
        recovery_point: status.began.clone().unwrap_or_default(),
        manifest: report.snapshot.clone().unwrap_or_default(),
        snapshots: parts.iter().filter_map(|step| step.snapshot.clone()).chain(report.configuration.clone()).collect(),
        files: parts.iter().map(|step| step.files).sum(),
        bytes: parts.iter().map(|step| step.bytes).sum(),
        parts: parts.iter().map(|step| (step.name.clone(), step.bytes)).collect(),
        seconds: began.map_or(0, |began| u64::try_from(now.duration_since(began).as_secs()).unwrap_or_default()),
        verified: false,
        revision: revision.to_string(),
        kind: run.spec.kind,
    }
}

/// How much a part usually is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Usual {
    /// Bytes in the sets before, the newest last.
    pub bytes: Vec<u64>,
    /// Nothing in it is no fault.
    pub may_be_empty: bool,
}

/// By how many sets what is usual is judged.
const JUDGED_BY: usize = 7;
/// For how long an admin's word that a part may be empty holds by itself; sets that it let through go on saying so.
const WORD: SignedDuration = SignedDuration::from_hours(48);

/// How much a part of a tenant usually is, as its sets say: since an admin said that less is right, if one did.
pub fn usual(world: &World, run: &BackupRun, part: &str, now: Timestamp) -> Usual {
    // Broken data must not keep a restore from mending it, and whatever is there is what can be put back.
    if run.spec.kind == RunKind::BeforeRestore {
        return Usual { bytes: Vec::new(), may_be_empty: true };
    }
    let Some(vault) = world.backups.vaults.get(&run.spec.tenant_id) else { return Usual::default() };
    let said = said(vault, ACKNOWLEDGE_SHRUNK, now);
    let sets = vault.status.as_ref().map(|status| status.sets.as_slice()).unwrap_or_default();
    let counts = |set: &&SetRecord| {
        let since = said.is_none_or(|said| set.recovery_point.parse::<Timestamp>().is_ok_and(|at| at >= said));
        set.kind != RunKind::BeforeRestore && since
    };
    let all: Vec<u64> = sets.iter().filter(counts).filter_map(|set| set.parts.get(part).copied()).collect();
    let may_be_empty = said.is_some_and(|said| now.duration_since(said) < WORD || all.last() == Some(&0));
    Usual { bytes: all[all.len().saturating_sub(JUDGED_BY)..].to_vec(), may_be_empty }
}

/// What to do about a part that is far smaller than it was, if that is as it should be.
pub fn smaller(tenant_id: &str) -> String {
    format!(
        " If that is right (files were deleted, a table was emptied), say so, and backups go on: kubectl annotate backupvault {tenant_id} --overwrite {ACKNOWLEDGE_SHRUNK}=\"$(date --utc +%Y-%m-%dT%H:%M:%SZ)\""
    )
}
