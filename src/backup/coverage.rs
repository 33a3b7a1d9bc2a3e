//! What a set must hold, and what is to be said of everything that it does not. Pure.
//!
//! Every claim of the namespace counts, whoever made it. Each is covered, left out for a written reason, or uncovered, which
//! is an alert: the peers skip a claim that is not bound, or that no selector matches, without a word (k8up) and then say
//! that the backup succeeded. A claim that ought to be there and is not is uncovered too.

use super::set::Part;
use crate::desired::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod entry;
mod objects;

pub use entry::{Database, EntryBackup, Exclusion, PathExclusion, WorkloadKind, container_in, is_below};
use objects::{Consumer, claims_of, find, pod_of, template_of};

/// The user that reads a volume where nothing says whose it is: restic's and distroless's nobody in particular.
const DEFAULT_UID: i64 = 65532;

/// A claim as it lives in the app's namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its name.
    pub name: String,
    /// Its access modes, as `ReadWriteOnce`.
    pub access_modes: Vec<String>,
    /// Its phase: `Bound`, `Pending` or `Lost`.
    pub phase: String,
    /// It carries the tenant's labels.
    pub labelled: bool,
}

/// What a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct App<'a> {
    /// The rendered objects, not paused.
    pub objects: &'a [(Kind, Value)],
    /// Every claim of the namespace.
    pub claims: &'a [Claim],
    /// What the catalogue entry says.
    pub entry: &'a EntryBackup,
    /// What the request leaves out.
    pub exclusions: &'a [Exclusion],
    /// Nothing of the app runs while the backup is made.
    pub quiesced: bool,
}

/// What a set must hold, and what becomes of each volume and database.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The parts, beside the configuration and the manifest.
    pub parts: Vec<PartPlan>,
    /// Every volume and database with its state, volumes first, by name.
    pub coverage: Vec<Covered>,
}

impl Plan {
    /// Whether nothing is uncovered.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.uncovered().next().is_none()
    }

    /// What is uncovered.
    pub fn uncovered(&self) -> impl Iterator<Item = &Covered> {
        self.coverage.iter().filter(|covered| covered.state == State::Uncovered)
    }
}

/// How a part is made.
#[derive(Clone, Debug, PartialEq)]
pub enum PartPlan {
    /// The files of a claim.
    Volume(VolumePlan),
    /// The dump of a database.
    Database(Box<DatabasePlan>),
}

impl PartPlan {
    /// The part of a set that it becomes.
    #[must_use]
    pub fn part(&self) -> Part {
        match self {
            Self::Volume(volume) => Part::Volume(volume.claim.clone()),
            Self::Database(database) => Part::Database(database.name.clone()),
        }
    }
}

/// A claim whose files are backed up: all of it, mounted at its root and for reading only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumePlan {
    /// The claim.
    pub claim: String,
    /// It may be without a single file.
    pub may_be_empty: bool,
    /// Paths below its root that are left out.
    pub exclude: Vec<String>,
    /// As whom its files can be read.
    pub security: Security,
    /// Kind and name of the workload that mounts it, on whose node the pod must run; none for one that nothing uses.
    pub consumer: Option<(Kind, String)>,
}

/// As whom a volume is read: as whom the app writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Security {
    /// `runAsUser`.
    pub uid: i64,
    /// `runAsGroup`.
    pub gid: Option<i64>,
    /// `fsGroup`, with `fsGroupChangePolicy` always `OnRootMismatch`, so that nothing is changed for a backup.
    pub fs_group: Option<i64>,
    /// `supplementalGroups`.
    pub supplemental: Vec<i64>,
}

/// A database that is dumped, by a pod that is a copy of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabasePlan {
    /// Its name in the set.
    pub name: String,
    /// Kind of the workload that runs it.
    pub kind: Kind,
    /// Name of that workload.
    pub workload: String,
    /// The workload's pod template.
    pub template: Value,
    /// The container in it whose image can dump and load.
    pub container: String,
    /// The Service by which it is reached.
    pub service: String,
    /// The claim with its files.
    pub volume: Option<String>,
}

impl DatabasePlan {
    /// The spec of its pod, and its container in it.
    #[must_use]
    pub fn pod(&self) -> (&Value, &Value) {
        let pod = self.template.get("spec").unwrap_or(&Value::Null);
        let containers = pod.get("containers").and_then(Value::as_array).into_iter().flatten();
        let container = containers.into_iter().find(|container| container.get("name").is_some_and(|of| *of == self.container));
        (pod, container.unwrap_or(&Value::Null))
    }
}

/// What a line of the coverage speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Subject {
    /// A volume claim.
    Volume,
    /// A database.
    Database,
}

/// What becomes of a volume or a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum State {
    /// It is a part of every set.
    Covered,
    /// The dump of a database stands for its files.
    CoveredByDump,
    /// It is left out, for a reason that somebody wrote down.
    Excluded,
    /// The entry says that it may be without a file.
    DeclaredEmpty,
    /// It is not backed up, and ought to be.
    Uncovered,
}

/// A volume or a database and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Covered {
    /// What it is.
    pub kind: Subject,
    /// Its name.
    pub name: String,
    /// What becomes of it.
    pub state: State,
    /// Why, in plain words; empty where there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a set of an app must hold now.
#[must_use]
pub fn plan(app: App<'_>) -> Plan {
    let consumers = Consumer::all(app.objects);
    let mut plan = Plan::default();
    let mut databases: Vec<(&Database, Result<DatabasePlan, String>)> = Vec::new();
    for database in &app.entry.databases {
        // Two parts of one name would take each other's place in every set.
        let twice = databases.iter().any(|(other, _)| other.name == database.name);
        let dump = if twice { Err("another database has the same name".to_string()) } else { dump(database, app.objects) };
        databases.push((database, dump));
    }

    let mut claims: Vec<&Claim> = app.claims.iter().collect();
    claims.sort_by(|a, b| a.name.cmp(&b.name));
    let expected = claims_of(app.objects);
    for claim in claims {
        let known = expected.contains(&claim.name) || consumers.iter().any(|consumer| consumer.uses(&claim.name));
        let owner = databases.iter().find(|(database, _)| database.volume.as_ref() == Some(&claim.name));
        let (state, reason) = state(claim, app, known, owner.map(|(database, dump)| (*database, dump.as_ref().err())));
        if matches!(state, State::Covered) || (state == State::DeclaredEmpty && is_bound(claim)) {
            plan.parts.push(PartPlan::Volume(volume(claim, app, &consumers)));
        }
        plan.coverage.push(Covered { kind: Subject::Volume, name: claim.name.clone(), state, reason });
    }
    for name in expected.into_iter().filter(|name| !app.claims.iter().any(|claim| claim.name == *name)) {
        let reason = "the system asks for this volume, and there is no claim of that name in the namespace".into();
        plan.coverage.push(Covered { kind: Subject::Volume, name, state: State::Uncovered, reason });
    }
    plan.coverage.sort_by(|a, b| a.name.cmp(&b.name));
    for (database, dump) in databases {
        let (state, reason) = match dump {
            Ok(dump) => {
                plan.parts.push(PartPlan::Database(Box::new(dump)));
                (State::Covered, String::new())
            }
            Err(problem) => (State::Uncovered, problem),
        };
        plan.coverage.push(Covered { kind: Subject::Database, name: database.name.clone(), state, reason });
    }
    plan
}

/// Names of the claims that an app's objects ask for.
#[must_use]
pub fn expected(objects: &[(Kind, Value)]) -> Vec<String> {
    claims_of(objects)
}

/// What a `StatefulSet` makes a claim from, if it is one that it makes for its pods.
#[must_use]
pub fn template_of_claim<'a>(objects: &'a [(Kind, Value)], claim: &str) -> Option<&'a Value> {
    objects::template_of_claim(objects, claim)
}

/// What becomes of a claim; with the database that it belongs to, and why that cannot be dumped.
fn state(claim: &Claim, app: App<'_>, known: bool, owner: Option<(&Database, Option<&String>)>) -> (State, String) {
    let named = |list: &[Exclusion]| list.iter().find(|one| one.volume == claim.name).map(|one| one.reason.clone());
    let uncovered = |reason: &str| (State::Uncovered, reason.to_string());
    // A request cannot leave a database out: its class asks for it.
    if let Some((database, problem)) = owner {
        return match problem {
            None => (State::CoveredByDump, format!("the dump of the database `{}` stands for it", database.name)),
            Some(problem) => (State::Uncovered, format!("the database `{}` cannot be dumped: {problem}", database.name)),
        };
    }
    if let Some(reason) = named(&app.entry.skip) {
        return (State::Excluded, format!("by the catalogue entry: {reason}"));
    }
    if let Some(reason) = named(app.exclusions) {
        return (State::Excluded, format!("by the request: {reason}"));
    }
    let empty = app.entry.empty.contains(&claim.name);
    if !is_bound(claim) {
        return match claim.phase.as_str() {
            // It waits for its first pod: nothing was ever written.
            "Pending" if empty => (State::DeclaredEmpty, "the claim has no volume yet".into()),
            "Pending" => uncovered("the claim has no volume yet (Pending): no pod has used it, or the storage class cannot make one"),
            "Lost" => uncovered("the claim has lost its volume (Lost): its data is gone; restore it from a set"),
            _ => uncovered("the claim is not bound to a volume, so nothing can be read"),
        };
    }
    if !known && !claim.labelled {
        return uncovered(
            "nobody knows this claim: the catalogue entry does not ask for it; add it to the entry, leave it out with a reason, or delete it",
        );
    }
    if !app.quiesced && claim.access_modes.iter().any(|mode| mode == "ReadWriteOncePod") {
        return uncovered(
            "only one pod may use the claim (ReadWriteOncePod), so a backup cannot read it while the app runs; use ReadWriteOnce",
        );
    }
    if empty {
        (State::DeclaredEmpty, "the catalogue entry says that it may be without a file".into())
    } else {
        (State::Covered, String::new())
    }
}

fn is_bound(claim: &Claim) -> bool {
    claim.phase == "Bound"
}

fn volume(claim: &Claim, app: App<'_>, consumers: &[Consumer<'_>]) -> VolumePlan {
    let consumer = consumers.iter().find(|consumer| consumer.uses(&claim.name));
    // Files that nothing uses any more were most likely written by what the app consists of.
    let written_by = consumer.or(consumers.first());
    let container = written_by.and_then(|consumer| consumer.container(&claim.name));
    let exclude = app.entry.exclude.iter().filter(|one| one.volume == claim.name).map(|one| one.path.clone());
    VolumePlan {
        claim: claim.name.clone(),
        may_be_empty: app.entry.empty.contains(&claim.name),
        exclude: exclude.collect(),
        security: security(written_by.map(|consumer| consumer.pod), container),
        consumer: consumer.map(|consumer| (consumer.kind, consumer.name.to_string())),
    }
}

/// As whom a container of a pod runs; its own settings win over the pod's, as in Kubernetes.
fn security(pod: Option<&Value>, container: Option<&Value>) -> Security {
    let number = |of: Option<&Value>, field: &str| of?.get("securityContext")?.get(field)?.as_i64();
    let either = |field: &str| number(container, field).or(number(pod, field));
    let groups = pod.and_then(|pod| pod.pointer("/securityContext/supplementalGroups")).and_then(Value::as_array);
    Security {
        uid: either("runAsUser").unwrap_or(DEFAULT_UID),
        gid: either("runAsGroup"),
        fs_group: number(pod, "fsGroup"),
        supplemental: groups.into_iter().flatten().filter_map(Value::as_i64).collect(),
    }
}

/// How a database is dumped, or why it cannot be.
fn dump(database: &Database, objects: &[(Kind, Value)]) -> Result<DatabasePlan, String> {
    if let Some(problem) = database.problem(objects) {
        return Err(problem);
    }
    let kind = database.workload_kind.kind();
    let object = find(objects, kind, &database.workload).unwrap_or(&Value::Null);
    let container = database.container_of(pod_of(kind, object)).and_then(|container| container.get("name")).and_then(Value::as_str);
    Ok(DatabasePlan {
        name: database.name.clone(),
        kind,
        workload: database.workload.clone(),
        template: template_of(kind, object).clone(),
        container: container.unwrap_or_default().to_string(),
        service: database.service.clone(),
        volume: database.volume.clone(),
    })
}

#[cfg(test)]
mod tests;
