//! What every client of the benchmark finds: definitions, a platform, and requests that nobody answered.

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kopnams::request::{DataClass, HostedSystem, Municipality, MunicipalityApp};
use kopnams_lab::{AuditPolicy, Lab, LabOptions, Token};
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who works with the API server, in its audit log.
pub const USER: &str = "bench";

/// A fresh control plane that writes down each request, an admin's client, and the configuration of [`USER`].
pub async fn control_plane() -> Result<(Lab, Client, PathBuf)> {
    let token = "bench-token-of-this-run-only";
    let options = LabOptions {
        audit: Some(AuditPolicy::Metadata),
        tokens: vec![Token::new(token, USER, ["system:masters"])],
        ..LabOptions::default()
    };
    let lab = tokio::task::spawn_blocking(move || Lab::start(options)).await??;
    let kubeconfig = lab.kubeconfig_for_token(USER, token)?;
    let client = client(lab.kubeconfig()).await?;
    Ok((lab, client, kubeconfig))
}

/// Apps of one municipality.
pub const PER_MUNICIPALITY: usize = 10;

/// A client that repeats nothing by itself.
pub async fn client(kubeconfig: &Path) -> Result<Client> {
    let mut config = Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// Name of the municipality of an app.
pub fn municipality(app: usize) -> String {
    format!("bench-{}", app / PER_MUNICIPALITY)
}

/// Name of an app.
pub fn app(app: usize) -> String {
    format!("app-{app}")
}

/// Makes the platform, the homes' namespaces and the requests.
pub async fn prepare(client: &Client, apps: usize) -> Result<()> {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    for definition in kopnams::request::crds() {
        definitions.create(&PostParams::default(), &definition).await?;
    }
    let name = "municipalityapps.kopnams.lv";
    let established = kube::runtime::wait::await_condition(definitions, name, kube::runtime::conditions::is_crd_established());
    tokio::time::timeout(Duration::from_secs(20), established).await.context("the definitions were not established")??;
    tokio::time::sleep(Duration::from_secs(2)).await;
    post::<DataClass>(
        &Api::all(client.clone()),
        json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "DataClass", "metadata": {"name": "open"},
            "spec": {"title": {"lv": "Atvērti dati", "en": "Open data"}, "rank": 0},
        }),
    )
    .await?;
    post::<HostedSystem>(
        &Api::all(client.clone()),
        json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "HostedSystem", "metadata": {"name": "website"},
            "spec": {
                "title": {"lv": "Tīmekļa vietne", "en": "Website"}, "maintainer": "platform", "category": "communication",
                "dataClass": "open", "defaultVersion": "1.0", "defaultSize": "small",
                "sizes": {"small": {"cpu": "250m", "memory": "512Mi", "storage": "2Gi", "pods": 5}},
                "versions": [{"name": "1.0", "objects": []}],
            },
        }),
    )
    .await?;
    let municipalities = apps.div_ceil(PER_MUNICIPALITY);
    stream::iter(0..municipalities).map(|n| prepare_municipality(client, n)).buffer_unordered(16).try_collect::<Vec<_>>().await?;
    stream::iter(0..apps).map(|n| prepare_app(client, n)).buffer_unordered(32).try_collect::<Vec<_>>().await?;
    Ok(())
}

async fn prepare_municipality(client: &Client, n: usize) -> Result<()> {
    let name = format!("bench-{n}");
    post::<Municipality>(
        &Api::all(client.clone()),
        json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "Municipality", "metadata": {"name": name},
            "spec": {
                "code": format!("{:07}", 9_000_000 + n), "title": {"lv": "Mērījums", "en": "Benchmark"}, "peerGroup": "municipality",
                "allotment": {"cpu": "100", "memory": "500Gi", "storage": "1000Gi", "apps": 1000},
                "zones": [format!("{name}.example.lv")],
                "members": [{"role": "operator", "name": format!("{name}:it")}, {"role": "viewer", "name": format!("{name}:staff")}],
                "contacts": {"technical": "it@example.lv", "security": "drosiba@example.lv", "dataProtection": "dati@example.lv"},
            },
        }),
    )
    .await?;
    // The requests need their namespace before an operator runs: it is the home, with its deed, once one does.
    let key = deed_key();
    let tenant = uuid::Uuid::new_v4().to_string();
    let seals = key.seals(&name, &tenant, None);
    let set = kopnams::desired::home(&name, &tenant, Some(&seals), &[]);
    let kopnams::desired::Object::Namespace(namespace) = set.namespace else { anyhow::bail!("a home is a namespace") };
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await?;
    Ok(())
}

async fn prepare_app(client: &Client, n: usize) -> Result<()> {
    let (municipality, app) = (municipality(n), app(n));
    post::<MunicipalityApp>(
        &Api::namespaced(client.clone(), &municipality),
        json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "MunicipalityApp", "metadata": {"name": app, "namespace": municipality},
            "spec": {"system": "website", "hostname": format!("{app}.{municipality}.example.lv")},
        }),
    )
    .await
}

/// The key that both the prepared homes and the operator use.
pub fn deed_key() -> kopnams::live::DeedKey {
    kopnams::live::DeedKey::from_bytes(&[7; 32]).unwrap_or_else(|| unreachable!("the key has its length"))
}

/// The operator's namespace and the key of deeds.
pub async fn operator_surroundings(client: &Client) -> Result<()> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kopnams-system"}});
    post::<Namespace>(&Api::all(client.clone()), namespace).await?;
    let secret = k8s_openapi::api::core::v1::Secret {
        metadata: kube::api::ObjectMeta { name: Some("kopnams-deed-key".into()), ..Default::default() },
        data: Some([("key".to_string(), k8s_openapi::ByteString(vec![7; 32]))].into()),
        ..Default::default()
    };
    Api::namespaced(client.clone(), "kopnams-system").create(&PostParams::default(), &secret).await?;
    for role in ["kopnams-viewer", "kopnams-operator", "kopnams-tenant"] {
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": role}, "rules": []});
        post::<k8s_openapi::api::rbac::v1::ClusterRole>(&Api::all(client.clone()), role).await?;
    }
    Ok(())
}

async fn post<K>(api: &Api<K>, value: serde_json::Value) -> Result<()>
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let object: K = serde_json::from_value(value)?;
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}
