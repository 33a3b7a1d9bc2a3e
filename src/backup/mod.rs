//! Backups that are proven: the second branch of the flow, with the same shape as the first.
//!
//! ```text
//! schedule   when an app is due                            pure
//! admission  whose turn it is                              pure
//! breaker    whether a target is used                      pure
//! check      what a started app has to show                 pure
//! coverage   which volumes and databases a set must hold   pure
//! set        what a committed set is: parts and manifest   pure
//! evidence   what drills have shown, as a chain            pure
//! retention  which sets stay                               pure
//! jobs       the pods that do the work                     pure
//! work       what a runner is told and what it reports     the contract between the two processes
//! runner     the other process: drives restic              no Kubernetes
//! ```
//!
//! The operator never reads a tenant's data. It makes Jobs, and a runner in each does one piece of work with the `restic`
//! program; what came of it stands in the pod's termination message. A set exists only when its manifest was committed as
//! the last snapshot of its run; a restore has happened only when what was written was compared with the manifest.

pub mod admission;
pub mod breaker;
pub mod check;
pub mod coverage;
pub mod jobs;
pub mod evidence;
pub mod retention;
pub mod runner;
pub mod schedule;
pub mod set;
pub mod work;
