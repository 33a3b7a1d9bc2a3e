//! What the page's scripts say of a request is what kopnams says, for thousands of requests; and what they write is read
//! as it was meant.

use crate::generate::Requests;
use crate::kit::{self, DEFINITIONS, PLATFORM};
use jiff::Timestamp;
use kopnams::policy::{AppKey, Ask, Register, Turn, decide};
use kopnams::request::check::{Checker, Object};
use kopnams::request::read::{self, Document, Tree};
use kopnams::review::review;
use kopnams::site::forge::{Forge, Kind};
use kopnams::site::schema;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// How many requests for each system.
const REQUESTS: usize = 500;
/// kopnams lists no more than so many parameters that do not fit.
const LISTED: usize = 10;

/// What is wrong, as a code and the field that is to blame.
type Verdict = BTreeSet<(String, String)>;

#[test]
fn the_page_judges_as_kopnams_does() {
    let seed = std::env::var("KOPNAMS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_260_901);
    println!("seed {seed}; another one: KOPNAMS_SEED=…");
    let register = kit::register(&PLATFORM);
    let folder = kit::written(&kit::site(&register, None));
    let mut requests = Requests::new(&register, seed);
    let systems: Vec<String> = register.systems().map(|(name, _)| name.clone()).collect();
    let mut asked: Vec<(&String, Value)> = Vec::new();
    for system in &systems {
        asked.extend((0..REQUESTS).map(|_| (system, requests.request(&register, system))));
    }
    asked.extend(long().into_iter().map(|request| (&systems[systems.iter().position(|name| name == "odd-known").unwrap()], request)));
    let questions: Vec<Value> =
        asked.iter().map(|(system, request)| json!({"ask": "judge", "system": system, "request": request})).collect();
    let Some(answers) = kit::ask(folder.path(), &questions) else { return };
    let checker = Checker::new(&DEFINITIONS);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for (index, ((system, request), answer)) in asked.iter().zip(&answers).enumerate() {
        let yaml = answer["yaml"].as_str().unwrap();
        let document = document(yaml, request);
        let (theirs, more) = page(answer);
        let all_of_ours = judge(&checker, &register, &document);
        let ours: Verdict = all_of_ours.iter().cloned().collect();
        if index % 97 == 0 {
            assert_eq!(ours, reviewed(&document), "{yaml}");
        }
        let unchecked = schema::known(&register.system(system).unwrap().spec.parameters).1;
        let open = |path: &str| unchecked.iter().any(|field| path.starts_with(&format!("/spec/parameters{field}")));
        let known = |verdict: &Verdict| verdict.iter().filter(|(_, path)| !open(path)).cloned().collect::<Verdict>();
        let all = format!("request {index} of seed {seed}:\n{yaml}\nkopnams: {ours:#?}\npage: {}", answer["found"]);
        if unchecked.is_empty() {
            assert_eq!(ours.is_empty(), theirs.is_empty(), "{all}");
        } else {
            assert!(theirs.is_empty() || !ours.is_empty(), "the page refuses what kopnams takes: {all}");
        }
        if all_of_ours.iter().filter(|(code, _)| code == "ParametersInvalid").count() >= LISTED {
            assert!(ours.is_subset(&theirs), "{all}");
        } else if ours.iter().all(|(_, path)| !open(path)) || theirs.iter().any(|(_, path)| !open(path)) {
            // What is wrong in a field that is only checked later may keep kopnams from saying what comes after it.
            let ours = known(&ours);
            assert!(ours == known(&theirs) || (!unchecked.is_empty() && ours.is_subset(&more)), "{all}");
        }
        for (code, _) in if ours.is_empty() { BTreeSet::from([("nothing".into(), String::new())]) } else { ours } {
            *reasons.entry(code).or_default() += 1;
        }
    }
    println!("{} requests: {reasons:?}", asked.len());
    let enough =
        ["nothing", "FieldInvalid", "NameInvalid", "NotAHomeNamespace", "HostnameInvalid", "HostnameOutsideZones", "ParametersInvalid"];
    let rarer = [
        "VersionUnknown",
        "SizeUnknown",
        "DataClassUnknown",
        "DataClassLowered",
        "RequirementMissing",
        "AllotmentExceeded",
        "BackupInvalid",
    ];
    for (reasons_of, least) in [(&enough[..], 100), (&rarer[..], 20)] {
        for reason in reasons_of {
            assert!(reasons.get(*reason).is_some_and(|count| *count >= least), "too few requests with {reason}: {reasons:?}");
        }
    }
}

/// Requests whose parameters are about as long as they may be.
fn long() -> Vec<Value> {
    let request = |text: String| {
        let place = json!({"x": 1, "y": 5});
        let parameters = json!({"code": "LV-1", "no": true, "place": place, "text": text});
        json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "MunicipalityApp", "metadata": {"name": "a", "namespace": "kuldigas-novads"},
            "spec": {"system": "odd-known", "parameters": parameters},
        })
    };
    let rest = request(String::new())["spec"]["parameters"].to_string().len();
    let most = kopnams::policy::catalogue::PARAMETERS_MOST - rest;
    let texts = [most - 1, most, most + 1].map(|length| "a".repeat(length));
    let wide = [most / 2, most / 2 + 1].map(|length| "\n".repeat(length - 1) + "x");
    texts.into_iter().chain(wide).map(request).collect()
}

/// The document that the page has written, which holds exactly what was asked.
fn document(yaml: &str, request: &Value) -> Document {
    let (documents, broken) = read::parse("municipalities/a/b.yaml", 0, yaml.as_bytes());
    assert!(broken.is_empty() && documents.len() == 1, "{request}\n{yaml}\n{broken:?}");
    let document = documents.into_iter().next().unwrap();
    assert_eq!(numbers(&document.value), numbers(request), "{yaml}");
    assert!(document.findings.is_empty(), "something is hardly meant so: {:?}\n{yaml}", document.findings);
    document
}

/// The same value with every number as a double: JavaScript has no other.
fn numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap() + 0.0),
        Value::Array(items) => items.iter().map(numbers).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(name, value)| (name.clone(), numbers(value))).collect()),
        other => other.clone(),
    }
}

/// What the page found in the first step that found something, and in all.
fn page(answer: &Value) -> (Verdict, Verdict) {
    let found = answer["found"].as_array().unwrap();
    let first = found.iter().map(|finding| finding["stage"].as_u64().unwrap()).min();
    let of = |wanted: Option<u64>| {
        let these = found.iter().filter(|finding| wanted.is_none() || finding["stage"].as_u64() == wanted);
        these.map(|finding| (finding["code"].as_str().unwrap().into(), finding["path"].as_str().unwrap().into())).collect()
    };
    (of(first), of(None))
}

/// What kopnams finds: the same functions in the same order as in `review`, without checking the platform each time.
fn judge(checker: &Checker<'_>, register: &Register, document: &Document) -> Vec<(String, String)> {
    let spec = match checker.check(document) {
        Ok(Object::App(spec)) => spec,
        Ok(_) => panic!("the page writes requests only"),
        Err(found) => return found.into_iter().map(|finding| (finding.code.as_str().into(), finding.path)).collect(),
    };
    let key = AppKey::new(document.namespace(), document.name());
    let ask = Ask { key: &key, spec: &spec, standing: None, namespace_is_foreign: false, turn: Turn::Now, answered: None };
    let rejections = decide(ask, register, Timestamp::UNIX_EPOCH).err().unwrap_or_default();
    rejections.into_iter().map(|rejection| (rejection.reason.as_str().into(), rejection.path)).collect()
}

/// What `kopnams validate` finds in the platform with this request.
fn reviewed(document: &Document) -> Verdict {
    let mut tree: Tree = read::read(&PLATFORM.map(PathBuf::from)).unwrap();
    tree.documents.push(std::sync::Arc::new(Document { layer: PLATFORM.len(), ..document.clone() }));
    let found = review(&tree, None, &DEFINITIONS, Timestamp::UNIX_EPOCH).findings;
    found.into_iter().map(|finding| (finding.code.as_str().into(), finding.path)).collect()
}

#[test]
fn the_keywords_that_are_left_in_the_facts_are_those_that_the_page_knows() {
    let folder = kit::written(&kit::site(&kit::register(&PLATFORM), None));
    let Some(answers) = kit::ask(folder.path(), &[json!({"ask": "keywords"})]) else { return };
    assert_eq!(answers[0], json!(schema::KEYWORDS));
}

#[test]
fn each_forge_gets_the_file_in_its_own_way() {
    let folder = kit::written(&kit::site(&kit::register(&PLATFORM), None));
    let (path, text) = ("municipalities/kuldigas-novads/majaslapa.yaml", "title: \"Kuldīga & co\"\n# 100 % +1\n");
    let of = |kind: Kind| {
        let forge = Forge::new(kind, "https://forge.example.lv", "pasvaldibas/pieprasijumi", "main").unwrap();
        let facts = json!({"address": forge.address(), "valueMost": kopnams::site::forge::VALUE_MOST});
        json!({"ask": "address", "forge": facts, "path": path, "text": text})
    };
    let mut questions: Vec<Value> = [Kind::Github, Kind::Gitea, Kind::GiteaOld, Kind::Forgejo].map(of).to_vec();
    for text in ["a".repeat(6_000), "a".repeat(6_001), "ā".repeat(1_000), "ā".repeat(1_001)] {
        let mut question = of(Kind::Github);
        question["text"] = text.into();
        questions.push(question);
    }
    let Some(answers) = kit::ask(folder.path(), &questions) else { return };
    let value = "title%3A%20%22Kuld%C4%ABga%20%26%20co%22%0A%23%20100%20%25%20%2B1%0A";
    let repository = "https://forge.example.lv/pasvaldibas/pieprasijumi";
    assert_eq!(answers[0], json!(format!("{repository}/new/main?filename={path}&value={value}")));
    assert_eq!(answers[1], json!(format!("{repository}/_new/main/{path}?value={value}")));
    assert_eq!(answers[2], json!(format!("{repository}/_new/main/?filename={path}&value={value}")));
    assert_eq!(answers[3], answers[2]);
    let taken: Vec<bool> = answers[4..].iter().map(|answer| !answer.is_null()).collect();
    assert_eq!(taken, [true, false, true, false], "what is longer is not put into an address");
}
