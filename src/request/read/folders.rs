//! What lies where: in folders of this machine, or in a tree of a git repository.

use super::files::ReadError;
use std::ffi::OsString;
use std::fs::FileType;
use std::path::{Path, PathBuf};

/// What something is, of itself: a link is not what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An ordinary file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A submodule, a pipe, a device.
    Other,
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            kind if kind.is_symlink() => Self::Link,
            kind if kind.is_dir() => Self::Folder,
            kind if kind.is_file() => Self::File,
            _ => Self::Other,
        }
    }
}

/// Something that lies in a folder.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: OsString,
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// Where files are looked for.
pub trait Folders {
    /// What something is.
    fn kind(&self, path: &Path) -> Result<Kind, ReadError>;

    /// Whether it is a folder, or leads to one.
    fn is_folder(&self, path: &Path) -> bool;

    /// What lies in a folder, also what is hidden, in one order.
    fn entries(&self, path: &Path) -> Result<Vec<Entry>, ReadError>;

    /// The content of a file.
    fn content(&self, path: &Path) -> Result<Vec<u8>, ReadError>;
}

/// The folders of this machine.
#[derive(Clone, Copy, Debug)]
pub struct Disk;

impl Folders for Disk {
    fn kind(&self, path: &Path) -> Result<Kind, ReadError> {
        std::fs::symlink_metadata(path).map(|metadata| metadata.file_type().into()).map_err(|source| failed(path, source))
    }

    fn is_folder(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn entries(&self, path: &Path) -> Result<Vec<Entry>, ReadError> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path).map_err(|source| failed(path, source))? {
            let entry = entry.map_err(|source| failed(path, source))?;
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(|source| failed(path, source))?);
            entries.push(Entry { path: path.join(&name), name, kind: kind.into() });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn content(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        std::fs::read(path).map_err(|source| failed(path, source))
    }
}

fn failed(path: &Path, source: std::io::Error) -> ReadError {
    ReadError::Io { path: path.display().to_string(), source }
}
