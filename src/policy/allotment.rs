//! Where quota is decided: what was granted, what a municipality may have, and what fits.
//!
//! Sizes come from the catalogue, so the budget is arithmetic: the sum of granted sizes stays within
//! the allotment. Usage is never measured.

use super::{Reason, Rejection};
use crate::request::app::Grant;
use crate::request::municipality::Allotment;
use crate::request::names::app_namespace;
use crate::request::quantity::{QuantityError, write_bytes, write_cpu};
use crate::request::said::Said;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Identifies an app: its municipality's slug and its own name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppKey {
    /// The municipality's slug, which is the request's namespace.
    pub municipality: String,
    /// The app's name.
    pub app: String,
}

/// The beginning of the name of what a drill starts; requests may not have it.
const DRILL: &str = "drill-";

impl AppKey {
    /// The key of an app of a municipality.
    pub fn new(municipality: impl Into<String>, app: impl Into<String>) -> Self {
        Self { municipality: municipality.into(), app: app.into() }
    }

    /// The key of what a drill starts in the place of an app: nobody requests it, and it goes with the drill.
    #[must_use]
    pub fn of_drill(municipality: &str, drill: &str) -> Self {
        let digest = Sha256::digest(drill.as_bytes());
        Self::new(municipality, format!("{DRILL}{}", hex::encode(&digest[..4])))
    }

    /// Whether it is what a drill starts. No request has such a name.
    #[must_use]
    pub fn is_drill(&self) -> bool {
        self.app.starts_with(DRILL)
    }

    /// The app's namespace.
    #[must_use]
    pub fn namespace(&self) -> String {
        app_namespace(&self.municipality, &self.app)
    }
}

impl std::fmt::Display for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.municipality, self.app)
    }
}

/// Amounts that are added up and compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU in millicores.
    pub cpu: u64,
    /// Memory in bytes.
    pub memory: u64,
    /// Storage in bytes.
    pub storage: u64,
    /// Number of apps.
    pub apps: u64,
}

/// An amount with its name and how it is written.
type Named = (&'static str, u64, fn(u64) -> String);

impl Amounts {
    /// What one app with this grant takes.
    pub fn of_grant(grant: &Grant) -> Result<Self, QuantityError> {
        Ok(Self { cpu: grant.size.cpu.millis()?, memory: grant.size.memory.bytes()?, storage: grant.size.storage.bytes()?, apps: 1 })
    }

    /// What an allotment allows.
    pub fn of_allotment(allotment: &Allotment) -> Result<Self, QuantityError> {
        Ok(Self {
            cpu: allotment.cpu.millis()?,
            memory: allotment.memory.bytes()?,
            storage: allotment.storage.bytes()?,
            apps: u64::from(allotment.apps),
        })
    }

    fn each(self) -> [Named; 4] {
        [
            ("cpu", self.cpu, write_cpu),
            ("memory", self.memory, write_bytes),
            ("storage", self.storage, write_bytes),
            ("apps", self.apps, |n| n.to_string()),
        ]
    }

    fn plus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_add(other.cpu),
            memory: self.memory.saturating_add(other.memory),
            storage: self.storage.saturating_add(other.storage),
            apps: self.apps.saturating_add(other.apps),
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(other.cpu),
            memory: self.memory.saturating_sub(other.memory),
            storage: self.storage.saturating_sub(other.storage),
            apps: self.apps.saturating_sub(other.apps),
        }
    }

    /// Whether every amount is within `limit`.
    #[must_use]
    pub fn within(self, limit: Self) -> bool {
        self.each().iter().zip(limit.each()).all(|((_, have, _), (_, allowed, _))| *have <= allowed)
    }

    /// The amounts as people read them: `2 cpu, 4Gi memory, 20Gi storage, 3 apps`.
    #[must_use]
    pub fn describe(self) -> String {
        self.each().map(|(name, amount, write)| format!("{} {name}", write(amount))).join(", ")
    }
}

/// What one app holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// What it counts against the allotment.
    pub amounts: Amounts,
    /// The host name that it has claimed.
    pub hostname: Option<String>,
    /// Since when, RFC 3339.
    pub since: String,
    /// The system that runs.
    pub system: String,
    /// Its revision, and the one that it goes back to if need be.
    pub revisions: [Option<String>; 2],
}

/// Everything that was granted, by app, with the sums and claims that decisions ask for.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    holdings: BTreeMap<AppKey, Holding>,
    sums: HashMap<String, Amounts>,
    hosts: HashMap<String, BTreeSet<AppKey>>,
}

impl Ledger {
    /// Enters a grant in place of what the app held before.
    pub fn enter(&mut self, key: &AppKey, grant: &Grant) {
        self.leave(key);
        // A stored grant that cannot be read counts as one app of nothing rather than as no app at all.
        let amounts = Amounts::of_grant(grant).unwrap_or(Amounts { apps: 1, ..Amounts::default() });
        let sum = self.sums.entry(key.municipality.clone()).or_default();
        *sum = sum.plus(amounts);
        if let Some(host) = &grant.hostname {
            self.hosts.entry(host.clone()).or_default().insert(key.clone());
        }
        let holding = Holding {
            amounts,
            hostname: grant.hostname.clone(),
            since: grant.since.clone(),
            system: grant.system.clone(),
            revisions: [Some(grant.revision.clone()), grant.before.as_ref().map(|before| before.revision.clone())],
        };
        self.holdings.insert(key.clone(), holding);
    }

    /// Takes an app out; returns what it held.
    pub fn leave(&mut self, key: &AppKey) -> Option<Holding> {
        let holding = self.holdings.remove(key)?;
        if let Some(sum) = self.sums.get_mut(&key.municipality) {
            *sum = sum.minus(holding.amounts);
        }
        if let Some(host) = &holding.hostname
            && let Some(claims) = self.hosts.get_mut(host)
        {
            claims.remove(key);
            if claims.is_empty() {
                self.hosts.remove(host);
            }
        }
        Some(holding)
    }

    /// The apps that hold something.
    pub fn keys(&self) -> impl Iterator<Item = &AppKey> {
        self.holdings.keys()
    }

    /// What an app holds.
    #[must_use]
    pub fn holding(&self, key: &AppKey) -> Option<&Holding> {
        self.holdings.get(key)
    }

    /// Whether any app has a revision of a system, or may go back to it.
    #[must_use]
    pub fn uses(&self, system: &str, revision: &str) -> bool {
        self.holdings.values().any(|held| held.system == system && held.revisions.iter().flatten().any(|of| of == revision))
    }

    /// What all apps of a municipality hold together.
    #[must_use]
    pub fn granted(&self, municipality: &str) -> Amounts {
        self.sums.get(municipality).copied().unwrap_or_default()
    }

    /// The other app that has claimed a host name, and since when.
    #[must_use]
    pub fn claimant(&self, host: &str, except: &AppKey) -> Option<(&AppKey, &str)> {
        let other = self.hosts.get(host)?.iter().find(|key| *key != except)?;
        self.holdings.get(other).map(|holding| (other, holding.since.as_str()))
    }

    /// The apps of a municipality with what they hold.
    pub fn of(&self, municipality: &str) -> impl Iterator<Item = (&AppKey, &Holding)> {
        let from = AppKey::new(municipality, "");
        let owned = municipality.to_string();
        self.holdings.range(from..).take_while(move |(key, _)| key.municipality == owned)
    }
}

/// Whether a grant fits beside what the municipality's other apps hold.
///
/// An app that was granted before is only asked about what it wants more of: it keeps its place also
/// when the allotment has shrunk.
pub fn check(key: &AppKey, grant: &Grant, allotment: &Allotment, ledger: &Ledger) -> Result<(), Vec<Rejection>> {
    let invalid = |path: &str, problem: QuantityError| vec![Rejection::new(Reason::QuantityInvalid, path, problem.to_string())];
    let wanted = Amounts::of_grant(grant).map_err(|p| invalid("/spec/size", p))?;
    let allowed = Amounts::of_allotment(allotment).map_err(|p| invalid("/spec/allotment", p))?;
    let before = ledger.holding(key).map(|h| h.amounts).unwrap_or_default();
    let total = ledger.granted(&key.municipality).minus(before).plus(wanted);
    let shortages: Vec<Shortage> = (total.each().into_iter())
        .zip(allowed.each())
        .zip(wanted.each().into_iter().zip(before.each()))
        .filter(|((total, allowed), (wanted, before))| total.1 > allowed.1 && wanted.1 > before.1)
        .map(|(((name, total, write), (_, allowed, _)), _)| Shortage { name, by: write(total - allowed), allowed: write(allowed) })
        .collect();
    if shortages.is_empty() {
        return Ok(());
    }
    let message = explain(key, &shortages, ledger);
    Err(vec![Rejection::new(Reason::AllotmentExceeded, "/spec/size", message)])
}

struct Shortage {
    name: &'static str,
    by: String,
    allowed: String,
}

fn explain(key: &AppKey, shortages: &[Shortage], ledger: &Ledger) -> Said {
    let all = |one: fn(&Shortage) -> String| shortages.iter().map(one).collect::<Vec<_>>().join(", ");
    let short = all(|s| format!("{} is short by {} of {}", s.name, s.by, s.allowed));
    let short_lv = all(|s| format!("{}: pietrūkst {} no {}", latvian(s.name), s.by, s.allowed));
    let first = shortages.first().map_or("cpu", |s| s.name);
    let share = |holding: &Holding| holding.amounts.each().into_iter().find(|(name, _, _)| *name == first);
    let mut holders: Vec<_> = ledger
        .of(&key.municipality)
        .filter(|(other, _)| *other != key)
        .filter_map(|(other, holding)| share(holding).map(|(_, amount, write)| (amount, write(amount), &other.app)))
        .collect();
    holders.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.cmp(b.2)));
    let largest = holders.iter().take(3);
    let en = largest.clone().map(|(_, amount, app)| format!("{app} ({amount} {first})")).collect::<Vec<_>>().join(", ");
    let lv = largest.map(|(_, amount, app)| format!("{app} ({}: {amount})", latvian(first))).collect::<Vec<_>>().join(", ");
    let (held, held_lv) = if holders.is_empty() {
        ("nothing else is granted".to_owned(), "nekas cits nav piešķirts".to_owned())
    } else {
        (format!("the largest holders are {en}"), format!("visvairāk aizņem {lv}"))
    };
    Said::both(
        format!(
            "the municipality's allotment does not suffice: {short}; {held}; choose a smaller size or ask the platform admins for a larger allotment"
        ),
        format!(
            "ar pašvaldībai atvēlēto nepietiek — {short_lv}; {held_lv}; izvēlieties mazāku izmēru vai lūdziet platformas administratoriem vairāk"
        ),
    )
}

/// What a kind of amount is called in Latvian.
#[must_use]
pub fn latvian(name: &str) -> &str {
    match name {
        "cpu" => "procesors",
        "memory" => "atmiņa",
        "storage" => "krātuve",
        "apps" => "lietotnes",
        other => other,
    }
}

#[cfg(test)]
mod tests;
