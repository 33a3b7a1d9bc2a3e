//! What differs: a desired set and what is live in, the steps that make them equal out. Pure.
//!
//! An object is written only if it is missing or differs. Nothing is pruned that the operator did not
//! make itself; namespaces and volume claims never are.

use crate::desired::{DesiredSet, Kind, Object};
use crate::live::{Entry, LiveView};
use uuid::Uuid;

/// What is to be done with one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It is missing: make it.
    Create(Object),
    /// It differs: put the desired content in its place.
    Replace(Object),
    /// It is the operator's and no longer desired: delete exactly this one.
    Delete {
        /// Its kind.
        kind: Kind,
        /// Its name.
        name: String,
        /// Its UID, which the deletion must meet.
        uid: Uuid,
    },
}

impl Step {
    /// The kind that the step concerns.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Create(object) | Self::Replace(object) => object.kind(),
            Self::Delete { kind, .. } => *kind,
        }
    }

    /// The name of the object that the step concerns.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Create(object) | Self::Replace(object) => object.name(),
            Self::Delete { name, .. } => name,
        }
    }
}

/// The steps for one namespace, in stages that are done one after another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The namespace itself.
    pub namespace: Option<Step>,
    /// Guard rails, in any order.
    pub guards: Vec<Step>,
    /// The workload, one after another, only when the guard rails are confirmed live.
    pub workload: Vec<Step>,
    /// Deletions, only after everything else succeeded.
    pub prune: Vec<Step>,
    /// The namespace and guard rails that are being deleted and must be gone before they can be made again.
    pub waiting: usize,
    /// The same of the workload.
    pub waiting_workload: usize,
    /// Objects that somebody else changed or took away, as against those that are new or meant otherwise now.
    pub drifted: Vec<(Kind, String)>,
}

impl Plan {
    /// Whether there is nothing to do and nothing to wait for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.guarded() && self.workload.is_empty() && self.prune.is_empty() && self.waiting_workload == 0
    }

    /// Whether the namespace and its guard rails are as they shall be, whatever runs behind them.
    #[must_use]
    pub fn guarded(&self) -> bool {
        let pruned = !self.prune.iter().any(|step| !step.kind().is_workload());
        self.namespace.is_none() && self.guards.is_empty() && pruned && self.waiting == 0
    }

    /// All steps.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.namespace.iter().chain(&self.guards).chain(&self.workload).chain(&self.prune)
    }
}

/// Compares what shall exist with what does.
#[must_use]
pub fn plan(desired: &DesiredSet, live: LiveView<'_>) -> Plan {
    let mut plan = Plan::default();
    let waits = std::cell::Cell::new(0);
    let mut judge = |object: &Object| match live.get(object.kind(), object.name()) {
        None => {
            if live.vanished(object.kind(), object.name()) {
                plan.drifted.push((object.kind(), object.name().to_string()));
            }
            Some(Step::Create(object.clone()))
        }
        Some(entry) if entry.terminating => {
            waits.set(waits.get() + 1);
            None
        }
        Some(entry) if matches(object, entry) => None,
        Some(entry) => {
            if !entry.intact {
                plan.drifted.push((object.kind(), object.name().to_string()));
            }
            Some(Step::Replace(object.clone()))
        }
    };
    let namespace = judge(&desired.namespace);
    let guards: Vec<Step> = desired.guards.iter().filter_map(&mut judge).collect();
    let waiting = waits.take();
    let workload: Vec<Step> = desired.workload.iter().flatten().filter_map(&mut judge).collect();
    plan.namespace = namespace;
    plan.guards = guards;
    plan.workload = workload;
    plan.waiting = waiting;
    plan.waiting_workload = waits.take();
    plan.prune = prune(desired, live);
    plan
}

/// The live object is what is meant, and was meant to be.
fn matches(object: &Object, entry: &Entry) -> bool {
    let wanted = object.content();
    (entry.intact && entry.content == wanted) || entry.accepted == Some(wanted)
}

fn prune(desired: &DesiredSet, live: LiveView<'_>) -> Vec<Step> {
    let wanted = |kind, name: &str| desired.objects().any(|object| object.kind() == kind && object.name() == name);
    let ours = |entry: &Entry| entry.intended && !entry.controlled && !entry.terminating;
    // Claims hold data, and of a workload that is not known nothing is superfluous.
    let kept = |kind: Kind| kind == Kind::PersistentVolumeClaim || (kind.is_workload() && desired.workload.is_none());
    live.objects()
        .filter(|(kind, name, entry)| ours(entry) && !kept(*kind) && !wanted(*kind, name))
        .map(|(kind, name, entry)| Step::Delete { kind, name: name.to_string(), uid: entry.uid })
        .collect()
}

#[cfg(test)]
mod tests;
