//! The register: the platform's objects as policy reads them, with what is wrong with each.
//!
//! Objects are set and removed one by one; [`Register::refresh`] then finds what concerns several of
//! them, such as two municipalities with one code. The first by creation time, then name, wins.

use super::allotment::{Amounts, AppKey, Ledger};
use super::catalogue::Entry;
use super::{Reason, Rejection};
use crate::desired::Kind;
use crate::request::app::Grant;
use crate::request::names::{SLUG_MAX, is_reserved, is_slug, zones_overlap};
use crate::request::said::listed;
use crate::request::{DataClassSpec, HostedSystemSpec, MunicipalitySpec, PlatformSpec};
use crate::template::{For, Template};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

mod kept;

use kept::Kept;

/// A municipality and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Tenant {
    /// The municipality as written.
    pub spec: Arc<MunicipalitySpec>,
    /// When it was created; files have no time and come after what the cluster has.
    pub created: Option<Timestamp>,
    /// It is being removed.
    pub terminating: bool,
    /// What is wrong with it; a municipality with a problem is refused.
    pub problems: Vec<Rejection>,
}

/// A data class and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Class {
    /// The class as written.
    pub spec: Arc<DataClassSpec>,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// What is wrong with it.
    pub problems: Vec<Rejection>,
}

/// What an app's system consists of.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The objects, each with its kind.
    pub objects: Vec<(Kind, serde_json::Value)>,
    /// What they were rendered from: its secrets and its route.
    pub template: Arc<Template>,
    /// What the entry says of its backups.
    pub backup: crate::backup::coverage::EntryBackup,
}

/// The kinds of object that a problem can concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concern {
    /// A municipality.
    Municipality,
    /// A data class.
    Class,
    /// A catalogue entry.
    System,
}

/// The platform's objects and everything that was granted.
#[derive(Clone, Debug, Default)]
pub struct Register {
    settings: Arc<PlatformSpec>,
    municipalities: BTreeMap<String, Tenant>,
    classes: BTreeMap<String, Class>,
    systems: BTreeMap<String, Entry>,
    unreadable: BTreeMap<(Concern, String), String>,
    /// Revisions that were kept, by system and revision; some of them are still the catalogue's.
    kept: BTreeMap<(String, String), Kept>,
    /// What was granted.
    pub ledger: Ledger,
}

impl Register {
    /// Sets the platform's configuration; `None` means its defaults.
    pub fn set_platform(&mut self, spec: Option<PlatformSpec>) {
        self.settings = Arc::new(spec.unwrap_or_default());
    }

    /// Sets or replaces a municipality.
    pub fn set_municipality(&mut self, name: &str, spec: MunicipalitySpec, created: Option<Timestamp>, terminating: bool) {
        let tenant = Tenant { spec: Arc::new(spec), created, terminating, problems: Vec::new() };
        self.municipalities.insert(name.to_string(), tenant);
    }

    /// Takes a municipality out.
    pub fn remove_municipality(&mut self, name: &str) {
        self.municipalities.remove(name);
    }

    /// Sets or replaces a data class.
    pub fn set_class(&mut self, name: &str, spec: DataClassSpec, created: Option<Timestamp>) {
        self.classes.insert(name.to_string(), Class { spec: Arc::new(spec), created, problems: Vec::new() });
    }

    /// Takes a data class out.
    pub fn remove_class(&mut self, name: &str) {
        self.classes.remove(name);
    }

    /// Sets or replaces a catalogue entry; an unchanged one is not compiled again.
    pub fn set_system(&mut self, name: &str, spec: HostedSystemSpec) {
        if self.systems.get(name).is_none_or(|entry| *entry.spec != spec) {
            let before = self.systems.insert(name.to_string(), Entry::compile(Arc::new(spec)));
            self.remember(name, before.as_ref());
        }
    }

    /// Takes a catalogue entry out.
    pub fn remove_system(&mut self, name: &str) {
        let before = self.systems.remove(name);
        self.remember(name, before.as_ref());
    }

    /// Notes that a stored object cannot be read, or with `None` that it can again.
    pub fn set_unreadable(&mut self, concern: Concern, name: &str, error: Option<String>) {
        match error {
            Some(error) => self.unreadable.insert((concern, name.to_string()), error),
            None => self.unreadable.remove(&(concern, name.to_string())),
        };
    }

    /// Why a stored object cannot be read, if it cannot.
    #[must_use]
    pub fn unreadable(&self, concern: Concern, name: &str) -> Option<Rejection> {
        let error = self.unreadable.get(&(concern, name.to_string()))?;
        let message = format!(
            "the stored object cannot be read by this release: {error}; apply it again as the documentation of this release describes it"
        );
        Some(Rejection::new(Reason::ObjectUnreadable, "", message))
    }

    /// The platform's configuration.
    #[must_use]
    pub fn settings(&self) -> &Arc<PlatformSpec> {
        &self.settings
    }

    /// A municipality by slug.
    #[must_use]
    pub fn municipality(&self, name: &str) -> Option<&Tenant> {
        self.municipalities.get(name)
    }

    /// All municipalities by slug.
    pub fn municipalities(&self) -> impl Iterator<Item = (&String, &Tenant)> {
        self.municipalities.iter()
    }

    /// A data class by name.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.get(name)
    }

    /// All data classes by name.
    pub fn classes(&self) -> impl Iterator<Item = (&String, &Class)> {
        self.classes.iter()
    }

    /// Names of the data classes, by rank.
    #[must_use]
    pub fn class_names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.classes.iter().map(|(name, class)| (class.spec.rank, name.as_str())).collect();
        names.sort_unstable();
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// A catalogue entry by name.
    #[must_use]
    pub fn system(&self, name: &str) -> Option<&Entry> {
        self.systems.get(name)
    }

    /// What the system of a granted app consists of, rendered for it. None when it is not known any more what was
    /// granted, so that nobody knows what shall run.
    #[must_use]
    pub fn render(&self, key: &AppKey, grant: &Grant) -> Option<Rendered> {
        let entry = self.revision(&grant.system, &grant.version, &grant.revision)?;
        let template = entry.template(&grant.version)?;
        let municipality = self.municipality(&key.municipality)?;
        let app = For {
            key,
            municipality: &municipality.spec,
            system: &grant.system,
            version: &grant.version,
            size: &grant.size,
            scheme: self.settings.ingress.scheme,
            hostname: grant.hostname.as_deref(),
            parameters: &grant.parameters,
        };
        let objects = template.render(app).ok()?;
        let backup = entry.version(&grant.version).map(|(version, _)| version.backup.clone()).unwrap_or_default();
        Some(Rendered { objects, template: Arc::clone(template), backup })
    }

    /// All catalogue entries by name.
    pub fn systems(&self) -> impl Iterator<Item = (&String, &Entry)> {
        self.systems.iter()
    }

    /// Names of the catalogue entries.
    #[must_use]
    pub fn system_names(&self) -> Vec<&str> {
        self.systems.keys().map(String::as_str).collect()
    }

    /// Finds again what is wrong with each object, and names those of which that changed.
    /// Call it after changes, before decisions.
    pub fn refresh(&mut self) -> Vec<(Concern, String)> {
        let before = self.problems();
        self.inspect_classes();
        self.inspect_municipalities();
        let problems: Vec<_> = self.systems.values().map(|entry| entry.inspect(self)).collect();
        for (entry, problems) in self.systems.values_mut().zip(problems) {
            entry.problems = problems;
        }
        let after = self.problems();
        let same = |key: &(Concern, String)| before.get(key) == after.get(key);
        after.keys().chain(before.keys().filter(|key| !after.contains_key(*key))).filter(|key| !same(key)).cloned().collect()
    }

    fn problems(&self) -> BTreeMap<(Concern, String), Vec<Rejection>> {
        let municipalities = self.municipalities.iter().map(|(name, t)| ((Concern::Municipality, name.clone()), t.problems.clone()));
        let classes = self.classes.iter().map(|(name, c)| ((Concern::Class, name.clone()), c.problems.clone()));
        let systems = self.systems.iter().map(|(name, e)| ((Concern::System, name.clone()), e.problems.clone()));
        municipalities.chain(classes).chain(systems).collect()
    }

    fn inspect_classes(&mut self) {
        let mut order: Vec<_> = self.classes.iter().map(|(name, c)| (age(c.created), name.clone(), c.spec.rank)).collect();
        order.sort();
        let mut first: BTreeMap<u32, String> = BTreeMap::new();
        for (_, name, rank) in order {
            let holder = first.entry(rank).or_insert_with(|| name.clone()).clone();
            let taken = (holder != name).then(|| {
                let message =
                    format!("rank {rank} belongs to data class `{holder}`; write a rank of its own, so that stricter and weaker are clear");
                Rejection::new(Reason::RankTaken, "/spec/rank", message)
            });
            if let Some(class) = self.classes.get_mut(&name) {
                class.problems = taken.into_iter().collect();
            }
        }
    }

    fn inspect_municipalities(&mut self) {
        let mut order: Vec<_> = self.municipalities.iter().map(|(name, t)| (age(t.created), name.clone())).collect();
        order.sort();
        let mut codes: BTreeMap<String, String> = BTreeMap::new();
        let mut zones: Vec<(String, String)> = Vec::new();
        for (_, name) in order {
            let Some(tenant) = self.municipalities.get(&name) else {
                continue;
            };
            let spec = Arc::clone(&tenant.spec);
            let mut found = alone(&name, &spec, &self.settings);
            if let Some(holder) = codes.get(&spec.code) {
                let message = format!("ATVK code {} belongs to {holder}; write the municipality's own code", spec.code);
                found.push(Rejection::new(Reason::CodeTaken, "/spec/code", message));
            }
            for (index, zone) in spec.zones.iter().enumerate() {
                if let Some((other, holder)) = zones.iter().find(|(other, _)| zones_overlap(zone, other)) {
                    let message = format!("zone `{zone}` overlaps `{other}` of {holder}; write a zone that no other municipality has");
                    found.push(Rejection::new(Reason::ZoneOverlap, format!("/spec/zones/{index}"), message));
                }
            }
            // Only a municipality without problems of its own holds its code and zones against others.
            if found.is_empty() {
                codes.insert(spec.code.clone(), name.clone());
                zones.extend(spec.zones.iter().map(|zone| (zone.clone(), name.clone())));
            }
            if let Some(tenant) = self.municipalities.get_mut(&name) {
                tenant.problems = found;
            }
        }
    }

    /// Reports an allotment that is smaller than what was granted; nobody is evicted for it.
    #[must_use]
    pub fn below_granted(&self, name: &str, spec: &MunicipalitySpec) -> Option<Rejection> {
        let allowed = Amounts::of_allotment(&spec.allotment).ok()?;
        let granted = self.ledger.granted(name);
        let message = || {
            format!(
                "the allotment is {} and {} are granted; nothing is taken away, and nothing more fits until it is raised or apps are removed",
                allowed.describe(),
                granted.describe()
            )
        };
        (!granted.within(allowed)).then(|| Rejection::new(Reason::AllotmentBelowGranted, "/spec/allotment", message()))
    }
}

/// What can be said of a municipality without looking at others.
fn alone(name: &str, spec: &MunicipalitySpec, settings: &PlatformSpec) -> Vec<Rejection> {
    let mut found = Vec::new();
    let mut reject = |reason, path: &str, message: String| found.push(Rejection::new(reason, path, message));
    if !is_slug(name, SLUG_MAX) {
        let message =
            format!("`{name}` cannot be a slug; write lower-case letters, digits and single hyphens, at most {SLUG_MAX} characters");
        reject(Reason::NameInvalid, "/metadata/name", message);
    }
    if is_reserved(name) || settings.reserved_slugs.iter().any(|slug| slug == name) {
        let also = if settings.reserved_slugs.is_empty() {
            String::new()
        } else {
            format!(" and, by the Platform, {}", listed(settings.reserved_slugs.iter().map(String::as_str)))
        };
        let message = format!(
            "the slug `{name}` is reserved; default, kopnams, kube-*, kopnams-*{also} cannot be used; write the municipality's own name"
        );
        reject(Reason::SlugReserved, "/metadata/name", message);
    }
    for (index, member) in spec.members.iter().enumerate().filter(|(_, m)| m.name.starts_with("system:")) {
        let message = format!("`{}` is a group of Kubernetes itself; name a group of your own identity provider", member.name);
        reject(Reason::MemberNotAllowed, &format!("/spec/members/{index}/name"), message);
    }
    let a = &spec.allotment;
    for (field, read) in [("cpu", a.cpu.millis()), ("memory", a.memory.bytes()), ("storage", a.storage.bytes())] {
        if let Err(problem) = read {
            reject(Reason::QuantityInvalid, &format!("/spec/allotment/{field}"), problem.to_string());
        }
    }
    found
}

/// Objects without a creation time, which come from files, come last.
fn age(created: Option<Timestamp>) -> (bool, Option<Timestamp>) {
    (created.is_none(), created)
}
