//! What is asked: the custom resources, their names, and reading them from YAML files.
//!
//! Nothing here decides anything. The types carry the rules that one object can tell about itself,
//! as CEL rules of the CRD; the API server and the offline commands run the same rules.

pub mod access;
pub mod app;
pub mod backup;
pub mod check;
pub mod class;
pub mod explain;
pub mod municipality;
pub mod names;
pub mod platform;
pub mod quantity;
pub mod read;
pub mod said;
pub mod system;

pub use app::{Grant, MunicipalityApp, MunicipalityAppSpec, MunicipalityAppStatus};
pub use backup::{BackupRun, BackupTarget, BackupVault, RestoreDrill, RestoreRun};
pub use class::{DataClass, DataClassSpec, Requirement};
pub use municipality::{Municipality, MunicipalitySpec};
pub use platform::{Platform, PlatformSpec};
pub use system::{HostedSystem, HostedSystemSpec};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// API group of all kopnams resources.
pub const GROUP: &str = "kopnams.lv";
/// The version of the API that this release serves and stores.
pub const VERSION: &str = "v1alpha1";

/// A name for people, in Latvian and English.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// The name in Latvian.
    #[schemars(length(min = 1, max = 120))]
    pub lv: String,
    /// The name in English.
    #[schemars(length(min = 1, max = 120))]
    pub en: String,
}

/// Every CRD of this release, in the order in which they are applied.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    let derived = [
        Platform::crd(),
        DataClass::crd(),
        HostedSystem::crd(),
        Municipality::crd(),
        MunicipalityApp::crd(),
        BackupTarget::crd(),
        BackupVault::crd(),
        BackupRun::crd(),
        RestoreRun::crd(),
        RestoreDrill::crd(),
    ];
    derived.into_iter().map(known_formats).collect()
}

/// Rust's integer formats are unknown to the API server, which warns of each; ranges say the same.
fn known_formats(definition: CustomResourceDefinition) -> CustomResourceDefinition {
    fn walk(value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Object(map) => {
                if map.get("format").and_then(serde_json::Value::as_str).is_some_and(|f| f.starts_with("uint")) {
                    map.insert("format".into(), "int32".into());
                }
                map.values_mut().for_each(walk);
            }
            serde_json::Value::Array(items) => items.iter_mut().for_each(walk),
            _ => {}
        }
    }
    let Ok(mut value) = serde_json::to_value(&definition) else {
        return definition;
    };
    walk(&mut value);
    serde_json::from_value(value).unwrap_or(definition)
}

/// A time as fields and annotations hold it: RFC 3339, in whole seconds.
pub(crate) fn written(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The shape of the condition list that every kind of ours reports, keyed by type as kstatus expects.
pub(crate) type Conditions = Vec<k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition>;
