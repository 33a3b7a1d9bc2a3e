//! Runners that only report: they take the place of the node, which these tests and a benchmark do not have, and of restic.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::{Pod, Secret};
use kopnams::backup::work::Repository;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

/// What becomes of a piece of work: the report, or none to let it go on for ever.
pub type Answer = Box<dyn Fn(&Value) -> Option<Value> + Send>;

/// Reports for every pod of a piece of work, as soon as there is one.
pub struct Hands {
    answer: Arc<Mutex<Answer>>,
    seen: Arc<Mutex<Vec<(String, Value)>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Hands {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Hands {
    /// Starts with reports that all is well.
    pub fn start(client: Client) -> Self {
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(|work| Some(good(work)))));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(work(client, Arc::clone(&answer), Arc::clone(&seen)));
        Self { answer, seen, task }
    }

    /// What becomes of work from now on.
    pub fn answer(&self, answer: impl Fn(&Value) -> Option<Value> + Send + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    /// The pieces of work that were done: namespace and order.
    pub fn seen(&self) -> Vec<(String, Value)> {
        self.seen.lock().unwrap().clone()
    }
}

/// The report of a piece of work that went well.
pub fn good(work: &Value) -> Value {
    let snapshot = format!("{:064x}", rand());
    match work["task"]["kind"].as_str().unwrap() {
        "part" => json!({"snapshot": snapshot, "files": 3, "bytes": 1000, "added": 10, "digest": "d", "phases": [["read", 5]]}),
        "commit" => json!({"snapshot": snapshot, "configuration": format!("{:064x}", rand()), "files": 4, "bytes": 100, "added": 1}),
        "copy" => json!({"files": 3, "bytes": 1000, "added": 0, "to": place(&work["task"]["to"])}),
        _ => json!({"files": 3, "bytes": 1000, "added": 0}),
    }
}

/// A repository of an order as restic names it.
pub fn place(repository: &Value) -> String {
    serde_json::from_value::<Repository>(repository.clone()).unwrap().url()
}

/// The report of a piece of work that failed.
pub fn bad(class: &str, message: &str) -> Value {
    json!({"failure": class, "message": message, "files": 0, "bytes": 0, "added": 0})
}

/// A container before the runner has failed with these words.
pub fn failed_before(container: &str, words: &str) -> Value {
    json!({"before": container, "message": words})
}

fn rand() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

async fn work(client: Client, answer: Arc<Mutex<Answer>>, seen: Arc<Mutex<Vec<(String, Value)>>>) {
    let all: Api<Pod> = Api::all(client.clone());
    loop {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let Ok(pods) = all.list(&ListParams::default().labels("kopnams.lv/run")).await else { continue };
        stream::iter(pods.items).for_each_concurrent(8, |pod| one(&client, pod, &answer, &seen)).await;
    }
}

async fn one(client: &Client, pod: Pod, answer: &Mutex<Answer>, seen: &Mutex<Vec<(String, Value)>>) {
    let (namespace, name) = (pod.metadata.namespace.clone().unwrap(), pod.metadata.name.clone().unwrap());
    let over = pod.status.as_ref().is_some_and(|status| matches!(status.phase.as_deref(), Some("Succeeded" | "Failed")));
    if over || pod.metadata.deletion_timestamp.is_some() {
        return;
    }
    let job = pod.metadata.labels.as_ref().and_then(|labels| labels.get("batch.kubernetes.io/job-name")).cloned().unwrap();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let Ok(secret) = secrets.get(&job).await else { return };
    let order: Value = serde_json::from_slice(&secret.data.unwrap()["work.json"].0).unwrap();
    let report = { (answer.lock().unwrap())(&order) };
    let Some(report) = report else { return };
    seen.lock().unwrap().push((namespace.clone(), order));
    let before = report["before"].as_str();
    let code = i32::from(!report["failure"].is_null() || before.is_some());
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    let words = before.map_or_else(|| report.to_string(), |_| report["message"].as_str().unwrap().to_string());
    let end = json!({"exitCode": code, "message": words, "reason": if code == 0 { "Completed" } else { "Error" }});
    let (list, container) = before.map_or(("containerStatuses", "runner"), |before| ("initContainerStatuses", before));
    let status = json!({"status": {
        "phase": phase,
        list: [{
            "name": container, "image": "i", "imageID": "", "ready": false, "restartCount": 0, "state": {"terminated": end},
        }],
    }});
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    // It may have been deleted meanwhile.
    let _ = pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(&status)).await;
}
