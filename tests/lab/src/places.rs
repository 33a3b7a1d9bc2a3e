//! Where things are kept.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Doing, Error, Result};

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
