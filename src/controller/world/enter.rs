//! Entering what watches and writes return: what changed, what is undecided by it, what is to be looked at.

use super::{AppRecord, Key, World};
use crate::policy::{AppKey, Concern, Reason, Rejection};
use crate::request::app::{MunicipalityApp, MunicipalityAppSpec};
use crate::request::{DataClass, HostedSystem, Municipality, Platform};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::sync::Arc;

impl World {
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
        // Its municipality told of the tenant as one without a request.
        let claimed_again = before.is_none() && self.index.namespace(&key.namespace()).is_some();
        let rejections = before.map(|known| known.rejections.clone()).unwrap_or_default();
        let decided = before.is_some_and(|known| known.decided) && !asked_otherwise;
        let unreadable = unreadable.map(|error| {
            let message = format!("the request cannot be read by this release: {error}; apply it again as the documentation describes it");
            Rejection::new(Reason::ObjectUnreadable, "", message)
        });
        // Of another system nothing of this is true.
        let other = before.map(|known| known.object.spec.system.clone()).filter(|system| *system != object.spec.system);
        let same = before.filter(|_| other.is_none());
        let (course, unfit) = same.map(|known| (known.course.clone(), known.unfit.clone())).unwrap_or_default();
        let (stuck, looked_at) = same.map(|known| (known.stuck.clone(), known.looked_at)).unwrap_or_default();
        if let Some(other) = other {
            self.rollouts.left(&other);
        }
        let record =
            AppRecord { object: Arc::new(object), grant: standing, rejections, decided, unreadable, course, unfit, stuck, looked_at };
        self.apps.insert(key.clone(), record);
        self.by_municipality.entry(key.municipality.clone()).or_default().insert(key.app.clone());
        if asked_otherwise {
            self.undecide(&key);
        } else if changed {
            self.rollout_concerns(&key);
        }
        if claimed_again {
            self.touch(Key::Municipality(key.municipality.clone()));
        }
        if asked_otherwise || changed {
            // The first backup is due when the app first answers.
            if let Some(tenant_id) = self.tenant_of(&key).filter(|tenant_id| self.backups.vaults.contains_key(tenant_id)) {
                self.touch(Key::Vault(tenant_id));
            }
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
        self.rollouts.left(&record.object.spec.system);
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
            self.touch_unclaimed(Some(&name));
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
        let known = self.systems.get(&name);
        let otherwise = known.is_none_or(|known| known.spec != object.spec);
        let ends = |system: &HostedSystem| system.spec.versions.iter().map(|v| (v.name.clone(), v.eol.clone())).collect::<Vec<_>>();
        if known.is_some_and(|known| ends(known) != ends(&object)) {
            // No decision depends on it, and apps say it.
            let users = self.apps_where(|record| record.object.spec.system == name);
            self.to_do.extend(users.into_iter().map(Key::App));
        }
        self.register.set_unreadable(Concern::System, &name, None);
        self.touch(Key::System(name.clone()));
        // Its annotations may let apps go on.
        self.rollouts.look_at(&name);
        if otherwise {
            self.register.set_system(&name, object.spec.clone());
            self.stale = true;
            self.undecide_users_of(&name);
        }
        self.systems.insert(name, Arc::new(object));
    }

    /// Takes a catalogue entry out; apps that were granted it keep running.
    pub fn remove_system(&mut self, name: &str) {
        self.systems.remove(name);
        self.touch(Key::System(name.to_string()));
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
        // What it asks of backups is part of no grant, and yet of how each app stands.
        let asks_otherwise = self.classes.get(&name).is_some_and(|known| known.spec.backup != object.spec.backup);
        self.register.set_unreadable(Concern::Class, &name, None);
        self.touch(Key::Class(name.clone()));
        if otherwise {
            self.register.set_class(&name, object.spec.clone(), created);
            self.stale = true;
            self.undecide_all();
            // How long a class keeps backups, and whether a target lets it.
            self.to_do.extend(self.backups.targets.keys().cloned().map(Key::Target));
        }
        self.classes.insert(name, Arc::new(object));
        if asks_otherwise {
            self.look_at_backups();
        }
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
        if self.platform.as_ref().zip(object.as_ref()).is_some_and(|(known, came)| newer(&known.metadata, &came.metadata)) {
            return;
        }
        self.platform_unreadable = false;
        let spec = object.as_ref().map(|platform| platform.spec.clone()).unwrap_or_default();
        if *self.register.settings().as_ref() != spec || self.platform.is_none() {
            self.register.set_platform(Some(spec));
            self.stale = true;
            self.undecide_all();
            let apps: Vec<_> = self.apps.keys().cloned().map(Key::App).collect();
            self.to_do.extend(apps);
            self.to_do.extend(self.backups.targets.keys().cloned().map(Key::Target));
            self.to_do.extend(self.backups.vaults.keys().cloned().map(Key::Vault));
            self.touch_unclaimed(None);
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
                    self.undecide(&key);
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
        rotate_secrets: None,
        parameters: serde_json::Value::Null,
        processing: crate::request::app::Processing::default(),
        backup: crate::request::backup::AppBackup::default(),
        restore_from: None,
    };
    MunicipalityApp { metadata, spec, status: None }
}

/// The key of a request.
#[must_use]
pub fn key_of(object: &MunicipalityApp) -> Option<AppKey> {
    Some(AppKey::new(object.metadata.namespace.clone()?, object.metadata.name.clone()?))
}

/// Whether what is known is newer than what came; versions of one kind are comparable across objects.
pub(super) fn newer(known: &ObjectMeta, came: &ObjectMeta) -> bool {
    let version = |meta: &ObjectMeta| meta.resource_version.as_deref().and_then(|v| v.parse::<u64>().ok());
    version(known) > version(came)
}
