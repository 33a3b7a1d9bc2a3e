//! A complete request for a system, for whoever fills in no form: good as it is, and to be replaced line by line.

use super::{SiteError, Subject, facts};
use crate::policy::Amounts;
use crate::request::Requirement;
use crate::request::read::layout::FOLDER;
use crate::request::read::scalar;
use crate::request::{GROUP, VERSION};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The file's text.
pub fn sample(subject: &Subject<'_>) -> Result<String, SiteError> {
    let (slug, hostname) = tenant(subject)?.unwrap_or_else(|| ("pasvaldiba".into(), None));
    let app = &subject.sample_app;
    let parameters = value(&subject.spec.parameters);
    let missing = subject.entry.check_parameters(&parameters);
    let mut spec = vec![("system", json!(subject.name)), ("size", json!(subject.spec.default_size))];
    spec.extend(hostname.map(|hostname| ("hostname", json!(hostname))));
    if parameters.as_object().is_some_and(|map| !map.is_empty()) {
        spec.push(("parameters", parameters));
    }
    let statement = |requirement: &Requirement| match requirement {
        Requirement::LegalBasis => ("legalBasis", "NORĀDIET apstrādes tiesisko pamatu: likumu un pantu"),
        Requirement::Dpia => ("dpia", "NORĀDIET ietekmes novērtējuma numuru un datumu"),
    };
    let processing: Map<_, _> = subject.class.requires.iter().map(statement).map(|(field, text)| (field.into(), text.into())).collect();
    if !processing.is_empty() {
        spec.push(("processing", Value::Object(processing)));
    }
    let mut text = format!(
        "# Paraugs. Nomainiet visu pret savu; faila vieta: {FOLDER}/<pašvaldība>/<lietotne>.yaml, šeit {FOLDER}/{slug}/{app}.yaml.\n\
         # A sample. Replace everything by your own; the file belongs to {FOLDER}/<municipality>/<app>.yaml.\n"
    );
    for rejection in missing {
        let field = quoted(rejection.path.trim_start_matches("/spec/"));
        let _ = writeln!(text, "# Šis vēl jāizlabo / still to mend: {field}");
    }
    let _ = writeln!(text, "apiVersion: {GROUP}/{VERSION}\nkind: {}", facts::KIND);
    entry("metadata", &json!({"name": app, "namespace": slug}), "", &mut text);
    text.push_str("spec:\n");
    for (field, value) in spec {
        entry(field, &value, "  ", &mut text);
    }
    Ok(text)
}

/// A field and its value as lines of YAML.
fn entry(name: &str, value: &Value, indent: &str, out: &mut String) {
    let _ = write!(out, "{indent}{}:", word(name));
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            map.iter().for_each(|(name, value)| entry(name, value, &format!("{indent}  "), out));
        }
        // JSON is YAML, on one line.
        Value::String(text) => drop(writeln!(out, " {}", word(text))),
        other => drop(writeln!(out, " {}", quoted_within(other))),
    }
}

/// A text as it is where nobody reads it as something else, and in quotes otherwise.
fn word(text: &str) -> String {
    let usual = |c: char| c.is_alphanumeric() || " ._/-".contains(c);
    let plain = text.starts_with(char::is_alphabetic) && text.chars().all(usual) && !text.ends_with(' ');
    if plain && scalar::read(text) == (Value::from(text), None) { text.to_string() } else { quoted(text) }
}

/// A text in quotes, as JSON has it; what JSON leaves as it is and YAML reads otherwise is written by its number.
fn quoted(text: &str) -> String {
    quoted_within(&Value::from(text))
}

fn quoted_within(value: &Value) -> String {
    let odd = |c: char| matches!(c, '\u{7f}'..='\u{a0}' | '\u{2028}'..='\u{202e}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}');
    let by_number = |c: char| if odd(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    value.to_string().chars().map(by_number).collect()
}

/// A municipality in which the usual size fits, and a host name of it.
fn tenant(subject: &Subject<'_>) -> Result<Option<(String, Option<String>)>, SiteError> {
    let Some(size) = subject.spec.sizes.get(&subject.spec.default_size) else { return Ok(None) };
    let amounts = facts::of_size(size)?;
    for (slug, tenant) in subject.register.municipalities().filter(|(_, tenant)| tenant.problems.is_empty() && !tenant.terminating) {
        if amounts.within(Amounts::of_allotment(&tenant.spec.allotment)?) {
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
