//! The catalogue's images, started as the kubelet starts them: another user than root, a read-only root file system, no rights.
//!
//! Needs root on Debian; elsewhere it says so loudly, and in CI it fails. The first run builds the images.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod backup;
mod clerks;
mod database;
mod entries;
mod pod;
mod support;
mod tracker;
mod website;
