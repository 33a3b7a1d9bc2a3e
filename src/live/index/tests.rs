//! The index under late, repeated and missing events.

use super::*;
use crate::desired::meta::Owner;
use crate::desired::network::default_deny;

const OWNER: Owner<'_> = Owner { namespace: "m--a", municipality: "m", app: Some("a"), tenant_id: "t" };

fn policy(uid: u128, version: u64) -> Object {
    let mut object = default_deny(OWNER);
    object.write_intent();
    object.meta_mut().uid = Some(Uuid::from_u128(uid).to_string());
    object.meta_mut().resource_version = Some(version.to_string());
    object
}

fn changed(mut object: Object) -> Object {
    if let Object::NetworkPolicy(policy) = &mut object {
        policy.spec.get_or_insert_default().policy_types = Some(vec!["Ingress".into()]);
    }
    object
}

const SOURCE: Source = Source::Kind(Kind::NetworkPolicy);

#[test]
fn an_echo_of_the_own_write_and_a_late_event_change_nothing() {
    let mut index = Index::default();
    assert_eq!(index.observe(&policy(1, 10)), Change::Some);
    assert_eq!(index.observe(&policy(1, 10)), Change::None);
    assert_eq!(index.observe(&changed(policy(1, 9))), Change::None, "older than what is known");
    assert!(index.view("m--a").get(Kind::NetworkPolicy, "default-deny").unwrap().intact);
    assert_eq!(index.observe(&policy(1, 11)), Change::None, "newer, and nothing that the operator looks at");
}

#[test]
fn an_edit_shows_although_the_intent_annotation_stays() {
    let mut index = Index::default();
    index.observe(&policy(1, 10));
    assert_eq!(index.observe(&changed(policy(1, 11))), Change::Some);
    let view = index.view("m--a");
    let entry = view.get(Kind::NetworkPolicy, "default-deny").unwrap();
    assert!(entry.intended && !entry.intact);
}

#[test]
fn a_deleted_object_does_not_come_back_by_a_late_event() {
    let mut index = Index::default();
    index.observe(&policy(1, 10));
    assert_eq!(index.forget(&policy(1, 11)), Change::Some);
    assert!(index.view("m--a").vanished(Kind::NetworkPolicy, "default-deny"));
    assert_eq!(index.observe(&policy(1, 11)), Change::None);
    assert_eq!(index.observe(&policy(2, 12)), Change::Some, "another one of that name");
    assert!(!index.view("m--a").vanished(Kind::NetworkPolicy, "default-deny"));
}

/// A watch with a selector reports both the same way.
#[test]
fn an_object_that_only_lost_its_label_is_known_again_when_it_is_repaired() {
    let mut index = Index::default();
    index.observe(&policy(1, 10));
    assert_eq!(index.forget(&policy(1, 11)), Change::Some);
    assert_eq!(index.observe(&policy(1, 12)), Change::Some, "repaired");
    assert_eq!(index.forget(&policy(1, 11)), Change::None, "late news of the lost label");
    assert!(index.view("m--a").get(Kind::NetworkPolicy, "default-deny").unwrap().intact);
}

#[test]
fn deleting_an_older_object_of_the_name_leaves_the_new_one() {
    let mut index = Index::default();
    index.observe(&policy(2, 12));
    assert_eq!(index.forget(&policy(1, 11)), Change::None);
    assert!(index.view("m--a").get(Kind::NetworkPolicy, "default-deny").is_some());
}

#[test]
fn what_vanished_in_a_watch_gap_is_noticed_and_own_writes_meanwhile_stay() {
    let mut index = Index::default();
    index.begin(SOURCE);
    index.observe(&policy(1, 10));
    assert!(index.finish(SOURCE).is_empty());
    index.begin(SOURCE);
    let mut written = policy(3, 30);
    written.meta_mut().name = Some("written-during-the-list".into());
    index.observe(&written);
    assert_eq!(index.finish(SOURCE), ["m--a"]);
    let view = index.view("m--a");
    assert!(view.get(Kind::NetworkPolicy, "default-deny").is_none());
    assert!(view.vanished(Kind::NetworkPolicy, "default-deny"));
    assert!(view.get(Kind::NetworkPolicy, "written-during-the-list").is_some());
}

#[test]
fn claims_are_counted_by_namespace_whoever_made_them() {
    let mut index = Index::default();
    index.begin(Source::Claims);
    index.observe_claim("m--a", "data");
    index.observe_claim("m--a", "more");
    index.finish(Source::Claims);
    assert_eq!(index.claims("m--a"), 2);
    index.forget_claim("m--a", "data");
    index.begin(Source::Claims);
    assert_eq!(index.finish(Source::Claims), ["m--a"]);
    assert_eq!(index.claims("m--a"), 0);
}
