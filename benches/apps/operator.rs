//! The operator as a process: started, watched until all apps are ready, weighed, stopped.

use crate::CONCURRENCY;
use anyhow::{Context, Result, bail};
use futures::TryStreamExt;
use kopnams::request::MunicipalityApp;
use kopnams::status::conditions::holds;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use std::collections::HashSet;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running operator; ended when dropped.
pub struct Operator {
    child: Child,
    started: Instant,
    address: String,
}

impl Operator {
    /// Starts the release build.
    pub fn start(kubeconfig: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_kopnams"))
            .args(["run", "--listen", &address, "--concurrency", &CONCURRENCY.to_string()])
            .env("KUBECONFIG", kubeconfig)
            .env("KOPNAMS_LOG", std::env::var("KOPNAMS_LOG").unwrap_or_else(|_| "warn".into()))
            .stdin(Stdio::null())
            .spawn()
            .context("the operator could not be started")?;
        Ok(Self { child, started, address })
    }

    /// When it was started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Seconds from the start until it says that it has listed everything.
    pub async fn ready(&self) -> Result<f64> {
        while self.started.elapsed() < Duration::from_mins(1) {
            if self.answers_ready().await.unwrap_or(false) {
                return Ok(self.started.elapsed().as_secs_f64());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        bail!("the operator was not ready within 60 s")
    }

    async fn answers_ready(&self) -> Result<bool> {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(&self.address).await?;
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    }

    /// Resident memory in megabytes of 10^6 bytes.
    pub fn resident_megabytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kib * 1024 / 1_000_000)
    }

    /// Processor time that it has used, in seconds.
    pub fn processor_seconds(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Behind the name, which may hold anything, in hundredths of a second.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("no processor time");
        Ok((ticks(11)? + ticks(12)?) / 100.0)
    }

    /// Kills it, as a crash would, and frees its lease by time only.
    pub fn stop(mut self) -> Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds from `since` until that many apps are ready, by a watch.
pub async fn all_ready(client: &Client, apps: usize, since: Instant) -> Result<f64> {
    let api: Api<MunicipalityApp> = Api::all(client.clone());
    let mut stream = std::pin::pin!(watcher(api, watcher::Config::default()).default_backoff().applied_objects());
    let mut ready = HashSet::new();
    let limit = Duration::from_mins(10);
    while let Some(app) = tokio::time::timeout(limit, stream.try_next()).await.context("the apps were not ready in time")?? {
        if app.status.as_ref().is_some_and(|status| holds(&status.conditions, "Ready")) {
            ready.insert((app.namespace(), app.name_any()));
            if ready.len() == apps {
                return Ok(since.elapsed().as_secs_f64());
            }
        }
    }
    bail!("the watch ended")
}
