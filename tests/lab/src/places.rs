//! Where things are kept.

use std::env;
use std::fs::{self, File, TryLockError};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::error::{Doing, Error, Result};
use crate::report::Report;

/// The cache: `KOPNAMS_CACHE`, else `~/.cache/kopnams`.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(folder) = set("KOPNAMS_CACHE") {
        return std::path::absolute(&folder).doing(|| format!("find the folder {}", folder.display()));
    }
    let home = set("HOME").ok_or_else(|| Error::Invalid("neither KOPNAMS_CACHE nor HOME is set".to_owned()))?;
    Ok(home.join(".cache/kopnams"))
}

/// A variable of the environment that is there and not empty.
pub(crate) fn set(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A switch of the environment: there, and neither empty nor 0.
pub(crate) fn switched_on(name: &str) -> bool {
    set(name).is_some_and(|value| value != Path::new("0"))
}

/// The folder, made if it is missing.
pub(crate) fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).doing(|| format!("make the folder {}", folder.display()))
}

/// Writes a file of the lab.
pub(crate) fn write(file: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    fs::write(file, content).doing(|| format!("write {}", file.display()))
}

/// An address with a port that was free a moment ago.
pub(crate) fn free(address: impl Into<IpAddr>) -> Result<SocketAddr> {
    TcpListener::bind((address.into(), 0)).and_then(|listener| listener.local_addr()).doing(|| "find a free port".to_owned())
}

/// Waits for a turn, also behind other processes, and says what it waits for. The turn ends with the file.
pub(crate) fn turn(path: &Path, what: &str) -> Result<File> {
    let file = File::create(path).doing(|| format!("open {}", path.display()))?;
    let mut report = Report::new();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                report.say(|so_far| format!("another process is {what}: waiting, {so_far} so far"));
                sleep(Duration::from_millis(200));
            }
            Err(TryLockError::Error(source)) => {
                return Err(source).doing(|| format!("lock {}", path.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn two_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = turn(&path, "trying").unwrap();
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || tell.send(turn(&path, "trying").is_ok()));
        assert!(told.recv_timeout(Duration::from_millis(300)).is_err(), "it does not wait");
        drop(first);
        assert!(told.recv_timeout(Duration::from_mins(1)).unwrap());
    }
}
