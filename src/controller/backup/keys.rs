//! The keys of vaults: a Secret `vk-<tenant id>` in kopnams-vault with everything that opens one repository, and a Secret
//! `vs-<tenant id>` with a copy of the passwords that the operator made for the app, which is a part of each set.

use super::vault::meta;
use crate::apply::ApplyError;
use crate::backup::jobs::Keys;
use crate::backup::work::{
    ACCESS_KEY_FILE, ESCROW_PASSWORD_FILE, PASSWORD_FILE, SECOND_ACCESS_KEY_FILE, SECOND_SECRET_KEY_FILE, SECRET_KEY_FILE,
    WRITER_ACCESS_KEY_FILE, WRITER_SECRET_KEY_FILE,
};
use crate::controller::Context;
use crate::policy::AppKey;
use crate::request::backup::{BackupTargetSpec, Isolation, VAULT_NAMESPACE};
use crate::request::names::MANAGER;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use std::collections::BTreeMap;

/// Who works with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// A run in a tenant's namespace: it may add, and delete nothing but locks.
    Writer,
    /// Work in kopnams-vault: it may delete.
    Maintainer,
}

fn api(ctx: &Context) -> Api<Secret> {
    Api::namespaced(ctx.writer.client().clone(), VAULT_NAMESPACE)
}

/// Name of the Secret with the keys of a vault.
#[must_use]
pub fn name(tenant_id: &str) -> String {
    format!("vk-{tenant_id}")
}

fn copies(tenant_id: &str) -> String {
    format!("vs-{tenant_id}")
}

fn random(bytes: usize) -> Result<ByteString, ApplyError> {
    let mut value = vec![0_u8; bytes];
    getrandom::fill(&mut value).map_err(|error| ApplyError::Transient(format!("the system has no random numbers: {error}")))?;
    Ok(ByteString(hex::encode(value).into_bytes()))
}

/// Makes the keys of a vault, unless they are there. They are never changed: without them nothing can be restored.
pub async fn ensure(ctx: &Context, tenant_id: &str, key: &AppKey) -> Result<(), ApplyError> {
    let data = BTreeMap::from([
        // 256 bits.
        (PASSWORD_FILE.to_string(), random(32)?),
        (ESCROW_PASSWORD_FILE.to_string(), random(32)?),
        (WRITER_ACCESS_KEY_FILE.to_string(), random(10)?),
        (WRITER_SECRET_KEY_FILE.to_string(), random(20)?),
    ]);
    let fresh = Secret {
        metadata: meta(&name(tenant_id), key, tenant_id, None),
        data: Some(data),
        immutable: Some(true),
        type_: Some("Opaque".into()),
        ..Secret::default()
    };
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    match ctx.writer.gate().pass(api(ctx).create(&params, &fresh)).await {
        Ok(_) => {
            ctx.metrics.patched("secret");
            Ok(())
        }
        Err(ApplyError::Conflict) => Ok(()),
        Err(other) => Err(other),
    }
}

/// The keys of a vault for somebody; none when they are not there.
pub async fn read(ctx: &Context, tenant_id: &str, target: &BackupTargetSpec, hand: Hand) -> Result<Option<Keys>, ApplyError> {
    let gate = ctx.writer.gate();
    let Some(own) = gate.pass(api(ctx).get_opt(&name(tenant_id))).await? else { return Ok(None) };
    let mut own = own.data.unwrap_or_default();
    let mut take = |key: &str| own.remove(key).map(|value| value.0).unwrap_or_default();
    let password = take(PASSWORD_FILE);
    let (access_key, secret_key) = (take(WRITER_ACCESS_KEY_FILE), take(WRITER_SECRET_KEY_FILE));
    let escrow = take(ESCROW_PASSWORD_FILE);
    let elsewhere = match (hand, target.isolation) {
        (Hand::Writer, Isolation::PerApp) => None,
        (Hand::Writer, Isolation::Shared) => target.writer_secret.as_ref(),
        (Hand::Maintainer, _) => Some(&target.maintainer_secret),
    };
    let Some(elsewhere) = elsewhere else {
        return Ok(Some(Keys { password, access_key, secret_key, more: BTreeMap::new() }));
    };
    let Some(given) = gate.pass(api(ctx).get_opt(elsewhere)).await? else { return Ok(None) };
    let mut given = given.data.unwrap_or_default();
    let mut more = BTreeMap::new();
    if hand == Hand::Maintainer {
        more.insert(ESCROW_PASSWORD_FILE.to_string(), escrow);
        more.insert(WRITER_ACCESS_KEY_FILE.to_string(), access_key);
        more.insert(WRITER_SECRET_KEY_FILE.to_string(), secret_key);
    }
    let mut take = |key: &str| given.remove(key).map(|value| value.0);
    let (Some(access_key), Some(secret_key)) = (take(ACCESS_KEY_FILE), take(SECRET_KEY_FILE)) else { return Ok(None) };
    Ok(Some(Keys { password, access_key, secret_key, more }))
}

/// The key that maintains a second target, as files beside those of the first; none when it is not there.
pub async fn of_second(ctx: &Context, target: &BackupTargetSpec) -> Result<Option<Vec<(String, Vec<u8>)>>, ApplyError> {
    let given = ctx.writer.gate().pass(api(ctx).get_opt(&target.maintainer_secret)).await?;
    let mut given = given.and_then(|secret| secret.data).unwrap_or_default();
    let files = [(ACCESS_KEY_FILE, SECOND_ACCESS_KEY_FILE), (SECRET_KEY_FILE, SECOND_SECRET_KEY_FILE)];
    Ok(files.into_iter().map(|(key, file)| Some((file.to_string(), given.remove(key)?.0))).collect())
}

/// The versions of the Secrets that a target names: other ones mean that somebody changed its keys.
pub async fn versions(ctx: &Context, target: &BackupTargetSpec) -> Result<String, ApplyError> {
    let mut versions = Vec::new();
    for name in [Some(&target.maintainer_secret), target.writer_secret.as_ref()].into_iter().flatten() {
        let found = ctx.writer.gate().pass(api(ctx).get_opt(name)).await?;
        versions.push(found.and_then(|secret| secret.metadata.resource_version).unwrap_or_else(|| "-".into()));
    }
    Ok(versions.join(" "))
}

/// Keeps a copy of the passwords of an app, as `secret.key`: what is new is added, what was made anew takes its place.
pub async fn copy(ctx: &Context, tenant_id: &str, key: &AppKey, made: &BTreeMap<String, ByteString>) -> Result<(), ApplyError> {
    let (gate, api) = (ctx.writer.gate(), api(ctx));
    let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
    match gate.pass(api.get_opt(&copies(tenant_id))).await? {
        None => {
            let fresh = Secret {
                metadata: meta(&copies(tenant_id), key, tenant_id, None),
                data: Some(made.clone()),
                type_: Some("Opaque".into()),
                ..Secret::default()
            };
            gate.pass(api.create(&params, &fresh)).await?;
        }
        Some(mut live) => {
            let held = live.data.get_or_insert_default();
            if made.iter().all(|(key, value)| held.get(key) == Some(value)) {
                return Ok(());
            }
            held.extend(made.clone());
            gate.pass(api.replace(&copies(tenant_id), &params, &live)).await?;
        }
    }
    ctx.metrics.patched("secret");
    Ok(())
}

/// The copies of an app's passwords, as `secret.key`.
pub async fn copied(ctx: &Context, tenant_id: &str) -> Result<BTreeMap<String, ByteString>, ApplyError> {
    let found = ctx.writer.gate().pass(api(ctx).get_opt(&copies(tenant_id))).await?;
    Ok(found.and_then(|secret| secret.data).unwrap_or_default())
}

/// Destroys the keys of a vault: what they encrypted can be read by nobody any more.
pub async fn destroy(ctx: &Context, tenant_id: &str) -> Result<(), ApplyError> {
    for name in [name(tenant_id), copies(tenant_id)] {
        match ctx.writer.gate().pass(api(ctx).delete(&name, &DeleteParams::default())).await {
            Ok(_) | Err(ApplyError::Gone) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(())
}
