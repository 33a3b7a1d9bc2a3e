//! The platform's own configuration: the one object `platform`, optional, every field with a default.

use super::backup::PlatformBackup;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All configuration that decides what is made, in one object that pull requests can see too.
///
/// Without a `Platform` the defaults of each field hold.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "kopnams.lv",
    version = "v1alpha1",
    kind = "Platform",
    plural = "platforms",
    shortname = "plat",
    category = "kopnams",
    status = "PlatformStatus",
    derive = "PartialEq",
    doc = "The platform's configuration: who may come in, where names are resolved, which destinations exist. There is one, named platform.",
    validation = Rule::new("self.metadata.name == 'platform'").message("PlatformNameInvalid: there is one Platform and its name is platform; write metadata.name: platform"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlatformSpec {
    /// The ingress controller: its class and who may connect to apps that have a host name.
    #[serde(default)]
    pub ingress: Ingress,
    /// Where apps may ask for names, on port 53 by UDP and TCP. Default: pods k8s-app=kube-dns in kube-system.
    #[serde(default = "default_dns")]
    #[schemars(length(max = 16))]
    pub dns: Vec<Peer>,
    /// Destinations outside the app that catalogue entries may name, such as a mail relay.
    #[serde(default)]
    #[schemars(schema_with = "destinations")]
    #[x_kube(validation = Rule::new("self.all(name, name.matches('^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$'))")
        .message("NameInvalid: a destination's name is lower-case letters, digits and hyphens; write for example mail-relay"))]
    pub egress: BTreeMap<String, Destination>,
    /// Slugs that no municipality may take, beside default, kube-* and kopnams-*.
    #[serde(default)]
    #[schemars(length(max = 256), inner(length(max = 63)))]
    pub reserved_slugs: Vec<String>,
    /// The brake on removals: a mistake must not remove many municipalities' apps at once.
    #[serde(default)]
    pub removal_brake: RemovalBrake,
    /// The image, by digest, of the page that stands in the place of a suspended app; it serves HTTP on port 8080 and says at
    /// /healthz that it is well. Without one the ingress answers that nobody is there. The catalogue builds one, named notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^[^@]+@sha256:[0-9a-f]{64}$')")
        .message("ImageNotPinned: the image is not named by its digest; write registry/name@sha256:... so that what was tried is what runs"))]
    pub notice: Option<String>,
    /// Backups. Without this no app is backed up, and each says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<PlatformBackup>,
}

/// How visitors reach an app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Without encryption.
    Http,
    /// With encryption.
    #[default]
    Https,
}

impl Scheme {
    /// The address of a host.
    #[must_use]
    pub fn url(self, host: &str) -> String {
        match self {
            Self::Http => format!("http://{host}"),
            Self::Https => format!("https://{host}"),
        }
    }
}

/// The ingress controller of the platform.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Ingress {
    /// The ingress class of routes. Default: haproxy.
    #[schemars(length(min = 1, max = 63))]
    pub class_name: String,
    /// Annotations of routes by which certificates are asked for, for example cert-manager.io/cluster-issuer. With any,
    /// routes are served with TLS by the certificate in the Secret route-tls of the app's namespace. Default: none.
    #[schemars(extend("maxProperties" = 16))]
    pub annotations: BTreeMap<String, String>,
    /// How visitors reach the ingress: https, whether it holds the certificates or something before it does, or http, for a
    /// trial without any. Default: https.
    pub scheme: Scheme,
    /// Who may connect to an app that has a host name. Default: pods app=haproxy in the namespace ingress.
    #[schemars(length(max = 16))]
    pub from: Vec<Peer>,
}

/// One end of an allowed connection: pods in a namespace, or a range of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.cidr) != has(self.__namespace__)")
    .message("PeerInvalid: a peer is either a cidr or a namespace with podLabels; write one of the two"))]
#[x_kube(validation = Rule::new("!has(self.podLabels) || has(self.__namespace__)")
    .message("PeerInvalid: podLabels need a namespace beside them"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Peer {
    /// Namespace of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Labels of the pods; empty means every pod of the namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub pod_labels: BTreeMap<String, String>,
    /// A range of addresses, for controllers on the host network or services outside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 49))]
    #[x_kube(validation = Rule::new("isCIDR(self)").message("PeerInvalid: a cidr is an address and a prefix length; write 192.0.2.0/24 or 192.0.2.25/32"))]
    pub cidr: Option<String>,
}

/// A named destination: its addresses, each with its ports.
pub type Destination = Vec<DestinationPeer>;

/// Addresses of a destination and the TCP ports that may be reached there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("has(self.cidr) != has(self.__namespace__)")
    .message("PeerInvalid: a destination is either a cidr or a namespace with podLabels; write one of the two"))]
#[x_kube(validation = Rule::new("!has(self.podLabels) || has(self.__namespace__)")
    .message("PeerInvalid: podLabels need a namespace beside them"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DestinationPeer {
    /// Namespace of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Labels of the pods; empty means every pod of the namespace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub pod_labels: BTreeMap<String, String>,
    /// A range of addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 49))]
    #[x_kube(validation = Rule::new("isCIDR(self)").message("PeerInvalid: a cidr is an address and a prefix length; write 192.0.2.0/24 or 192.0.2.25/32"))]
    pub cidr: Option<String>,
    /// TCP ports; at least one.
    #[schemars(length(min = 1, max = 16), inner(range(min = 1, max = 65535)))]
    pub ports: Vec<u16>,
}

/// When removals wait for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RemovalBrake {
    /// Removals that touch more municipalities than this within the window wait for an acknowledgement. Default: 3.
    #[schemars(range(min = 1, max = 1000))]
    pub municipalities: u32,
    /// The window in minutes. Default: 10.
    #[schemars(range(min = 1, max = 1440))]
    pub window_minutes: u32,
}

/// What the operator says of the platform's configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlatformStatus {
    /// The generation that the conditions speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Ready`: the configuration can be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: super::Conditions,
}

/// Bounded in number, so that the API server can bound the cost of the rules.
fn destinations(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let peer = generator.subschema_for::<DestinationPeer>();
    schemars::json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "array", "description": "Addresses of the destination.", "minItems": 1, "maxItems": 16, "items": peer},
    })
}

fn default_dns() -> Vec<Peer> {
    vec![Peer::pods("kube-system", "k8s-app", "kube-dns")]
}

impl Default for PlatformSpec {
    fn default() -> Self {
        Self {
            ingress: Ingress::default(),
            dns: default_dns(),
            egress: BTreeMap::new(),
            reserved_slugs: Vec::new(),
            removal_brake: RemovalBrake::default(),
            notice: None,
            backup: None,
        }
    }
}

impl Default for Ingress {
    fn default() -> Self {
        let from = vec![Peer::pods("ingress", "app", "haproxy")];
        Self { class_name: "haproxy".into(), annotations: BTreeMap::new(), scheme: Scheme::Https, from }
    }
}

impl Default for RemovalBrake {
    fn default() -> Self {
        Self { municipalities: 3, window_minutes: 10 }
    }
}

impl Peer {
    /// The pods of a namespace that carry one label.
    #[must_use]
    pub fn pods(namespace: &str, label: &str, value: &str) -> Self {
        Self { namespace: Some(namespace.into()), pod_labels: BTreeMap::from([(label.into(), value.into())]), cidr: None }
    }
}
