//! The world: the requests, the register and the index in one place, and what follows when one changes.
//!
//! Every change ends in [`World::settle`], which decides what is undecided in the order of creation
//! and names the keys that are to be looked at.

use crate::live::{Deed, DeedKey, Index};
use crate::policy::{AppKey, Ask, Concern, Reason, Register, Rejection, decide};
use crate::request::app::{Grant, MunicipalityApp, MunicipalityAppSpec};
use crate::request::names::app_namespace;
use crate::request::{DataClass, HostedSystem, Municipality, Platform};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

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
}

/// A watched source that must have listed everything once before anything is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Store {
    /// Custom resources of one kind, by plural.
    Custom(&'static str),
    /// Live objects.
    Live(crate::live::index::Source),
}

/// Everything that is known.
#[derive(Debug, Default)]
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
    awaited: HashSet<Store>,
    started: bool,
    stale: bool,
    undecided: BTreeSet<(Option<Timestamp>, AppKey)>,
    to_do: HashSet<Key>,
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
    }

    /// Marks a key to be looked at.
    pub fn touch(&mut self, key: Key) {
        self.to_do.insert(key);
    }

    /// Enters a request as a watch or a write returned it.
    pub fn set_app(&mut self, object: MunicipalityApp, unreadable: Option<String>) {
        let Some(key) = key_of(&object) else { return };
        let before = self.apps.get(&key);
        if before.is_some_and(|known| newer(&known.object.metadata, &object.metadata)) || self.index.is_buried(&object.metadata) {
            return;
        }
        let meta = &object.metadata;
        let asked_otherwise = before.is_none_or(|known| {
            let old = &known.object.metadata;
            (old.generation, &old.uid) != (meta.generation, &meta.uid) || known.unreadable.is_some() != unreadable.is_some()
        });
        let changed = before.is_none_or(|known| {
            let old = &known.object.metadata;
            (&old.deletion_timestamp, &old.finalizers) != (&meta.deletion_timestamp, &meta.finalizers)
                || known.object.status != object.status
        });
        let standing = before
            .and_then(|known| known.grant.clone())
            .or_else(|| object.status.as_ref().and_then(|status| status.grant.clone()))
            .or_else(|| self.sealed_grant(&key));
        if let Some(grant) = &standing
            && self.register.ledger.holding(&key).is_none()
        {
            self.register.ledger.enter(&key, grant);
        }
        let created = meta.creation_timestamp.as_ref().map(|t| t.0);
        let rejections = before.map(|known| known.rejections.clone()).unwrap_or_default();
        let decided = before.is_some_and(|known| known.decided) && !asked_otherwise;
        let unreadable = unreadable.map(|error| {
            let message = format!("the request cannot be read by this release: {error}; apply it again as the documentation describes it");
            Rejection::new(Reason::ObjectUnreadable, "", message)
        });
        let record = AppRecord { object: Arc::new(object), grant: standing, rejections, decided, unreadable };
        self.apps.insert(key.clone(), record);
        self.by_municipality.entry(key.municipality.clone()).or_default().insert(key.app.clone());
        if asked_otherwise {
            self.undecided.insert((created, key.clone()));
        }
        if asked_otherwise || changed {
            self.touch(Key::App(key));
        }
    }

    /// Takes a request out. Its tenant, if it has one, keeps its place.
    pub fn remove_app(&mut self, key: &AppKey) {
        let Some(record) = self.apps.remove(key) else {
            return;
        };
        self.index.bury_object(&record.object.metadata);
        if let Some(apps) = self.by_municipality.get_mut(&key.municipality) {
            apps.remove(&key.app);
            if apps.is_empty() {
                self.by_municipality.remove(&key.municipality);
            }
        }
        self.account_for_unclaimed(key);
        self.touch(Key::App(key.clone()));
        self.touch(Key::Municipality(key.municipality.clone()));
    }

    /// Enters a municipality.
    pub fn set_municipality(&mut self, object: Municipality) {
        let Some(name) = object.metadata.name.clone() else {
            return;
        };
        let before = self.municipalities.get(&name);
        if before.is_some_and(|known| newer(&known.metadata, &object.metadata)) {
            return;
        }
        let relevant = |m: &Municipality| (m.metadata.generation, m.metadata.uid.clone(), m.metadata.deletion_timestamp.is_some());
        if before.is_none_or(|known| relevant(known) != relevant(&object)) {
            let created = object.metadata.creation_timestamp.as_ref().map(|t| t.0);
            self.register.set_municipality(&name, object.spec.clone(), created, object.metadata.deletion_timestamp.is_some());
            self.register.set_unreadable(Concern::Municipality, &name, None);
            self.stale = true;
            self.undecide_municipality(&name, false);
            self.touch(Key::Municipality(name.clone()));
        } else if before.is_none_or(|known| known.status != object.status || known.metadata.finalizers != object.metadata.finalizers) {
            self.touch(Key::Municipality(name.clone()));
        }
        self.municipalities.insert(name, Arc::new(object));
    }

    /// Takes a municipality out.
    pub fn remove_municipality(&mut self, name: &str) {
        self.municipalities.remove(name);
        self.register.remove_municipality(name);
        self.register.set_unreadable(Concern::Municipality, name, None);
        self.stale = true;
        self.undecide_municipality(name, false);
    }

    /// Enters a catalogue entry.
    pub fn set_system(&mut self, object: HostedSystem) {
        let Some(name) = object.metadata.name.clone() else {
            return;
        };
        if self.systems.get(&name).is_some_and(|known| newer(&known.metadata, &object.metadata)) {
            return;
        }
        self.register.set_system(&name, object.spec.clone());
        self.register.set_unreadable(Concern::System, &name, None);
        self.systems.insert(name.clone(), Arc::new(object));
        self.stale = true;
        self.undecide_users_of(&name);
        self.touch(Key::System(name));
    }

    /// Takes a catalogue entry out; apps that were granted it keep running.
    pub fn remove_system(&mut self, name: &str) {
        self.systems.remove(name);
        self.register.remove_system(name);
        self.register.set_unreadable(Concern::System, name, None);
        self.stale = true;
        self.undecide_users_of(name);
    }

    /// Enters a data class.
    pub fn set_class(&mut self, object: DataClass) {
        let Some(name) = object.metadata.name.clone() else {
            return;
        };
        if self.classes.get(&name).is_some_and(|known| newer(&known.metadata, &object.metadata)) {
            return;
        }
        let created = object.metadata.creation_timestamp.as_ref().map(|t| t.0);
        let otherwise = self.classes.get(&name).is_none_or(|known| known.spec != object.spec);
        self.register.set_unreadable(Concern::Class, &name, None);
        self.touch(Key::Class(name.clone()));
        if otherwise {
            self.register.set_class(&name, object.spec.clone(), created);
            self.stale = true;
            self.undecide_all();
        }
        self.classes.insert(name, Arc::new(object));
    }

    /// Takes a data class out.
    pub fn remove_class(&mut self, name: &str) {
        self.classes.remove(name);
        self.register.remove_class(name);
        self.register.set_unreadable(Concern::Class, name, None);
        self.stale = true;
        self.undecide_all();
    }

    /// A platform object is stored and cannot be read.
    pub fn set_unreadable(&mut self, concern: Concern, name: &str, error: String) {
        tracing::error!(?concern, name, error, "a stored object cannot be read by this release");
        match concern {
            Concern::Municipality => self.remove_municipality(name),
            Concern::Class => self.remove_class(name),
            Concern::System => self.remove_system(name),
        }
        self.register.set_unreadable(concern, name, Some(error));
    }

    /// Sets the platform's configuration; `None` when there is none.
    pub fn set_platform(&mut self, object: Option<Platform>) {
        let spec = object.as_ref().map(|platform| platform.spec.clone()).unwrap_or_default();
        if *self.register.settings().as_ref() != spec || self.platform.is_none() {
            self.register.set_platform(Some(spec));
            self.stale = true;
            self.undecide_all();
            let apps: Vec<_> = self.apps.keys().cloned().map(Key::App).collect();
            self.to_do.extend(apps);
        }
        self.platform = object.map(Arc::new);
        // A removal that was held may have been acknowledged.
        let held =
            self.apps.iter().filter(|(_, app)| app.object.metadata.deletion_timestamp.is_some()).map(|(key, _)| Key::App(key.clone()));
        self.to_do.extend(held.collect::<Vec<_>>());
        self.touch(Key::Platform);
    }

    /// Something in a namespace, or the namespace itself, is other than before.
    pub fn namespace_changed(&mut self, name: &str) {
        let (municipality, app) = crate::live::deed::owner_by_name(name);
        let Some(app) = app else {
            if self.municipalities.contains_key(municipality) {
                self.touch(Key::Municipality(municipality.to_string()));
            }
            return;
        };
        let key = AppKey::new(municipality, app);
        match self.apps.get(&key) {
            Some(record) => {
                let conflict = record.rejections.iter().any(|r| r.reason == Reason::NamespaceConflict);
                if conflict != self.is_foreign(&key) {
                    let created = record.object.metadata.creation_timestamp.as_ref().map(|t| t.0);
                    self.undecided.insert((created, key.clone()));
                }
                self.touch(Key::App(key));
            }
            None if self.started => {
                self.account_for_unclaimed(&key);
                if self.index.namespace(name).is_some_and(|n| n.marks.is_some()) || self.register.ledger.holding(&key).is_some() {
                    self.touch(Key::App(key.clone()));
                }
                self.touch(Key::Municipality(key.municipality));
            }
            None => {}
        }
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
        if !self.synced() || (self.deed_key.is_none() && !self.deed_key_lost) {
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
        while let Some((_, key)) = self.undecided.pop_first() {
            self.decide(&key, now);
        }
        self.to_do.drain().collect()
    }

    /// What was granted before this process started keeps its place before anything new is decided.
    fn start(&mut self) {
        self.started = true;
        let unclaimed: Vec<AppKey> =
            self.index.namespaces().filter(|(_, n)| n.marks.is_some()).filter_map(|(name, _)| self.deed(name)?.key()).collect();
        for key in unclaimed {
            if let Some(record) = self.apps.get(&key) {
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
        let ask = Ask { key, spec: &record.object.spec, standing: record.grant.as_ref(), namespace_is_foreign: self.is_foreign(key) };
        let outcome = match &record.unreadable {
            Some(problem) => Err(vec![problem.clone()]),
            None => decide(ask, &self.register, now),
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
        match outcome {
            Ok(grant) => {
                record.grant = Some(grant);
                record.rejections = Vec::new();
            }
            Err(rejections) => record.rejections = rejections,
        }
        if changed || first {
            self.touch(Key::App(key.clone()));
        }
        if let Some(before) = before
            && self
                .register
                .ledger
                .holding(key)
                .is_some_and(|after| !before.amounts.within(after.amounts) || before.hostname != after.hostname)
        {
            self.undecide_municipality(&key.municipality, true);
        }
        if changed {
            self.touch(Key::Municipality(key.municipality.clone()));
        }
    }

    /// A tenant without a request holds what its namespace says, as long as the namespace is there.
    fn account_for_unclaimed(&mut self, key: &AppKey) {
        match self.sealed_grant(key) {
            Some(grant) => self.register.ledger.enter(key, &grant),
            None => {
                if self.register.ledger.leave(key).is_some() {
                    self.undecide_municipality(&key.municipality, true);
                }
            }
        }
    }

    fn is_foreign(&self, key: &AppKey) -> bool {
        let name = app_namespace(&key.municipality, &key.app);
        !self.deed_key_lost && self.index.namespace(&name).is_some() && self.deed(&name).is_none()
    }

    fn undecide_municipality(&mut self, name: &str, only_refused: bool) {
        for app in self.by_municipality.get(name).into_iter().flatten() {
            let key = AppKey::new(name, app);
            if let Some(record) = self.apps.get(&key)
                && (!only_refused || !record.rejections.is_empty())
            {
                self.undecided.insert((record.object.metadata.creation_timestamp.as_ref().map(|t| t.0), key.clone()));
            }
            if !only_refused {
                // Members and zones concern guard rails too.
                self.to_do.insert(Key::App(key));
            }
        }
    }

    fn undecide_users_of(&mut self, system: &str) {
        let users = self.apps.iter().filter(|(_, record)| record.object.spec.system == system);
        self.undecided.extend(users.map(|(key, record)| (record.object.metadata.creation_timestamp.as_ref().map(|t| t.0), key.clone())));
    }

    fn undecide_all(&mut self) {
        let all = self.apps.iter().map(|(key, record)| (record.object.metadata.creation_timestamp.as_ref().map(|t| t.0), key.clone()));
        self.undecided.extend(all);
    }
}

/// A request that stands for a stored one whose spec cannot be read.
#[must_use]
pub fn stand_in(metadata: ObjectMeta) -> MunicipalityApp {
    let spec = MunicipalityAppSpec {
        system: String::new(),
        version: None,
        size: None,
        hostname: None,
        data_class: None,
        suspend: false,
        parameters: serde_json::Value::Null,
        processing: crate::request::app::Processing::default(),
    };
    MunicipalityApp { metadata, spec, status: None }
}

/// The key of a request.
#[must_use]
pub fn key_of(object: &MunicipalityApp) -> Option<AppKey> {
    Some(AppKey::new(object.metadata.namespace.clone()?, object.metadata.name.clone()?))
}

/// Whether what is known is newer than what came; versions of one kind are comparable across objects.
fn newer(known: &ObjectMeta, came: &ObjectMeta) -> bool {
    let version = |meta: &ObjectMeta| meta.resource_version.as_deref().and_then(|v| v.parse::<u64>().ok());
    version(known) > version(came)
}
