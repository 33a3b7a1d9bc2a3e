//! In which of its choices an app becomes otherwise.

use crate::request::app::Grant;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Characters of a value that are shown: it may be the text of a whole page.
const SHOWN: usize = 80;
/// Levels of parameters that are compared one by one.
const LEVELS: usize = 4;

/// One changed choice of an app.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Change {
    /// `system`, `version`, `revision`, `size`, `data class`, `hostname`, `egress`, `suspend`, `rotateSecrets`, `backup.window`,
    /// `backup.exclude`, `backup.checks`, or `parameters` with the name of one after a dot.
    pub field: Cow<'static, str>,
    /// What was granted; `none` if nothing was. Long values are cut.
    pub before: String,
    /// What is granted now.
    pub now: String,
}

/// The choices in which two grants differ.
#[must_use]
pub fn changes(before: &Grant, now: &Grant) -> Vec<Change> {
    let all = choices(before).into_iter().zip(choices(now)).map(|((field, before), (_, now))| (field.into(), before, now));
    let (was, is) = (parameters(before), parameters(now));
    let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let value = |side: &BTreeMap<String, String>, name: &String| side.get(name).cloned().unwrap_or_else(none);
    let parameters = names.into_iter().map(|name| (Cow::Owned(name.clone()), value(&was, name), value(&is, name)));
    let differ = all.chain(parameters).filter(|(_, before, now)| before != now);
    differ.map(|(field, before, now)| Change { field, before: shown(&before), now: shown(&now) }).collect()
}

fn none() -> String {
    "none".to_owned()
}

fn choices(grant: &Grant) -> [(&'static str, String); 12] {
    let listed = |names: Vec<&str>| if names.is_empty() { none() } else { names.join(", ") };
    let mut egress: Vec<&str> = grant.egress.iter().map(String::as_str).collect();
    egress.sort_unstable();
    egress.dedup();
    let backup = &grant.backup;
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
        ("egress", listed(egress)),
        ("suspend", grant.suspend.to_string()),
        ("rotateSecrets", grant.rotation.clone().unwrap_or_else(none)),
        ("backup.window", backup.window.as_ref().map_or_else(none, |window| format!("{}-{}", window.from, window.to))),
        ("backup.exclude", listed(backup.exclude.iter().map(|one| one.volume.as_str()).collect())),
        ("backup.checks", listed(backup.checks.http.iter().map(|one| one.name.as_str()).collect())),
    ]
}

/// Each parameter by its name, as `parameters.languages`; a list is one value.
fn parameters(grant: &Grant) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    enter(&mut found, "parameters".to_owned(), &grant.parameters, LEVELS);
    found
}

fn enter(found: &mut BTreeMap<String, String>, name: String, value: &Value, levels: usize) {
    match value {
        Value::Object(fields) if levels > 0 => {
            for (field, value) in fields {
                enter(found, format!("{name}.{field}"), value, levels - 1);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(found.insert(name, text.clone())),
        other => drop(found.insert(name, other.to_string())),
    }
}

/// A value in one line, and not all of it if it is long.
fn shown(text: &str) -> String {
    let line = text.replace(['\n', '\r', '\t'], " ");
    if line.chars().count() <= SHOWN { line } else { line.chars().take(SHOWN - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn grant(more: Value) -> Grant {
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
            grant(json!({"parameters": {"siteTitle": "a", "languages": ["lv"], "gone": 1, "deep": {"x": 1, "y": 2}, "text": "b\nc"}}));
        let now = grant(json!({
            "parameters": {"siteTitle": "a".repeat(200), "languages": ["lv", "en"], "deep": {"x": 1, "y": 3}, "text": "b\nc"},
            "suspend": true, "rotation": "2026-11-27",
            "backup": {"window": {"from": "23:00", "to": "04:00"}, "exclude": [{"volume": "cache", "reason": "made anew"}],
                "checks": {"http": [{"name": "news", "path": "/news"}]}},
        }));
        let told: Vec<String> = changes(&before, &now).iter().map(|one| format!("{}: {} -> {}", one.field, one.before, one.now)).collect();
        let title = format!("parameters.siteTitle: a -> {}…", "a".repeat(79));
        let expected = [
            "suspend: false -> true",
            "rotateSecrets: none -> 2026-11-27",
            "backup.window: none -> 23:00-04:00",
            "backup.exclude: none -> cache",
            "backup.checks: none -> news",
            "parameters.deep.y: 2 -> 3",
            "parameters.gone: 1 -> none",
            "parameters.languages: [\"lv\"] -> [\"lv\",\"en\"]",
            title.as_str(),
        ];
        assert_eq!(told, expected);
        assert!(changes(&now, &now).is_empty());
    }
}
