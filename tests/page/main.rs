//! The request page: what its scripts say of requests is what kopnams says, and what a clerk does with it in a browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod axe;
mod browser;
#[path = "../chromium.rs"]
mod chromium;
mod command;
mod equality;
mod generate;
mod kit;
mod served;
