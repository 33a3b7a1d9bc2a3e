//! Where backups are made, and the moment in which all of them are due.

use anyhow::Result;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kopnams::request::backup::VAULT_NAMESPACE;
use kopnams::request::{BackupTarget, Platform};
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};
use std::io::{Read, Write};

/// The namespace in which the work is done, and the target's key.
pub async fn workshop(client: &Client) -> Result<()> {
    post::<Namespace>(&Api::all(client.clone()), json!({"metadata": {"name": VAULT_NAMESPACE}})).await?;
    let key = json!({"metadata": {"name": "s3-maintainer"}, "stringData": {"access-key": "bench", "secret-key": "bench"}});
    post::<Secret>(&Api::namespaced(client.clone(), VAULT_NAMESPACE), key).await
}

/// The platform gets backups, and those of all apps are due at once.
pub async fn begin_backups(client: &Client, pool: usize) -> Result<()> {
    let target = json!({
        "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupTarget", "metadata": {"name": "s3"},
        "spec": {
            "endpoint": answering()?, "bucket": "kopnams", "isolation": "perApp", "maintainerSecret": "s3-maintainer",
            "egress": [{"cidr": "192.0.2.9/32", "ports": [443]}],
        },
    });
    post::<BackupTarget>(&Api::all(client.clone()), target).await?;
    let image = format!("localhost/kopnams@sha256:{:064x}", 1);
    let platform = json!({
        "apiVersion": "kopnams.lv/v1alpha1", "kind": "Platform", "metadata": {"name": "platform"},
        "spec": {"backup": {"target": "s3", "image": image, "canaryEveryDays": 0, "limits": {"cluster": pool, "perTarget": pool, "perNode": pool}}},
    });
    post::<Platform>(&Api::all(client.clone()), platform).await
}

/// An endpoint that refuses who has no key, and so answers.
fn answering() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0_u8; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    Ok(format!("http://{address}"))
}

async fn post<K>(api: &Api<K>, value: Value) -> Result<()>
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let object: K = serde_json::from_value(value)?;
    api.create(&PostParams::default(), &object).await?;
    Ok(())
}
