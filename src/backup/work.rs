//! What a runner is told and what it reports: the contract between the operator and the process in a Job.
//!
//! The order is a file, [`WORK_FILE`], beside the files with the repository's password and the credentials; it holds no
//! secret itself. The report is the pod's termination message, at most [`REPORT_MOST`] bytes.

use super::check::HttpCheck;
use super::set::{Manifest, Part};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Folder in which the order and the secrets beside it are mounted.
pub const WORK_FOLDER: &str = "/var/kopnams/work";
/// Name of the order in that folder.
pub const WORK_FILE: &str = "work.json";
/// Name of the file with the repository's password.
pub const PASSWORD_FILE: &str = "password";
/// Name of the file with the id of the S3 key.
pub const ACCESS_KEY_FILE: &str = "access-key";
/// Name of the file with the S3 key itself.
pub const SECRET_KEY_FILE: &str = "secret-key";
/// Name of the file with the second password, which goes to the escrow, in a [`Task::Prepare`].
pub const ESCROW_PASSWORD_FILE: &str = "escrow-password";
/// Names of the files with the S3 key that a [`Task::Prepare`] gives to the writer it makes.
pub const WRITER_ACCESS_KEY_FILE: &str = "writer-access-key";
/// See [`WRITER_ACCESS_KEY_FILE`].
pub const WRITER_SECRET_KEY_FILE: &str = "writer-secret-key";
/// Names of the files with the S3 key of the second place, in a [`Task::Copy`].
pub const SECOND_ACCESS_KEY_FILE: &str = "second-access-key";
/// See [`SECOND_ACCESS_KEY_FILE`].
pub const SECOND_SECRET_KEY_FILE: &str = "second-secret-key";
/// Longest report, in bytes, as the kubelet takes it.
pub const REPORT_MOST: usize = 4096;

/// One piece of work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Work {
    /// Where the tenant's repository is.
    pub repository: Repository,
    /// The tenant's UUID; restic's host name of every snapshot.
    pub tenant: String,
    /// The run that the work belongs to; a tag of every snapshot it makes.
    pub run: String,
    /// What is to be done.
    pub task: Task,
}

/// Where a tenant's repository is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repository {
    /// The S3 endpoint, as `https://s3.example.lv`.
    pub endpoint: String,
    /// The S3 region.
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The folder in it; empty for the bucket itself.
    pub prefix: String,
    /// Certificates of the endpoint's authority, as PEM, if it is not a public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle: Option<String>,
}

impl Repository {
    /// The repository as restic names it.
    #[must_use]
    pub fn url(&self) -> String {
        let place = format!("s3:{}/{}", self.endpoint.trim_end_matches('/'), self.bucket);
        if self.prefix.is_empty() { place } else { format!("{place}/{}", self.prefix) }
    }
}

/// What a runner does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum Task {
    /// Makes the bucket and its writer where the target isolates tenants, the repository, and its second key. Done again
    /// it changes nothing.
    Prepare {
        /// Make a bucket with versions, and a writer that can delete nothing but locks.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issue: Option<Issue>,
        /// The escrow's public key (age X25519 recipient): the second password is sealed to it and kept in the key's own host name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        escrow: Option<String>,
        /// It was made before: one that is not there any more has vanished, and is not made again.
        #[serde(default)]
        made: bool,
    },
    /// Backs one part up.
    Part {
        /// The part.
        part: Part,
        /// What is backed up: everything in this folder.
        path: PathBuf,
        /// Paths below it that are left out.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        exclude: Vec<String>,
        /// Nothing in it is no fault.
        #[serde(default)]
        may_be_empty: bool,
        /// Bytes of the part in the sets before, the newest last: far less than their median is suspicious.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        before: Vec<u64>,
        /// Lines of the file `facts` beside a dump are carried into the report (see [`Report::facts`]).
        #[serde(default)]
        facts: bool,
    },
    /// Backs the configuration up and commits the set: only if every part that the manifest lists is in the repository.
    Commit {
        /// The manifest; the runner fills in the configuration part.
        manifest: Manifest,
        /// The folder with the configuration.
        path: PathBuf,
    },
    /// Looks through the repository without changing it.
    Check {
        /// Read the data of this part of the repository too: the first number of the second.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        read: Option<(u32, u32)>,
        /// What the repository has to hold.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        holds: Holds,
    },
    /// Restores parts of a set into empty folders and compares them with the manifest.
    Restore {
        /// Snapshot of the manifest.
        manifest: String,
        /// The parts, each with its folder. Empty: every part, below `into`.
        parts: Vec<(Part, PathBuf)>,
        /// Folder for the parts that are not named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        into: Option<PathBuf>,
        /// What is in the folders that the set does not hold is deleted; otherwise folders that are not empty are refused.
        #[serde(default)]
        replace: bool,
    },
    /// Deletes everything in a folder, before a database is loaded into it.
    Clear {
        /// The folder; it stays.
        path: PathBuf,
    },
    /// Compares facts of a loaded database, a file with one `name count` in each line, with those of the manifest.
    Compare {
        /// Snapshot of the manifest.
        manifest: String,
        /// The part.
        part: Part,
        /// The file with the facts found after loading.
        facts: PathBuf,
    },
    /// Forgets exactly these snapshots and, if it is told all runs that are known, what runs left that never came to a set.
    Forget {
        /// Ids of snapshots; none to only prune.
        snapshots: Vec<String>,
        /// Give the room back, too.
        prune: bool,
        /// Names of all runs that are known: of every set that the vault lists, and of every run that is still at work, however
        /// long. Snapshots of other runs, from which no manifest came in two days, are forgotten, too. None: no others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known: Option<Vec<String>>,
        /// What the repository has to hold beside them. If something is missing, nothing is forgotten and nothing pruned.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        holds: Holds,
        /// Sets of which an admin says that they are lost: if they are missing, that is told in [`Report::lacks`], what is left
        /// of them is forgotten, too, and the work goes on.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lost: Vec<String>,
        /// Days for which a bucket with versions keeps what was deleted. With `prune`, what was deleted before is destroyed.
        /// None: everything is kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deleted_days: Option<u32>,
    },
    /// Lists the committed sets that the repository holds, so that the operator's own list can be made anew.
    List,
    /// Asks an app that was started on what was restored whether it answers.
    Ask {
        /// Where it is, as `http://web:8080`; none for an app without a page.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        /// The host name that it is asked as: the app's own, to which it may answer otherwise than to others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        /// Pages, and what they have to be.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        checks: Vec<HttpCheck>,
    },
    /// Makes a repository with one small set, sees that it restores well, and then damages its copy: a drill of it has to fail.
    Canary {
        /// As in [`Task::Prepare`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issue: Option<Issue>,
    },
    /// Copies to a second place what the repository holds and that place lacks, object by object. The second is a whole
    /// repository at every moment; done again after it was broken off it goes on.
    Copy {
        /// The second place.
        to: Repository,
        /// As in [`Task::Prepare`], of the second place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issue: Option<Issue>,
        /// What the repository has to hold. If something is missing, nothing is taken away at the second place.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        holds: Holds,
        /// What the repository does not hold any more goes at the second place, too.
        #[serde(default)]
        prune: bool,
        /// It is right that the repository holds far less than the second place.
        #[serde(default)]
        shrunk: bool,
        /// Seconds after which nothing more is begun to be copied; what is there stays, and the next copy goes on from it.
        /// None: as long as it takes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<u64>,
        /// As in [`Task::Forget`], of the second place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deleted_days: Option<u32>,
    },
    /// Destroys the repository with all its versions, and the writer and bucket that [`Task::Prepare`] made.
    Destroy {
        /// What was issued, if the target isolates tenants.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        issue: Option<Issue>,
    },
}

/// Sets that a repository has to hold: the snapshots of each, by its name.
pub type Holds = BTreeMap<String, Vec<String>>;

/// What a target that isolates tenants is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Issue {
    /// Who issues.
    pub issuer: Issuer,
    /// Where its administration is, if not at the endpoint itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Days for which no version of an object can be destroyed; 0 for none.
    #[serde(default)]
    pub lock_days: u32,
}

/// Who makes buckets and users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Issuer {
    /// The administration of versitygw.
    #[default]
    Versitygw,
}

/// What came of a piece of work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Report {
    /// Why it failed; none when it did what it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Class>,
    /// What is to be known, in plain words; never a secret, a file's content or a person's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The snapshot that was made: of a part, or of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// Snapshot of the configuration part, of a commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
    /// Files that the part holds, or that were compared.
    #[serde(default)]
    pub files: u64,
    /// Their bytes.
    #[serde(default)]
    pub bytes: u64,
    /// Bytes that the repository grew by.
    #[serde(default)]
    pub added: u64,
    /// SHA-256 over the names and contents of all files (see [`super::set::PartRecord::digest`]).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// SHA-256 over the lines of the facts, and their number: rows by table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// Milliseconds that each phase took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<(String, u64)>,
    /// SHA-256 of the whole evidence, which stands in the repository or the log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// The sets that were found, of a list: manifest snapshot, set, time; the newest last, as many as fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sets: Vec<(String, String, String)>,
    /// Sets that the repository has to hold and does not, whether that was a failure or not; without the tenant's id before
    /// them, and as many as fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<String>,
    /// The second place, as restic names it, of a copy: another may be named since it was begun.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// It failed at the second place, of a copy.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub second: bool,
}

/// Facts about a database: what must be the same after loading it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// Number of tables.
    pub tables: u64,
    /// Rows in all of them.
    pub rows: u64,
    /// SHA-256 over the sorted lines `table rows`.
    pub digest: String,
}

/// Why a piece of work failed. Part of what is written down: names never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Class {
    /// Some of the data could not be read, so the part is not whole.
    Partial,
    /// The part has no files, or far less than it had; or the repository lacks what it has to hold.
    Suspicious,
    /// There is no room.
    NoSpace,
    /// What the repository holds is damaged, or other than the manifest says.
    Damaged,
    /// The repository was there and is not any more. It is never made anew.
    Vanished,
    /// The repository does not open with the tenant's key.
    WrongKey,
    /// The target refuses the credentials.
    Refused,
    /// The target does not answer, or answers with errors of its own.
    Unreachable,
    /// Somebody else holds a lock for longer than the work may wait.
    Locked,
    /// A part that the manifest lists, or the set itself, is not in the repository.
    Missing,
    /// The folder to restore into is not empty.
    NotEmpty,
    /// The database could not be dumped or loaded.
    Database,
    /// The pod could not be started in time.
    NotStarted,
    /// It took longer than it may.
    Deadline,
    /// The set is older than its data class allows.
    Stale,
    /// The app was started on what was restored, and did not answer.
    NoAnswer,
    /// The app was started on what was restored and answers, but not what a check asks for.
    CheckFailed,
    /// The order cannot be understood.
    Order,
    /// Anything else.
    Other,
}

impl Class {
    /// The name as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "Partial",
            Self::Suspicious => "Suspicious",
            Self::NoSpace => "NoSpace",
            Self::Damaged => "Damaged",
            Self::Vanished => "Vanished",
            Self::WrongKey => "WrongKey",
            Self::Refused => "Refused",
            Self::Unreachable => "Unreachable",
            Self::Locked => "Locked",
            Self::Missing => "Missing",
            Self::NotEmpty => "NotEmpty",
            Self::Database => "Database",
            Self::NotStarted => "NotStarted",
            Self::Deadline => "Deadline",
            Self::Stale => "Stale",
            Self::NoAnswer => "NoAnswer",
            Self::CheckFailed => "CheckFailed",
            Self::Order => "Order",
            Self::Other => "Other",
        }
    }

    /// Whether trying again by itself cannot help: a person must do something first.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Vanished | Self::WrongKey | Self::Refused | Self::Order)
    }

    /// Whether it is the target's fault rather than the tenant's: the breaker counts it.
    #[must_use]
    pub const fn is_the_targets(self) -> bool {
        matches!(self, Self::Unreachable)
    }
}
