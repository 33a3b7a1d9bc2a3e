//! A complete request for a system, for whoever fills in no form: good as it is, and to be replaced line by line.

use super::{SiteError, Subject, facts};
use crate::request::Requirement;
use crate::request::read::layout::FOLDER;
use crate::request::{GROUP, VERSION};
use serde_json::{Map, Value, json};
use serde_yaml::Mapping;

/// The file's text.
pub fn sample(subject: &Subject<'_>) -> Result<String, SiteError> {
    let failed = || SiteError::Sample(subject.name.to_string());
    let (slug, hostname) = tenant(subject)?.ok_or_else(failed).unwrap_or_else(|_| ("pasvaldiba".into(), None));
    let app = &subject.sample_app;
    let mut spec = Mapping::new();
    spec.insert("system".into(), subject.name.into());
    spec.insert("size".into(), subject.spec.default_size.as_str().into());
    if let Some(hostname) = hostname {
        spec.insert("hostname".into(), hostname.into());
    }
    let parameters = value(&subject.spec.parameters);
    if parameters.as_object().is_some_and(|map| !map.is_empty()) {
        spec.insert("parameters".into(), serde_yaml::to_value(parameters).map_err(|_| failed())?);
    }
    let mut processing = Mapping::new();
    for requirement in &subject.class.requires {
        let (field, text) = match requirement {
            Requirement::LegalBasis => ("legalBasis", "NORĀDIET apstrādes tiesisko pamatu: likumu un pantu"),
            Requirement::Dpia => ("dpia", "NORĀDIET ietekmes novērtējuma numuru un datumu"),
        };
        processing.insert(field.into(), text.into());
    }
    if !processing.is_empty() {
        spec.insert("processing".into(), processing.into());
    }
    let mut request = Mapping::new();
    request.insert("apiVersion".into(), format!("{GROUP}/{VERSION}").into());
    request.insert("kind".into(), facts::KIND.into());
    request.insert("metadata".into(), serde_yaml::to_value(json!({"name": app, "namespace": slug})).map_err(|_| failed())?);
    request.insert("spec".into(), spec.into());
    let text = serde_yaml::to_string(&request).map_err(|_| failed())?;
    Ok(format!(
        "# Paraugs. Nomainiet visu pret savu; faila vieta: {FOLDER}/<pašvaldība>/<lietotne>.yaml, šeit {FOLDER}/{slug}/{app}.yaml.\n\
         # A sample. Replace everything by your own; the file belongs to {FOLDER}/<municipality>/<app>.yaml.\n{text}"
    ))
}

/// A municipality in which the usual size fits, and a host name of it.
fn tenant(subject: &Subject<'_>) -> Result<Option<(String, Option<String>)>, SiteError> {
    let Some(size) = subject.spec.sizes.get(&subject.spec.default_size) else { return Ok(None) };
    let amounts = facts::of_size(size)?;
    for (slug, tenant) in subject.register.municipalities().filter(|(_, tenant)| tenant.problems.is_empty() && !tenant.terminating) {
        if amounts.within(crate::policy::Amounts::of_allotment(&tenant.spec.allotment)?) {
            let host = tenant.spec.zones.first().map(|zone| format!("{}.{zone}", subject.sample_app));
            return Ok(Some((slug.clone(), host)));
        }
    }
    Ok(None)
}

/// A value that fits a schema, as far as that can be seen: what the schema itself proposes, else the least.
fn value(schema: &Value) -> Value {
    let first = |list: &str| schema.get(list).and_then(Value::as_array).and_then(|items| items.first());
    if let Some(proposed) = schema.get("default").or_else(|| first("examples")).or_else(|| schema.get("const")).or_else(|| first("enum")) {
        return proposed.clone();
    }
    let number = |keyword: &str| schema.get(keyword).and_then(Value::as_i64);
    match schema.get("type").and_then(Value::as_str).unwrap_or_default() {
        "integer" | "number" => number("minimum").or_else(|| number("exclusiveMinimum").map(|n| n + 1)).unwrap_or(1).into(),
        "boolean" => false.into(),
        "array" => {
            let least = usize::try_from(number("minItems").unwrap_or(0)).unwrap_or(0);
            Value::Array(vec![value(schema.get("items").unwrap_or(&Value::Null)); least])
        }
        "object" => {
            let field = |name: &str| schema.get("properties")?.get(name).map(|schema| (name.to_string(), value(schema)));
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            Value::Object(required.filter_map(field).collect::<Map<_, _>>())
        }
        _ => text(schema),
    }
}

/// A text of the right length that has the right shape, if one of some usual ones has.
fn text(schema: &Value) -> Value {
    let least = schema.get("minLength").and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let longer = format!("{:-<least$}", "Paraugs");
    let usual = [longer.as_str(), "", "paraugs", "paraugs.example.lv", "paraugs@example.lv", "https://example.lv", "2026-01-01", "1"];
    let fits = jsonschema::validator_for(schema).ok();
    let fitting = usual.into_iter().find(|text| fits.as_ref().is_none_or(|fits| fits.is_valid(&Value::from(*text))));
    fitting.unwrap_or(&longer).into()
}
