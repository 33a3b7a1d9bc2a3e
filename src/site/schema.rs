//! The part of JSON Schema that the page's own checker knows, and what is left out of a catalogue's schema for it.
//!
//! What is left out is only ever asked less of: the page never refuses what kopnams takes, and it says of which fields
//! more is asked after sending.

use super::pattern;
use crate::request::read::place::joined;
use serde_json::{Map, Value};

/// Keywords that the checker knows. It lists its own, and a test compares them.
pub const KEYWORDS: [&str; 20] = [
    "additionalProperties",
    "const",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "properties",
    "required",
    "type",
    "uniqueItems",
];

/// Keywords that ask for nothing.
pub const REMARKS: [&str; 10] =
    ["$comment", "default", "deprecated", "description", "examples", "format", "readOnly", "title", "writeOnly", super::texts::KEYWORD];

const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

/// Larger whole numbers are not exact in JavaScript.
const EXACT: u64 = 1 << 53;

/// A schema with what the checker knows, and the JSON pointers of the fields of which more is asked.
#[must_use]
pub fn known(schema: &Value) -> (Value, Vec<String>) {
    let mut more = Vec::new();
    let known = part(schema, "", &mut more);
    more.sort();
    more.dedup();
    (known, more)
}

/// A schema without remarks that is known to need nothing else: one of the definitions.
#[must_use]
pub fn definition(schema: &Value) -> Option<Value> {
    let mut schema = schema.clone();
    without_extensions(&mut schema);
    let (known, more) = known(&schema);
    more.is_empty().then_some(known)
}

/// What only the API server reads: rules are read by themselves, and the rest is said by other keywords already.
fn without_extensions(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.retain(|name, _| !name.starts_with("x-kubernetes-") && name != "nullable");
            map.values_mut().for_each(without_extensions);
        }
        Value::Array(items) => items.iter_mut().for_each(without_extensions),
        _ => {}
    }
}

fn part(schema: &Value, path: &str, more: &mut Vec<String>) -> Value {
    let mut out = Map::new();
    let map = match schema {
        Value::Bool(true) => return Value::Object(out),
        Value::Object(map) if !map.contains_key("$schema") => map,
        _ => {
            more.push(path.to_string());
            return Value::Object(out);
        }
    };
    let foreign = map.keys().any(|keyword| !KEYWORDS.contains(&&**keyword) && !REMARKS.contains(&&**keyword));
    for (keyword, limit) in map.iter().filter(|(keyword, _)| KEYWORDS.contains(&&***keyword)) {
        // What these two ask of depends on keywords that are not known here, such as patternProperties.
        let depends = foreign && matches!(&**keyword, "additionalProperties" | "items");
        match limit_of(keyword, limit, path, more) {
            Some(limit) if !depends => drop(out.insert(keyword.clone(), limit)),
            _ => more.push(path.to_string()),
        }
    }
    if foreign {
        more.push(path.to_string());
    }
    Value::Object(out)
}

/// What a keyword asks for, as the checker takes it; none if it cannot.
fn limit_of(keyword: &str, limit: &Value, path: &str, more: &mut Vec<String>) -> Option<Value> {
    let texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
    let types = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    let fits = match keyword {
        "type" => types(limit) || limit.as_array().is_some_and(|names| names.iter().all(types)),
        "enum" => limit.is_array() && is_exact(limit),
        "const" => is_exact(limit),
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => limit.is_number() && is_exact(limit),
        "multipleOf" => limit.as_u64().is_some_and(|number| number > 0 && number < EXACT),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
            limit.as_u64().is_some_and(|number| number < EXACT)
        }
        "uniqueItems" => limit.is_boolean(),
        "required" => texts(limit),
        "pattern" => return pattern::of_schema(limit.as_str()?).map(Value::from),
        "properties" => {
            let parts = limit.as_object()?.iter().map(|(name, schema)| (name.clone(), part(schema, &joined(path, name), more)));
            return Some(Value::Object(parts.collect()));
        }
        "additionalProperties" if *limit == Value::Bool(false) => true,
        "additionalProperties" | "items" if limit.is_object() || *limit == Value::Bool(true) => return Some(part(limit, path, more)),
        _ => false,
    };
    fits.then(|| limit.clone())
}

fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs)).is_none_or(|whole| whole < EXACT),
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(map) => map.values().all(is_exact),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_known_stays_and_of_the_rest_it_is_said_where_it_is() {
        let schema = json!({
            "type": "object", "description": "x", "additionalProperties": false, "required": ["a"],
            "properties": {
                "a": {"type": "string", "title": "A", "pattern": "^a$", "format": "email"},
                "b/c": {"if": {"const": 1}, "then": false, "minimum": 1},
                "d": {"pattern": "(?=x)", "maxLength": 3},
                "e": {"items": {"not": {}}, "minItems": 1},
                "f": {"minimum": 9_007_199_254_740_993_u64, "multipleOf": 0.5},
                "g": true, "h": false,
            },
        });
        let (known, more) = known(&schema);
        let kept = json!({
            "type": "object", "additionalProperties": false, "required": ["a"],
            "properties": {
                "a": {"type": "string", "pattern": "(?:^a$)"}, "b/c": {"minimum": 1}, "d": {"maxLength": 3},
                "e": {"items": {}, "minItems": 1}, "f": {}, "g": {}, "h": {},
            },
        });
        assert_eq!(known, kept);
        assert_eq!(more, ["/b~1c", "/d", "/e", "/f", "/h"]);
    }

    #[test]
    fn what_depends_on_an_unknown_keyword_is_left_out_with_it() {
        let schema = json!({"type": "object", "patternProperties": {"^x": {}}, "additionalProperties": false, "minProperties": 1});
        assert_eq!(known(&schema), (json!({"type": "object", "minProperties": 1}), vec![String::new()]));
        let draft = json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"});
        assert_eq!(known(&draft), (json!({}), vec![String::new()]), "the same words mean other things there");
    }

    #[test]
    fn keywords_are_listed_in_order_and_once() {
        assert!(KEYWORDS.is_sorted() && REMARKS.iter().all(|remark| !KEYWORDS.contains(remark)));
    }
}
