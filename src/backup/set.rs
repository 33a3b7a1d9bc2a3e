//! What a set is: every part of an app at one time, and the manifest that lists them. No manifest, no set.

use super::work::Facts;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A part of a set. Written as `volume:data`, `database:rt`, `configuration` or `manifest`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The files of a volume claim.
    Volume(String),
    /// The dump of a database.
    Database(String),
    /// The request, the rendered objects and the generated secrets.
    Configuration,
    /// The list of the others.
    Manifest,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Volume(name) => write!(f, "volume:{name}"),
            Self::Database(name) => write!(f, "database:{name}"),
            Self::Configuration => f.write_str("configuration"),
            Self::Manifest => f.write_str("manifest"),
        }
    }
}

/// A text that names no part.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no part of a set; write volume:NAME, database:NAME, configuration or manifest")]
pub struct NoPart(String);

impl FromStr for Part {
    type Err = NoPart;

    fn from_str(text: &str) -> Result<Self, NoPart> {
        let wrong = || NoPart(text.to_string());
        match text.split_once(':') {
            Some(("volume", name)) if !name.is_empty() => Ok(Self::Volume(name.to_string())),
            Some(("database", name)) if !name.is_empty() => Ok(Self::Database(name.to_string())),
            None if text == "configuration" => Ok(Self::Configuration),
            None if text == "manifest" => Ok(Self::Manifest),
            _ => Err(wrong()),
        }
    }
}

impl Serialize for Part {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The list of a set's parts, as it is committed to the repository: a file `manifest.json` in the set's last snapshot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// The set: the name of the run that made it.
    pub set: String,
    /// The municipality's slug.
    pub municipality: String,
    /// The app's name.
    pub app: String,
    /// The system and its version.
    pub system: String,
    /// The version.
    pub version: String,
    /// Hash of the version's contents.
    pub revision: String,
    /// When the run began, RFC 3339: the recovery point, for everything that was written before is in it.
    pub began: String,
    /// When the last part was done, RFC 3339.
    pub ended: String,
    /// Random text that is also in every dump, so that a restored part proves of which set it is.
    pub sentinel: String,
    /// The parts, the configuration among them.
    pub parts: Vec<PartRecord>,
    /// What is not in the set, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
}

/// A part as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartRecord {
    /// The part.
    pub part: Part,
    /// Its snapshot.
    pub snapshot: String,
    /// Number of files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// SHA-256 of the snapshot's tree as restic names it: the same tree, the same names, modes and contents.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Rows by table, of a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
}

/// Something of an app that is not in a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The volume.
    pub volume: String,
    /// Why.
    pub reason: String,
}
