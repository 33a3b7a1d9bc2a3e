//! Saying what is going on while something takes long.

use std::io::Write;
use std::time::{Duration, Instant};

/// How often it is said that something is still going on.
const REPORT: Duration = Duration::from_secs(20);

/// Says at once and then every 20 s what is going on.
pub(crate) struct Report {
    start: Instant,
    last: Option<Instant>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), last: None }
    }

    /// One that says nothing at first.
    pub(crate) fn patient() -> Self {
        Self { start: Instant::now(), last: Some(Instant::now()) }
    }

    pub(crate) fn so_far(&self) -> String {
        let seconds = self.start.elapsed().as_secs();
        if seconds < 60 { format!("{seconds}s") } else { format!("{}m{:02}s", seconds / 60, seconds % 60) }
    }

    pub(crate) fn say(&mut self, line: impl FnOnce(&str) -> String) {
        if self.last.is_none_or(|last| last.elapsed() >= REPORT) {
            self.last = Some(Instant::now());
            say(&line(&self.so_far()));
        }
    }
}

/// Past the test harness, which would hide it until the end. Nothing is lost if nobody listens.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
