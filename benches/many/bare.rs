//! The bare client: the very same Jobs, each made with its Secret, awaited and deleted, so many at once as the pool has.

use crate::POOL;
use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::batch::v1::Job as LiveJob;
use k8s_openapi::api::core::v1::{Pod, Secret};
use kopnams::backup::jobs::{self, Job, Keys, User};
use kopnams::backup::work::{Repository, Task, Work};
use kopnams::desired::{Object, Owner};
use kube::api::{DeleteParams, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const SPACE: &str = kopnams::request::backup::VAULT_NAMESPACE;

/// Who waits for the pod of a job.
type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<()>>>>;

/// Seconds that so many Jobs take.
pub async fn run(client: &Client, count: usize) -> Result<f64> {
    let waiting = Waiting::default();
    let watch = tokio::spawn(tell(client.clone(), Arc::clone(&waiting)));
    let begun = Instant::now();
    let all = stream::iter(0..count).map(|number| one(client, &waiting, count, number)).buffer_unordered(POOL);
    all.try_collect::<Vec<()>>().await?;
    let seconds = begun.elapsed().as_secs_f64();
    watch.abort();
    Ok(seconds)
}

async fn one(client: &Client, waiting: &Waiting, count: usize, number: usize) -> Result<()> {
    let tenant = uuid::Uuid::new_v4().to_string();
    let name = format!("{tenant}-b{count:06}{number:06}-0");
    let job = Job {
        name: &name,
        run: &name[..name.len() - 2],
        owner: Owner { namespace: SPACE, municipality: "bench-0", app: Some("app-0"), tenant_id: &tenant },
        image: "localhost/kopnams",
        user: User::default(),
        node: None,
        mounts: Vec::new(),
        runner_mounts: Vec::new(),
        before: Vec::new(),
        volumes: Vec::new(),
        counted: false,
    };
    let repository = Repository { endpoint: "http://192.0.2.9".into(), bucket: format!("kopnams-{tenant}"), ..Repository::default() };
    let work = Work { repository, tenant: tenant.clone(), run: job.run.into(), task: Task::List };
    let keys = Keys { password: vec![b'p'; 64], access_key: vec![b'a'; 32], secret_key: vec![b's'; 64], more: BTreeMap::new() };
    let (tell, told) = oneshot::channel();
    waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone(), tell);
    let Object::Workload(_, object) = jobs::job(&job) else { anyhow::bail!("a Job is a workload") };
    let object: LiveJob = serde_json::from_value(serde_json::to_value(object)?)?;
    let live: Api<LiveJob> = Api::namespaced(client.clone(), SPACE);
    let made = live.create(&PostParams::default(), &object).await?;
    let secret = jobs::secret(&job, made.metadata.uid.as_deref().unwrap_or_default(), &[(None, &work)], &keys);
    Api::<Secret>::namespaced(client.clone(), SPACE).create(&PostParams::default(), &secret).await?;
    tokio::time::timeout(Duration::from_mins(2), told).await.context("a pod did not end")??;
    live.delete(&name, &DeleteParams::background()).await?;
    Ok(())
}

/// Tells who waits that a pod has ended.
async fn tell(client: Client, waiting: Waiting) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client, SPACE);
    let mut stream = std::pin::pin!(watcher(pods, watcher::Config::default()).default_backoff().applied_objects());
    while let Some(pod) = stream.try_next().await? {
        let ended = pod.status.as_ref().is_some_and(|status| status.phase.as_deref() == Some("Succeeded"));
        let job = pod.metadata.labels.as_ref().and_then(|labels| labels.get("batch.kubernetes.io/job-name"));
        let tell = job.filter(|_| ended).and_then(|job| waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(job));
        if let Some(tell) = tell {
            let _ = tell.send(());
        }
    }
    Ok(())
}
