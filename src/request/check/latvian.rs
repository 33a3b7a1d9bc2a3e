//! What a schema does not allow, in Latvian.

use super::structure::dotted;
use crate::request::said::listed_lv;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// What is wrong at a place (`laukā spec.size`), where the kind of error alone says it; the value itself is not repeated.
#[must_use]
pub fn plainly(kind: &Kind, place: &str) -> Option<String> {
    Some(match kind {
        Kind::Minimum { limit } => format!("{place} skaitlis ir mazāks par {limit}; rakstiet {limit} vai lielāku"),
        Kind::Maximum { limit } => format!("{place} skaitlis ir lielāks par {limit}; rakstiet {limit} vai mazāku"),
        Kind::ExclusiveMinimum { limit } => format!("{place} jābūt skaitlim, kas lielāks par {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("{place} jābūt skaitlim, kas mazāks par {limit}"),
        Kind::MultipleOf { multiple_of } => format!("{place} jābūt skaitlim, kas dalās ar {multiple_of}"),
        Kind::MinLength { limit: 1 } => format!("{place} nekas nav rakstīts; ierakstiet vērtību vai izlaidiet lauku, ja to drīkst izlaist"),
        Kind::MinLength { limit } => format!("{place} ir par maz rakstzīmju; rakstiet vismaz {limit}"),
        Kind::MaxLength { limit } => format!("{place} ir par daudz rakstzīmju; rakstiet ne vairāk kā {limit}"),
        Kind::MaxItems { limit: 0 } => format!("{place} jābūt tukšam sarakstam"),
        Kind::MinItems { limit } | Kind::MinProperties { limit } => format!("{place} ir par maz ierakstu; rakstiet vismaz {limit}"),
        Kind::MaxItems { limit } | Kind::MaxProperties { limit } => format!("{place} ir par daudz ierakstu; rakstiet ne vairāk kā {limit}"),
        Kind::UniqueItems => format!("{place} kaut kas nosaukts divreiz; rakstiet katru ierakstu vienreiz"),
        Kind::Pattern { pattern } => format!("{place} vērtība neatbilst paraugam {pattern}"),
        Kind::Format { format } => format!("{place} vērtība nav uzrakstīta pareizi ({format})"),
        _ => return None,
    })
}

/// What is wrong with the parameters of a request.
#[must_use]
pub fn parameters(error: &ValidationError<'_>) -> String {
    let at = dotted(&error.instance_path().to_string());
    let inside = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let place = if at.is_empty() { "parametros".to_owned() } else { format!("laukā parameters.{at}") };
    let rule = error.schema_path();
    let text = match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let all: Vec<String> = unexpected.iter().map(|name| inside(name)).collect();
            match &all[..] {
                [one] => format!("sistēmai nav iestatījuma {one}; izdzēsiet to"),
                several => format!("sistēmai nav šādu iestatījumu: {}; izdzēsiet tos", several.join(", ")),
            }
        }
        Kind::Required { property } => {
            format!("trūkst iestatījuma {}; pievienojiet to", inside(property.as_str().unwrap_or_default()))
        }
        Kind::Type { kind } => {
            let names: Vec<JsonType> = match kind {
                TypeKind::Single(one) => vec![*one],
                TypeKind::Multiple(several) => several.iter().collect(),
            };
            format!("{place} jābūt {}", listed_lv(names.iter().map(|name| dative(name.as_str()))))
        }
        Kind::Enum { options } => {
            let known: Vec<String> = options.as_array().into_iter().flatten().map(word).collect();
            format!("{place} jābūt vienai no šīm vērtībām: {}", listed_lv(known.iter().map(String::as_str)))
        }
        Kind::Constant { expected_value } => format!("{place} jābūt {}", word(expected_value)),
        kind => plainly(kind, &place).unwrap_or_else(|| format!("{place} vērtība neatbilst kataloga noteikumam")),
    };
    format!("{text} (kataloga noteikums {rule})")
}

fn word(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A type, as what something has to be.
#[must_use]
pub fn dative(name: &str) -> &str {
    match name {
        "string" => "tekstam",
        "integer" => "veselam skaitlim",
        "number" => "skaitlim",
        "boolean" => "true vai false",
        "array" => "sarakstam",
        "object" => "lauku kopai",
        other => other,
    }
}

/// The Latvian of a rule that a request's own definition has; the message is without its reason.
#[must_use]
pub fn of_rule(message: &str) -> Option<&'static str> {
    let known = |(english, latvian): &(&str, &'static str)| (*english == message).then_some(*latvian);
    RULES.iter().find_map(known)
}

/// The rules of `MunicipalityApp`; a test looks that none is missing.
const RULES: [(&str, &str); 6] = [
    (
        "an app's name is lower-case letters, digits and single hyphens, at most 31 characters; write for example majaslapa",
        "lietotnes nosaukumā ir mazie burti bez diakritiskajām zīmēm, cipari un atsevišķas defises, kopā ne vairāk kā 31 rakstzīme; rakstiet, piemēram, majaslapa",
    ),
    (
        "names that begin with drill- are of what the platform starts to try backups; write another one, for example majaslapa",
        "nosaukumi, kas sākas ar drill-, paredzēti rezerves kopiju pārbaudēm; rakstiet citu, piemēram, majaslapa",
    ),
    (
        "restoreFrom fills a new app and cannot be changed later; ask for another app, or ask a platform admin to restore in place",
        "restoreFrom aizpilda jaunu lietotni, un vēlāk to mainīt nevar; pieprasiet citu lietotni vai lūdziet platformas administratoru atjaunot esošo",
    ),
    (
        "restoreFrom names either a set or a time before which the newest set is taken; write one of the two",
        "laukā restoreFrom ir vai nu kopija (set), vai laiks, pirms kura ņemt jaunāko (before); rakstiet vienu no abiem",
    ),
    (
        "a time is hours and minutes with two digits each; write for example 22:00",
        "laiku raksta kā stundas un minūtes, katrām divi cipari; rakstiet, piemēram, 22:00",
    ),
    (
        "a time is hours and minutes with two digits each; write for example 05:00",
        "laiku raksta kā stundas un minūtes, katrām divi cipari; rakstiet, piemēram, 05:00",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_rule_of_a_request_is_said_in_latvian() {
        let definitions = crate::request::crds();
        let definition = definitions.iter().find(|one| one.spec.names.kind == "MunicipalityApp").unwrap();
        let schema = serde_json::to_value(definition.spec.versions[0].schema.as_ref().unwrap()).unwrap();
        let mut rules = Vec::new();
        let mut open = vec![schema["openAPIV3Schema"].clone()];
        while let Some(value) = open.pop() {
            for rule in value["x-kubernetes-validations"].as_array().into_iter().flatten() {
                rules.push(rule["message"].as_str().unwrap().to_owned());
            }
            let properties = value["properties"].as_object().into_iter().flatten().filter(|(name, _)| *name != "status");
            open.extend(properties.map(|(_, inside)| inside.clone()));
            open.extend([&value["items"], &value["additionalProperties"]].into_iter().filter(|inside| inside.is_object()).cloned());
        }
        assert!(rules.len() >= RULES.len(), "{rules:#?}");
        for rule in &rules {
            let (_, message) = crate::policy::Reason::of_rule(rule);
            assert!(of_rule(message).is_some(), "this rule has no Latvian: {message}");
        }
        for (english, _) in RULES {
            assert!(rules.iter().any(|rule| rule.ends_with(english)), "no rule says this any more: {english}");
        }
    }

    #[test]
    fn parameters_are_told_without_their_value() {
        let schema = json!({
            "type": "object", "additionalProperties": false, "required": ["title"],
            "properties": {"title": {"type": "string", "maxLength": 3}, "year": {"type": "integer", "minimum": 2000}, "kind": {"enum": ["a", "b"]},
                "code": {"type": "string", "pattern": "^LV"}},
        });
        let validator = jsonschema::validator_for(&schema).unwrap();
        let said = |value: serde_json::Value| -> Vec<String> { validator.iter_errors(&value).map(|error| parameters(&error)).collect() };
        for (value, part) in [
            (json!({}), "trūkst iestatījuma title; pievienojiet to"),
            (json!({"title": "secret"}), "laukā parameters.title ir par daudz rakstzīmju; rakstiet ne vairāk kā 3"),
            (json!({"title": 5}), "laukā parameters.title jābūt tekstam"),
            (json!({"title": "a", "year": 1999}), "laukā parameters.year skaitlis ir mazāks par 2000; rakstiet 2000 vai lielāku"),
            (json!({"title": "a", "kind": "secret"}), "jābūt vienai no šīm vērtībām: a vai b"),
            (json!({"title": "a", "code": "secret"}), "vērtība neatbilst paraugam ^LV"),
            (json!({"title": "a", "more": 1}), "sistēmai nav iestatījuma more; izdzēsiet to"),
        ] {
            let told = said(value);
            assert!(told.len() == 1 && told[0].contains(part) && !told[0].contains("secret"), "{part}: {told:?}");
        }
    }
}
