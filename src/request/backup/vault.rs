//! The vault of one tenant: its sets, what failed, what was proven.

#![allow(clippy::duplicated_attributes, reason = "columns of the same type are not the same column")]

use super::{Level, RunKind};
use crate::backup::coverage::Covered;
use crate::backup::retention::Committed;
use crate::backup::work::Class;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    printcolumn(name = "Copied", type_ = "date", json_path = ".status.copied.at"),
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
    /// It is no app's: its copy is damaged on purpose, and a drill of it has to fail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub canary: bool,
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
    /// Where its repository is, as restic names it: seen when it was made, and with every set since.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub repository: String,
    /// Days for which it is kept after its app is gone, as the app's data class said last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_retention_days: Option<u32>,
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
    /// The last reading of a part of its repository, if that failed; it is read again every day until it is good.
    #[serde(default, skip_serializing_if = "Failures::none")]
    pub read_failures: Failures,
    /// Sets of the list that were not found in the repository, or not wholly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// Sets that retention lets go and of which something may be gone already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub going: Vec<String>,
    /// The last copy at a second place, of a class that asks for it; that place may not be the one that is named now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<Copied>,
    /// The copies that failed since the last good one.
    #[serde(default, skip_serializing_if = "Failures::none")]
    pub copy_failures: Failures,
    /// Every second place at which something of it may lie: written down before anything is copied there, and struck off when
    /// it was destroyed there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<SecondPlace>,
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
    /// When its repository was seen to be destroyed at every place, RFC 3339: from then on only its keys are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destroyed: Option<String>,
    /// What is to be known of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl BackupVaultStatus {
    /// What lies at a second place; what lies at another one is no copy there.
    #[must_use]
    pub fn copied_at(&self, place: &str) -> Option<&Copied> {
        self.copied.as_ref().filter(|copied| copied.is_at(place))
    }
}

/// Sets that were not found in the repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// When they were missed last, RFC 3339.
    pub at: String,
    /// Their names, as many as were told.
    pub sets: Vec<String>,
    /// What was found, in plain words.
    pub message: String,
}

/// What lies at a second place of a vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    /// Where it lies, as restic names it. At any other place there is no copy, whatever place is named now.
    #[serde(default)]
    pub repository: String,
    /// When it was last seen to be all there, RFC 3339.
    pub at: String,
    /// The newest set that is whole there.
    pub set: String,
    /// The recovery point of that set, RFC 3339.
    pub recovery_point: String,
    /// Objects of the repository that are there.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When what the first place had pruned was last taken away there, too, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tidied: Option<String>,
}

impl Copied {
    /// Whether it lies at a place, which is empty where none is named.
    #[must_use]
    pub fn is_at(&self, place: &str) -> bool {
        !place.is_empty() && self.repository == place
    }
}

/// A second place of a vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecondPlace {
    /// Name of the target.
    pub target: String,
    /// Where the copy is, as restic names it.
    pub repository: String,
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
    /// Which 28th of the repository's data was read, of a reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<u32>,
}

impl Failures {
    /// These and another one; a run that was counted already is not counted twice.
    #[must_use]
    pub fn and(&self, run: &str, class: Class, message: &str, at: &str) -> Self {
        Self {
            count: self.count + u32::from(self.run.as_deref() != Some(run)),
            class: Some(class),
            message: message.to_string(),
            at: Some(at.to_string()),
            run: Some(run.to_string()),
            ..Self::default()
        }
    }

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
    /// Why it was made.
    #[serde(default)]
    pub kind: RunKind,
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
