//! What can go wrong with a lab, in words that say what to do.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;

/// The result of everything the lab does.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a lab could not be built, started, asked or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file, folder or process could not be handled.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done, as it follows "cannot".
        doing: String,
        /// What the system said.
        source: io::Error,
    },
    /// Go is missing, so nothing can be built.
    #[error(
        "the program `go` cannot be started ({0}): install Go 1.26 or newer, or set KUBEBUILDER_ASSETS to a folder that \
         has etcd, kube-apiserver, kube-controller-manager and kubectl"
    )]
    NoGo(io::Error),
    /// A build from Go modules failed.
    #[error("building {what} from Go modules failed ({why}); it said:\n{said}")]
    Build {
        /// What was being built.
        what: String,
        /// How the build ended.
        why: String,
        /// The last lines of its output.
        said: String,
    },
    /// A folder of binaries lacks one.
    #[error("{folder} has no {missing}; {advice}")]
    NoBinary {
        /// The folder that was looked into.
        folder: PathBuf,
        /// The file that is not there.
        missing: String,
        /// What to do about it.
        advice: String,
    },
    /// A component ended although it should run.
    #[error("{name} ended ({status}) before the lab was ready; the last lines of its log:\n{log}\n(KEEP_LAB=1 keeps the lab's folder)")]
    Ended {
        /// The component.
        name: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// The lab did not become ready in time.
    #[error(
        "{waiting_for} was not there after {seconds} s; {last}\nThe last lines of the log of {name}:\n{log}\n(KEEP_LAB=1 keeps the lab's folder)"
    )]
    NotReady {
        /// What was waited for.
        waiting_for: String,
        /// For how long.
        seconds: u64,
        /// The last answer.
        last: String,
        /// The component that owes it.
        name: String,
        /// The last lines of its log.
        log: String,
    },
    /// A certificate or key could not be made.
    #[error("cannot make the lab's certificates: {0}")]
    Certificates(String),
    /// A command, mostly kubectl, failed.
    #[error("`{command}` failed ({status}): {stderr}")]
    Command {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to its standard error.
        stderr: String,
    },
    /// The forge did not do what it was asked for.
    #[error("the forge answered {status} to {asked}: {said}")]
    Refused {
        /// The method and the path.
        asked: String,
        /// The status of the answer.
        status: u16,
        /// Its body.
        said: String,
    },
    /// Something was asked of an existing cluster that only a lab of its own can do.
    #[error("{0} is not possible on an existing cluster: unset KOPNAMS_TEST_USE_KUBECONFIG")]
    ExistingCluster(&'static str),
    /// An image could not be made or read.
    #[error(transparent)]
    Image(#[from] kopnams_images::Error),
    /// The lab was started without a node.
    #[error("this lab has no node: start it with LabOptions {{ node: Some(NodeOptions::default()), .. }} or `lab up --node`")]
    NoNode,
    /// An option has a value that cannot be used.
    #[error("{0}")]
    Invalid(String),
}

/// Adds what was being done to an error of the system.
pub(crate) trait Doing<T> {
    /// `doing` follows "cannot".
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|source| Error::Io { doing: doing(), source })
    }
}
