//! Pull requests on a real forge: Gitea with its API, git over HTTP, and a runner that runs the workflows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actionlint;
#[allow(dead_code, reason = "only a part of it is needed here")]
#[path = "../chromium.rs"]
mod chromium;
mod copied;
mod pull_requests;
mod story;
mod workflows;
mod world;
