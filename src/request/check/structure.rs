//! What is wrong with an object's shape, in words.

use super::FINDINGS;
use super::latvian::{dative, plainly};
use crate::policy::Reason;
use crate::request::read::{Document, Finding, place};
use crate::request::said::{Said, listed, listed_lv};
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use std::fmt::Write;

/// Checks what every object has: a name, and a namespace if it lives in one.
#[must_use]
pub fn metadata(document: &Document, namespaced: bool) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut reject = |path: &str, en: &str, lv: &str| found.push(document.finding(Reason::FieldInvalid, path, Said::both(en, lv)));
    let nowhere = (
        "an object of this kind is in no namespace; remove metadata.namespace",
        "šāda veida objektam nosaukumvietas nav; izdzēsiet metadata.namespace",
    );
    let field = |path: &str| document.value.pointer(path);
    match field("/metadata/name") {
        Some(Value::String(_)) => {}
        Some(_) => reject(
            "/metadata/name",
            "metadata.name must be text; write it in quotes",
            "laukā metadata.name jābūt tekstam; rakstiet to pēdiņās",
        ),
        None => reject(
            "/metadata/name",
            "metadata.name is missing; write the object's name",
            "trūkst lauka metadata.name; rakstiet tajā nosaukumu, piemēram, majaslapa",
        ),
    }
    match field("/metadata/namespace") {
        Some(Value::String(_)) if namespaced => {}
        None | Some(Value::Null) if !namespaced => {}
        Some(_) if namespaced => reject(
            "/metadata/namespace",
            "metadata.namespace must be text; write your municipality's slug in quotes",
            "laukā metadata.namespace jābūt tekstam; rakstiet savas pašvaldības īso nosaukumu pēdiņās",
        ),
        Some(_) => reject("/metadata/namespace", nowhere.0, nowhere.1),
        None => reject(
            "/metadata/namespace",
            "metadata.namespace is missing; write your municipality's slug",
            "trūkst lauka metadata.namespace; rakstiet tajā savas pašvaldības īso nosaukumu, piemēram, kuldigas-novads",
        ),
    }
    for map in ["labels", "annotations"] {
        let entries = field(&format!("/metadata/{map}")).and_then(Value::as_object).into_iter().flatten();
        for (name, _) in entries.filter(|(_, value)| !value.is_string()).take(FINDINGS) {
            let path = place::joined(&format!("/metadata/{map}"), name);
            reject(
                &path,
                &format!("`{name}` must be text; write its value in quotes"),
                &format!("laukā `{name}` jābūt tekstam; rakstiet tā vērtību pēdiņās"),
            );
        }
    }
    found
}

/// Says what a schema error means and what to write instead.
#[must_use]
pub fn explain(document: &Document, schema: &Value, error: &ValidationError<'_>) -> Finding {
    let path = error.instance_path().to_string();
    let shown = dotted(&path);
    let keyword = error.schema_path().to_string();
    let around = keyword.rsplit_once('/').and_then(|(parent, _)| schema.pointer(parent)).unwrap_or(schema);
    let there = if shown.is_empty() { "dokumentā".to_owned() } else { format!("laukā {shown}") };
    let here = |en: String| {
        let lv = plainly(error.kind(), &there);
        document.finding(Reason::FieldInvalid, &path, Said { en, lv })
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let name = unexpected.first().map_or("", String::as_str);
            let known: Vec<&str> =
                around.get("properties").and_then(Value::as_object).into_iter().flat_map(|p| p.keys()).map(String::as_str).collect();
            let close = nearest(name, known.iter().copied());
            let near = did_you_mean(name, known.iter().copied());
            let rest = || unexpected.iter().skip(1).map(String::as_str);
            let others = |before: &str, names: String| if unexpected.len() > 1 { format!(" ({before} {names})") } else { String::new() };
            let (nor, nor_lv) = (others("nor", listed(rest())), others("ne arī", listed_lv(rest())));
            let of = if shown.is_empty() { "an object of this kind".to_string() } else { shown };
            let message = Said::both(
                format!("{of} has no field `{name}`{nor}; remove it, or write one of {}{}", listed(known.iter().copied()), near.en),
                format!(
                    "{there} nav tāda lauka kā `{name}`{nor_lv}; izdzēsiet to vai rakstiet {}{}",
                    listed_lv(known.iter().copied()),
                    near.lv
                ),
            );
            let found = document.finding_of_key(Reason::FieldInvalid, &place::joined(&path, name), message);
            // What is there already cannot have been meant, and of several only the first is named.
            let taken = |near: &str| error.instance().get(near).is_some();
            match close.filter(|near| !taken(near) && unexpected.len() == 1) {
                Some(near) => found.with_fix(name, near),
                None => found,
            }
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let meaning = around.pointer(&format!("/properties/{name}/description")).and_then(Value::as_str);
            let meaning = meaning.map_or_else(String::new, |text| format!(" ({})", text.trim_end_matches('.')));
            let full = if shown.is_empty() { name.to_string() } else { format!("{shown}.{name}") };
            let message =
                Said::both(format!("the field {full} is missing; write it{meaning}"), format!("trūkst lauka {full}; pievienojiet to"));
            document.finding(Reason::FieldInvalid, &place::joined(&path, name), message)
        }
        ValidationErrorKind::Type { .. } => {
            let found =
                document.finding(Reason::FieldInvalid, &path, wrong_type(document, &path, &shown, around.get("type"), error.instance()));
            match document.place.written(&path).filter(|_| names(around.get("type")) == ["string"]) {
                Some(written) => found.with_fix(written, &format!("\"{written}\"")),
                None => found,
            }
        }
        ValidationErrorKind::Enum { options } => {
            let known: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let written = error.instance().as_str().map_or_else(|| error.instance().to_string(), str::to_string);
            let near = did_you_mean(&written, known.iter().copied());
            let written = shortened(&written);
            let message = Said::both(
                format!("{shown} cannot be `{written}`; write {}{}", listed(known.iter().copied()), near.en),
                format!("{there} nevar būt `{written}`; rakstiet {}{}", listed_lv(known.iter().copied()), near.lv),
            );
            document.finding(Reason::FieldInvalid, &path, message)
        }
        ValidationErrorKind::Minimum { limit } => here(format!("{shown} is less than {limit}; write {limit} or more")),
        ValidationErrorKind::Maximum { limit } => here(format!("{shown} is more than {limit}; write {limit} or less")),
        ValidationErrorKind::MinLength { limit } => here(match limit {
            1 => format!("{shown} is empty; write something, or leave the field out if it may be left out"),
            _ => format!("{shown} is too short; write at least {limit} characters"),
        }),
        ValidationErrorKind::MaxLength { limit } => here(format!("{shown} is too long; write at most {limit} characters")),
        ValidationErrorKind::MaxItems { limit: 0 } => here(format!("{shown} must be empty: this release does not take any entries there")),
        ValidationErrorKind::MinItems { limit } | ValidationErrorKind::MinProperties { limit } => {
            here(format!("{shown} has too few entries; write at least {limit}"))
        }
        ValidationErrorKind::MaxItems { limit } | ValidationErrorKind::MaxProperties { limit } => {
            here(format!("{shown} has too many entries; write at most {limit}"))
        }
        ValidationErrorKind::UniqueItems => here(format!("{shown} names something twice; write each entry once")),
        _ => here(format!("{shown}: {error}")),
    }
}

fn wrong_type(document: &Document, path: &str, shown: &str, wanted: Option<&Value>, value: &Value) -> Said {
    let names = names(wanted);
    let wanted = listed(names.iter().map(|name| meaning(name)));
    let wanted_lv = listed_lv(names.iter().map(|name| dative(name)));
    let written = document.place.written(path).map_or_else(|| value.to_string(), str::to_string);
    let there = if shown.is_empty() { "dokumentā".to_owned() } else { format!("laukā {shown}") };
    let shown = if shown.is_empty() { "the document" } else { shown };
    let (en, lv) = (format!("{shown} must be {wanted}"), format!("{there} jābūt {wanted_lv}"));
    match value {
        Value::Number(_) | Value::Bool(_) if names.contains(&"string") => Said::both(
            format!("{en}, and {written} is not without quotes; write \"{written}\""),
            format!("{lv}, bet {written} bez pēdiņām nav teksts; rakstiet \"{written}\""),
        ),
        Value::String(text) if names.iter().any(|name| matches!(*name, "integer" | "number" | "boolean")) => {
            let text = shortened(text);
            Said::both(
                format!("{en}, and \"{text}\" is text; write it without quotes"),
                format!("{lv}, bet \"{text}\" ir teksts; rakstiet to bez pēdiņām"),
            )
        }
        Value::Null => Said::both(
            format!("{shown} is empty; write {wanted}, or leave the field out if it may be left out"),
            format!("{there} nekas nav rakstīts, bet tur jābūt {wanted_lv}; ierakstiet to vai izlaidiet lauku, ja to drīkst izlaist"),
        ),
        Value::Array(_) => Said::both(format!("{en}, not a list"), format!("{lv}, nevis sarakstam")),
        Value::Object(_) => Said::both(format!("{en}, not a mapping of fields"), format!("{lv}, nevis lauku kopai")),
        _ => Said::both(en, lv),
    }
}

/// The types that a schema names, but null.
fn names(wanted: Option<&Value>) -> Vec<&str> {
    match wanted {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
        _ => Vec::new(),
    }
}

fn meaning(name: &str) -> &str {
    match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping of fields",
        other => other,
    }
}

/// A question after a sentence, or nothing.
#[derive(Debug, Default)]
pub struct Near {
    /// In English.
    pub en: String,
    /// In Latvian.
    pub lv: String,
}

/// `; did you mean x?` if one of the names is near.
#[must_use]
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Near {
    let said = |name: &str| Near { en: format!("; did you mean {name}?"), lv: format!("; vai domāts {name}?") };
    nearest(written, known).map(said).unwrap_or_default()
}

/// The name that is nearest, if one is near.
fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = written.to_lowercase();
    let distance = |name: &&str| strsim::osa_distance(&folded, &name.to_lowercase());
    let (distance, name) = known.into_iter().map(|name| (distance(&name), name)).min()?;
    (distance <= 1 + name.len() / 5).then_some(name)
}

/// A pointer as people write it: `spec.zones[0]`.
pub(super) fn dotted(pointer: &str) -> String {
    let mut text = String::new();
    for token in place::tokens(pointer) {
        if token.parse::<usize>().is_ok() {
            let _ = write!(text, "[{token}]");
        } else {
            if !text.is_empty() {
                text.push('.');
            }
            text.push_str(&token);
        }
    }
    text
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 40 { text.to_string() } else { text.chars().take(39).chain(['…']).collect() }
}
