//! What is allowed: a request and the platform in, a grant or rejections out. Pure.
//!
//! The offline commands and the controller call the same [`decide`]; neither a clock nor the network
//! is asked. What is granted already stands in the [`Ledger`].

pub mod allotment;
pub mod catalogue;
pub mod hostname;
pub mod register;
pub mod rejection;

pub use allotment::{Amounts, AppKey, Ledger};
pub use register::{Concern, Register};
pub use rejection::{Reason, Rejection};

use crate::request::app::{Grant, GrantedClass, GrantedSize};
use crate::request::names::{APP_NAME_MAX, is_slug};
use crate::request::quantity::{Bytes, Cpu, write_cpu};
use crate::request::system::{HostedSystemSpec, Size, Version};
use crate::request::{DataClassSpec, MunicipalityAppSpec, Requirement};
use crate::template::For;
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
}

/// Decides one request. The grant is not yet entered in the ledger.
///
/// Returns every rejection that can be found, the most basic first.
pub fn decide(ask: Ask<'_>, register: &Register, now: Timestamp) -> Result<Grant, Vec<Rejection>> {
    let mut found = Vec::new();
    if !is_slug(&ask.key.app, APP_NAME_MAX) {
        let message = format!(
            "`{}` cannot be an app's name; write lower-case letters, digits and single hyphens, at most {APP_NAME_MAX} characters",
            ask.key.app
        );
        found.push(Rejection::new(Reason::NameInvalid, "/metadata/name", message));
    }
    let Some(municipality) = register.municipality(&ask.key.municipality) else {
        let message = format!(
            "namespace `{}` is not the home of a municipality; write metadata.namespace with your municipality's slug",
            ask.key.municipality
        );
        found.push(Rejection::new(Reason::NotAHomeNamespace, "/metadata/namespace", message));
        return Err(found);
    };
    if ask.standing.is_none() {
        if municipality.terminating {
            let message = "the municipality is being removed, so no new app can be made for it".to_string();
            found.push(Rejection::new(Reason::MunicipalityTerminating, "/metadata/namespace", message));
        }
        if let Some(problem) = municipality.problems.first() {
            let message = format!("the municipality itself is refused: {}; a platform admin must mend it first", problem.message);
            found.push(Rejection::new(Reason::MunicipalityRefused, "/metadata/namespace", message));
        }
    }
    if ask.namespace_is_foreign {
        let message = format!(
            "the namespace `{}` exists and was not made by kopnams; choose another name for the app, or ask a platform admin to remove that namespace",
            ask.key.namespace()
        );
        found.push(Rejection::new(Reason::NamespaceConflict, "/metadata/name", message));
    }
    found.extend(hostname::check(ask, &municipality.spec.zones, &register.ledger));
    let chosen = choose(ask.spec, register).map_err(|more| found.extend(more)).ok();
    let grant = chosen.and_then(|(system, version, size, class)| {
        found.extend(requirements(ask.spec, class));
        let revision = catalogue::revision(system, version);
        let since = ask.standing.map_or_else(|| now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), |g| g.since.clone());
        let size = granted_size(size).map_err(|problem| found.push(problem)).ok()?;
        if let Some((_, template)) = register.system(&ask.spec.system).and_then(|entry| entry.template(&version.name)) {
            let app = For {
                key: ask.key,
                municipality: &municipality.spec,
                system: &ask.spec.system,
                version: &version.name,
                size: &size,
                hostname: ask.spec.hostname.as_deref(),
                parameters: &ask.spec.parameters,
            };
            // What can be rendered now can be rendered again, for the same grant and parameters.
            if let Err(problem) = template.render(app) {
                found.push(Rejection::new(Reason::ParametersInvalid, "/spec/parameters", problem));
                return None;
            }
        }
        Some(Grant {
            system: ask.spec.system.clone(),
            version: version.name.clone(),
            revision,
            size,
            data_class: granted_class(class),
            hostname: ask.spec.hostname.clone(),
            egress: system.egress.clone(),
            since,
        })
    });
    match grant {
        Some(grant) if found.is_empty() => {
            allotment::check(ask.key, &grant, &municipality.spec.allotment, &register.ledger)?;
            Ok(grant)
        }
        _ => Err(found),
    }
}

type Chosen<'a> = (&'a HostedSystemSpec, &'a Version, (&'a str, &'a Size), (&'a str, &'a DataClassSpec));

/// The catalogue objects that a request names.
fn choose<'a>(spec: &'a MunicipalityAppSpec, register: &'a Register) -> Result<Chosen<'a>, Vec<Rejection>> {
    let Some(entry) = register.system(&spec.system) else {
        if let Some(problem) = register.unreadable(Concern::System, &spec.system) {
            return Err(vec![Rejection::new(Reason::SystemBroken, "/spec/system", problem.message)]);
        }
        let message = format!("the catalogue has no system `{}`; it has {}", spec.system, listed(register.system_names()));
        return Err(vec![Rejection::new(Reason::SystemUnknown, "/spec/system", message)]);
    };
    if let Some(problem) = entry.problems.first() {
        let message = format!(
            "the catalogue entry `{}` has a problem that its maintainer, {}, must mend: {}",
            spec.system, entry.spec.maintainer, problem.message
        );
        return Err(vec![Rejection::new(Reason::SystemBroken, "/spec/system", message)]);
    }
    let system = &entry.spec;
    let mut found = Vec::new();
    let wanted = spec.version.as_ref().unwrap_or(&system.default_version);
    let version = system.versions.iter().find(|v| v.name == *wanted);
    if version.is_none() {
        let names = listed(system.versions.iter().map(|v| v.name.as_str()));
        let message = format!("`{}` has no version `{wanted}`; write one of {names}, or leave version out", spec.system);
        found.push(Rejection::new(Reason::VersionUnknown, "/spec/version", message));
    }
    let wanted = spec.size.as_ref().unwrap_or(&system.default_size);
    let size = system.sizes.get_key_value(wanted);
    if size.is_none() {
        let names = listed(system.sizes.keys().map(String::as_str));
        let message = format!("`{}` has no size `{wanted}`; write one of {names}, or leave size out", spec.system);
        found.push(Rejection::new(Reason::SizeUnknown, "/spec/size", message));
    }
    let class = choose_class(spec, system, register).map_err(|problem| found.push(problem)).ok();
    found.extend(entry.check_parameters(&spec.parameters));
    match (version, size, class) {
        (Some(version), Some((size_name, size)), Some(class)) if found.is_empty() => {
            Ok((system, version, (size_name.as_str(), size), class))
        }
        _ => Err(found),
    }
}

fn choose_class<'a>(
    spec: &'a MunicipalityAppSpec,
    system: &'a HostedSystemSpec,
    register: &'a Register,
) -> Result<(&'a str, &'a DataClassSpec), Rejection> {
    let own = &system.data_class;
    let wanted = spec.data_class.as_ref().unwrap_or(own);
    let path = "/spec/dataClass";
    let Some(class) = register.class(wanted) else {
        if let Some(problem) = register.unreadable(Concern::Class, wanted) {
            return Err(Rejection::new(Reason::DataClassBroken, path, problem.message));
        }
        let names = listed(register.class_names());
        let message = format!("there is no data class `{wanted}`; write one of {names}, or leave dataClass out");
        return Err(Rejection::new(Reason::DataClassUnknown, path, message));
    };
    if let Some(problem) = class.problems.first() {
        let message = format!("the data class `{wanted}` has a problem that a platform admin must mend: {}", problem.message);
        return Err(Rejection::new(Reason::DataClassBroken, path, message));
    }
    let rank = register.class(own).map_or(0, |class| class.spec.rank);
    if class.spec.rank < rank {
        let message = format!(
            "`{}` holds data of class `{own}` and `{wanted}` is weaker; write a stricter class, or leave dataClass out",
            spec.system
        );
        return Err(Rejection::new(Reason::DataClassLowered, path, message));
    }
    Ok((wanted, &class.spec))
}

fn requirements(spec: &MunicipalityAppSpec, (name, class): (&str, &DataClassSpec)) -> Vec<Rejection> {
    let stated = |text: &Option<String>| text.as_ref().is_some_and(|t| !t.trim().is_empty());
    let missing = |requirement: &Requirement| match requirement {
        Requirement::LegalBasis => {
            (!stated(&spec.processing.legal_basis)).then_some(("legalBasis", "the law and article that allow the processing"))
        }
        Requirement::Dpia => {
            (!stated(&spec.processing.dpia)).then_some(("dpia", "the number and date of the data protection impact assessment"))
        }
    };
    let reject = |(field, what): (&str, &str)| {
        let message = format!("data class `{name}` requires processing.{field}; write {what}");
        Rejection::new(Reason::RequirementMissing, format!("/spec/processing/{field}"), message)
    };
    class.requires.iter().filter_map(missing).map(reject).collect()
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

/// `a, b or c`; `none` when there is nothing.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.split_last() {
        None => "none".into(),
        Some((last, [])) => (*last).into(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests;
