//! What is known of backups: targets, vaults, pieces of work, and the pods that do them.

use super::enter::newer;
pub use super::pods::{Ended, LivingPod, RunPod};
use super::{Key, World};
use crate::controller::backup::restore;
use crate::policy::AppKey;
use crate::request::backup::{BackupRun, BackupTarget, BackupVault, RestoreDrill, RestoreRun, RunPhase, RunStatus};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::core::object::HasStatus;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::sync::Arc;

/// A kind of piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Piece {
    /// A backup.
    Backup,
    /// A restore.
    Restore,
    /// A drill.
    Drill,
}

/// The record of a piece of work.
pub trait Record:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + HasStatus<Status = RunStatus> + Clone + Debug + Serialize + DeserializeOwned
{
    /// Enters it as a watch or a write returned it.
    fn enter(self, world: &mut World);

    /// How it stands; what nobody has looked at yet waits.
    fn phase(&self) -> RunPhase {
        self.status().map(|status| status.phase).unwrap_or_default()
    }
}

impl Record for BackupRun {
    fn enter(self, world: &mut World) {
        world.set_run(self);
    }
}

impl Record for RestoreRun {
    fn enter(self, world: &mut World) {
        world.set_restore(self);
    }
}

impl Record for RestoreDrill {
    fn enter(self, world: &mut World) {
        world.set_drill(self);
    }
}

/// Everything about backups.
#[derive(Debug, Default)]
pub struct Backups {
    /// Targets by name.
    pub targets: BTreeMap<String, Arc<BackupTarget>>,
    /// Vaults by tenant id.
    pub vaults: BTreeMap<String, Arc<BackupVault>>,
    /// Backups by name; a tenant's begin with its id.
    pub runs: BTreeMap<String, Arc<BackupRun>>,
    /// Restores by name.
    pub restores: BTreeMap<String, Arc<RestoreRun>>,
    /// Drills by name.
    pub drills: BTreeMap<String, Arc<RestoreDrill>>,
    /// Pods of pieces of work, by namespace and job.
    pub(super) pods: HashMap<(String, String), RunPod>,
    /// Since when a job has no pod yet, as far as this process has looked at it: by namespace and job.
    pub(super) waiting: HashMap<(String, String), Timestamp>,
    /// Until when a vault's own work that failed is left alone.
    paused: HashMap<String, Timestamp>,
    /// Names of work that was given a place and is not written down as running yet.
    reserved: BTreeSet<String>,
    /// Names of work of which this process wrote, or asked for, the newest state.
    own: BTreeSet<String>,
    /// Pods of tenants' workloads that live, by namespace and name.
    pub(super) living: HashMap<String, BTreeMap<String, LivingPod>>,
}

impl Backups {
    /// Gives a piece of work a place in the pools.
    pub fn reserve(&mut self, name: &str) {
        self.reserved.insert(name.to_string());
    }

    /// The place is taken by what the status says, or it is free again.
    pub fn release(&mut self, name: &str) {
        self.reserved.remove(name);
    }

    /// Whether a piece of work was given a place and is not written down as running yet.
    #[must_use]
    pub fn is_reserved(&self, name: &str) -> bool {
        self.reserved.contains(name)
    }

    /// This process has written the newest state of a piece of work, or has asked for it.
    pub fn own(&mut self, name: &str) {
        self.own.insert(name.to_string());
    }

    /// A piece of work is over.
    pub fn disown(&mut self, name: &str) {
        self.own.remove(name);
    }

    /// Another process has led.
    pub fn disown_all(&mut self) {
        self.own.clear();
    }

    /// Whether the newest state of a piece of work is known, not only what a watch has said so far.
    #[must_use]
    pub fn is_own(&self, name: &str) -> bool {
        self.own.contains(name)
    }

    /// Whether a piece of work goes on, or is about to.
    #[must_use]
    pub fn goes_on<K: Record>(&self, work: &K) -> bool {
        work.phase() == RunPhase::Running || work.meta().name.as_ref().is_some_and(|name| self.is_reserved(name))
    }

    /// A vault's own work failed. The Job that goes wakes the vault, which must not make the next one at once.
    pub fn pause(&mut self, work: &str, until: Timestamp) {
        self.paused.insert(work.to_string(), until);
    }

    /// Until when a vault's own work is left alone, if it is.
    #[must_use]
    pub fn paused(&self, work: &str, now: Timestamp) -> Option<Timestamp> {
        self.paused.get(work).copied().filter(|until| *until > now)
    }

    /// How many backups and drills go on, or are about to.
    #[must_use]
    pub fn at_work(&self) -> usize {
        let backups = self.runs.values().filter(|run| self.goes_on(run.as_ref())).count();
        backups + self.drills.values().filter(|drill| self.goes_on(drill.as_ref())).count()
    }

    /// The backups of a tenant, the oldest first; one that only bears its name is none of its.
    pub fn runs_of(&self, tenant_id: &str) -> impl Iterator<Item = &Arc<BackupRun>> {
        let (prefix, tenant_id) = (format!("{tenant_id}-b"), tenant_id.to_string());
        let named = self.runs.range(prefix.clone()..).take_while(move |(name, _)| name.starts_with(&prefix));
        named.map(|(_, run)| run).filter(move |run| run.spec.tenant_id == tenant_id)
    }

    /// The drills of a tenant, the oldest first; one that only bears its name is none of its.
    pub fn drills_of(&self, tenant_id: &str) -> impl Iterator<Item = &Arc<RestoreDrill>> {
        let (prefix, tenant_id) = (format!("{tenant_id}-d"), tenant_id.to_string());
        let named = self.drills.range(prefix.clone()..).take_while(move |(name, _)| name.starts_with(&prefix));
        named.map(|(_, drill)| drill).filter(move |drill| drill.spec.tenant_id == tenant_id)
    }

    /// The vaults of an app: of the tenant that it is now, and of those that it was.
    pub fn vaults_of(&self, municipality: &str, app: &str) -> impl Iterator<Item = (&String, &Arc<BackupVault>)> {
        let (municipality, app) = (municipality.to_string(), app.to_string());
        self.vaults.iter().filter(move |(_, vault)| vault.spec.municipality == municipality && vault.spec.app == app)
    }

    /// The restores into an app that are not over.
    pub fn restoring<'a>(&'a self, key: &'a AppKey) -> impl Iterator<Item = &'a Arc<RestoreRun>> {
        let into = |run: &&Arc<RestoreRun>| run.spec.municipality == key.municipality && run.spec.app == key.app;
        self.restores.values().filter(|run| !run.phase().is_over()).filter(into)
    }

    /// Whether a restore into an app has begun and is not over.
    #[must_use]
    pub fn written_over(&self, key: &AppKey) -> bool {
        self.restoring(key).any(|run| run.phase() == RunPhase::Running)
    }

    /// Whether a restore into an app left its data neither as it was nor as a set has it, and none has mended that since.
    #[must_use]
    pub fn half_written(&self, key: &AppKey) -> bool {
        let of = || self.restores.values().filter(|run| run.spec.municipality == key.municipality && run.spec.app == key.app);
        let ended = |run: &RestoreRun| run.status.as_ref().and_then(|status| status.ended.clone());
        let left = of().filter(|run| run.status.as_ref().is_some_and(|status| status.unfinished)).filter_map(|run| ended(run)).max();
        let mended = of().filter(|run| run.phase() == RunPhase::Succeeded).filter_map(|run| ended(run)).max();
        left.is_some_and(|left| mended.is_none_or(|mended| mended < left))
    }

    /// Whether a tenant was filled before its first start, as its request asked for.
    #[must_use]
    pub fn filled(&self, tenant_id: &str) -> bool {
        self.vaults.get(tenant_id).and_then(|vault| vault.status.as_ref()).is_some_and(|status| status.filled.is_some())
    }

    /// Whether something that is not over reads a set.
    #[must_use]
    pub fn in_use(&self, set: &str) -> bool {
        let drilled = self.drills.values().any(|drill| !drill.phase().is_over() && drill.spec.set == set);
        let restored = self.restores.values().filter(|run| !run.phase().is_over()).any(|run| {
            // A step's snapshot is, of the first step, the set that was made before.
            let status = run.status.as_ref();
            let known = status.is_some_and(|status| {
                status.set.as_deref() == Some(set) || status.steps.iter().any(|step| step.snapshot.as_deref() == Some(set))
            });
            known || run.spec.set.as_deref() == Some(set)
        });
        drilled || restored
    }

    /// The vault whose own work it is: its making, its end.
    pub(super) fn own_work(&self, run: &str) -> Option<String> {
        let (tenant_id, _) = run.rsplit_once('-')?;
        self.vaults.contains_key(tenant_id).then(|| tenant_id.to_string())
    }

    pub(super) fn piece(&self, name: &str) -> Option<Piece> {
        if self.runs.contains_key(name) {
            Some(Piece::Backup)
        } else if self.drills.contains_key(name) {
            Some(Piece::Drill)
        } else {
            self.restores.contains_key(name).then_some(Piece::Restore)
        }
    }
}

/// Whether a piece of work went on and does not any more, so that another may have its place.
fn frees<K: Record>(before: Option<&Arc<K>>, now: &K) -> bool {
    before.is_some_and(|before| before.phase() == RunPhase::Running) && now.phase() != RunPhase::Running
}

impl World {
    /// Enters a target.
    pub fn set_target(&mut self, object: BackupTarget) {
        let Some(name) = object.metadata.name.clone() else { return };
        if self.backups.targets.get(&name).is_some_and(|known| newer(&known.metadata, &object.metadata)) {
            return;
        }
        let otherwise = self.backups.targets.get(&name).is_none_or(|known| known.spec != object.spec);
        self.backups.targets.insert(name.clone(), Arc::new(object));
        self.touch(Key::Target(name));
        if otherwise {
            // Where it may be reached is part of every app's guard rails.
            self.look_at_backups();
        }
    }

    /// Takes a target out.
    pub fn remove_target(&mut self, name: &str) {
        self.backups.targets.remove(name);
        self.look_at_backups();
    }

    /// Every app's backups may stand otherwise.
    pub fn look_at_backups(&mut self) {
        self.to_do.extend(self.apps.keys().cloned().map(Key::App));
        self.to_do.extend(self.backups.vaults.keys().cloned().map(Key::Vault));
        self.touch_unclaimed(None);
        self.wake_waiting();
    }

    /// Whoever may begin now is looked at.
    fn wake_waiting(&mut self) {
        let next = crate::controller::backup::admissible(self, Timestamp::now());
        let all: Vec<_> = next.into_iter().filter_map(|name| Some(Key::Work(self.backups.piece(&name)?, name))).collect();
        self.to_do.extend(all);
    }

    /// Enters a vault.
    pub fn set_vault(&mut self, object: BackupVault) {
        let Some(tenant_id) = object.metadata.name.clone() else { return };
        let known = self.backups.vaults.get(&tenant_id);
        if known.is_some_and(|known| newer(&known.metadata, &object.metadata)) {
            return;
        }
        let other = |known: &Arc<BackupVault>| {
            // An admin's word stands in an annotation.
            known.spec != object.spec || known.status != object.status || known.metadata.annotations != object.metadata.annotations
        };
        if known.is_none_or(other) {
            if object.spec.canary {
                self.touch(Key::Target(object.spec.target.clone()));
            }
            self.touch(Key::App(AppKey::new(&object.spec.municipality, &object.spec.app)));
            self.touch(Key::Vault(tenant_id.clone()));
        }
        let key = AppKey::new(&object.spec.municipality, &object.spec.app);
        self.backups.vaults.insert(tenant_id, Arc::new(object));
        self.backups_concern(&key);
    }

    /// Takes a vault out.
    pub fn remove_vault(&mut self, tenant_id: &str) {
        if let Some(vault) = self.backups.vaults.remove(tenant_id) {
            self.touch(Key::App(AppKey::new(&vault.spec.municipality, &vault.spec.app)));
        }
    }

    /// Enters a backup.
    pub fn set_run(&mut self, object: BackupRun) {
        let Some(name) = object.metadata.name.clone() else { return };
        if self.backups.runs.get(&name).is_some_and(|known| newer(&known.metadata, &object.metadata)) {
            return;
        }
        let tenant = object.spec.tenant_id.clone();
        let freed = frees(self.backups.runs.get(&name), &object);
        self.backups.runs.insert(name.clone(), Arc::new(object));
        self.work_changed(Piece::Backup, &name, Some(tenant), freed);
    }

    /// Enters a restore.
    pub fn set_restore(&mut self, object: RestoreRun) {
        let Some(name) = object.metadata.name.clone() else { return };
        if self.backups.restores.get(&name).is_some_and(|known| newer(&known.metadata, &object.metadata)) {
            return;
        }
        let key = AppKey::new(&object.spec.municipality, &object.spec.app);
        let freed = frees(self.backups.restores.get(&name), &object);
        self.backups.restores.insert(name.clone(), Arc::new(object));
        self.work_changed(Piece::Restore, &name, None, freed);
        // It pauses the app, and lets it go on.
        self.backups_concern(&key);
        self.touch(Key::App(key));
    }

    /// Enters a drill.
    pub fn set_drill(&mut self, object: RestoreDrill) {
        let Some(name) = object.metadata.name.clone() else { return };
        if self.backups.drills.get(&name).is_some_and(|known| newer(&known.metadata, &object.metadata)) {
            return;
        }
        let tenant = object.spec.tenant_id.clone();
        let freed = frees(self.backups.drills.get(&name), &object);
        self.backups.drills.insert(name.clone(), Arc::new(object));
        self.work_changed(Piece::Drill, &name, Some(tenant), freed);
    }

    /// Takes a piece of work out.
    pub fn remove_work(&mut self, piece: Piece, name: &str) {
        match piece {
            Piece::Backup => drop(self.backups.runs.remove(name)),
            Piece::Restore => {
                if let Some(run) = self.backups.restores.remove(name) {
                    self.touch(Key::App(AppKey::new(&run.spec.municipality, &run.spec.app)));
                }
            }
            Piece::Drill => drop(self.backups.drills.remove(name)),
        }
        self.work_changed(piece, name, None, true);
    }

    /// A piece of work is other than before; `freed` when it went on and does not any more.
    fn work_changed(&mut self, piece: Piece, name: &str, tenant: Option<String>, freed: bool) {
        self.touch(Key::Work(piece, name.to_string()));
        if let Some(tenant) = tenant {
            self.touch(Key::Vault(tenant));
        }
        if freed {
            // A place is free for another.
            self.wake_waiting();
        }
    }

    /// The tenant of an app, if its namespace is the operator's.
    #[must_use]
    pub fn tenant_of(&self, key: &AppKey) -> Option<String> {
        self.deed(&key.namespace()).map(|deed| deed.tenant_id)
    }

    /// Whether an app's request asks for a backup to begin with, and it was not filled from it yet.
    #[must_use]
    pub fn to_be_filled(&self, key: &AppKey) -> bool {
        let fills = self.apps.get(key).is_some_and(|record| record.object.spec.restore_from.is_some());
        fills && !self.tenant_of(key).is_some_and(|tenant_id| self.backups.filled(&tenant_id))
    }

    /// Whether nothing of an app may run for now because of its backups: it is being filled.
    #[must_use]
    pub fn held_for_restore(&self, key: &AppKey) -> bool {
        // A new app never starts before it is filled, whatever became of the restore.
        if self.to_be_filled(key) || self.backups.fills(&key.namespace(), self.tenant_of(key).as_deref()) {
            return true;
        }
        self.backups.restoring(key).any(|run| {
            // Before the data is written over a set is made of the running app, and in the end it is seen whether it answers.
            let done = |name| run.status.as_ref().is_some_and(|status| status.steps.iter().any(|step| step.name == name && step.done));
            !done(restore::START) && (run.spec.fresh || done(restore::BACKUP))
        }) || self.backups.half_written(key)
    }
}
