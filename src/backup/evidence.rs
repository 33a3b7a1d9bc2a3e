//! Evidence of drills: what was restored, how long it took and what came of it, for the auditor (Implementing Regulation
//! (EU) 2024/2690, annex 4.2.6: recovery tests with documented results). Pure.
//!
//! Each record holds the hash of the one before, so none can be changed, removed or put elsewhere without breaking the chain.
//! The end of a chain cannot prove itself: whoever checks it brings the last hash from another place, such as the status or
//! a report that was printed earlier.

use super::work::Class;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// What a drill did with a set; each level does all of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Level {
    /// Looked through the repository's structure.
    Structure,
    /// Read all data of a share of the repository.
    Data,
    /// Restored every part into an empty place and compared it with the manifest.
    Files,
    /// Loaded the databases and compared their tables and rows.
    Database,
    /// Started the app and asked it.
    App,
}

impl Level {
    /// The name as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Structure => "Structure",
            Self::Data => "Data",
            Self::Files => "Files",
            Self::Database => "Database",
            Self::App => "App",
        }
    }
}

/// What came of a drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Outcome {
    /// The set can be restored.
    Passed,
    /// It cannot, or that was not shown.
    Failed,
}

impl Outcome {
    /// The name as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::Failed => "Failed",
        }
    }
}

/// What a drill found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The tenant's UUID.
    pub tenant: String,
    /// The municipality's slug.
    pub municipality: String,
    /// The app's name.
    pub app: String,
    /// The set.
    pub set: String,
    /// The set's recovery point, RFC 3339.
    #[schemars(with = "String")]
    pub recovery_point: Timestamp,
    /// What was done.
    pub level: Level,
    /// When it began, RFC 3339.
    #[schemars(with = "String")]
    pub began: Timestamp,
    /// When it ended, RFC 3339.
    #[schemars(with = "String")]
    pub ended: Timestamp,
    /// Milliseconds of each phase, in order.
    pub phases: Vec<Phase>,
    /// Files that were restored and compared.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Tables of databases that were loaded.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
}

/// A phase of a drill and how long it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Milliseconds.
    pub milliseconds: u64,
}

/// A record of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What the drill found.
    #[serde(flatten)]
    pub finding: Finding,
    /// Hash of the record before; empty for the first.
    pub previous: String,
    /// SHA-256 of [`Evidence::canonical`], in hexadecimal digits.
    pub hash: String,
}

impl Evidence {
    /// The text whose SHA-256 is the hash: one `name: value` in each line, in this order, UTF-8, a line feed after each.
    /// Anybody can compute it again with `sha256sum`. In values a backslash is written as `\\`, a line feed as `\n` and a
    /// carriage return as `\r`, so that no value can look like another line.
    #[must_use]
    pub fn canonical(&self) -> String {
        canonical(&self.finding, &self.previous)
    }
}

fn canonical(finding: &Finding, previous: &str) -> String {
    let mut text = String::from("kopnams evidence 1\n");
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        let value = value.to_string().replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name}: {value}");
    };
    line("tenant", &finding.tenant);
    line("municipality", &finding.municipality);
    line("app", &finding.app);
    line("set", &finding.set);
    line("recoveryPoint", &finding.recovery_point);
    line("level", &finding.level.as_str());
    line("began", &finding.began);
    line("ended", &finding.ended);
    line("phases", &finding.phases.len());
    for phase in &finding.phases {
        line("phase", &format_args!("{} {}", phase.milliseconds, phase.name));
    }
    line("files", &finding.files);
    line("bytes", &finding.bytes);
    line("tables", &finding.tables);
    line("rows", &finding.rows);
    line("outcome", &finding.outcome.as_str());
    line("class", &finding.class.map_or("", Class::as_str));
    line("previous", &previous);
    text
}

/// The record of a finding after a chain that ends with this hash; empty for the first of all.
#[must_use]
pub fn append(previous: &str, finding: Finding) -> Evidence {
    let hash = hex::encode(Sha256::digest(canonical(&finding, previous).as_bytes()));
    Evidence { finding, previous: previous.to_string(), hash }
}

/// Where a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// A record does not have the hash of what it says: it was changed.
    #[error("record {0} was changed: its hash is not that of what it says")]
    Changed(usize),
    /// A record does not follow the one before it: one was removed, put in or swapped.
    #[error("record {0} does not follow the one before it: a record was removed, put in or swapped")]
    Gap(usize),
    /// The chain does not end with the hash that is known from elsewhere: records were taken from its end, or all was written anew.
    #[error("the chain of {0} records does not end where it should: records were taken from its end, or all of it was written anew")]
    End(usize),
}

impl Broken {
    /// The place of the first record that is not right, counted from 0; of an end, the number of records.
    #[must_use]
    pub const fn at(&self) -> usize {
        match self {
            Self::Changed(at) | Self::Gap(at) | Self::End(at) => *at,
        }
    }
}

/// Checks a chain, the oldest record first. `after` is the hash before the first record, empty for a whole chain; `head` is
/// the last hash as it is known from another place.
pub fn verify_chain(records: &[Evidence], after: &str, head: Option<&str>) -> Result<(), Broken> {
    let mut previous = after;
    for (at, record) in records.iter().enumerate() {
        if record.previous != previous {
            return Err(Broken::Gap(at));
        }
        if append(previous, record.finding.clone()).hash != record.hash {
            return Err(Broken::Changed(at));
        }
        previous = &record.hash;
    }
    match head {
        Some(head) if head != previous => Err(Broken::End(records.len())),
        _ => Ok(()),
    }
}

/// The records as JSON, for programs.
pub fn to_json(records: &[Evidence]) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(records)
}

/// The records read back from their JSON.
pub fn from_json(text: &str) -> Result<Vec<Evidence>, serde_json::Error> {
    serde_json::from_str(text)
}

/// Columns of the CSV, as the fields are named everywhere.
const COLUMNS: [&str; 17] = [
    "tenant",
    "municipality",
    "app",
    "set",
    "recoveryPoint",
    "level",
    "began",
    "ended",
    "phases",
    "files",
    "bytes",
    "tables",
    "rows",
    "outcome",
    "class",
    "previous",
    "hash",
];

/// The records as CSV (RFC 4180), for people with a spreadsheet: phases as `fetch=1200 load=300`, in milliseconds.
pub fn to_csv(records: &[Evidence]) -> Result<String, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for Evidence { finding, previous, hash } in records {
        let phases: Vec<String> = finding.phases.iter().map(|phase| format!("{}={}", phase.name, phase.milliseconds)).collect();
        let texts = [&finding.tenant, &finding.municipality, &finding.app, &finding.set].map(String::as_str);
        let [recovery_point, began, ended] = [finding.recovery_point, finding.began, finding.ended].map(|at| at.to_string());
        let numbers = [finding.files, finding.bytes, finding.tables, finding.rows].map(|number| number.to_string());
        let phases = phases.join(" ");
        let times = [recovery_point.as_str(), finding.level.as_str(), &began, &ended, &phases];
        let end = [finding.outcome.as_str(), finding.class.map_or("", Class::as_str), previous, hash];
        writer.write_record(texts.iter().chain(&times).copied().chain(numbers.iter().map(String::as_str)).chain(end))?;
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
