//! Checking one object by itself: what the API server would say of it, said offline.
//!
//! The schema and the rules are those of the CRDs, compiled once; nothing is written down twice.

pub mod latvian;
pub mod strict;
pub mod structure;

use super::read::{Code, Document, Finding, place};
use crate::policy::Reason;
use crate::request::said::{Said, listed, listed_lv};
use crate::request::{DataClassSpec, GROUP, HostedSystemSpec, MunicipalityAppSpec, MunicipalitySpec, PlatformSpec, VERSION, names};
use jsonschema::Validator;
use kube::core::cel;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An object that the API server would take, as the release reads it.
#[derive(Clone, Debug)]
pub enum Object {
    /// The platform's configuration.
    Platform(PlatformSpec),
    /// A data class.
    Class(DataClassSpec),
    /// A catalogue entry.
    System(Box<HostedSystemSpec>),
    /// A municipality.
    Municipality(Box<MunicipalitySpec>),
    /// A request; there are many, and two sides of a change share what stands in both.
    App(Arc<MunicipalityAppSpec>),
    /// A namespace that exists, and whether the operator made it.
    Namespace {
        /// It carries the operator's label.
        ours: bool,
    },
}

/// The definitions of all kinds, compiled.
pub struct Definitions {
    kinds: BTreeMap<&'static str, Definition>,
}

struct Definition {
    namespaced: bool,
    /// As in the CRD, for defaults.
    open: Value,
    /// As a strict reader needs it.
    strict: Value,
    validator: Validator,
    rules: cel::CompiledSchema,
}

/// A definition of this release that cannot be compiled.
#[derive(Debug, thiserror::Error)]
#[error("the definition of {kind} cannot be compiled: {problem}")]
pub struct DefinitionError {
    kind: &'static str,
    problem: String,
}

/// What is said of one object at most: whoever has more to mend begins with these.
pub const FINDINGS: usize = 1_000;

const KINDS: [&str; 5] = ["Platform", "DataClass", "HostedSystem", "Municipality", "MunicipalityApp"];

impl Definitions {
    /// Compiles the definitions of this release.
    pub fn compile() -> Result<Self, DefinitionError> {
        let mut kinds = BTreeMap::new();
        for definition in crate::request::crds() {
            let Some(kind) = KINDS.into_iter().find(|kind| *kind == definition.spec.names.kind) else {
                continue;
            };
            let failed = |problem: String| DefinitionError { kind, problem };
            let version = definition.spec.versions.iter().find(|v| v.name == VERSION);
            let schema = version.and_then(|v| v.schema.as_ref()).and_then(|s| s.open_api_v3_schema.as_ref());
            let open = serde_json::to_value(schema).map_err(|error| failed(error.to_string()))?;
            let strict = strict::strict(&open);
            let validator = jsonschema::options().build(&strict).map_err(|error| failed(error.to_string()))?;
            let rules = cel::compile_schema(&open);
            let namespaced = definition.spec.scope == "Namespaced";
            kinds.insert(kind, Definition { namespaced, open, strict, validator, rules });
        }
        Ok(Self { kinds })
    }
}

/// Checks objects one after another; each thread has its own.
pub struct Checker<'a> {
    definitions: &'a Definitions,
    rules: cel::Validator,
}

impl<'a> Checker<'a> {
    /// A checker with these definitions.
    #[must_use]
    pub fn new(definitions: &'a Definitions) -> Self {
        Self { definitions, rules: cel::Validator::new() }
    }

    /// Reads a document as an object, or says why the API server would refuse it or nobody looks at it.
    pub fn check(&self, document: &Document) -> Result<Object, Vec<Finding>> {
        let found = |path: &str, message: Said| Err(vec![document.finding_of_key(Reason::FieldInvalid, path, message)]);
        if !document.value.is_object() {
            let message = Said::both(
                "a document is an object with apiVersion, kind, metadata and spec",
                "dokumentam jāsastāv no laukiem apiVersion, kind, metadata un spec",
            );
            return found("", message);
        }
        let (version, kind) = (document.api_version(), document.kind());
        if (version, kind) == ("v1", "Namespace") {
            let label = |name: &str| document.value.pointer(&place::joined("/metadata/labels", name)).and_then(Value::as_str);
            return Ok(Object::Namespace { ours: label(names::MANAGED_BY) == Some(names::MANAGER) });
        }
        if version.is_empty() || kind.is_empty() {
            let missing = if version.is_empty() { "apiVersion" } else { "kind" };
            let hint = |all: String| if version.is_empty() { format!("{GROUP}/{VERSION}") } else { all };
            let message = Said::both(
                format!("{missing} is missing or not text; write {missing}: {}", hint(listed(KINDS))),
                format!("lauka {missing} trūkst, vai arī tas nav teksts; rakstiet {missing}: {}", hint(listed_lv(KINDS))),
            );
            return found(&format!("/{missing}"), message);
        }
        let Some(version) = version.strip_prefix(GROUP).and_then(|rest| rest.strip_prefix('/')) else {
            if self.definitions.kinds.contains_key(kind) {
                let message = Said::both(
                    format!("{kind} belongs to {GROUP}/{VERSION}; write apiVersion: {GROUP}/{VERSION}"),
                    format!("{kind} pieder {GROUP}/{VERSION}; rakstiet apiVersion: {GROUP}/{VERSION}"),
                );
                return found("/apiVersion", message);
            }
            let message = Said::both(
                format!("{kind} of {version} is no object of {GROUP}; it is passed over"),
                format!("{kind} ({version}) nav {GROUP} objekts; tas netiek lasīts"),
            );
            return Err(vec![document.finding(Code::Ignored, "/kind", message)]);
        };
        if version != VERSION {
            let message = Said::both(
                format!("this release has no version `{version}` of {GROUP}; write {GROUP}/{VERSION}"),
                format!("šajā programmā nav {GROUP} versijas `{version}`; rakstiet {GROUP}/{VERSION}"),
            );
            return found("/apiVersion", message);
        }
        let Some((kind, definition)) = self.definitions.kinds.get_key_value(kind) else {
            let near = structure::did_you_mean(kind, KINDS);
            let message = Said::both(
                format!("{GROUP} has no kind `{kind}`; write one of {}{}", listed(KINDS), near.en),
                format!("grupā {GROUP} nav objekta veida `{kind}`; rakstiet {}{}", listed_lv(KINDS), near.lv),
            );
            return found("/kind", message);
        };
        self.check_kind(document, kind, definition)
    }

    fn check_kind(&self, document: &Document, kind: &str, definition: &Definition) -> Result<Object, Vec<Finding>> {
        let mut value = document.value.clone();
        if let Some(map) = value.as_object_mut() {
            // Only the operator writes status; the API server drops it from what is applied.
            map.remove("status");
        }
        strict::without_defaulted_nulls(&mut value, &definition.open);
        let mut found = structure::metadata(document, definition.namespaced);
        if !definition.validator.is_valid(&value) {
            let errors = definition.validator.iter_errors(&value).take(FINDINGS);
            found.extend(errors.map(|error| structure::explain(document, &definition.strict, &error)));
        }
        if !found.is_empty() {
            return Err(found);
        }
        if let Err(errors) = self.rules.validate_compiled(&definition.rules, &value, None) {
            return Err(broken_rules(document, &value, &errors));
        }
        let spec = value.get_mut("spec").map(Value::take).unwrap_or_default();
        read(kind, spec).map_err(|error| {
            vec![document.finding(
                Reason::FieldInvalid,
                "/spec",
                Said::both(format!("it cannot be read: {error}"), format!("to nevar nolasīt: {error}")),
            )]
        })
    }
}

fn read(kind: &str, spec: Value) -> serde_json::Result<Object> {
    Ok(match kind {
        "Platform" => Object::Platform(serde_json::from_value(spec)?),
        "DataClass" => Object::Class(serde_json::from_value(spec)?),
        "HostedSystem" => Object::System(serde_json::from_value(spec)?),
        "Municipality" => Object::Municipality(serde_json::from_value(spec)?),
        _ => Object::App(Arc::new(serde_json::from_value(spec)?)),
    })
}

fn broken_rules(document: &Document, value: &Value, errors: &[cel::ValidationError]) -> Vec<Finding> {
    let broken = |error: &&cel::ValidationError| error.kind == cel::ErrorKind::ValidationFailure;
    // A rule that could not be evaluated usually follows from one that was broken.
    let any_broken = errors.iter().any(|error| broken(&error));
    let told = errors.iter().filter(|error| !any_broken || broken(error));
    told.map(|error| {
        let (reason, message) = Reason::of_rule(&error.message);
        let path = strict::pointer(&error.field_path, value);
        // A rule about several fields stands on what is around them and names the one to mend first.
        let named = message.split(' ').next().unwrap_or_default();
        let path = if path.is_empty() && error.rule.contains("self.metadata.name") {
            "/metadata/name".to_string()
        } else if value.pointer(&path).is_some_and(|around| around.get(named).is_some()) {
            place::joined(&path, named)
        } else {
            path
        };
        document.finding(reason, &path, Said { en: message.to_owned(), lv: latvian::of_rule(message).map(str::to_owned) })
    })
    .collect()
}

#[cfg(test)]
mod tests;
