//! Secrets with random values that a system needs: made once for each app, and never shown.
//!
//! The operator can read Secrets only in the namespaces of tenants, so there is no watch: each is looked at once
//! in the life of this process, and made or completed then. A key that is there is changed only when a request asks for it.

use super::backup::keys;
use super::{Context, Seen};
use crate::apply::ApplyError;
use crate::desired::Owner;
use crate::policy::AppKey;
use crate::request::names::{MANAGER, ROTATION};
use crate::request::system::GeneratedSecret;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use std::collections::BTreeMap;

/// Letters and digits that are not mistaken for each other and need no quoting anywhere. 57 of them: 5.8 bits each.
const ALPHABET: &[u8] = b"23456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";

/// The secrets of an app.
#[derive(Clone, Copy, Debug, Default)]
pub struct Secrets<'a> {
    /// What they are to hold.
    pub wanted: &'a [GeneratedSecret],
    /// The request's text at whose change all values are made anew.
    pub rotation: Option<&'a str>,
    /// Values that they are to have, as `secret.key`, of something that is started in the place of an app; those are copies
    /// themselves, and kept nowhere.
    pub known: Option<&'a BTreeMap<String, ByteString>>,
}

impl Secrets<'_> {
    /// The values that a secret is to have.
    fn known_of(&self, secret: &GeneratedSecret) -> BTreeMap<String, ByteString> {
        let value = |key: &String| Some((key.clone(), self.known?.get(&format!("{}.{key}", secret.name))?.clone()));
        secret.keys.keys().filter_map(value).collect()
    }
}

/// Makes the secrets of an app that are missing, and the keys that a later version adds; all anew when the request asks for it.
pub async fn ensure(ctx: &Context, owner: Owner<'_>, secrets: Secrets<'_>) -> Result<(), ApplyError> {
    let app = owner.app.map(|app| AppKey::new(owner.municipality, app));
    let vault = app.filter(|_| secrets.known.is_none() && ctx.world().register.settings().backup.is_some());
    for wanted in secrets.wanted {
        let secret = (owner.namespace.to_string(), wanted.name.clone());
        let seen = Seen {
            keys: wanted.keys.keys().cloned().collect(),
            rotation: secrets.rotation.map(ToString::to_string),
            copied: vault.is_some(),
        };
        // The copy for restores is written first: a password that is used and nowhere kept would be lost with the namespace.
        let keep = async |made: &BTreeMap<String, ByteString>| match &vault {
            Some(app) => {
                let named = made.iter().map(|(key, value)| (format!("{}.{key}", wanted.name), value.clone())).collect();
                keys::copy(ctx, owner.tenant_id, app, &named).await
            }
            None => Ok(()),
        };
        if ctx.seen_secrets().get(&secret) == Some(&seen) {
            continue;
        }
        let api: Api<Secret> = Api::namespaced(ctx.writer.client().clone(), owner.namespace);
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        let gate = ctx.writer.gate();
        match gate.pass(api.get_opt(&wanted.name)).await? {
            None => {
                let mut metadata = owner.meta(&wanted.name);
                metadata.namespace = None;
                metadata.annotations = rotated(secrets.rotation);
                let known = secrets.known_of(wanted);
                let made = values(wanted, &known)?.into_iter().chain(known).collect();
                keep(&made).await?;
                let fresh = Secret { metadata, data: Some(made), type_: Some("Opaque".into()), ..Secret::default() };
                gate.pass(api.create(&params, &fresh)).await?;
                ctx.metrics.patched("secret");
            }
            Some(mut live) => {
                let written = live.metadata.annotations.as_ref().and_then(|all| all.get(ROTATION)).map(String::as_str);
                let rotate = secrets.rotation.is_some() && written != secrets.rotation;
                let held = live.data.take().unwrap_or_default();
                // What is held beside the wanted keys may be read by a version that an app goes back to.
                let nothing = BTreeMap::new();
                let missing = values(wanted, if rotate { &nothing } else { &held })?;
                let all: BTreeMap<String, ByteString> = held.into_iter().chain(missing.clone()).collect();
                keep(&all).await?;
                if !missing.is_empty() {
                    live.data = Some(all);
                    if rotate {
                        live.metadata.annotations.get_or_insert_default().extend(rotated(secrets.rotation).into_iter().flatten());
                    }
                    gate.pass(api.replace(&wanted.name, &params, &live)).await?;
                    ctx.metrics.patched("secret");
                }
            }
        }
        ctx.seen_secrets().insert(secret, seen);
    }
    Ok(())
}

/// The annotation that says for which text of the request the values were made.
fn rotated(rotation: Option<&str>) -> Option<BTreeMap<String, String>> {
    rotation.map(|text| BTreeMap::from([(ROTATION.to_string(), text.to_string())]))
}

/// Forgets what was seen in a namespace that is gone or was made anew.
pub fn forget(ctx: &Context, namespace: &str) {
    ctx.seen_secrets().retain(|(of, _), _| of != namespace);
}

/// Random values for the keys that are not held.
fn values(wanted: &GeneratedSecret, held: &BTreeMap<String, ByteString>) -> Result<BTreeMap<String, ByteString>, ApplyError> {
    let missing = wanted.keys.iter().filter(|(key, _)| !held.contains_key(*key));
    missing.map(|(key, spec)| Ok((key.clone(), ByteString(random(spec.length as usize)?)))).collect()
}

fn random(length: usize) -> Result<Vec<u8>, ApplyError> {
    let mut value = Vec::with_capacity(length);
    while value.len() < length {
        let mut bytes = [0_u8; 64];
        getrandom::fill(&mut bytes).map_err(|error| ApplyError::Transient(format!("the system has no random numbers: {error}")))?;
        // Bytes beyond the largest multiple are thrown away, so that every character is as likely as another.
        let fair = bytes.iter().filter(|byte| usize::from(**byte) < 256 / ALPHABET.len() * ALPHABET.len());
        value.extend(fair.map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()]));
    }
    value.truncate(length);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::system::SecretKey;

    fn wanted() -> GeneratedSecret {
        GeneratedSecret {
            name: "database".into(),
            keys: BTreeMap::from([("password".into(), SecretKey { length: 40 }), ("token".into(), SecretKey { length: 16 })]),
        }
    }

    #[test]
    fn values_have_their_length_and_differ() {
        let (one, other) = (values(&wanted(), &BTreeMap::new()).unwrap(), values(&wanted(), &BTreeMap::new()).unwrap());
        assert_eq!((one["password"].0.len(), one["token"].0.len()), (40, 16));
        assert_ne!(one["password"], other["password"]);
        assert!(one["password"].0.iter().all(u8::is_ascii_alphanumeric));
    }

    #[test]
    fn a_key_that_is_held_is_not_made_again() {
        let held = BTreeMap::from([("password".to_string(), ByteString(b"kept".to_vec()))]);
        let made = values(&wanted(), &held).unwrap();
        assert_eq!(made.keys().collect::<Vec<_>>(), ["token"]);
    }
}
