//! kopnams: shared hosting for municipalities, as a Kubernetes operator.
//!
//! # Architecture
//!
//! A municipality asks, and what it may have comes to exist and stays so. The modules stand in the order in which
//! a request passes through them:
//!
//! ```text
//! MunicipalityApp ─► request ─► policy ─► desired ─┐
//!                    read it    decide    build    ├─► plan ─► apply ─► the cluster
//!                                 ▲                │   compare  write      │
//!                                 │        live ───┘                       │
//!                                 │        index ◄──────── watches ────────┤
//!                                 └─ platform, catalogue, ledger           │
//!                                               status ◄───────────────────┘
//!                                               say what became of it
//! ```
//!
//! 1. [`request`] is what is asked: the types of the custom resources, their names and amounts, and reading YAML so that a
//!    finding names its line.
//! 2. [`policy`] is what is allowed. It looks at a request beside the platform's objects and at what was granted already,
//!    and answers with a grant or with rejections, each with a stable reason. Only a grant changes anything.
//!    [`template`] is the part of it that reads what a catalogue entry consists of and renders it for an app.
//! 3. [`desired`] is what shall exist for a grant: the namespace and its guard rails, complete, with every default of the
//!    API server written out. It cannot fail.
//! 4. [`live`] is what exists: one watch per kind, kept as hashes and marks rather than objects, and the deeds that prove
//!    which namespaces are the operator's own.
//! 5. [`plan`](mod@plan) is what differs between the two. An empty plan means that nothing is written.
//! 6. [`apply`] makes it so. With the status it is the only part that writes to the API server, and only while this
//!    process holds the lease.
//! 7. [`status`] says what became of it: conditions and events, written only when they change.
//! 8. [`controller`] wires these together: watches wake keys in a queue, workers reconcile them; removal, leadership,
//!    metrics and health are here.
//! 9. [`cli`] is the commands. They call the same functions, so an offline plan is the controller's own decision.
//!    [`forge`] is where pull requests are: only commands ask it, never the controller.
//!
//! [`site`] is a side branch: the page on which a clerk fills a request in, made of the same definitions and objects.
//!
//! [`backup`] is a second branch with the same shape: pure parts that say what is due, what a set must hold and which sets
//! stay; Jobs in which a runner, another process of this program, does the work with `restic`; and a part of the controller
//! that writes down what came of it.
//!
//! Policy, desired, plan and the summary of the status are pure: the time and the configuration are arguments, and they
//! touch neither clock, environment nor network. All configuration that decides is an object of the API,
//! [`request::Platform`]; flags of the process hold only addresses, logging and the lease.
//!
//! Three rules hold everywhere. A namespace without the operator's own valid deed is not touched. Guard rails are confirmed
//! live before anything runs behind them. And no deletion of a custom resource, definition or installation takes a tenant's
//! data with it: removal is a hand-over with days of grace.

pub mod request;
pub mod policy;
pub mod template;
pub mod desired;
pub mod live;
pub mod plan;
pub mod apply;
pub mod status;
pub mod backup;
pub mod controller;
pub mod review;
pub mod forge;
pub mod site;
pub mod cli;
