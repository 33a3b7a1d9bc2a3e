//! `kopnams runner`: the process in a Job. It knows nothing of Kubernetes.

use crate::backup::runner::{self, Settings, report};
use crate::backup::work::{WORK_FILE, WORK_FOLDER};
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Do one piece of work with a tenant's backups, as the operator's Jobs do.
///
/// The order is the file work.json in the folder, with the secrets beside it. What came of it goes to the report file as
/// JSON and, after lines of progress, to the standard output.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 done, 1 failed: the report says why, 2 wrong usage, or the report could not be written.")]
pub struct Runner {
    /// Folder with the order and its secrets.
    #[arg(long, value_name = "FOLDER", default_value = WORK_FOLDER)]
    work: PathBuf,
    /// Name of the order in it.
    #[arg(long, value_name = "NAME", default_value = WORK_FILE)]
    order: String,
    /// Where the report is written.
    #[arg(long, value_name = "FILE", default_value = "/dev/termination-log")]
    report: PathBuf,
    /// The restic program; else the one on the PATH, else /restic.
    #[arg(long, value_name = "PROGRAM")]
    restic: Option<PathBuf>,
    /// Folder for restic's cache.
    #[arg(long, value_name = "FOLDER", default_value = "/var/kopnams/cache")]
    cache: PathBuf,
    /// How long a lock of somebody else is waited for.
    #[arg(long, value_name = "SECONDS", default_value_t = 600, hide = true)]
    lock_patience: u64,
    /// How long the target may not answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 90, hide = true)]
    outage_patience: u64,
}

impl Runner {
    /// Does the work; its exit code says whether it failed.
    pub fn run(self) -> Result<u8> {
        let stop = Arc::new(AtomicBool::new(false));
        heed(&stop)?;
        let settings = Settings {
            folder: self.work,
            order: self.order,
            restic: self.restic.unwrap_or_else(restic),
            cache: self.cache,
            lock_patience: Duration::from_secs(self.lock_patience),
            outage_patience: Duration::from_secs(self.outage_patience),
            stop,
        };
        let done = runner::run(&settings);
        let written = report::write(&self.report, &done);
        println!("{}", report::text(&done));
        written.map_err(|failure| anyhow::anyhow!(failure.message))?;
        Ok(if done.failure.is_none() { super::FINE } else { super::REFUSED })
    }
}

/// The program on the PATH, or where the image has it.
fn restic() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("restic")).find(|file| file.is_file());
    found.unwrap_or_else(|| Path::new("/restic").to_owned())
}

/// Notes when the process is asked to end: restic then lets go of its lock, and there is still a report.
fn heed(stop: &Arc<AtomicBool>) -> Result<()> {
    let stop = Arc::clone(stop);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime could not be started")?;
    let (mut term, mut interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
        });
        stop.store(true, Ordering::SeqCst);
    });
    Ok(())
}
