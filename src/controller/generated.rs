//! Secrets with random values that a system needs: made once for each app, and never shown.
//!
//! The operator can read Secrets only in the namespaces of tenants, so there is no watch: each is looked at once
//! in the life of this process, and made or completed then. A key that is there is never changed.

use super::Context;
use crate::apply::ApplyError;
use crate::desired::Owner;
use crate::request::names::MANAGER;
use crate::request::system::GeneratedSecret;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::PostParams;
use std::collections::BTreeMap;

/// Letters and digits that are not mistaken for each other and need no quoting anywhere. 57 of them: 5.8 bits each.
const ALPHABET: &[u8] = b"23456789abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ";

/// Makes the secrets of an app that are missing, and the keys that a later version adds.
pub async fn ensure(ctx: &Context, owner: Owner<'_>, secrets: &[GeneratedSecret]) -> Result<(), ApplyError> {
    for wanted in secrets {
        let seen = (owner.namespace.to_string(), wanted.name.clone(), wanted.keys.keys().cloned().collect::<Vec<_>>());
        if ctx.seen_secrets().contains(&seen) {
            continue;
        }
        let api: Api<Secret> = Api::namespaced(ctx.writer.client().clone(), owner.namespace);
        let params = PostParams { field_manager: Some(MANAGER.into()), ..PostParams::default() };
        let gate = ctx.writer.gate();
        match gate.pass(api.get_opt(&wanted.name)).await? {
            None => {
                let mut metadata = owner.meta(&wanted.name);
                metadata.namespace = None;
                let secret =
                    Secret { metadata, data: Some(values(wanted, &BTreeMap::new())?), type_: Some("Opaque".into()), ..Secret::default() };
                gate.pass(api.create(&params, &secret)).await?;
                ctx.metrics.patched("secret");
            }
            Some(mut live) => {
                let held = live.data.take().unwrap_or_default();
                let missing = values(wanted, &held)?;
                if !missing.is_empty() {
                    live.data = Some(held.into_iter().chain(missing).collect());
                    gate.pass(api.replace(&wanted.name, &params, &live)).await?;
                    ctx.metrics.patched("secret");
                }
            }
        }
        ctx.seen_secrets().insert(seen);
    }
    Ok(())
}

/// Forgets what was seen in a namespace that is gone or was made anew.
pub fn forget(ctx: &Context, namespace: &str) {
    ctx.seen_secrets().retain(|(of, ..)| of != namespace);
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
