//! What is allowed: a request and the platform in, a grant or rejections out. Pure.
//!
//! The offline commands and the controller call the same [`decide`]; neither a clock nor the network
//! is asked. What is granted already stands in the [`Ledger`].

pub mod allotment;
pub mod authority;
pub mod catalogue;
pub mod class;
pub mod hostname;
pub mod register;
pub mod rejection;
pub mod rollout;
pub mod wishes;

pub use allotment::{Amounts, AppKey, Ledger};
pub use register::{Concern, Register};
pub use rejection::{Reason, Rejection};
pub use rollout::Course;

use crate::request::app::{Earlier, Grant, GrantedClass, GrantedSize};
use crate::request::backup::AppBackup;
use crate::request::names::{APP_NAME_MAX, is_slug};
use crate::request::quantity::{Bytes, Cpu, write_cpu};
use crate::request::said::{Said, listed, listed_lv};
use crate::request::system::{Size, Version};
use crate::request::{DataClassSpec, MunicipalityAppSpec, written};
use crate::template::For;
use catalogue::Entry;
use jiff::Timestamp;

/// A request as policy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Municipality (the request's namespace) and app.
    pub key: &'a AppKey,
    /// What is asked.
    pub spec: &'a MunicipalityAppSpec,
    /// What is in force, if anything was granted before.
    pub standing: Option<&'a Grant>,
    /// The app's namespace exists and is not the operator's.
    pub namespace_is_foreign: bool,
    /// Which revision of its system it is to have.
    pub turn: Turn,
    /// The revision with which it last answered.
    pub answered: Option<&'a str>,
}

impl<'a> Ask<'a> {
    /// What is in force, if it is of the system that is asked for.
    fn same_system(&self) -> Option<&'a Grant> {
        self.standing.filter(|standing| standing.system == self.spec.system)
    }
}

/// Which revision of its system an app is to have, as the roll-out says (see [`rollout`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Turn {
    /// The catalogue's as it is now.
    #[default]
    Now,
    /// The one that it has, for now.
    Stay,
    /// The one that it had before.
    Back,
}

/// Decides one request. The grant is not yet entered in the ledger.
///
/// Returns every rejection that can be found, the most basic first.
pub fn decide(ask: Ask<'_>, register: &Register, now: Timestamp) -> Result<Grant, Vec<Rejection>> {
    let mut found = misnamed(ask.key);
    let Some(municipality) = register.municipality(&ask.key.municipality) else {
        let home = &ask.key.municipality;
        let message = Said::both(
            format!("namespace `{home}` is not the home of a municipality; write metadata.namespace with your municipality's slug"),
            format!("`{home}` nav nevienas pašvaldības īsais nosaukums; laukā metadata.namespace rakstiet savas pašvaldības īso nosaukumu"),
        );
        found.push(Rejection::new(Reason::NotAHomeNamespace, "/metadata/namespace", message));
        return Err(found);
    };
    if ask.standing.is_none() {
        if municipality.terminating {
            let message = Said::both(
                "the municipality is being removed, so no new app can be made for it",
                "pašvaldība tiek noņemta no platformas, tāpēc jaunu lietotni tai izveidot nevar",
            );
            found.push(Rejection::new(Reason::MunicipalityTerminating, "/metadata/namespace", message));
        }
        if let Some(problem) = municipality.problems.first() {
            let why = &problem.message;
            let message = Said::both(
                format!("the municipality itself is refused: {why}; a platform admin must mend it first"),
                format!("pati pašvaldība ir atteikta ({why}); vispirms tās ieraksts jāizlabo platformas administratoram"),
            );
            found.push(Rejection::new(Reason::MunicipalityRefused, "/metadata/namespace", message));
        }
    }
    if ask.namespace_is_foreign {
        let space = ask.key.namespace();
        let message = Said::both(
            format!(
                "the namespace `{space}` exists and was not made by kopnams; choose another name for the app, or ask a platform admin to remove that namespace"
            ),
            format!(
                "nosaukumvieta `{space}` jau ir, un platforma to nav izveidojusi; izvēlieties lietotnei citu nosaukumu vai lūdziet platformas administratoru to noņemt"
            ),
        );
        found.push(Rejection::new(Reason::NamespaceConflict, "/metadata/name", message));
    }
    found.extend(hostname::check(ask, &municipality.spec.zones, &register.ledger));
    let chosen = choose(ask, register).map_err(|more| found.extend(more)).ok();
    let grant = chosen.and_then(|chosen| {
        if let Some(standing) = chosen.lost {
            return Some(Grant { hostname: ask.spec.hostname.clone(), ..standing.clone() });
        }
        found.extend(class::requirements(ask.spec, chosen.class));
        let size = granted_size(chosen.size).map_err(|problem| found.push(problem)).ok()?;
        if ask.turn != Turn::Back {
            found.extend(shrinks(&size, ask.standing));
        }
        let mut backup = AppBackup::default();
        if let Some(template) = chosen.from.template(&chosen.version.name) {
            let app = For {
                key: ask.key,
                municipality: &municipality.spec,
                system: &ask.spec.system,
                version: &chosen.version.name,
                size: &size,
                scheme: register.settings().ingress.scheme,
                hostname: ask.spec.hostname.as_deref(),
                parameters: &ask.spec.parameters,
            };
            // What can be rendered now can be rendered again, for the same grant.
            match template.render(app) {
                Ok(objects) => match wishes::granted(ask, chosen.version, &objects) {
                    Ok(wishes) => backup = wishes,
                    Err(more) => found.extend(more),
                },
                Err(problem) => {
                    let message = Said::both(&problem, format!("no šiem parametriem sistēmu nevar izveidot: {problem}"));
                    found.push(Rejection::new(Reason::ParametersInvalid, "/spec/parameters", message));
                    return None;
                }
            }
        }
        Some(granted(ask, &chosen, size, backup, now))
    });
    match grant {
        // It had its place before, and what does not answer must not keep it.
        Some(grant) if found.is_empty() && ask.turn == Turn::Back => Ok(grant),
        Some(grant) if found.is_empty() => {
            allotment::check(ask.key, &grant, &municipality.spec.allotment, &register.ledger)?;
            Ok(grant)
        }
        _ => Err(found),
    }
}

/// What is wrong with an app's name.
fn misnamed(key: &AppKey) -> Vec<Rejection> {
    let (name, mut found) = (&key.app, Vec::new());
    if !is_slug(name, APP_NAME_MAX) {
        let message = Said::both(
            format!(
                "`{name}` cannot be an app's name; write lower-case letters, digits and single hyphens, at most {APP_NAME_MAX} characters"
            ),
            format!(
                "`{name}` nevar būt lietotnes nosaukums; rakstiet mazos burtus bez diakritiskajām zīmēm, ciparus un atsevišķas defises, kopā ne vairāk kā {APP_NAME_MAX} rakstzīme"
            ),
        );
        found.push(Rejection::new(Reason::NameInvalid, "/metadata/name", message));
    }
    if key.is_drill() {
        let message = Said::both(
            format!("`{name}` begins as what the platform starts to try backups; write another name, for example majaslapa"),
            format!("nosaukumi, kas sākas kā `{name}`, paredzēti rezerves kopiju pārbaudēm; rakstiet citu, piemēram, majaslapa"),
        );
        found.push(Rejection::new(Reason::NameInvalid, "/metadata/name", message));
    }
    found
}

/// The catalogue objects that a request comes to.
struct Chosen<'a> {
    /// The entry that holds the revision: the one of today, or one that was kept.
    from: &'a Entry,
    version: &'a Version,
    revision: &'a str,
    size: (&'a str, &'a Size),
    class: (&'a str, &'a DataClassSpec),
    /// What is in force, if the app is to keep a revision that nobody has any more: nobody knows what runs there, and
    /// until its turn comes it is left as it is.
    lost: Option<&'a Grant>,
}

/// The grant for what was chosen, with the memory of what the app had.
fn granted(ask: Ask<'_>, chosen: &Chosen<'_>, size: GrantedSize, backup: AppBackup, now: Timestamp) -> Grant {
    let written = written(now);
    let revision = chosen.revision.to_string();
    let same_system = ask.same_system();
    let stays = same_system.filter(|standing| standing.revision == revision);
    let had = |standing: &Grant| Earlier { version: standing.version.clone(), revision: standing.revision.clone(), until: written.clone() };
    let (before, failed) = match (same_system, stays, ask.turn) {
        (_, Some(standing), Turn::Now) => (standing.before.clone(), None),
        (_, Some(standing), _) => (standing.before.clone(), standing.failed.clone()),
        (Some(standing), None, Turn::Back) => (None, Some(had(standing))),
        // What never answered is nothing to go back to.
        (Some(standing), None, _) => {
            let good = standing.before.clone().filter(|before| ask.answered == Some(&before.revision));
            (Some(good.unwrap_or_else(|| had(standing))), None)
        }
        (None, ..) => (None, None),
    };
    Grant {
        system: ask.spec.system.clone(),
        version: chosen.version.name.clone(),
        revision,
        revision_since: stays.map_or_else(|| written.clone(), |standing| standing.revision_since.clone()),
        before,
        failed,
        size,
        data_class: granted_class(chosen.class),
        hostname: ask.spec.hostname.clone(),
        egress: chosen.from.spec.egress.clone(),
        since: ask.standing.map_or_else(|| written.clone(), |standing| standing.since.clone()),
        parameters: ask.spec.parameters.clone(),
        suspend: ask.spec.suspend,
        rotation: ask.spec.rotate_secrets.clone(),
        backup,
    }
}

/// The catalogue objects that a request names, of the revision whose turn it is.
fn choose<'a>(ask: Ask<'a>, register: &'a Register) -> Result<Chosen<'a>, Vec<Rejection>> {
    let spec = ask.spec;
    let Some(entry) = register.system(&spec.system) else {
        if let Some(problem) = register.unreadable(Concern::System, &spec.system) {
            return Err(vec![Rejection::new(Reason::SystemBroken, "/spec/system", problem.message)]);
        }
        let (name, names) = (&spec.system, || register.system_names());
        let message = Said::both(
            format!("the catalogue has no system `{name}`; it has {}", listed(names())),
            format!("katalogā nav sistēmas `{name}`; rakstiet {}", listed_lv(names())),
        );
        return Err(vec![Rejection::new(Reason::SystemUnknown, "/spec/system", message)]);
    };
    if let Some(problem) = entry.problems.first() {
        let (name, maintainer, why) = (&spec.system, &entry.spec.maintainer, &problem.message);
        let message = Said::both(
            format!("the catalogue entry `{name}` has a problem that its maintainer, {maintainer}, must mend: {why}"),
            format!("kataloga ierakstā `{name}` ir kļūda, kas jāizlabo tā uzturētājam ({maintainer}): {why}"),
        );
        return Err(vec![Rejection::new(Reason::SystemBroken, "/spec/system", message)]);
    }
    let mut found = Vec::new();
    let wanted = entry.target(spec.version.as_deref());
    if wanted.is_none() {
        let names = || entry.spec.versions.iter().map(|v| v.name.as_str());
        let (system, wanted) = (&spec.system, spec.version.as_ref().unwrap_or(&entry.spec.default_version));
        let message = Said::both(
            format!("`{system}` has no version `{wanted}`; write one of {}, or leave version out", listed(names())),
            format!("sistēmai `{system}` nav versijas `{wanted}`; rakstiet {}, vai arī izlaidiet lauku version", listed_lv(names())),
        );
        found.push(Rejection::new(Reason::VersionUnknown, "/spec/version", message));
    }
    found.extend(wanted.and_then(|(version, _)| downgrades(ask, entry, version, register)));
    let (from, pick, lost) = match held(ask, register) {
        Some((from, pick)) => (from, Some(pick), None),
        None => (entry, wanted, ask.same_system().filter(|_| ask.turn != Turn::Now)),
    };
    let wanted = spec.size.as_ref().unwrap_or(&from.spec.default_size);
    let size = from.spec.sizes.get_key_value(wanted);
    if size.is_none() {
        let (system, names) = (&spec.system, || from.spec.sizes.keys().map(String::as_str));
        let message = Said::both(
            format!("`{system}` has no size `{wanted}`; write one of {}, or leave size out", listed(names())),
            format!("sistēmai `{system}` nav izmēra `{wanted}`; rakstiet {}, vai arī izlaidiet lauku size", listed_lv(names())),
        );
        found.push(Rejection::new(Reason::SizeUnknown, "/spec/size", message));
    }
    let class = class::choose(spec, &entry.spec, register).map_err(|problem| found.push(problem)).ok();
    found.extend(from.check_parameters(&spec.parameters));
    match (pick, size, class) {
        (Some((version, revision)), Some((name, size)), Some(class)) if found.is_empty() => {
            Ok(Chosen { from, version, revision, size: (name.as_str(), size), class, lost })
        }
        _ => Err(found),
    }
}

/// The revision that an app keeps, or goes back to, where it is not to have the catalogue's.
fn held<'a>(ask: Ask<'a>, register: &'a Register) -> Option<(&'a Entry, (&'a Version, &'a str))> {
    let standing = ask.same_system()?;
    let (version, revision) = match ask.turn {
        Turn::Now => return None,
        Turn::Stay => (&standing.version, &standing.revision),
        Turn::Back => standing.before.as_ref().map(|before| (&before.version, &before.revision))?,
    };
    let from = register.revision(&standing.system, version, revision)?;
    Some((from, from.version(version)?))
}

/// Whether a request goes back to a version that cannot read the app's data.
fn downgrades(ask: Ask<'_>, entry: &Entry, wanted: &Version, register: &Register) -> Option<Rejection> {
    let standing = ask.same_system()?;
    // What the catalogue does by itself is held back by the roll-out and is no fault of the request.
    if ask.turn != Turn::Now && ask.spec.version.is_none() {
        return None;
    }
    let gone = || register.revision(&standing.system, &standing.version, &standing.revision)?.version(&standing.version);
    let migrated = match entry.version(&standing.version) {
        Some(_) => entry.migrated_between(&wanted.name, &standing.version)?,
        // The entry has it no more, so nobody knows which of the two is older.
        None => gone().map(|(version, _)| version).filter(|version| version.migrates)?,
    };
    let (has, migrated, wanted) = (&standing.version, &migrated.name, &wanted.name);
    let message = Said::both(
        format!(
            "the app has version {has} and its data was changed for version {migrated}, which version {wanted} cannot read; keep the version, or ask a platform admin to restore a backup made before"
        ),
        format!(
            "lietotnei ir versija {has}, un tās dati ir pārveidoti versijai {migrated}; versija {wanted} tos nevar nolasīt; paturiet versiju vai lūdziet platformas administratoru atjaunot datus no agrākas rezerves kopijas"
        ),
    );
    Some(Rejection::new(Reason::DowngradeRefused, "/spec/version", message))
}

/// Whether a size has less storage than the app has. Its volumes would stay as they are, and its quota would not hold them.
fn shrinks(size: &GrantedSize, standing: Option<&Grant>) -> Option<Rejection> {
    let standing = standing.map(|standing| &standing.size)?;
    let (before, now) = (standing.storage.bytes().ok()?, size.storage.bytes().ok()?);
    (now < before).then(|| {
        let (wanted, room, had, kept) = (&size.name, &size.storage.0, &standing.storage.0, &standing.name);
        let message = Said::both(
            format!(
                "the size {wanted} has {room} of storage and the app has {had}, and a volume cannot be made smaller; keep {kept}, or take a larger size"
            ),
            format!(
                "izmērā {wanted} krātuve ir {room}, bet lietotnei jau ir {had}, un sējumu samazināt nevar; paturiet {kept} vai izvēlieties lielāku izmēru"
            ),
        );
        Rejection::new(Reason::StorageShrinks, "/spec/size", message)
    })
}

fn granted_size((name, size): (&str, &Size)) -> Result<GrantedSize, Rejection> {
    let invalid = |problem: crate::request::quantity::QuantityError| {
        Rejection::new(Reason::QuantityInvalid, "/spec/size", format!("the size `{name}`: {problem}"))
    };
    let cpu = size.cpu.millis().map_err(invalid)?;
    let burst = size.cpu_burst.as_ref().map_or(Ok(cpu * 4), Cpu::millis).map_err(invalid)?;
    Ok(GrantedSize {
        name: name.to_string(),
        cpu: Cpu(write_cpu(cpu)),
        cpu_burst: Cpu(write_cpu(burst.max(cpu))),
        memory: Bytes::of(size.memory.bytes().map_err(invalid)?),
        storage: Bytes::of(size.storage.bytes().map_err(invalid)?),
        pods: size.pods,
    })
}

fn granted_class((name, class): (&str, &DataClassSpec)) -> GrantedClass {
    GrantedClass { name: name.to_string(), pod_security: class.pod_security, grace_days: class.grace_days }
}

#[cfg(test)]
mod tests;
