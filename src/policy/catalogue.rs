//! Reading a catalogue entry: is it sound, and do a request's parameters fit it?

use super::{Reason, Register, Rejection};
use crate::backup::check;
use crate::request::HostedSystemSpec;
use crate::request::check::latvian;
use crate::request::quantity::{Bytes, Cpu};
use crate::request::said::Said;
use crate::request::system::{TEXTS, Version};
use crate::template::Template;
use jiff::civil::Date;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Longest parameters of a request, as JSON, in bytes.
pub const PARAMETERS_MOST: usize = 64 * 1024;

/// A catalogue entry that was read once for many requests.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The entry as written.
    pub spec: Arc<HostedSystemSpec>,
    /// What is wrong with it; a request for a broken entry is refused.
    pub problems: Vec<Rejection>,
    validator: Result<Arc<Validator>, String>,
    /// The versions' objects, read, in the order of the versions.
    templates: Vec<Arc<Template>>,
    /// Their revisions, in the same order.
    revisions: Vec<String>,
    /// What is wrong with them; it concerns the entry alone, so it is found once.
    flaws: Vec<Rejection>,
}

impl Entry {
    /// Reads an entry for the first time: compiles its parameter schema.
    ///
    /// Patterns run in linear time, so a parameter cannot keep the operator busy.
    #[must_use]
    pub fn compile(spec: Arc<HostedSystemSpec>) -> Self {
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        let validator = if spec.parameters.get("type") == Some(&Value::from("object")) {
            options.build(&spec.parameters).map(Arc::new).map_err(|error| format!("at {}: {error}", error.instance_path()))
        } else {
            Err("its type is not object".into())
        };
        let read = spec.versions.iter().enumerate().map(|(index, version)| Template::read(&spec, index, version));
        let (templates, flaws): (Vec<_>, Vec<_>) = read.map(|(template, flaws)| (Arc::new(template), flaws)).unzip();
        let backups = spec.versions.iter().enumerate().flat_map(|(index, version)| backup_flaws(index, version));
        let flaws = flaws.into_iter().flatten().chain(backups).collect();
        let revisions = spec.versions.iter().map(|version| revision(&spec, version)).collect();
        Self { spec, problems: Vec::new(), validator, templates, revisions, flaws }
    }

    /// A version by name, with its revision.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<(&Version, &str)> {
        self.revisions().find(|(version, _)| version.name == name)
    }

    /// The versions in their order, each with its revision.
    pub fn revisions(&self) -> impl Iterator<Item = (&Version, &str)> {
        self.spec.versions.iter().zip(self.revisions.iter().map(String::as_str))
    }

    /// The version that a request for `wanted` gets, with its revision: the entry's own choice when it names none.
    #[must_use]
    pub fn target(&self, wanted: Option<&str>) -> Option<(&Version, &str)> {
        self.version(wanted.unwrap_or(&self.spec.default_version))
    }

    /// Whether going from one version to another goes back in the entry's order, or may do so: of a version that the entry
    /// does not have nobody knows.
    #[must_use]
    pub fn goes_back(&self, from: &str, to: &str) -> bool {
        self.position(from).zip(self.position(to)).is_none_or(|(from, to)| to < from)
    }

    /// A version between the two, the newer one included, after which older versions cannot read the data.
    #[must_use]
    pub fn migrated_between(&self, older: &str, newer: &str) -> Option<&Version> {
        let (older, newer) = self.position(older).zip(self.position(newer))?;
        self.spec.versions.get(older + 1..=newer)?.iter().find(|version| version.migrates)
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.spec.versions.iter().position(|version| version.name == name)
    }

    /// What a version consists of.
    #[must_use]
    pub fn template(&self, version: &str) -> Option<&Arc<Template>> {
        self.templates.get(self.position(version)?)
    }

    /// Finds what is wrong with the entry on this platform.
    #[must_use]
    pub fn inspect(&self, register: &Register) -> Vec<Rejection> {
        let mut found = Vec::new();
        let spec = &self.spec;
        let mut reject = |reason, path: String, message: String| found.push(Rejection::new(reason, path, message));
        if let Err(problem) = &self.validator {
            let message = format!(
                "parameters is not a JSON schema of an object ({problem}); write type: object with properties, or leave parameters out"
            );
            reject(Reason::ParametersSchemaInvalid, "/spec/parameters".into(), message);
        }
        for (name, size) in &spec.sizes {
            let burst = size.cpu_burst.as_ref();
            let amounts = [
                ("cpu", size.cpu.millis()),
                ("cpuBurst", burst.map_or(Ok(0), Cpu::millis)),
                ("memory", Bytes::bytes(&size.memory)),
                ("storage", Bytes::bytes(&size.storage)),
            ];
            for (field, problem) in amounts.into_iter().filter_map(|(field, read)| read.err().map(|p| (field, p))) {
                reject(Reason::QuantityInvalid, format!("/spec/sizes/{name}/{field}"), problem.to_string());
            }
        }
        let mut names: Vec<&str> = spec.versions.iter().map(|v| v.name.as_str()).collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("version `{twice}` stands twice; give each version its own name");
            reject(Reason::VersionRepeated, "/spec/versions".into(), message);
        }
        for (index, version) in spec.versions.iter().enumerate() {
            if let Some(day) = version.eol.as_ref().filter(|day| day.parse::<Date>().is_err()) {
                let message = format!("`{day}` is no day of the calendar; write for example \"2027-12-31\"");
                reject(Reason::FieldInvalid, format!("/spec/versions/{index}/eol"), message);
            }
        }
        if !names.contains(&spec.default_version.as_str()) {
            let message = format!("defaultVersion `{}` is not among versions; write one of their names", spec.default_version);
            reject(Reason::VersionUnknown, "/spec/defaultVersion".into(), message);
        }
        if !spec.sizes.contains_key(&spec.default_size) {
            let message = format!("defaultSize `{}` is not among sizes; write one of their names", spec.default_size);
            reject(Reason::SizeUnknown, "/spec/defaultSize".into(), message);
        }
        if register.class(&spec.data_class).is_none() {
            let classes = super::listed(register.class_names());
            let message = format!("there is no data class `{}`; write one of {classes}", spec.data_class);
            reject(Reason::DataClassUnknown, "/spec/dataClass".into(), message);
        }
        for (index, name) in spec.egress.iter().enumerate().filter(|(_, name)| !register.settings().egress.contains_key(*name)) {
            let known = super::listed(register.settings().egress.keys().map(String::as_str));
            let message = format!("the platform has no destination `{name}`; write one of {known}, or add it to the Platform's egress");
            reject(Reason::EgressUnknown, format!("/spec/egress/{index}"), message);
        }
        if spec.maintainer != "platform" && register.municipality(&spec.maintainer).is_none() {
            let message = format!("the maintainer `{}` is not a municipality; write platform or a municipality's slug", spec.maintainer);
            reject(Reason::MaintainerUnknown, "/spec/maintainer".into(), message);
        }
        found.extend(self.flaws.iter().cloned());
        found
    }

    /// Checks a request's parameters against the entry's schema; a request without any has an empty object.
    #[must_use]
    pub fn check_parameters(&self, parameters: &Value) -> Vec<Rejection> {
        let empty = Value::Object(serde_json::Map::new());
        let given = if parameters.is_null() { &empty } else { parameters };
        let length = given.to_string().len();
        if length > PARAMETERS_MOST {
            let (is, most) = (length.div_ceil(1024), PARAMETERS_MOST / 1024);
            let message = Said::both(
                format!("the parameters are {is} KiB long; at most {most} KiB are taken"),
                format!("parametri kopā ir {is} KiB gari; drīkst būt ne vairāk kā {most} KiB"),
            );
            return vec![Rejection::new(Reason::ParametersInvalid, "/spec/parameters", message)];
        }
        let Ok(validator) = &self.validator else {
            return Vec::new();
        };
        let reject = |error: jsonschema::ValidationError<'_>| {
            let place = error.instance_path().to_string();
            let rule = error.schema_path().to_string();
            let shown = if place.is_empty() { "/" } else { &place };
            // The value itself may be private or very long: the rule and the place say enough.
            let message = Said::both(
                format!("parameters{shown}: {} (rule {rule} of the catalogue)", error.masked_with("the value")),
                latvian::parameters(&error),
            );
            Rejection::new(Reason::ParametersInvalid, format!("/spec/parameters{place}"), message)
        };
        validator.iter_errors(given).take(10).map(reject).collect()
    }
}

/// What a version says of its backups and does not fit its objects.
fn backup_flaws(index: usize, version: &Version) -> Vec<Rejection> {
    let kind = |object: &Value| crate::template::shape::kind(object).ok().map(|kind| (kind, object.clone()));
    let objects: Vec<_> = version.objects.iter().filter_map(kind).collect();
    let reject = |message| Rejection::new(Reason::BackupInvalid, format!("/spec/versions/{index}/backup"), message);
    let checks = check::entry_problems(&version.backup.checks, &objects, version.route.is_some());
    version.backup.problems(&objects).into_iter().chain(checks).map(reject).collect()
}

/// The revision of a version: a hash of its objects and of what fills them, so that an edit shows.
#[must_use]
pub fn revision(entry: &HostedSystemSpec, version: &Version) -> String {
    // The map of a JSON value is sorted, so this text is canonical.
    let parts = serde_json::json!({
        "version": version.name, "objects": version.objects, "images": version.images, "secrets": version.secrets, "route": version.route,
        // A new default of a parameter, a size's numbers and where the system may connect to change what runs, too.
        "parameters": without_texts(&entry.parameters), "sizes": entry.sizes, "defaultSize": entry.default_size, "egress": entry.egress,
    });
    let canonical = parts.to_string();
    hex::encode(&Sha256::digest(canonical.as_bytes())[..6])
}

/// A schema without what its parameters are called in forms: other words change nothing that runs.
fn without_texts(schema: &Value) -> Value {
    let Value::Object(keywords) = schema else { return schema.clone() };
    let kept = keywords.iter().filter(|(keyword, _)| *keyword != TEXTS).map(|(keyword, value)| {
        let value = match (keyword.as_str(), value) {
            // Names of parameters, of which one may be called like the keyword.
            ("properties" | "patternProperties" | "$defs" | "definitions", Value::Object(schemas)) => {
                Value::Object(schemas.iter().map(|(name, schema)| (name.clone(), without_texts(schema))).collect())
            }
            // Values, and no schemas.
            ("default" | "const" | "enum" | "examples", value) => value.clone(),
            (_, Value::Array(schemas)) => schemas.iter().map(without_texts).collect(),
            (_, schema) => without_texts(schema),
        };
        (keyword.clone(), value)
    });
    Value::Object(kept.collect())
}

/// What a revision consists of: the entry with that one version. Kept beside the entry as long as an app has it.
#[must_use]
pub fn only(entry: &HostedSystemSpec, version: &Version) -> HostedSystemSpec {
    let mut version = version.clone();
    // How long it is looked after is said by the entry as it is now.
    version.eol = None;
    HostedSystemSpec { default_version: version.name.clone(), versions: vec![version], ..entry.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_parameter_is_called_is_no_part_of_what_runs() {
        let schema = |texts: Value, own: &str| {
            json!({
                "type": "object", "x-texts": texts, "default": {"x-texts": own},
                "properties": {"x-texts": {"const": own}, "a": {"items": {"type": own, "x-texts": texts}, "anyOf": [{"x-texts": texts}]}},
            })
        };
        let of = |texts: &str, own: &str| without_texts(&schema(json!({"lv": {"title": texts}}), own));
        assert_eq!(of("Secība", "string"), of("Kārtība", "string"));
        let rest = of("Secība", "string");
        assert_eq!(rest["properties"]["x-texts"], json!({"const": "string"}), "a parameter of that name stays");
        assert_eq!(rest["default"], json!({"x-texts": "string"}));
        assert_ne!(rest, of("Secība", "integer"));
    }
}
