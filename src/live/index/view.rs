//! What is live in one namespace, as a plan compares with it.

use super::{Ailing, Entry, NamespaceEntry, Objects};
use crate::desired::Kind;
use std::collections::HashSet;

/// What is live in one namespace.
#[derive(Clone, Copy, Debug, Default)]
pub struct LiveView<'a> {
    /// The namespace itself.
    pub namespace: Option<&'a NamespaceEntry>,
    pub(super) objects: Option<&'a Objects>,
    pub(super) vanished: Option<&'a HashSet<(Kind, Box<str>)>>,
    pub(super) ailing: Option<&'a Ailing>,
}

impl<'a> LiveView<'a> {
    /// A live object by kind and name.
    #[must_use]
    pub fn get(&self, kind: Kind, name: &str) -> Option<&'a Entry> {
        match kind {
            Kind::Namespace => self.namespace.map(|n| &n.entry),
            _ => self.objects?.get(&(kind, Box::from(name))),
        }
    }

    /// Whether somebody took this object away.
    #[must_use]
    pub fn vanished(&self, kind: Kind, name: &str) -> bool {
        self.vanished.is_some_and(|vanished| vanished.contains(&(kind, Box::from(name))))
    }

    /// The first pod that something ails, and what.
    #[must_use]
    pub fn ailing(&self) -> Option<(&'a str, &'a str)> {
        self.ailing?.iter().next().map(|(pod, (ails, _))| (pod.as_ref(), ails.as_str()))
    }

    /// Every live object inside the namespace.
    pub fn objects(&self) -> impl Iterator<Item = (Kind, &'a str, &'a Entry)> + use<'a> {
        self.objects.into_iter().flatten().map(|((kind, name), entry)| (*kind, name.as_ref(), entry))
    }
}
