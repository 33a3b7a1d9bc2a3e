//! Pull requests on a real forge: Gitea with its API, git over HTTP, and a runner that runs the workflows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod actionlint;
mod pull_requests;
mod story;
mod workflows;
mod world;
