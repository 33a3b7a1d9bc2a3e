//! What is to be decided again when something that decides about it is other than before.

use super::{AppRecord, Key, World};
use crate::policy::AppKey;

impl World {
    /// The requests of which something holds.
    pub(super) fn apps_where(&self, holds: impl Fn(&AppRecord) -> bool) -> Vec<AppKey> {
        self.apps.iter().filter(|(_, record)| holds(record)).map(|(key, _)| key.clone()).collect()
    }

    /// Puts a request in the line of those that are decided next, by age.
    pub(super) fn line_up(&mut self, key: &AppKey) {
        if let Some(record) = self.apps.get(key) {
            self.undecided.insert((record.created(), key.clone()));
        }
    }

    /// A request, or something that decides about it, is other than it was: it is decided again, and may go back now.
    pub(super) fn undecide(&mut self, key: &AppKey) {
        let Some(record) = self.apps.get_mut(key) else { return };
        record.stuck = None;
        self.line_up(key);
        self.rollout_concerns(key);
    }

    fn undecide_where(&mut self, holds: impl Fn(&AppRecord) -> bool) {
        for key in self.apps_where(holds) {
            self.undecide(&key);
        }
    }

    pub(super) fn undecide_all(&mut self) {
        self.undecide_where(|_| true);
    }

    pub(super) fn undecide_users_of(&mut self, system: &str) {
        self.undecide_where(|record| record.object.spec.system == system);
    }

    pub(super) fn undecide_municipality(&mut self, name: &str, only_refused: bool) {
        let keys: Vec<AppKey> = self.by_municipality.get(name).into_iter().flatten().map(|app| AppKey::new(name, app)).collect();
        for key in keys {
            if self.apps.get(&key).is_some_and(|record| !only_refused || !record.rejections.is_empty() || !record.unfit.is_empty()) {
                self.undecide(&key);
            }
            if !only_refused {
                // Members and zones concern guard rails too.
                self.touch(Key::App(key));
            }
        }
    }

    /// A host name was freed: whoever waits for it, also in another municipality, is decided again.
    pub(super) fn undecide_host(&mut self, host: Option<&str>) {
        if host.is_some() {
            self.undecide_where(|record| !record.rejections.is_empty() && record.object.spec.hostname.as_deref() == host);
        }
    }

    /// Tenants without a request follow the groups and the settings too.
    pub(super) fn touch_unclaimed(&mut self, municipality: Option<&str>) {
        let concerned = |key: &&AppKey| municipality.is_none_or(|name| key.municipality == name) && !self.apps.contains_key(*key);
        let keys: Vec<Key> = self.register.ledger.keys().filter(concerned).cloned().map(Key::App).collect();
        self.to_do.extend(keys);
    }
}
