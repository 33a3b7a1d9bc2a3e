//! The upkeep of a repository: what retention lets go, what has to stay, and when room is given back.

use super::super::{Ground, due, said};
use crate::backup::retention::{self, Committed, Situation};
use crate::backup::work::{Holds, Report, Task};
use crate::controller::world::World;
use crate::controller::world::backups::Record;
use crate::request::backup::{BackupVaultStatus, Missing, RunStatus, SetRecord};
use crate::request::names::{ACKNOWLEDGE_LOST, ACKNOWLEDGE_RETENTION};
use crate::request::{BackupVault, written};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// Day of the week on which room is given back: Sunday, when least is done.
pub const PRUNED_ON: jiff::civil::Weekday = jiff::civil::Weekday::Sunday;

/// What the runner is told to forget; none when there is nothing to do today.
#[must_use]
pub fn task(world: &World, ground: &Ground, status: &RunStatus, now: Timestamp, is_there: bool) -> Option<Task> {
    let goes = chosen(world, ground, status);
    let sunday = now.to_zoned(due::zone()).weekday() == PRUNED_ON;
    let snapshots: Vec<String> = goes.iter().flat_map(|set| set.snapshots.iter().cloned().chain([set.manifest.clone()])).collect();
    let vault = world.backups.vaults.get(&ground.tenant_id);
    let may_destroy = vault.is_some_and(|vault| may_destroy(vault));
    let lost = vault.map(|vault| lost(vault, now)).unwrap_or_default();
    // One that was begun on Sunday may end on Monday.
    if snapshots.is_empty() && !sunday && lost.is_empty() && !is_there {
        return None;
    }
    Some(Task::Forget {
        snapshots,
        prune: sunday && may_destroy,
        known: Some(known(world, ground)),
        holds: held_there(world, &ground.tenant_id, &status.forgets),
        lost,
        deleted_days: may_destroy.then(|| deleted_days(ground)),
    })
}

/// Whether an admin's word in an annotation of a vault counts now.
#[must_use]
pub fn says(vault: &BackupVault, annotation: &str, now: Timestamp) -> bool {
    said(vault, annotation, now).is_some_and(|said| now.duration_since(said) < WORD)
}

/// The sets of which an admin says that they are lost: those that were missed before, and none that somebody deleted since.
fn lost(vault: &BackupVault, now: Timestamp) -> Vec<String> {
    let missing = vault.status.as_ref().and_then(|status| status.missing.as_ref());
    let before = |missing: &&Missing| {
        let missed = missing.at.parse::<Timestamp>().ok();
        says(vault, ACKNOWLEDGE_LOST, now) && missed <= said(vault, ACKNOWLEDGE_LOST, now)
    };
    missing.filter(before).map(|missing| missing.sets.clone()).unwrap_or_default()
}

/// The names of the sets that a report says are missing: there without the tenant's id, so that more of them fit.
#[must_use]
pub fn lacks(report: &Report, tenant_id: &str) -> Vec<String> {
    let whole = |name: &String| if name.starts_with('-') { format!("{tenant_id}{name}") } else { name.clone() };
    report.lacks.iter().map(whole).collect()
}

/// Strikes off in a vault what was forgotten, and what an admin says is lost and was not found. What is struck off proves
/// nothing any more, and backs nothing up.
pub fn strike_off(vault: &mut BackupVaultStatus, forgets: &[String], lacks: &[String]) {
    vault.sets.retain(|set| !forgets.contains(&set.name) && !lacks.contains(&set.name));
    let left: BTreeSet<&str> = vault.sets.iter().map(|set| set.name.as_str()).collect();
    vault.going.retain(|set| left.contains(set.as_str()));
    if let Some(missing) = &mut vault.missing {
        missing.sets.retain(|set| left.contains(set.as_str()));
    }
    vault.missing = vault.missing.take().filter(|missing| !missing.sets.is_empty());
    if !lacks.is_empty() {
        vault.last_success = vault.sets.last().map(|set| set.recovery_point.clone());
        vault.proven = vault.proven.take().filter(|proven| !lacks.contains(&proven.set));
    }
}

/// Writes down in a vault which sets were missed.
pub fn missed(vault: &mut BackupVaultStatus, lacks: &[String], message: &str, now: Timestamp) {
    // Once more the same: what was said of them still counts.
    let before = vault.missing.take().filter(|before| lacks.iter().all(|set| before.sets.contains(set)));
    let at = before.map_or_else(|| written(now), |before| before.at);
    vault.missing = Some(Missing { at, sets: lacks.to_vec(), message: message.to_string() });
}

/// What is to be done when sets are not in the repository any more.
#[must_use]
pub fn lost_words(tenant_id: &str) -> String {
    format!(
        " Until this is settled nothing is forgotten, nor room given back. Bring back what was deleted, see \"Sets that are missing\" in docs/backups.md. If it is lost for good, say so, and those sets are struck off the list with the next upkeep, within a day: kubectl annotate backupvault {tenant_id} --overwrite {ACKNOWLEDGE_LOST}=\"$(date --utc +%Y-%m-%dT%H:%M:%SZ)\""
    )
}

fn status_of<'a>(world: &'a World, tenant_id: &str) -> Option<&'a BackupVaultStatus> {
    world.backups.vaults.get(tenant_id)?.status.as_ref()
}

/// The sets that a vault lists.
fn sets_of<'a>(world: &'a World, tenant_id: &str) -> &'a [SetRecord] {
    status_of(world, tenant_id).map(|status| status.sets.as_slice()).unwrap_or_default()
}

/// What the repository of a vault has to hold: all sets that it lists but these.
#[must_use]
pub fn held_there(world: &World, tenant_id: &str, but: &[String]) -> Holds {
    let status = status_of(world, tenant_id);
    // Of what was ordered to go some may be gone, whatever became of that.
    let goes = |set: &SetRecord| but.contains(&set.name) || status.is_some_and(|status| status.going.contains(&set.name));
    let sets = sets_of(world, tenant_id).iter().filter(|set| !goes(set));
    sets.map(|set| (set.name.clone(), set.snapshots.iter().chain([&set.manifest]).cloned().collect())).collect()
}

/// Whether what is only hidden may go for good: not from a vault that is held, nor while something in it could not be read or
/// restored, for what was deleted may be the only good that there is.
#[must_use]
pub fn may_destroy(vault: &BackupVault) -> bool {
    let sound =
        |status: &BackupVaultStatus| status.read_failures.count == 0 && status.drill_failures.count == 0 && status.missing.is_none();
    !vault.spec.legal_hold && vault.status.as_ref().is_none_or(sound)
}

/// Days for which a bucket with versions keeps what was deleted at least: a mistake has to be found in them.
const DELETED_DAYS: u32 = 7;

/// For how long what was deleted is kept; the target itself does not let it go while it is locked.
#[must_use]
pub fn deleted_days(ground: &Ground) -> u32 {
    ground.target.spec.lock_days.max(DELETED_DAYS)
}

/// Names of the sets that retention lets go now; none that something reads at the moment.
#[must_use]
pub fn forgotten(world: &World, ground: &Ground, now: Timestamp) -> Vec<String> {
    let Some(vault) = world.backups.vaults.get(&ground.tenant_id) else { return Vec::new() };
    // As long as nobody knows what the class asks for, nothing goes by somebody else's rules.
    if ground.grant.as_ref().is_none_or(|grant| world.register.class(&grant.data_class.name).is_none()) {
        return Vec::new();
    }
    // What was ordered to go before, and was not seen to be gone, goes in any case, unless the vault is held meanwhile.
    let going = vault.status.as_ref().filter(|_| !vault.spec.legal_hold).map(|status| status.going.clone()).unwrap_or_default();
    let mut goes: Vec<String> = verdict(ground, vault, now).goes.into_iter().map(|gone| gone.id).collect();
    goes.extend(going.into_iter().filter(|set| !goes.contains(set)).collect::<Vec<_>>());
    goes.retain(|set| !world.backups.in_use(set));
    goes
}

/// The runs whose snapshots stay: those whose sets the vault has, and those that are not over.
fn known(world: &World, ground: &Ground) -> Vec<String> {
    let sets = sets_of(world, &ground.tenant_id).iter().map(|set| set.name.clone());
    let going = world.backups.runs_of(&ground.tenant_id).filter(|run| !run.phase().is_over()).filter_map(|run| run.metadata.name.clone());
    sets.chain(going).collect()
}

/// The sets that were chosen, as far as the vault still has them.
fn chosen(world: &World, ground: &Ground, status: &RunStatus) -> Vec<SetRecord> {
    sets_of(world, &ground.tenant_id).iter().filter(|set| status.forgets.contains(&set.name)).cloned().collect()
}

/// How long an admin's word on retention counts: long enough for the next daily upkeep, not for what comes later.
pub const WORD: SignedDuration = SignedDuration::from_hours(48);

/// What retention says of the sets of a vault.
#[must_use]
pub fn verdict(ground: &Ground, vault: &BackupVault, now: Timestamp) -> retention::Verdict {
    let sets = vault.status.as_ref().map(|status| status.sets.as_slice()).unwrap_or_default();
    let sets: Vec<Committed> = sets.iter().filter_map(SetRecord::committed).collect();
    let zone = due::zone();
    let acknowledged = says(vault, ACKNOWLEDGE_RETENTION, now);
    retention::decide(&ground.profile.retention, &sets, Situation { legal_hold: vault.spec.legal_hold, acknowledged, now, zone: &zone })
}

/// What is held, and how it is let go.
#[must_use]
pub fn held_words(tenant_id: &str, held: retention::Held) -> String {
    let retention::Held { would_go, may_go, of } = held;
    format!(
        "retention would let {would_go} of {of} sets go at once, and at most {may_go} go without an admin's word, so they stay; if it is right (other rules, a hold that ended), say so, and they go with the next upkeep, within a day: kubectl annotate backupvault {tenant_id} --overwrite {ACKNOWLEDGE_RETENTION}=\"$(date --utc +%Y-%m-%dT%H:%M:%SZ)\""
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::ground::tests::ground;
    use super::*;
    use crate::request::backup::Proven;
    use serde_json::json;

    fn at(time: &str) -> Timestamp {
        time.parse().unwrap()
    }

    fn set(name: &str, recovery_point: &str) -> SetRecord {
        let (manifest, snapshots) = (format!("m-{name}"), vec![format!("s-{name}")]);
        SetRecord { name: name.into(), recovery_point: recovery_point.into(), manifest, snapshots, ..SetRecord::default() }
    }

    fn vault(status: BackupVaultStatus, said: Option<&str>) -> BackupVault {
        let spec = serde_json::from_value(json!({"municipality": "m", "app": "a", "target": "s3"})).unwrap();
        let mut vault = BackupVault { status: Some(status), ..BackupVault::new("t", spec) };
        vault.metadata.annotations = said.map(|said| [(ACKNOWLEDGE_LOST.to_string(), said.to_string())].into());
        vault
    }

    fn three() -> BackupVaultStatus {
        let sets = vec![set("t-b1", "2026-11-24T01:00:00Z"), set("t-b2", "2026-11-25T01:00:00Z"), set("t-b3", "2026-11-26T01:00:00Z")];
        let proven = Some(Proven { set: "t-b3".into(), ..Proven::default() });
        BackupVaultStatus { sets, proven, last_success: Some("2026-11-26T01:00:00Z".into()), ..BackupVaultStatus::default() }
    }

    #[test]
    fn what_goes_or_may_be_gone_is_not_missed() {
        let mut world = World::default();
        let held = |world: &World, but: &[&str]| {
            let but: Vec<String> = but.iter().map(ToString::to_string).collect();
            held_there(world, "t", &but).into_keys().collect::<Vec<_>>()
        };
        world.set_vault(vault(three(), None));
        assert_eq!(held(&world, &[]), ["t-b1", "t-b2", "t-b3"]);
        assert_eq!(held_there(&world, "t", &[])["t-b2"], ["s-t-b2", "m-t-b2"], "each of its snapshots");
        assert_eq!(held(&world, &["t-b1"]), ["t-b2", "t-b3"]);
        world.set_vault(vault(BackupVaultStatus { going: vec!["t-b2".into()], ..three() }, None));
        assert_eq!(held(&world, &["t-b1"]), ["t-b3"], "it was ordered to go before, and nobody knows what came of that");
    }

    #[test]
    fn what_was_ordered_to_go_goes_on_going_unless_the_vault_is_held() {
        let mut world = World::default();
        let class = serde_json::from_value(json!({"title": {"lv": "x", "en": "x"}, "rank": 0})).unwrap();
        world.register.set_class("", class, None);
        let mut held = vault(BackupVaultStatus { going: vec!["t-b1".into()], ..three() }, None);
        let now = at("2026-11-26T02:00:00Z");
        world.set_vault(held.clone());
        assert_eq!(forgotten(&world, &ground(), now), ["t-b1"], "its rules alone let none of three go");
        held.spec.legal_hold = true;
        world.set_vault(held);
        assert_eq!(forgotten(&world, &ground(), now), [""; 0]);
    }

    #[test]
    fn a_word_strikes_off_what_was_missed_before_it_and_nothing_else() {
        let missing = |time: &str| Some(Missing { at: time.into(), sets: vec!["t-b3".into()], message: String::new() });
        let told = |missed: &str, said: Option<&str>, now: &str| {
            lost(&vault(BackupVaultStatus { missing: missing(missed), ..three() }, said), at(now))
        };
        let (missed, said) = ("2026-11-26T10:00:00Z", Some("2026-11-26T12:00:00Z"));
        assert_eq!(told(missed, said, "2026-11-27T10:00:00Z"), ["t-b3"]);
        assert_eq!(told(missed, said, "2026-11-28T12:00:01Z"), [""; 0], "it counts for two days");
        assert_eq!(told(missed, said, "2026-11-26T11:00:00Z"), [""; 0], "it is still to come");
        assert_eq!(told("2026-11-26T13:00:00Z", said, "2026-11-27T10:00:00Z"), [""; 0], "it was missed only after that");
        assert_eq!(told(missed, None, "2026-11-27T10:00:00Z"), [""; 0]);
        assert_eq!(lost(&vault(three(), said), at("2026-11-27T10:00:00Z")), [""; 0]);
    }

    #[test]
    fn what_is_struck_off_backs_nothing_up_and_proves_nothing() {
        let mut status = BackupVaultStatus { going: vec!["t-b1".into(), "t-b2".into()], ..three() };
        strike_off(&mut status, &["t-b1".into()], &[]);
        assert_eq!((status.sets.len(), status.going.as_slice()), (2, &["t-b2".to_string()][..]));
        assert!(status.proven.is_some() && status.last_success.as_deref() == Some("2026-11-26T01:00:00Z"));
        let lacks = lacks(&Report { lacks: vec!["-b3".into()], ..Report::default() }, "t");
        missed(&mut status, &lacks, "Gone.", at("2026-11-26T10:00:00Z"));
        missed(&mut status, &lacks, "Gone.", at("2026-11-27T10:00:00Z"));
        assert_eq!(status.missing.as_ref().unwrap().at, "2026-11-26T10:00:00Z", "a word after the first time still counts");
        assert!(!may_destroy(&vault(status.clone(), None)) && may_destroy(&vault(three(), None)));
        missed(&mut status, &["t-b2".into(), "t-b3".into()], "Gone.", at("2026-11-28T10:00:00Z"));
        assert_eq!(status.missing.as_ref().unwrap().at, "2026-11-28T10:00:00Z", "of one more nobody has said anything");
        strike_off(&mut status, &[], &lacks);
        assert_eq!(status.missing.as_ref().unwrap().sets, ["t-b2"]);
        assert_eq!((status.proven.is_none(), status.last_success.as_deref()), (true, Some("2026-11-25T01:00:00Z")));
        strike_off(&mut status, &[], &["t-b2".into()]);
        assert_eq!((status.missing, status.last_success, status.sets.len()), (None, None, 0));
    }
}
