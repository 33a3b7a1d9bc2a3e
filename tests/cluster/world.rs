//! A lab with kopnams in it: the chart installed, the operator running as the chart's own `ServiceAccount`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kopnams_lab::{AuditPolicy, Lab, LabOptions, Tools};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value, json};

use crate::audit::Audit;
use crate::kit::{furniture, is_ready, municipality, shown, text};
use crate::operator::Operator;

/// How long anything may take on a busy machine before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The kinds of guard rails inside a namespace.
pub const RAILS: [&str; 5] = ["ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount", "RoleBinding"];

/// A lab, a client of its admin, and the operator.
pub struct World {
    pub lab: Lab,
    pub admin: Client,
    operator: Mutex<Option<Operator>>,
    operator_config: PathBuf,
}

impl World {
    /// Starts a lab and installs the chart; the operator does not run yet and there are no objects of kopnams.
    pub async fn start() -> Self {
        Self::start_on(Lab::start(LabOptions { audit: Some(AuditPolicy::Metadata), ..LabOptions::default() }).unwrap()).await
    }

    /// The same on a lab that runs.
    pub async fn start_on(lab: Lab) -> Self {
        let admin = client(lab.kubeconfig(), |_| {}).await;
        let mut world = Self { lab, admin, operator: Mutex::default(), operator_config: PathBuf::new() };
        world.install();
        world.operator_config = world.config_of("kopnams");
        world
    }

    /// Installs the chart, with its definitions. There is no kubelet, so its pods never run.
    pub fn install(&self) {
        self.helm(&["install", "kopnams", concat!(env!("CARGO_MANIFEST_DIR"), "/charts/kopnams"), "--create-namespace"]);
    }

    /// Runs helm in the operator's namespace.
    pub fn helm(&self, args: &[&str]) {
        let output = Command::new(Tools::ensure().unwrap().helm())
            .args(args)
            .args(["--namespace", "kopnams-system"])
            .env_clear()
            .env("HOME", self.lab.folder())
            .env("KUBECONFIG", self.lab.kubeconfig())
            .output()
            .unwrap();
        assert!(output.status.success(), "helm {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A kubeconfig with a token of a `ServiceAccount` in the operator's namespace.
    pub fn config_of(&self, account: &str) -> PathBuf {
        let token = self.lab.kubectl(["create", "token", account, "--namespace=kopnams-system", "--duration=2h"]).unwrap();
        self.lab.kubeconfig_for_token(account, token.trim()).unwrap()
    }

    /// The platform, data classes and catalogue of these tests.
    pub async fn furnish(&self) {
        for object in furniture() {
            self.apply(&object).await;
        }
    }

    /// A client that acts as somebody in these groups.
    pub async fn as_member(&self, user: &str, groups: &[&str]) -> Client {
        client(self.lab.kubeconfig(), |config| {
            config.auth_info.impersonate = Some(user.into());
            config.auth_info.impersonate_groups = Some(groups.iter().map(ToString::to_string).collect());
        })
        .await
    }

    /// The audit log from now on.
    pub fn audit(&self) -> Audit {
        Audit::from_now(self.lab.audit_log().unwrap().to_owned())
    }

    /// Starts an operator as the user of a kubeconfig.
    pub fn start_operator_as(&self, kubeconfig: &Path) -> Operator {
        Operator::start(kubeconfig, &self.log())
    }

    /// Starts the operator if it does not run, and waits until it leads.
    pub async fn ensure_operator(&self) {
        if self.operator().is_none() {
            *self.operator() = Some(self.start_operator_as(&self.operator_config));
        }
        self.until("the operator is ready and leads", async || {
            let operator = self.operator();
            let there = operator.as_ref().is_some_and(|operator| operator.is_ready() && operator.leads());
            there.then_some(()).ok_or_else(|| "not yet".into())
        })
        .await;
    }

    /// The operator, to be frozen and thawed.
    pub fn operator(&self) -> MutexGuard<'_, Option<Operator>> {
        self.operator.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the operator by SIGKILL, and takes its lease away: it is surely dead, so nobody need wait for the lease's end.
    pub async fn kill_operator(&self) {
        *self.operator() = None;
        let lease = self.api("Lease", "kopnams-system").delete("kopnams", &DeleteParams::default()).await;
        assert!(lease.is_ok() || matches!(&lease, Err(kube::Error::Api(status)) if status.code == 404), "{lease:?}");
    }

    /// A new token, when the `ServiceAccount` was made anew.
    pub fn renew_operator_token(&mut self) {
        self.operator_config = self.config_of("kopnams");
    }

    /// Restarts the API server; connections that were open are gone.
    pub async fn restart_apiserver(&mut self) {
        self.lab.restart_apiserver().unwrap();
        self.admin = client(self.lab.kubeconfig(), |_| {}).await;
    }

    /// Ends the operator by SIGTERM, so that it gives its lease back.
    pub fn stop_operator(&self) {
        if let Some(mut operator) = self.operator().take() {
            operator.stop();
        }
    }

    /// Freezes the operator while something is done.
    pub async fn while_frozen(&self, doing: impl AsyncFnOnce()) {
        self.operator().as_ref().unwrap().freeze();
        doing().await;
        self.operator().as_ref().unwrap().thaw();
    }

    /// The API of a kind in a namespace, or in the whole cluster when it is empty.
    pub fn api(&self, kind: &str, namespace: &str) -> Api<DynamicObject> {
        api(&self.admin, kind, namespace)
    }

    /// An object, if it is there.
    pub async fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.api(kind, namespace).get_opt(name).await.unwrap().map(value)
    }

    /// Objects of a kind.
    pub async fn list(&self, kind: &str, namespace: &str) -> Vec<Value> {
        let listed = self.api(kind, namespace).list(&ListParams::default()).await.unwrap();
        let named = |object: DynamicObject| {
            let mut object = value(object);
            // Lists leave the kind out of their items.
            object["kind"] = json!(kind);
            object
        };
        listed.items.into_iter().map(named).collect()
    }

    /// Applies an object as an admin would, strictly.
    pub async fn apply(&self, object: &Value) -> Value {
        let params = PatchParams { field_validation: Some(kube::api::ValidationDirective::Strict), ..PatchParams::apply("test").force() };
        let name = text(object, "/metadata/name");
        let api = self.api(text(object, "/kind"), text(object, "/metadata/namespace"));
        match api.patch(name, &params, &Patch::Apply(object)).await {
            Ok(object) => value(object),
            Err(error) => panic!("{error}\n{}", shown(object)),
        }
    }

    /// Makes an object.
    pub async fn create(&self, object: &Value) -> Result<Value, kube::Error> {
        let object_: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let api = self.api(text(object, "/kind"), text(object, "/metadata/namespace"));
        api.create(&PostParams::default(), &object_).await.map(value)
    }

    /// Changes an object by a merge patch.
    pub async fn merge(&self, kind: &str, namespace: &str, name: &str, patch: &Value) -> Value {
        let patched = self.api(kind, namespace).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await;
        value(patched.unwrap_or_else(|error| panic!("{kind} {namespace}/{name}: {error}")))
    }

    /// Deletes an object without waiting for its end.
    pub async fn delete(&self, kind: &str, namespace: &str, name: &str) {
        let deleted = self.api(kind, namespace).delete(name, &DeleteParams::default()).await;
        deleted.unwrap_or_else(|error| panic!("delete {kind} {namespace}/{name}: {error}"));
    }

    /// Writes an object's own UID into the annotation by which the admission policies of the chart let an admin through.
    pub async fn allow(&self, kind: &str, namespace: &str, name: &str) {
        let live = self.get(kind, namespace, name).await.unwrap_or_else(|| panic!("there is no {kind} {namespace}/{name}"));
        self.merge(kind, namespace, name, &json!({"metadata": {"annotations": {"kopnams.lv/allow-delete": live["metadata"]["uid"]}}}))
            .await;
    }

    /// Deletes, as an admin who means it, what the admission policies keep.
    pub async fn delete_kept(&self, kind: &str, namespace: &str, name: &str) {
        self.allow(kind, namespace, name).await;
        self.delete(kind, namespace, name).await;
    }

    /// Waits until an object is gone.
    pub async fn gone(&self, kind: &str, namespace: &str, name: &str) {
        self.until(&format!("{kind} {namespace}/{name} is gone"), async || {
            self.get(kind, namespace, name).await.map_or(Ok(()), |object| Err(shown(&object)))
        })
        .await;
    }

    /// Waits until something can be seen; what is seen instead is in the failure's message.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFnMut() -> Result<T, String>) -> T {
        self.within(PATIENCE, what, look).await
    }

    /// The same with a limit.
    pub async fn within<T>(&self, limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
        let begun = Instant::now();
        loop {
            match look().await {
                Ok(seen) => return seen,
                Err(_) if begun.elapsed() < limit => tokio::time::sleep(Duration::from_millis(25)).await,
                Err(instead) => panic!("expected: {what}\nnot within {limit:?}; instead:\n{instead}\n{}", self.last_log()),
            }
        }
    }

    /// Waits until an object is as expected.
    pub async fn see(&self, kind: &str, namespace: &str, name: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        self.until(&format!("{kind} {namespace}/{name}: {what}"), async || match self.get(kind, namespace, name).await {
            Some(object) if holds(&object) => Ok(object),
            Some(object) => Err(shown(&object)),
            None => Err("it does not exist".into()),
        })
        .await
    }

    /// Waits until a request is Ready.
    pub async fn ready_app(&self, slug: &str, name: &str) -> Value {
        self.see("MunicipalityApp", slug, name, "Ready", is_ready).await
    }

    /// Waits until a municipality is Ready.
    pub async fn ready_municipality(&self, slug: &str) -> Value {
        self.see("Municipality", "", slug, "Ready", is_ready).await
    }

    /// Applies a municipality and waits until its home is live.
    pub async fn settle(&self, slug: &str) -> Value {
        self.apply(&municipality(slug)).await;
        self.ready_municipality(slug).await
    }

    /// Applies a request and waits until it is Ready.
    pub async fn open(&self, app: &Value) -> Value {
        self.apply(app).await;
        self.ready_app(text(app, "/metadata/namespace"), text(app, "/metadata/name")).await
    }

    /// Every guard rail of a namespace.
    pub async fn rails(&self, namespace: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for kind in RAILS {
            all.extend(self.list(kind, namespace).await);
        }
        all
    }

    fn log(&self) -> PathBuf {
        self.lab.folder().join("operator.log")
    }

    fn last_log(&self) -> String {
        let text = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("the operator's log:\n{}", lines[lines.len().saturating_sub(15)..].join("\n"))
    }
}

/// A client by a kubeconfig, changed before it is used.
pub async fn client(kubeconfig: &Path, change: impl FnOnce(&mut Config)) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    change(&mut config);
    Client::try_from(config).unwrap()
}

/// The API of a kind as a client sees it.
pub fn api(client: &Client, kind: &str, namespace: &str) -> Api<DynamicObject> {
    let resource = resource(kind);
    if namespace.is_empty() { Api::all_with(client.clone(), &resource) } else { Api::namespaced_with(client.clone(), namespace, &resource) }
}

fn resource(kind: &str) -> ApiResource {
    let (group, version, plural) = match kind {
        "Namespace"
        | "ResourceQuota"
        | "LimitRange"
        | "ServiceAccount"
        | "Secret"
        | "ConfigMap"
        | "Pod"
        | "PersistentVolumeClaim"
        | "Service"
        | "Event" => ("", "v1", format!("{}s", kind.to_lowercase())),
        "NetworkPolicy" => ("networking.k8s.io", "v1", "networkpolicies".into()),
        "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding" => {
            ("rbac.authorization.k8s.io", "v1", format!("{}s", kind.to_lowercase()))
        }
        "Deployment" | "StatefulSet" | "ControllerRevision" => ("apps", "v1", format!("{}s", kind.to_lowercase())),
        "Job" | "CronJob" => ("batch", "v1", format!("{}s", kind.to_lowercase())),
        "PodDisruptionBudget" => ("policy", "v1", "poddisruptionbudgets".into()),
        "Ingress" => ("networking.k8s.io", "v1", "ingresses".into()),
        "Lease" => ("coordination.k8s.io", "v1", "leases".into()),
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1", "customresourcedefinitions".into()),
        "ValidatingAdmissionPolicy" => ("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies".into()),
        "ValidatingAdmissionPolicyBinding" => ("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings".into()),
        "Node" => ("", "v1", "nodes".into()),
        "PersistentVolume" => ("", "v1", "persistentvolumes".into()),
        "ReplicaSet" => ("apps", "v1", "replicasets".into()),
        "BackupTarget" | "BackupVault" | "BackupRun" | "RestoreRun" | "RestoreDrill" => {
            ("kopnams.lv", "v1alpha1", format!("{}s", kind.to_lowercase()))
        }
        "GitRepository" => ("source.toolkit.fluxcd.io", "v1", "gitrepositories".into()),
        "Kustomization" => ("kustomize.toolkit.fluxcd.io", "v1", "kustomizations".into()),
        "Municipality" => ("kopnams.lv", "v1alpha1", "municipalities".into()),
        "DataClass" => ("kopnams.lv", "v1alpha1", "dataclasses".into()),
        "Platform" | "HostedSystem" | "MunicipalityApp" => ("kopnams.lv", "v1alpha1", format!("{}s", kind.to_lowercase())),
        other => panic!("add {other} to the kinds of these tests"),
    };
    let api_version = if group.is_empty() { version.to_string() } else { format!("{group}/{version}") };
    ApiResource { group: group.into(), version: version.into(), api_version, kind: kind.into(), plural }
}

fn value(object: DynamicObject) -> Value {
    serde_json::to_value(object).unwrap()
}
