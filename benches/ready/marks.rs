//! When what was seen first: one watch per kind, each with a clock of its own beside it.

use crate::kit::{condition, text};
use crate::world::api;
use futures::{StreamExt, TryStreamExt};
use kube::Client;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is waited for, in the order in which it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// The namespace is there.
    Namespace,
    /// The Deployment is there; for kopnams this means that the guard rails are live.
    Deployment,
    /// Its pod is there.
    Pod,
    /// The pod's volume is there.
    Bound,
    /// The pod has a node.
    Scheduled,
    /// The pod has its volumes, its sandbox and its network.
    Sandbox,
    /// The container runs.
    Running,
    /// The pod's probe is answered.
    PodReady,
    /// The Deployment is Available.
    Available,
    /// kopnams says Ready.
    Ready,
}

type Seen = BTreeMap<String, BTreeMap<Mark, Instant>>;

/// What was seen, by the namespace of the website.
pub struct Marks(Arc<Mutex<Seen>>);

impl Marks {
    /// Watches until the runtime ends.
    pub fn watch(client: &Client) -> Self {
        let marks = Self(Arc::default());
        for kind in ["Namespace", "Deployment", "Pod", "PersistentVolumeClaim", "MunicipalityApp"] {
            let seen = Arc::clone(&marks.0);
            // One attempt after another without a pause: a pause would be in the figures.
            let events = watcher(api(client, kind, ""), watcher::Config::default()).applied_objects();
            tokio::spawn(async move {
                let mut events = events.boxed();
                while let Ok(Some(object)) = events.try_next().await {
                    let now = Instant::now();
                    note(&seen, kind, &serde_json::to_value(object).unwrap(), now);
                }
                panic!("the watch of {kind} has ended");
            });
        }
        marks
    }

    /// Waits until something has been seen.
    pub async fn until(&self, space: &str, mark: Mark, limit: Duration) {
        let begun = Instant::now();
        while !self.of(space).contains_key(&mark) {
            assert!(begun.elapsed() < limit, "{space}: {mark:?} was not seen within {limit:?}, but {:?}", self.of(space).keys());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// All that was seen of a namespace.
    pub fn of(&self, space: &str) -> BTreeMap<Mark, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(space).cloned().unwrap_or_default()
    }
}

/// Notes what an object shows for the first time.
fn note(seen: &Mutex<Seen>, kind: &str, object: &Value, now: Instant) {
    let holds = |type_: &str| condition(object, type_).0 == "True";
    let (name, space) = (text(object, "/metadata/name"), text(object, "/metadata/namespace"));
    let website = object["metadata"]["labels"]["app"] == "web" || name == "web";
    let (space, marks) = match kind {
        "Namespace" => (name.to_string(), vec![(true, Mark::Namespace)]),
        "MunicipalityApp" => (format!("{space}--{name}"), vec![(holds("Ready"), Mark::Ready)]),
        "Deployment" if website => (space.to_string(), vec![(true, Mark::Deployment), (holds("Available"), Mark::Available)]),
        "PersistentVolumeClaim" => (space.to_string(), vec![(text(object, "/status/phase") == "Bound", Mark::Bound)]),
        "Pod" if website => {
            let runs = object.pointer("/status/containerStatuses/0/state/running").is_some();
            let marks = vec![
                (true, Mark::Pod),
                (holds("PodScheduled"), Mark::Scheduled),
                (holds("PodReadyToStartContainers"), Mark::Sandbox),
                (runs, Mark::Running),
                (holds("Ready"), Mark::PodReady),
            ];
            (space.to_string(), marks)
        }
        _ => return,
    };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let of = seen.entry(space).or_default();
    for (_, mark) in marks.into_iter().filter(|(there, _)| *there) {
        of.entry(mark).or_insert(now);
    }
}
