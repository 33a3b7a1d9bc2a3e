//! What went wrong in a reconcile, and when to try again.

use super::queue::Next;
use crate::apply::ApplyError;
use std::time::Duration;

/// A reconcile that did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct ReconcileError(#[from] pub ApplyError);

impl ReconcileError {
    /// When the key is looked at again.
    #[must_use]
    pub const fn next(&self) -> Next {
        match self.0 {
            // The next leader looks at everything anyway.
            ApplyError::Fenced => Next::After(Duration::from_secs(1)),
            ApplyError::Conflict | ApplyError::Gone => Next::Retry { at_most: Duration::from_secs(5) },
            ApplyError::NamespaceTerminating => Next::After(Duration::from_secs(30)),
            ApplyError::Timeout(_) | ApplyError::Transient(_) => Next::Retry { at_most: Duration::from_mins(1) },
            ApplyError::Refused(_) | ApplyError::Invalid(_) | ApplyError::Foreign { .. } => Next::Retry { at_most: Duration::from_mins(5) },
        }
    }
}
