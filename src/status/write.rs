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
///
/// With `seen`, the resource version that the status speaks of, an object that changed meanwhile is a
/// conflict: what somebody decided long ago does not overwrite what is said now.
pub async fn patch_status<K, S>(gate: &Gate, api: &Api<K>, name: &str, seen: Option<&str>, status: &S) -> Result<K, ApplyError>
where
    K: Clone + Debug + Serialize + DeserializeOwned,
    S: Serialize + Sync,
{
    // `add` replaces a member that exists: unlike a merge, nothing of an older status stays.
    let put = json!({"op": "add", "path": "/status", "value": status});
    let operations = match seen {
        Some(version) => json!([{"op": "test", "path": "/metadata/resourceVersion", "value": version}, put]),
        None => json!([put]),
    };
    let patch: json_patch::Patch = serde_json::from_value(operations).map_err(|error| ApplyError::Refused(error.to_string()))?;
    let params = PatchParams { field_manager: Some(MANAGER.into()), ..PatchParams::default() };
    match gate.pass(api.patch_status(name, &params, &Patch::Json::<K>(patch))).await {
        Err(ApplyError::Invalid(_)) if seen.is_some() => Err(ApplyError::Conflict),
        other => other,
    }
}
