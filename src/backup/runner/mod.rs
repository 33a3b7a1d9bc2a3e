//! The other process: does one piece of work with the `restic` program and says what came of it.
//!
//! ```text
//! failure  why work failed, and how the ending of restic tells it
//! restic   one run of the program and its end
//! watch    what it complains of meanwhile, and how long that is borne
//! part     backs one part up
//! commit   the configuration and the manifest: from then on there is a set
//! sets     the snapshots and manifests that a repository holds
//! lanes    two calls of the program at a time
//! restore  restores, and compares with the manifest what was written
//! tree     what a folder and a snapshot hold, name by name
//! compare  the facts of a loaded database
//! upkeep   check, forget, prune, list
//! versions what a bucket keeps of what was deleted
//! orphans  what runs left that never came to a set
//! order    whether what an order names can be followed
//! ask      whether an app that was started answers as it has to
//! canary   a set that is damaged on purpose, whose drill has to fail
//! probe    whether a target answers at all
//! prepare  makes a tenant's repository, its bucket and its writer
//! issue    who makes buckets and users
//! s3       signed requests
//! objects  the objects of a repository: listed, read, written, taken away
//! mirror   copies them to a second place
//! escrow   the second key, sealed
//! destroy  takes it all away
//! report   the few bytes that the pod leaves
//! ```
//!
//! No Kubernetes is in here: an order is a file, secrets are files, and the report is a file. A secret goes to restic as
//! a file or in its environment, never on its command line.

mod ask;
mod canary;
pub mod compare;
pub mod commit;
pub mod destroy;
pub mod escrow;
pub mod failure;
pub mod issue;
mod lanes;
mod mirror;
mod objects;
mod order;
mod orphans;
pub mod part;
pub mod prepare;
pub mod probe;
pub mod report;
pub mod restic;
pub mod restore;
pub mod s3;
pub mod sets;
pub mod tree;
pub mod upkeep;
mod versions;
mod watch;

use super::work::{ACCESS_KEY_FILE, PASSWORD_FILE, Report, SECRET_KEY_FILE, Task, Work};
use failure::{Failure, Outcome};
use restic::{Credentials, Restic};
use s3::S3;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Where the runner finds things, and how patient it is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Folder with the order and the secrets.
    pub folder: PathBuf,
    /// Name of the order in it.
    pub order: String,
    /// The restic program.
    pub restic: PathBuf,
    /// Folder for restic's cache and for passing files.
    pub cache: PathBuf,
    /// How long a lock of somebody else is waited for.
    pub lock_patience: Duration,
    /// How long the target may not answer before that is told, rather than tried again.
    pub outage_patience: Duration,
    /// Set when the process is asked to end.
    pub stop: Arc<AtomicBool>,
}

/// Reads the order, does it, and says what came of it. Whatever goes wrong is in the report.
#[must_use]
pub fn run(settings: &Settings) -> Report {
    let mut report = Report::default();
    let done = Runner::new(settings).and_then(|runner| runner.perform(&mut report));
    if let Err(failure) = done {
        report.failure = Some(failure.class);
        report.message = failure.message;
    }
    report::fit(report)
}

/// One piece of work, with what it takes.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) work: Work,
    pub(crate) restic: Restic,
    pub(crate) folder: PathBuf,
}

impl Runner {
    fn new(settings: &Settings) -> Outcome<Self> {
        let file = settings.folder.join(&settings.order);
        let text =
            std::fs::read(&file).map_err(|error| Failure::order(format!("The order {} cannot be read: {error}.", file.display())))?;
        let work: Work = serde_json::from_slice(&text)
            .map_err(|error| Failure::order(format!("The order {} cannot be understood: {error}.", file.display())))?;
        for (name, text) in [("tenant", &work.tenant), ("run", &work.run)] {
            if text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)) {
                return Err(Failure::order(format!("The {name} of the order is `{text}`; letters, digits, `-`, `.` and `_` are allowed.")));
            }
        }
        order::judge(&work.task)?;
        let credentials =
            Credentials { access_key: secret(&settings.folder, ACCESS_KEY_FILE)?, secret_key: secret(&settings.folder, SECRET_KEY_FILE)? };
        let restic = Restic::new(settings, &work.repository, &work.tenant, credentials, settings.folder.join(PASSWORD_FILE))?;
        Ok(Self { work, restic, folder: settings.folder.clone() })
    }

    fn perform(&self, report: &mut Report) -> Outcome<()> {
        match &self.work.task {
            Task::Prepare { issue, escrow, made } => self.prepare(report, issue.as_ref(), escrow.as_deref(), *made),
            Task::Part { part, path, exclude, may_be_empty, before, facts } => {
                let order = part::Order { part, path, exclude, may_be_empty: *may_be_empty, before, facts: *facts };
                self.back_up(report, &order)
            }
            Task::Commit { manifest, path } => self.commit(report, manifest, path),
            Task::Check { read, holds } => self.check(report, *read, holds),
            Task::Restore { manifest, parts, into, replace } => self.restore(report, manifest, parts, into.as_deref(), *replace),
            Task::Clear { path } => Self::clear(report, path),
            Task::Compare { manifest, part, facts } => self.compare(report, manifest, part, facts),
            Task::Forget { snapshots, prune, known, holds, lost, deleted_days } => {
                let order = upkeep::Order { snapshots, prune: *prune, known: known.as_deref(), holds, lost, deleted_days: *deleted_days };
                self.forget(report, &order)
            }
            Task::List => self.list(report),
            Task::Ask { endpoint, host, checks } => ask::ask(report, endpoint.as_deref(), host.as_deref(), checks),
            Task::Canary { issue } => self.canary(report, issue.as_ref()),
            Task::Copy { to, issue, holds, prune, shrunk, seconds, deleted_days } => {
                let (issue, time) = (issue.as_ref(), seconds.map(Duration::from_secs));
                let order = mirror::Order { to, issue, holds, prune: *prune, shrunk: *shrunk, time, deleted_days: *deleted_days };
                self.copy(report, &order)
            }
            Task::Destroy { issue } => self.destroy(report, issue.as_ref()),
        }
    }

    /// A client for the tenant's own endpoint.
    fn s3(&self) -> Outcome<S3> {
        S3::new(&self.work.repository.endpoint, &self.work.repository, self.restic.credentials())
    }
}

/// A secret out of its file, without the newline that editors leave; as restic reads it, too.
pub(crate) fn secret(folder: &Path, name: &str) -> Outcome<String> {
    let file = folder.join(name);
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::order(format!("The secret {} cannot be read: {error}.", file.display())))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(Failure::order(format!("The secret {} is empty.", file.display())));
    }
    Ok(text.to_owned())
}

/// A line of progress, for whoever reads the pod's log.
pub(crate) fn say(line: &str) {
    use std::io::Write;
    // Nothing is lost if nobody listens.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Does something as a phase of the report.
pub(crate) fn timed<T>(report: &mut Report, phase: &str, act: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let (done, took) = clocked(phase, act);
    report.phases.push(took);
    done
}

/// Does something, and says how many milliseconds that phase took.
pub(crate) fn clocked<T>(phase: &str, act: impl FnOnce() -> Outcome<T>) -> (Outcome<T>, (String, u64)) {
    let began = Instant::now();
    let done = act();
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    say(&format!("{phase}: {took} ms{}", if done.is_ok() { "" } else { ", failed" }));
    (done, (phase.to_owned(), took))
}
