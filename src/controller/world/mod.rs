//! The world: the requests, the register and the index in one place, and what follows when one changes.
//!
//! Every change ends in [`World::settle`], which decides what is undecided in the order of creation
//! and names the keys that are to be looked at.

use crate::live::{Deed, DeedKey, Index};
use crate::policy::{AppKey, Ask, Concern, Course, Ledger, Reason, Register, Rejection, Turn, decide};
use crate::request::app::{Grant, MunicipalityApp};
use crate::request::names::app_namespace;
use crate::request::{DataClass, HostedSystem, Municipality, Platform};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

pub mod backups;
mod enter;
mod pods;
pub mod rollouts;
mod undecide;

pub use enter::{key_of, stand_in};

/// What is said while the key of deeds is lost.
pub const KEY_LOST: &str = "the Secret kopnams-deed-key is missing while namespaces carry deeds made with it; no namespace is written until a platform admin restores the Secret";

/// Something to be reconciled.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A request, or the namespace of one that has none.
    App(AppKey),
    /// A municipality and its home.
    Municipality(String),
    /// The status of a catalogue entry.
    System(String),
    /// The status of a data class.
    Class(String),
    /// The status of the platform.
    Platform,
    /// A backup target.
    Target(String),
    /// The vault of a tenant, by its id.
    Vault(String),
    /// A piece of work on backups.
    Work(backups::Piece, String),
}

/// A request and what was decided about it.
#[derive(Clone, Debug)]
pub struct AppRecord {
    /// The request as last seen or written.
    pub object: Arc<MunicipalityApp>,
    /// What is in force.
    pub grant: Option<Grant>,
    /// Why the request as it stands is refused.
    pub rejections: Vec<Rejection>,
    /// A decision was made since it was last seen to change.
    pub decided: bool,
    /// Why it cannot be read, if it cannot.
    pub unreadable: Option<Rejection>,
    /// Where it stands in the roll-out of its system's version.
    pub course: Course,
    /// Why it does not fit what is rolled out, if it does not.
    pub unfit: Vec<Rejection>,
    /// The revision from which it was to go back and cannot.
    pub stuck: Option<String>,
    /// It was reconciled since this process leads, so that its status is of now.
    pub looked_at: bool,
}

impl AppRecord {
    /// When the request was created: what is older is decided first.
    fn created(&self) -> Option<Timestamp> {
        self.object.metadata.creation_timestamp.as_ref().map(|t| t.0)
    }
}

/// A watched source that must have listed everything once before anything is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// Custom resources of one kind, by plural.
    Custom(&'static str),
    /// Kept revisions.
    Revisions,
    /// Live objects.
    Live(crate::live::index::Source),
}

/// Everything that is known.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each with a name of its own")]
pub struct World {
    /// The platform's objects and everything that was granted.
    pub register: Register,
    /// What is live.
    pub index: Index,
    /// The key of deeds, once it was read or made.
    pub deed_key: Option<DeedKey>,
    /// Deeds are there and their key is not: no namespace may be written.
    pub deed_key_lost: bool,
    /// Requests.
    pub apps: HashMap<AppKey, AppRecord>,
    /// Requests by municipality.
    pub by_municipality: HashMap<String, BTreeSet<String>>,
    /// Municipalities.
    pub municipalities: BTreeMap<String, Arc<Municipality>>,
    /// Catalogue entries.
    pub systems: BTreeMap<String, Arc<HostedSystem>>,
    /// Data classes.
    pub classes: BTreeMap<String, Arc<DataClass>>,
    /// The platform's configuration, if there is one.
    pub platform: Option<Arc<Platform>>,
    /// What is known of backups.
    pub backups: backups::Backups,
    /// A Platform is stored that cannot be read, and none was read before: nothing is decided without it.
    pub platform_unreadable: bool,
    /// This process leads. A standby decides nothing: it would decide otherwise than what the leader wrote.
    pub leading: bool,
    awaited: HashSet<Store>,
    started: bool,
    stale: bool,
    undecided: BTreeSet<(Option<Timestamp>, AppKey)>,
    to_do: HashSet<Key>,
    rollouts: rollouts::Rollouts,
}

impl World {
    /// A world that waits for these stores.
    #[must_use]
    pub fn awaiting(stores: impl IntoIterator<Item = Store>) -> Self {
        let mut world = Self { awaited: stores.into_iter().collect(), ..Self::default() };
        world.stale = true;
        world
    }

    /// A store has listed everything.
    pub fn listed(&mut self, store: Store) {
        self.awaited.remove(&store);
    }

    /// Whether every store has listed everything once.
    #[must_use]
    pub fn synced(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Leadership began or ended. Whoever begins forgets what it thought and takes what is written.
    pub fn lead(&mut self, now: bool) {
        if std::mem::replace(&mut self.leading, now) == now || !now {
            return;
        }
        self.register.ledger = Ledger::default();
        self.rollouts = rollouts::Rollouts::default();
        // Somebody else may have written meanwhile.
        self.backups.disown_all();
        let keys: Vec<AppKey> = self.apps.keys().cloned().collect();
        for key in keys {
            let sealed = self.sealed_grant(&key);
            let Some(record) = self.apps.get_mut(&key) else { continue };
            record.grant = record.object.status.as_ref().and_then(|status| status.grant.clone()).or(sealed);
            record.rejections.clear();
            record.unfit.clear();
            record.course = Course::default();
            record.looked_at = false;
            record.decided = false;
            if let Some(grant) = &record.grant {
                self.register.ledger.enter(&key, grant);
            }
        }
        self.look_at_everything();
    }

    /// Whether a store has not listed everything yet.
    #[must_use]
    pub fn waits_for(&self, store: Store) -> bool {
        self.awaited.contains(&store)
    }

    /// Decides everything again and marks everything to be looked at.
    pub fn look_at_everything(&mut self) {
        self.started = false;
        self.stale = true;
        self.undecide_all();
        self.to_do.extend(self.apps.keys().cloned().map(Key::App));
        self.to_do.extend(self.municipalities.keys().cloned().map(Key::Municipality));
        self.to_do.extend(self.backups.targets.keys().cloned().map(Key::Target));
        self.to_do.extend(self.backups.vaults.keys().cloned().map(Key::Vault));
        let backups = self.backups.runs.keys().map(|name| (backups::Piece::Backup, name));
        let restores = self.backups.restores.keys().map(|name| (backups::Piece::Restore, name));
        let drills = self.backups.drills.keys().map(|name| (backups::Piece::Drill, name));
        self.to_do.extend(backups.chain(restores).chain(drills).map(|(piece, name)| Key::Work(piece, name.clone())));
    }

    /// Marks a key to be looked at.
    pub fn touch(&mut self, key: Key) {
        self.to_do.insert(key);
    }

    /// The deed of a namespace that the operator made.
    #[must_use]
    pub fn deed(&self, namespace: &str) -> Option<Deed> {
        let deed = self.index.namespace(namespace)?.marks.as_ref()?.deed.as_ref()?;
        self.deed_key.as_ref()?.read(namespace, deed)
    }

    /// The grant on a namespace, if the operator wrote both.
    #[must_use]
    pub fn sealed_grant(&self, key: &AppKey) -> Option<Grant> {
        let name = key.namespace();
        let deed = self.deed(&name)?;
        let marks = self.index.namespace(&name)?.marks.as_ref()?;
        let (text, seal) = marks.grant.as_ref().zip(marks.grant_seal.as_ref())?;
        let sealed = self.deed_key.as_ref()?.sealed_grant(&name, &deed.tenant_id, text, seal);
        sealed.then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// Decides what is undecided and returns the keys to look at. Nothing before everything is listed.
    pub fn settle(&mut self, now: Timestamp) -> Vec<Key> {
        if !self.leading || self.platform_unreadable || !self.synced() || (self.deed_key.is_none() && !self.deed_key_lost) {
            return Vec::new();
        }
        if !self.started {
            self.start();
        }
        if std::mem::take(&mut self.stale) {
            for (concern, name) in self.register.refresh() {
                match concern {
                    Concern::Municipality => {
                        self.undecide_municipality(&name, false);
                        self.touch(Key::Municipality(name));
                    }
                    Concern::Class => {
                        self.undecide_all();
                        self.touch(Key::Class(name));
                    }
                    Concern::System => {
                        self.undecide_users_of(&name);
                        self.touch(Key::System(name));
                    }
                }
            }
        }
        // Whose turn it is must be known before anything is decided, and a decision may make it somebody else's.
        loop {
            self.pace(now);
            let Some((_, key)) = self.undecided.pop_first() else { break };
            self.decide(&key, now);
        }
        self.to_do.drain().collect()
    }

    /// What was granted before this process started keeps its place before anything new is decided.
    fn start(&mut self) {
        self.started = true;
        self.rollouts.look_at_all(self.systems.keys());
        let unclaimed: Vec<AppKey> =
            self.index.namespaces().filter(|(_, n)| n.marks.is_some()).filter_map(|(name, _)| self.deed(name)?.key()).collect();
        for key in unclaimed {
            if key.is_drill() {
                self.touch(Key::App(key));
            } else if let Some(record) = self.apps.get(&key) {
                if record.grant.is_none()
                    && let Some(grant) = self.sealed_grant(&key)
                {
                    self.register.ledger.enter(&key, &grant);
                    if let Some(record) = self.apps.get_mut(&key) {
                        record.grant = Some(grant);
                    }
                }
            } else {
                self.account_for_unclaimed(&key);
                self.touch(Key::App(key));
            }
        }
    }

    fn decide(&mut self, key: &AppKey, now: Timestamp) {
        let Some(record) = self.apps.get(key) else {
            return;
        };
        if record.object.metadata.deletion_timestamp.is_some() {
            return;
        }
        let turn = record.grant.as_ref().map_or(Turn::Now, |_| record.course.turn());
        let answered = record.object.status.as_ref().and_then(|status| status.answered.as_deref());
        let namespace_is_foreign = self.is_foreign(key);
        let ask = Ask { key, spec: &record.object.spec, standing: record.grant.as_ref(), namespace_is_foreign, turn, answered };
        let led = record.grant.is_some() && !self.asks(key);
        let (mut unfit, mut stuck) = (Vec::new(), record.stuck.clone());
        let outcome = match (&record.unreadable, turn) {
            (Some(problem), _) => Err(vec![problem.clone()]),
            // Without the key the tenants that have no request are not known, so nothing is left to give.
            _ if self.deed_key_lost => Err(vec![Rejection::new(Reason::DeedKeyLost, "", KEY_LOST)]),
            (None, Turn::Now) => match decide(ask, &self.register, now) {
                // What the catalogue changed is no fault of a request that fits what the app has.
                Err(why) if led => match decide(Ask { turn: Turn::Stay, ..ask }, &self.register, now) {
                    Ok(grant) => {
                        unfit = why;
                        Ok(grant)
                    }
                    Err(_) => Err(why),
                },
                other => other,
            },
            (None, Turn::Stay) => {
                // Tried without taking it, so that whether it fits does not depend on whose turn it is.
                unfit = if led { decide(Ask { turn: Turn::Now, ..ask }, &self.register, now).err().unwrap_or_default() } else { unfit };
                decide(ask, &self.register, now)
            }
            (None, Turn::Back) => decide(ask, &self.register, now).or_else(|why| {
                tracing::warn!(app = %key, why = crate::policy::rejection::joined(&why), "the app cannot go back to what it had");
                stuck = record.grant.as_ref().map(|grant| grant.revision.clone());
                record.grant.clone().ok_or(why)
            }),
        };
        let before = self.register.ledger.holding(key).cloned();
        let changed = match &outcome {
            Ok(grant) => record.grant.as_ref() != Some(grant) || !record.rejections.is_empty(),
            Err(rejections) => *rejections != record.rejections,
        };
        let first = !record.decided;
        if let Ok(grant) = &outcome {
            self.register.ledger.enter(key, grant);
        }
        let Some(record) = self.apps.get_mut(key) else {
            return;
        };
        record.decided = true;
        let otherwise = record.unfit != unfit || record.stuck != stuck;
        record.unfit = unfit;
        record.stuck = stuck;
        match outcome {
            Ok(grant) => {
                record.grant = Some(grant);
                record.rejections = Vec::new();
            }
            Err(rejections) => record.rejections = rejections,
        }
        if changed || first || otherwise {
            self.touch(Key::App(key.clone()));
            self.rollout_concerns(key);
        }
        if let Some(before) = before
            && self
                .register
                .ledger
                .holding(key)
                .is_some_and(|after| !before.amounts.within(after.amounts) || before.hostname != after.hostname)
        {
            self.undecide_municipality(&key.municipality, true);
            self.undecide_host(before.hostname.as_deref());
        }
        if changed {
            self.touch(Key::Municipality(key.municipality.clone()));
        }
    }

    /// The kept revisions of a system that no app needs any more. None while tenants without a request are not known.
    #[must_use]
    pub fn unused_revisions(&self, system: &str) -> Vec<String> {
        if self.started && self.deed_key.is_some() { self.register.unused_revisions(system) } else { Vec::new() }
    }

    /// A request was reconciled by this process.
    pub fn looked_at(&mut self, key: &AppKey) {
        if let Some(record) = self.apps.get_mut(key) {
            record.looked_at = true;
        }
        self.rollout_concerns(key);
    }

    /// A tenant without a request holds what its namespace says, as long as the namespace is there.
    fn account_for_unclaimed(&mut self, key: &AppKey) {
        // What a drill starts is nobody's to be counted, and goes with it.
        if self.deed_key_lost || key.is_drill() {
            return;
        }
        match self.sealed_grant(key) {
            Some(grant) => self.register.ledger.enter(key, &grant),
            None => {
                if let Some(left) = self.register.ledger.leave(key) {
                    self.undecide_municipality(&key.municipality, true);
                    self.undecide_host(left.hostname.as_deref());
                }
            }
        }
    }

    fn is_foreign(&self, key: &AppKey) -> bool {
        let name = app_namespace(&key.municipality, &key.app);
        !self.deed_key_lost && self.index.namespace(&name).is_some() && self.deed(&name).is_none()
    }
}

#[cfg(test)]
mod tests;
