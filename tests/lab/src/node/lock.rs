//! One node at a time: there is one kernel, one link into the house, one tree of control groups.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use crate::error::{Doing, Result};
use crate::report::Report;

/// Not in the cache, which several users and tests have one each of: there is one kernel.
const PLACE: &str = "/run/kopnams-node.lock";

/// The lock. It is held as long as any process has its file open: this one, the guard, or the house of a standing lab.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Waits until no other node runs, and says who holds it up.
    pub(crate) fn take() -> Result<Self> {
        let mut report = Report::new();
        loop {
            if let Some(lock) = Self::try_take()? {
                return Ok(lock);
            }
            let holder = holder();
            report.say(|so_far| {
                format!("another node runs on this machine (of process {holder}): waiting for it to end, {so_far} so far; `lab status` shows standing ones")
            });
            sleep(Duration::from_millis(200));
        }
    }

    /// The lock if nobody holds it.
    pub(crate) fn try_take() -> Result<Option<Self>> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(PLACE);
        let mut file = file.doing(|| format!("open {PLACE}"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(source)) => return Err(source).doing(|| format!("lock {PLACE}")),
        }
        let told = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).and_then(|_| writeln!(file, "{}", std::process::id()));
        told.doing(|| format!("write {PLACE}"))?;
        Ok(Some(Self { file }))
    }

    /// The same lock as a standard stream of a process that shall hold it too.
    pub(crate) fn hand_on(&self) -> Result<Stdio> {
        self.file.try_clone().map(Stdio::from).doing(|| "open the node's lock twice".to_owned())
    }
}

/// The process that took the lock, as far as it said so.
fn holder() -> String {
    let mut text = String::new();
    let read = File::open(PLACE).and_then(|mut file| file.read_to_string(&mut text));
    if read.is_err() || text.trim().is_empty() { "?".to_owned() } else { text.trim().to_owned() }
}
