//! Gathering: which objects exist, once every document was checked by itself.

use crate::policy::{AppKey, Reason};
use crate::request::app::Grant;
use crate::request::check::{Checker, Definitions, Object};
use crate::request::read::{Document, Finding, Tree, spread};
use crate::request::said::Said;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Identifies an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for kinds without.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Id {
    /// An object in no namespace.
    #[must_use]
    pub fn of(kind: &str, name: &str) -> Self {
        Self { kind: kind.into(), namespace: String::new(), name: name.into() }
    }
}

/// An object that the API server would take.
#[derive(Clone, Debug)]
pub struct Held<'a> {
    /// The object.
    pub object: Object,
    /// Where it stands.
    pub document: &'a Document,
    /// When it was created, as only a cluster can tell.
    pub created: Option<Timestamp>,
    /// It is being removed.
    pub terminating: bool,
    /// The cluster has it, and no file says what it shall be.
    pub live: bool,
}

/// What a cluster has granted.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The grant.
    pub grant: Grant,
    /// When the request was created.
    pub created: Option<Timestamp>,
}

/// All objects, and what was found on the way.
#[derive(Debug, Default)]
pub struct Gathered<'a> {
    /// The objects that exist for the decisions.
    pub objects: BTreeMap<Id, Held<'a>>,
    /// Requests that the API server would refuse.
    pub refused_requests: BTreeMap<AppKey, Vec<Finding>>,
    /// What the cluster has granted.
    pub standing: BTreeMap<AppKey, Standing>,
    /// Municipalities whose homes are live.
    pub homes: BTreeSet<String>,
    /// How many objects of each kind are among the files.
    pub counts: BTreeMap<&'static str, usize>,
    /// Kinds that were seen among the files or on the cluster, also as refused objects.
    pub seen: BTreeSet<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

/// An object, or why a document is none.
pub type Checked = Result<Object, Vec<Finding>>;

/// Checks a document by itself, and of a request lets go of what is in its checked form then.
pub fn check_and_let_go(checker: &Checker<'_>, document: &mut Document) -> Checked {
    let checked = checker.check(document);
    if checked.is_ok() {
        document.let_go_of_request();
    }
    checked
}

/// Checks every document by itself.
#[must_use]
pub fn check(tree: &Tree, definitions: &Definitions) -> Vec<Checked> {
    spread::spread(&tree.documents, || Checker::new(definitions), |checker, document| checker.check(document))
}

/// The same beside a tree that was checked already: of a document that is in both nothing else can be said.
#[must_use]
pub fn check_beside(tree: &Tree, other: &Tree, checked: &[Checked], definitions: &Definitions) -> Vec<Checked> {
    let known: HashMap<_, _> = other.documents.iter().map(|document| Arc::as_ptr(document).addr()).zip(checked).collect();
    let check = |checker: &mut Checker<'_>, document: &Arc<Document>| match known.get(&Arc::as_ptr(document).addr()) {
        Some(checked) => (*checked).clone(),
        None => checker.check(document),
    };
    spread::spread(&tree.documents, || Checker::new(definitions), check)
}

/// Gathers the objects of documents that were checked.
#[must_use]
pub fn gather_checked<'a>(tree: &'a Tree, checked: Vec<Checked>, live: Option<&'a Tree>, definitions: &Definitions) -> Gathered<'a> {
    let mut gathered = Gathered { findings: tree.findings.clone(), ..Gathered::default() };
    if let Some(live) = live {
        gathered.cluster(live, definitions);
    }
    for (document, checked) in tree.documents.iter().zip(checked) {
        gathered.seen.insert(document.kind().to_string());
        match checked {
            Ok(object) => {
                gathered.findings.extend(document.findings.iter().cloned());
                gathered.enter(document, object);
            }
            // What is not ours may be written as it likes.
            Err(found) if found.iter().all(|f| f.code.is_note()) => gathered.findings.extend(found),
            Err(mut found) => {
                // What was said of a scalar's reading says more than that it has the wrong type.
                found.retain(|f| !document.findings.iter().any(|said| said.path == f.path));
                found.extend(document.findings.iter().cloned());
                found.sort();
                gathered.refuse(document, found);
            }
        }
    }
    for held in gathered.objects.values().filter(|held| !held.live) {
        *gathered.counts.entry(plural(&held.object)).or_default() += 1;
    }
    gathered
}

impl<'a> Gathered<'a> {
    fn enter(&mut self, document: &'a Document, object: Object) {
        let id = id(document);
        let terminating = document.is_leaving();
        let mut held = Held { object, document, created: None, terminating, live: false };
        match self.objects.get(&id) {
            Some(known) if !known.live && known.document.layer == document.layer => {
                let (object, file) = (document.object(), &known.document.file);
                let line = known.document.place.find("", crate::request::read::End::Key).line;
                let message = Said::both(
                    format!("{object} stands twice, first in {file}:{line}; remove one of them"),
                    format!("{object} ir divreiz, pirmoreiz {file}:{line}; izdzēsiet vienu no abiem"),
                );
                self.findings.push(document.finding(Reason::FieldInvalid, "/metadata/name", message));
            }
            known => {
                // A file says what an object shall be; the cluster says since when there is one.
                if let Some(known) = known {
                    held.created = known.created;
                    held.terminating |= known.terminating;
                }
                self.objects.insert(id, held);
            }
        }
    }

    fn refuse(&mut self, document: &Document, found: Vec<Finding>) {
        if document.kind() == "MunicipalityApp" && !document.name().is_empty() && !document.namespace().is_empty() {
            *self.counts.entry("requests").or_default() += 1;
            self.refused_requests.insert(AppKey::new(document.namespace(), document.name()), found.clone());
        }
        self.findings.extend(found);
    }

    /// Takes over what a cluster holds: it was admitted, so only what cannot be read is said.
    fn cluster(&mut self, live: &'a Tree, definitions: &Definitions) {
        self.findings.extend(live.findings.iter().cloned());
        let checker = Checker::new(definitions);
        for document in &live.documents {
            let created = document.value.pointer("/metadata/creationTimestamp").and_then(Value::as_str).and_then(|t| t.parse().ok());
            match document.kind() {
                "MunicipalityApp" => {
                    let Some(grant) = document.value.pointer("/status/grant").filter(|grant| !grant.is_null()) else {
                        continue;
                    };
                    match serde_json::from_value(grant.clone()) {
                        Ok(grant) => {
                            let key = AppKey::new(document.namespace(), document.name());
                            self.homes.insert(key.municipality.clone());
                            self.standing.insert(key, Standing { grant, created });
                        }
                        Err(error) => {
                            let message = format!("what was granted cannot be read by this release: {error}");
                            self.findings.push(document.finding(Reason::ObjectUnreadable, "/status/grant", message));
                        }
                    }
                }
                "Municipality" | "Namespace" => {
                    self.seen.insert(document.kind().to_string());
                    if document.value.pointer("/status/namespace").is_some_and(Value::is_string) {
                        self.homes.insert(document.name().to_string());
                    }
                    match checker.check(document) {
                        Ok(object) => {
                            let terminating = document.is_leaving();
                            self.objects.insert(id(document), Held { object, document, created, terminating, live: true });
                        }
                        Err(found) => {
                            let problems: Vec<_> = found.into_iter().map(|f| f.message).collect();
                            self.findings.push(document.finding(Reason::ObjectUnreadable, "", problems.join("; ")));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether an app is asked for, well or not.
    #[must_use]
    pub fn asks(&self, key: &AppKey) -> bool {
        let id = Id { kind: "MunicipalityApp".into(), namespace: key.municipality.clone(), name: key.app.clone() };
        self.objects.contains_key(&id) || self.refused_requests.contains_key(key)
    }

    /// Whether a namespace exists that the operator did not make.
    #[must_use]
    pub fn is_foreign(&self, namespace: &str) -> bool {
        let held = self.objects.get(&Id::of("Namespace", namespace));
        held.is_some_and(|held| matches!(held.object, Object::Namespace { ours: false }))
    }
}

fn id(document: &Document) -> Id {
    Id { kind: document.kind().into(), namespace: document.namespace().into(), name: document.name().into() }
}

fn plural(object: &Object) -> &'static str {
    match object {
        Object::Platform(_) => "platforms",
        Object::Class(_) => "data classes",
        Object::System(_) => "systems",
        Object::Municipality(_) => "municipalities",
        Object::App(_) => "requests",
        Object::Namespace { .. } => "namespaces",
    }
}
