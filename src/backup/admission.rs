//! Whose turn it is: pools of runs over the whole cluster, for each target and each node. Pure.
//!
//! The leader reserves here, in one place, from what runs and what waits; listing and then creating would let two through
//! where one fits. Restores and final backups, for which somebody waits, go before backups and these before drills. The
//! precedence is a head start in time rather than a wall: what has waited longer than that is next all the same, so that
//! nobody starves.

use super::breaker::Breaker;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How many runs there may be at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Limits {
    /// In the whole cluster. Default: 20.
    #[schemars(range(min = 1, max = 1000))]
    pub cluster: u32,
    /// Against one backup target. Default: 20.
    #[schemars(range(min = 1, max = 1000))]
    pub per_target: u32,
    /// On one node, where a volume ties the run to it. Default: 4.
    #[schemars(range(min = 1, max = 1000))]
    pub per_node: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cluster: 20, per_target: 20, per_node: 4 }
    }
}

impl Limits {
    /// How long so many runs take that all are due at once, against one target and with no node in the way: for choosing
    /// a window and a pool.
    #[must_use]
    pub fn needs(&self, runs: u32, each: SignedDuration) -> SignedDuration {
        let rounds = runs.div_ceil(self.cluster.min(self.per_target).max(1));
        each.saturating_mul(i32::try_from(rounds).unwrap_or(i32::MAX))
    }
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The last backup of an app that is being removed.
    Final,
    /// A restore.
    Restore,
    /// A set that a restore or an upgrade waits for.
    Before,
    /// A regular backup.
    Backup,
    /// A drill.
    Drill,
    /// Checking, forgetting and pruning.
    Upkeep,
}

/// What a run does to the repository of its tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    /// It reads.
    Reads,
    /// It adds a set; two at once would each be of half of what the app wrote.
    Adds,
    /// It changes what is there, and restic lets nobody else in meanwhile.
    Changes,
}

impl Use {
    const fn bears(self, other: Self) -> bool {
        matches!((self, other), (Self::Reads, Self::Reads | Self::Adds) | (Self::Adds, Self::Reads))
    }
}

impl Purpose {
    /// By how much others that became due later go before it.
    const fn stands_back(self) -> SignedDuration {
        match self {
            Self::Final | Self::Restore | Self::Before => SignedDuration::ZERO,
            Self::Backup => SignedDuration::from_hours(12),
            Self::Drill | Self::Upkeep => SignedDuration::from_hours(36),
        }
    }

    const fn uses(self) -> Use {
        match self {
            Self::Restore | Self::Drill => Use::Reads,
            Self::Final | Self::Before | Self::Backup => Use::Adds,
            Self::Upkeep => Use::Changes,
        }
    }
}

/// A run that waits, or is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The run.
    pub id: String,
    /// Whose repository it works on: some runs of one tenant would lock each other out.
    pub tenant: String,
    /// The target.
    pub target: String,
    /// The node that it is tied to.
    pub node: Option<String>,
    /// Since when it is due.
    pub due: Timestamp,
    /// What it is for.
    pub purpose: Purpose,
}

/// What is taken of the pools.
#[derive(Default)]
struct Taken<'a> {
    all: u32,
    targets: BTreeMap<&'a str, u32>,
    nodes: BTreeMap<&'a str, u32>,
    tenants: BTreeMap<&'a str, Vec<Use>>,
}

impl<'a> Taken<'a> {
    fn take(&mut self, run: &'a Run) {
        self.all += 1;
        *self.targets.entry(&run.target).or_default() += 1;
        if let Some(node) = &run.node {
            *self.nodes.entry(node).or_default() += 1;
        }
        self.tenants.entry(&run.tenant).or_default().push(run.purpose.uses());
    }

    fn has_room(&self, run: &Run, limits: Limits) -> bool {
        let below = |taken: &BTreeMap<&str, u32>, name: &str, most: u32| taken.get(name).is_none_or(|taken| *taken < most);
        self.all < limits.cluster
            && below(&self.targets, &run.target, limits.per_target)
            && run.node.as_ref().is_none_or(|node| below(&self.nodes, node, limits.per_node))
            && self.tenants.get(run.tenant.as_str()).is_none_or(|others| others.iter().all(|other| run.purpose.uses().bears(*other)))
    }
}

/// Which of the waiting runs may begin, in order. A target without a breaker is one that has never failed.
#[must_use]
pub fn admit(waiting: &[Run], running: &[Run], limits: Limits, breakers: &BTreeMap<String, Breaker>, now: Timestamp) -> Vec<String> {
    let mut taken = Taken::default();
    for run in running {
        taken.take(run);
    }
    let started: BTreeSet<&str> = running.iter().map(|run| run.id.as_str()).collect();
    let mut line: Vec<&Run> = waiting
        .iter()
        .filter(|run| run.due <= now && !started.contains(run.id.as_str()))
        .filter(|run| breakers.get(&run.target).is_none_or(Breaker::admits))
        .collect();
    line.sort_by_key(|run| {
        let turn = run.due.checked_add(run.purpose.stands_back()).unwrap_or(Timestamp::MAX);
        (turn, run.purpose, &run.id)
    });
    let mut admitted = Vec::new();
    for run in line {
        if taken.has_room(run, limits) {
            taken.take(run);
            admitted.push(run.id.clone());
        }
    }
    admitted
}

/// Runs that are due and may not begin because their target does not answer.
#[must_use]
pub fn parked(waiting: &[Run], breakers: &BTreeMap<String, Breaker>, now: Timestamp) -> usize {
    waiting.iter().filter(|run| run.due <= now && breakers.get(&run.target).is_some_and(|breaker| !breaker.admits())).count()
}

#[cfg(test)]
mod tests;
