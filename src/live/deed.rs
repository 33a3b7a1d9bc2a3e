//! Deeds: proof that the operator made a namespace.
//!
//! A deed is an HMAC-SHA256 over the namespace's name, its municipality, its app and its tenant id.
//! It travels in the POST that makes the namespace. Copied to another name it proves nothing.

use crate::desired::Seals;
use crate::policy::AppKey;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Length of the key in bytes.
pub const KEY_LENGTH: usize = 32;

/// The key that seals deeds. It lives in a Secret of the operator's namespace.
#[derive(Clone)]
pub struct DeedKey([u8; KEY_LENGTH]);

/// What a valid deed says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The municipality's slug.
    pub municipality: String,
    /// The app's name; none for a home namespace.
    pub app: Option<String>,
    /// The tenant's UUID.
    pub tenant_id: String,
}

impl Deed {
    /// The app that the namespace belongs to; none for a home namespace.
    #[must_use]
    pub fn key(&self) -> Option<AppKey> {
        self.app.as_ref().map(|app| AppKey::new(&self.municipality, app))
    }
}

impl DeedKey {
    /// A key from its bytes; `None` when there are not exactly [`KEY_LENGTH`].
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Both proofs for a namespace.
    #[must_use]
    pub fn seals(&self, namespace: &str, tenant_id: &str, grant: Option<&str>) -> Seals {
        Seals { deed: self.deed(namespace, tenant_id), grant: grant.map(|text| self.grant(namespace, tenant_id, text)).unwrap_or_default() }
    }

    /// The deed of a namespace, as its annotation holds it.
    #[must_use]
    pub fn deed(&self, namespace: &str, tenant_id: &str) -> String {
        let (municipality, app) = owner_by_name(namespace);
        let proof = self.mac(&["deed", namespace, municipality, app.unwrap_or_default(), tenant_id]);
        format!("{tenant_id}.{}", hex::encode(proof.finalize().into_bytes()))
    }

    /// Reads a deed; `None` unless this key made it for this very namespace.
    #[must_use]
    pub fn read(&self, namespace: &str, deed: &str) -> Option<Deed> {
        let (tenant_id, proof) = deed.split_once('.')?;
        let (municipality, app) = owner_by_name(namespace);
        let mac = self.mac(&["deed", namespace, municipality, app.unwrap_or_default(), tenant_id]);
        mac.verify_slice(&hex::decode(proof).ok()?).ok()?;
        Some(Deed { municipality: municipality.into(), app: app.map(Into::into), tenant_id: tenant_id.into() })
    }

    fn grant(&self, namespace: &str, tenant_id: &str, text: &str) -> String {
        hex::encode(self.mac(&["grant", namespace, tenant_id, text]).finalize().into_bytes())
    }

    /// Whether this key sealed a grant for this tenant.
    #[must_use]
    pub fn sealed_grant(&self, namespace: &str, tenant_id: &str, text: &str, seal: &str) -> bool {
        let mac = self.mac(&["grant", namespace, tenant_id, text]);
        hex::decode(seal).is_ok_and(|proof| mac.verify_slice(&proof).is_ok())
    }

    /// Each part is preceded by its length, so that parts cannot be shifted into one another.
    fn mac(&self, parts: &[&str]) -> Hmac<Sha256> {
        // HMAC pads a short key with zeros to the hash's block.
        let mut block = [0; 64];
        block[..KEY_LENGTH].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac
    }
}

impl std::fmt::Debug for DeedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeedKey(..)")
    }
}

/// Municipality and app by the namespace's name, which is unambiguous.
#[must_use]
pub fn owner_by_name(namespace: &str) -> (&str, Option<&str>) {
    match namespace.split_once("--") {
        Some((municipality, app)) => (municipality, Some(app)),
        None => (namespace, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> DeedKey {
        DeedKey::from_bytes(&[byte; KEY_LENGTH]).unwrap()
    }

    #[test]
    fn a_deed_proves_its_own_namespace_and_no_other() {
        let deed = key(1).deed("kuldigas-novads--majaslapa", "id-1");
        let read = key(1).read("kuldigas-novads--majaslapa", &deed).unwrap();
        assert_eq!(
            (read.municipality.as_str(), read.app.as_deref(), read.tenant_id.as_str()),
            ("kuldigas-novads", Some("majaslapa"), "id-1")
        );
        assert_eq!(key(1).read("kuldigas-novads--lietvediba", &deed), None, "copied to another name");
        assert_eq!(key(2).read("kuldigas-novads--majaslapa", &deed), None, "made by another key");
        let other_tenant = deed.replace("id-1", "id-2");
        assert_eq!(key(1).read("kuldigas-novads--majaslapa", &other_tenant), None, "another tenant id");
        for junk in ["", ".", "id-1.", "id-1.zz", "id-1"] {
            assert_eq!(key(1).read("kuldigas-novads--majaslapa", junk), None, "{junk}");
        }
    }

    #[test]
    fn a_grant_cannot_be_exchanged() {
        let seals = key(1).seals("a--b", "id", Some("{\"small\":1}"));
        assert!(key(1).sealed_grant("a--b", "id", "{\"small\":1}", &seals.grant));
        assert!(!key(1).sealed_grant("a--b", "id", "{\"large\":1}", &seals.grant));
        assert!(!key(1).sealed_grant("a--c", "id", "{\"small\":1}", &seals.grant));
    }
}
