//! The work queue: each key is worked on by one worker at a time, and again if it was pushed meanwhile.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What becomes of a key after it was worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing until it is pushed again.
    Rest,
    /// It is looked at again after this time at the latest.
    After(Duration),
    /// It failed and is tried again, each time after a longer pause up to this one.
    Retry {
        /// The longest pause.
        at_most: Duration,
    },
}

/// A queue of keys.
#[derive(Debug)]
pub struct Queue<K> {
    inner: Mutex<Inner<K>>,
    wake: Notify,
}

#[derive(Debug)]
struct Inner<K> {
    ready: VecDeque<K>,
    states: HashMap<K, State>,
    later: BTreeMap<(Instant, u64), K>,
    due: HashMap<K, (Instant, u64)>,
    failures: HashMap<K, u32>,
    serial: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Working,
    WorkingAndPushed,
}

const FIRST_PAUSE: Duration = Duration::from_millis(200);

impl<K: Clone + Eq + Hash> Default for Queue<K> {
    fn default() -> Self {
        let inner = Inner {
            ready: VecDeque::new(),
            states: HashMap::new(),
            later: BTreeMap::new(),
            due: HashMap::new(),
            failures: HashMap::new(),
            serial: 0,
        };
        Self { inner: Mutex::new(inner), wake: Notify::new() }
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// Adds a key; one that waits already is not added twice.
    pub fn push(&self, key: K) {
        let mut inner = self.lock();
        inner.cancel(&key);
        inner.push(key);
        drop(inner);
        self.wake.notify_one();
    }

    /// Takes the next key, as soon as there is one.
    pub async fn next(&self) -> K {
        loop {
            let due = {
                let mut inner = self.lock();
                inner.ripen(Instant::now());
                if let Some(key) = inner.ready.pop_front() {
                    inner.states.insert(key.clone(), State::Working);
                    let more = !inner.ready.is_empty();
                    drop(inner);
                    if more {
                        self.wake.notify_one();
                    }
                    return key;
                }
                inner.later.first_key_value().map(|((at, _), _)| *at)
            };
            let woken = self.wake.notified();
            match due {
                Some(at) => {
                    tokio::select! { () = woken => {}, () = tokio::time::sleep_until(at) => {} }
                }
                None => woken.await,
            }
        }
    }

    /// Says how the work on a key ended.
    pub fn done(&self, key: K, next: Next) {
        let mut inner = self.lock();
        let pushed = inner.states.remove(&key) == Some(State::WorkingAndPushed);
        match next {
            Next::Rest => {
                inner.failures.remove(&key);
            }
            Next::After(pause) => {
                inner.failures.remove(&key);
                inner.postpone(key.clone(), pause);
            }
            Next::Retry { at_most } => {
                let count = inner.failures.entry(key.clone()).and_modify(|n| *n = n.saturating_add(1)).or_insert(0);
                let pause = FIRST_PAUSE.saturating_mul(1 << (*count).min(16)).min(at_most);
                inner.postpone(key.clone(), jittered(pause));
            }
        }
        // A failed key is not retried sooner because it was pushed meanwhile by its own writes.
        if pushed && !matches!(next, Next::Retry { .. }) {
            inner.cancel(&key);
            inner.push(key);
        }
        drop(inner);
        self.wake.notify_one();
    }

    /// How many keys wait to be worked on now.
    pub fn depth(&self) -> usize {
        self.lock().ready.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> Inner<K> {
    fn push(&mut self, key: K) {
        match self.states.get_mut(&key) {
            Some(State::Working) => {
                self.states.insert(key, State::WorkingAndPushed);
            }
            Some(_) => {}
            None => {
                self.states.insert(key.clone(), State::Waiting);
                self.ready.push_back(key);
            }
        }
    }

    fn postpone(&mut self, key: K, pause: Duration) {
        self.cancel(&key);
        self.serial += 1;
        let at = (Instant::now() + pause, self.serial);
        self.later.insert(at, key.clone());
        self.due.insert(key, at);
    }

    fn cancel(&mut self, key: &K) {
        if let Some(at) = self.due.remove(key) {
            self.later.remove(&at);
        }
    }

    fn ripen(&mut self, now: Instant) {
        while let Some(entry) = self.later.first_entry() {
            if entry.key().0 > now {
                break;
            }
            let key = entry.remove();
            self.due.remove(&key);
            self.push(key);
        }
    }
}

/// Up to a quarter more, so that many failures do not come back at one moment.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0u8; 1];
    let _ = getrandom::fill(&mut byte);
    pause + pause.mul_f64(f64::from(byte[0]) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_key_is_worked_on_once_and_again_when_it_was_pushed_meanwhile() {
        let queue = Queue::default();
        queue.push("a");
        queue.push("a");
        assert_eq!(queue.next().await, "a");
        assert_eq!(queue.depth(), 0);
        queue.push("a");
        assert_eq!(queue.depth(), 0, "nobody else works on it meanwhile");
        queue.done("a", Next::Rest);
        assert_eq!(queue.next().await, "a");
        queue.done("a", Next::Rest);
        assert!(tokio::time::timeout(Duration::from_hours(1), queue.next()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn failures_pause_longer_each_time_up_to_the_limit() {
        let queue = Queue::default();
        queue.push("a");
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let before = Instant::now();
            let key = queue.next().await;
            pauses.push(before.elapsed());
            queue.done(key, Next::Retry { at_most: Duration::from_secs(3) });
        }
        assert!(pauses.windows(2).take(5).all(|pair| pair[0] < pair[1]), "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(4)), "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_push_comes_before_a_postponed_turn_and_replaces_it() {
        let queue = Queue::default();
        queue.push("a");
        let key = queue.next().await;
        queue.done(key, Next::After(Duration::from_mins(1)));
        queue.push("a");
        let before = Instant::now();
        let key = queue.next().await;
        assert!(before.elapsed() < Duration::from_secs(1));
        queue.done(key, Next::Rest);
        assert!(tokio::time::timeout(Duration::from_hours(1), queue.next()).await.is_err(), "the old turn is gone");
    }
}
