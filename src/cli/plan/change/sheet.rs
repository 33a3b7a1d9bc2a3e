//! What a change comes to, as data: the JSON output, from which text and Markdown are written too.

use super::risk::{Risk, risks};
use crate::cli::plan::choices::{Change as Choice, changes, differences as differing};
use crate::cli::plan::sheet::{Allotment, allotment};
use crate::cli::validate::JsonFinding;
use crate::desired::{DesiredSet, Object};
use crate::policy::AppKey;
use crate::request::app::Grant;
use crate::request::names;
use crate::review::change::Change;
use crate::review::drift::{Drift, Whose};
use crate::review::{Outcome, Review};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use similar::TextDiff;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Lines of a difference around what differs.
const AROUND: usize = 2;

/// The JSON form of `kopnams plan --base … --head …`. Fields are only ever added.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sheet<'a> {
    /// Where it begins.
    pub base: Side,
    /// Where it leads.
    pub head: Side,
    /// SHA-256 of what is planned: the same hash is the same plan, between whatever commits.
    pub hash: String,
    /// Everything in figures.
    pub summary: Summary,
    /// What an approver looks at first, the gravest first.
    pub risks: Vec<Risk>,
    /// The municipalities for which something changes, by slug.
    pub municipalities: Vec<Row<'a>>,
    /// What must be mended and was not wrong before, in the order of the files.
    pub findings: Vec<JsonFinding<'a>>,
    /// Whether requests could be decided; false without a catalogue among the files.
    pub decided: bool,
    /// Which requests and municipalities the cluster has otherwise than `base` as it is now, whatever it is that changes; null when
    /// no cluster was asked. No part of the plan, so not in `hash`.
    pub drift: Option<Vec<DriftRow<'a>>>,
}

/// A request or a municipality that a cluster has otherwise.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DriftRow<'a> {
    /// The municipality.
    pub municipality: &'a str,
    /// The app; null for the municipality itself.
    pub app: Option<&'a str>,
    /// `missing` (it is not there), `extra` (no file asks for it), `otherwise` (it is asked for otherwise there), `ungranted` (it is
    /// there, and nothing is granted to it), `leaving` (it is being removed there) or `unreadable` (by this release).
    pub state: &'static str,
    /// What is otherwise in `spec`: `before` is the cluster's, `now` that of the files.
    pub changes: Vec<Choice>,
    /// What the cluster says of one to which nothing is granted, or why it cannot be read.
    pub said: Option<&'a str>,
}

/// One of the two sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Side {
    /// As it was named.
    pub name: String,
    /// The commit's id; null for a folder.
    pub commit: Option<String>,
}

/// Everything in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Apps that are made.
    pub create: usize,
    /// Apps that become otherwise.
    pub change: usize,
    /// Apps that go.
    pub remove: usize,
    /// Requests that are refused.
    pub refuse: usize,
    /// Apps that stay as they are. Between two commits that differ in folders of municipalities only, those of these.
    pub unchanged: usize,
    /// What must be mended and was not wrong before.
    pub findings: usize,
    /// What was wrong before and still is, in what was read: see `unchanged`.
    pub known: usize,
}

/// A municipality for which something changes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Row<'a> {
    /// The slug.
    pub name: &'a str,
    /// The name in Latvian; null when there is no such municipality.
    pub title: Option<&'a str>,
    /// What was granted of the allotment before; null when there was no such municipality.
    pub before: Option<Allotment>,
    /// What is granted of it afterwards; null when there is no such municipality.
    pub after: Option<Allotment>,
    /// Host names that are claimed.
    pub claims: Vec<&'a str>,
    /// Host names that are given up.
    pub gives_up: Vec<&'a str>,
    /// Its apps that become otherwise, by name.
    pub apps: Vec<AppRow<'a>>,
}

/// An app that becomes otherwise.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// `create`, `change`, `remove` or `refuse`.
    pub action: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// What is in force afterwards, or was in force before it goes; null for a refused request that nothing was granted to.
    #[schemars(with = "Option<Value>")]
    pub grant: Option<&'a Grant>,
    /// What the data class requires.
    pub requires: Vec<&'static str>,
    /// What a change changes.
    pub changes: Vec<Choice>,
    /// The objects that are made, changed or go.
    pub objects: Vec<ObjectRow>,
    /// Why it is refused.
    pub because: Vec<JsonFinding<'a>>,
}

/// A Kubernetes object of an app that becomes otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ObjectRow {
    /// `create`, `change` or `delete`.
    pub action: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What differs, line by line as `diff -u` writes it; empty for one that is made or goes.
    pub diff: String,
}

impl<'a> Sheet<'a> {
    /// The sheet of a change between two sides.
    #[must_use]
    pub fn of(change: &'a Change, base: Side, head: Side) -> Self {
        let mut rows: BTreeMap<&str, Vec<AppRow<'_>>> = BTreeMap::new();
        for (key, outcome) in change.touched() {
            rows.entry(&key.municipality).or_default().push(touched(change, key, outcome));
        }
        for (key, grant) in &change.removed {
            rows.entry(&key.municipality).or_default().push(removed(change, key, grant));
        }
        let mut summary = Summary::default();
        for app in rows.values().flatten() {
            match app.action {
                "create" => summary.create += 1,
                "change" => summary.change += 1,
                "remove" => summary.remove += 1,
                _ => summary.refuse += 1,
            }
        }
        summary.unchanged = change.after.apps.values().filter(|outcome| matches!(outcome, Outcome::Unchanged(_))).count();
        summary.findings = change.new.len();
        summary.known = change.after.to_mend().0 - change.new.len();
        let shown: HashSet<&JsonFinding<'_>> = rows.values().flatten().flat_map(|app| &app.because).collect();
        let findings = change.new.iter().map(JsonFinding::from).filter(|finding| !shown.contains(finding)).collect();
        let municipalities = rows.into_iter().map(|(name, apps)| row(change, name, apps)).collect();
        let mut sheet = Self {
            base,
            head,
            hash: String::new(),
            summary,
            risks: risks(change),
            municipalities,
            findings,
            decided: !change.after.undecided,
            drift: change.drift.as_ref().map(|drift| drift.iter().map(drifted).collect()),
        };
        sheet.hash = sheet.digest();
        sheet
    }

    /// Of what is planned, not of between which commits.
    fn digest(&self) -> String {
        let planned = json!([self.risks, self.municipalities, self.findings, self.decided]);
        hex::encode(Sha256::digest(planned.to_string()))
    }
}

fn drifted<'a>((whose, drift): (&'a Whose, &'a Drift)) -> DriftRow<'a> {
    let (state, changes, said) = match drift {
        Drift::Missing => ("missing", Vec::new(), None),
        Drift::Extra => ("extra", Vec::new(), None),
        Drift::Leaving => ("leaving", Vec::new(), None),
        Drift::Otherwise { there, files } => ("otherwise", differing(there, files), None),
        Drift::Ungranted(said) => ("ungranted", Vec::new(), Some(said.as_str())),
        Drift::Unreadable(why) => ("unreadable", Vec::new(), why.first().map(|finding| finding.message.as_str())),
    };
    DriftRow { municipality: &whose.0, app: whose.1.as_deref(), state, changes, said: said.filter(|said| !said.is_empty()) }
}

fn row<'a>(change: &'a Change, name: &'a str, mut apps: Vec<AppRow<'a>>) -> Row<'a> {
    apps.sort_by_key(|app| app.name);
    let hosts = |side: &'a Review| -> BTreeSet<&'a str> {
        let own = side.apps.range(AppKey::new(name, "")..).take_while(|(key, _)| key.municipality == name);
        own.filter_map(|(_, outcome)| outcome.grant()?.hostname.as_deref()).collect()
    };
    let (before, after) = (hosts(&change.before), hosts(&change.after));
    let title = change.after.register.municipality(name).or_else(|| change.before.register.municipality(name));
    Row {
        name,
        title: title.map(|tenant| tenant.spec.title.lv.as_str()),
        before: allotment(&change.before, name),
        after: allotment(&change.after, name),
        claims: after.difference(&before).copied().collect(),
        gives_up: before.difference(&after).copied().collect(),
        apps,
    }
}

fn touched<'a>(change: &'a Change, key: &'a AppKey, outcome: &'a Outcome) -> AppRow<'a> {
    let (before, now) = outcome.granted().map_or((None, None), |(before, now)| (before, Some(now)));
    let action = match (before, now) {
        (Some(_), _) => "change",
        (None, Some(_)) => "create",
        (None, None) => "refuse",
    };
    let was = before.map(|grant| change.before.desired_app(key, grant));
    let is = now.map(|grant| change.after.desired_app(key, grant));
    AppRow {
        name: &key.app,
        action,
        namespace: key.namespace(),
        grant: outcome.grant(),
        requires: now.map(|grant| requires(change, grant)).unwrap_or_default(),
        changes: before.zip(now).map(|(before, now)| changes(before, now)).unwrap_or_default(),
        objects: differences(was.as_ref(), is.as_ref()),
        because: outcome.because().iter().map(JsonFinding::from).collect(),
    }
}

fn removed<'a>(change: &'a Change, key: &'a AppKey, grant: &'a Grant) -> AppRow<'a> {
    let was = change.before.desired_app(key, grant);
    AppRow {
        name: &key.app,
        action: "remove",
        namespace: key.namespace(),
        grant: Some(grant),
        requires: Vec::new(),
        changes: Vec::new(),
        objects: differences(Some(&was), None),
        because: Vec::new(),
    }
}

/// What the data class of an app requires of its request.
fn requires(change: &Change, grant: &Grant) -> Vec<&'static str> {
    use crate::request::class::Requirement;
    let class = change.after.register.class(&grant.data_class.name);
    let required = class.map(|class| class.spec.requires.as_slice()).unwrap_or_default();
    required
        .iter()
        .map(|requirement| match requirement {
            Requirement::LegalBasis => "legalBasis",
            Requirement::Dpia => "dpia",
        })
        .collect()
}

/// The objects of two sets that differ, in the order of the sets.
fn differences(before: Option<&DesiredSet>, after: Option<&DesiredSet>) -> Vec<ObjectRow> {
    let written = |set: Option<&DesiredSet>| -> Vec<((&'static str, String), String)> {
        let objects = set.into_iter().flat_map(DesiredSet::objects);
        objects.map(|object| ((object.kind().as_str(), object.name().to_owned()), yaml(object))).collect()
    };
    let (before, after) = (written(before), written(after));
    let was: BTreeMap<_, _> = before.iter().map(|(id, text)| (id, text)).collect();
    let is: BTreeSet<_> = after.iter().map(|(id, _)| id).collect();
    let row = |action, (kind, name): &(&'static str, String), diff| ObjectRow { action, kind, name: name.clone(), diff };
    let mut rows: Vec<ObjectRow> = after
        .iter()
        .filter_map(|(id, text)| match was.get(id) {
            None => Some(row("create", id, String::new())),
            Some(old) if *old == text => None,
            Some(old) => {
                let diff = TextDiff::from_lines(old.as_str(), text.as_str()).unified_diff().context_radius(AROUND).to_string();
                Some(row("change", id, diff))
            }
        })
        .collect();
    rows.extend(before.iter().filter(|(id, _)| !is.contains(id)).map(|(id, _)| row("delete", id, String::new())));
    rows
}

/// An object as it is compared: without what is made from all the rest of it.
fn yaml(object: &Object) -> String {
    let mut value = json!(object);
    if let Some(annotations) = value.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) {
        annotations.retain(|name, _| ![names::INTENT, names::GRANT].contains(&name.as_str()));
    }
    // What cannot be written as YAML differs from nothing; there is no such object.
    serde_yaml::to_string(&value).unwrap_or_default()
}

/// The JSON schema of what is written, as it is published in `docs/schemas/plan.schema.json`.
#[must_use]
pub fn schema() -> schemars::Schema {
    let mut schema = schemars::schema_for!(Sheet<'_>);
    schema.insert("title".into(), "kopnams plan --base … --head … --output json".into());
    schema
}
