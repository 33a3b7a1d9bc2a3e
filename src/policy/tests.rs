//! Single decisions: each refusal has a twin that is granted.

use super::*;
use crate::request::names::APP_NAME_MAX;
use crate::request::{DataClass, HostedSystem, Municipality};
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn spec<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

/// A register with one municipality, three classes and one system.
fn register() -> Register {
    let mut register = Register::default();
    for (name, rank, requires) in
        [("open", 0, json!([])), ("personal", 2, json!(["legalBasis"])), ("special", 3, json!(["legalBasis", "dpia"]))]
    {
        let class: DataClass = spec(json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "DataClass", "metadata": {"name": name},
            "spec": {"title": {"lv": "a", "en": "a"}, "rank": rank, "requires": requires}}));
        register.set_class(name, class.spec, None);
    }
    register.set_municipality("kuldigas-novads", municipality("0033000", "kuldiga.example.lv").spec, None, false);
    register.set_system("register", system("personal").spec);
    register.refresh();
    register
}

fn municipality(code: &str, zone: &str) -> Municipality {
    spec(json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "Municipality", "metadata": {"name": "m"}, "spec": {
        "code": code, "title": {"lv": "a", "en": "a"}, "peerGroup": "municipality",
        "allotment": {"cpu": "2", "memory": "4Gi", "storage": "40Gi", "apps": 3},
        "zones": [zone],
        "contacts": {"technical": "a@b", "security": "a@b", "dataProtection": "a@b"}}}))
}

fn system(class: &str) -> HostedSystem {
    spec(json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": "HostedSystem", "metadata": {"name": "register"}, "spec": {
        "title": {"lv": "a", "en": "a"}, "maintainer": "platform", "category": "administration", "dataClass": class,
        "defaultVersion": "1.0", "defaultSize": "small",
        "sizes": {"small": {"cpu": "500m", "memory": "1Gi", "storage": "10Gi", "pods": 5},
                  "large": {"cpu": "2", "memory": "4Gi", "storage": "40Gi", "pods": 10}},
        "parameters": {"type": "object", "additionalProperties": false, "properties": {"title": {"type": "string", "maxLength": 5}}},
        "versions": [{"name": "1.0", "objects": []}, {"name": "1.1", "objects": []}]}}))
}

fn good() -> Value {
    json!({"system": "register", "hostname": "www.kuldiga.example.lv", "processing": {"legalBasis": "a law"}})
}

fn ask(register: &Register, municipality: &str, app: &str, request: Value) -> Result<Grant, Vec<Rejection>> {
    let key = AppKey::new(municipality, app);
    let spec: MunicipalityAppSpec = spec(request);
    decide(Ask { key: &key, spec: &spec, standing: None, namespace_is_foreign: false, turn: Turn::Now, answered: None }, register, now())
}

#[test]
fn each_mistake_has_its_own_reason_and_the_good_request_is_granted() {
    let register = register();
    let grant = ask(&register, "kuldigas-novads", "lietvediba", good()).unwrap();
    assert_eq!((grant.version.as_str(), grant.size.name.as_str(), grant.data_class.name.as_str()), ("1.0", "small", "personal"));
    assert_eq!((grant.size.cpu_burst.0.as_str(), grant.since.as_str()), ("2", "2026-11-22T10:00:00Z"));

    let cases = [
        ("/system", json!("websight"), Reason::SystemUnknown, "it has register"),
        ("/version", json!("9"), Reason::VersionUnknown, "1.0 or 1.1"),
        ("/size", json!("huge"), Reason::SizeUnknown, "large or small"),
        ("/dataClass", json!("secret"), Reason::DataClassUnknown, "open, personal or special"),
        ("/dataClass", json!("open"), Reason::DataClassLowered, "weaker"),
        ("/dataClass", json!("special"), Reason::RequirementMissing, "processing.dpia"),
        ("/processing", json!({"legalBasis": "  "}), Reason::RequirementMissing, "processing.legalBasis"),
        ("/parameters", json!({"title": "too long"}), Reason::ParametersInvalid, "/title"),
        ("/parameters", json!({"titel": "a"}), Reason::ParametersInvalid, "titel"),
        ("/hostname", json!("www.kuldiga.lv"), Reason::HostnameOutsideZones, "kuldiga.example.lv"),
        ("/hostname", json!("WWW.kuldiga.example.lv"), Reason::HostnameInvalid, "lower case"),
    ];
    for (path, value, reason, says) in cases {
        let mut request = good();
        request[&path[1..]] = value;
        let rejections = ask(&register, "kuldigas-novads", "lietvediba", request).unwrap_err();
        assert_eq!(rejections[0].reason, reason, "{path}");
        assert!(rejections[0].message.contains(says), "{path}: {}", rejections[0].message);
    }
    let long = "a".repeat(APP_NAME_MAX + 1);
    for name in ["a--b", long.as_str(), "A"] {
        assert_eq!(ask(&register, "kuldigas-novads", name, good()).unwrap_err()[0].reason, Reason::NameInvalid, "{name}");
    }
    assert_eq!(ask(&register, "default", "a", good()).unwrap_err()[0].reason, Reason::NotAHomeNamespace);
}

#[test]
fn a_parameter_value_is_never_repeated_in_a_message() {
    let mut request = good();
    request["parameters"] = json!({"title": "a personal code 010203-12345"});
    let rejections = ask(&register(), "kuldigas-novads", "a", request).unwrap_err();
    assert!(!joined_text(&rejections).contains("010203"), "{rejections:?}");
}

fn joined_text(rejections: &[Rejection]) -> String {
    rejection::joined(rejections)
}

#[test]
fn a_host_name_is_claimed_once_and_the_refusal_names_the_claimant() {
    let mut register = register();
    let grant = ask(&register, "kuldigas-novads", "first", good()).unwrap();
    register.ledger.enter(&AppKey::new("kuldigas-novads", "first"), &grant);
    let refused = ask(&register, "kuldigas-novads", "second", good()).unwrap_err();
    assert_eq!(refused[0].reason, Reason::HostnameTaken);
    assert!(refused[0].message.contains("kuldigas-novads/first since 2026-11-22T10:00:00Z"), "{}", refused[0].message);
    assert!(ask(&register, "kuldigas-novads", "first", good()).is_ok(), "its own claim is no obstacle");
    register.ledger.leave(&AppKey::new("kuldigas-novads", "first"));
    assert!(ask(&register, "kuldigas-novads", "second", good()).is_ok());
}

#[test]
fn what_does_not_fit_names_the_shortage_and_the_holders() {
    let mut register = register();
    let grant = ask(&register, "kuldigas-novads", "first", good()).unwrap();
    register.ledger.enter(&AppKey::new("kuldigas-novads", "first"), &grant);
    let mut large = good();
    large["size"] = json!("large");
    large["hostname"] = json!("b.kuldiga.example.lv");
    let refused = ask(&register, "kuldigas-novads", "second", large).unwrap_err();
    assert_eq!(refused[0].reason, Reason::AllotmentExceeded);
    for says in ["cpu is short by 500m of 2", "memory is short by 1Gi of 4Gi", "first (500m cpu)"] {
        assert!(refused[0].message.contains(says), "{}", refused[0].message);
    }
}

#[test]
fn a_granted_app_keeps_its_place_when_the_allotment_shrinks_but_cannot_grow() {
    let mut register = register();
    let key = AppKey::new("kuldigas-novads", "first");
    let grant = ask(&register, "kuldigas-novads", "first", good()).unwrap();
    register.ledger.enter(&key, &grant);
    let mut smaller = municipality("0033000", "kuldiga.example.lv").spec;
    smaller.allotment.cpu = Cpu("100m".into());
    register.set_municipality("kuldigas-novads", smaller.clone(), None, false);
    register.refresh();
    let standing = |request: Value| {
        let spec: MunicipalityAppSpec = spec(request);
        decide(
            Ask { key: &key, spec: &spec, standing: Some(&grant), namespace_is_foreign: false, turn: Turn::Now, answered: None },
            &register,
            now(),
        )
    };
    assert!(standing(good()).is_ok());
    let mut large = good();
    large["size"] = json!("large");
    assert_eq!(standing(large).unwrap_err()[0].reason, Reason::AllotmentExceeded);
    assert_eq!(register.below_granted("kuldigas-novads", &smaller).unwrap().reason, Reason::AllotmentBelowGranted);
}

#[test]
fn of_two_municipalities_with_one_code_or_zone_the_older_wins() {
    let mut register = register();
    let at = |second: i64| Some(Timestamp::from_second(second).unwrap());
    register.set_municipality("b-novads", municipality("0000001", "b.example.lv").spec, at(1), false);
    register.set_municipality("a-novads", municipality("0000001", "x.b.example.lv").spec, at(2), false);
    register.refresh();
    assert!(register.municipality("b-novads").unwrap().problems.is_empty());
    let reasons: Vec<_> = register.municipality("a-novads").unwrap().problems.iter().map(|p| p.reason).collect();
    assert_eq!(reasons, [Reason::CodeTaken, Reason::ZoneOverlap]);
    let refused = ask(&register, "a-novads", "a", json!({"system": "register", "processing": {"legalBasis": "a"}})).unwrap_err();
    assert_eq!(refused[0].reason, Reason::MunicipalityRefused);
    register.remove_municipality("b-novads");
    register.refresh();
    assert!(register.municipality("a-novads").unwrap().problems.is_empty(), "it is the only one now");
}

#[test]
fn a_broken_entry_or_class_is_reported_on_itself_and_on_its_apps() {
    let mut register = register();
    let mut broken = system("personal").spec;
    broken.parameters = json!({"type": "object", "properties": {"a": {"type": 5}}});
    broken.egress = vec!["nowhere".into()];
    register.set_system("register", broken);
    register.refresh();
    let reasons: Vec<_> = register.system("register").unwrap().problems.iter().map(|p| p.reason).collect();
    assert_eq!(reasons, [Reason::ParametersSchemaInvalid, Reason::EgressUnknown]);
    let refused = ask(&register, "kuldigas-novads", "a", good()).unwrap_err();
    assert_eq!(refused[0].reason, Reason::SystemBroken);
    register.set_system("register", system("personal").spec);
    register.refresh();
    assert!(ask(&register, "kuldigas-novads", "a", good()).is_ok());
}

#[test]
fn a_municipality_that_is_removed_gets_no_new_app_and_keeps_its_old_ones() {
    let mut register = register();
    let grant = ask(&register, "kuldigas-novads", "a", good()).unwrap();
    register.set_municipality("kuldigas-novads", municipality("0033000", "kuldiga.example.lv").spec, None, true);
    register.refresh();
    assert_eq!(ask(&register, "kuldigas-novads", "a", good()).unwrap_err()[0].reason, Reason::MunicipalityTerminating);
    let (key, request) = (AppKey::new("kuldigas-novads", "a"), spec(good()));
    assert!(
        decide(
            Ask { key: &key, spec: &request, standing: Some(&grant), namespace_is_foreign: false, turn: Turn::Now, answered: None },
            &register,
            now()
        )
        .is_ok()
    );
}

#[test]
fn wishes_for_backups_that_fit_nothing_are_refused_and_those_that_fit_are_granted() {
    let mut register = register();
    let mut entry = serde_json::to_value(system("personal")).unwrap();
    entry["spec"]["versions"] = json!([{"name": "1.0", "objects": [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "cache"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}},
    ]}]);
    register.set_system("register", spec::<HostedSystem>(entry).spec);
    register.refresh();
    let wish = |backup: Value| {
        let mut request = good();
        request["backup"] = backup;
        let found = ask(&register, "kuldigas-novads", "a", request).err().unwrap_or_default();
        found.iter().map(|one| format!("{} {}: {}", one.reason.as_str(), one.path, one.message)).collect::<Vec<_>>()
    };
    let without = |volume: &str| json!({"exclude": [{"volume": volume, "reason": "made anew"}]});
    assert_eq!(wish(without("cache")), Vec::<String>::new());
    let granted = ask(&register, "kuldigas-novads", "a", {
        let mut request = good();
        request["backup"] = without("cache");
        request
    });
    let granted = granted.unwrap();
    assert_eq!(json!(granted.backup), without("cache"), "what works on backups reads the grant and not the request");
    // As it stands on the namespace; and as an older release wrote it there.
    let mut text = serde_json::to_value(&granted).unwrap();
    assert_eq!(serde_json::from_value::<Grant>(text.clone()).unwrap(), granted);
    text.as_object_mut().unwrap().remove("backup");
    assert!(serde_json::from_value::<Grant>(text).unwrap().backup.is_empty());
    assert_eq!(wish(without("cahce")), ["BackupInvalid /spec/backup/exclude: the system has no volume `cahce`; write one of cache"]);
    let page = json!({"checks": {"http": [{"name": "front", "path": "/"}]}});
    assert_eq!(
        wish(page),
        ["BackupInvalid /spec/backup/checks: check `front`: the system has no page to ask for, because the version has no route"]
    );
}
