//! The copy of a vault whose app is gone: its last set once more, outside of any upkeep.

use super::super::Ground;
use super::super::step::{self, LOOK, Progress};
use super::{advance, place, told};
use crate::apply::ApplyError;
use crate::backup::work::Class;
use crate::controller::Context;
use crate::controller::converge::RESYNC;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::unclaimed::pause_until;
use crate::controller::world::World;
use crate::desired::Kind;
use crate::request::backup::{BackupVaultStatus, VAULT_NAMESPACE};
use crate::request::written;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;

/// Characters of a slot in the name of a set.
const SLOT: usize = 12;
/// Characters that tell places apart in the name of a copy.
const PLACE: usize = 5;

fn digest(text: &str, characters: usize) -> String {
    let mut digest = hex::encode(Sha256::digest(text));
    digest.truncate(characters);
    digest
}

/// How the names of such copies of a tenant begin.
fn beginning(tenant_id: &str) -> String {
    format!("{tenant_id}-y")
}

/// Name of the copy of a set at a place. What is found under it came of this very copy: a Job that somebody left behind, of
/// an older set or of another place, is of another name.
fn name(tenant_id: &str, set: &str, place: &str) -> String {
    let slot = set.strip_prefix(tenant_id).and_then(|rest| rest.strip_prefix("-b"));
    let slot = slot.filter(|slot| slot.len() == SLOT && slot.bytes().all(|byte| byte.is_ascii_digit()));
    let set = slot.map_or_else(|| digest(set, SLOT), ToString::to_string);
    format!("{}{set}{}", beginning(tenant_id), digest(place, PLACE))
}

/// The set that is still to be copied to the second place; none when there is no such place, or nothing is left to be copied.
fn owed<'a>(status: &'a BackupVaultStatus, place: Option<&str>) -> Option<&'a str> {
    let newest = status.sets.last().map(|set| set.name.as_str());
    let whole = status.copied_at(place?).map(|copied| copied.set.as_str());
    // The app's class is not known any more; it asked for copies if there are any.
    newest.filter(|_| !status.copies.is_empty() && whole != newest)
}

/// Such copies of a tenant of which there is a Job or a pod, but one.
fn others(world: &World, tenant_id: &str, but: Option<&str>) -> BTreeSet<String> {
    let beginning = beginning(tenant_id);
    let objects = world.index.view(VAULT_NAMESPACE).objects();
    let jobs = objects.filter(|(kind, _, _)| *kind == Kind::Job).map(|(_, name, _)| name);
    let runs = jobs.chain(world.backups.with_pods(VAULT_NAMESPACE)).filter_map(|job| Some(job.rsplit_once('-')?.0));
    runs.filter(|run| run.starts_with(&beginning) && Some(*run) != but).map(ToString::to_string).collect()
}

/// Ends such copies of a tenant, but one; whether there were any, or pods of theirs: until there are none they may still write.
pub async fn end(ctx: &Context, tenant_id: &str, but: Option<&str>) -> Result<bool, ApplyError> {
    let left = { others(&ctx.world(), tenant_id, but) };
    for run in &left {
        step::clear(ctx, VAULT_NAMESPACE, run, 0).await?;
    }
    Ok(!left.is_empty())
}

/// Copies the last set of a vault whose app is gone, which has no upkeep any more; when to look again, or none when nothing
/// is left to be copied.
pub async fn last(ctx: &Context, status: &BackupVaultStatus, ground: &Ground) -> Result<Option<Next>, ReconcileError> {
    let tenant_id = &ground.tenant_id;
    let place = { place(&ctx.world(), ground) }.ok();
    let Some((set, place)) = owed(status, place.as_deref()).zip(place.as_deref()) else {
        // Whoever wrote down what came of it may have been killed before it was cleared away.
        end(ctx, tenant_id, None).await?;
        return Ok(None);
    };
    let run = name(tenant_id, set, place);
    if let Some(until) = { ctx.world().backups.paused(&run, Timestamp::now()) } {
        return Ok(Some(Next::After(pause_until(until))));
    }
    // Nothing is added to a vault whose app is gone, and nothing pruned: it does not matter when it began.
    let began = Some(written(Timestamp::now()));
    let report = match advance(ctx, &run, 0, ground, began.as_ref()).await? {
        Progress::Going => return Ok(Some(Next::After(LOOK))),
        Progress::Ended(report) => report,
    };
    told(ctx, &run, ground, began.as_ref(), &report).await?;
    step::clear(ctx, VAULT_NAMESPACE, &run, 0).await?;
    // What is missing at the first stays so until somebody sees to it. And a good one waits, too: where what was written down
    // does not last, as with definitions that lack a field, it would be made again and again.
    let pause = if report.failure == Some(Class::Suspicious) { Duration::from_hours(24) } else { RESYNC };
    ctx.world().backups.pause(&run, Timestamp::now() + pause);
    Ok(Some(Next::After(if report.failure.is_some() { pause } else { Duration::ZERO })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desired::object::Object;

    use crate::request::backup::{Copied, LONGEST_NAME, SecondPlace, SetRecord};
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    const TENANT: &str = "0198a0b0-1111-7000-8000-000000000001";
    const OTHER: &str = "0198a0b0-1111-7000-8000-000000000002";
    const AWAY: &str = "s3:https://s3.elsewhere.example.lv/copies-t";

    #[test]
    fn a_copy_is_named_by_its_set_and_its_place() {
        let set = format!("{TENANT}-b202601010000");
        let run = name(TENANT, &set, AWAY);
        assert_eq!(run, name(TENANT, &set, AWAY), "another process finds its Job");
        assert!(run.starts_with(&format!("{TENANT}-y202601010000")), "{run}");
        assert_ne!(run, name(TENANT, &format!("{TENANT}-b202601010001"), AWAY));
        assert_ne!(run, name(TENANT, &set, "s3:https://s3.third.example.lv/copies-t"));
        // The Job of a run finds the vault by what stands before the last dash, and is one label.
        for set in [set.as_str(), "by-hand", &format!("{TENANT}-b2026-01-01-1"), &format!("{TENANT}-b{}", "9".repeat(40))] {
            let run = name(TENANT, set, AWAY);
            assert_eq!(run.rsplit_once('-').map(|(tenant, _)| tenant), Some(TENANT), "{set}");
            assert!(run.len() <= LONGEST_NAME, "{run}");
            assert!(run.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'), "{run}");
        }
        assert_ne!(name(TENANT, "by-hand", AWAY), name(TENANT, "by-another-hand", AWAY));
    }

    #[test]
    fn the_newest_set_is_owed_until_it_is_copied() {
        let set = |name: &str| SetRecord { name: name.into(), ..SetRecord::default() };
        let copied = |set: &str| Some(Copied { set: set.into(), repository: AWAY.into(), ..Copied::default() });
        let places = vec![SecondPlace { target: "away".into(), repository: AWAY.into() }];
        let status =
            BackupVaultStatus { sets: vec![set("a"), set("b")], copies: places, copied: copied("a"), ..BackupVaultStatus::default() };
        let with = |change: fn(&mut BackupVaultStatus)| {
            let mut status = status.clone();
            change(&mut status);
            owed(&status, Some(AWAY)).map(ToString::to_string)
        };
        assert_eq!(with(|_| {}).as_deref(), Some("b"));
        assert_eq!(with(|status| status.copied = None).as_deref(), Some("b"));
        assert_eq!(with(|status| status.copies.clear()), None, "its class asked for none");
        assert_eq!(with(|status| status.sets.clear()), None);
        assert_eq!(owed(&status, None), None, "there is no place");
        let whole: fn(&mut BackupVaultStatus) = |status: &mut BackupVaultStatus| status.copied.as_mut().unwrap().set = "b".into();
        assert_eq!(with(whole), None);
        let mut status = status.clone();
        whole(&mut status);
        assert_eq!(owed(&status, Some("s3:https://s3.third.example.lv/copies-t")), Some("b"), "it lies at another place");
    }

    #[test]
    fn what_was_left_of_such_copies_is_found_and_nothing_else_is() {
        let mut world = World::default();
        let mut serial = 0;
        let mut meta = |name: &str| {
            serial += 1;
            json!({
                "name": name, "namespace": VAULT_NAMESPACE, "uid": format!("0198a0b0-2222-7000-8000-{serial:012}"),
                "resourceVersion": "1", "creationTimestamp": "2026-11-26T01:00:00Z",
            })
        };
        let (old, new) = (format!("{TENANT}-y202601010000abcde"), format!("{TENANT}-y202601020000abcde"));
        let jobs =
            [format!("{old}-0"), format!("{TENANT}-d202601010000-2"), format!("{TENANT}-x-1"), format!("{OTHER}-y202601010000abcde-0")];
        for job in &jobs {
            let job = serde_json::from_value(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": meta(job), "spec": {}})).unwrap();
            world.index.observe(&Object::Workload(Kind::Job, Box::new(job)));
        }
        // Of these the Job is gone, and the pod takes its time.
        for run in [&new, &format!("{OTHER}-y202601020000abcde")] {
            let mut pod = json!({"metadata": meta(&format!("{run}-0-xyzzy")), "status": {"phase": "Running"}});
            pod["metadata"]["labels"] = json!({"kopnams.lv/run": run, "batch.kubernetes.io/job-name": format!("{run}-0")});
            let pod: Pod = serde_json::from_value(pod).unwrap();
            world.observe_pod(&pod);
        }
        let found = |but: Option<&str>| others(&world, TENANT, but).into_iter().collect::<Vec<_>>();
        assert_eq!(found(None), [old.clone(), new.clone()]);
        assert_eq!(found(Some(&new)), [old]);
        world.forget_pod(VAULT_NAMESPACE, &format!("{new}-0-xyzzy"));
        assert_eq!(others(&world, TENANT, None).len(), 1, "with its pod it is gone");
    }
}
