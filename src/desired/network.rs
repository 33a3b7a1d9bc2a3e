//! Network policies: everything is denied in both directions, then a few named connections are allowed.
//!
//! A list of peers that is empty renders no policy at all: an empty `from` would allow everybody.

use super::meta::Owner;
use super::object::Object;
use crate::request::app::Grant;
use crate::request::names::RUN;
use crate::request::platform::{DestinationPeer, Peer, PlatformSpec};
use k8s_openapi::api::networking::v1::{
    IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use std::collections::BTreeMap;

const INGRESS: &str = "Ingress";
const EGRESS: &str = "Egress";

/// The policies of an app.
#[must_use]
pub fn of_app(owner: Owner<'_>, grant: &Grant, settings: &PlatformSpec) -> Vec<Object> {
    let mut policies = vec![default_deny(owner), same_namespace(owner)];
    policies.extend(dns(owner, &settings.dns));
    if grant.hostname.is_some() {
        policies.extend(ingress(owner, &settings.ingress.from));
    }
    for name in &grant.egress {
        policies.extend(settings.egress.get(name).and_then(|destination| egress(owner, name, destination)));
    }
    policies
}

/// Denies every connection in both directions.
#[must_use]
pub fn default_deny(owner: Owner<'_>) -> Object {
    policy(owner, "default-deny", vec![], vec![], &[INGRESS, EGRESS])
}

fn same_namespace(owner: Owner<'_>) -> Object {
    let inside = NetworkPolicyPeer { pod_selector: Some(LabelSelector::default()), ..NetworkPolicyPeer::default() };
    let from = NetworkPolicyIngressRule { from: Some(vec![inside.clone()]), ports: None };
    let to = NetworkPolicyEgressRule { to: Some(vec![inside]), ports: None };
    policy(owner, "allow-same-namespace", vec![from], vec![to], &[INGRESS, EGRESS])
}

fn dns(owner: Owner<'_>, servers: &[Peer]) -> Option<Object> {
    let to = peers(servers)?;
    let rule = NetworkPolicyEgressRule { to: Some(to), ports: Some(vec![port("UDP", 53), port("TCP", 53)]) };
    Some(policy(owner, "allow-dns", vec![], vec![rule], &[EGRESS]))
}

fn ingress(owner: Owner<'_>, controllers: &[Peer]) -> Option<Object> {
    let rule = NetworkPolicyIngressRule { from: Some(peers(controllers)?), ports: None };
    Some(policy(owner, "allow-ingress", vec![rule], vec![], &[INGRESS]))
}

/// Only pods that work on backups may connect to where they go.
#[must_use]
pub fn of_backups(owner: Owner<'_>, target: &[DestinationPeer]) -> Option<Object> {
    let rules = egress_rules(target);
    if rules.is_empty() {
        return None;
    }
    let Object::NetworkPolicy(mut made) = policy(owner, "backup-egress", vec![], rules, &[EGRESS]) else { return None };
    let runs = LabelSelectorRequirement { key: RUN.into(), operator: "Exists".into(), values: None };
    if let Some(spec) = made.spec.as_mut() {
        spec.pod_selector = Some(LabelSelector { match_expressions: Some(vec![runs]), match_labels: None });
    }
    Some(Object::NetworkPolicy(made))
}

/// What work in kopnams-vault may connect to: names, and one target.
#[must_use]
pub fn of_workshop(owner: Owner<'_>, name: &str, target: &[DestinationPeer], settings: &PlatformSpec) -> Vec<Object> {
    let rules = egress_rules(target);
    let out = (!rules.is_empty()).then(|| policy(owner, &format!("target-{name}"), vec![], rules, &[EGRESS]));
    dns(owner, &settings.dns).into_iter().chain(out).collect()
}

fn egress(owner: Owner<'_>, name: &str, destination: &[DestinationPeer]) -> Option<Object> {
    let rules = egress_rules(destination);
    (!rules.is_empty()).then(|| policy(owner, &format!("egress-{name}"), vec![], rules, &[EGRESS]))
}

fn egress_rules(destination: &[DestinationPeer]) -> Vec<NetworkPolicyEgressRule> {
    let rule = |peer: &DestinationPeer| {
        let to = peer_of(peer.cidr.as_deref(), peer.namespace.as_deref(), &peer.pod_labels);
        let ports: Vec<_> = peer.ports.iter().map(|number| port("TCP", i32::from(*number))).collect();
        (!ports.is_empty()).then(|| NetworkPolicyEgressRule { to: Some(vec![to]), ports: Some(ports) })
    };
    destination.iter().filter_map(rule).collect()
}

fn peers(from: &[Peer]) -> Option<Vec<NetworkPolicyPeer>> {
    let peer = |p: &Peer| peer_of(p.cidr.as_deref(), p.namespace.as_deref(), &p.pod_labels);
    (!from.is_empty()).then(|| from.iter().map(peer).collect())
}

/// A range of addresses, or pods of one namespace by the label that the API server itself sets on it.
fn peer_of(cidr: Option<&str>, namespace: Option<&str>, pod_labels: &BTreeMap<String, String>) -> NetworkPolicyPeer {
    if let Some(cidr) = cidr {
        let block = IPBlock { cidr: cidr.to_string(), except: None };
        return NetworkPolicyPeer { ip_block: Some(block), ..NetworkPolicyPeer::default() };
    }
    // A peer that names neither selects a namespace without a name, which is nobody.
    let named = BTreeMap::from([("kubernetes.io/metadata.name".to_string(), namespace.unwrap_or_default().to_string())]);
    let labels = |map: &BTreeMap<String, String>| LabelSelector { match_labels: Some(map.clone()), match_expressions: None };
    NetworkPolicyPeer {
        ip_block: None,
        namespace_selector: Some(labels(&named)),
        pod_selector: (!pod_labels.is_empty()).then(|| labels(pod_labels)),
    }
}

fn port(protocol: &str, number: i32) -> NetworkPolicyPort {
    NetworkPolicyPort { protocol: Some(protocol.to_string()), port: Some(IntOrString::Int(number)), end_port: None }
}

fn policy(
    owner: Owner<'_>,
    name: &str,
    ingress: Vec<NetworkPolicyIngressRule>,
    egress: Vec<NetworkPolicyEgressRule>,
    types: &[&str],
) -> Object {
    let spec = NetworkPolicySpec {
        pod_selector: Some(LabelSelector::default()),
        ingress: (!ingress.is_empty()).then_some(ingress),
        egress: (!egress.is_empty()).then_some(egress),
        policy_types: Some(types.iter().map(|t| (*t).to_string()).collect()),
    };
    Object::NetworkPolicy(NetworkPolicy { metadata: owner.meta(name), spec: Some(spec) })
}
