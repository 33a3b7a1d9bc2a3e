//! The tenant: a municipality, its allotment and the people who may look.

use super::Title;
use super::quantity::{Bytes, Cpu};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A municipality that is hosted: who it is, what it may use and who may look.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "Municipality",
    plural = "municipalities",
    shortname = "mun",
    category = "kopnams",
    status = "MunicipalityStatus",
    derive = "PartialEq",
    doc = "A municipality that is hosted. Its home is the namespace of the same name; its requests live there.",
    validation = Rule::new("self.metadata.name.matches('^[a-z0-9]([a-z0-9-]*[a-z0-9])?$') && self.metadata.name.size() <= 30 && !self.metadata.name.contains('--')")
        .message("NameInvalid: a municipality's slug is lower-case letters, digits and single hyphens, at most 30 characters; write for example kuldigas-novads"),
    validation = Rule::new("!(self.metadata.name in ['default', 'kopnams']) && !self.metadata.name.startsWith('kube-') && !self.metadata.name.startsWith('kopnams-')")
        .message("SlugReserved: default, kube-* and kopnams-* belong to the cluster; choose the municipality's own name"),
    printcolumn(name = "Code", type_ = "string", json_path = ".spec.code"),
    printcolumn(name = "Title", type_ = "string", json_path = ".spec.title.lv"),
    printcolumn(name = "Apps", type_ = "integer", json_path = ".spec.allotment.apps", description = "how many apps the allotment allows"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MunicipalitySpec {
    /// ATVK code of the municipality: seven digits in quotes, each used once.
    #[schemars(length(max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{7}$')").message("CodeInvalid: an ATVK code is seven digits in quotes; write for example \"0033000\""))]
    pub code: String,
    /// The municipality's name.
    pub title: Title,
    /// The group it is compared with.
    pub peer_group: PeerGroup,
    /// What all its apps together may use.
    pub allotment: Allotment,
    /// DNS zones in which only this municipality may claim host names; no other municipality's zone may overlap.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(max = 253)))]
    #[x_kube(validation = Rule::new("self.all(z, z.matches('^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$'))")
        .message("ZoneInvalid: a zone is a DNS name in lower case without a wildcard; write for example kuldiga.example.lv"))]
    pub zones: Vec<String>,
    /// Groups of people and what they may do in the municipality's namespaces.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub members: Vec<Member>,
    /// Whom to write to.
    pub contacts: Contacts,
}

/// The group of municipalities that one is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PeerGroup {
    /// A municipality (novads).
    Municipality,
    /// A state city (valstspilsēta).
    StateCity,
}

/// What all apps of a municipality together may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Allotment {
    /// CPU: the sum of the apps' sizes.
    pub cpu: Cpu,
    /// Memory: the sum of the apps' sizes.
    pub memory: Bytes,
    /// Storage: the sum of the apps' sizes.
    pub storage: Bytes,
    /// Number of apps.
    #[schemars(range(min = 0, max = 1000))]
    pub apps: u32,
}

/// A group of people with a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("!self.name.startsWith('system:')")
    .message("MemberNotAllowed: groups whose names begin with system: belong to Kubernetes; name a group of your own identity provider"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// What the group may do.
    pub role: Role,
    /// Always Group: single people come and go, groups are kept by the identity provider.
    #[serde(default)]
    pub kind: MemberKind,
    /// Name of the group as the API server sees it, for example kuldiga:it.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Roles of members. Neither may change workloads, read secrets or touch guard rails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// May look, read logs, and delete a pod, which restarts it.
    Operator,
    /// May look.
    Viewer,
}

/// The kinds of member: groups only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MemberKind {
    /// A group of the identity provider.
    #[default]
    Group,
}

/// Whom to write to, by address of an office, not of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contacts {
    /// For technical questions.
    #[schemars(length(min = 3, max = 254))]
    pub technical: String,
    /// For security incidents.
    #[schemars(length(min = 3, max = 254))]
    pub security: String,
    /// The data protection officer.
    #[schemars(length(min = 3, max = 254))]
    pub data_protection: String,
}

/// What the operator says of a municipality.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MunicipalityStatus {
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The home namespace, once it is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// App namespaces without a request: retiring ones and orphans.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unclaimed: Vec<UnclaimedTenant>,
    /// `Ready`: the home is live. `WithinAllotment`: the granted apps fit in the allotment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: super::Conditions,
}

/// An app namespace that no request speaks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnclaimedTenant {
    /// The app's name.
    pub app: String,
    /// The app's namespace.
    pub namespace: String,
    /// `Retiring`, `AwaitingFinalBackup` or `Orphaned`.
    pub state: String,
    /// When it may be deleted; absent for an orphan, which nobody deletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after: Option<String>,
}
