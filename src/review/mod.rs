//! What files come to: documents in, findings and decisions out. Pure; the commands only print it.
//!
//! The same checks, the same register and the same [`decide`] as on a cluster, in the same order. An
//! object that the API server would refuse does not exist for the decisions after it.

pub mod change;
pub mod drift;
pub mod gather;

use crate::desired::{self, AppTenant, DesiredSet, Identity, Workload};
use crate::policy::{AppKey, Ask, Concern, Reason, Register, Rejection, Turn, decide};
use crate::request::app::{Grant, MunicipalityAppSpec};
use crate::request::check::{Definitions, Object};
use crate::request::names::canonical_host;
use crate::request::read::{Document, Finding, Tree};
use crate::request::said::Said;
use gather::{Checked, Gathered, Id};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What a set of files comes to.
#[derive(Debug, Default)]
pub struct Review {
    /// Everything that was found, in the order of the files.
    pub findings: Vec<Finding>,
    /// How many objects of each kind are among the files.
    pub counts: BTreeMap<&'static str, usize>,
    /// The platform's objects, and what is granted after the decisions.
    pub register: Register,
    /// The requests, by municipality and app.
    pub apps: BTreeMap<AppKey, Outcome>,
    /// The municipalities that are among the files, with what becomes of their homes.
    pub homes: BTreeMap<String, Home>,
    /// Nothing of the catalogue is among the files, so requests were checked by themselves only.
    pub undecided: bool,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is new and granted.
    Created(Grant),
    /// It was granted before, and is granted otherwise now.
    Changed {
        /// What was granted.
        before: Box<Grant>,
        /// What is granted now.
        now: Box<Grant>,
    },
    /// It stays as it was granted.
    Unchanged(Grant),
    /// It was granted before and is not among the files; files do not remove it.
    Elsewhere(Grant),
    /// It is refused; what was granted before stands.
    Refused {
        /// Why.
        because: Vec<Finding>,
        /// What was granted before.
        standing: Option<Box<Grant>>,
    },
}

impl Outcome {
    /// What is granted by this, with what was granted before; none when nothing becomes otherwise.
    #[must_use]
    pub fn granted(&self) -> Option<(Option<&Grant>, &Grant)> {
        match self {
            Self::Created(now) => Some((None, now)),
            Self::Changed { before, now } => Some((Some(&**before), &**now)),
            Self::Unchanged(_) | Self::Elsewhere(_) | Self::Refused { .. } => None,
        }
    }

    /// Why it is refused; nothing if it is not.
    #[must_use]
    pub fn because(&self) -> &[Finding] {
        match self {
            Self::Refused { because, .. } => because,
            _ => &[],
        }
    }

    /// What is in force afterwards.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        match self {
            Self::Created(grant) | Self::Unchanged(grant) | Self::Elsewhere(grant) => Some(grant),
            Self::Changed { now, .. } => Some(now),
            Self::Refused { standing, .. } => standing.as_deref(),
        }
    }
}

/// What becomes of a municipality's home namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// It will be made.
    Created,
    /// It exists.
    Exists,
    /// The municipality is refused or being removed, so nothing is made.
    Refused,
}

/// Reviews files, and with `live` what a cluster holds beside them.
#[must_use]
pub fn review(tree: &Tree, live: Option<&Tree>, definitions: &Definitions, now: Timestamp) -> Review {
    review_checked(tree, gather::check(tree, definitions), live, definitions, now)
}

/// The same of files whose documents were checked already.
#[must_use]
pub fn review_checked(tree: &Tree, checked: Vec<Checked>, live: Option<&Tree>, definitions: &Definitions, now: Timestamp) -> Review {
    review_of(gather::gather_checked(tree, checked, live, definitions), now)
}

/// Decides what was gathered.
fn review_of(mut gathered: Gathered<'_>, now: Timestamp) -> Review {
    let mut review = Review { findings: gathered.findings.clone(), counts: gathered.counts.clone(), ..Review::default() };
    review.undecided = !["Municipality", "HostedSystem", "DataClass"].iter().any(|kind| gathered.seen.contains(*kind));
    if !review.undecided {
        register(&gathered, &mut review);
        decide_requests(&mut gathered, &mut review, now);
        municipalities(&gathered, &mut review);
    }
    for (key, because) in gathered.refused_requests {
        let standing = gathered.standing.get(&key).map(|live| Box::new(live.grant.clone()));
        review.apps.insert(key, Outcome::Refused { because, standing });
    }
    review.findings.sort();
    review.findings.dedup();
    review
}

/// Enters the platform's objects and what is granted already, and says what is wrong with them.
fn register(gathered: &Gathered<'_>, review: &mut Review) {
    let register = &mut review.register;
    for (id, object) in &gathered.objects {
        match &object.object {
            Object::Platform(spec) => register.set_platform(Some(spec.clone())),
            Object::Class(spec) => register.set_class(&id.name, spec.clone(), object.created),
            Object::System(spec) => register.set_system(&id.name, (**spec).clone()),
            Object::Municipality(spec) => register.set_municipality(&id.name, (**spec).clone(), object.created, object.terminating),
            Object::App(_) | Object::Namespace { .. } => {}
        }
    }
    for (key, live) in &gathered.standing {
        register.ledger.enter(key, &live.grant);
    }
    register.refresh();
    let municipalities = register.municipalities().map(|(name, t)| (Id::of("Municipality", name), &t.problems));
    let classes = register.classes().map(|(name, c)| (Id::of("DataClass", name), &c.problems));
    let systems = register.systems().map(|(name, e)| (Id::of("HostedSystem", name), &e.problems));
    for (id, problems) in municipalities.chain(classes).chain(systems) {
        if let Some(object) = gathered.objects.get(&id) {
            review.findings.extend(problems.iter().map(|problem| told(object.document, problem)));
        }
    }
}

/// Decides the requests in the order of the cluster: by creation, then by name.
fn decide_requests(gathered: &mut Gathered<'_>, review: &mut Review, now: Timestamp) {
    let mut asks = Vec::new();
    // They are taken out: what one asked for is let go of when it is decided, for it is in what was granted.
    for (id, object) in gathered.objects.extract_if(.., |_, object| matches!(object.object, Object::App(_))) {
        if let Object::App(spec) = object.object {
            let key = AppKey::new(id.namespace, id.name);
            let created = gathered.standing.get(&key).and_then(|live| live.created);
            asks.push(((created.is_none(), created, key), spec, object.document));
        }
    }
    asks.sort_by(|a, b| a.0.cmp(&b.0));
    for ((_, _, key), spec, document) in asks {
        let standing = gathered.standing.get(&key).map(|live| &live.grant);
        let namespace_is_foreign = gathered.is_foreign(&key.namespace());
        // What is rolled out in turn on a cluster is planned as it will be in the end.
        let ask = Ask { key: &key, spec: &spec, standing, namespace_is_foreign, turn: Turn::Now, answered: None };
        let outcome = match decide(ask, &review.register, now) {
            Ok(grant) => {
                review.register.ledger.enter(&key, &grant);
                match standing {
                    None => Outcome::Created(grant),
                    Some(before) if *before == grant => Outcome::Unchanged(grant),
                    Some(before) => Outcome::Changed { before: Box::new(before.clone()), now: Box::new(grant) },
                }
            }
            Err(rejections) => {
                let because: Vec<_> = rejections.iter().map(|rejection| told_of_request(document, &spec, rejection)).collect();
                review.findings.extend(because.iter().cloned());
                Outcome::Refused { because, standing: standing.cloned().map(Box::new) }
            }
        };
        review.apps.insert(key, outcome);
    }
    for (key, live) in &gathered.standing {
        review.apps.entry(key.clone()).or_insert_with(|| Outcome::Elsewhere(live.grant.clone()));
    }
}

/// Says what becomes of the homes, and which allotments are below what is granted.
fn municipalities(gathered: &Gathered<'_>, review: &mut Review) {
    for (name, tenant) in review.register.municipalities() {
        let Some(object) = gathered.objects.get(&Id::of("Municipality", name)) else {
            continue;
        };
        let foreign = gathered.is_foreign(name).then(|| {
            let message = format!(
                "the namespace `{name}` exists and was not made by kopnams; ask a platform admin to remove it, or choose another slug"
            );
            Rejection::new(Reason::NamespaceConflict, "/metadata/name", message)
        });
        let below = review.register.below_granted(name, &tenant.spec);
        let refused = !tenant.problems.is_empty() || tenant.terminating || foreign.is_some();
        let home = match (refused, gathered.homes.contains(name.as_str())) {
            (_, true) => Home::Exists,
            (true, false) => Home::Refused,
            (false, false) => Home::Created,
        };
        review.homes.insert(name.clone(), home);
        review.findings.extend(foreign.iter().chain(&below).map(|problem| told(object.document, problem)));
    }
}

fn told(document: &Document, rejection: &Rejection) -> Finding {
    let said = Said { en: rejection.message.clone(), lv: rejection.latvian.clone() };
    document.finding(rejection.reason, &rejection.path, said)
}

fn told_of_request(document: &Document, spec: &MunicipalityAppSpec, rejection: &Rejection) -> Finding {
    let found = told(document, rejection);
    // In other letters it is the same address.
    let host = spec.hostname.as_deref().filter(|_| rejection.reason == Reason::HostnameInvalid);
    match host.map(|host| (host, host.to_ascii_lowercase())).filter(|(_, lower)| canonical_host(lower).is_some()) {
        Some((host, lower)) => found.with_fix(host, &lower),
        None => found,
    }
}

impl Review {
    /// Whether anything must be mended.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(|finding| !finding.code.is_note())
    }

    /// The files with something to mend, and how much there is.
    #[must_use]
    pub fn to_mend(&self) -> (usize, usize) {
        let mend: Vec<_> = self.findings.iter().filter(|finding| !finding.code.is_note()).collect();
        let files: BTreeSet<&str> = mend.iter().map(|finding| finding.file.as_ref()).collect();
        (mend.len(), files.len())
    }

    /// What is wrong with a catalogue object, for tests and reports.
    #[must_use]
    pub fn problems(&self, concern: Concern, name: &str) -> &[Rejection] {
        match concern {
            Concern::Municipality => self.register.municipality(name).map(|t| &t.problems),
            Concern::Class => self.register.class(name).map(|c| &c.problems),
            Concern::System => self.register.system(name).map(|e| &e.problems),
        }
        .map_or(&[], Vec::as_slice)
    }

    /// Everything of a granted app, as the operator would make it; its tenant id is not known yet.
    #[must_use]
    pub fn desired_app(&self, key: &AppKey, grant: &Grant) -> DesiredSet {
        let members = self.register.municipality(&key.municipality).map_or(&[][..], |tenant| &tenant.spec.members);
        let rendered = self.register.render(key, grant);
        let workload = rendered.as_ref().map(|r| Workload { objects: &r.objects, route: r.template.route.as_ref(), paused: grant.suspend });
        let tenant = AppTenant { key, grant, tenant_id: "", seals: None, retiring: None, members, workload, backup: &[] };
        desired::app(tenant, self.register.settings(), &Identity::default())
    }

    /// Everything of a municipality's home.
    #[must_use]
    pub fn desired_home(&self, municipality: &str) -> DesiredSet {
        let members = self.register.municipality(municipality).map_or(&[][..], |tenant| &tenant.spec.members);
        desired::home(municipality, "", None, members)
    }
}

#[cfg(test)]
mod tests;
