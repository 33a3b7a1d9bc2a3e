//! What an approver looks at first.

use crate::policy::AppKey;
use crate::request::app::Grant;
use crate::request::backup::Profile;
use crate::review::change::Change;
use schemars::JsonSchema;
use serde::Serialize;

/// Something that cannot be undone easily, or that somebody answers for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Risk {
    /// What it is; the order is that of their gravity.
    pub kind: RiskKind,
    /// The municipality.
    pub municipality: String,
    /// The app.
    pub app: String,
    /// What was before, as far as it says something: a class, a host name, a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// Days that are of matter: until the namespace of a removed app goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_days: Option<u32>,
    /// Days for which the last backup of a removed app is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
}

/// What a risk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RiskKind {
    /// The app goes, and its data with it after the last backup.
    Removal,
    /// It holds data of another class than before, or data of which the class requires something.
    DataClass,
    /// Its version is looked after only until a certain day.
    EndOfLife,
    /// It gets another version.
    Version,
    /// Its address is another, or it has none any more.
    Hostname,
    /// It is stopped.
    Stopped,
}

/// The risks of a change, the gravest first.
#[must_use]
pub fn risks(change: &Change) -> Vec<Risk> {
    let mut risks = Vec::new();
    for (key, grant) in &change.removed {
        let class = change.before.register.class(&grant.data_class.name);
        let profile = class.map_or_else(Profile::default, |class| class.spec.backup.clone());
        risks.push(Risk {
            grace_days: Some(grant.data_class.grace_days),
            retention_days: Some(profile.final_retention_days),
            ..risk(RiskKind::Removal, key, Some(shown(grant)), None)
        });
    }
    for (key, outcome) in change.touched() {
        if let Some((before, now)) = outcome.granted() {
            of_app(change, key, before, now, &mut risks);
        }
    }
    risks.sort();
    risks
}

fn of_app(change: &Change, key: &AppKey, before: Option<&Grant>, now: &Grant, risks: &mut Vec<Risk>) {
    let class = &now.data_class.name;
    let class_before = before.map(|grant| grant.data_class.name.clone());
    let asks = change.after.register.class(class).is_some_and(|known| !known.spec.requires.is_empty());
    if class_before.as_ref().map_or(asks, |before| before != class) {
        risks.push(risk(RiskKind::DataClass, key, class_before, Some(class.clone())));
    }
    let is_new = before.is_none_or(|before| (&before.system, &before.version) != (&now.system, &now.version));
    let entry = change.after.register.system(&now.system);
    let eol = entry.and_then(|entry| entry.spec.versions.iter().find(|version| version.name == now.version)?.eol.clone());
    if let Some(day) = eol.filter(|_| is_new) {
        risks.push(risk(RiskKind::EndOfLife, key, Some(format!("{} {}", now.system, now.version)), Some(day)));
    }
    let Some(before) = before else { return };
    if is_new {
        let named = |grant: &Grant| format!("{} {}", grant.system, grant.version);
        risks.push(risk(RiskKind::Version, key, Some(named(before)), Some(named(now))));
    }
    if before.hostname.is_some() && before.hostname != now.hostname {
        risks.push(risk(RiskKind::Hostname, key, before.hostname.clone(), now.hostname.clone()));
    }
    if now.suspend && !before.suspend {
        risks.push(risk(RiskKind::Stopped, key, None, None));
    }
}

fn risk(kind: RiskKind, key: &AppKey, before: Option<String>, now: Option<String>) -> Risk {
    let (municipality, app) = (key.municipality.clone(), key.app.clone());
    Risk { kind, municipality, app, before, now, grace_days: None, retention_days: None }
}

/// `website 1.0, open`.
fn shown(grant: &Grant) -> String {
    format!("{} {}, {}", grant.system, grant.version, grant.data_class.name)
}
