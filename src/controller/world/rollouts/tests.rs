//! A changed catalogue entry reaches the apps in turn, whoever leads.

use super::super::World;
use crate::live::DeedKey;
use crate::policy::catalogue::only;
use crate::policy::{AppKey, Course, Reason};
use crate::request::app::{MunicipalityApp, MunicipalityAppStatus};
use crate::request::names::ALLOW_REVISION;
use crate::request::system::Phase;
use crate::request::{DataClass, HostedSystem, Municipality};
use crate::status::summarise::{self, AppState, Rails, Work};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

#[expect(clippy::needless_pass_by_value, reason = "written as literals")]
fn object<K: serde::de::DeserializeOwned>(kind: &str, meta: Value, spec: Value) -> K {
    serde_json::from_value(json!({"apiVersion": "kopnams.lv/v1alpha1", "kind": kind, "metadata": meta, "spec": spec})).unwrap()
}

fn at(second: i64) -> Timestamp {
    "2026-11-22T10:00:00Z".parse::<Timestamp>().unwrap().checked_add(SignedDuration::from_secs(second)).unwrap()
}

/// The world of these tests, with the number that the next object gets as its resource version.
struct Town {
    world: World,
    next: i64,
}

fn entry(text: &str, required: &Value) -> Value {
    let settings = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"text": text}});
    json!({
        "title": {"lv": "a", "en": "a"}, "maintainer": "platform", "category": "c", "dataClass": "open", "defaultVersion": "1.0", "defaultSize": "small",
        "sizes": {"small": {"cpu": "1", "memory": "1Gi", "storage": "1Gi", "pods": 5}},
        "parameters": {"type": "object", "properties": {"name": {"type": "string"}}, "required": required},
        "rollout": {"canaries": 1, "batch": 2, "failAfter": 1, "deadlineSeconds": 60},
        "versions": [{"name": "1.0", "objects": [settings]}, {"name": "2.0", "migrates": true, "objects": [settings]}]})
}

impl Town {
    fn new() -> Self {
        let mut world = World { deed_key: DeedKey::from_bytes(&[1; 32]), ..World::default() };
        world.lead(true);
        world.set_class(object::<DataClass>("DataClass", json!({"name": "open"}), json!({"title": {"lv": "a", "en": "a"}, "rank": 0})));
        world.set_municipality(object::<Municipality>(
            "Municipality",
            json!({"name": "m"}),
            json!({"code": "0000001", "title": {"lv": "a", "en": "a"}, "peerGroup": "municipality",
                "allotment": {"cpu": "10", "memory": "10Gi", "storage": "10Gi", "apps": 9},
                "contacts": {"technical": "a@b", "security": "a@b", "dataProtection": "a@b"}}),
        ));
        let mut town = Self { world, next: 1 };
        town.catalogue(entry("one", &json!([])), &json!({}));
        for name in ["a", "b", "c"] {
            town.ask(name, json!({"system": "website"}));
        }
        town.settle(0);
        for name in ["a", "b", "c"] {
            town.answers(name, 0, true);
        }
        town.settle(1);
        town
    }

    fn catalogue(&mut self, spec: Value, annotations: &Value) {
        let meta = json!({"name": "website", "annotations": annotations, "resourceVersion": self.number(), "generation": self.next});
        self.world.set_system(object::<HostedSystem>("HostedSystem", meta, spec));
    }

    fn number(&mut self) -> String {
        self.next += 1;
        self.next.to_string()
    }

    fn ask(&mut self, name: &str, spec: Value) {
        let known = self.world.apps.get(&AppKey::new("m", name)).map(|record| record.object.clone());
        let uid = known.as_ref().and_then(|known| known.metadata.uid.clone()).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let meta = json!({"name": name, "namespace": "m", "uid": uid, "resourceVersion": self.number(), "generation": self.next,
            "creationTimestamp": "2026-11-22T10:00:00Z"});
        let mut app = object::<MunicipalityApp>("MunicipalityApp", meta, spec);
        app.status = known.and_then(|known| known.status.clone());
        self.world.set_app(app, None);
    }

    fn settle(&mut self, second: i64) {
        self.world.settle(at(second));
        // What the controller keeps before it writes a grant down.
        let entry = self.world.register.system("website").unwrap().clone();
        for record in self.world.apps.values() {
            let Some(grant) = &record.grant else { continue };
            if let Some((version, revision)) = entry.version(&grant.version).filter(|(_, revision)| *revision == grant.revision) {
                self.world.register.keep("website", revision, only(&entry.spec, version), true);
            }
        }
    }

    /// The status that the controller writes when every part of the app answers, or none does.
    fn answers(&mut self, name: &str, second: i64, answers: bool) {
        let key = AppKey::new("m", name);
        let status = self.said(&key, second, answers);
        let mut object = (*self.world.apps[&key].object).clone();
        object.metadata.resource_version = Some(self.number());
        object.status = Some(status);
        self.world.set_app(object, None);
        self.world.looked_at(&key);
    }

    fn said(&self, key: &AppKey, second: i64, answers: bool) -> MunicipalityAppStatus {
        let record = &self.world.apps[key];
        let parts = vec![(
            crate::desired::Kind::Deployment,
            "web".to_string(),
            if answers { crate::live::Health::Good } else { crate::live::Health::Coming("not yet".into()) },
        )];
        let state = AppState {
            grant: record.grant.as_ref(),
            rejections: &record.rejections,
            course: &record.course,
            unfit: &record.unfit,
            eol: None,
            scheme: crate::request::platform::Scheme::Https,
            rails: Rails::Live,
            work: Work::Made { known: true, parts, ails: None },
            tenant_id: None,
            backup: None,
            held: None,
            namespace: &key.namespace(),
        };
        summarise::app(&record.object, &state, at(second))
    }

    fn has(&self, name: &str) -> (&str, &Course) {
        let record = &self.world.apps[&AppKey::new("m", name)];
        (&record.grant.as_ref().unwrap().revision, &record.course)
    }

    /// The revision that the catalogue has now.
    fn now(&self) -> String {
        self.world.register.system("website").unwrap().target(None).unwrap().1.to_string()
    }

    fn phase(&self) -> Phase {
        self.world.rollouts_of("website").0[0].phase
    }
}

#[test]
fn an_edit_reaches_one_app_first_and_the_others_when_it_answers() {
    let mut town = Town::new();
    let old = town.now();
    assert!(town.world.rollouts_of("website").0.is_empty(), "what never changed has nothing to say");
    town.catalogue(entry("two", &json!([])), &json!({}));
    town.settle(10);
    let new = town.now();
    assert_eq!(town.has("a"), (&*new, &Course::UpToDate));
    assert_eq!(town.has("b"), (&*old, &Course::Waits));
    assert_eq!((town.phase(), town.world.rollouts_of("website").1), (Phase::Canaries, Some(at(70))));

    // Who asks now gets what the catalogue says now, and proves nothing about the change.
    town.ask("d", json!({"system": "website"}));
    town.settle(11);
    town.answers("d", 11, true);
    town.settle(12);
    assert_eq!((town.has("d").0, town.has("b").0), (&*new, &*old));

    // A request that is edited meanwhile is decided with what the app has.
    town.ask("c", json!({"system": "website", "parameters": {"name": "x"}}));
    town.settle(13);
    assert_eq!(town.has("c"), (&*old, &Course::Waits));
    assert_eq!(town.world.apps[&AppKey::new("m", "c")].grant.as_ref().unwrap().parameters, json!({"name": "x"}));

    town.answers("a", 14, true);
    town.settle(15);
    assert_eq!((town.has("b").0, town.has("c").0, town.phase()), (&*new, &*new, Phase::Rolling));
    town.answers("b", 16, true);
    town.answers("c", 16, true);
    town.settle(17);
    assert_eq!(town.phase(), Phase::Done);
    assert_eq!(town.world.register.unused_revisions("website"), [] as [&str; 0], "the earlier one may still be gone back to");
}

#[test]
fn one_that_does_not_answer_goes_back_also_under_a_new_leader() {
    let mut town = Town::new();
    let old = town.now();
    town.catalogue(entry("two", &json!([])), &json!({}));
    town.settle(10);
    town.answers("a", 11, false);
    town.settle(12);
    // Another process leads: it knows only what is written.
    town.world.lead(false);
    town.world.lead(true);
    town.settle(120);
    assert_eq!((town.has("a").0, town.has("b").0), (&*town.now(), &*old), "what is written may be old: it looks first");
    town.world.looked_at(&AppKey::new("m", "a"));
    town.settle(121);
    assert_eq!((town.has("a").0, town.phase()), (&*old, Phase::Stopped));
    assert_eq!(town.has("b"), (&*old, &Course::Halted(AppKey::new("m", "a"))));
    assert_eq!(town.has("a").1, &Course::WentBack);
    // The other change is tried.
    town.answers("a", 122, true);
    town.catalogue(entry("three", &json!([])), &json!({}));
    town.settle(130);
    assert_eq!((town.has("a").0, town.phase()), (&*town.now(), Phase::Canaries));
}

#[test]
fn going_back_is_possible_also_to_a_smaller_size() {
    let mut town = Town::new();
    let old = town.now();
    let mut larger = entry("two", &json!([]));
    larger["sizes"]["small"]["storage"] = "2Gi".into();
    town.catalogue(larger, &json!({}));
    town.settle(10);
    assert_eq!(town.has("a").0, town.now());
    town.answers("a", 11, false);
    town.world.look_at_rollouts("website");
    town.settle(100);
    let record = &town.world.apps[&AppKey::new("m", "a")];
    assert_eq!((town.has("a"), record.rejections.as_slice()), ((&*old, &Course::WentBack), &[][..]));
}

#[test]
fn a_migration_that_lies_between_two_versions_is_not_passed_over() {
    let mut town = Town::new();
    let old = town.now();
    let mut longer = entry("one", &json!([]));
    let mut third = longer["versions"][0].clone();
    third["name"] = "3.0".into();
    longer["versions"].as_array_mut().unwrap().push(third);
    longer["defaultVersion"] = "3.0".into();
    town.catalogue(longer.clone(), &json!({}));
    town.settle(10);
    assert_eq!(town.has("a"), (&*old, &Course::Unacknowledged(crate::policy::rollout::Because::Migrates)));
    // What an app has and the entry no longer has may be newer than all that it has.
    longer["versions"].as_array_mut().unwrap().remove(0);
    longer["versions"].as_array_mut().unwrap().remove(0);
    town.catalogue(longer, &json!({}));
    town.settle(11);
    assert_eq!(town.has("a"), (&*old, &Course::Unacknowledged(crate::policy::rollout::Because::GoesBack)));
}

#[test]
fn what_an_app_has_is_known_also_when_the_entry_changes_before_it_could_be_kept() {
    let mut town = Town::new();
    town.catalogue(entry("two", &json!([])), &json!({}));
    town.world.settle(at(10));
    let key = AppKey::new("m", "a");
    let grant = town.world.apps[&key].grant.clone().unwrap();
    town.catalogue(entry("three", &json!([])), &json!({}));
    town.world.settle(at(11));
    assert!(town.world.register.render(&key, &grant).is_some());
    assert!(town.world.register.to_be_kept("website", "1.0", &grant.revision).is_some(), "and it will be kept");
}

#[test]
fn a_request_that_does_not_fit_the_change_keeps_what_it_has_and_is_not_refused() {
    let mut town = Town::new();
    let old = town.now();
    town.ask("a", json!({"system": "website", "parameters": {"name": "x"}}));
    town.settle(5);
    town.answers("a", 6, true);
    town.catalogue(entry("two", &json!(["name"])), &json!({}));
    town.settle(10);
    town.answers("a", 11, true);
    town.settle(12);
    let record = &town.world.apps[&AppKey::new("m", "b")];
    assert_eq!((record.rejections.as_slice(), record.unfit[0].reason), (&[][..], Reason::ParametersInvalid));
    assert_eq!((town.has("b"), town.phase()), ((&*old, &Course::Unfit), Phase::Incomplete));
    // Whoever asks anew is told.
    town.ask("d", json!({"system": "website"}));
    town.settle(13);
    assert_eq!(town.world.apps[&AppKey::new("m", "d")].rejections[0].reason, Reason::ParametersInvalid);
    // With the parameter it fits.
    town.ask("b", json!({"system": "website", "parameters": {"name": "y"}}));
    town.settle(14);
    assert_eq!(town.has("b"), (&*town.now(), &Course::UpToDate));
}

#[test]
fn a_migrating_version_waits_for_an_admin_also_when_a_request_asks_for_it() {
    let mut town = Town::new();
    let old = town.now();
    town.ask("a", json!({"system": "website", "version": "2.0"}));
    town.settle(10);
    assert_eq!(town.has("a").0, old);
    assert!(matches!(town.has("a").1, Course::Unacknowledged(_)));
    let revision = town.world.register.system("website").unwrap().version("2.0").unwrap().1.to_string();
    town.catalogue(entry("one", &json!([])), &json!({ALLOW_REVISION: revision}));
    town.settle(11);
    assert_eq!(town.has("a").0, revision);
    // Back is refused, as the older version cannot read the data.
    town.answers("a", 12, true);
    town.ask("a", json!({"system": "website"}));
    town.settle(13);
    assert_eq!(town.has("a"), (&*revision, &Course::Unfit));
    assert_eq!(town.world.apps[&AppKey::new("m", "a")].unfit[0].reason, Reason::DowngradeRefused, "it leaves the version to the catalogue");
    town.ask("a", json!({"system": "website", "version": "1.0"}));
    town.settle(14);
    let record = &town.world.apps[&AppKey::new("m", "a")];
    assert_eq!((record.rejections[0].reason, &*record.grant.as_ref().unwrap().revision), (Reason::DowngradeRefused, &*revision));
}
