//! The plan as data: the JSON output, from which the text is written too.

use super::choices::{Change, changes};
use crate::cli::validate::JsonFinding;
use crate::desired::DesiredSet;
use crate::policy::{Amounts, AppKey};
use crate::request::app::Grant;
use crate::request::read::{Finding, spread};
use crate::review::{Home, Outcome, Review};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

/// The JSON form of `kopnams plan`. Fields are only ever added.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sheet<'a> {
    /// The municipalities by slug, with what becomes of their homes and apps.
    pub municipalities: Vec<Row<'a>>,
    /// What must be mended and is not about a refused request, in the order of the files.
    pub findings: Vec<JsonFinding<'a>>,
    /// Everything in figures.
    pub summary: Summary,
    /// Whether requests could be decided; false without a catalogue among the files.
    pub decided: bool,
}

/// A municipality.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row<'a> {
    /// The slug.
    pub name: &'a str,
    /// The name in Latvian; null when there is no such municipality.
    pub title: Option<&'a str>,
    /// The home namespace; null when there is no such municipality.
    pub home: Option<HomeRow>,
    /// What is granted of the allotment after this plan; null when there is no such municipality.
    pub allotment: Option<Allotment>,
    /// The apps by name.
    pub apps: Vec<AppRow<'a>>,
}

/// A municipality's home namespace.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HomeRow {
    /// `create`, `exists` or `refuse`.
    pub action: &'static str,
    /// How many objects of each kind are made.
    pub objects: Objects,
    /// The objects, with `--show objects`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rendered: Vec<Value>,
}

/// How many objects of each kind.
pub type Objects = BTreeMap<&'static str, usize>;

/// What is granted of an allotment: CPU in millicores, memory and storage in bytes.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allotment {
    /// CPU in millicores.
    pub cpu: Use,
    /// Memory in bytes.
    pub memory: Use,
    /// Storage in bytes.
    pub storage: Use,
    /// Number of apps.
    pub apps: Use,
}

/// A part of an allotment.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct Use {
    /// What the granted apps hold.
    pub granted: u64,
    /// What they may hold.
    pub allowed: u64,
}

/// An app.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRow<'a> {
    /// Its name.
    pub name: &'a str,
    /// `create`, `change`, `unchanged`, `elsewhere` (on the cluster, not among the files) or `refuse`.
    pub action: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// What is in force afterwards; null for a refused request that nothing was granted to.
    pub grant: Option<&'a Grant>,
    /// What a change changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// How many objects of each kind are made.
    pub objects: Objects,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<JsonFinding<'a>>,
    /// The objects, with `--show objects`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rendered: Vec<Value>,
}

/// Everything in figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Homes that are made.
    pub homes: usize,
    /// Apps that are made.
    pub create: usize,
    /// Apps that change.
    pub change: usize,
    /// Apps that stay.
    pub unchanged: usize,
    /// Apps of the cluster that are not among the files.
    pub elsewhere: usize,
    /// Requests that are refused.
    pub refuse: usize,
    /// Findings that are not about a refused request.
    pub findings: usize,
    /// Objects that are made or changed.
    pub objects: usize,
}

impl<'a> Sheet<'a> {
    /// The sheet of a review; with `render` it holds the objects themselves.
    #[must_use]
    pub fn of(review: &'a Review, render: bool) -> Self {
        let outcomes: Vec<_> = review.apps.iter().collect();
        let apps = spread::spread(&outcomes, || (), |(), (key, outcome)| app(review, key, outcome, render));
        let mut rows: BTreeMap<&str, Row<'_>> =
            review.homes.iter().map(|(name, home)| (name.as_str(), row(review, name, Some(*home), render))).collect();
        let mut summary = Summary::default();
        for ((key, _), app) in outcomes.iter().zip(apps) {
            match app.action {
                "create" => summary.create += 1,
                "change" => summary.change += 1,
                "unchanged" => summary.unchanged += 1,
                "elsewhere" => summary.elsewhere += 1,
                _ => summary.refuse += 1,
            }
            summary.objects += app.objects.values().sum::<usize>();
            rows.entry(&key.municipality).or_insert_with(|| row(review, &key.municipality, None, false)).apps.push(app);
        }
        for home in rows.values().filter_map(|row| row.home.as_ref()) {
            summary.homes += usize::from(home.action == "create");
            summary.objects += home.objects.values().sum::<usize>();
        }
        let shown: HashSet<&Finding> = review.apps.values().flat_map(Outcome::because).collect();
        let rest = review.findings.iter().filter(|finding| !finding.code.is_note() && !shown.contains(finding));
        let findings: Vec<_> = rest.map(JsonFinding::from).collect();
        summary.findings = findings.len();
        Self { municipalities: rows.into_values().collect(), findings, summary, decided: !review.undecided }
    }
}

/// What is granted of a municipality's allotment; none when there is no such municipality.
#[must_use]
pub fn allotment(review: &Review, name: &str) -> Option<Allotment> {
    let tenant = review.register.municipality(name)?;
    let allowed = Amounts::of_allotment(&tenant.spec.allotment).ok()?;
    let granted = review.register.ledger.granted(name);
    let part = |granted, allowed| Use { granted, allowed };
    Some(Allotment {
        cpu: part(granted.cpu, allowed.cpu),
        memory: part(granted.memory, allowed.memory),
        storage: part(granted.storage, allowed.storage),
        apps: part(granted.apps, allowed.apps),
    })
}

fn row<'a>(review: &'a Review, name: &'a str, home: Option<Home>, render: bool) -> Row<'a> {
    let tenant = review.register.municipality(name);
    let home = home.map(|home| {
        let set = (home == Home::Created).then(|| review.desired_home(name));
        HomeRow {
            action: match home {
                Home::Created => "create",
                Home::Exists => "exists",
                Home::Refused => "refuse",
            },
            objects: set.as_ref().map(count).unwrap_or_default(),
            rendered: set.filter(|_| render).map(|set| rendered(&set)).unwrap_or_default(),
        }
    });
    Row { name, title: tenant.map(|tenant| tenant.spec.title.lv.as_str()), home, allotment: allotment(review, name), apps: Vec::new() }
}

fn app<'a>(review: &'a Review, key: &'a AppKey, outcome: &'a Outcome, render: bool) -> AppRow<'a> {
    let (action, made, changes) = match outcome {
        Outcome::Created(grant) => ("create", Some(grant), Vec::new()),
        Outcome::Changed { before, now } => ("change", Some(&**now), changes(before, now)),
        Outcome::Unchanged(_) => ("unchanged", None, Vec::new()),
        Outcome::Elsewhere(_) => ("elsewhere", None, Vec::new()),
        Outcome::Refused { .. } => ("refuse", None, Vec::new()),
    };
    let set = made.map(|grant| review.desired_app(key, grant));
    AppRow {
        name: &key.app,
        action,
        namespace: key.namespace(),
        grant: outcome.grant(),
        changes,
        objects: set.as_ref().map(count).unwrap_or_default(),
        because: outcome.because().iter().map(JsonFinding::from).collect(),
        rendered: set.filter(|_| render).map(|set| rendered(&set)).unwrap_or_default(),
    }
}

/// What the operator would write where nothing is yet: every object of the set.
fn count(set: &DesiredSet) -> Objects {
    let mut objects = Objects::new();
    for object in set.objects() {
        *objects.entry(object.kind().as_str()).or_default() += 1;
    }
    objects
}

fn rendered(set: &DesiredSet) -> Vec<Value> {
    set.objects().map(|object| json!(object)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::LiveView;
    use crate::plan::{Step, plan};

    #[test]
    fn what_is_counted_is_what_the_controller_would_create() {
        let set = crate::desired::home("riga", "", None, &[]);
        let steps = plan(&set, LiveView::default());
        assert!(steps.steps().all(|step| matches!(step, Step::Create(_))));
        assert_eq!(steps.steps().count(), count(&set).values().sum::<usize>());
    }
}
