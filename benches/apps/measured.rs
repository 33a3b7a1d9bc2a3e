//! Single measurements: rates, repairs, offline plans.

use crate::requests::{app, municipality};
use anyhow::{Context, Result};
use futures::TryStreamExt;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::Client;
use kube::api::{Api, DeleteParams, WatchEvent, WatchParams};
use std::fmt::Write as _;
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

/// Times the offline plan of many requests.
pub fn plan_of_many(count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let platform = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/platform");
    let mut text = String::new();
    for n in 0..count {
        let slug = format!("bench-{}", n / 100);
        write!(
            text,
            "---\napiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {{name: app-{n}, namespace: {slug}}}\nspec:\n  system: website\n  hostname: app-{n}.{slug}.example.lv\n  parameters: {{siteTitle: Mērījums}}\n"
        )?;
        if n % 100 == 0 {
            let code = 9_000_000 + n / 100;
            let municipality = format!(
                "---\napiVersion: kopnams.lv/v1alpha1\nkind: Municipality\nmetadata: {{name: {slug}}}\nspec:\n  code: \"{code}\"\n  title: {{lv: Mērījums, en: Benchmark}}\n  peerGroup: municipality\n  allotment: {{cpu: \"1000\", memory: 4000Gi, storage: 9000Gi, apps: 1000}}\n  zones: [{slug}.example.lv]\n  contacts: {{technical: it@example.lv, security: drosiba@example.lv, dataProtection: dati@example.lv}}\n"
            );
            std::fs::write(folder.path().join(format!("{slug}.yaml")), municipality)?;
        }
        if n % 100 == 99 {
            std::fs::write(folder.path().join(format!("requests-{}.yaml", n / 100)), &text)?;
            text.clear();
        }
    }
    let begun = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_kopnams")).arg("plan").arg(platform).arg(folder.path()).output()?;
    let seconds = begun.elapsed().as_secs_f64();
    println!("{count} requests | kopnams plan | {seconds:.2} s, {}", output.status);
    Ok(())
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
