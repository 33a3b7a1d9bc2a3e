//! What a cluster has otherwise than files say: requests and municipalities as they were asked for, and what was granted.
//!
//! Nothing is decided here. What waits its turn in a roll-out, or has gone back by itself, is as its file has it.

use super::gather::check;
use crate::request::check::{Checker, Definitions, Object};
use crate::request::read::{Document, Finding, Tree};
use serde_json::Value;
use std::collections::BTreeMap;

/// Whose it is, and the app if it is a request's.
pub type Whose = (String, Option<String>);

/// In what something is otherwise on a cluster.
#[derive(Clone, Debug)]
pub enum Drift {
    /// The files ask for it, and it is not there.
    Missing,
    /// It is there, and no file asks for it.
    Extra,
    /// It is being removed there, and the files ask for it.
    Leaving,
    /// It is asked for otherwise there: the two `spec`, with everything that is usual filled in.
    Otherwise {
        /// There.
        there: Value,
        /// In the files.
        files: Value,
    },
    /// It is there as the files have it, and nothing is granted to it: what the cluster says.
    Ungranted(String),
    /// It is there in a way that this release cannot read.
    Unreadable(Vec<Finding>),
}

/// What a cluster has otherwise than files say. A file that is wrong by itself is not compared: it would not be applied.
#[must_use]
pub fn drift(tree: &Tree, live: &Tree, definitions: &Definitions) -> BTreeMap<Whose, Drift> {
    let mut files: BTreeMap<Whose, Option<Value>> = BTreeMap::new();
    for (document, checked) in tree.documents.iter().zip(check(tree, definitions)) {
        if let Some(whose) = whose(document) {
            // What a later path has takes the place of an earlier one.
            files.insert(whose, checked.ok().and_then(|object| spec(&object)));
        }
    }
    let checker = Checker::new(definitions);
    let mut found = BTreeMap::new();
    for document in &live.documents {
        let Some(whose) = whose(document) else { continue };
        let wanted = files.remove(&whose);
        let leaves = document.is_leaving();
        let drift = match wanted {
            // It goes, as the files want it; or nobody can say what they want.
            None if leaves => None,
            Some(None) => None,
            None => Some(Drift::Extra),
            Some(_) if leaves => Some(Drift::Leaving),
            Some(Some(wanted)) => compared(&checker, document, wanted),
        };
        found.extend(drift.map(|drift| (whose, drift)));
    }
    found.extend(files.into_iter().filter_map(|(whose, wanted)| wanted.map(|_| (whose, Drift::Missing))));
    found
}

fn compared(checker: &Checker<'_>, live: &Document, wanted: Value) -> Option<Drift> {
    let there = match checker.check(live) {
        Ok(object) => spec(&object)?,
        Err(why) => return Some(Drift::Unreadable(why)),
    };
    if there != wanted {
        return Some(Drift::Otherwise { there, files: wanted });
    }
    let granted = live.value.pointer("/status/grant").is_some_and(|grant| !grant.is_null());
    (live.is_request() && !granted).then(|| Drift::Ungranted(said(live)))
}

/// What the cluster says of how a request stands.
fn said(live: &Document) -> String {
    let conditions = live.value.pointer("/status/conditions").and_then(Value::as_array);
    let ready = conditions.into_iter().flatten().find(|condition| condition["type"] == "Ready");
    ready.and_then(|ready| ready["message"].as_str()).unwrap_or_default().to_owned()
}

fn whose(document: &Document) -> Option<Whose> {
    match document.kind() {
        "MunicipalityApp" => Some((document.namespace().to_owned(), Some(document.name().to_owned()))),
        "Municipality" => Some((document.name().to_owned(), None)),
        _ => None,
    }
}

fn spec(object: &Object) -> Option<Value> {
    match object {
        Object::App(spec) => serde_json::to_value(&**spec).ok(),
        Object::Municipality(spec) => serde_json::to_value(&**spec).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::tests::{PLATFORM, app, tree};
    use serde_json::json;

    /// An app as a cluster prints it.
    fn live(name: &str, more: &str, meta: &str, status: &Value) -> String {
        let meta = format!("namespace: riga, creationTimestamp: \"2026-01-01T00:00:00Z\"{meta}");
        format!("{}status: {status}\n", app(name, more).replace("namespace: riga", &meta))
    }

    fn granted(name: &str, more: &str) -> String {
        live(name, more, "", &json!({"grant": {"system": "website"}}))
    }

    fn told(files: &[&str], live: &[&str]) -> Vec<String> {
        let live = [live, &[PLATFORM]].concat().join("---\n");
        let found = drift(&tree(files), &tree(&[&live]), &Definitions::compile().unwrap());
        let what = |drift: &Drift| match drift {
            Drift::Missing => "missing".to_owned(),
            Drift::Extra => "extra".to_owned(),
            Drift::Leaving => "leaving".to_owned(),
            Drift::Otherwise { there, files } => format!("{} and not {}", there["size"], files["size"]),
            Drift::Ungranted(why) => format!("not granted: {why}"),
            Drift::Unreadable(why) => format!("unreadable, {}", why[0].path),
        };
        found.iter().map(|((town, app), drift)| format!("{town}/{} {}", app.as_deref().unwrap_or("-"), what(drift))).collect()
    }

    #[test]
    fn each_thing_that_a_cluster_has_otherwise_is_told() {
        let gone = ", deletionTimestamp: \"2026-01-02T00:00:00Z\"";
        let status = json!({"grant": {}});
        let there = [
            granted("extra", ""),
            granted("large", ", size: large"),
            live("leaving", "", gone, &status),
            live("left", "", gone, &status),
            live("waits", "", "", &json!({"conditions": [{"type": "Ready", "message": "AllotmentExceeded: too much"}]})),
            granted("later", ", fromALaterRelease: 1"),
            granted("wrong", ""),
            granted("same", ""),
        ];
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        let files = ["large", "leaving", "waits", "later", "same", "new"].map(|name| app(name, "")).concat();
        // A file that no cluster would take is compared with nothing.
        let files = files + &app("wrong", ", size: 1");
        let town = PLATFORM.replace("name: riga", "name: ventspils").replace("0001000", "0002000");
        let expected = [
            "riga/extra extra",
            "riga/large \"large\" and not null",
            "riga/later unreadable, /spec/fromALaterRelease",
            "riga/leaving leaving",
            "riga/new missing",
            "riga/waits not granted: AllotmentExceeded: too much",
            "ventspils/- missing",
        ];
        let (town, _) = town.split_once("\n---\n").unwrap();
        assert_eq!(told(&[PLATFORM, town, &files], &there), expected);
    }

    #[test]
    fn what_is_usual_need_not_be_written_and_a_municipality_is_compared_too() {
        let there = [granted("same", ", suspend: false, parameters: {}")];
        assert_eq!(told(&[PLATFORM, &app("same", ", parameters: {}")], &[&there[0]]), Vec::<String>::new());
        let wider = PLATFORM.replace("apps: 5", "apps: 6");
        assert_eq!(told(&[&wider], &[]), ["riga/- null and not null"]);
    }
}
