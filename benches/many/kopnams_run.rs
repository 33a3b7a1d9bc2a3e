//! kopnams: the first backups of all apps, their drills, and a second backup that somebody asks for.

use crate::POOL;
use crate::audit::{self, Counts};
use crate::operator::{self, Operator};
use crate::requests::USER;
use crate::target::begin_backups;
use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use kopnams::request::backup::{BackupRunSpec, BackupVaultStatus, RunKind, VAULT_NAMESPACE};
use kopnams::request::{BackupRun, BackupVault};
use kube::api::PostParams;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// What was measured of one kind of work.
pub struct Measured {
    /// Seconds until all of it was done.
    pub seconds: f64,
    /// Seconds until every app had its set.
    pub sets: f64,
    /// Requests of the operator meanwhile.
    pub requests: Counts,
    /// Seconds of processor time of the operator meanwhile.
    pub processor: f64,
    /// The operator's resident memory at most.
    pub megabytes: u64,
}

/// Runs the operator through the first backups, each with its drill, and through backups that are asked for again. With
/// its resident memory before and after.
pub async fn run(client: &Client, kubeconfig: &Path, log: &Path, apps: usize) -> Result<([Measured; 2], [u64; 2])> {
    let operator = Operator::start(kubeconfig)?;
    operator::all_ready(client, apps, operator.started()).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let before = operator.resident_megabytes()?;

    let (from, processor) = (audit::size(log)?, operator.processor_seconds()?);
    let (begun, mut megabytes) = (Instant::now(), 0);
    begin_backups(client, POOL).await?;
    let vaults = all(client, &operator, apps, &mut megabytes, |status| !status.sets.is_empty()).await?;
    let sets = begun.elapsed().as_secs_f64();
    all(client, &operator, apps, &mut megabytes, |status| status.sets.iter().any(|set| set.verified)).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let (requests, processor) = (audit::read(log, from, USER)?, operator.processor_seconds()? - processor);
    let first = Measured { seconds, sets, requests, processor, megabytes };
    tokio::time::sleep(Duration::from_secs(5)).await;

    let (from, processor) = (audit::size(log)?, operator.processor_seconds()?);
    let (begun, mut megabytes) = (Instant::now(), 0);
    ask_again(client, &vaults).await?;
    all(client, &operator, apps, &mut megabytes, |status| status.sets.len() > 1).await?;
    let seconds = begun.elapsed().as_secs_f64();
    let (requests, processor) = (audit::read(log, from, USER)?, operator.processor_seconds()? - processor);
    let again = Measured { seconds, sets: seconds, requests, processor, megabytes };
    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = operator.resident_megabytes()?;
    operator.stop()?;
    Ok(([first, again], [before, after]))
}

/// Waits until something holds of so many vaults, and weighs the operator meanwhile.
async fn all(
    client: &Client,
    operator: &Operator,
    count: usize,
    most: &mut u64,
    holds: impl Fn(&BackupVaultStatus) -> bool,
) -> Result<Vec<BackupVault>> {
    let api: Api<BackupVault> = Api::all(client.clone());
    let mut stream = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
    let (mut there, mut vaults) = (HashSet::new(), Vec::new());
    let mut weighed = Instant::now();
    while let Some(vault) = tokio::time::timeout(Duration::from_mins(5), stream.try_next()).await.context("nothing goes on")?? {
        if weighed.elapsed() > Duration::from_millis(500) {
            *most = (*most).max(operator.resident_megabytes()?);
            weighed = Instant::now();
        }
        if vault.status.as_ref().is_some_and(&holds) && there.insert(vault.name_any()) {
            vaults.push(vault);
            if vaults.len() == count {
                return Ok(vaults);
            }
        }
    }
    bail!("the watch ended")
}

/// A backup of each tenant, as an admin asks for one.
async fn ask_again(client: &Client, vaults: &[BackupVault]) -> Result<()> {
    let api: Api<BackupRun> = Api::namespaced(client.clone(), VAULT_NAMESPACE);
    let slot = "202601010000";
    stream::iter(vaults)
        .map(async |vault| {
            let tenant_id = vault.name_any();
            let (municipality, app) = (vault.spec.municipality.clone(), vault.spec.app.clone());
            let name = format!("{tenant_id}-b{slot}");
            let spec = BackupRunSpec { tenant_id, municipality, app, slot: slot.into(), kind: RunKind::Manual };
            let mut run = BackupRun::new(&name, spec);
            run.metadata.namespace = Some(VAULT_NAMESPACE.into());
            api.create(&PostParams::default(), &run).await
        })
        .buffer_unordered(16)
        .try_collect::<Vec<_>>()
        .await?;
    Ok(())
}
