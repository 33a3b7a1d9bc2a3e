//! What is kept beside the operator's own objects: how many volume claims there are, and what ails pods.

use super::{Change, Index, Source};
use std::collections::HashMap;

impl Index {
    /// Enters what ails a pod, or that nothing does.
    pub fn observe_pod(&mut self, namespace: &str, name: &str, ails: Option<String>) -> Change {
        let seen = self.pass(Source::Pods);
        let Some(ails) = ails else { return self.forget_pod(namespace, name) };
        let before = self.ailing.entry(namespace.into()).or_default().insert(name.into(), (ails.clone(), seen));
        if before.is_some_and(|(known, _)| known == ails) { Change::None } else { Change::Some }
    }

    /// Takes a pod out.
    pub fn forget_pod(&mut self, namespace: &str, name: &str) -> Change {
        let Some(pods) = self.ailing.get_mut(namespace) else { return Change::None };
        let known = pods.remove(name).is_some();
        if pods.is_empty() {
            self.ailing.remove(namespace);
        }
        if known { Change::Some } else { Change::None }
    }

    /// Enters a volume claim; whoever made it.
    pub fn observe_claim(&mut self, namespace: &str, name: &str) {
        let seen = self.pass(Source::Claims);
        self.claims.entry(namespace.into()).or_default().insert(name.into(), seen);
    }

    /// Takes a volume claim out.
    pub fn forget_claim(&mut self, namespace: &str, name: &str) {
        if let Some(claims) = self.claims.get_mut(namespace) {
            claims.remove(name);
            if claims.is_empty() {
                self.claims.remove(namespace);
            }
        }
    }

    /// How many volume claims a namespace has.
    #[must_use]
    pub fn claims(&self, namespace: &str) -> usize {
        self.claims.get(namespace).map_or(0, HashMap::len)
    }
}
