//! Profiles by kind of data: what a system with such data needs and how it is kept.

use super::Title;
use super::backup::Profile;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of data and what it asks of every system that holds it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "DataClass",
    plural = "dataclasses",
    shortname = "dclass",
    category = "kopnams",
    status = "DataClassStatus",
    derive = "PartialEq",
    doc = "A kind of data and what it asks of every system that holds it.",
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')")
        .message("NameInvalid: a data class's name is lower-case letters, digits and hyphens, at most 63 characters; write for example personal"),
    printcolumn(name = "Title", type_ = "string", json_path = ".spec.title.lv"),
    printcolumn(name = "Rank", type_ = "integer", json_path = ".spec.rank"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("!has(self.backup) || !has(self.backup.retention) || !has(self.backup.retention.ceilingDays) || self.backup.retention.ceilingDays > (has(self.backup.retention.floorDays) ? self.backup.retention.floorDays : 7)")
    .message("BackupInvalid: backup.retention.ceilingDays is not above floorDays, so a set would have to stay and to go; write more days"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataClassSpec {
    /// The class's name.
    pub title: Title,
    /// Its place in the order of protection: a request may raise its system's class, never lower it.
    #[schemars(range(min = 0, max = 100))]
    pub rank: u32,
    /// The pod security level of every namespace that holds such data. Default: restricted.
    #[serde(default)]
    pub pod_security: PodSecurity,
    /// What a request must state before it is admitted.
    #[serde(default)]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "set"))]
    pub requires: Vec<Requirement>,
    /// Days between the removal of a request and the deletion of its namespace. Default: 7.
    #[serde(default = "default_grace_days")]
    #[schemars(range(min = 0, max = 3650))]
    pub grace_days: u32,
    /// How apps with such data are backed up, and how that is proven.
    #[serde(default)]
    pub backup: Profile,
}

fn default_grace_days() -> u32 {
    7
}

/// Pod security levels that a hosted system may run under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PodSecurity {
    /// The strictest level.
    #[default]
    Restricted,
    /// For systems that cannot run under restricted; the catalogue entry says why.
    Baseline,
}

impl PodSecurity {
    /// The value of the pod security labels.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
        }
    }
}

/// Something that a request must state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Requirement {
    /// The legal basis of the processing.
    LegalBasis,
    /// A reference to the data protection impact assessment.
    Dpia,
}

/// What the operator says of a data class.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataClassStatus {
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the class can be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: super::Conditions,
}
