//! A catalogue entry: a system that municipalities can ask for.

use super::Title;
use super::backup::EntryBackup;
use super::quantity::{Bytes, Cpu};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The keyword of a parameter's schema with what the parameter is called in forms, by language; it asks for nothing.
pub const TEXTS: &str = "x-texts";

/// A system in the catalogue: its versions, its sizes and the choices that a request has.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "HostedSystem",
    plural = "hostedsystems",
    shortname = "hsys",
    category = "kopnams",
    status = "HostedSystemStatus",
    derive = "PartialEq",
    doc = "A system in the catalogue: its versions, its sizes and the choices that a request has.",
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$')")
        .message("NameInvalid: a system's name is lower-case letters, digits and hyphens, at most 63 characters; write for example website"),
    printcolumn(name = "Title", type_ = "string", priority = 1, json_path = ".spec.title.lv"),
    printcolumn(name = "Category", type_ = "string", priority = 1, json_path = ".spec.category"),
    printcolumn(name = "Class", type_ = "string", json_path = ".spec.dataClass"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.defaultVersion"),
    printcolumn(name = "Maintainer", type_ = "string", priority = 1, json_path = ".spec.maintainer"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Rolled out", type_ = "string", json_path = ".status.conditions[?(@.type==\"RolledOut\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("self.versions.exists(v, v.name == self.defaultVersion)")
    .message("VersionUnknown: defaultVersion is not among versions; write one of their names"))]
#[x_kube(validation = Rule::new("self.defaultSize in self.sizes")
    .message("SizeUnknown: defaultSize is not among sizes; write one of their names"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostedSystemSpec {
    /// The system's name.
    pub title: Title,
    /// Who keeps the entry: platform, or the slug of the lead municipality.
    #[schemars(length(min = 1, max = 63))]
    pub maintainer: String,
    /// The area of work that the system serves, for example communication.
    #[schemars(length(min = 1, max = 63))]
    pub category: String,
    /// The licence of the system, as an SPDX expression, for example GPL-2.0-only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 200))]
    pub licence: Option<String>,
    /// Where the system's documentation is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub documentation: Option<String>,
    /// The class of the data that the system holds. A request may raise it.
    #[schemars(length(min = 1, max = 63))]
    pub data_class: String,
    /// The version for requests that name none.
    #[schemars(length(min = 1, max = 63))]
    pub default_version: String,
    /// The size for requests that name none.
    #[schemars(length(min = 1, max = 63))]
    pub default_size: String,
    /// Sizes by name.
    #[schemars(extend("maxProperties" = 16, "minProperties" = 1))]
    #[x_kube(validation = Rule::new("self.all(name, name.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'))")
        .message("NameInvalid: a size's name is lower-case letters, digits and hyphens; write for example small"))]
    pub sizes: BTreeMap<String, Size>,
    /// JSON schema of the parameters that a request may set.
    #[serde(default = "no_parameters")]
    #[schemars(schema_with = "any_object")]
    pub parameters: Value,
    /// Named destinations of the platform that the system may connect to.
    #[serde(default)]
    #[schemars(length(max = 16), inner(length(max = 63)))]
    pub egress: Vec<String>,
    /// Versions that can be asked for, the oldest first. A later one is newer than all before it.
    #[schemars(length(min = 1, max = 64))]
    pub versions: Vec<Version>,
    /// How a change of the entry reaches the apps that have it already.
    #[serde(default, skip_serializing_if = "Rollout::is_default")]
    pub rollout: Rollout,
}

/// How a change of the entry reaches the apps that have it already: a few first, then the others in turn, until too many fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollout {
    /// Number of apps that go first and must answer before the others follow. Default: 1.
    #[serde(default = "Rollout::canaries")]
    #[schemars(range(min = 0, max = 100))]
    pub canaries: u32,
    /// Number of apps that change at the same time after the first. Default: 5.
    #[serde(default = "Rollout::batch")]
    #[schemars(range(min = 1, max = 1000))]
    pub batch: u32,
    /// Number of apps that do not answer with the change after which no more apps get it. Default: 1.
    #[serde(default = "Rollout::fail_after")]
    #[schemars(range(min = 1, max = 1000))]
    pub fail_after: u32,
    /// Seconds after which an app that does not answer has failed and goes back to what it had. Default: 600.
    #[serde(default = "Rollout::deadline_seconds")]
    #[schemars(range(min = 10, max = 86400))]
    pub deadline_seconds: u32,
}

impl Rollout {
    const fn canaries() -> u32 {
        1
    }
    const fn batch() -> u32 {
        5
    }
    const fn fail_after() -> u32 {
        1
    }
    const fn deadline_seconds() -> u32 {
        600
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Rollout {
    fn default() -> Self {
        Self {
            canaries: Self::canaries(),
            batch: Self::batch(),
            fail_after: Self::fail_after(),
            deadline_seconds: Self::deadline_seconds(),
        }
    }
}

/// What an app of one size may use. The request is what counts against the allotment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!has(self.cpuBurst) || quantity(self.cpuBurst).compareTo(quantity(self.cpu)) >= 0")
    .message("QuantityInvalid: cpuBurst is less than cpu; write at least as much, or leave cpuBurst out"))]
#[x_kube(validation = Rule::new("quantity(self.cpu).isGreaterThan(quantity('0')) && quantity(self.memory).isGreaterThan(quantity('0'))")
    .message("QuantityInvalid: an app cannot run with no cpu or no memory; write amounts above zero"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Size {
    /// CPU that the app is promised.
    pub cpu: Cpu,
    /// CPU that the app may use when nobody else needs it. Default: four times cpu.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_burst: Option<Cpu>,
    /// Memory, promised and limit in one.
    pub memory: Bytes,
    /// Storage for the app's data. The namespace has room for twice this, so that a restore fits.
    pub storage: Bytes,
    /// Number of pods.
    #[schemars(range(min = 1, max = 500))]
    pub pods: u32,
}

/// One version of a system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Version {
    /// The version's name, as requests write it.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$')")
        .message("NameInvalid: a version's name is letters, digits, dots and hyphens; write for example \"1.0\""))]
    pub name: String,
    /// The last day on which the version is looked after, as 2027-12-31. Apps that still have it later say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 10, max = 10))]
    pub eol: Option<String>,
    /// The version changes the shape of the data that it finds, so that no earlier version can read it afterwards. Apps that
    /// have data get it only once a platform admin has allowed it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub migrates: bool,
    /// The images that the objects use, by a name of their own; each by digest, so that what was tried is what runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub images: BTreeMap<String, String>,
    /// Secrets that the operator makes once for each app. Their values are never shown anywhere else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub secrets: Vec<GeneratedSecret>,
    /// Where requests for the app's host name go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// The Kubernetes objects that an app consists of, with ${…} expressions. Empty: the tenant is prepared and nothing runs in it.
    #[serde(default)]
    #[schemars(schema_with = "objects")]
    pub objects: Vec<Value>,
    /// What is backed up beside all volumes: databases, which are dumped.
    #[serde(default, skip_serializing_if = "nothing_said")]
    pub backup: EntryBackup,
}

/// A secret with random values that the operator makes once for an app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GeneratedSecret {
    /// The secret's name; objects refer to it as ${secrets.name}.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]([a-z0-9]*)$')")
        .message("NameInvalid: a secret's name is lower-case letters and digits, beginning with a letter; write for example database"))]
    pub name: String,
    /// The keys in it.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 16))]
    pub keys: BTreeMap<String, SecretKey>,
}

/// A random value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretKey {
    /// Number of letters and digits, each worth almost 6 bits. Default: 32.
    #[serde(default = "secret_length")]
    #[schemars(range(min = 16, max = 128))]
    pub length: u32,
}

/// Where requests for an app's host name go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Route {
    /// Name of a Service among the objects.
    #[schemars(length(min = 1, max = 63))]
    pub service: String,
    /// Name or number of one of its ports.
    #[schemars(schema_with = "port")]
    pub port: IntOrString,
}

/// What the operator says of a catalogue entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostedSystemStatus {
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the entry can be asked for. `RolledOut`: every app has what the entry says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: super::Conditions,
    /// How far changes of the entry have come, by version; none for a version that never changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollouts: Vec<RolloutStatus>,
}

/// How far a change of one version has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// The version.
    pub version: String,
    /// Hash of what the version consists of now.
    pub revision: String,
    /// How it goes.
    pub phase: Phase,
    /// Number of apps that follow this version.
    pub apps: u32,
    /// Number of those that have the change and answer.
    pub updated: u32,
    /// Number of those that have the change and do not answer yet.
    pub moving: u32,
    /// Number of those whose turn is still to come.
    pub waiting: u32,
    /// Number of those that did not answer with it in time.
    pub failed: u32,
    /// Number of those whose request does not fit it.
    pub unfit: u32,
    /// What is to be known of it, and what to do.
    pub message: String,
}

/// How a roll-out goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// The first apps have it, and it waits until they answer.
    Canaries,
    /// The apps get it in turn.
    Rolling,
    /// Too many apps did not answer with it; no more get it.
    Stopped,
    /// It waits until a platform admin allows it.
    AwaitingAcknowledgement,
    /// Every app had its turn, and some could not take it.
    Incomplete,
    /// Every app has it and answers.
    #[default]
    Done,
}

fn nothing_said(backup: &EntryBackup) -> bool {
    *backup == EntryBackup::default()
}

fn no_parameters() -> Value {
    serde_json::json!({"type": "object", "additionalProperties": false})
}

pub(super) fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

fn secret_length() -> u32 {
    32
}

fn port(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]})
}

// What the objects may be is said by `template::shape`, with the path of what is not allowed.
fn objects(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 32,
        "items": {"type": "object", "description": "A Kubernetes object.", "x-kubernetes-preserve-unknown-fields": true},
    })
}
