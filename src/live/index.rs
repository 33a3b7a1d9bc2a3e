//! The index: for every object a few bytes that say whether it still is what was meant.
//!
//! Full objects are never kept. What the operator's own writes returned is entered at once, so a
//! reconcile reads its own writes; older watch events are then ignored.

use super::health::{self, Health};
use crate::desired::{Content, Kind, Object};
use crate::request::names::{DEED, GRANT, GRANT_SEAL, INTENT, MANAGED_BY, MANAGER, RETIRE, SKIP_FINAL_BACKUP};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use uuid::Uuid;

mod beside;
mod view;

pub use view::LiveView;

/// What is kept of a live object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "four independent facts, kept small because there is one entry for every object")]
pub struct Entry {
    /// Its UID.
    pub uid: Uuid,
    /// Its resource version.
    pub version: u64,
    /// Hash of the part that the operator owns.
    pub content: Content,
    /// The intent annotation agrees with the content.
    pub intact: bool,
    /// It has an intent annotation, so the operator made it.
    pub intended: bool,
    /// It is being deleted.
    pub terminating: bool,
    /// A controller owns it (such as the Jobs of a `CronJob`, which copy labels).
    pub controlled: bool,
    /// How a workload is doing; none for a guard rail.
    pub health: Option<Box<Health>>,
    /// The intent that was applied and gave this content, where the API server made something else of it.
    pub accepted: Option<Content>,
    seen: u32,
}

/// What is kept of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceEntry {
    /// As for every object.
    pub entry: Entry,
    /// The marks of the operator; none on a foreign namespace.
    pub marks: Option<Box<Marks>>,
}

/// The operator's marks on a namespace, as found; the deed is still to be verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The deed annotation.
    pub deed: Option<String>,
    /// The grant annotation.
    pub grant: Option<String>,
    /// The grant's seal.
    pub grant_seal: Option<String>,
    /// Since when it is retiring.
    pub retire: Option<String>,
    /// Why an admin lets it go without a last backup.
    pub skip_final: Option<String>,
    /// It carries the label by which the operator finds its objects.
    pub labelled: bool,
}

/// What an observation changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that the operator looks at.
    None,
    /// The object is new, gone or other than before.
    Some,
}

type Objects = BTreeMap<(Kind, Box<str>), Entry>;
/// What ails pods by name, and the pass in which it was seen.
type Ailing = BTreeMap<Box<str>, (String, u32)>;

/// All live objects of the operator's kinds, by namespace.
#[derive(Debug, Default)]
pub struct Index {
    namespaces: HashMap<Box<str>, NamespaceEntry>,
    objects: HashMap<Box<str>, Objects>,
    /// Objects that somebody took away and that were not made again since.
    vanished: HashMap<Box<str>, HashSet<(Kind, Box<str>)>>,
    claims: HashMap<Box<str>, HashMap<Box<str>, u32>>,
    /// What ails pods, by namespace and pod.
    ailing: HashMap<Box<str>, Ailing>,
    passes: HashMap<Source, u32>,
    /// What is gone: the version of the news of its end, by UID.
    tombstones: HashMap<Uuid, u64>,
    /// The same in the order in which they came.
    buried: VecDeque<Uuid>,
}

/// A watch that fills the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// Objects of a kind.
    Kind(Kind),
    /// Volume claims, which are counted whoever made them.
    Claims,
    /// Pods of tenants, of which only what ails them is kept.
    Pods,
}

/// How many deleted UIDs are remembered, so that a late event does not bring one back.
const TOMBSTONES: usize = 4096;

impl Index {
    /// Enters an object that a watch or a write returned.
    pub fn observe(&mut self, object: &Object) -> Change {
        let kind = object.kind();
        let seen = self.pass(Source::Kind(kind));
        let mut entry = project(object, seen);
        if self.tombstones.get(&entry.uid).is_some_and(|end| entry.version <= *end) {
            return Change::None;
        }
        if let Object::Namespace(namespace) = object {
            let entry = NamespaceEntry { entry, marks: marks(&namespace.metadata) };
            return self.observe_namespace(object.name(), entry);
        }
        self.appeared(object.namespace(), kind, object.name());
        let objects = self.objects.entry(object.namespace().into()).or_default();
        match objects.get_mut(&(kind, object.name().into())) {
            Some(known) if known.version > entry.version => {
                known.seen = seen;
                Change::None
            }
            Some(known) => {
                if known.content == entry.content && known.uid == entry.uid {
                    entry.accepted = known.accepted;
                }
                let change = if same(known, &entry) { Change::None } else { Change::Some };
                *known = entry;
                change
            }
            None => {
                objects.insert((kind, object.name().into()), entry);
                Change::Some
            }
        }
    }

    /// Remembers that `intent` was applied and gave what the object is now, so that it is not applied again and again
    /// where the API server makes something else of it.
    pub fn accept(&mut self, object: &Object, intent: Content) {
        let entry = self.objects.get_mut(object.namespace()).and_then(|objects| objects.get_mut(&(object.kind(), object.name().into())));
        if let Some(entry) = entry.filter(|entry| entry.content == object.content()) {
            entry.accepted = Some(intent);
        }
    }

    fn observe_namespace(&mut self, name: &str, new: NamespaceEntry) -> Change {
        match self.namespaces.get_mut(name) {
            Some(known) if known.entry.version > new.entry.version => {
                known.entry.seen = new.entry.seen;
                Change::None
            }
            Some(known) => {
                let change = if same(&known.entry, &new.entry) && known.marks == new.marks { Change::None } else { Change::Some };
                *known = new;
                change
            }
            None => {
                self.namespaces.insert(name.into(), new);
                Change::Some
            }
        }
    }

    /// Takes an object out that a watch reported deleted.
    ///
    /// An object that lost the label by which the watch selects is reported the same way and lives on:
    /// what the API server says of it later than this is believed again.
    pub fn forget(&mut self, gone: &Object) -> Change {
        let (kind, name) = (gone.kind(), gone.name());
        let end = project(gone, 0);
        let older = |known: &Entry| known.uid == end.uid && known.version <= end.version;
        let known = match kind {
            Kind::Namespace => {
                let known = self.namespaces.get(name).is_some_and(|n| older(&n.entry));
                if known {
                    self.namespaces.remove(name);
                    self.objects.remove(name);
                    self.vanished.remove(name);
                }
                known
            }
            _ => self.objects.get_mut(gone.namespace()).is_some_and(|objects| {
                let id = (kind, Box::from(name));
                let known = objects.get(&id).is_some_and(older);
                if known {
                    objects.remove(&id);
                    self.vanished.entry(gone.namespace().into()).or_default().insert(id);
                }
                known
            }),
        };
        self.bury(end.uid, end.version);
        if known { Change::Some } else { Change::None }
    }

    /// Takes an object out that the operator itself deleted.
    pub fn forget_deleted(&mut self, kind: Kind, namespace: &str, name: &str, uid: Uuid) {
        if let Some(objects) = self.objects.get_mut(namespace)
            && objects.get(&(kind, name.into())).is_some_and(|entry| entry.uid == uid)
        {
            objects.remove(&(kind, name.into()));
        }
        self.bury(uid, u64::MAX);
    }

    /// Remembers that a UID is gone as of a version.
    fn bury(&mut self, uid: Uuid, version: u64) {
        let end = self.tombstones.entry(uid).or_insert_with(|| {
            self.buried.push_back(uid);
            version
        });
        *end = version.max(*end);
        if self.buried.len() > TOMBSTONES
            && let Some(oldest) = self.buried.pop_front()
        {
            self.tombstones.remove(&oldest);
        }
    }

    /// Remembers that an object is gone.
    pub fn bury_object(&mut self, meta: &ObjectMeta) {
        self.bury(parse_uid(meta.uid.as_deref().unwrap_or_default()), u64::MAX);
    }

    /// Whether this very object is known to be gone.
    #[must_use]
    pub fn is_buried(&self, meta: &ObjectMeta) -> bool {
        meta.uid.as_deref().is_some_and(|uid| self.tombstones.contains_key(&parse_uid(uid)))
    }

    /// A watch lists everything again: what it does not mention until [`Index::finish`] has vanished.
    pub fn begin(&mut self, source: Source) {
        *self.passes.entry(source).or_default() += 1;
    }

    /// The list is complete: takes out what vanished meanwhile and names the namespaces concerned.
    pub fn finish(&mut self, source: Source) -> Vec<String> {
        let pass = self.pass(source);
        let mut concerned = HashSet::new();
        match source {
            Source::Claims => self.claims.retain(|namespace, claims| {
                let before = claims.len();
                claims.retain(|_, seen| *seen >= pass);
                if claims.len() != before {
                    concerned.insert(namespace.to_string());
                }
                !claims.is_empty()
            }),
            Source::Pods => self.ailing.retain(|namespace, pods| {
                let before = pods.len();
                pods.retain(|_, (_, seen)| *seen >= pass);
                if pods.len() != before {
                    concerned.insert(namespace.to_string());
                }
                !pods.is_empty()
            }),
            Source::Kind(Kind::Namespace) => self.namespaces.retain(|name, namespace| {
                let stays = namespace.entry.seen >= pass;
                if !stays {
                    concerned.insert(name.to_string());
                }
                stays
            }),
            Source::Kind(kind) => {
                for (namespace, objects) in &mut self.objects {
                    let before = objects.len();
                    let gone = |of: Kind, entry: &Entry| of == kind && entry.seen < pass;
                    let missing = objects.iter().filter(|((of, _), entry)| gone(*of, entry)).map(|(id, _)| id.clone());
                    self.vanished.entry(namespace.clone()).or_default().extend(missing);
                    objects.retain(|(of, _), entry| !gone(*of, entry));
                    if objects.len() != before {
                        concerned.insert(namespace.to_string());
                    }
                }
            }
        }
        concerned.into_iter().collect()
    }

    fn appeared(&mut self, namespace: &str, kind: Kind, name: &str) {
        if let Some(vanished) = self.vanished.get_mut(namespace) {
            vanished.remove(&(kind, name.into()));
            if vanished.is_empty() {
                self.vanished.remove(namespace);
            }
        }
    }

    fn pass(&self, source: Source) -> u32 {
        self.passes.get(&source).copied().unwrap_or_default()
    }

    /// A namespace by name.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&NamespaceEntry> {
        self.namespaces.get(name)
    }

    /// All namespaces by name.
    pub fn namespaces(&self) -> impl Iterator<Item = (&str, &NamespaceEntry)> {
        self.namespaces.iter().map(|(name, entry)| (name.as_ref(), entry))
    }

    /// What a plan compares with.
    #[must_use]
    pub fn view(&self, namespace: &str) -> LiveView<'_> {
        LiveView {
            namespace: self.namespaces.get(namespace),
            objects: self.objects.get(namespace),
            vanished: self.vanished.get(namespace),
            ailing: self.ailing.get(namespace),
        }
    }

    /// How many objects are indexed, for the metrics.
    #[must_use]
    pub fn len(&self) -> usize {
        self.namespaces.len() + self.objects.values().map(BTreeMap::len).sum::<usize>()
    }

    /// Whether nothing is indexed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn same(a: &Entry, b: &Entry) -> bool {
    (a.uid, a.content, a.intact, a.intended, a.terminating, &a.health) == (b.uid, b.content, b.intact, b.intended, b.terminating, &b.health)
}

fn project(object: &Object, seen: u32) -> Entry {
    let meta = object.meta();
    let content = object.content();
    let intent = meta.annotations.as_ref().and_then(|a| a.get(INTENT));
    Entry {
        uid: parse_uid(meta.uid.as_deref().unwrap_or_default()),
        version: meta.resource_version.as_deref().and_then(|v| v.parse().ok()).unwrap_or_default(),
        content,
        intact: intent.is_some_and(|intent| *intent == content.to_string()),
        intended: intent.is_some(),
        terminating: meta.deletion_timestamp.is_some(),
        controlled: meta.owner_references.iter().flatten().any(|owner| owner.controller == Some(true)),
        health: match object {
            Object::Workload(kind, o) => Some(Box::new(health::of(*kind, o.metadata.generation, &o.data))),
            _ => None,
        },
        accepted: None,
        seen,
    }
}

fn marks(meta: &ObjectMeta) -> Option<Box<Marks>> {
    let annotation = |name: &str| meta.annotations.as_ref().and_then(|a| a.get(name)).cloned();
    let labelled = meta.labels.as_ref().and_then(|l| l.get(MANAGED_BY)).is_some_and(|v| v == MANAGER);
    let deed = annotation(DEED);
    (labelled || deed.is_some()).then(|| {
        Box::new(Marks {
            deed,
            grant: annotation(GRANT),
            grant_seal: annotation(GRANT_SEAL),
            retire: annotation(RETIRE),
            skip_final: annotation(SKIP_FINAL_BACKUP),
            labelled,
        })
    })
}

fn parse_uid(uid: &str) -> Uuid {
    Uuid::parse_str(uid).unwrap_or_default()
}

#[cfg(test)]
mod tests;
