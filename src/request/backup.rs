//! Backups: where they go, what each data class asks of them, and the pieces of work that come of it.

mod target;
mod vault;
mod work;

use crate::backup::admission::Limits;
use crate::backup::check::AppChecks;
pub use crate::backup::coverage::{Covered, EntryBackup, Exclusion, State as CoverageState};
use crate::backup::retention::Rules;
pub use crate::backup::schedule::Window;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
pub use target::*;
pub use vault::*;
pub use work::*;

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
    /// Hours that the newest set which also lies at a second place may be old at most, beside the day that a copy may take to
    /// be made; the place is `copyTo` of the backup target. Copies are made with the daily upkeep of a repository and not more
    /// often, because then nothing else may change it: so 24 is the least that can be promised. Default: no copy is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 24, max = 8760))]
    pub copy_hours: Option<u32>,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            rpo_hours: 24,
            rto_hours: 24,
            retention: Rules::default(),
            drill: Drill::default(),
            final_retention_days: 90,
            copy_hours: None,
        }
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
    /// Days between two drills of a set that is damaged on purpose, at each target. They have to fail; one that does not shows
    /// that drills prove nothing. 0 for none. Default: 7.
    #[serde(default = "canary_every")]
    #[schemars(range(min = 0, max = 366))]
    pub canary_every_days: u32,
}

const fn canary_every() -> u32 {
    7
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
    /// What the app has to show when a drill has started it on a backup, beside what its catalogue entry asks for.
    #[serde(default, skip_serializing_if = "AppChecks::is_empty")]
    pub checks: AppChecks,
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
    #[schemars(length(min = 1, max = 40), regex(pattern = TIME))]
    pub before: Option<String>,
}

/// RFC 3339, section 5.6, in capital letters. What looks like a time and is none, such as the 30th of February, is found when
/// the set is looked for.
const TIME: &str = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
