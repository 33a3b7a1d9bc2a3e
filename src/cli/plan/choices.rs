//! In which of its choices an app becomes otherwise.

use crate::backup::check::HttpCheck;
use crate::cli::validate::markdown::printable;
use crate::request::app::Grant;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// Characters of a value that are shown: it may be the text of a whole page.
const SHOWN: usize = 80;
/// Characters before the first difference of two long texts that are shown.
const BEFORE: usize = 20;
/// Levels of parameters that are compared one by one.
const LEVELS: usize = 4;
/// Parameters that are told one by one at most.
const PARAMETERS: usize = 20;

/// One changed choice of an app.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Change {
    /// `system`, `version`, `revision`, `size`, `data class`, `hostname`, `egress`, `suspend`, `rotateSecrets`, `backup.window`,
    /// `backup.exclude`, `backup.checks`, `parameters` with the name of one after a dot, or `more parameters`; of what a cluster has
    /// otherwise any field of `spec`, or `more fields`.
    pub field: Cow<'static, str>,
    /// What was granted; `none` if nothing was. Of a long parameter a part from shortly before the first difference.
    pub before: String,
    /// What is granted now.
    pub now: String,
}

/// The choices in which two grants differ.
#[must_use]
pub fn changes(before: &Grant, now: &Grant) -> Vec<Change> {
    let both = choices(before).into_iter().zip(choices(now)).filter(|((_, before), (_, now))| before != now);
    let mut found: Vec<Change> =
        both.map(|((field, before), (_, now))| Change { field: field.into(), before: line(&before), now: line(&now) }).collect();
    found.extend(among(&before.parameters, &now.parameters, "parameters.", "more parameters"));
    found
}

/// The fields in which two `spec` differ.
#[must_use]
pub fn differences(before: &Value, now: &Value) -> Vec<Change> {
    among(before, now, "", "more fields")
}

/// The fields in which two values differ, each named after what it stands in; of many that there are more.
fn among(before: &Value, now: &Value, within: &str, rest: &'static str) -> Vec<Change> {
    let (was, is) = (parameters(before), parameters(now));
    let names: BTreeSet<&Vec<&str>> = was.keys().chain(is.keys()).collect();
    let differ: Vec<_> = names.into_iter().map(|name| (name, was.get(name), is.get(name))).filter(|(_, was, is)| was != is).collect();
    let mut found: Vec<Change> = differ
        .iter()
        .take(PARAMETERS)
        .map(|(name, was, is)| {
            let (before, now) = told(was.copied(), is.copied());
            Change { field: line(&format!("{within}{}", name.join("."))).into(), before, now }
        })
        .collect();
    if differ.len() > PARAMETERS {
        let more = (differ.len() - PARAMETERS).to_string();
        found.push(Change { field: rest.into(), before: more.clone(), now: more });
    }
    found
}

fn none() -> String {
    "none".to_owned()
}

fn choices(grant: &Grant) -> [(&'static str, String); 12] {
    let listed = |names: Vec<&str>| if names.is_empty() { none() } else { names.join(", ") };
    let egress: BTreeSet<&str> = grant.egress.iter().map(String::as_str).collect();
    let backup = &grant.backup;
    let excluded: Vec<String> = backup.exclude.iter().map(|one| format!("{} ({})", one.volume, one.reason)).collect();
    let check = |one: &HttpCheck| {
        let text = one.contains.as_ref().map_or_else(String::new, |text| format!(" \"{text}\""));
        format!("{} {} {}{text}", one.name, one.path, one.status)
    };
    let checks: Vec<String> = backup.checks.http.iter().map(check).collect();
    [
        ("system", grant.system.clone()),
        ("version", grant.version.clone()),
        ("revision", grant.revision.clone()),
        (
            "size",
            format!("{} ({} cpu, {} memory, {} storage)", grant.size.name, grant.size.cpu.0, grant.size.memory.0, grant.size.storage.0),
        ),
        (
            "data class",
            format!("{} ({}, {} days)", grant.data_class.name, grant.data_class.pod_security.as_str(), grant.data_class.grace_days),
        ),
        ("hostname", grant.hostname.clone().unwrap_or_else(none)),
        ("egress", listed(egress.into_iter().collect())),
        ("suspend", grant.suspend.to_string()),
        ("rotateSecrets", grant.rotation.clone().unwrap_or_else(none)),
        ("backup.window", backup.window.as_ref().map_or_else(none, |window| format!("{}-{}", window.from, window.to))),
        ("backup.exclude", listed(excluded.iter().map(String::as_str).collect())),
        ("backup.checks", listed(checks.iter().map(String::as_str).collect())),
    ]
}

/// Each parameter by the names on the way to it; a list is one value.
fn parameters(value: &Value) -> BTreeMap<Vec<&str>, &Value> {
    let mut found = BTreeMap::new();
    enter(&mut found, &mut Vec::new(), value);
    found
}

fn enter<'a>(found: &mut BTreeMap<Vec<&'a str>, &'a Value>, name: &mut Vec<&'a str>, value: &'a Value) {
    match value {
        Value::Object(fields) if name.is_empty() || (name.len() < LEVELS && !fields.is_empty()) => {
            for (field, value) in fields {
                name.push(field);
                enter(found, name, value);
                name.pop();
            }
        }
        Value::Null if name.is_empty() => {}
        value => drop(found.insert(name.clone(), value)),
    }
}

/// Two values that differ, as they are shown: long texts from shortly before the first difference.
fn told(before: Option<&Value>, now: Option<&Value>) -> (String, String) {
    let plain = |value: Option<&Value>| value.map_or_else(none, |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    let exact = |value: Option<&Value>| value.map_or_else(none, Value::to_string);
    let (mut was, mut is) = (plain(before), plain(now));
    if was == is {
        // The text `1` and the number.
        (was, is) = (exact(before), exact(now));
    }
    let same = was.chars().zip(is.chars()).take_while(|(one, other)| one == other).count();
    let from = if was.chars().count().max(is.chars().count()) > SHOWN { same.saturating_sub(BEFORE) } else { 0 };
    (cut(&was, from), cut(&is, from))
}

/// A text from a character on, and not all of it if it is long.
fn cut(text: &str, from: usize) -> String {
    let start = if from > 0 { "…" } else { "" };
    let rest: String = text.chars().skip(from).take(SHOWN).collect();
    let end = if text.chars().count() > from + SHOWN { "…" } else { "" };
    line(&format!("{start}{rest}{end}"))
}

/// A text as it can be printed, in one line.
fn line(text: &str) -> String {
    text.chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn grant(more: &Value) -> Grant {
        let mut grant = json!({
            "system": "website", "version": "1.0", "revision": "a", "revisionSince": "2026-01-01T00:00:00Z", "since": "2026-01-01T00:00:00Z",
            "size": {"name": "small", "cpu": "1", "cpuBurst": "1", "memory": "1Gi", "storage": "1Gi", "pods": 1},
            "dataClass": {"name": "open", "podSecurity": "restricted", "graceDays": 7},
        });
        for (field, value) in more.as_object().unwrap() {
            grant[field] = value.clone();
        }
        serde_json::from_value(grant).unwrap()
    }

    #[test]
    fn every_choice_of_a_request_shows_when_it_differs() {
        let before =
            grant(&json!({"parameters": {"siteTitle": "a", "languages": ["lv"], "gone": 1, "deep": {"x": 1, "y": 2}, "text": "b\nc"}}));
        let now = grant(&json!({
            "parameters": {"siteTitle": "a".repeat(200), "languages": ["lv", "en"], "deep": {"x": 1, "y": 3}, "text": "b\nc"},
            "suspend": true, "rotation": "2026-11-27",
            "backup": {"window": {"from": "23:00", "to": "04:00"}, "exclude": [{"volume": "cache", "reason": "made anew"}],
                "checks": {"http": [{"name": "news", "path": "/news"}]}},
        }));
        let told: Vec<String> = changes(&before, &now).iter().map(|one| format!("{}: {} -> {}", one.field, one.before, one.now)).collect();
        let title = format!("parameters.siteTitle: a -> {}…", "a".repeat(80));
        let expected = [
            "suspend: false -> true",
            "rotateSecrets: none -> 2026-11-27",
            "backup.window: none -> 23:00-04:00",
            "backup.exclude: none -> cache (made anew)",
            "backup.checks: none -> news /news 200",
            "parameters.deep.y: 2 -> 3",
            "parameters.gone: 1 -> none",
            "parameters.languages: [\"lv\"] -> [\"lv\",\"en\"]",
            title.as_str(),
        ];
        assert_eq!(told, expected);
        assert!(changes(&now, &now).is_empty());
        // Of two long texts what differs is shown, and of what looks alike what it is.
        let of = |parameters: Value| grant(&json!({"parameters": parameters}));
        let (was, is) = (format!("{}x", "a".repeat(200)), format!("{}y", "a".repeat(200)));
        let told = changes(&of(json!({"text": was, "n": 1, "none": {}})), &of(json!({"text": is, "n": "1", "none": {"a": 1}})));
        let told: Vec<_> = told.iter().map(|one| (&*one.field, one.before.as_str(), one.now.as_str())).collect();
        let (was, is) = (format!("…{}x", "a".repeat(20)), format!("…{}y", "a".repeat(20)));
        assert_eq!(
            told,
            [
                ("parameters.n", "1", "\"1\""),
                ("parameters.none", "{}", "none"),
                ("parameters.none.a", "none", "1"),
                ("parameters.text", was.as_str(), is.as_str())
            ]
        );
        // However many there are, the others keep their place.
        let many: serde_json::Map<String, Value> = (0..50).map(|n| (format!("p{n}"), json!(n))).collect();
        let told = changes(&of(json!({})), &of(json!(many)));
        assert_eq!((told.len(), &*told[20].field, told[20].now.as_str()), (21, "more parameters", "30"));
        // What a town calls its parameters and writes into them steers no terminal.
        let odd = grant(&json!({"parameters": {"\u{1b}[31m\na": "\u{202e}b\nc"}}));
        let told = changes(&grant(&json!({})), &odd);
        assert_eq!((&*told[0].field, told[0].now.as_str()), ("parameters. [31m a", "\u{fffd}b c"));
    }
}
