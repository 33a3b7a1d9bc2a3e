//! Single measurements: rates and repairs.

use crate::requests::{app, municipality};
use anyhow::{Context, Result};
use futures::TryStreamExt;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Client;
use kube::api::{Api, DeleteParams, WatchEvent, WatchParams};
use std::process::Command;
use std::time::{Duration, Instant};

/// How long writing some objects took.
#[derive(Clone, Copy, Debug)]
pub struct Timed {
    /// Seconds.
    pub seconds: f64,
    /// Objects, without finalizers and status.
    pub objects: usize,
}

impl Timed {
    /// Objects per second.
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand objects")]
        let objects = self.objects as f64;
        objects / self.seconds
    }
}

/// Deletes guard rails one after another; milliseconds until each is back.
pub async fn repairs(client: &Client, apps: usize, count: usize) -> Result<Vec<u128>> {
    let mut took = Vec::new();
    for n in 0..count {
        let victim = n * apps / count;
        let namespace = format!("{}--{}", municipality(victim), app(victim));
        let api: Api<NetworkPolicy> = Api::namespaced(client.clone(), &namespace);
        let before = api.get("default-deny").await?;
        let from = before.metadata.resource_version.clone().unwrap_or_default();
        let params = WatchParams::default().fields("metadata.name=default-deny");
        let mut events = std::pin::pin!(api.watch(&params, &from).await?);
        let begun = Instant::now();
        api.delete("default-deny", &DeleteParams::default()).await?;
        let back = async {
            while let Some(event) = events.try_next().await? {
                if let WatchEvent::Added(policy) = event
                    && policy.metadata.uid != before.metadata.uid
                {
                    return Ok(begun.elapsed().as_millis());
                }
            }
            anyhow::bail!("the watch ended")
        };
        took.push(tokio::time::timeout(Duration::from_secs(30), back).await.context("a guard rail did not come back")??);
    }
    took.sort_unstable();
    Ok(took)
}

/// The percentile of sorted figures.
pub fn percentile(sorted: &[u128], percent: usize) -> u128 {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

/// The request page for so many systems, beside checking the same files: that reads and compiles them too.
pub fn page_of_many(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/platform");
    let entry = std::fs::read_to_string(format!("{examples}/systems/document-register.yaml"))?;
    for n in 0..count {
        let text = entry.replace("{name: document-register}", &format!("{{name: system-{n}}}"));
        std::fs::write(folder.path().join(format!("system-{n}.yaml")), text)?;
    }
    let site = tempfile::tempdir()?;
    let timed = |arguments: &[&std::ffi::OsStr]| -> Result<(f64, std::process::ExitStatus)> {
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_kopnams")).args(arguments).arg(examples).arg(folder.path()).output()?;
        Ok((begun.elapsed().as_secs_f64(), output.status))
    };
    let (check, _) = timed(&["validate".as_ref()])?;
    let (page, status) = timed(&["request-page".as_ref(), "--out".as_ref(), site.path().as_os_str(), "--catalogue".as_ref()])?;
    println!("{count} systems | kopnams request-page | {page:.2} s, {:.2} of kopnams validate on the same files, {status}", page / check);
    Ok(())
}
