//! What shall exist: a grant in, the complete set of objects out. Pure and infallible.
//!
//! Every default that the API server would fill in is written out, so that a live object either
//! equals the desired one or has drifted. One file per kind.

pub mod access;
pub mod limits;
pub mod meta;
pub mod namespace;
pub mod network;
pub mod object;
pub mod quota;
pub mod workload;

pub use meta::{Identity, Owner};
pub use namespace::Seals;
pub use object::{Content, Kind, Object};
pub use workload::Workload;

use crate::policy::AppKey;
use crate::request::app::Grant;
use crate::request::municipality::Member;
use crate::request::platform::{DestinationPeer, PlatformSpec};

/// Everything of one namespace: the namespace and its guard rails, which come before any workload, and the workload.
#[derive(Clone, Debug)]
pub struct DesiredSet {
    /// The namespace itself.
    pub namespace: Object,
    /// Quotas, limits, network policies and access.
    pub guards: Vec<Object>,
    /// The system that runs there, in the order in which it is made. None when it is not known what it shall be,
    /// as when its template has gone: what is there is then neither repaired nor pruned.
    pub workload: Option<Vec<Object>>,
}

impl DesiredSet {
    /// The namespace's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// All objects, the namespace first.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        std::iter::once(&self.namespace).chain(&self.guards).chain(self.workload.iter().flatten())
    }
}

/// What an app's namespace is made from.
#[derive(Clone, Copy, Debug)]
pub struct AppTenant<'a> {
    /// Whose app it is.
    pub key: &'a AppKey,
    /// What was granted.
    pub grant: &'a Grant,
    /// The tenant's UUID; empty in an offline plan, which cannot know it.
    pub tenant_id: &'a str,
    /// The proofs of ownership; none in an offline plan.
    pub seals: Option<&'a Seals>,
    /// Since when the tenant is retiring, if it is.
    pub retiring: Option<&'a str>,
    /// The municipality's groups.
    pub members: &'a [Member],
    /// The system that runs in it; none when it is not known.
    pub workload: Option<Workload<'a>>,
    /// Where its backups go; empty without any.
    pub backup: &'a [DestinationPeer],
}

/// Everything of an app's namespace.
#[must_use]
pub fn app(tenant: AppTenant<'_>, settings: &PlatformSpec, identity: &Identity) -> DesiredSet {
    let name = tenant.key.namespace();
    let owner = Owner { namespace: &name, municipality: &tenant.key.municipality, app: Some(&tenant.key.app), tenant_id: tenant.tenant_id };
    let size = &tenant.grant.size;
    let mut guards = quota::of_app(owner, size);
    guards.push(limits::defaults(owner, size));
    guards.extend(network::of_app(owner, tenant.grant, settings));
    guards.extend(network::of_backups(owner, tenant.backup));
    guards.push(access::default_service_account(owner));
    guards.push(access::of_operator(owner, identity));
    guards.extend(access::of_members(owner, tenant.members));
    let workload = tenant.workload.map(|workload| workload::of_app(owner, tenant.grant, workload, settings));
    sealed(namespace::of_app(owner, tenant), guards, workload)
}

/// Everything of a municipality's home namespace, in which requests live and nothing runs.
#[must_use]
pub fn home(municipality: &str, tenant_id: &str, seals: Option<&Seals>, members: &[Member]) -> DesiredSet {
    let owner = Owner { namespace: municipality, municipality, app: None, tenant_id };
    let mut guards = vec![quota::of_home(owner), network::default_deny(owner), access::default_service_account(owner)];
    guards.extend(access::of_members(owner, members));
    sealed(namespace::of_home(owner, seals), guards, Some(Vec::new()))
}

fn sealed(namespace: Object, guards: Vec<Object>, workload: Option<Vec<Object>>) -> DesiredSet {
    let mut set = DesiredSet { namespace, guards, workload };
    set.namespace.write_intent();
    set.guards.iter_mut().chain(set.workload.iter_mut().flatten()).for_each(Object::write_intent);
    set
}
