//! The runner as it runs in a Job: the real program, the real restic, a real S3 server with tenants of its own. Each fault
//! is shown beside the same work without it; where restic alone would not notice, that is shown first.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod copies;
mod disaster;
mod faults;
mod guarded;
mod kills;
mod life;
mod orphans;
mod pruned;
mod versions;
mod world;
