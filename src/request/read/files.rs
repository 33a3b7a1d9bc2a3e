//! Which files are read: the named ones, and YAML and JSON files below named folders, in one order.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Why the files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or folder is missing, or may not be read.
    #[error("cannot read {path}")]
    Io {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A folder holds nothing that could be read.
    #[error("no YAML files in {0}; files end in .yaml, .yml or .json")]
    Empty(String),
    /// The layout of a requests repository was to be checked, and there is none.
    #[error(
        "no PATH holds a folder municipalities with requests, so there is no layout to check; name the repository's folder, or leave out --layout on"
    )]
    NoLayout,
}

/// A file that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Which of the named paths it was found in.
    pub layer: usize,
}

/// Finds the files, each once, however often it is named.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Found>, ReadError> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (layer, path) in paths.iter().enumerate() {
        if !walk(path, layer, true, &mut seen, &mut found)? {
            return Err(ReadError::Empty(path.display().to_string()));
        }
    }
    Ok(found)
}

/// Says whether there was anything to read.
fn walk(path: &Path, layer: usize, named: bool, seen: &mut HashSet<(u64, u64)>, found: &mut Vec<Found>) -> Result<bool, ReadError> {
    let failed = |source| ReadError::Io { path: path.display().to_string(), source };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    let is_folder = metadata.is_dir();
    if !is_folder && !named && !is_read(path) {
        return Ok(false);
    }
    // Links may name one file twice, or a folder inside itself.
    if !seen.insert((metadata.dev(), metadata.ino())) {
        return Ok(true);
    }
    if !is_folder {
        found.push(Found { path: path.to_path_buf(), layer });
        return Ok(true);
    }
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(path).map_err(failed)? {
        entries.push(entry.map_err(failed)?.file_name());
    }
    entries.sort();
    let hidden = |name: &std::ffi::OsString| name.as_encoded_bytes().starts_with(b".");
    let mut any = false;
    for name in entries.into_iter().filter(|name| !hidden(name)) {
        any |= walk(&path.join(name), layer, false, seen, found)?;
    }
    Ok(any)
}

pub(super) fn is_read(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
}
