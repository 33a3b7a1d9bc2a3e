//! Container images as OCI layouts, made from a folder: no registry, no container engine, no daemon.
//!
//! ```no_run
//! # fn main() -> kopnams_images::Result<()> {
//! use std::path::Path;
//! use kopnams_images::{Config, write_layout};
//!
//! let config = Config { user: "33:33".to_owned(), cmd: vec!["/bin/httpd".to_owned()], ..Config::default() };
//! let built = write_layout(Path::new("root"), &config, "localhost/web:1", Path::new("build/web"))?;
//! println!("{}", built.reference); // localhost/web@sha256:...
//! # Ok(())
//! # }
//! ```
//!
//! The same folder and configuration give the same digest on every machine: entries are sorted, their times are fixed,
//! owners and modes are the folder's, extended attributes, device nodes and sockets are left out. The image has one layer,
//! uncompressed: it never leaves the machine, and compressing costs more than copying.

mod layer;
mod layout;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

pub use layout::{Built, read_layout, write_layout};

/// The result of making an image.
pub type Result<T> = std::result::Result<T, Error>;

/// How a container of the image starts. The default: as root, in `/`, with nothing to start.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Config {
    /// `user:group`, numeric so that `runAsNonRoot` can be checked; empty is root.
    pub user: String,
    /// The program and its first arguments.
    pub entrypoint: Vec<String>,
    /// The arguments after the entrypoint, which a pod's `args` replace; without an entrypoint the program too.
    pub cmd: Vec<String>,
    /// The environment. Without `PATH` it gets Debian's.
    pub env: BTreeMap<String, String>,
    /// The working folder; empty is `/`.
    pub workdir: String,
    /// Ports that it listens on, such as `8080/tcp`; for readers only, nothing opens or closes them.
    pub exposed_ports: Vec<String>,
    /// Labels such as `org.opencontainers.image.licenses`.
    pub labels: BTreeMap<String, String>,
    /// The time of every entry and of the image, in seconds since 1970. A web server makes its `ETag` of a file's time
    /// and size, so an image of static files should count this up with its content.
    pub time: u32,
}

/// Why an image could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be handled.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was being done, as it follows "cannot".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name cannot be an image's.
    #[error("{0:?} cannot be the name of an image: it is `host/path` or `host/path:tag`, in small letters, such as localhost/web:1")]
    Name(String),
    /// An entry cannot be in an image.
    #[error("{} cannot be in an image: {why}", path.display())]
    Entry {
        /// The entry, within the folder.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// The place of the layout is taken by something else.
    #[error("{} is there and is no OCI layout: it is not replaced", .0.display())]
    Taken(PathBuf),
    /// A layout does not hold one image with a name.
    #[error("{} is no layout of one image: {why}", layout.display())]
    Layout {
        /// The layout's folder.
        layout: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The image cannot be described.
    #[error("cannot describe the image: {0}")]
    Describe(String),
}

/// Adds what was being done to an error of the system.
trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::Io { doing, path: path.to_owned(), source })
    }
}
