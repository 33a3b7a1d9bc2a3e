//! Access: the members' two roles, the operator's own rights in the tenant, and a `ServiceAccount`
//! without a token.

use super::meta::{Identity, Owner};
use super::object::Object;
use crate::request::municipality::{Member, Role};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{RoleBinding, RoleRef, Subject};
use std::collections::BTreeSet;

const RBAC: &str = "rbac.authorization.k8s.io";

/// One binding for each role that has members; without members there is none.
#[must_use]
pub fn of_members(owner: Owner<'_>, members: &[Member]) -> Vec<Object> {
    let roles = [(Role::Operator, "kopnams-operators", "kopnams-operator"), (Role::Viewer, "kopnams-viewers", "kopnams-viewer")];
    let bind = |(role, name, cluster_role): (Role, &str, &str)| {
        let groups: BTreeSet<&str> = members.iter().filter(|m| m.role == role).map(|m| m.name.as_str()).collect();
        // A group of Kubernetes itself is refused by policy; here nothing is bound to one whatever happens.
        let allowed: Vec<Subject> = groups.into_iter().filter(|name| !name.starts_with("system:")).map(group).collect();
        (!allowed.is_empty()).then(|| binding(owner, name, cluster_role, allowed))
    };
    roles.into_iter().filter_map(bind).collect()
}

/// The operator's rights inside the tenant, so that the API server itself refuses a wrong one elsewhere.
#[must_use]
pub fn of_operator(owner: Owner<'_>, identity: &Identity) -> Object {
    let subject = Subject {
        kind: "ServiceAccount".into(),
        name: identity.service_account.clone(),
        namespace: Some(identity.namespace.clone()),
        api_group: None,
    };
    binding(owner, "kopnams-tenant", "kopnams-tenant", vec![subject])
}

/// Pods that name no `ServiceAccount` get no token.
#[must_use]
pub fn default_service_account(owner: Owner<'_>) -> Object {
    Object::ServiceAccount(ServiceAccount {
        metadata: owner.meta("default"),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    })
}

fn group(name: &str) -> Subject {
    Subject { kind: "Group".into(), name: name.to_string(), namespace: None, api_group: Some(RBAC.into()) }
}

fn binding(owner: Owner<'_>, name: &str, cluster_role: &str, subjects: Vec<Subject>) -> Object {
    let role_ref = RoleRef { api_group: Some(RBAC.into()), kind: "ClusterRole".into(), name: cluster_role.to_string() };
    Object::RoleBinding(RoleBinding { metadata: owner.meta(name), role_ref, subjects: Some(subjects) })
}
