//! Where backups go, and what the operator says of it.

#![allow(clippy::duplicated_attributes, reason = "columns of the same type are not the same column")]

use crate::backup::breaker::Breaker;
use crate::backup::work::Issuer;
use crate::request::platform::DestinationPeer;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where backups go.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "BackupTarget",
    plural = "backuptargets",
    shortname = "btarget",
    category = "kopnams",
    status = "BackupTargetStatus",
    derive = "PartialEq",
    doc = "Where backups go: an S3 server, how tenants are kept apart in it, and how it may be reached.",
    validation = Rule::new("!has(self.spec.copyTo) || self.spec.copyTo != self.metadata.name")
        .message("BackupInvalid: copyTo names the target itself, so a copy there would be none; write the name of another BackupTarget"),
    printcolumn(name = "Endpoint", type_ = "string", json_path = ".spec.endpoint"),
    printcolumn(name = "Isolation", type_ = "string", json_path = ".spec.isolation"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("self.isolation != 'perApp' || self.bucket.size() <= 26")
    .message("BackupInvalid: with isolation perApp each app's bucket is named bucket-<tenant id>, which has room for 26 characters of yours"))]
#[x_kube(validation = Rule::new("self.isolation != 'shared' || has(self.writerSecret)")
    .message("FieldInvalid: with isolation shared the runs use the key in writerSecret; name that Secret"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupTargetSpec {
    /// The S3 endpoint with its scheme: https, host and port.
    #[schemars(length(min = 8, max = 253))]
    #[x_kube(validation = Rule::new("self.startsWith('https://') || self.startsWith('http://')").message("BackupInvalid: an endpoint is a URL; write for example https://s3.example.lv"))]
    pub endpoint: String,
    /// The S3 region. Default: us-east-1.
    #[serde(default = "default_region")]
    #[schemars(length(min = 1, max = 63))]
    pub region: String,
    /// The bucket; with isolation perApp the beginning of each bucket's name.
    #[schemars(length(min = 3, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9][a-z0-9.-]*[a-z0-9]$')").message("BackupInvalid: a bucket's name is lower-case letters, digits, dots and hyphens"))]
    pub bucket: String,
    /// A folder in the bucket, with isolation shared. Default: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 128))]
    pub prefix: String,
    /// Certificates of the endpoint's authority, as PEM, if it is not a public one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 65536))]
    pub ca_bundle: Option<String>,
    /// How tenants are kept apart. Default: perApp.
    #[serde(default)]
    pub isolation: Isolation,
    /// Who makes buckets and users, with isolation perApp. Default: versitygw.
    #[serde(default)]
    pub issuer: Issuer,
    /// Where the issuer's administration is, if not at the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 253))]
    pub issuer_endpoint: Option<String>,
    /// Name of the Secret in kopnams-vault with the keys access-key and secret-key that every run writes with, for isolation shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub writer_secret: Option<String>,
    /// Name of the Secret in kopnams-vault with the keys access-key and secret-key that may delete, and make buckets and users.
    #[schemars(length(min = 1, max = 253))]
    pub maintainer_secret: String,
    /// Where the endpoint is on the network, so that runs may connect to it.
    #[schemars(length(min = 1, max = 16))]
    pub egress: Vec<DestinationPeer>,
    /// Days for which the server lets nobody destroy what was written; 0 for none. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 36500))]
    pub lock_days: u32,
    /// Name of another `BackupTarget`, at another place, to which every repository is copied once a day, for apps whose data
    /// class asks for it (`backup.copyHours`). Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub copy_to: Option<String>,
}

fn default_region() -> String {
    "us-east-1".into()
}

/// How tenants are kept apart at a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Isolation {
    /// A bucket with versions and a user of its own for each app; the user can delete nothing but locks.
    #[default]
    PerApp,
    /// One bucket and one key for all; a tenant's run could read and delete what others wrote, if it were taken over.
    Shared,
}

/// What the operator says of a target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupTargetStatus {
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Whether it answers, and so whether runs are started.
    #[serde(default)]
    pub breaker: Breaker,
    /// When its settings or its keys last changed, RFC 3339: what failed because of them is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
    /// The generation of its settings then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_generation: Option<i64>,
    /// The versions of the Secrets with its keys.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub keys: String,
    /// `Ready`: the target answers, and runs are started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: crate::request::Conditions,
}
