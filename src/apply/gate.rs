//! The gate: no write without leadership, none unbounded in number or time.

use super::ApplyError;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Until when this process is surely the leader. The lease task moves it; every write asks it.
///
/// It counts by the monotonic clock, which goes on while the process is stopped, so a process that
/// was paused beyond its lease writes nothing when it wakes.
#[derive(Clone, Debug, Default)]
pub struct Fence(Arc<Mutex<Option<Instant>>>);

impl Fence {
    /// A fence that never closes, for tests without a lease.
    #[must_use]
    pub fn open() -> Self {
        Self(Arc::new(Mutex::new(Some(Instant::now() + Duration::from_hours(24 * 365)))))
    }

    /// Leadership holds until then.
    pub fn extend(&self, until: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    /// Leadership has ended.
    pub fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether this process is surely the leader now.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    fn until(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bounds the requests in flight and the time of each, and asks the fence before each.
#[derive(Clone, Debug)]
pub struct Gate {
    fence: Fence,
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Gate {
    /// A gate for at most `concurrency` requests at once, each of at most `patience`.
    #[must_use]
    pub fn new(fence: Fence, concurrency: usize, patience: Duration) -> Self {
        Self { fence, places: Arc::new(Semaphore::new(concurrency.max(1))), patience }
    }

    /// Runs one request.
    pub async fn pass<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ApplyError> {
        let _place = self.places.acquire().await.map_err(|_| ApplyError::Fenced)?;
        let Some(until) = self.fence.until().filter(|until| Instant::now() < *until) else {
            return Err(ApplyError::Fenced);
        };
        // A request that waits for its connection while the process is stopped must not go out when it wakes,
        // so the time is looked at before the request is.
        let end = until.min(Instant::now() + self.patience);
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(end.into()) => {
                if self.fence.holds() { Err(ApplyError::Timeout(self.patience.as_secs())) } else { Err(ApplyError::Fenced) }
            }
            answer = request => answer.map_err(ApplyError::from),
        }
    }
}
