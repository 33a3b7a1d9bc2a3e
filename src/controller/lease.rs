//! Leadership by a `Lease`: at most one process writes.
//!
//! Our own, because every write must ask until when leadership surely holds: a process that was
//! stopped beyond its lease must write nothing when it wakes. `kube-lease-manager` tells a state, not
//! a time. The times follow Kubernetes' own leader election: renew at a third of the duration; the
//! fence closes at two thirds, before anybody else may take the lease.

use crate::apply::Fence;
use crate::request::names::MANAGER;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::api::PostParams;
use kube::{Api, Client};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Which lease, and who asks for it.
#[derive(Clone, Debug)]
pub struct LeaseConfig {
    /// The lease's namespace.
    pub namespace: String,
    /// The lease's name.
    pub name: String,
    /// Who this process is; different for every process.
    pub holder: String,
    /// How long a lease holds without being renewed.
    pub duration: Duration,
}

/// Asks for the lease for ever; `leading` says whether this process has it.
pub struct Elector {
    api: Api<Lease>,
    config: LeaseConfig,
    fence: Fence,
    leading: watch::Sender<bool>,
    seen: Option<(String, Instant)>,
}

impl Elector {
    /// An elector that moves the fence.
    #[must_use]
    pub fn new(client: Client, config: LeaseConfig, fence: Fence) -> (Self, watch::Receiver<bool>) {
        let (leading, receiver) = watch::channel(false);
        let api = Api::namespaced(client, &config.namespace);
        (Self { api, config, fence, leading, seen: None }, receiver)
    }

    /// Runs until `stop` completes, then gives the lease back if it has it.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            let pause = self.turn().await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut stop => break,
            }
        }
        let led = *self.leading.borrow();
        self.leading.send_replace(false);
        self.fence.close();
        if led {
            self.release().await;
        }
    }

    /// One attempt to get or renew the lease; returns how long to wait for the next.
    async fn turn(&mut self) -> Duration {
        let third = self.config.duration / 3;
        let asked = Instant::now();
        let attempt = tokio::time::timeout(third, self.attempt()).await;
        match attempt {
            Ok(Ok(true)) => {
                self.fence.extend(asked + third * 2);
                self.lead(true);
            }
            Ok(Ok(false)) => {
                self.fence.close();
                self.lead(false);
            }
            Ok(Err(error)) => tracing::warn!(%error, "the lease could not be renewed"),
            Err(_) => tracing::warn!("the lease could not be renewed in time"),
        }
        if !self.fence.holds() {
            self.lead(false);
        }
        if *self.leading.borrow() { third } else { third.min(Duration::from_secs(2)) }
    }

    fn lead(&self, now: bool) {
        let changed = self.leading.send_if_modified(|leading| std::mem::replace(leading, now) != now);
        if changed {
            tracing::info!(leading = now, lease = self.config.name, "leadership changed");
        }
    }

    async fn attempt(&mut self) -> Result<bool, kube::Error> {
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        let Some(lease) = self.api.get_opt(&self.config.name).await? else {
            let made = self.api.create(&params, &self.ours(None)).await;
            return won(made);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.clone().unwrap_or_default();
        if !holder.is_empty() && holder != self.config.holder && !self.expired(&lease, &spec) {
            return Ok(false);
        }
        let renewed = self.api.replace(&self.config.name, &params, &self.ours(Some(&lease))).await;
        won(renewed)
    }

    /// Another holder's lease has expired when it did not change for its duration by our own clock.
    fn expired(&mut self, lease: &Lease, spec: &LeaseSpec) -> bool {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let duration = Duration::from_secs(spec.lease_duration_seconds.unwrap_or(15).max(1).unsigned_abs().into());
        match &self.seen {
            Some((seen, since)) if *seen == version => since.elapsed() > duration,
            _ => {
                self.seen = Some((version, Instant::now()));
                false
            }
        }
    }

    fn ours(&self, before: Option<&Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let old = before.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let mine = old.holder_identity.as_deref() == Some(self.config.holder.as_str());
        let changes = old.lease_transitions.unwrap_or(0);
        let spec = LeaseSpec {
            holder_identity: Some(self.config.holder.clone()),
            lease_duration_seconds: i32::try_from(self.config.duration.as_secs()).ok(),
            acquire_time: if mine { old.acquire_time } else { Some(now.clone()) },
            renew_time: Some(now),
            lease_transitions: Some(if mine || before.is_none() { changes } else { changes + 1 }),
            ..LeaseSpec::default()
        };
        let metadata = before
            .map_or_else(|| ObjectMeta { name: Some(self.config.name.clone()), ..ObjectMeta::default() }, |lease| lease.metadata.clone());
        Lease { metadata, spec: Some(spec) }
    }

    /// Gives the lease back, so that the next process need not wait for its end.
    async fn release(&self) {
        let patience = Duration::from_secs(2);
        let give = async {
            let lease = self.api.get(&self.config.name).await?;
            if lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()) != Some(self.config.holder.as_str()) {
                return Ok(());
            }
            let spec = LeaseSpec { holder_identity: None, ..lease.spec.clone().unwrap_or_default() };
            let free = Lease { spec: Some(spec), ..lease };
            self.api.replace(&self.config.name, &PostParams::default(), &free).await.map(|_| ())
        };
        if !matches!(tokio::time::timeout(patience, give).await, Ok(Ok(()))) {
            tracing::info!("the lease was not given back; it ends by itself");
        }
    }
}

fn won(written: Result<Lease, kube::Error>) -> Result<bool, kube::Error> {
    match written {
        Ok(_) => Ok(true),
        // Somebody else was first.
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(other) => Err(other),
    }
}
