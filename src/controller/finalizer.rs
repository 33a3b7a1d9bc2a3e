//! The finalizer: put on before anything is made for an object, taken off when it was handed over.

use crate::apply::{ApplyError, Gate};
use crate::request::names::FINALIZER;
use json_patch::Patch as JsonPatch;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Debug;

/// Whether an object carries the finalizer.
pub fn is_on<K: Resource>(object: &K) -> bool {
    object.meta().finalizers.iter().flatten().any(|name| name == FINALIZER)
}

/// Puts the finalizer on, if the list of finalizers still is as it was seen.
pub async fn put_on<K>(gate: &Gate, api: &Api<K>, object: &K) -> Result<K, ApplyError>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let operations = match object.meta().finalizers.as_deref() {
        None | Some([]) => json!([
            {"op": "test", "path": "/metadata/finalizers", "value": null},
            {"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]},
        ]),
        Some(others) => json!([
            {"op": "test", "path": "/metadata/finalizers", "value": others},
            {"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER},
        ]),
    };
    patch(gate, api, object, operations).await
}

/// Takes the finalizer off. An object that is gone is as good.
pub async fn take_off<K>(gate: &Gate, api: &Api<K>, object: &K) -> Result<(), ApplyError>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let Some(at) = object.meta().finalizers.iter().flatten().position(|name| name == FINALIZER) else {
        return Ok(());
    };
    let path = format!("/metadata/finalizers/{at}");
    let operations = json!([
        {"op": "test", "path": path, "value": FINALIZER},
        {"op": "remove", "path": path},
    ]);
    match patch(gate, api, object, operations).await {
        Ok(_) | Err(ApplyError::Gone) => Ok(()),
        Err(other) => Err(other),
    }
}

async fn patch<K>(gate: &Gate, api: &Api<K>, object: &K, operations: Value) -> Result<K, ApplyError>
where
    K: Resource + Clone + Debug + Serialize + DeserializeOwned,
{
    let patch: JsonPatch = serde_json::from_value(operations).map_err(|error| ApplyError::Refused(error.to_string()))?;
    let name = object.meta().name.as_deref().unwrap_or_default();
    let (params, patch) = (PatchParams::default(), Patch::Json::<K>(patch));
    match gate.pass(api.patch(name, &params, &patch)).await {
        // The list changed meanwhile: the next look sees it.
        Err(ApplyError::Invalid(_)) => Err(ApplyError::Conflict),
        other => other,
    }
}
