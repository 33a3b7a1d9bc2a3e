//! Pieces of work: backups, restores and drills, and how each stands.

#![allow(clippy::duplicated_attributes, reason = "columns of the same type are not the same column")]

use super::{Level, PhaseTime};
use crate::backup::coverage::Covered;
use crate::backup::evidence::Evidence;
use crate::backup::set::LeftOut;
use crate::backup::work::{Class, Facts};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One backup of one tenant.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "BackupRun",
    plural = "backupruns",
    shortname = "brun",
    category = "kopnams",
    namespaced,
    status = "RunStatus",
    derive = "PartialEq",
    doc = "One backup of one tenant, written by the operator in kopnams-vault.",
    printcolumn(name = "Municipality", type_ = "string", json_path = ".spec.municipality"),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.app"),
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.kind"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Failure", type_ = "string", json_path = ".status.failure.class"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("self == oldSelf").message("FieldInvalid: a run is never changed; make another"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupRunSpec {
    /// The tenant's UUID.
    #[schemars(length(min = 36, max = 36))]
    pub tenant_id: String,
    /// The municipality's slug.
    pub municipality: String,
    /// The app's name.
    pub app: String,
    /// When it was due, as yyyymmddhhmm in UTC.
    #[schemars(length(min = 12, max = 12))]
    pub slot: String,
    /// Why it is made.
    pub kind: RunKind,
}

/// Why a backup is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RunKind {
    /// It was due.
    #[default]
    Scheduled,
    /// An admin asked for it.
    Manual,
    /// Before a restore writes over the data.
    BeforeRestore,
    /// Before a version changes the shape of the data.
    BeforeUpgrade,
    /// The last one, before everything goes.
    Final,
}

/// How a piece of work stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RunPhase {
    /// It waits for its turn.
    #[default]
    Pending,
    /// It goes on.
    Running,
    /// It is done.
    Succeeded,
    /// It is not, and never will be; another may be made.
    Failed,
}

impl RunPhase {
    /// Whether nothing more comes of it.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// Characters that the name of a piece of work may have: its Jobs are called so with a number behind, in labels of 63.
pub const LONGEST_NAME: usize = 55;

/// What the operator says of a piece of work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStatus {
    /// How it stands.
    #[serde(default)]
    pub phase: RunPhase,
    /// What is being done, in plain words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When it began, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<String>,
    /// When it ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Random text that is in every dump of the set.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sentinel: String,
    /// The revision of the app's system when it began: what another one writes is not in the same set.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The steps, in the order in which they are done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepRecord>,
    /// What is in the set and what is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Covered>,
    /// What is left out, with the reasons, as the manifest lists it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// The set that a restore writes: chosen once, when it begins, and not again while sets come and go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// The sets that retention lets go in this upkeep: chosen once, so that the vault strikes off what was forgotten.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forgets: Vec<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<RunFailure>,
    /// Why a restore went on without a set of what was there before: none could be made, and an admin had said to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_set_before: Option<String>,
    /// A restore wrote over data and neither finished nor put it back: the app stays stopped until another one succeeds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unfinished: bool,
    /// What a drill has shown, chained to the record of the drill before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

/// Why a piece of work failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunFailure {
    /// The class.
    pub class: Class,
    /// The same in plain words.
    pub message: String,
}

/// A step of a piece of work: one Job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepRecord {
    /// What it does: `prepare`, a part, or `commit`.
    pub name: String,
    /// When it began, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<String>,
    /// It is done.
    #[serde(default)]
    pub done: bool,
    /// The snapshot that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Files.
    #[serde(default)]
    pub files: u64,
    /// Bytes.
    #[serde(default)]
    pub bytes: u64,
    /// The snapshot's tree.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Rows by table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// How long its phases took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseTime>,
}

/// A restore in place, asked for by an admin; or of a new app, by the operator.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "RestoreRun",
    plural = "restoreruns",
    shortname = "rrun",
    category = "kopnams",
    namespaced,
    status = "RunStatus",
    derive = "PartialEq",
    doc = "One restore into one tenant, in kopnams-vault.",
    printcolumn(name = "Municipality", type_ = "string", json_path = ".spec.municipality"),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.app"),
    printcolumn(name = "Set", type_ = "string", json_path = ".spec.set"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Failure", type_ = "string", json_path = ".status.failure.class"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("self == oldSelf").message("FieldInvalid: a restore is never changed; make another"))]
#[x_kube(validation = Rule::new("has(self.set) != has(self.before)")
    .message("BackupInvalid: a restore names either a set or a time before which the newest set is taken; write one of the two"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreRunSpec {
    /// The municipality's slug.
    #[schemars(length(min = 1, max = 30))]
    pub municipality: String,
    /// The app that is filled.
    #[schemars(length(min = 1, max = 31))]
    pub app: String,
    /// The app whose backups they are, if it is another one of the same municipality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 31))]
    pub from: Option<String>,
    /// The set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub set: Option<String>,
    /// A time, RFC 3339: the newest set with everything that was written before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub before: Option<String>,
    /// The app is new and has no data, so no set is made before.
    #[serde(default)]
    pub fresh: bool,
    /// The app also goes back to the version that wrote the set, if that is the one that it had before: the way back from a
    /// version that changed the shape of the data. Default: the app keeps the version that it has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_version: bool,
    /// Why to go on where no set can be made of what is there now, because it is broken: then nothing can be put back if the
    /// restore fails, and the app stays stopped until another one succeeds. Default: such a restore fails and touches nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 512))]
    pub without_set_before: Option<String>,
}

/// A restore that is tried and thrown away.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "RestoreDrill",
    plural = "restoredrills",
    shortname = "rdrill",
    category = "kopnams",
    namespaced,
    status = "RunStatus",
    derive = "PartialEq",
    doc = "A restore that is tried and thrown away, written by the operator in kopnams-vault.",
    printcolumn(name = "Municipality", type_ = "string", json_path = ".spec.municipality"),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.app"),
    printcolumn(name = "Level", type_ = "string", json_path = ".spec.level"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Failure", type_ = "string", json_path = ".status.failure.class"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("self == oldSelf").message("FieldInvalid: a drill is never changed; make another"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreDrillSpec {
    /// The tenant's UUID.
    #[schemars(length(min = 36, max = 36))]
    pub tenant_id: String,
    /// The municipality's slug.
    pub municipality: String,
    /// The app's name.
    pub app: String,
    /// The set that is restored.
    pub set: String,
    /// How far it goes.
    pub level: Level,
    /// When it was due, as yyyymmddhhmm in UTC.
    #[schemars(length(min = 12, max = 12))]
    pub slot: String,
    /// Which 28th of the repository's data is read, at the levels Check and Read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<u32>,
}
