//! One step of a piece of work: a Job that is made once, watched, and deleted when what came of it is written down.

use super::keys::{self, Hand};
use crate::apply::ApplyError;
use crate::backup::jobs::{self, Job, Keys, User};
use crate::backup::work::{Class, Report, Work};
use crate::controller::world::World;
use crate::controller::{Context, Seen};
use crate::desired::{Kind, Owner};
use crate::live::Health;
use crate::request::backup::{BackupTargetSpec, Isolation, PhaseTime, StepRecord};
use crate::request::names::MANAGER;
use crate::request::written;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use serde_json::Value;
use std::time::Duration;

/// How long a pod may take until one of its containers runs.
const STARTS_WITHIN: SignedDuration = SignedDuration::from_mins(5);
/// How often work that goes on is looked at although no event came.
pub const LOOK: Duration = Duration::from_secs(30);
/// How often is looked whether what work waits for has come; that asks nobody, it is known from the watches.
pub const SOON: Duration = Duration::from_secs(5);

/// A step: where its Job is, what it is told and what is mounted.
pub struct Step<'a> {
    /// The piece of work.
    pub run: &'a str,
    /// Its number among the steps.
    pub number: usize,
    /// Whom the Job belongs to, and the namespace that it is in.
    pub owner: Owner<'a>,
    /// The image of the runner.
    pub image: &'a str,
    /// As whom it works.
    pub user: User,
    /// The node on which the volume is in use.
    pub node: Option<String>,
    /// What is mounted.
    pub mounts: Vec<jobs::Mount>,
    /// Volumes of those before it that the runner sees too, as its container mounts them.
    pub runner_mounts: Vec<Value>,
    /// What comes before the runner.
    pub before: Vec<Value>,
    /// What only that needs.
    pub volumes: Vec<Value>,
    /// The orders: the runner's own without a name, those of runners before it by name.
    pub orders: Vec<(Option<&'static str>, Work)>,
    /// Whose keys it gets.
    pub hand: Hand,
    /// More files in its Secret.
    pub files: Vec<(String, Vec<u8>)>,
}

/// How a step stands.
pub enum Progress {
    /// It goes on.
    Going,
    /// It has ended.
    Ended(Box<Report>),
}

impl Progress {
    fn failed(class: Class, message: impl Into<String>) -> Self {
        Self::Ended(Box::new(Report { failure: Some(class), message: message.into(), ..Report::default() }))
    }
}

/// Name of the Job of a step.
#[must_use]
pub fn job_name(run: &str, number: usize) -> String {
    format!("{run}-{number}")
}

/// What is known of a step without asking anybody.
fn seen(world: &mut World, namespace: &str, job: &str, now: Timestamp) -> Option<Progress> {
    if let Some(ended) = world.backups.pod(namespace, job).and_then(|pod| pod.ended.as_ref()) {
        return Some(Progress::Ended(Box::new(ended.report())));
    }
    let live = world.index.view(namespace).get(Kind::Job, job)?;
    if let Some(Health::Failed(why)) = live.health.as_deref() {
        let class = if why.contains("active longer") || why.contains("deadline") { Class::Deadline } else { Class::Other };
        return Some(Progress::failed(class, format!("the job did not come to its end: {why}")));
    }
    let without_pod = world.backups.without_pod(namespace, job, now);
    let pod = world.backups.pod(namespace, job);
    let since = pod.and_then(|pod| pod.created).unwrap_or(without_pod);
    let started = pod.is_some_and(|pod| pod.started);
    if !started && now.duration_since(since) > STARTS_WITHIN {
        let why = pod.and_then(|pod| pod.ails.clone()).unwrap_or_else(|| "no pod was made for it, or its volumes did not come".into());
        return Some(Progress::failed(
            Class::NotStarted,
            format!("the pod did not start within {} minutes: {why}", STARTS_WITHIN.as_mins()),
        ));
    }
    Some(Progress::Going)
}

/// How a step stands whose Job was made, with its Secret. Asks nobody: most looks at a piece of work come while a Job goes on.
pub fn stands(ctx: &Context, namespace: &str, run: &str, number: usize) -> Option<Progress> {
    let name = job_name(run, number);
    let known = { seen(&mut ctx.world(), namespace, &name, Timestamp::now()) };
    let has_secret = ctx.seen_secrets().contains_key(&(namespace.to_string(), name));
    known.filter(|known| has_secret || matches!(known, Progress::Ended(_)))
}

/// Makes the Job of a step unless it is there, and says how it stands.
pub async fn advance(ctx: &Context, step: Step<'_>, target: &BackupTargetSpec, tenant_id: &str) -> Result<Progress, ApplyError> {
    let name = job_name(step.run, step.number);
    let namespace = step.owner.namespace;
    if let Some(known) = stands(ctx, namespace, step.run, step.number) {
        return Ok(known);
    }
    let Some(Keys { password, access_key, secret_key, mut more }) = keys::read(ctx, tenant_id, target, step.hand).await? else {
        let whose = match step.hand {
            Hand::Writer if target.isolation == Isolation::PerApp => {
                format!("the Secret {} is missing in kopnams-vault", keys::name(tenant_id))
            }
            Hand::Writer => "the target's writerSecret is missing in kopnams-vault, or lacks access-key or secret-key".to_string(),
            Hand::Maintainer => "the target's maintainerSecret is missing in kopnams-vault, or lacks access-key or secret-key".to_string(),
        };
        return Ok(Progress::failed(Class::Refused, format!("there is no key to work with: {whose}")));
    };
    more.extend(step.files);
    let keys = Keys { password, access_key, secret_key, more };
    let job = Job {
        name: &name,
        run: step.run,
        owner: step.owner,
        image: step.image,
        user: step.user,
        node: step.node.as_deref(),
        mounts: step.mounts,
        runner_mounts: step.runner_mounts,
        before: step.before,
        volumes: step.volumes,
        counted: namespace != crate::request::backup::VAULT_NAMESPACE,
    };
    let made = ctx.writer.create_once(&jobs::job(&job)).await?;
    let uid = made.meta().uid.clone().unwrap_or_default();
    let orders: Vec<(Option<&str>, &Work)> = step.orders.iter().map(|(name, work)| (*name, work)).collect();
    let secret = jobs::secret(&job, &uid, &orders, &keys);
    let api: Api<Secret> = Api::namespaced(ctx.writer.client().clone(), namespace);
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    match ctx.writer.gate().pass(api.create(&params, &secret)).await {
        Ok(_) | Err(ApplyError::Conflict) => {}
        Err(other) => return Err(other),
    }
    ctx.metrics.patched("job");
    ctx.seen_secrets().insert((namespace.to_string(), name), Seen::default());
    ctx.world().index.observe(&made);
    Ok(Progress::Going)
}

/// Deletes the Job of a step, with its pod and its Secret.
pub async fn clear(ctx: &Context, namespace: &str, run: &str, number: usize) -> Result<(), ApplyError> {
    let name = job_name(run, number);
    ctx.seen_secrets().remove(&(namespace.to_string(), name.clone()));
    let uid = {
        let mut world = ctx.world();
        world.backups.let_go(namespace, &name);
        world.index.view(namespace).get(Kind::Job, &name).map(|entry| entry.uid)
    };
    let Some(uid) = uid else { return Ok(()) };
    ctx.writer.delete(Kind::Job, namespace, &name, uid).await?;
    ctx.world().index.forget_deleted(Kind::Job, namespace, &name, uid);
    Ok(())
}

/// Deletes the Jobs of steps that are still there; whether there were any, or pods of theirs.
pub async fn clear_all(ctx: &Context, namespace: &str, run: &str, numbers: impl Iterator<Item = usize>) -> Result<bool, ApplyError> {
    let left: Vec<usize> = {
        let world = ctx.world();
        numbers.filter(|number| is_there(&world, namespace, run, *number)).collect()
    };
    for number in &left {
        clear(ctx, namespace, run, *number).await?;
    }
    Ok(!left.is_empty())
}

/// Whether a Job or a pod of a step is still there.
#[must_use]
pub fn is_there(world: &World, namespace: &str, run: &str, number: usize) -> bool {
    let name = job_name(run, number);
    world.index.view(namespace).get(Kind::Job, &name).is_some() || world.backups.pod(namespace, &name).is_some()
}

/// Writes down what came of a step.
pub fn record(step: &mut StepRecord, report: &Report) {
    step.done = true;
    step.snapshot.clone_from(&report.snapshot);
    step.files = report.files;
    step.bytes = report.bytes;
    step.digest.clone_from(&report.digest);
    step.facts.clone_from(&report.facts);
    step.phases = report.phases.iter().map(|(name, milliseconds)| PhaseTime { name: name.clone(), milliseconds: *milliseconds }).collect();
}

/// The first step that is not done, marked as begun now unless it was before. Whether it was marked says whether to write it down.
pub fn begin_next(steps: &mut [StepRecord], now: Timestamp) -> Option<(usize, bool)> {
    let number = steps.iter().position(|step| !step.done)?;
    let fresh = steps[number].began.is_none();
    if fresh {
        steps[number].began = Some(written(now));
    }
    Some((number, fresh))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::object::Object;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    const SPACE: &str = "ogres-novads--majaslapa";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// A Job with a pod in this state.
    fn world(state: &Value) -> World {
        let mut world = World::default();
        let meta = |name: &str| json!({"name": name, "namespace": SPACE, "creationTimestamp": "2026-11-26T01:00:00Z", "uid": "1", "resourceVersion": "1"});
        let job = serde_json::from_value(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta("run-0"), "spec": {}})).unwrap();
        world.index.observe(&Object::Workload(Kind::Job, Box::new(job)));
        let mut pod = json!({
            "metadata": meta("run-0-abcde"),
            "status": {"phase": "Pending", "containerStatuses": [{
                "name": "runner", "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": state,
            }]},
        });
        pod["metadata"]["labels"] = json!({"kopnams.lv/run": "run", "batch.kubernetes.io/job-name": "run-0"});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        world.observe_pod(&pod);
        world
    }

    #[test]
    fn a_job_without_a_pod_has_its_time_from_when_it_was_first_seen() {
        let mut world = world(&json!({"waiting": {}}));
        world.forget_pod(SPACE, "run-0-abcde");
        let mut look = |now| seen(&mut world, SPACE, "run-0", at(now));
        // Hours after it was made: this process, or the API server, was down meanwhile.
        assert!(matches!(look("2026-11-26T09:00:00Z"), Some(Progress::Going)));
        assert!(matches!(look("2026-11-26T09:05:00Z"), Some(Progress::Going)));
        let Some(Progress::Ended(report)) = look("2026-11-26T09:05:01Z") else { panic!("it is waited for for ever") };
        assert_eq!(report.failure, Some(Class::NotStarted));
        assert!(report.message.contains("no pod was made for it"), "{}", report.message);
    }

    /// F18
    #[test]
    fn an_image_that_does_not_come_fails_at_the_startup_deadline_and_says_so() {
        let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"kopnams\""}});
        let mut missing = world(&waiting);
        let look = |world: &mut World, now| seen(world, SPACE, "run-0", at(now));
        assert!(matches!(look(&mut missing, "2026-11-26T01:05:00Z"), Some(Progress::Going)), "it may still come");
        let Some(Progress::Ended(report)) = look(&mut missing, "2026-11-26T01:05:01Z") else { panic!("it is waited for for ever") };
        assert_eq!(report.failure, Some(Class::NotStarted));
        assert!(
            report.message.contains("did not start within 5 minutes")
                && report.message.contains("the image of its container runner cannot be had"),
            "{}",
            report.message
        );
        // One that runs has the time of the run, not that of the start.
        let mut runs = world(&json!({"running": {"startedAt": "2026-11-26T01:04:00Z"}}));
        assert!(matches!(look(&mut runs, "2026-11-26T01:30:00Z"), Some(Progress::Going)));
    }
}
