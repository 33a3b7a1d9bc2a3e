//! The audit log as the judge: who asked what of the API server.

use anyhow::Result;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Requests by verb and resource.
pub type Counts = BTreeMap<String, usize>;

/// The present length of the log.
pub fn size(log: &Path) -> Result<u64> {
    Ok(std::fs::metadata(log)?.len())
}

/// Counts the requests of a user from an offset on. Watches and the lease have their own lines.
pub fn read(log: &Path, from: u64, user: &str) -> Result<Counts> {
    let mut file = std::fs::File::open(log)?;
    file.seek(SeekFrom::Start(from))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let mut counts = Counts::new();
    for line in text.lines() {
        let Ok(entry) = serde_json::from_str::<Value>(line) else { continue };
        let field = |path: &str| entry.pointer(path).and_then(Value::as_str).unwrap_or_default();
        if field("/user/username") != user || field("/stage") == "ResponseStarted" {
            continue;
        }
        let subresource = field("/objectRef/subresource");
        let resource = field("/objectRef/resource");
        let name = if subresource.is_empty() { resource.to_string() } else { format!("{resource}/{subresource}") };
        *counts.entry(format!("{} {name}", field("/verb"))).or_default() += 1;
    }
    Ok(counts)
}

/// The counts in one line.
pub fn counts(counts: &Counts) -> String {
    if counts.is_empty() {
        return "none".into();
    }
    counts.iter().map(|(what, n)| format!("{n} {what}")).collect::<Vec<_>>().join(", ")
}

/// The counts of each verb, divided by the number of apps.
pub fn per_app(counts: &Counts, apps: usize) -> String {
    let parts = counts.iter().map(|(what, n)| {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand requests")]
        let share = *n as f64 / apps as f64;
        format!("{share:.2} {what}")
    });
    parts.collect::<Vec<_>>().join(", ")
}
