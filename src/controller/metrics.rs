//! Metrics: what was written, what was repaired, how long it takes, and what waits.

mod backups;

use super::Context;
use super::error::ReconcileError;
use crate::apply::ApplyError;
use crate::desired::Kind;
use crate::plan::Step;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WriteLabels {
    verb: &'static str,
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

/// The process's metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    writes: Family<WriteLabels, Counter>,
    repairs: Family<KindLabel, Counter>,
    watch_errors: Family<KindLabel, Counter>,
    reconciles: Family<ResultLabel, Counter>,
    duration: Histogram,
    queue: Gauge,
    objects: Gauge,
    requests: Gauge,
    refused: Gauge,
    unclaimed: Gauge,
    backups: backups::Backups,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers every metric.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("kopnams");
        let metrics = Self {
            writes: Family::default(),
            repairs: Family::default(),
            watch_errors: Family::default(),
            reconciles: Family::default(),
            duration: Histogram::new(exponential_buckets(0.0001, 4.0, 10)),
            queue: Gauge::default(),
            objects: Gauge::default(),
            requests: Gauge::default(),
            refused: Gauge::default(),
            unclaimed: Gauge::default(),
            backups: backups::Backups::default(),
            registry: Registry::default(),
        };
        registry.register("writes", "Writes to the API server", metrics.writes.clone());
        registry.register("repairs", "Objects that somebody else changed or deleted and that were put right", metrics.repairs.clone());
        registry.register("watch_errors", "Errors of watches", metrics.watch_errors.clone());
        registry.register("reconciles", "Reconciles by result", metrics.reconciles.clone());
        registry.register("reconcile_duration_seconds", "Duration of reconciles", metrics.duration.clone());
        registry.register("queue_depth", "Keys that wait to be worked on", metrics.queue.clone());
        registry.register("indexed_objects", "Live objects in the index", metrics.objects.clone());
        registry.register("requests", "Requests", metrics.requests.clone());
        registry.register("refused_requests", "Requests that are refused as they stand", metrics.refused.clone());
        registry.register("unclaimed_tenants", "App namespaces without a request", metrics.unclaimed.clone());
        metrics.backups.register(&mut registry);
        Self { registry, ..metrics }
    }

    /// A step of a plan was carried out, or failed.
    pub fn wrote(&self, step: &Step, error: Option<&ApplyError>) {
        let verb = match step {
            Step::Create(_) => "create",
            Step::Replace(_) => "replace",
            Step::Delete { .. } => "delete",
        };
        let result = error.map_or("ok", ApplyError::class);
        self.writes.get_or_create(&WriteLabels { verb, kind: step.kind().as_str(), result }).inc();
    }

    /// A status or a finalizer was patched.
    pub fn patched(&self, what: &'static str) {
        self.writes.get_or_create(&WriteLabels { verb: "patch", kind: what, result: "ok" }).inc();
    }

    /// Drifted objects were put right.
    pub fn repaired(&self, drifted: &[(Kind, String)]) {
        for (kind, _) in drifted {
            self.repairs.get_or_create(&KindLabel { kind: kind.as_str().to_string() }).inc();
        }
    }

    /// A watch failed; it is started again by itself.
    pub fn watch_failed(&self, kind: &str, error: &dyn std::fmt::Display) {
        tracing::warn!(kind, %error, "a watch failed and is started again");
        self.watch_errors.get_or_create(&KindLabel { kind: kind.to_string() }).inc();
    }

    /// A reconcile ended.
    pub fn reconciled(&self, took: Duration, error: Option<&ReconcileError>) {
        self.duration.observe(took.as_secs_f64());
        self.reconciles.get_or_create(&ResultLabel { result: error.map_or("ok", |error| error.0.class()) }).inc();
    }

    /// The metrics in the Prometheus text format.
    pub fn text(&self, ctx: &Context) -> String {
        let gauge = |gauge: &Gauge, value: usize| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        gauge(&self.queue, ctx.queue.depth());
        {
            let world = ctx.world();
            gauge(&self.objects, world.index.len());
            gauge(&self.requests, world.apps.len());
            gauge(&self.refused, world.apps.values().filter(|app| !app.rejections.is_empty()).count());
            let unclaimed = world
                .index
                .namespaces()
                .filter_map(|(name, _)| world.deed(name)?.key())
                .filter(|key| !world.apps.contains_key(key) && !key.is_drill());
            gauge(&self.unclaimed, unclaimed.count());
            self.backups.fill(&world, jiff::Timestamp::now());
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
