//! What the API server would refuse is refused here, in words.

use super::*;
use crate::request::read;

fn check(text: &str) -> Result<Object, Vec<Finding>> {
    let (documents, broken) = read::parse("a.yaml", 0, text.as_bytes());
    assert_eq!(broken, []);
    let definitions = Definitions::compile().unwrap();
    Checker::new(&definitions).check(&documents[0])
}

fn refused(text: &str) -> Vec<(u32, &'static str, String)> {
    check(text).unwrap_err().into_iter().map(|f| (f.line, f.code.as_str(), f.message)).collect()
}

const APP: &str =
    "apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {name: a, namespace: riga}\nspec:\n  system: website\n";

#[test]
fn every_rule_of_every_definition_can_be_evaluated_offline() {
    fn count(schema: &cel::CompiledSchema) -> usize {
        assert!(schema.compilation_errors().is_empty(), "{:?}", schema.compilation_errors());
        let inside = schema.properties.values().chain(schema.items.as_deref()).chain(schema.additional_properties.as_deref());
        schema.validations.len() + inside.map(count).sum::<usize>()
    }
    let definitions = Definitions::compile().unwrap();
    assert_eq!(definitions.kinds.len(), KINDS.len());
    assert!(definitions.kinds.values().map(|d| count(&d.rules)).sum::<usize>() > 20);
}

#[test]
fn every_field_of_every_definition_is_described() {
    fn walk(schema: &Value, path: &str, missing: &mut Vec<String>) {
        for (name, inside) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = format!("{path}.{name}");
            let described = inside.get("description").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
            // The API server describes these itself.
            if !described && !path.ends_with(".metadata") {
                missing.push(path.clone());
            }
            walk(inside, &path, missing);
        }
        for (name, inside) in ["items", "additionalProperties"].into_iter().filter_map(|n| schema.get(n).map(|s| (n, s))) {
            walk(inside, &format!("{path}.{name}"), missing);
        }
    }
    let mut missing = Vec::new();
    for (kind, definition) in Definitions::compile().unwrap().kinds {
        walk(&definition.open, kind, &mut missing);
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_good_request_is_read() {
    let Ok(Object::App(spec)) = check(&format!("{APP}  suspend: null\n  parameters: {{anything: [1]}}\nstatus: {{grant: nonsense}}\n"))
    else {
        panic!("refused");
    };
    assert_eq!((spec.system.as_str(), spec.suspend), ("website", false));
}

#[test]
fn shapes_are_explained() {
    let text = format!("{APP}  sise: small\n  hostname: 5\n  suspend: \"true\"\n  version: 1.0\n");
    let mut found = refused(&text);
    found.sort();
    let expect = [
        (6, "spec has no field `sise`"),
        (7, "spec.hostname must be text, and 5 is not without quotes; write \"5\""),
        (8, "spec.suspend must be true or false, and \"true\" is text; write it without quotes"),
        (9, "spec.version must be text, and 1.0 is not without quotes; write \"1.0\""),
    ];
    assert_eq!(found.len(), expect.len(), "{found:?}");
    for ((line, code, message), (at, text)) in found.iter().zip(expect) {
        assert_eq!((*line, *code), (at, "FieldInvalid"));
        assert!(message.starts_with(text), "{message}");
    }
    assert!(found[0].2.ends_with("did you mean size?"), "{}", found[0].2);
}

#[test]
fn kinds_and_versions_are_explained() {
    let cases = [
        ("kind: X\n", "apiVersion is missing"),
        ("apiVersion: kopnams.lv/v1\nkind: Platform\n", "no version `v1`"),
        ("apiVersion: kopnams.lv/v1alpha1\nkind: Municipallity\n", "did you mean Municipality?"),
        ("apiVersion: v1\nkind: Municipality\n", "write apiVersion: kopnams.lv/v1alpha1"),
        ("[1, 2]\n", "a document is an object"),
        ("apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {name: 5}\nspec: {system: x}\n", "metadata.name must be text"),
        (
            "apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {name: a}\nspec: {system: x}\n",
            "metadata.namespace is missing",
        ),
        (
            "apiVersion: kopnams.lv/v1alpha1\nkind: DataClass\nmetadata: {name: a, namespace: b}\nspec: {rank: 1, title: {lv: a, en: b}}\n",
            "in no namespace",
        ),
    ];
    for (text, expect) in cases {
        let found = refused(text);
        assert!(found.iter().any(|(_, code, message)| *code == "FieldInvalid" && message.contains(expect)), "{found:?}");
    }
    let found = check("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n").unwrap_err();
    assert!(found[0].code.is_note());
}

#[test]
fn rules_speak_with_their_own_reason_and_place() {
    let found = refused(
        "apiVersion: kopnams.lv/v1alpha1\nkind: Platform\nmetadata: {name: platform}\nspec:\n  egress:\n    mail:\n      - cidr: 192.0.2.25\n        ports: [25]\n",
    );
    assert_eq!((found[0].0, found[0].1), (7, "PeerInvalid"));
    assert_eq!(strict::pointer("spec.a.b.c[2].d", &serde_json::json!({"spec": {"a.b": {"c": [0, 1, {"d": 1}]}}})), "/spec/a.b/c/2/d");
}

#[test]
fn a_set_names_nothing_twice() {
    let found = refused(
        "apiVersion: kopnams.lv/v1alpha1\nkind: DataClass\nmetadata: {name: a}\nspec: {rank: 1, title: {lv: a, en: b}, requires: [dpia, dpia]}\n",
    );
    assert!(found[0].2.contains("twice"), "{found:?}");
    let found = refused(
        "apiVersion: kopnams.lv/v1alpha1\nkind: DataClass\nmetadata: {name: a}\nspec: {rank: 1, title: {lv: a, en: b}, requires: [dpai]}\n",
    );
    assert!(found[0].2.contains("legalBasis or dpia; did you mean dpia?"), "{found:?}");
}

/// As the API server does, which the test of verdicts has shown for each of these.
#[test]
fn null_is_nothing_for_an_object_of_any_fields_and_wrong_for_text() {
    let Ok(Object::App(app)) = check(&format!("{APP}  parameters:\n")) else { panic!("it is taken") };
    assert!(app.parameters.is_null());
    let found = refused(&APP.replace("system: website", "system:"));
    assert!(found[0].2.starts_with("spec.system is empty; write text"), "{found:?}");
}

#[test]
fn of_one_object_no_more_is_said_than_anybody_reads() {
    let labels = (0..3_000).fold(String::new(), |text, n| text + &format!("a{n}: 1, "));
    let name = "x".repeat(100_000);
    let text = format!(
        "apiVersion: kopnams.lv/v1alpha1\nkind: Municipality\nmetadata: {{name: {name}, labels: {{{labels}}}}}\nspec: {{zones: [{}]}}\n",
        "1,".repeat(3_000)
    );
    let found = check(&text).unwrap_err();
    let written: usize = found.iter().map(|finding| finding.object.len() + finding.message.len() + finding.path.len()).sum();
    assert!(found.len() > 1_000 && written < 1 << 21, "{} findings of {written} bytes", found.len());
}
