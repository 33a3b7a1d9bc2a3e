//! Who may do what, and what those try who may not.

use super::*;
use crate::request::read::foreign::Foreign;
use std::slice::from_ref;

fn access() -> Access {
    let text = "platform: ['@centrs/platforma']\nmunicipalities:\n  kuldigas-novads: ['@kuldiga/it']\n  liepaja: ['@liepajas-it']\n";
    Access::parse(text.as_bytes()).unwrap()
}

fn town() -> Person {
    Person::new("janis", &["kuldiga/it".into()])
}

fn admin() -> Person {
    Person::new("admin", &["centrs/platforma".into()])
}

fn file(path: &str) -> Touched {
    Touched { path: path.into(), before: None, after: Some(Kind::File), foreign: Vec::new() }
}

fn asked(author: &Person, touched: &[Touched]) -> Answer {
    decide(&Question { access: &access(), author, approvers: &[], touched, grave: &[] })
}

/// The first refusal: why, and who may.
fn refusal(author: &Person, touched: &[Touched]) -> (String, String) {
    let answer = asked(author, touched);
    assert!(!answer.allowed);
    let first = answer.refused.into_iter().next().unwrap();
    (first.why.to_string(), first.owners.join(" "))
}

#[test]
fn everybody_changes_what_is_theirs_and_nothing_else() {
    let own = file("municipalities/kuldigas-novads/majaslapa.yaml");
    let answer = asked(&town(), from_ref(&own));
    assert!(answer.allowed && answer.areas == ["kuldigas-novads"], "{answer:?}");
    assert!(asked(&admin(), &[own.clone(), file("platform/systems/x.yaml"), file(FILE)]).allowed, "admins may mend a request, too");
    let (why, owners) = refusal(&town(), &[own.clone(), file("municipalities/liepaja/karte.yaml")]);
    assert_eq!((why.as_str(), owners.as_str()), ("it is of liepaja, and @janis is not one of its owners", "@liepajas-it"));
    let (why, owners) = refusal(&town(), &[file("platform/systems/website.yaml")]);
    assert_eq!((why.as_str(), owners.as_str()), ("it is the platform's", "@centrs/platforma"));
    let (why, _) = refusal(&town(), &[own, file(FILE)]);
    assert!(why.starts_with("access.yaml says who may change what"), "{why}");
    assert!(!asked(&Person::default(), &[file("municipalities/kuldigas-novads/a.yaml")]).allowed, "nobody is nobody's owner");
    // A file that moves is gone at one place and new at the other.
    let gone = Touched { before: Some(Kind::File), after: None, ..file("municipalities/liepaja/karte.yaml") };
    assert!(!asked(&town(), &[file("municipalities/kuldigas-novads/karte.yaml"), gone]).allowed);
}

#[test]
fn what_only_looks_like_a_municipality_is_the_platforms() {
    for path in [
        "Municipalities/kuldigas-novads/a.yaml",
        "municipalities/Kuldigas-novads/a.yaml",
        "municipalities/kuldigas-novads /a.yaml",
        "municipalities/kuldīgas-novads/a.yaml",
        "municipalities/kuldigas\u{2010}novads/a.yaml",
        "municipalities/kuldig\u{430}s-novads/a.yaml",
        "municipalities/\u{200b}kuldigas-novads/a.yaml",
        "municipalities/ogres-novads/a.yaml",
        "municipalities/a.yaml",
        "municipalities",
        "x/municipalities/kuldigas-novads/a.yaml",
        ".github/workflows/check.yaml",
        ".gitmodules",
        ".gitattributes",
    ] {
        assert_eq!(refusal(&town(), &[file(path)]).1, "@centrs/platforma", "{path}");
        assert!(asked(&admin(), &[file(path)]).allowed, "{path}");
    }
}

#[test]
fn links_and_submodules_are_nobodys_request() {
    for (kind, words) in [(Kind::Link, "a symbolic link"), (Kind::Other, "a submodule")] {
        let touched = Touched { after: Some(kind), ..file("municipalities/kuldigas-novads/a.yaml") };
        for author in [town(), admin()] {
            assert!(refusal(&author, from_ref(&touched)).0.contains(words));
        }
        let gone = Touched { before: Some(kind), after: None, ..touched };
        assert!(asked(&town(), &[gone]).allowed, "whoever has one may take it away");
    }
}

#[test]
fn what_only_the_platform_may_write_is_refused_to_others() {
    let touched = Touched { foreign: vec![Foreign::Status], ..file("municipalities/kuldigas-novads/a.yaml") };
    let (why, owners) = refusal(&town(), from_ref(&touched));
    assert_eq!((why.as_str(), owners.as_str()), ("it holds a status, which the operator writes", "@centrs/platforma"));
    assert!(asked(&admin(), from_ref(&touched)).allowed, "admins may");
    // The tool that applies a town's folder may make nothing but requests, whoever put it there.
    let touched = Touched { foreign: vec![Foreign::Kind("ClusterRoleBinding".into())], ..touched };
    for author in [town(), admin()] {
        let (why, owners) = refusal(&author, from_ref(&touched));
        assert!(why.starts_with("it holds ClusterRoleBinding, and a municipality asks by MunicipalityApp") && owners.is_empty(), "{why}");
    }
}

#[test]
fn what_is_grave_waits_for_a_second_person() {
    let grave = [Grave { municipality: "kuldigas-novads".into(), app: "lietvediba".into(), why: GraveWhy::Removed }];
    let touched = [Touched { before: Some(Kind::File), after: None, ..file("municipalities/kuldigas-novads/lietvediba.yaml") }];
    let with = |approvers: &[Person]| decide(&Question { access: &access(), author: &town(), approvers, touched: &touched, grave: &grave });
    let answer = with(&[]);
    assert!(!answer.allowed && answer.refused.is_empty());
    assert_eq!(answer.awaits[0].owners, ["@kuldiga/it", "@centrs/platforma"]);
    let other = Person::new("anna", &["kuldiga/it".into()]);
    for (approvers, allowed) in [
        (vec![other.clone()], true),
        (vec![admin()], true),
        (vec![town()], false),
        (vec![Person::new("JANIS", &["kuldiga/it".into()])], false),
        (vec![Person::new("liepajas-it", &[])], false),
        (vec![Person::new("liepajas-it", &[]), other], true),
    ] {
        assert_eq!(with(&approvers).allowed, allowed, "{approvers:?}");
    }
}

#[test]
fn what_an_owner_agrees_to_is_as_good_as_its_own() {
    let clerk = Person::new("klientu-centrs", &[]);
    let own = file("municipalities/kuldigas-novads/majaslapa.yaml");
    let of_liepaja = file("municipalities/liepaja/karte.yaml");
    let with = |author: &Person, approvers: &[Person], touched: &[Touched]| {
        decide(&Question { access: &access(), author, approvers, touched, grave: &[] }).allowed
    };
    let liepaja = Person::new("liepajas-it", &[]);
    assert!(!with(&clerk, &[], from_ref(&own)));
    assert!(with(&clerk, &[town()], from_ref(&own)));
    assert!(!with(&clerk, from_ref(&liepaja), from_ref(&own)), "another municipality's word is none");
    assert!(!with(&clerk, from_ref(&clerk), from_ref(&own)), "nor is the author's");
    // Each of them for what is theirs.
    let both = [own, of_liepaja];
    assert!(!with(&town(), &[], &both) && with(&town(), from_ref(&liepaja), &both) && !with(&clerk, &[liepaja], &both));
    assert!(!with(&clerk, &[town()], &[file(FILE)]) && with(&clerk, &[admin()], &[file(FILE)]));
    // A municipality's owner does not make more of it than the owner could.
    let steers = Touched { foreign: vec![Foreign::Steers("metadata.labels.a/b".into())], ..file("municipalities/kuldigas-novads/a.yaml") };
    assert!(!with(&clerk, &[town()], from_ref(&steers)) && with(&town(), &[admin()], &[steers]));
}
