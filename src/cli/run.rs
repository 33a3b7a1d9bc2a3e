//! `kopnams run` and `kopnams release`: the commands that need a cluster.

use crate::controller::{self, Settings, release};
use crate::desired::Identity;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use kube::{Client, Config};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Run the controller until it is stopped.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  kopnams run --namespace kopnams-system\n  KUBECONFIG=./admin.conf KOPNAMS_LOG=debug kopnams run")]
pub struct Run {
    /// The operator's own namespace.
    #[arg(long, env = "KOPNAMS_NAMESPACE", default_value = "kopnams-system")]
    namespace: String,
    /// The operator's own `ServiceAccount`.
    #[arg(long, env = "KOPNAMS_SERVICE_ACCOUNT", default_value = "kopnams")]
    service_account: String,
    /// Name of the lease by which one of several replicas leads.
    #[arg(long, default_value = "kopnams")]
    lease_name: String,
    /// How long the lease holds without being renewed.
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(3..=300))]
    lease_seconds: u64,
    /// Where /metrics, /healthz and /readyz are served.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:8080")]
    listen: SocketAddr,
    /// Requests in flight at most.
    #[arg(long, value_name = "REQUESTS", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// How logs are written.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    Json,
    Text,
}

/// Take the operator's finalizers off before it is uninstalled.
///
/// The lease is taken over first, so that no operator puts them back. Namespaces, quotas, data and
/// requests stay as they are.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  kopnams release --namespace kopnams-system && helm uninstall kopnams -n kopnams-system")]
pub struct Release {
    /// The operator's own namespace.
    #[arg(long, env = "KOPNAMS_NAMESPACE", default_value = "kopnams-system")]
    namespace: String,
    /// Name of the lease.
    #[arg(long, default_value = "kopnams")]
    lease_name: String,
}

impl Run {
    /// Runs the controller.
    pub fn run(self) -> Result<u8> {
        log(self.log_format);
        let settings = Settings {
            identity: Identity { namespace: self.namespace, service_account: self.service_account },
            lease_name: self.lease_name,
            lease_duration: Duration::from_secs(self.lease_seconds),
            listen: Some(self.listen),
            concurrency: self.concurrency.into(),
            patience: Duration::from_secs(10),
        };
        runtime()?.block_on(async {
            let config = config().await?;
            let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            let stop = async move {
                tokio::select! { _ = term.recv() => {}, _ = interrupt.recv() => {} }
            };
            controller::run(config, settings, stop).await
        })?;
        Ok(super::FINE)
    }
}

impl Release {
    /// Releases everything.
    pub fn run(self) -> Result<u8> {
        log(LogFormat::Text);
        let released = runtime()?.block_on(async {
            let client = Client::try_from(config().await?).context("the client could not be made")?;
            release::release(client, &self.namespace, &self.lease_name).await
        })?;
        println!("released {} requests and {} municipalities; their namespaces stay as they are", released.apps, released.municipalities);
        Ok(super::FINE)
    }
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().context("the runtime could not be started")
}

/// For a client that repeats nothing by itself: a reconcile decides what is tried again and when.
pub(super) async fn config() -> Result<Config> {
    let mut config = Config::infer().await.context("no cluster: set KUBECONFIG or run inside a cluster")?;
    config.default_retry = false;
    Ok(config)
}

fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_env("KOPNAMS_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.init(),
    }
}
