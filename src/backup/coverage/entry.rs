//! What a catalogue entry and a request say of backups.

use super::objects::{Consumer, claims_of, find, pod_of};
use crate::backup::check::EntryChecks;
use crate::desired::Kind;
use crate::request::said::{Said, listed, listed_lv};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// What a catalogue entry says of backups. Every volume that it does not name is backed up as files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntryBackup {
    /// Databases, which are dumped: the files of one that runs are no backup of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub databases: Vec<Database>,
    /// Volumes that may be without a single file; any other that is makes the backup fail.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)))]
    pub empty: Vec<String>,
    /// Volumes that hold nothing worth keeping, such as a cache.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub skip: Vec<Exclusion>,
    /// Paths in volumes that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub exclude: Vec<PathExclusion>,
    /// What an app that was started on a backup has to show; see drills with the level Start.
    #[serde(default, skip_serializing_if = "EntryChecks::is_empty")]
    pub checks: EntryChecks,
}

/// A database of a system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Database {
    /// Its name in a backup, for example rt; never changed, or its history ends.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Kind of the object that runs it. Default: `StatefulSet`.
    #[serde(default)]
    pub workload_kind: WorkloadKind,
    /// Name of that object.
    #[schemars(length(min = 1, max = 253))]
    pub workload: String,
    /// The container whose image has the programs to dump and load it. Default: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub container: Option<String>,
    /// Name of the Service by which it is reached.
    #[schemars(length(min = 1, max = 63))]
    pub service: String,
    /// Name of the volume claim with its files, which the dump stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub volume: Option<String>,
}

/// Kinds of object that may run a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WorkloadKind {
    /// A Deployment.
    Deployment,
    /// A `StatefulSet`.
    #[default]
    StatefulSet,
}

impl WorkloadKind {
    /// The kind of object.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Deployment => Kind::Deployment,
            Self::StatefulSet => Kind::StatefulSet,
        }
    }
}

/// A volume that is not backed up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exclusion {
    /// Name of the volume claim.
    #[schemars(length(min = 1, max = 253))]
    pub volume: String,
    /// Why; it stands in the list of what every backup covers.
    #[schemars(length(min = 1, max = 500))]
    pub reason: String,
}

/// A path that is left out of a volume's backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathExclusion {
    /// Name of the volume claim.
    #[schemars(length(min = 1, max = 253))]
    pub volume: String,
    /// The path below the volume's root, for example cache/thumbnails.
    #[schemars(length(min = 1, max = 500))]
    pub path: String,
    /// Why.
    #[schemars(length(min = 1, max = 500))]
    pub reason: String,
}

/// Whether a path is one below the folder that it is of.
#[must_use]
pub fn is_below(path: &str) -> bool {
    !path.split('/').any(|step| matches!(step, "" | "." | ".."))
}

impl EntryBackup {
    /// What does not fit the objects that the entry renders, in plain words. With none, [`super::plan`] finds every database.
    #[must_use]
    pub fn problems(&self, objects: &[(Kind, Value)]) -> Vec<String> {
        let mut found = Vec::new();
        let claims = claims_of(objects);
        let known = |claim: &str| claims.iter().any(|known| known == claim);
        let listed = || listed(claims.iter().map(String::as_str));
        let (mut names, mut volumes) = (BTreeSet::new(), BTreeSet::new());
        for database in &self.databases {
            let name = &database.name;
            if !names.insert(name) {
                found.push(format!("two databases are named `{name}`, so one would take the other's place; give each a name of its own"));
            }
            found.extend(database.problem(objects).map(|problem| format!("database `{name}`: {problem}")));
            let Some(volume) = &database.volume else { continue };
            if !volumes.insert(volume) {
                found.push(format!("database `{name}`: the volume `{volume}` belongs to another database already; two cannot share one"));
            }
            if !known(volume) {
                found.push(format!("database `{name}`: the entry has no volume `{volume}`; write one of {}", listed()));
            } else if !database.uses(volume, objects) {
                found.push(format!("database `{name}`: {} does not use the volume `{volume}`", database.workload));
            }
        }
        let lists = [
            ("empty", self.empty.iter().collect::<Vec<_>>()),
            ("skip", self.skip.iter().map(|one| &one.volume).collect()),
            ("exclude", self.exclude.iter().map(|one| &one.volume).collect()),
        ];
        for (list, named) in lists {
            for volume in named {
                if !known(volume) {
                    found.push(format!("{list}: the entry has no volume `{volume}`; write one of {}", listed()));
                } else if volumes.contains(volume) {
                    found
                        .push(format!("{list}: the volume `{volume}` is covered by the dump of a database; take it out of one of the two"));
                }
            }
        }
        for skip in self.skip.iter().filter(|skip| self.empty.contains(&skip.volume)) {
            found.push(format!("the volume `{}` stands in skip and in empty; take it out of one of the two", skip.volume));
        }
        for wrong in self.exclude.iter().filter(|one| !is_below(&one.path)) {
            found.push(format!("exclude: `{}` is no path below the volume's root; write for example cache/thumbnails", wrong.path));
        }
        found
    }

    /// What does not fit in a request's own exclusions.
    #[must_use]
    pub fn exclusion_problems(&self, exclusions: &[Exclusion], objects: &[(Kind, Value)]) -> Vec<Said> {
        let claims = claims_of(objects);
        let check = |exclusion: &Exclusion| {
            let volume = &exclusion.volume;
            match self.databases.iter().find(|database| database.volume.as_ref() == Some(volume)) {
                Some(Database { name, .. }) => Some(Said::both(
                    format!("the volume `{volume}` is kept by the dump of the database `{name}` and cannot be left out"),
                    format!("sējums `{volume}` tiek saglabāts ar datubāzes `{name}` izrakstu, un to izlaist nevar"),
                )),
                None if !claims.contains(volume) => {
                    let names = || claims.iter().map(String::as_str);
                    Some(Said::both(
                        format!("the system has no volume `{volume}`; write one of {}", listed(names())),
                        format!("sistēmai nav sējuma `{volume}`; rakstiet {}", listed_lv(names())),
                    ))
                }
                None => None,
            }
        };
        exclusions.iter().filter_map(check).collect()
    }
}

impl Database {
    /// Why it cannot be dumped as it stands.
    pub(super) fn problem(&self, objects: &[(Kind, Value)]) -> Option<String> {
        if let Err(problem) = container_in(objects, self.workload_kind.kind(), &self.workload, self.container.as_deref()) {
            return Some(problem);
        }
        find(objects, Kind::Service, &self.service).is_none().then(|| format!("the entry has no Service `{}`", self.service))
    }

    /// The container among those of a pod's spec.
    pub(super) fn container_of<'a>(&self, pod: &'a Value) -> Option<&'a Value> {
        container_of(pod, self.container.as_deref())
    }

    /// Whether its workload mounts a claim.
    fn uses(&self, claim: &str, objects: &[(Kind, Value)]) -> bool {
        Consumer::all(objects).iter().any(|one| one.kind == self.workload_kind.kind() && one.name == self.workload && one.uses(claim))
    }
}

/// A container of a pod's spec: the named one, or else the first.
fn container_of<'a>(pod: &'a Value, wanted: Option<&str>) -> Option<&'a Value> {
    let mut containers = pod.get("containers").and_then(Value::as_array).into_iter().flatten();
    containers.find(|one| wanted.is_none_or(|name| one.get("name").and_then(Value::as_str) == Some(name)))
}

/// The pod's spec of a workload, and one of its containers: the named one, or else the first.
///
/// # Errors
/// There is none, in plain words.
pub fn container_in<'a>(
    objects: &'a [(Kind, Value)],
    kind: Kind,
    workload: &str,
    wanted: Option<&str>,
) -> Result<(&'a Value, &'a Value), String> {
    let object = find(objects, kind, workload).ok_or_else(|| format!("the entry has no {} `{workload}`", kind.as_str()))?;
    let pod = pod_of(kind, object);
    let container = container_of(pod, wanted).ok_or_else(|| format!("`{workload}` has no container `{}`", wanted.unwrap_or_default()))?;
    Ok((pod, container))
}
