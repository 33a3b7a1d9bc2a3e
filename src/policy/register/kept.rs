//! Revisions that are kept: what apps have, also when the catalogue no longer has it.

use super::Register;
use crate::policy::catalogue::{Entry, only};
use crate::request::HostedSystemSpec;
use std::sync::{Arc, OnceLock};

/// A revision that was kept; it is read only when an app needs it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    spec: Arc<HostedSystemSpec>,
    entry: OnceLock<Box<Entry>>,
    /// The cluster keeps it.
    stored: bool,
}

impl Register {
    /// What an entry held that apps have is not lost when it is edited before it could be kept.
    pub(super) fn remember(&mut self, name: &str, before: Option<&Entry>) {
        for (entry, (version, revision)) in before.into_iter().flat_map(|entry| entry.revisions().map(move |of| (entry, of))) {
            if self.ledger.uses(name, revision) {
                self.keep(name, revision, only(&entry.spec, version), false);
            }
        }
    }

    /// The entry that holds a revision: the catalogue's if it is still the same, or else what was kept of it.
    #[must_use]
    pub fn revision(&self, system: &str, version: &str, revision: &str) -> Option<&Entry> {
        let current = self.system(system).filter(|entry| entry.version(version).is_some_and(|(_, now)| now == revision));
        current.or_else(|| {
            let kept = self.kept.get(&(system.to_string(), revision.to_string()))?;
            Some(&**kept.entry.get_or_init(|| Box::new(Entry::compile(Arc::clone(&kept.spec)))))
        })
    }

    /// Notes what a revision consists of, and whether the cluster keeps it or this process alone.
    pub fn keep(&mut self, system: &str, revision: &str, spec: HostedSystemSpec, stored: bool) {
        let kept = Kept { spec: Arc::new(spec), entry: OnceLock::new(), stored };
        self.kept.entry((system.to_string(), revision.to_string())).or_insert(kept).stored |= stored;
    }

    /// Notes that the cluster no longer keeps a revision. While an app has it, this process still does.
    pub fn drop_revision(&mut self, system: &str, revision: &str) {
        let key = (system.to_string(), revision.to_string());
        if self.ledger.uses(system, revision) {
            if let Some(kept) = self.kept.get_mut(&key) {
                kept.stored = false;
            }
        } else {
            self.kept.remove(&key);
        }
    }

    /// What a revision consists of, if it is known and the cluster does not keep it yet.
    #[must_use]
    pub fn to_be_kept(&self, system: &str, version: &str, revision: &str) -> Option<HostedSystemSpec> {
        let kept = self.kept.get(&(system.to_string(), revision.to_string()));
        if kept.is_some_and(|kept| kept.stored) {
            return None;
        }
        let entry = self.revision(system, version, revision)?;
        let (version, _) = entry.version(version).filter(|(version, _)| !version.objects.is_empty())?;
        Some(only(&entry.spec, version))
    }

    /// The kept revisions of a system that neither the catalogue has nor any app had lately.
    #[must_use]
    pub fn unused_revisions(&self, system: &str) -> Vec<String> {
        let kept = self.kept.keys().filter(|(of, _)| of == system).map(|(_, revision)| revision);
        let current = |revision: &str| self.system(system).is_some_and(|entry| entry.revisions().any(|(_, of)| of == revision));
        kept.filter(|revision| !current(revision) && !self.ledger.uses(system, revision)).cloned().collect()
    }
}
