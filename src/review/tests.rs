//! Trees of files come to findings and decisions.

use super::*;
use crate::request::read;

pub const PLATFORM: &str = r#"
apiVersion: kopnams.lv/v1alpha1
kind: Municipality
metadata: {name: riga}
spec:
  code: "0001000"
  title: {lv: Rīga, en: Riga}
  peerGroup: state-city
  allotment: {cpu: "1", memory: 2Gi, storage: 4Gi, apps: 5}
  zones: [riga.example.lv]
  contacts: {technical: it@riga.example.lv, security: it@riga.example.lv, dataProtection: it@riga.example.lv}
---
apiVersion: kopnams.lv/v1alpha1
kind: DataClass
metadata: {name: open}
spec: {title: {lv: Atvērti, en: Open}, rank: 0}
---
apiVersion: kopnams.lv/v1alpha1
kind: HostedSystem
metadata: {name: website}
spec:
  title: {lv: Vietne, en: Website}
  maintainer: platform
  category: communication
  dataClass: open
  defaultVersion: "1.0"
  defaultSize: small
  sizes:
    small: {cpu: 250m, memory: 512Mi, storage: 1Gi, pods: 5}
    large: {cpu: "1", memory: 2Gi, storage: 4Gi, pods: 5}
  versions: [{name: "1.0"}]
"#;

pub fn app(name: &str, more: &str) -> String {
    format!(
        "---\napiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {{name: {name}, namespace: riga}}\nspec: {{system: website{more}}}\n"
    )
}

pub fn tree(texts: &[&str]) -> Tree {
    let mut tree = Tree::default();
    for (layer, text) in texts.iter().enumerate() {
        let (documents, findings) = read::parse(&format!("{layer}.yaml"), layer, text.as_bytes());
        tree.documents.extend(documents.into_iter().map(std::sync::Arc::new));
        tree.findings.extend(findings);
    }
    tree
}

fn reviewed(texts: &[&str], live: Option<&str>) -> Review {
    let live = live.map(|text| tree(&[text]));
    review(&tree(texts), live.as_ref(), &Definitions::compile().unwrap(), Timestamp::UNIX_EPOCH)
}

fn codes(review: &Review) -> Vec<(&str, u32, &str)> {
    review.findings.iter().map(|f| (f.code.as_str(), f.line, f.object.as_str())).collect()
}

#[test]
fn requests_are_decided_by_name_whatever_the_order_of_the_files_and_their_claims() {
    let late = app("b", ", size: large").replace("namespace: riga", "namespace: riga, creationTimestamp: \"2001-01-01T00:00:00Z\"");
    let review = reviewed(&[PLATFORM, &late, &app("a", "")], None);
    assert_eq!(codes(&review), [("AllotmentExceeded", 5, "MunicipalityApp/riga/b")]);
    assert!(matches!(review.apps[&AppKey::new("riga", "a")], Outcome::Created(_)));
}

#[test]
fn a_status_in_a_file_gains_nothing() {
    let forged = format!("{}status: {{grant: {{hostname: www.riga.example.lv}}}}\n", app("a", ", size: large"));
    let review = reviewed(&[PLATFORM, &forged, &app("b", ", size: large")], None);
    assert_eq!(codes(&review), [("AllotmentExceeded", 5, "MunicipalityApp/riga/b")]);
}

#[test]
fn a_later_path_replaces_and_one_path_holds_each_object_once() {
    let review = reviewed(&[PLATFORM, &app("a", ""), &app("a", ", size: large")], None);
    assert_eq!(codes(&review), []);
    assert_eq!(review.apps[&AppKey::new("riga", "a")].grant().unwrap().size.name, "large");
    let twice = format!("{}{}", app("a", ""), app("a", ", size: large"));
    let review = reviewed(&[PLATFORM, &twice], None);
    assert_eq!(codes(&review), [("FieldInvalid", 9, "MunicipalityApp/riga/a")]);
    assert!(review.findings[0].message.contains("first in 1.yaml:2"), "{}", review.findings[0].message);
}

#[test]
fn what_the_api_server_refuses_does_not_exist_for_the_rest() {
    let broken = PLATFORM.replace("rank: 0", "rank: -1");
    let review = reviewed(&[&broken, &app("a", "")], None);
    let found = codes(&review);
    assert!(found.contains(&("FieldInvalid", 16, "DataClass/open")), "{found:?}");
    assert!(found.iter().any(|(code, ..)| *code == "DataClassUnknown"), "{found:?}");
    assert!(found.iter().any(|(code, ..)| *code == "SystemBroken"), "{found:?}");
}

#[test]
fn a_live_grant_stands_and_is_compared() {
    let first = reviewed(&[PLATFORM, &app("a", ""), &app("c", "")], None);
    let live: String = ["a", "c"].iter().fold(String::new(), |text, name| {
        let grant = serde_json::to_string(first.apps[&AppKey::new("riga", *name)].grant().unwrap()).unwrap();
        let created = "namespace: riga, creationTimestamp: \"2026-01-01T00:00:00Z\"";
        text + &app(name, "").replace("namespace: riga", created) + &format!("status: {{grant: {grant}}}\n")
    });
    let review = reviewed(&[PLATFORM, &app("a", ""), &app("b", ", size: large")], Some(&live));
    let outcome = |name: &str| &review.apps[&AppKey::new("riga", name)];
    assert!(matches!(outcome("a"), Outcome::Unchanged(_)), "{:?}", outcome("a"));
    assert!(matches!(outcome("b"), Outcome::Refused { standing: None, .. }));
    assert!(matches!(outcome("c"), Outcome::Elsewhere(_)));
    let review = reviewed(&[PLATFORM, &app("a", ", size: large")], Some(&live));
    assert!(matches!(&review.apps[&AppKey::new("riga", "a")], Outcome::Refused { standing: Some(_), .. }));
    assert_eq!(review.register.ledger.granted("riga").cpu, 500);
}

#[test]
fn without_a_catalogue_requests_are_not_decided() {
    let review = reviewed(&[&app("a", "")], None);
    assert!(review.undecided && review.findings.is_empty() && review.apps.is_empty());
}

#[test]
fn other_kinds_are_noted_and_foreign_namespaces_respected() {
    let others = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {on: yes}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: riga--a}\n";
    let review = reviewed(&[PLATFORM, others, &app("a", "")], None);
    assert_eq!(codes(&review), [("Ignored", 2, "ConfigMap/a"), ("NamespaceConflict", 4, "MunicipalityApp/riga/a")]);
    let ours = others.replace("name: riga--a", "name: riga--a, labels: {app.kubernetes.io/managed-by: kopnams}");
    assert!(!reviewed(&[PLATFORM, &ours, &app("a", "")], None).is_refused());
}
