//! The request: a municipality asks for a hosted system.

use super::backup::{AppBackup, Copied, Covered, Failures, Proven, RestoreFrom, RunKind};
use super::quantity::{Bytes, Cpu};
use super::system::any_object;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A municipality's request for a hosted system. It carries choices only, never an image or a number.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "MunicipalityApp",
    plural = "municipalityapps",
    shortname = "mapp",
    category = "kopnams",
    namespaced,
    status = "MunicipalityAppStatus",
    derive = "PartialEq",
    doc = "A municipality's request for a hosted system, in the municipality's home namespace.",
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$') && self.metadata.name.size() <= 31 && !self.metadata.name.contains('--')")
        .message("NameInvalid: an app's name is lower-case letters, digits and single hyphens, at most 31 characters; write for example majaslapa"),
    validation = Rule::new("!self.metadata.name.startsWith('drill-')")
        .message("NameInvalid: names that begin with drill- are of what the platform starts to try backups; write another one, for example majaslapa"),
    printcolumn(name = "Municipality", type_ = "string", json_path = ".metadata.namespace"),
    printcolumn(name = "System", type_ = "string", json_path = ".spec.system"),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.grant.version"),
    printcolumn(name = "Size", type_ = "string", json_path = ".status.grant.size.name"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "URL", type_ = "string", json_path = ".status.url"),
    printcolumn(name = "Last backup", type_ = "date", json_path = ".status.backup.lastSuccess"),
    printcolumn(name = "Proven", type_ = "date", json_path = ".status.backup.proven.at"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[x_kube(validation = Rule::new("has(self.restoreFrom) == has(oldSelf.restoreFrom) && (!has(self.restoreFrom) || self.restoreFrom == oldSelf.restoreFrom)")
    .message("BackupInvalid: restoreFrom fills a new app and cannot be changed later; ask for another app, or ask a platform admin to restore in place"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MunicipalityAppSpec {
    /// The system's name in the catalogue.
    #[schemars(length(min = 1, max = 63))]
    pub system: String,
    /// The system's version. Default: the catalogue's, which moves when the catalogue moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub version: Option<String>,
    /// The size by name. Default: the catalogue's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub size: Option<String>,
    /// The host name under which the app is reached, inside one of the municipality's zones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub hostname: Option<String>,
    /// A stricter data class than the system's own, for a municipality that keeps more in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub data_class: Option<String>,
    /// Stops the app and keeps its data.
    #[serde(default)]
    pub suspend: bool,
    /// Makes the app's generated passwords anew whenever this text changes; write for example today's date. The app restarts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub rotate_secrets: Option<String>,
    /// The system's own settings; the catalogue entry says which there are.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "any_object")]
    pub parameters: Value,
    /// What the law asks to be stated, where the data class requires it.
    #[serde(default, skip_serializing_if = "Processing::is_empty")]
    pub processing: Processing,
    /// Wishes for the app's backups; what its data class asks for is never weakened.
    #[serde(default, skip_serializing_if = "AppBackup::is_empty")]
    pub backup: AppBackup,
    /// Fills the new app with a backup before it starts for the first time. Cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_from: Option<RestoreFrom>,
}

/// The legal side of processing personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Processing {
    /// The legal basis, for example the law and its article.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub legal_basis: Option<String>,
    /// Reference to the data protection impact assessment, for example its number and date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub dpia: Option<String>,
}

impl Processing {
    /// Whether nothing is stated.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What the operator says of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MunicipalityAppStatus {
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What is in force. Only an admitted request changes it; guard rails are repaired from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<Grant>,
    /// The app's namespace, once it is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Identity of the tenant; stays the same when a request is removed and added again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Where the app is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When the request was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_at: Option<String>,
    /// When the app was ready for the first time, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<String>,
    /// The revision with which every part of the app last answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<String>,
    /// How its backups stand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupStatus>,
    /// `Admitted`, `Isolated`, `Deployed`, `Available` and, when all four hold, `Ready`. Beside them `UpToDate`, whether the app
    /// has what its catalogue entry says now, and `Supported`, whether its version is still looked after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: super::Conditions,
}

/// How an app's backups stand, as its vault says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupStatus {
    /// Recovery point of the newest complete set, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<String>,
    /// The newest complete set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_set: Option<String>,
    /// Number of sets that are kept.
    #[serde(default)]
    pub sets: u32,
    /// The sets that are kept, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub list: Vec<SetLine>,
    /// Recovery point of the oldest set that is kept, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// When the next backup is due, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<String>,
    /// Backups that failed since the last good one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<Failures>,
    /// What the sets hold and what they do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coverage: Vec<Covered>,
    /// The last restore that was tried and was good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<Proven>,
    /// What lies at the second place that is named now, of a class that asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<Copied>,
    /// The restore that goes on, or the last one, in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<String>,
}

/// A set, as whoever asks for a restore needs to know it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SetLine {
    /// Its name, as `restoreFrom.set` takes it.
    pub name: String,
    /// Everything that was written before is in it, RFC 3339.
    pub recovery_point: String,
    /// Bytes of its parts.
    pub bytes: u64,
    /// A restore of it was tried and was good.
    #[serde(default)]
    pub verified: bool,
    /// Why it was made.
    #[serde(default)]
    pub kind: RunKind,
}

/// What was granted to an app: the numbers and names from which everything of it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grant {
    /// The system's name in the catalogue.
    pub system: String,
    /// The version.
    pub version: String,
    /// Hash of the version's contents; an edited version is another revision.
    pub revision: String,
    /// Since when the app has had this revision, RFC 3339.
    #[serde(default)]
    pub revision_since: String,
    /// What it had before this revision, to which it goes back if it does not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Earlier>,
    /// The revision with which the app did not answer, so that it went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Earlier>,
    /// The size with its numbers.
    pub size: GrantedSize,
    /// The data class with what it asks of the namespace.
    pub data_class: GrantedClass,
    /// The claimed host name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Named destinations that the app may connect to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<String>,
    /// Since when the app has had a grant, RFC 3339.
    pub since: String,
    /// The parameters that were granted.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(schema_with = "any_object")]
    pub parameters: Value,
    /// The app is stopped, and its data is kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// The request's text at which the generated passwords were last made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<String>,
    /// The wishes for its backups that were granted; none of an older release, until it is decided again.
    #[serde(default, deserialize_with = "readable", skip_serializing_if = "AppBackup::is_empty")]
    pub backup: AppBackup,
}

/// What this release cannot read, because a later one wrote it, counts as not granted: nothing is left out of backups then.
/// The rest of the grant must not become unreadable with it.
fn readable<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<AppBackup, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// A revision that an app had.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Earlier {
    /// The version.
    pub version: String,
    /// Hash of the version's contents.
    pub revision: String,
    /// Until when the app had it, RFC 3339.
    pub until: String,
}

/// A size as it was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantedSize {
    /// The size's name.
    pub name: String,
    /// CPU that is promised.
    pub cpu: Cpu,
    /// CPU that may be used at most.
    pub cpu_burst: Cpu,
    /// Memory, promised and limit in one.
    pub memory: Bytes,
    /// Storage for data.
    pub storage: Bytes,
    /// Number of pods.
    pub pods: u32,
}

/// A data class as it was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GrantedClass {
    /// The class's name.
    pub name: String,
    /// Pod security level of the namespace.
    pub pod_security: super::class::PodSecurity,
    /// Days between removal and deletion.
    pub grace_days: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_grant_of_a_later_release_stays_readable() {
        let written = |backup: Value| {
            let mut grant = serde_json::to_value(Grant { system: "website".into(), ..Grant::default() }).unwrap();
            grant["backup"] = backup;
            serde_json::from_value::<Grant>(grant).unwrap()
        };
        let page = json!({"name": "front", "path": "/"});
        assert_eq!(written(json!({"checks": {"http": [page]}})).backup.checks.http.len(), 1);
        let later = written(json!({"checks": {"http": [page], "later": 1}}));
        assert_eq!((later.system.as_str(), later.backup), ("website", AppBackup::default()));
    }
}
