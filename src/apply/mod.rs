//! Make it so: the only module that writes objects. Every write passes the gate first.

pub mod gate;
pub mod wire;
pub mod write;

pub use gate::{Fence, Gate};
pub use write::{Writer, Wrote};

/// Why a write did not happen.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// This process is not, or no longer surely, the leader.
    #[error("not the leader")]
    Fenced,
    /// The API server did not answer in time.
    #[error("no answer from the API server within {0} s")]
    Timeout(u64),
    /// The namespace is being deleted; its end will be noticed.
    #[error("the namespace is being deleted")]
    NamespaceTerminating,
    /// Somebody else changed the object meanwhile, or made it first.
    #[error("changed by somebody else meanwhile")]
    Conflict,
    /// The object exists and is not the operator's.
    #[error("{kind} `{name}` exists and is not the operator's")]
    Foreign {
        /// Its kind.
        kind: crate::desired::Kind,
        /// Its name.
        name: String,
    },
    /// The object is gone.
    #[error("the object is gone")]
    Gone,
    /// The API server found the request invalid, such as a patch whose test failed.
    #[error("the API server found it invalid: {0}")]
    Invalid(String),
    /// The API server refused.
    #[error("the API server refused: {0}")]
    Refused(String),
    /// The API server could not be reached or answered with an error of its own.
    #[error("{0}")]
    Transient(String),
}

impl ApplyError {
    /// A short class for metrics.
    #[must_use]
    pub const fn class(&self) -> &'static str {
        match self {
            Self::Fenced => "fenced",
            Self::Timeout(_) => "timeout",
            Self::NamespaceTerminating => "terminating",
            Self::Conflict => "conflict",
            Self::Foreign { .. } => "foreign",
            Self::Gone => "gone",
            Self::Invalid(_) => "invalid",
            Self::Refused(_) => "refused",
            Self::Transient(_) => "transient",
        }
    }
}

impl From<kube::Error> for ApplyError {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                let terminating = status.details.as_ref().is_some_and(|d| d.causes.iter().any(|c| c.reason == "NamespaceTerminating"));
                match status.code {
                    403 if terminating => Self::NamespaceTerminating,
                    404 => Self::Gone,
                    409 => Self::Conflict,
                    422 => Self::Invalid(status.message),
                    400..=499 if status.code != 429 => Self::Refused(status.message),
                    _ => Self::Transient(status.message),
                }
            }
            other => Self::Transient(other.to_string()),
        }
    }
}
