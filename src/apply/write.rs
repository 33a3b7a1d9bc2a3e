//! Writing single objects: make, replace, delete. Each returns what the API server now has.

use super::{ApplyError, Gate};
use crate::desired::object::{is_named, is_ours};
use crate::desired::{Kind, Object};
use crate::request::names::{DEED, INTENT, MANAGER};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{LimitRange, Namespace, ResourceQuota, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions, PropagationPolicy};
use kube::core::DynamicObject;
use kube::{Api, Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use uuid::Uuid;

/// What a write came to.
#[derive(Debug)]
pub enum Wrote {
    /// The object as the API server now has it.
    Live(Box<Object>),
    /// It is gone, or will be when its finalizers are.
    Gone,
}

/// Writes objects through a gate.
#[derive(Clone)]
pub struct Writer {
    client: Client,
    gate: Gate,
}

impl Writer {
    /// A writer with this client.
    #[must_use]
    pub fn new(client: Client, gate: Gate) -> Self {
        Self { client, gate }
    }

    /// The gate, for writes that are not objects of a tenant, such as status.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The client, for the same.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Makes an object. A namespace that exists is a conflict; a guard rail that exists is replaced.
    pub async fn create(&self, object: &Object) -> Result<Object, ApplyError> {
        let made = match object {
            Object::Namespace(o) => {
                return self.post(Api::all(self.client.clone()), o).await.map(Object::Namespace);
            }
            // The control plane makes this one itself at any moment, so it is applied, whether it is there or not.
            Object::ServiceAccount(o) => return self.apply(o).await.map(Object::ServiceAccount),
            Object::ResourceQuota(o) => self.post(self.api(o), o).await.map(Object::ResourceQuota),
            Object::LimitRange(o) => self.post(self.api(o), o).await.map(Object::LimitRange),
            Object::NetworkPolicy(o) => self.post(self.api(o), o).await.map(Object::NetworkPolicy),
            Object::RoleBinding(o) => self.post(self.api(o), o).await.map(Object::RoleBinding),
            Object::Workload(kind, o) => self.post(self.workloads(*kind, object.namespace())?, o).await.map(|o| workload(*kind, o)),
        };
        match made {
            Err(ApplyError::Conflict) => self.replace(object).await,
            other => other,
        }
    }

    /// Makes an object whose name says what it is for, and returns the one that has this name: one that is there already is
    /// left as it is.
    pub async fn create_once(&self, object: &Object) -> Result<Object, ApplyError> {
        let Object::Workload(kind, wanted) = object else {
            return Err(ApplyError::Invalid(format!("{} is no workload", object.kind())));
        };
        let api = self.workloads(*kind, object.namespace())?;
        let made = match self.post(api.clone(), wanted.as_ref()).await {
            Err(ApplyError::Conflict) => self.gate.pass(api.get(object.name())).await,
            other => other,
        };
        made.map(|object| workload(*kind, object))
    }

    /// Puts the desired content in the place of whatever the object has; others' labels and annotations stay.
    pub async fn replace(&self, object: &Object) -> Result<Object, ApplyError> {
        match object {
            Object::Namespace(o) => {
                let api: Api<Namespace> = Api::all(self.client.clone());
                let Some(live) = self.gate.pass(api.get_opt(object.name())).await? else { return Err(ApplyError::Conflict) };
                // Whatever the index said, only a namespace with this very deed is the operator's.
                let deed = |meta: &ObjectMeta| meta.annotations.as_ref().and_then(|a| a.get(DEED)).cloned();
                if deed(&live.metadata) != deed(&o.metadata) {
                    return Err(ApplyError::Foreign { kind: Kind::Namespace, name: object.name().to_string() });
                }
                let merged = Namespace { metadata: merged(live.metadata, &o.metadata), ..live };
                let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
                self.gate.pass(api.replace(object.name(), &params, &merged)).await.map(Object::Namespace)
            }
            Object::ServiceAccount(o) => {
                let put = |live: ServiceAccount| ServiceAccount {
                    metadata: merged(live.metadata, &o.metadata),
                    automount_service_account_token: o.automount_service_account_token,
                    ..live
                };
                self.put(self.api(o), o, put).await.map(Object::ServiceAccount)
            }
            Object::ResourceQuota(o) => {
                let put = |live: ResourceQuota| ResourceQuota { metadata: merged(live.metadata, &o.metadata), ..o.clone() };
                self.put(self.api(o), o, put).await.map(Object::ResourceQuota)
            }
            Object::LimitRange(o) => {
                let put = |live: LimitRange| LimitRange { metadata: merged(live.metadata, &o.metadata), ..o.clone() };
                self.put(self.api(o), o, put).await.map(Object::LimitRange)
            }
            Object::NetworkPolicy(o) => {
                let put = |live: NetworkPolicy| NetworkPolicy { metadata: merged(live.metadata, &o.metadata), ..o.clone() };
                self.put(self.api(o), o, put).await.map(Object::NetworkPolicy)
            }
            Object::RoleBinding(o) => self.replace_binding(o).await.map(Object::RoleBinding),
            Object::Workload(kind, o) => self.replace_workload(*kind, o).await.map(|o| workload(*kind, o)),
        }
    }

    /// Deletes exactly the object with this UID; one that is gone already counts as deleted.
    pub async fn delete(&self, kind: Kind, namespace: &str, name: &str, uid: Uuid) -> Result<(), ApplyError> {
        let client = self.client.clone();
        match kind {
            Kind::Namespace => self.remove(Api::<Namespace>::all(client), name, uid).await,
            Kind::ResourceQuota => self.remove(Api::<ResourceQuota>::namespaced(client, namespace), name, uid).await,
            Kind::LimitRange => self.remove(Api::<LimitRange>::namespaced(client, namespace), name, uid).await,
            Kind::NetworkPolicy => self.remove(Api::<NetworkPolicy>::namespaced(client, namespace), name, uid).await,
            Kind::ServiceAccount => self.remove(Api::<ServiceAccount>::namespaced(client, namespace), name, uid).await,
            Kind::RoleBinding => self.remove(Api::<RoleBinding>::namespaced(client, namespace), name, uid).await,
            workload => self.remove(self.workloads(workload, namespace)?, name, uid).await,
        }
    }

    /// A namespace as the API server has it now.
    pub async fn look_at_namespace(&self, name: &str) -> Result<Option<Namespace>, ApplyError> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        self.gate.pass(api.get_opt(name)).await
    }

    fn api<K>(&self, object: &K) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), object.meta().namespace.as_deref().unwrap_or_default())
    }

    fn workloads(&self, kind: Kind, namespace: &str) -> Result<Api<DynamicObject>, ApplyError> {
        let resource = kind.resource().ok_or_else(|| ApplyError::Invalid(format!("{kind} is no workload")))?;
        Ok(Api::namespaced_with(self.client.clone(), namespace, &resource))
    }

    /// What cannot be changed in place is made anew (a job), or kept as it is (the address of a service, the volume of a claim).
    async fn replace_workload(&self, kind: Kind, wanted: &DynamicObject) -> Result<DynamicObject, ApplyError> {
        let api = self.workloads(kind, wanted.metadata.namespace.as_deref().unwrap_or_default())?;
        let name = wanted.metadata.name.as_deref().unwrap_or_default();
        let Some(live) = self.gate.pass(api.get_opt(name)).await? else {
            return self.post(api, wanted).await;
        };
        if kind == Kind::Job && !crate::template::defaults::same_job(&live.data, &wanted.data) {
            let uid = live.metadata.uid.as_deref().and_then(|uid| Uuid::parse_str(uid).ok()).unwrap_or_default();
            self.remove(api.clone(), name, uid).await?;
            return self.post(api, wanted).await;
        }
        let mut next = wanted.clone();
        let mut keep = |path: &[&str]| {
            if let (Some(held), Some(spec)) = (live.data.get("spec"), next.data.get_mut("spec").and_then(serde_json::Value::as_object_mut))
            {
                for field in path {
                    if let (None, Some(value)) = (spec.get(*field), held.get(*field)) {
                        spec.insert((*field).to_string(), value.clone());
                    }
                }
            }
        };
        match kind {
            // Paused or resumed: the rest cannot be changed, and is the same.
            Kind::Job => {
                let suspend = wanted.data.pointer("/spec/suspend").cloned().unwrap_or_default();
                next.data = live.data.clone();
                next.data["spec"]["suspend"] = suspend;
            }
            Kind::Service => keep(&["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]),
            Kind::PersistentVolumeClaim => keep(&["volumeName", "storageClassName"]),
            _ => {}
        }
        next.metadata = merged(live.metadata, &wanted.metadata);
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        self.gate.pass(api.replace(name, &params, &next)).await
    }

    async fn post<K>(&self, api: Api<K>, object: &K) -> Result<K, ApplyError>
    where
        K: Clone + Debug + Serialize + DeserializeOwned,
    {
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        self.gate.pass(api.create(&params, object)).await
    }

    async fn apply<K>(&self, object: &K) -> Result<K, ApplyError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let params = PatchParams::apply(MANAGER).force();
        let name = object.meta().name.as_deref().unwrap_or_default();
        self.gate.pass(self.api(object).patch(name, &params, &Patch::Apply(object))).await
    }

    /// Reads, changes and writes with the version that was read; made anew when it is gone.
    async fn put<K>(&self, api: Api<K>, object: &K, change: impl FnOnce(K) -> K) -> Result<K, ApplyError>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let name = object.meta().name.as_deref().unwrap_or_default();
        let Some(live) = self.gate.pass(api.get_opt(name)).await? else {
            return self.post(api, object).await;
        };
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        self.gate.pass(api.replace(name, &params, &change(live))).await
    }

    /// What a binding binds to cannot be changed, so a binding to something else is made anew.
    async fn replace_binding(&self, wanted: &RoleBinding) -> Result<RoleBinding, ApplyError> {
        let api = self.api(wanted);
        let name = wanted.metadata.name.as_deref().unwrap_or_default();
        if let Some(live) = self.gate.pass(api.get_opt(name)).await?
            && live.role_ref != wanted.role_ref
        {
            let uid = live.metadata.uid.as_deref().and_then(|uid| Uuid::parse_str(uid).ok()).unwrap_or_default();
            self.remove(api.clone(), name, uid).await?;
            return self.post(api, wanted).await;
        }
        self.put(api, wanted, |live| RoleBinding { metadata: merged(live.metadata, &wanted.metadata), ..wanted.clone() }).await
    }

    async fn remove<K>(&self, api: Api<K>, name: &str, uid: Uuid) -> Result<(), ApplyError>
    where
        K: Clone + Debug + DeserializeOwned,
    {
        let preconditions = Preconditions { uid: Some(uid.to_string()), resource_version: None };
        // Pods and jobs go with what made them.
        let params = DeleteParams {
            preconditions: Some(preconditions),
            propagation_policy: Some(PropagationPolicy::Background),
            ..DeleteParams::default()
        };
        let request = async {
            match api.delete(name, &params).await {
                Ok(_) => Ok(()),
                // Gone, or another object of that name, which is not meant.
                Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
                Err(other) => Err(other),
            }
        };
        self.gate.pass(request).await
    }
}

fn workload(kind: Kind, object: DynamicObject) -> Object {
    Object::Workload(kind, Box::new(object))
}

/// The live metadata with the operator's labels and annotations as desired; others' stay as they are.
fn merged(live: ObjectMeta, desired: &ObjectMeta) -> ObjectMeta {
    let combine = |live: Option<BTreeMap<String, String>>, wanted: &Option<BTreeMap<String, String>>| {
        let foreign = live.iter().flatten().filter(|(key, _)| !is_ours(key) && *key != INTENT && !is_named(live.as_ref(), key));
        let foreign = foreign.map(|(key, value)| (key.clone(), value.clone()));
        let all: BTreeMap<_, _> = foreign.chain(wanted.clone().into_iter().flatten()).collect();
        (!all.is_empty()).then_some(all)
    };
    ObjectMeta {
        labels: combine(live.labels, &desired.labels),
        annotations: combine(live.annotations, &desired.annotations),
        managed_fields: None,
        ..live
    }
}
