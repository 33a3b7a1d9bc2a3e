//! kubeconfig files: which cluster, and as whom.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;

use crate::error::{Error, Result};
use crate::places::write;

/// Writes a kubeconfig that carries everything it needs. JSON, which is YAML too.
pub(crate) fn write_for_token(file: &Path, server: &str, ca_pem: &str, user: &str, token: &str) -> Result<()> {
    let mut cluster = json!({ "server": server });
    if !ca_pem.is_empty() {
        cluster["certificate-authority-data"] = json!(BASE64_STANDARD.encode(ca_pem));
    }
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "lab", "cluster": cluster }],
        "users": [{ "name": user, "user": { "token": token } }],
        "contexts": [{ "name": "lab", "context": { "cluster": "lab", "user": user } }],
        "current-context": "lab",
    });
    write(file, format!("{config:#}\n"))
}

/// The certificate authority as a kubeconfig carries it.
pub(crate) fn decoded(data: &str) -> Result<String> {
    let bytes = BASE64_STANDARD
        .decode(data)
        .map_err(|error| Error::Invalid(format!("the certificate authority in the kubeconfig is not base64: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
