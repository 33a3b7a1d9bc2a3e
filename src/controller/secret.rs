//! The key of deeds: read from its Secret, or made once when no namespace carries a deed yet.

use super::world::Store;
use super::{Context, intake};
use crate::desired::Kind;
use crate::live::deed::{DeedKey, KEY_LENGTH};
use crate::live::index::Source;
use crate::request::names::{MANAGED_BY, MANAGER};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::PostParams;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Name of the Secret in the operator's namespace.
pub const SECRET: &str = "kopnams-deed-key";
const FIELD: &str = "key";
const AGAIN: Duration = Duration::from_secs(10);

enum Found {
    Key(DeedKey),
    Lost,
    NotYet,
}

/// Gets the key, and goes on asking while it is lost, so that restoring the Secret is enough.
pub async fn keep(ctx: Arc<Context>, mut leading: watch::Receiver<bool>) {
    loop {
        let leads = *leading.borrow_and_update();
        match attempt(&ctx, leads).await {
            Ok(Found::Key(key)) => {
                intake::change(&ctx, |world| {
                    let was_lost = std::mem::take(&mut world.deed_key_lost);
                    world.deed_key = Some(key);
                    if was_lost {
                        world.look_at_everything();
                    }
                });
                return;
            }
            Ok(Found::Lost) => {
                tracing::error!(
                    "the Secret {SECRET} is missing while namespaces carry deeds made with it; no namespace is written until it is restored"
                );
                intake::change(&ctx, |world| world.deed_key_lost = true);
                tokio::time::sleep(AGAIN).await;
            }
            Ok(Found::NotYet) => {
                // The list of namespaces, or leadership, is still to come.
                let _ = tokio::time::timeout(Duration::from_millis(100), leading.changed()).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the Secret {SECRET} could not be read");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn attempt(ctx: &Context, leads: bool) -> Result<Found, kube::Error> {
    // A standby reads it too; only the leader's client can write.
    let in_namespace = |client: &kube::Client| Api::<Secret>::namespaced(client.clone(), &ctx.identity.namespace);
    let api = in_namespace(&ctx.client);
    if let Some(secret) = api.get_opt(SECRET).await? {
        return Ok(read(&secret).map_or(Found::Lost, Found::Key));
    }
    let deeds = {
        let world = ctx.world();
        let listed = !world.waits_for(Store::Live(Source::Kind(Kind::Namespace)));
        listed.then(|| world.index.namespaces().any(|(_, n)| n.marks.as_ref().is_some_and(|marks| marks.deed.is_some())))
    };
    match deeds {
        Some(true) => Ok(Found::Lost),
        Some(false) if leads => match in_namespace(ctx.writer.client()).create(&PostParams::default(), &fresh()).await {
            Ok(secret) => Ok(read(&secret).map_or(Found::Lost, Found::Key)),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(Found::NotYet),
            Err(other) => Err(other),
        },
        _ => Ok(Found::NotYet),
    }
}

fn read(secret: &Secret) -> Option<DeedKey> {
    DeedKey::from_bytes(&secret.data.as_ref()?.get(FIELD)?.0)
}

fn fresh() -> Secret {
    let mut key = vec![0; KEY_LENGTH];
    // Without randomness the key stays too short, is not accepted and nothing is written.
    if getrandom::fill(&mut key).is_err() {
        key.clear();
    }
    Secret {
        metadata: ObjectMeta {
            name: Some(SECRET.into()),
            labels: Some(BTreeMap::from([(MANAGED_BY.into(), MANAGER.into())])),
            ..ObjectMeta::default()
        },
        immutable: Some(true),
        data: Some(BTreeMap::from([(FIELD.into(), ByteString(key))])),
        ..Secret::default()
    }
}
