//! kopnams on a real control plane: etcd, API server and controller manager, the chart installed by helm, and the real
//! binary with the chart's own `ServiceAccount`, so that a missing right is found.
//!
//! Most tests share one lab and keep apart by municipalities of their own; what would disturb others has a lab of its
//! own. `cargo test --test cluster -- --test-threads=1` prints how long each took.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod admission;
mod audit;
mod backups;
mod broken;
mod canary;
mod claims;
mod copies;
mod deeds;
mod drift;
mod drifted;
mod examples;
#[path = "../forge/copied.rs"]
#[allow(dead_code, reason = "only a part of it is needed here")]
mod copied;
mod flow;
mod flux;
#[path = "../forge/world.rs"]
#[allow(dead_code, reason = "only a part of it is needed here")]
mod forge;
mod faults;
#[path = "../page/generate.rs"]
mod generate;
mod hands;
mod kit;
mod ledger;
mod life;
mod many;
mod members;
mod migration;
mod operator;
mod platform;
mod pulls;
mod removal;
mod rollout;
mod run;
mod silence;
mod start;
mod survival;
mod verdicts;
mod workload;
mod world;
