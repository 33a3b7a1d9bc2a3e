//! A CRD's schema as JSON Schema reads it: strict about unknown fields, which the API server prunes.

use crate::request::read::place::joined;
use serde_json::{Map, Value, json};

/// The schema of a kind with unknown fields refused and without what is checked elsewhere.
#[must_use]
pub fn strict(open: &Value) -> Value {
    let mut schema = open.clone();
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.remove("status");
        for field in ["apiVersion", "kind", "metadata"] {
            properties.insert(field.into(), Value::Bool(true));
        }
    }
    walk(&mut schema);
    schema
}

fn walk(schema: &mut Value) {
    let Some(map) = schema.as_object_mut() else {
        return;
    };
    let is_true = |map: &Map<String, Value>, key: &str| map.get(key) == Some(&Value::Bool(true));
    if map.contains_key("properties") && !is_true(map, "x-kubernetes-preserve-unknown-fields") {
        map.insert("additionalProperties".into(), false.into());
    }
    // The API server takes null for an object of any fields, as if nothing stood there; the test of verdicts shows it.
    let of_any_fields = is_true(map, "x-kubernetes-preserve-unknown-fields") && map.get("type") == Some(&json!("object"));
    if is_true(map, "nullable") || of_any_fields {
        if let Some(kind) = map.get("type").cloned() {
            map.insert("type".into(), json!([kind, "null"]));
        }
        if let Some(options) = map.get_mut("enum").and_then(Value::as_array_mut)
            && !options.contains(&Value::Null)
        {
            options.push(Value::Null);
        }
    }
    if map.get("x-kubernetes-list-type") == Some(&json!("set")) {
        map.insert("uniqueItems".into(), true.into());
    }
    if let Some(properties) = map.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(walk);
    }
    for inside in ["items", "additionalProperties"] {
        map.get_mut(inside).into_iter().for_each(walk);
    }
}

/// Takes out nulls that the API server replaces by the field's default.
pub fn without_defaulted_nulls(value: &mut Value, schema: &Value) {
    match value {
        Value::Object(map) => {
            let field = |name: &str| schema.get("properties").and_then(|p| p.get(name)).or_else(|| schema.get("additionalProperties"));
            let replaced = |name: &String, value: &mut Value| {
                let schema = field(name);
                let nullable = schema.and_then(|s| s.get("nullable")) == Some(&Value::Bool(true));
                value.is_null() && !nullable && schema.is_some_and(|s| s.get("default").is_some())
            };
            map.retain(|name, value| !replaced(name, value));
            for (name, value) in map {
                if let Some(schema) = field(name) {
                    without_defaulted_nulls(value, schema);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    without_defaulted_nulls(item, schema);
                }
            }
        }
        _ => {}
    }
}

/// The JSON pointer of a rule's path, such as `spec.zones[0]`.
///
/// Keys of maps may hold dots, so the value itself says how far each name reaches.
#[must_use]
pub fn pointer(path: &str, value: &Value) -> String {
    let mut here = Some(value);
    let mut rest = path.trim_start_matches('.');
    let mut pointer = String::new();
    while !rest.is_empty() {
        if let Some((index, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            here = here.and_then(|v| v.get(index.parse::<usize>().ok()?));
            pointer = joined(&pointer, index);
            rest = after.trim_start_matches('.');
            continue;
        }
        let ends = |name: &&String| rest.strip_prefix(name.as_str()).is_some_and(|r| r.is_empty() || r.starts_with(['.', '[']));
        let known = here.and_then(Value::as_object).and_then(|map| map.keys().filter(ends).max_by_key(|name| name.len()));
        let length = known.map_or_else(|| rest.find(['.', '[']).unwrap_or(rest.len()), String::len);
        let (name, after) = rest.split_at(length.max(1));
        here = here.and_then(|v| v.get(name));
        pointer = joined(&pointer, name);
        rest = after.trim_start_matches('.');
    }
    pointer
}
