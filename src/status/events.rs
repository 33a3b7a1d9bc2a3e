//! Events: told on transitions, never on repetition.
//!
//! What happens to every app once - its first admission, its first readiness - is in its status with a
//! time; an event tells what changes after that, and every refusal.

use super::conditions::find;
use crate::apply::{ApplyError, Gate};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use tokio::sync::mpsc;

/// How a notice is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// For information.
    Normal,
    /// A person should look.
    Warning,
}

/// One event to be told.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The object that it is about.
    pub about: ObjectReference,
    /// How it is meant.
    pub severity: Severity,
    /// A stable reason.
    pub reason: String,
    /// A sentence for people.
    pub note: String,
}

/// Reasons of conditions beside `Ready` at which a person should look.
const WORTH_TELLING: [(&str, &[&str]); 3] = [
    ("UpToDate", &["WentBack", "AwaitingAcknowledgement", "DoesNotFit"]),
    ("Supported", &["EndsSoon", "EndOfLife"]),
    ("RolledOut", &["Stopped", "AwaitingAcknowledgement", "Incomplete"]),
];

/// What changed between two condition lists that is worth an event: severity, reason, note.
#[must_use]
pub fn transitions(old: &[Condition], new: &[Condition]) -> Vec<(Severity, String, String)> {
    let mut told = Vec::new();
    if let Some(stalled) = find(new, "Stalled")
        && find(old, "Stalled").is_none_or(|before| before.reason != stalled.reason)
    {
        told.push((Severity::Warning, stalled.reason.clone(), stalled.message.clone()));
    }
    for (type_, worth) in WORTH_TELLING {
        if let Some(now) = find(new, type_).filter(|now| worth.contains(&now.reason.as_str()))
            && find(old, type_).is_none_or(|before| before.reason != now.reason)
        {
            told.push((Severity::Warning, now.reason.clone(), now.message.clone()));
        }
    }
    let (before, after) = (find(old, "Ready"), find(new, "Ready"));
    if let (Some(before), Some(after)) = (before, after)
        && before.status != after.status
    {
        let was_stalled = find(old, "Stalled").is_some();
        if after.status == "True" && was_stalled {
            told.push((Severity::Normal, after.reason.clone(), after.message.clone()));
        } else if after.status == "False" && find(new, "Stalled").is_none() && after.reason != "GuardRailsPending" {
            // A change on its way is no news; one that fails is.
            told.push((Severity::Warning, after.reason.clone(), after.message.clone()));
        }
    }
    told
}

/// Tells notices in the order in which they come, without holding up a reconcile.
///
/// When more come than can be told, the newest are dropped: conditions hold the state in any case. So are
/// those that still wait when leadership ends: what another has decided since is not this process's to tell.
#[derive(Clone, Debug)]
pub struct Teller(mpsc::Sender<Notice>);

impl Teller {
    /// Starts telling, each notice through the gate.
    #[must_use]
    pub fn start(client: Client, gate: Gate, instance: String) -> Self {
        let (sender, mut notices) = mpsc::channel::<Notice>(1024);
        tokio::spawn(async move {
            let recorder = Recorder::new(client, Reporter { controller: "kopnams".into(), instance: Some(instance) });
            while let Some(notice) = notices.recv().await {
                let event = Event {
                    type_: match notice.severity {
                        Severity::Normal => EventType::Normal,
                        Severity::Warning => EventType::Warning,
                    },
                    reason: notice.reason,
                    note: Some(notice.note.chars().take(1000).collect()),
                    action: "Reconcile".into(),
                    secondary: None,
                };
                match gate.pass(recorder.publish(&event, &notice.about)).await {
                    Ok(()) => {}
                    Err(ApplyError::Fenced) => tracing::debug!("an event was not told: this process does not lead any more"),
                    Err(error) => tracing::debug!(%error, "an event was not told"),
                }
            }
        });
        Self(sender)
    }

    /// Tells one notice.
    pub fn tell(&self, notice: Notice) {
        if self.0.try_send(notice).is_err() {
            tracing::debug!("too many events at once; one was dropped");
        }
    }
}
