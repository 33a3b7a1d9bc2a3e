//! Targets: whether they answer, and what they do not protect from.

use super::super::intake;
use crate::apply::ApplyError;
use crate::backup::breaker::{Breaker, State};
use crate::backup::runner::probe;
use crate::backup::work::Class;
use crate::controller::Context;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::unclaimed::pause_until;
use crate::controller::world::World;
use crate::desired::{Owner, network};
use crate::request::BackupTarget;
use crate::request::backup::{BackupTargetStatus, Isolation, VAULT_NAMESPACE};
use crate::request::written;
use crate::status::conditions::{Verdict, merge};
use crate::status::patch_status;
use jiff::Timestamp;
use kube::Api;
use std::sync::Arc;

/// How often is looked whether a target's keys were changed: nobody watches Secrets.
const KEYS: std::time::Duration = std::time::Duration::from_mins(2);

/// What was found out about a target.
struct Found {
    breaker: Breaker,
    /// Why it does not answer.
    why: Option<String>,
    /// The versions of its Secrets, if they were looked at.
    keys: Option<String>,
}

/// Looks at a target: asks it whether it answers if that is in doubt, and says so.
pub async fn reconcile(ctx: &Context, name: &str) -> Result<Next, ReconcileError> {
    let Some(target) = ({ ctx.world().backups.targets.get(name).cloned() }) else { return Ok(Next::Rest) };
    let now = Timestamp::now();
    let mut breaker = target.status.as_ref().map(|status| status.breaker.clone()).unwrap_or_default();
    let mut why = None;
    // A target that nothing is known of is asked once, so that a wrong address shows before the first night.
    if breaker.wants_probe(now) || (breaker.last_good.is_none() && breaker.last_failure.is_none()) {
        breaker = match ask(&target).await {
            Ok(()) => breaker.good(Timestamp::now()),
            Err(message) => {
                why = Some(message);
                breaker.probe_failed(Timestamp::now())
            }
        };
    }
    let keys = super::keys::versions(ctx, &target.spec).await?;
    write(ctx, &target, Found { breaker: breaker.clone(), why, keys: Some(keys) }).await?;
    open_workshop(ctx, &target).await?;
    super::canary::ensure(ctx, &target).await?;
    let next = breaker.probe_at().map_or(KEYS, |at| pause_until(at).max(std::time::Duration::from_secs(1)).min(KEYS));
    Ok(Next::After(next))
}

/// Asks the target whether it answers, beside the threads that everything else needs.
async fn ask(target: &BackupTarget) -> Result<(), String> {
    let (endpoint, ca_bundle) = (target.spec.endpoint.clone(), target.spec.ca_bundle.clone());
    let asked = tokio::task::spawn_blocking(move || probe::answers(&endpoint, ca_bundle.as_deref())).await;
    asked.unwrap_or_else(|error| Err(format!("the probe did not come to its end: {error}")))
}

/// Lets the work in kopnams-vault connect to the target, and to nothing else.
async fn open_workshop(ctx: &Context, target: &BackupTarget) -> Result<(), ApplyError> {
    let owner = Owner { namespace: VAULT_NAMESPACE, municipality: "", app: None, tenant_id: "" };
    let settings = { std::sync::Arc::clone(ctx.world().register.settings()) };
    let name = target.metadata.name.clone().unwrap_or_default();
    for mut policy in network::of_workshop(owner, &name, &target.spec.egress, &settings) {
        policy.write_intent();
        let same = {
            ctx.world()
                .index
                .view(VAULT_NAMESPACE)
                .get(policy.kind(), policy.name())
                .is_some_and(|live| live.intact && live.content == policy.content())
        };
        if !same {
            let made = ctx.writer.create(&policy).await?;
            ctx.metrics.patched("workshop");
            ctx.world().index.observe(&made);
        }
    }
    Ok(())
}

/// A piece of work of a tenant failed; its target is told if that is why.
pub async fn count(ctx: &Context, tenant_id: &str, class: Class) -> Result<(), ApplyError> {
    let target = { ctx.world().backups.vaults.get(tenant_id).map(|vault| vault.spec.target.clone()) };
    count_at(ctx, &target.unwrap_or_default(), class).await
}

/// The same of a target by its name.
pub async fn count_at(ctx: &Context, target: &str, class: Class) -> Result<(), ApplyError> {
    if !class.is_the_targets() {
        return Ok(());
    }
    let target = { ctx.world().backups.targets.get(target).cloned() };
    let Some(target) = target else { return Ok(()) };
    let breaker = target.status.as_ref().map(|status| status.breaker.clone()).unwrap_or_default().run_failed(Timestamp::now());
    write(ctx, &target, Found { breaker, why: Some("a run could not reach it".into()), keys: None }).await
}

async fn write(ctx: &Context, target: &Arc<BackupTarget>, found: Found) -> Result<(), ApplyError> {
    let Found { breaker, why, keys } = found;
    let now = Timestamp::now();
    let old = target.status.clone().unwrap_or_default();
    let generation = target.metadata.generation;
    let ready = match (breaker.state, breaker.failures) {
        (State::Closed, 0) => Verdict::yes("Ready", "Answers", "the target answers, and runs are started"),
        (State::Closed, _) => Verdict::no("Ready", "InDoubt", format!("the target did not answer: {}", why.unwrap_or_default())),
        (State::Open | State::HalfOpen, _) => {
            let said = old.conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.message.clone());
            let message = match (why, said.filter(|_| old.breaker.state != State::Closed)) {
                (_, Some(said)) => said,
                (Some(why), None) => format!("the target does not answer, so nothing is started until it does: {why}"),
                (None, None) => "the target does not answer, so nothing is started until it does".into(),
            };
            Verdict::no("Ready", "DoesNotAnswer", message)
        }
    };
    let isolated = match target.spec.isolation {
        Isolation::PerApp => {
            Verdict::yes("WriterIsolated", "PerApp", "each app has a bucket and a user of its own, which can delete nothing but locks")
        }
        Isolation::Shared => Verdict::no(
            "WriterIsolated",
            "WriterNotIsolated",
            "all apps write with one key, so a run that was taken over could read and delete the backups of others; use isolation perApp, or a key that cannot delete",
        ),
    };
    let lock = { lock_fits(&ctx.world(), target.spec.lock_days) };
    let canary = { super::canary::verdict(&ctx.world(), target) };
    let keys = keys.unwrap_or_else(|| old.keys.clone());
    let changed = old.changed_generation != generation || (!old.keys.is_empty() && old.keys != keys);
    let status = BackupTargetStatus {
        observed_generation: generation,
        breaker,
        changed: if changed { Some(written(now)) } else { old.changed },
        changed_generation: generation,
        keys,
        conditions: merge(&old.conditions, [ready, isolated].into_iter().chain(canary).chain(lock).collect(), generation, now),
    };
    if target.status.as_ref() == Some(&status) {
        return Ok(());
    }
    let api: Api<BackupTarget> = Api::all(ctx.writer.client().clone());
    let name = target.metadata.name.clone().unwrap_or_default();
    let mut written = patch_status(ctx.writer.gate(), &api, &name, target.metadata.resource_version.as_deref(), &status).await?;
    written.metadata.managed_fields = None;
    ctx.metrics.patched("status");
    let back = target.status.as_ref().is_some_and(|status| status.breaker.state != State::Closed) && status.breaker.state == State::Closed;
    intake::change(ctx, |world| {
        world.set_target(written);
        if back || changed {
            world.look_at_backups();
        }
    });
    Ok(())
}

/// `LockFits`: whether what is to be destroyed can be destroyed on its day; none for a target that locks nothing.
fn lock_fits(world: &World, lock_days: u32) -> Option<Verdict> {
    if lock_days == 0 {
        return None;
    }
    let short = world.register.classes().find(|(_, class)| class.spec.backup.final_retention_days < lock_days);
    Some(match short {
        None => Verdict::yes(
            "LockFits",
            "LockFits",
            "no data class keeps the backups of removed apps for a shorter time than the server locks them",
        ),
        Some((name, class)) => Verdict::no(
            "LockFits",
            "RetentionShorterThanLock",
            format!(
                "the data class {name} has finalRetentionDays {} and the server lets nobody destroy what was written for {lock_days} days, so they are kept that long; write at least {lock_days} in the class, or fewer lockDays here",
                class.spec.backup.final_retention_days
            ),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_class_that_keeps_less_than_the_lock_is_said() {
        let mut world = World::default();
        let class = |days: u32| {
            let backup = json!({"finalRetentionDays": days});
            let object = json!({
                "apiVersion": "kopnams.lv/v1alpha1", "kind": "DataClass", "metadata": {"name": "open"},
                "spec": {"title": {"lv": "x", "en": "x"}, "rank": 1, "graceDays": 1, "backup": backup},
            });
            serde_json::from_value(object).unwrap()
        };
        let reason = |world: &World, lock| lock_fits(world, lock).map(|verdict| (verdict.holds, verdict.message));
        world.set_class(class(90));
        assert_eq!(reason(&world, 0), None);
        assert!(reason(&world, 90).unwrap().0);
        let (holds, message) = reason(&world, 91).unwrap();
        assert!(!holds && message.contains("write at least 91 in the class"), "{message}");
    }
}
