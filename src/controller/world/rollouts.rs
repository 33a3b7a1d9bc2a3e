//! Roll-outs as the world sees them: who follows which version, how each does, and whose turn it is.
//!
//! A system is looked at only when one of its apps does not have what the catalogue says, so an app that is new costs nothing.

use super::{AppRecord, Key, World};
use crate::controller::backup::restore::BACKUP;
use crate::controller::world::backups::Record;
use crate::policy::catalogue::Entry;
use crate::policy::rollout::{Follower, Health, Target, pace};
use crate::policy::{AppKey, Course};
use crate::request::RestoreRun;
use crate::request::app::Grant;
use crate::request::backup::{RunKind, RunPhase};
use crate::request::names::{ALLOW_REVISION, RESUME_ROLLOUTS};
use crate::request::system::{Phase, RolloutStatus, Version};
use crate::status::conditions::find;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How old the set may be from which an app starts into a change of its data's shape.
pub const SECURED_FOR: SignedDuration = SignedDuration::from_hours(6);

/// What is known of roll-outs.
#[derive(Debug, Default)]
pub(super) struct Rollouts {
    /// Systems to be looked at.
    due: BTreeSet<String>,
    /// Systems some of whose apps do not have what the catalogue says.
    going: BTreeSet<String>,
    /// How the roll-outs of each system go.
    status: BTreeMap<String, Vec<RolloutStatus>>,
    /// When a system is to be looked at again, if nothing happens before.
    again: BTreeMap<String, Timestamp>,
}

impl Rollouts {
    pub(super) fn look_at(&mut self, system: &str) {
        self.due.insert(system.to_string());
    }

    pub(super) fn look_at_all<'a>(&mut self, systems: impl Iterator<Item = &'a String>) {
        self.due.extend(systems.cloned());
    }

    /// An app of the system is gone.
    pub(super) fn left(&mut self, system: &str) {
        if self.going.contains(system) || self.status.get(system).is_some_and(|status| !status.is_empty()) {
            self.look_at(system);
        }
    }
}

impl World {
    /// How the roll-outs of a system go, and when to look again.
    #[must_use]
    pub fn rollouts_of(&self, system: &str) -> (&[RolloutStatus], Option<Timestamp>) {
        // What was not looked at yet, as while the entry has a problem, is as it was written.
        let written = || self.systems.get(system).and_then(|object| object.status.as_ref()).map_or(&[][..], |status| &status.rollouts);
        (self.rollouts.status.get(system).map_or_else(written, Vec::as_slice), self.rollouts.again.get(system).copied())
    }

    /// A system is looked at again, for time has passed.
    pub fn look_at_rollouts(&mut self, system: &str) {
        self.rollouts.look_at(system);
    }

    /// Something about an app is other than before: if it does not have what the catalogue says, or another app of its
    /// system does not, whose turn it is may be otherwise.
    pub(super) fn rollout_concerns(&mut self, key: &AppKey) {
        let Some(record) = self.apps.get(key) else { return };
        let system = &record.object.spec.system;
        if self.is_behind(record) || self.rollouts.going.contains(system) {
            let system = system.clone();
            self.rollouts.look_at(&system);
        }
    }

    /// Whether an app does not have what the catalogue says.
    fn is_behind(&self, record: &AppRecord) -> bool {
        let spec = &record.object.spec;
        let target = self.register.system(&spec.system).and_then(|entry| entry.target(spec.version.as_deref()));
        target.is_some_and(|(_, revision)| record.grant.as_ref().is_some_and(|grant| grant.revision != revision))
    }

    /// Finds whose turn it is in every system that is to be looked at, and undecides these.
    pub(super) fn pace(&mut self, now: Timestamp) {
        while let Some(system) = self.rollouts.due.pop_first() {
            let Some((status, courses, again)) = self.paced(&system, now) else {
                self.hold(&system);
                continue;
            };
            let going =
                status.iter().any(|status| status.phase != Phase::Done) || courses.iter().any(|(_, course)| *course != Course::UpToDate);
            if going {
                self.rollouts.going.insert(system.clone())
            } else {
                self.rollouts.going.remove(&system)
            };
            let before = match again {
                Some(again) => self.rollouts.again.insert(system.clone(), again),
                None => self.rollouts.again.remove(&system),
            };
            let said = self.rollouts.status.insert(system.clone(), status.clone());
            if said.is_none_or(|said| said != status) || before != again {
                self.touch(Key::System(system));
            }
            for (key, course) in courses {
                let Some(record) = self.apps.get_mut(&key) else { continue };
                if record.course == course {
                    continue;
                }
                record.course = course;
                if matches!(record.course, Course::Move | Course::Back) {
                    self.line_up(&key);
                } else if record.course == Course::Secures
                    && let Some(tenant_id) = self.tenant_of(&key)
                {
                    self.touch(Key::Vault(tenant_id));
                }
                self.touch(Key::App(key));
            }
        }
    }

    /// Whether a request itself asks for another version than its app has.
    pub(super) fn asks(&self, key: &AppKey) -> bool {
        self.apps.get(key).is_some_and(|record| record.grant.as_ref().is_some_and(|grant| asks(record, &grant.version)))
    }

    /// Whether a set of what an app has was made and restored elsewhere, so lately that nothing is lost by going back to it.
    /// On a platform without backups the admin's word that allows the change is all there is.
    fn secured(&self, key: &AppKey, grant: &Grant, now: Timestamp) -> bool {
        if self.register.settings().backup.is_none() {
            return true;
        }
        let vault = self.tenant_of(key).and_then(|tenant_id| self.backups.vaults.get(&tenant_id));
        let sets = vault.and_then(|vault| vault.status.as_ref()).map(|status| status.sets.as_slice()).unwrap_or_default();
        sets.iter().any(|set| {
            let fresh = set.recovery_point.parse::<Timestamp>().is_ok_and(|at| now.duration_since(at) < SECURED_FOR);
            set.kind == RunKind::BeforeUpgrade && set.verified && fresh && set.revision == grant.revision
        })
    }

    /// Whether a restore that is at work takes an app back to the revision that it had before.
    fn returns(&self, key: &AppKey, grant: &Grant) -> bool {
        let Some(before) = &grant.before else { return false };
        // Until a set of what is there now was made the app runs on, and its data is of the version that it has.
        let stopped = |run: &RestoreRun| {
            let status = run.status.as_ref();
            status.is_some_and(|status| status.steps.iter().any(|step| step.name == BACKUP && step.done))
        };
        let back = |run: &&Arc<RestoreRun>| run.spec.with_version && run.phase() == RunPhase::Running && stopped(run);
        self.backups.restoring(key).filter(back).any(|run| {
            let set = run.status.as_ref().and_then(|status| status.set.as_deref());
            let sets = self.backups.vaults.values().filter_map(|vault| vault.status.as_ref()).flat_map(|status| &status.sets);
            sets.into_iter().any(|of| Some(of.name.as_str()) == set && of.revision == before.revision)
        })
    }

    /// Something about an app's backups is other than before, and its turn may hang on that.
    pub(super) fn backups_concern(&mut self, key: &AppKey) {
        let Some(record) = self.apps.get(key) else { return };
        let returns = self.backups.restoring(key).any(|run| run.spec.with_version);
        if record.course == Course::Secures || returns {
            let system = record.object.spec.system.clone();
            self.rollouts.look_at(&system);
        }
    }

    /// While an entry has a problem, who does not have what it says goes on waiting.
    fn hold(&mut self, system: &str) {
        let behind =
            |record: &AppRecord| record.object.spec.system == system && record.course == Course::UpToDate && self.is_behind(record);
        for key in self.apps_where(behind) {
            if let Some(record) = self.apps.get_mut(&key) {
                record.course = Course::Waits;
            }
        }
    }

    /// How the roll-outs of a system go, where each of its apps stands, and when to look again. None while the entry has
    /// a problem: then everybody keeps what it has.
    #[expect(clippy::type_complexity, reason = "three answers of one question, taken apart at once")]
    fn paced(&self, system: &str, now: Timestamp) -> Option<(Vec<RolloutStatus>, Vec<(AppKey, Course)>, Option<Timestamp>)> {
        let entry = self.register.system(system).filter(|entry| entry.problems.is_empty())?;
        let object = self.systems.get(system)?;
        let annotation = |name: &str| object.metadata.annotations.as_ref().and_then(|all| all.get(name)).map(String::as_str);
        // A time to come would let every failure pass.
        let resumed = annotation(RESUME_ROLLOUTS).and_then(|time| time.parse().ok()).filter(|time| *time <= now);
        let mut by_version: BTreeMap<&str, Vec<(&AppKey, &AppRecord)>> = BTreeMap::new();
        for (key, record) in &self.apps {
            let spec = &record.object.spec;
            let follows = spec.system == system
                && record.unreadable.is_none()
                && record.object.metadata.deletion_timestamp.is_none()
                && record.grant.as_ref().is_some_and(|grant| grant.system == system);
            if let Some((version, _)) = entry.target(spec.version.as_deref()).filter(|_| follows) {
                by_version.entry(&version.name).or_default().push((key, record));
            }
        }
        let known = object.status.as_ref().map(|status| status.rollouts.as_slice()).unwrap_or_default();
        let before = self.rollouts.status.get(system).map_or(known, Vec::as_slice);
        let (mut all, mut courses, mut again) = (Vec::new(), Vec::new(), None::<Timestamp>);
        for (version, revision) in entry.revisions() {
            let Some(records) = by_version.get_mut(version.name.as_str()) else { continue };
            // What is said must not depend on the order in which apps came.
            records.sort_by_key(|(key, _)| *key);
            let target = Target {
                version: &version.name,
                revision,
                rollout: entry.spec.rollout,
                maintainer: &entry.spec.maintainer,
                allowed: annotation(ALLOW_REVISION),
                resumed,
            };
            let followers: Vec<Follower<'_>> =
                records.iter().filter_map(|(key, record)| follower(self, key, record, (entry, version, revision), now)).collect();
            let paced = pace(target, &followers, now);
            courses.extend(followers.iter().map(|follower| follower.key.clone()).zip(paced.courses));
            again = [again, paced.look_again].into_iter().flatten().min();
            all.extend(worth_saying(version, paced.status, before));
        }
        Some((all, courses, again))
    }
}

/// A version that never changed has nothing to say, and of what is done the last word stays.
fn worth_saying(version: &Version, status: RolloutStatus, before: &[RolloutStatus]) -> Option<RolloutStatus> {
    let before = before.iter().find(|before| before.version == version.name);
    match (before, status.phase) {
        (None, Phase::Done) => None,
        (Some(before), Phase::Done) if before.phase == Phase::Done => Some(before.clone()),
        _ => Some(status),
    }
}

fn follower<'a>(
    world: &World,
    key: &'a AppKey,
    record: &'a AppRecord,
    (entry, version, revision): (&Entry, &Version, &str),
    now: Timestamp,
) -> Option<Follower<'a>> {
    let grant = record.grant.as_ref()?;
    let at_target = grant.revision == revision;
    let from = grant.before.as_ref().filter(|_| at_target).map_or(&grant.version, |before| &before.version);
    let migrates = version.migrates || entry.migrated_between(from, &version.name).is_some();
    Some(Follower {
        key,
        created: record.created(),
        grant,
        asks: asks(record, &grant.version),
        migrates,
        secured: !migrates || world.secured(key, grant, now),
        returns: at_target && world.returns(key, grant),
        goes_back: !at_target && entry.goes_back(&grant.version, &version.name),
        unfit: !record.unfit.is_empty() || !record.rejections.is_empty(),
        health: health(record, grant),
        looked_at: record.looked_at,
        stuck: record.stuck.as_ref() == Some(&grant.revision),
        answered: record.object.status.as_ref().and_then(|status| status.answered.as_deref()),
    })
}

/// Whether a request itself asks for another version than the app has.
fn asks(record: &AppRecord, version: &str) -> bool {
    record.object.spec.version.as_deref().is_some_and(|asked| asked != version)
}

/// How an app does with its grant, as its status says; what the status says of another revision says nothing of this one.
fn health(record: &AppRecord, grant: &Grant) -> Health {
    let since: Timestamp = grant.revision_since.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let status = record.object.status.as_ref();
    let of_this = status.filter(|status| status.grant.as_ref().is_some_and(|written| written.revision == grant.revision));
    match of_this.and_then(|status| find(&status.conditions, "Available")) {
        Some(available) if available.status == "True" && available.reason == "Suspended" => Health::Suspended,
        Some(available) if available.status == "True" => Health::Answers,
        Some(available) => Health::Silent(since.max(available.last_transition_time.0)),
        None => Health::Silent(since),
    }
}

#[cfg(test)]
mod tests;
