//! Backups: where they go, what each data class asks of them, and the pieces of work that come of it.

#![allow(clippy::duplicated_attributes, reason = "columns of the same type are not the same column")]

use super::platform::DestinationPeer;
use crate::backup::admission::Limits;
use crate::backup::breaker::Breaker;
pub use crate::backup::coverage::{Covered, EntryBackup, Exclusion, State as CoverageState};
use crate::backup::evidence::Evidence;
use crate::backup::retention::{Committed, Rules};
pub use crate::backup::schedule::Window;
use crate::backup::set::LeftOut;
use crate::backup::work::{Class, Facts, Issuer};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The namespace with the keys of all vaults, in which runs are written down and everything is done that needs no volume of a tenant.
pub const VAULT_NAMESPACE: &str = "kopnams-vault";

// ---- what a data class asks for ----

/// How apps with such data are backed up, and how that is proven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Profile {
    /// Hours of work that may be lost at most: a set is never older than this. Default: 24.
    #[schemars(range(min = 1, max = 720))]
    pub rpo_hours: u32,
    /// Hours within which a restore must be done. Default: 24.
    #[schemars(range(min = 1, max = 720))]
    pub rto_hours: u32,
    /// Which sets stay.
    pub retention: Rules,
    /// How restoring is tried.
    pub drill: Drill,
    /// Days for which the vault is kept after the app is gone. Default: 90.
    #[schemars(range(min = 0, max = 36500))]
    pub final_retention_days: u32,
}

impl Default for Profile {
    fn default() -> Self {
        Self { rpo_hours: 24, rto_hours: 24, retention: Rules::default(), drill: Drill::default(), final_retention_days: 90 }
    }
}

/// How, and how often, restoring is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Drill {
    /// How far a drill goes. Default: Load.
    pub level: Level,
    /// Days between two drills. Default: 30.
    #[schemars(range(min = 1, max = 366))]
    pub every_days: u32,
}

impl Default for Drill {
    fn default() -> Self {
        Self { level: Level::Load, every_days: 30 }
    }
}

/// How far a drill goes; each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Level {
    /// The repository is looked through (L0).
    Check,
    /// A part of its data is read, all of it within 28 days (L1).
    Read,
    /// Every part of the newest set is restored and compared with its manifest (L2).
    Restore,
    /// Its databases are loaded into a database server, and their rows are counted (L3).
    #[default]
    Load,
    /// The app itself is started on what was restored (L4).
    Start,
}

// ---- what the platform says ----

/// Backups of the whole platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformBackup {
    /// Name of the `BackupTarget` that apps are backed up to.
    #[schemars(length(min = 1, max = 63))]
    pub target: String,
    /// The image, by digest, of the program that does the work: kopnams itself with restic 0.18 or newer beside it.
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[^@]+@sha256:[0-9a-f]{64}$')")
        .message("ImageNotPinned: the image is not named by its digest; write registry/name@sha256:... so that what was tried is what runs"))]
    pub image: String,
    /// The public half of an age key pair whose private half is kept offline: with it every repository opens, also when this
    /// cluster is gone. Without one the keys are nowhere but in this cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    #[x_kube(validation = Rule::new("self.matches('^age1[02-9ac-hj-np-z]{58}$')")
        .message("BackupInvalid: escrow is the public half of an age key pair, as age-keygen prints it; write age1 and the 58 characters after it"))]
    pub escrow: Option<String>,
    /// The time of day in which backups begin, for requests that name none. Default: 22:00 to 05:00.
    #[serde(default)]
    pub window: Window,
    /// Runs at the same time at most.
    #[serde(default)]
    pub limits: Limits,
}

// ---- what a request and a catalogue entry say ----

/// A request's wishes for its backups. They never weaken what the data class asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppBackup {
    /// The time of day in which backups begin. Default: the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Volumes that are left out, each with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub exclude: Vec<Exclusion>,
}

impl AppBackup {
    /// Whether nothing is wished for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Where the data of a new app comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.set) != has(self.before)")
    .message("BackupInvalid: restoreFrom names either a set or a time before which the newest set is taken; write one of the two"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RestoreFrom {
    /// The app whose backups they are: one of the same municipality, also one that was removed.
    #[schemars(length(min = 1, max = 31))]
    pub app: String,
    /// The set, as `kopnams backups` lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub set: Option<String>,
    /// A time, RFC 3339: the newest set with everything that was written before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 40))]
    pub before: Option<String>,
}

// ---- where backups go ----

/// Where backups go.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "BackupTarget",
    plural = "backuptargets",
    shortname = "btarget",
    category = "kopnams",
    status = "BackupTargetStatus",
    derive = "PartialEq",
    doc = "Where backups go: an S3 server, how tenants are kept apart in it, and how it may be reached.",
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".spec.endpoint"),
    printcolumn(name = "Isolation", type_ = "string", json_path = ".spec.isolation"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("self.isolation != 'perApp' || self.bucket.size() <= 26")
    .message("BackupInvalid: with isolation perApp each app's bucket is named bucket-<tenant id>, which has room for 26 characters of yours"))]
#[x_kube(validation = Rule::new("self.isolation != 'shared' || has(self.writerSecret)")
    .message("FieldInvalid: with isolation shared the runs use the key in writerSecret; name that Secret"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupTargetSpec {
    /// The S3 endpoint with its scheme: https, host and port.
    #[schemars(length(min = 8, max = 253))]
    #[x_kube(validation = Rule::new("self.startsWith('https://') || self.startsWith('http://')").message("BackupInvalid: an endpoint is a URL; write for example https://s3.example.lv"))]
    pub endpoint: String,
    /// The S3 region. Default: us-east-1.
    #[serde(default = "default_region")]
    #[schemars(length(min = 1, max = 63))]
    pub region: String,
    /// The bucket; with isolation perApp the beginning of each bucket's name.
    #[schemars(length(min = 3, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][a-z0-9.-]*[a-z0-9]$')").message("BackupInvalid: a bucket's name is lower-case letters, digits, dots and hyphens"))]
    pub bucket: String,
    /// A folder in the bucket, with isolation shared. Default: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub prefix: String,
    /// Certificates of the endpoint's authority, as PEM, if it is not a public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub ca_bundle: Option<String>,
    /// How tenants are kept apart. Default: perApp.
    #[serde(default)]
    pub isolation: Isolation,
    /// Who makes buckets and users, with isolation perApp. Default: versitygw.
    #[serde(default)]
    pub issuer: Issuer,
    /// Where the issuer's administration is, if not at the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 253))]
    pub issuer_endpoint: Option<String>,
    /// Name of the Secret in kopnams-vault with the keys access-key and secret-key that every run writes with, for isolation shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub writer_secret: Option<String>,
    /// Name of the Secret in kopnams-vault with the keys access-key and secret-key that may delete, and make buckets and users.
    #[schemars(length(min = 1, max = 253))]
    pub maintainer_secret: String,
    /// Where the endpoint is on the network, so that runs may connect to it.
    #[schemars(length(min = 1, max = 16))]
    pub egress: Vec<DestinationPeer>,
    /// Days for which the server lets nobody destroy what was written; 0 for none. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 36500))]
    pub lock_days: u32,
}

fn default_region() -> String {
    "us-east-1".into()
}

/// How tenants are kept apart at a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Isolation {
    /// A bucket with versions and a user of its own for each app; the user can delete nothing but locks.
    #[default]
    PerApp,
    /// One bucket and one key for all; a tenant's run could read and delete what others wrote, if it were taken over.
    Shared,
}

/// What the operator says of a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupTargetStatus {
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Whether it answers, and so whether runs are started.
    #[serde(default)]
    pub breaker: Breaker,
    /// When its settings or its keys last changed, RFC 3339: what failed because of them is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
    /// The generation of its settings then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_generation: Option<i64>,
    /// `Ready`: the target answers, and runs are started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: super::Conditions,
}

// ---- vaults ----

/// The backups of one tenant.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "BackupVault",
    plural = "backupvaults",
    shortname = "bvault",
    category = "kopnams",
    status = "BackupVaultStatus",
    derive = "PartialEq",
    doc = "The backups of one tenant, named by its tenant id. It outlives the app and its namespace.",
    printcolumn(name = "Municipality", type_ = "string", json_path = ".spec.municipality"),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.app"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Last set", type_ = "date", json_path = ".status.lastSuccess"),
    printcolumn(name = "Proven", type_ = "date", json_path = ".status.proven.at"),
    printcolumn(name = "Kept until", type_ = "string", json_path = ".status.retainUntil"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupVaultSpec {
    /// The municipality's slug.
    #[schemars(length(min = 1, max = 30))]
    pub municipality: String,
    /// The app's name.
    #[schemars(length(min = 1, max = 31))]
    pub app: String,
    /// Name of the target that holds the repository.
    #[schemars(length(min = 1, max = 63))]
    pub target: String,
    /// Nothing of it is forgotten or destroyed as long as this stands.
    #[serde(default)]
    pub legal_hold: bool,
}

/// How a vault stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum VaultPhase {
    /// Its app is there.
    #[default]
    Active,
    /// Its app is gone; it is kept until a day.
    Retained,
    /// It was destroyed with its keys, and this record stays.
    Shredded,
}

/// What the operator says of a vault.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupVaultStatus {
    /// How it stands.
    #[serde(default)]
    pub phase: VaultPhase,
    /// When its repository was made, RFC 3339. It is never made a second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared: Option<String>,
    /// The escrow's public key that it opens with, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escrowed: Option<String>,
    /// The committed sets, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<SetRecord>,
    /// Recovery point of the first set that was ever made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_set: Option<String>,
    /// Recovery point of the newest set, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<String>,
    /// When the next run is due, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<String>,
    /// The runs that failed since the last good one.
    #[serde(default, skip_serializing_if = "Failures::none")]
    pub failures: Failures,
    /// What is in the sets and what is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Covered>,
    /// The last restore that was tried and was good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<Proven>,
    /// The drills that failed since the last good one.
    #[serde(default, skip_serializing_if = "Failures::none")]
    pub drill_failures: Failures,
    /// The set that it was filled from before its first start, of an app that was asked for so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled: Option<String>,
    /// The last drill that was written down here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_drill: Option<String>,
    /// Hash of the newest record of evidence: the end of the chain.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// When retention was last seen to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tidied: Option<String>,
    /// What retention would let go and does not without an admin's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// The day until which a retained vault is kept, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until: Option<String>,
    /// What is to be known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Runs that failed one after another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// Why the last one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// The same in plain words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// When the last one ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The set that it was about, of a drill.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
}

impl Failures {
    fn none(&self) -> bool {
        *self == Self::default()
    }
}

/// A committed set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetRecord {
    /// Its name: that of the run that made it.
    pub name: String,
    /// The recovery point, RFC 3339: everything that was written before is in it.
    pub recovery_point: String,
    /// Snapshot of the manifest.
    pub manifest: String,
    /// Snapshots of the parts.
    pub snapshots: Vec<String>,
    /// Number of files in all parts.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes by part, to notice when one shrinks.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub parts: std::collections::BTreeMap<String, u64>,
    /// Seconds that the run took.
    pub seconds: u64,
    /// A restore of it was tried and was good.
    #[serde(default)]
    pub verified: bool,
    /// The revision of the system that wrote the data.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
}

impl SetRecord {
    /// The set as retention sees it; none when its recovery point is no time.
    #[must_use]
    pub fn committed(&self) -> Option<Committed> {
        Some(Committed { id: self.name.clone(), recovery_point: self.recovery_point.parse().ok()?, verified: self.verified })
    }
}

/// A restore that was tried and was good.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Proven {
    /// The set.
    pub set: String,
    /// Its recovery point, RFC 3339.
    pub recovery_point: String,
    /// When it was tried, RFC 3339.
    pub at: String,
    /// How far it went.
    pub level: Option<Level>,
    /// Seconds that it took, by phase.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<PhaseTime>,
    /// SHA-256 of the record of it, which is chained to the one before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
}

/// How long something took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PhaseTime {
    /// What.
    pub name: String,
    /// Milliseconds.
    pub milliseconds: u64,
}

// ---- pieces of work ----

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
