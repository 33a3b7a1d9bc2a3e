//! What the API server told of the work of backups, in the order in which it happened: watches lose nothing between two
//! looks, and resource versions order the events of all kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::StreamExt;
use kube::Client;
use kube::api::{DynamicObject, ListParams, WatchEvent, WatchParams};
use serde_json::Value;

use crate::kit::{label, text, uid};
use crate::world::api;

const KINDS: [&str; 5] = ["Job", "Pod", "BackupRun", "RestoreDrill", "BackupTarget"];

/// Something came, changed or went.
#[derive(Clone, Debug)]
pub struct Event {
    pub version: u64,
    pub kind: &'static str,
    pub gone: bool,
    pub object: Value,
}

impl Event {
    fn name(&self) -> String {
        format!("{}/{}", text(&self.object, "/metadata/namespace"), text(&self.object, "/metadata/name"))
    }

    /// Whether it is a run, or a drill, that goes on.
    fn at_work(&self) -> bool {
        !self.gone && text(&self.object, "/status/phase") == "Running"
    }
}

/// Writes down what becomes of Jobs, their pods, runs, drills and targets.
pub struct Ledger {
    events: Arc<Mutex<Vec<Event>>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Ledger {
    /// From now on.
    pub async fn start(client: &Client) -> Self {
        let events = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for kind in KINDS {
            let all = api(client, kind, "").list(&ListParams::default()).await.unwrap();
            let from = all.metadata.resource_version.unwrap();
            tasks.push(tokio::spawn(write(client.clone(), kind, from, Arc::clone(&events))));
        }
        Self { events, tasks }
    }

    /// Everything so far, in order.
    pub fn events(&self) -> Vec<Event> {
        assert!(self.tasks.iter().all(|task| !task.is_finished()), "a watch was lost");
        let mut events = self.events.lock().unwrap().clone();
        events.sort_by_key(|event| event.version);
        events
    }

    /// How many Jobs were at work at once at most: each from when it is made until its pod has ended.
    pub fn most_jobs(&self) -> usize {
        let (mut jobs, mut pods) = (BTreeSet::new(), BTreeMap::new());
        let counts = self.events().into_iter().map(|event| {
            match event.kind {
                "Job" if event.gone => drop(jobs.remove(&event.name())),
                "Job" => drop(jobs.insert(event.name())),
                "Pod" if !label(&event.object, "batch.kubernetes.io/job-name").is_empty() => {
                    let job =
                        format!("{}/{}", text(&event.object, "/metadata/namespace"), label(&event.object, "batch.kubernetes.io/job-name"));
                    let ended = event.gone || matches!(text(&event.object, "/status/phase"), "Succeeded" | "Failed");
                    pods.insert(job, ended);
                }
                _ => {}
            }
            // A Job without a pod may get one at any moment; a pod whose Job is gone works on.
            let without = jobs.iter().filter(|job| !pods.contains_key(*job)).count();
            without + pods.values().filter(|ended| !**ended).count()
        });
        counts.max().unwrap_or_default()
    }

    /// How many runs and drills went on at once at most.
    pub fn most_at_work(&self) -> usize {
        let mut going = BTreeSet::new();
        let counts = self.events().into_iter().filter(|event| matches!(event.kind, "BackupRun" | "RestoreDrill")).map(|event| {
            if event.at_work() {
                going.insert(event.name());
            } else {
                going.remove(&event.name());
            }
            going.len()
        });
        counts.max().unwrap_or_default()
    }

    /// Names of the runs and drills in the order in which they began.
    pub fn begun(&self) -> Vec<(&'static str, String)> {
        let mut seen = BTreeSet::new();
        let begun = self.events().into_iter().filter(|event| matches!(event.kind, "BackupRun" | "RestoreDrill") && event.at_work());
        begun
            .map(|event| (event.kind, text(&event.object, "/metadata/name").to_string()))
            .filter(|begun| seen.insert(begun.clone()))
            .collect()
    }

    /// Drills that began although a backup had waited for more than a second and began after them. What counts is when each
    /// got its place: that is written down as it was decided, and may be seen later where much is written.
    pub fn pushed_in(&self) -> Vec<String> {
        let time = |object: &Value, path: &str| text(object, path).parse::<jiff::Timestamp>().ok();
        let (mut backups, mut drills) = (BTreeMap::new(), BTreeMap::new());
        for event in self.events() {
            let seen = match event.kind {
                "BackupRun" => &mut backups,
                "RestoreDrill" => &mut drills,
                _ => continue,
            };
            if let Some(began) = time(&event.object, "/status/began") {
                let made = time(&event.object, "/metadata/creationTimestamp").unwrap();
                seen.entry(event.name()).or_insert((made, began));
            }
        }
        let waited = |drill: jiff::Timestamp, (made, began): &(jiff::Timestamp, jiff::Timestamp)| {
            drill.duration_since(*made).as_secs() > 1 && *began > drill
        };
        drills.into_iter().filter(|(_, (_, drill))| backups.values().any(|backup| waited(*drill, backup))).map(|(name, _)| name).collect()
    }

    /// What happened to the Job of a step, and to its run.
    pub fn history(&self, job: &str) -> String {
        let (run, step) = job.rsplit_once('-').unwrap();
        let told = self.events().into_iter().filter_map(|event| {
            let name = text(&event.object, "/metadata/name");
            let what = match event.kind {
                "Job" if name == job => uid(&event.object).to_string(),
                "Pod" if name.starts_with(job) => format!("{} {}", name, text(&event.object, "/status/phase")),
                "BackupRun" | "RestoreDrill" if name == run => {
                    format!(
                        "{} step {step}: {}",
                        text(&event.object, "/status/phase"),
                        event.object.pointer(&format!("/status/steps/{step}"))?
                    )
                }
                _ => return None,
            };
            Some(format!("{} {} {}{what}", event.version, event.kind, if event.gone { "gone " } else { "" }))
        });
        told.collect::<Vec<_>>().join("\n")
    }

    /// How many different objects of a kind there were of each name.
    pub fn made(&self, kind: &str) -> BTreeMap<String, usize> {
        let mut made: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for event in self.events().iter().filter(|event| event.kind == kind) {
            made.entry(text(&event.object, "/metadata/name").into()).or_default().insert(uid(&event.object).into());
        }
        made.into_iter().map(|(name, uids)| (name, uids.len())).collect()
    }
}

async fn write(client: Client, kind: &'static str, mut from: String, events: Arc<Mutex<Vec<Event>>>) {
    let api = api(&client, kind, "");
    // The API server ends each watch after some minutes; too old a version ends the ledger, and `events` tells.
    while let Ok(stream) = api.watch(&WatchParams::default(), &from).await {
        let mut stream = std::pin::pin!(stream);
        while let Some(Ok(event)) = stream.next().await {
            let (gone, object): (bool, DynamicObject) = match event {
                WatchEvent::Added(object) | WatchEvent::Modified(object) => (false, object),
                WatchEvent::Deleted(object) => (true, object),
                WatchEvent::Bookmark(mark) => {
                    from = mark.metadata.resource_version;
                    continue;
                }
                WatchEvent::Error(_) => return,
            };
            from = object.metadata.resource_version.clone().unwrap();
            let event = Event { version: from.parse().unwrap(), kind, gone, object: serde_json::to_value(object).unwrap() };
            events.lock().unwrap().push(event);
        }
    }
}
