//! Systems that really run: the catalogue of this repository on the lab's node, with the chart's own rights, network
//! policies enforced on packets, and answers by host name through the ingress.
//!
//! Needs root on Linux, and the images: `make catalogue` (which `make test` calls). One node serves all tests, which
//! keep apart by municipality.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![recursion_limit = "256"]

#[path = "../cluster/audit.rs"]
#[allow(dead_code)]
mod audit;
#[path = "../cluster/kit.rs"]
#[allow(dead_code)]
mod kit;
#[path = "../cluster/operator.rs"]
#[allow(dead_code)]
mod operator;
#[path = "../cluster/world.rs"]
#[allow(dead_code)]
mod world;

// The clerks' story is the same on the bare images and on the node.
#[path = "../../images/tests/catalogue/clerks.rs"]
mod story;

mod backups;
mod browser;
#[path = "../chromium.rs"]
mod chromium;
mod clerks;
#[path = "../cluster/flow.rs"]
#[allow(dead_code, reason = "only a part of it is needed here")]
mod flow;
#[path = "../forge/copied.rs"]
#[allow(dead_code, reason = "only a part of it is needed here")]
mod copied;
#[path = "../forge/world.rs"]
#[allow(dead_code, reason = "only a part of it is needed here")]
mod forge;
mod guide;
mod house;
mod isolation;
mod journey;
#[path = "../page/served.rs"]
#[allow(dead_code, reason = "only a part of it is needed here")]
mod served;
mod started;
mod tracker;
mod trouble;
mod upgrade;
mod website;
