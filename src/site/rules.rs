//! What the rules of the definitions say of a name, as data: read out of the rules themselves.

use super::pattern;
use crate::policy::Reason;
use crate::request;
use cel::Program;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use serde_json::{Value, json};

/// The rules of a definition about the object's name, each with its reason and its parts. None if one of them says
/// something that is not known here.
#[must_use]
pub fn of_name(kind: &str) -> Option<Vec<Value>> {
    let schema = definition(kind)?;
    let rules = schema.get("x-kubernetes-validations")?.as_array()?;
    let texts = rules.iter().filter_map(|rule| Some((rule.get("rule")?.as_str()?, rule.get("message")?.as_str()?)));
    let of_name = texts.filter(|(rule, _)| rule.contains("self.metadata.name"));
    of_name.map(|(rule, message)| Some(json!({"code": Reason::of_rule(message).0.as_str(), "all": parts(rule)?}))).collect()
}

/// The pattern of every DNS name, which the definition of a municipality has for its zones.
#[must_use]
pub fn of_zones() -> Option<String> {
    let schema = definition("Municipality")?;
    let rules = schema.pointer("/properties/spec/properties/zones/x-kubernetes-validations")?.as_array()?;
    let rule = rules.first()?.get("rule")?.as_str()?;
    let every = rule.strip_prefix("self.all(z, ")?.strip_suffix(')')?;
    parts(every)?.first()?.get("matches")?.as_str().map(str::to_string)
}

/// The reason of the rule that says from which backup a new app is filled: either a set or a time. None if it says something else.
#[must_use]
pub fn of_restore(kind: &str) -> Option<Reason> {
    let schema = definition(kind)?;
    let [rule] = schema.pointer("/properties/spec/properties/restoreFrom/x-kubernetes-validations")?.as_array()?.as_slice() else {
        return None;
    };
    let says = rule.get("rule")?.as_str()? == "has(self.set) != has(self.before)";
    says.then_some(Reason::of_rule(rule.get("message")?.as_str()?).0)
}

/// The schema of a kind, as the API server gets it.
#[must_use]
pub fn definition(kind: &str) -> Option<Value> {
    let definition = request::crds().into_iter().find(|definition| definition.spec.names.kind == kind)?;
    let version = definition.spec.versions.into_iter().find(|version| version.name == request::VERSION)?;
    serde_json::to_value(version.schema?.open_api_v3_schema?).ok()
}

/// The parts of a rule, all of which have to hold.
fn parts(rule: &str) -> Option<Vec<Value>> {
    let mut found = Vec::new();
    gather(&Program::compile(rule).ok()?.expression().expr, &mut found)?;
    Some(found)
}

fn gather(expression: &Expr, found: &mut Vec<Value>) -> Option<()> {
    let Expr::Call(call) = expression else { return None };
    if call.func_name == operators::LOGICAL_AND {
        return call.args.iter().try_for_each(|part| gather(&part.expr, found));
    }
    found.push(part(call)?);
    Some(())
}

fn part(call: &CallExpr) -> Option<Value> {
    match (&*call.func_name, &*call.args) {
        ("matches", [text]) => Some(json!({"matches": pattern::of_rule(string(&text.expr)?)?})),
        (operators::LESS_EQUALS, [size, most]) => match (&size.expr, &most.expr) {
            (Expr::Call(size), Expr::Literal(LiteralValue::Int(most))) if size.func_name == "size" => Some(json!({"sizeAtMost": **most})),
            _ => None,
        },
        (operators::LOGICAL_NOT, [inner]) => match &inner.expr {
            Expr::Call(inner) => match (&*inner.func_name, &*inner.args) {
                ("contains", [text]) => Some(json!({"without": string(&text.expr)?})),
                ("startsWith", [text]) => Some(json!({"notBeginningWith": string(&text.expr)?})),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

fn string(expression: &Expr) -> Option<&str> {
    match expression {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::names::{APP_NAME_MAX, canonical_host};

    #[test]
    fn the_rules_about_an_apps_name_are_read_out_of_the_definition() {
        let rules = of_name("MunicipalityApp").unwrap();
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0]["all"][1], json!({"sizeAtMost": APP_NAME_MAX}));
        assert_eq!(rules[1], json!({"code": "NameInvalid", "all": [{"notBeginningWith": "drill-"}]}));
    }

    #[test]
    fn a_rule_that_says_something_else_is_not_guessed_at() {
        for rule in ["self.metadata.name.size() > 3", "self.metadata.name == 'a' || true", "true", "self.metadata.name.matches(self.x)"] {
            assert_eq!(parts(rule), None, "{rule}");
        }
    }

    proptest::proptest! {
        #[test]
        fn host_names_are_what_zones_are(host in "([a-zA-Z0-9ā_*-]{0,5}[.]){0,3}[a-z0-9-]{0,66}") {
            let pattern = validator(&of_zones().unwrap());
            proptest::prop_assert_eq!(pattern.is_valid(&serde_json::Value::from(host.as_str())), canonical_host(&host).is_some(), "{}", host);
        }
    }

    /// The pattern in JavaScript's writing, as the checker of parameters reads it.
    fn validator(pattern: &str) -> jsonschema::Validator {
        jsonschema::validator_for(&json!({"pattern": pattern})).unwrap()
    }
}
