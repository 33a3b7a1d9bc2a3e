//! Writing status, only when it changed.

use crate::apply::{ApplyError, Gate};
use crate::request::names::MANAGER;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;

/// Puts a status in place of the old one, whole, and returns the object as it now is.
pub async fn patch_status<K, S>(gate: &Gate, api: &Api<K>, name: &str, status: &S) -> Result<K, ApplyError>
where
    K: Clone + Debug + Serialize + DeserializeOwned,
    S: Serialize + Sync,
{
    // `add` replaces a member that exists: unlike a merge, nothing of an older status stays.
    let operations = json!([{"op": "add", "path": "/status", "value": status}]);
    let patch: json_patch::Patch = serde_json::from_value(operations).map_err(|error| ApplyError::Refused(error.to_string()))?;
    let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
    gate.pass(api.patch_status(name, &params, &Patch::Json::<K>(patch))).await
}
