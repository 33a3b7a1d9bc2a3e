//! A backup: every part, one Job after another, then the configuration and the manifest. No manifest, no set.

mod holds;

use self::holds::{Usual, committed, configuration, left_out, manifest, smaller, usual};
use super::ground::lacks;
use super::keys::Hand;
use super::step::{self, LOOK, Progress, Step};
use super::{Ground, ground, say_vault, tidy, wait, write};
use crate::apply::ApplyError;
use crate::backup::coverage::{self, Claim, PartPlan, Plan};
use crate::backup::jobs::{CONFIGURATION, DATA, DUMP, DatabaseJob, Mount, User, Volume, database};
use crate::backup::work::{Class, Report, Task, Work};
use crate::controller::Context;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::live::look;
use crate::policy::register::Rendered;
use crate::request::BackupRun;
use crate::request::app::Grant;
use crate::request::backup::{Failures, RunFailure, RunKind, RunPhase, RunStatus, StepRecord, VAULT_NAMESPACE};
use crate::request::names::{MANAGED_BY, MANAGER};
use crate::request::written;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::json;
use std::sync::Arc;

/// Names of the steps that are no parts.
pub const PREPARE: &str = "prepare";
/// See [`PREPARE`].
pub const COMMIT: &str = "commit";

/// Takes a backup one step further.
pub async fn reconcile(ctx: &Context, name: &str) -> Result<Next, ReconcileError> {
    let Some(run) = ({ ctx.world().backups.runs.get(name).cloned() }) else { return Ok(Next::Rest) };
    let status = run.status.clone().unwrap_or_default();
    if status.phase.is_over() {
        return tidy(ctx, name, &run.spec.municipality, &run.spec.app, &status).await;
    }
    let Some(ground) = ({ ground(&ctx.world(), &run.spec.tenant_id) }) else {
        let lacks = { lacks(&ctx.world(), &run.spec.tenant_id, run.metadata.creation_timestamp.as_ref(), Timestamp::now()) };
        return match lacks {
            Ok(message) => wait(ctx, &run, status, &message).await,
            Err(why) => fail(ctx, &run, status, Class::Other, &why).await,
        };
    };
    let Some(grant) = ground.grant.clone() else {
        return fail(ctx, &run, status, Class::Other, "the app is gone").await;
    };
    match status.phase {
        RunPhase::Pending => begin(ctx, &run, &ground, &grant).await,
        _ => go_on(ctx, &run, status, &ground, &grant).await,
    }
}

/// What an app's system consists of, and which parts a set must hold.
async fn plan(ctx: &Context, ground: &Ground, grant: &Grant) -> Result<Option<(Rendered, Plan)>, ApplyError> {
    let Some(rendered) = ({ ctx.world().register.render(&ground.key, grant) }) else { return Ok(None) };
    let claims = look::claims(&ctx.client, &ground.key.namespace()).await?;
    let claims: Vec<Claim> = claims.iter().map(claim).collect();
    let quiesced = ctx.world().backups.living(&ground.key.namespace()).next().is_none();
    // What was granted: a request that is refused leaves nothing out.
    let exclusions = &grant.backup.exclude;
    let app = coverage::App { objects: &rendered.objects, claims: &claims, entry: &rendered.backup, exclusions, quiesced };
    let plan = coverage::plan(app);
    Ok(Some((rendered, plan)))
}

fn claim(claim: &PersistentVolumeClaim) -> Claim {
    let labelled = claim.metadata.labels.as_ref().is_some_and(|labels| labels.get(MANAGED_BY).is_some_and(|by| by == MANAGER));
    Claim {
        name: claim.metadata.name.clone().unwrap_or_default(),
        access_modes: claim.spec.as_ref().and_then(|spec| spec.access_modes.clone()).unwrap_or_default(),
        phase: claim.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default(),
        labelled,
    }
}

async fn begin(ctx: &Context, run: &Arc<BackupRun>, ground: &Ground, grant: &Grant) -> Result<Next, ReconcileError> {
    let name = run.metadata.name.clone().unwrap_or_default();
    if run.spec.kind == RunKind::Final && !super::at_rest(ctx, &ground.key.namespace()).await? {
        return Ok(Next::After(std::time::Duration::from_secs(5)));
    }
    let Some(_place) = super::place(ctx, &name) else { return Ok(Next::After(LOOK)) };
    let now = Timestamp::now();
    let Some((_, plan)) = plan(ctx, ground, grant).await? else {
        let why = "what the app consists of is not known now, so nobody knows what a set must hold";
        return fail(ctx, run, RunStatus::default(), Class::Other, why).await;
    };
    let vault = { ctx.world().backups.vaults.get(&ground.tenant_id).and_then(|vault| vault.status.clone()).unwrap_or_default() };
    // An escrow that the platform was given later is added.
    let prepare = vault.prepared.is_none() || (vault.escrowed.is_none() && ground.settings.escrow.is_some());
    let step = |name: String| StepRecord { name, ..StepRecord::default() };
    let first = prepare.then(|| step(PREPARE.into()));
    let parts = plan.parts.iter().map(|part| step(part.part().to_string()));
    let mut steps: Vec<StepRecord> = first.into_iter().chain(parts).chain([step(COMMIT.into())]).collect();
    step::begin_next(&mut steps, now);
    let mut sentinel = [0_u8; 16];
    getrandom::fill(&mut sentinel).map_err(|error| ApplyError::Transient(error.to_string()))?;
    let status = RunStatus {
        phase: RunPhase::Running,
        message: "the backup has begun".into(),
        began: Some(written(now)),
        sentinel: hex::encode(sentinel),
        revision: grant.revision.clone(),
        steps,
        coverage: plan.coverage.clone(),
        left_out: left_out(&plan),
        ..RunStatus::default()
    };
    write(ctx, run, &status).await?;
    Ok(Next::After(std::time::Duration::ZERO))
}

async fn go_on(ctx: &Context, run: &Arc<BackupRun>, mut status: RunStatus, ground: &Ground, grant: &Grant) -> Result<Next, ReconcileError> {
    let name = run.metadata.name.clone().unwrap_or_default();
    let Some((number, _)) = step::begin_next(&mut status.steps, Timestamp::now()) else {
        return fail(ctx, run, status, Class::Other, "the backup has no steps").await;
    };
    if !status.revision.is_empty() && status.revision != grant.revision {
        let why = "the app got another version while it was backed up, so the parts would not fit together; another backup is made";
        return fail(ctx, run, status, Class::Other, why).await;
    }
    let step_name = status.steps[number].name.clone();
    let space = ground.key.namespace();
    match step::stands(ctx, at_work_in(&step_name, &space), &name, number) {
        Some(Progress::Going) => return Ok(Next::After(LOOK)),
        Some(Progress::Ended(report)) => return ended(ctx, run, status, ground, number, &report, &grant.revision).await,
        None => {}
    }
    let Some((rendered, plan)) = plan(ctx, ground, grant).await? else {
        return fail(ctx, run, status, Class::Other, "what the app consists of is not known any more").await;
    };
    let order = |task| ground.order(&name, task);
    let base = |namespace| ground.step(&name, number, namespace, Hand::Writer);
    let made =
        { ctx.world().backups.vaults.get(&ground.tenant_id).is_some_and(|v| v.status.as_ref().is_some_and(|s| s.prepared.is_some())) };
    let wanted = match step_name.as_str() {
        PREPARE => Step { orders: vec![(None, order(prepare(ground, made)))], hand: Hand::Maintainer, ..base(VAULT_NAMESPACE) },
        COMMIT => {
            let files = configuration(ctx, ground, grant, &rendered).await?;
            let mounted = files.iter().map(|(file, _)| (format!("configuration.{file}"), file.clone())).collect();
            let mount = Mount { path: CONFIGURATION.into(), volume: Volume::Own(mounted) };
            let files = files.into_iter().map(|(file, content)| (format!("configuration.{file}"), content)).collect();
            let manifest = manifest(run, &status, ground, grant);
            let task = Task::Commit { manifest, path: CONFIGURATION.into() };
            Step { orders: vec![(None, order(task))], mounts: vec![mount], files, ..base(VAULT_NAMESPACE) }
        }
        part => {
            let Some(planned) = plan.parts.iter().find(|planned| planned.part().to_string() == part) else {
                return fail(
                    ctx,
                    run,
                    status,
                    Class::Other,
                    "the app changed while it was backed up; the next backup will hold what it has now",
                )
                .await;
            };
            let usual = { usual(&ctx.world(), run, part, Timestamp::now()) };
            part_step(ctx, base(&space), planned, &status, &usual, ground, &order)
        }
    };
    match step::advance(ctx, wanted, &ground.target.spec, &ground.tenant_id).await? {
        Progress::Going => Ok(Next::After(LOOK)),
        Progress::Ended(report) => ended(ctx, run, status, ground, number, &report, &grant.revision).await,
    }
}

/// The namespace in which the Job of a step is.
fn at_work_in<'a>(step: &str, space: &'a str) -> &'a str {
    if matches!(step, PREPARE | COMMIT) { VAULT_NAMESPACE } else { space }
}

/// What came of a step is written down first; only then is the next one begun.
async fn ended(
    ctx: &Context,
    run: &Arc<BackupRun>,
    mut status: RunStatus,
    ground: &Ground,
    number: usize,
    report: &Report,
    revision: &str,
) -> Result<Next, ReconcileError> {
    let name = run.metadata.name.clone().unwrap_or_default();
    let step_name = status.steps[number].name.clone();
    let space = ground.key.namespace();
    if let Some(class) = report.failure {
        // A repository that was there and is not any more is never made anew, whatever the runner says.
        let how = if class == Class::Suspicious { smaller(&ground.tenant_id) } else { String::new() };
        return fail(ctx, run, status, class, &format!("{step_name}: {}{how}", report.message)).await;
    }
    step::record(&mut status.steps[number], report);
    match step_name.as_str() {
        PREPARE => {
            let escrowed = ground.settings.escrow.clone();
            say_vault(ctx, &ground.tenant_id, |vault| {
                vault.repository = ground.repository().url();
                vault.prepared.get_or_insert_with(|| written(Timestamp::now()));
                vault.escrowed = vault.escrowed.take().or(escrowed);
            })
            .await?;
        }
        COMMIT => {
            let now = Timestamp::now();
            let set = committed(run, &status, report, now, revision);
            let coverage = status.coverage.clone();
            // The vault first: what it lists is what counts, and doing it again adds nothing.
            say_vault(ctx, &ground.tenant_id, |vault| {
                if !vault.sets.iter().any(|known| known.name == set.name) {
                    vault.sets.push(set.clone());
                }
                vault.repository = ground.repository().url();
                vault.last_success = Some(set.recovery_point.clone()).max(vault.last_success.take());
                vault.first_set.get_or_insert_with(|| set.recovery_point.clone());
                vault.failures = Failures::default();
                vault.coverage = coverage;
            })
            .await?;
            status.phase = RunPhase::Succeeded;
            status.message = "the set is complete".into();
            status.ended = Some(written(now));
        }
        _ => {}
    }
    step::begin_next(&mut status.steps, Timestamp::now());
    write(ctx, run, &status).await?;
    step::clear(ctx, at_work_in(&step_name, &space), &name, number).await?;
    Ok(Next::After(std::time::Duration::ZERO))
}

/// The step that backs one part up.
fn part_step<'a>(
    ctx: &Context,
    step: Step<'a>,
    planned: &PartPlan,
    status: &RunStatus,
    usual: &Usual,
    ground: &Ground,
    order: &dyn Fn(Task) -> Work,
) -> Step<'a> {
    let space = ground.key.namespace();
    let node = |claim: &str| ctx.world().backups.node_of(&space, claim);
    let task = |path: &str, exclude: &[String], may_be_empty: bool, facts: bool| {
        order(Task::Part {
            part: planned.part(),
            path: path.into(),
            exclude: exclude.to_vec(),
            may_be_empty: may_be_empty || usual.may_be_empty,
            before: usual.bytes.clone(),
            facts,
        })
    };
    match planned {
        PartPlan::Volume(volume) => Step {
            user: User::from(&volume.security),
            node: node(&volume.claim),
            mounts: vec![Mount { path: DATA.into(), volume: Volume::Claim(volume.claim.clone()) }],
            orders: vec![(None, task(DATA, &volume.exclude, volume.may_be_empty, false))],
            ..step
        },
        PartPlan::Database(plan) => {
            let (pod, container) = plan.pod();
            let running =
                ctx.world().backups.living(&space).any(|(_, pod)| plan.volume.as_ref().is_none_or(|volume| pod.claims.contains(volume)));
            let mut environment = vec![("KOPNAMS_OUT", DUMP), ("KOPNAMS_SENTINEL", status.sentinel.as_str())];
            if running {
                environment.push(("KOPNAMS_HOST", &plan.service));
            }
            // A database that does not run is started on its own files, by nobody else meanwhile.
            let files = plan.volume.as_ref().filter(|_| !running);
            let job = DatabaseJob {
                pod,
                container,
                name: "dump",
                argument: "dump",
                environment: &environment,
                files: files.map(|_| "files"),
                secrets: &[],
                secrets_of: None,
            };
            let (dump, mut volumes) = database(&job);
            volumes.extend(files.map(|volume| json!({"name": "files", "persistentVolumeClaim": {"claimName": volume}})));
            Step {
                user: User::of(pod, Some(container)),
                node: files.and_then(|volume| node(volume)),
                before: vec![dump],
                runner_mounts: vec![json!({"name": "dump", "mountPath": DUMP})],
                volumes,
                orders: vec![(None, task(DUMP, &[], false, true))],
                ..step
            }
        }
    }
}

fn prepare(ground: &Ground, made: bool) -> Task {
    Task::Prepare { issue: ground.issue(), escrow: ground.settings.escrow.clone(), made }
}

/// The run is over and made no set; the vault says why.
async fn fail(ctx: &Context, run: &Arc<BackupRun>, mut status: RunStatus, class: Class, message: &str) -> Result<Next, ReconcileError> {
    let (name, now) = (run.metadata.name.clone().unwrap_or_default(), written(Timestamp::now()));
    let failure = RunFailure { class, message: message.to_string() };
    let coverage = status.coverage.clone();
    say_vault(ctx, &run.spec.tenant_id, |vault| {
        vault.failures = vault.failures.and(&name, class, message, &now);
        if !coverage.is_empty() {
            vault.coverage = coverage;
        }
    })
    .await?;
    status.phase = RunPhase::Failed;
    status.message = message.to_string();
    status.ended = Some(now);
    status.failure = Some(failure);
    // First: what is over is not looked at again, and a target that nobody counted is never asked whether it answers.
    super::target::count(ctx, &run.spec.tenant_id, class).await?;
    write(ctx, run, &status).await?;
    Ok(Next::After(std::time::Duration::ZERO))
}
