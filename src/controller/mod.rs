//! Wiring: watches fill the world, the world fills the queue, workers reconcile.

pub mod backup;
pub mod converge;
pub mod error;
pub mod finalizer;
pub mod generated;
pub mod home;
pub mod intake;
pub mod lease;
pub mod metrics;
pub mod queue;
pub mod reconcile;
pub mod release;
pub mod removal;
pub mod revisions;
pub mod secret;
pub mod serve;
pub mod standing;
pub mod tenant;
pub mod unclaimed;
pub mod world;

use crate::apply::{Fence, Gate, Writer, wire};
use crate::desired::Identity;
use crate::status::events::Teller;
use anyhow::Context as _;
use kube::Client;
use lease::{Elector, LeaseConfig};
use metrics::Metrics;
use queue::Queue;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use world::{Key, World};

/// Addresses, names and limits of the process; nothing here decides what a municipality gets.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The operator's own namespace and `ServiceAccount`.
    pub identity: Identity,
    /// The lease.
    pub lease_name: String,
    /// How long the lease holds.
    pub lease_duration: Duration,
    /// Where metrics and health are served; none to serve nothing.
    pub listen: Option<SocketAddr>,
    /// Requests in flight at most.
    pub concurrency: usize,
    /// How long one request may take.
    pub patience: Duration,
}

/// What every part of the controller shares.
pub struct Context {
    /// For watches and looks.
    pub client: Client,
    /// For writes.
    pub writer: Writer,
    /// What is to be done.
    pub queue: Queue<Key>,
    /// Counters.
    pub metrics: Metrics,
    /// Events.
    pub teller: Teller,
    /// Who the operator is.
    pub identity: Identity,
    /// Secrets that were looked at.
    seen_secrets: Mutex<SeenSecrets>,
    world: Mutex<World>,
}

/// Secrets that were looked at, by namespace and name.
pub type SeenSecrets = HashMap<(String, String), Seen>;

/// What is known of a secret that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its keys.
    pub keys: Vec<String>,
    /// The request's text at which it was made anew.
    pub rotation: Option<String>,
    /// A copy of it is kept for restores.
    pub copied: bool,
}

impl Context {
    /// The world; hold it briefly and never while waiting.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secrets that were looked at; hold it briefly and never while waiting.
    pub fn seen_secrets(&self) -> MutexGuard<'_, SeenSecrets> {
        self.seen_secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs the controller until `stop` completes.
pub async fn run(config: kube::Config, settings: Settings, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let fence = Fence::default();
    // Watches and the lease need no leadership; everything that is written to the cluster does.
    let client = Client::try_from(config.clone()).context("the client could not be made")?;
    let writing = wire::client(&config, fence.clone()).context("the client could not be made")?;
    let gate = Gate::new(fence.clone(), settings.concurrency, settings.patience);
    // Events go one after the other and take no place of what they are about.
    let telling = Gate::new(fence.clone(), 1, settings.patience);
    let holder = format!("{}-{}", hostname(), uuid::Uuid::new_v4());
    let ctx = Arc::new(Context {
        teller: Teller::start(writing.clone(), telling, holder.clone()),
        writer: Writer::new(writing, gate),
        queue: Queue::default(),
        metrics: Metrics::new(),
        identity: settings.identity.clone(),
        seen_secrets: Mutex::default(),
        world: Mutex::new(World::awaiting(intake::stores())),
        client: client.clone(),
    });
    if let Some(listen) = settings.listen {
        serve::start(listen, Arc::clone(&ctx), fence.clone()).await.with_context(|| format!("cannot listen on {listen}"))?;
    }
    intake::start(&ctx);
    let config = LeaseConfig {
        namespace: settings.identity.namespace.clone(),
        name: settings.lease_name.clone(),
        holder,
        duration: settings.lease_duration,
    };
    let (elector, leading) = Elector::new(client, config, fence);
    let (halt, halted) = watch::channel(false);
    let mut on_halt = halted.clone();
    let election = tokio::spawn(elector.run(async move {
        let _ = on_halt.wait_for(|halt| *halt).await;
    }));
    let (leader, mut turns) = (Arc::clone(&ctx), leading.clone());
    tokio::spawn(async move {
        loop {
            let leads = *turns.borrow_and_update();
            intake::change(&leader, |world| world.lead(leads));
            if turns.changed().await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(secret::keep(Arc::clone(&ctx), leading.clone()));
    for _ in 0..settings.concurrency.max(1) {
        tokio::spawn(reconcile::work(Arc::clone(&ctx), leading.clone()));
    }
    stop.await;
    tracing::info!("stopping");
    let _ = halt.send(true);
    let _ = tokio::time::timeout(Duration::from_secs(3), election).await;
    Ok(())
}

fn hostname() -> String {
    std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "kopnams".into())
}

#[cfg(test)]
mod tests;
