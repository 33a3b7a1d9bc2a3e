//! From what was decided and what is live to the status of each kind. Pure.

use super::backed_up::{Backups, backed_up, restore_proven};
use super::conditions::{Verdict, merge};
use super::copied::{self, copied};
use super::version;
use crate::desired::Kind;
use crate::live::Health;
use crate::policy::rejection::joined;
use crate::policy::{Course, Reason, Rejection};
use crate::request::app::{Grant, MunicipalityApp, MunicipalityAppStatus};
use crate::request::class::DataClassStatus;
use crate::request::municipality::{Municipality, MunicipalityStatus, UnclaimedTenant};
use crate::request::platform::{PlatformStatus, Scheme};
use crate::request::system::{HostedSystemStatus, Phase, RolloutStatus};
use crate::request::written;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// How far the guard rails of a namespace are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rails {
    /// All are live as meant.
    Live,
    /// They are being made.
    Pending,
    /// The namespace, or something in it, is being deleted and will be made again.
    Terminating,
    /// They cannot be made for a reason that a person must mend.
    Stopped(Reason, String),
    /// The last attempt failed and will be repeated.
    Failed(String),
}

/// How the system behind the guard rails is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// It is not made yet, or not all of it.
    Waiting,
    /// The version has no objects.
    Nothing,
    /// The API server does not take an object; it says why.
    Refused(String),
    /// It is made.
    Made {
        /// What it shall be is known; if not, what runs is left as it is.
        known: bool,
        /// How each object is doing.
        parts: Vec<(Kind, String, Health)>,
        /// What ails one of its pods.
        ails: Option<String>,
    },
}

/// What is known of a request when its status is written.
#[derive(Clone, Debug)]
pub struct AppState<'a> {
    /// What is in force.
    pub grant: Option<&'a Grant>,
    /// Why the request as it stands is refused, if it is.
    pub rejections: &'a [Rejection],
    /// Where it stands in the roll-out of its system's version.
    pub course: &'a Course,
    /// Why it does not fit what is rolled out, if it does not.
    pub unfit: &'a [Rejection],
    /// The last day on which its version is looked after, if that is known.
    pub eol: Option<&'a str>,
    /// How visitors reach it.
    pub scheme: Scheme,
    /// How far its guard rails are.
    pub rails: Rails,
    /// How the system behind them is doing.
    pub work: Work,
    /// The tenant's UUID, once the namespace is live.
    pub tenant_id: Option<&'a str>,
    /// The app's namespace.
    pub namespace: &'a str,
    /// How its backups stand, if the platform has any.
    pub backup: Option<Backups>,
    /// Why nothing of it may run for now, while it is being filled from a backup.
    pub held: Option<&'a str>,
}

/// The status of a request.
#[must_use]
pub fn app(request: &MunicipalityApp, state: &AppState<'_>, now: Timestamp) -> MunicipalityAppStatus {
    let old = request.status.clone().unwrap_or_default();
    let granted = state.grant.is_some();
    let live = state.rails == Rails::Live && granted;
    let suspend = state.grant.is_some_and(|grant| grant.suspend);
    let admitted = match (state.rejections.first(), state.grant) {
        (Some(first), Some(_)) => {
            Verdict::no("Admitted", first.reason.as_str(), format!("{}; what was granted before stays in force", joined(state.rejections)))
        }
        (Some(first), None) => Verdict::no("Admitted", first.reason.as_str(), joined(state.rejections)),
        (None, Some(grant)) => {
            let message = format!("granted: {} {} in size {}", grant.system, grant.version, grant.size.name);
            Verdict::yes("Admitted", "Granted", message)
        }
        (None, None) => Verdict::no("Admitted", "Undecided", "the request is being looked at"),
    };
    let isolated = if granted {
        rails("Isolated", &state.rails)
    } else {
        Verdict::no("Isolated", "NotAdmitted", "nothing is made for a request that is not admitted")
    };
    let (deployed, available) = workload(granted && live, granted, suspend, &state.work);
    let available = match state.held {
        Some(why) if live => Verdict::no("Available", "Restoring", why),
        _ => available,
    };
    let runs = live && deployed.holds && available.holds;
    let mut verdicts = vec![admitted, isolated, deployed, available];
    let ready = match verdicts.iter().find(|verdict| !verdict.holds) {
        Some(missing) => Verdict::no("Ready", &missing.reason, missing.message.clone()),
        None if suspend => Verdict::yes("Ready", "Suspended", "the app is suspended as the request asks; its data is kept"),
        None if state.work == Work::Nothing => Verdict::yes("Ready", "Ready", "the tenant is live"),
        None => Verdict::yes("Ready", "Ready", "the app answers"),
    };
    let stalled = state.rejections.first().map(|first| Verdict::yes("Stalled", first.reason.as_str(), joined(state.rejections)));
    let reconciling = (stalled.is_none() && !ready.holds).then(|| Verdict::yes("Reconciling", &ready.reason, ready.message.clone()));
    let is_ready = ready.holds;
    let answers = state.grant.filter(|_| runs && !suspend);
    let answered = answers.map(|grant| grant.revision.clone()).or(old.answered);
    verdicts.push(ready);
    verdicts.extend(stalled);
    verdicts.extend(reconciling);
    verdicts.extend(state.grant.map(|grant| version::up_to_date(grant, state.course, state.unfit)));
    verdicts.extend(state.grant.map(|_| backed_up(state.backup.as_ref(), now)));
    verdicts.extend(state.grant.map(|_| restore_proven(state.backup.as_ref(), now)));
    verdicts.extend(state.grant.and_then(|_| copied(state.backup.as_ref(), now)));
    verdicts.extend(state.grant.map(|grant| version::supported(grant, state.eol, now)));
    let generation = request.metadata.generation;
    MunicipalityAppStatus {
        observed_generation: generation,
        grant: state.grant.cloned(),
        namespace: granted.then(|| state.namespace.to_string()),
        tenant_id: state.tenant_id.map(ToString::to_string).or(old.tenant_id),
        url: state.grant.and_then(|g| g.hostname.as_ref()).map(|host| state.scheme.url(host)),
        answered,
        backup: state.backup.as_ref().map(copied::told),
        requested_at: old.requested_at.or_else(|| request.metadata.creation_timestamp.as_ref().map(|t| written(t.0))),
        ready_at: old.ready_at.or_else(|| is_ready.then(|| written(now))),
        conditions: merge(&old.conditions, verdicts, generation, now),
    }
}

/// The status of a request whose removal waits.
#[must_use]
pub fn removal_held(request: &MunicipalityApp, message: &str, now: Timestamp) -> MunicipalityAppStatus {
    let old = request.status.clone().unwrap_or_default();
    let reason = Reason::RemovalHeld.as_str();
    let verdicts = vec![Verdict::no("Ready", reason, message), Verdict::yes("Stalled", reason, message)];
    MunicipalityAppStatus { conditions: merge(&old.conditions, verdicts, request.metadata.generation, now), ..old }
}

/// `Deployed` and `Available`.
fn workload(live: bool, granted: bool, suspend: bool, work: &Work) -> (Verdict, Verdict) {
    let both = |holds, reason: &str, message: &str| {
        let say = |type_| Verdict { type_, holds, reason: reason.to_string(), message: message.to_string() };
        (say("Deployed"), say("Available"))
    };
    if !granted {
        return both(false, "NotAdmitted", "nothing is deployed for a request that is not admitted");
    }
    if !live {
        return both(false, "WaitingForIsolation", "the workload waits until the guard rails are live");
    }
    match work {
        Work::Waiting => both(false, "Deploying", "the app's objects are being made"),
        Work::Refused(message) => both(false, "WriteRefused", &format!("the API server does not take an object of the app: {message}")),
        Work::Nothing if suspend => both(true, "Suspended", "the app is suspended as the request asks"),
        Work::Nothing => both(true, "NothingToDeploy", "this version of the system has no objects to deploy"),
        Work::Made { known, parts, ails } => {
            let deployed = if *known {
                Verdict::yes("Deployed", "Deployed", "all objects of the app are live as meant")
            } else {
                Verdict::yes("Deployed", "LeftAsItIs", "what runs is left as it is, for what it shall be is not known now")
            };
            // Of what is not known nothing is suspended either.
            (deployed, available(suspend && *known, parts, ails.as_deref()))
        }
    }
}

/// The part of an app that is not as it should be: one that has failed before one that is on its way.
#[must_use]
pub fn unwell(parts: &[(Kind, String, Health)]) -> Option<String> {
    let failed = parts.iter().find_map(|(kind, name, health)| match health {
        Health::Failed(why) => Some(format!("{kind} {name}: {why}")),
        _ => None,
    });
    let coming = parts.iter().find_map(|(kind, name, health)| match health {
        Health::Coming(why) => Some(format!("{kind} {name}: {why}")),
        _ => None,
    });
    failed.or(coming)
}

fn available(suspend: bool, parts: &[(Kind, String, Health)], ails: Option<&str>) -> Verdict {
    if parts.is_empty() {
        return Verdict::no("Available", "NothingRuns", "nothing of the app is there");
    }
    match (unwell(parts), ails) {
        (Some(part), Some(ails)) => Verdict::no("Available", "PodFails", format!("{part}; a pod does not run: {ails}")),
        (Some(part), None) => Verdict::no("Available", "NotAnswering", part),
        (None, _) if suspend => Verdict::yes("Available", "Suspended", "the app is suspended as the request asks"),
        (None, _) => Verdict::yes("Available", "Available", "every part of the app answers"),
    }
}

fn rails(type_: &'static str, rails: &Rails) -> Verdict {
    match rails {
        Rails::Live => Verdict::yes(type_, "GuardRailsLive", "quotas, limits, network policies and access are live"),
        Rails::Pending => Verdict::no(type_, "GuardRailsPending", "quotas, limits, network policies and access are being made"),
        Rails::Terminating => Verdict::no(
            type_,
            "NamespaceTerminating",
            "the namespace or an object in it is being deleted and will be made again when it is gone",
        ),
        Rails::Stopped(reason, message) => Verdict::no(type_, reason.as_str(), message.clone()),
        Rails::Failed(message) => Verdict::no(type_, "WriteFailed", format!("{message}; this is tried again")),
    }
}

/// What is known of a municipality when its status is written.
#[derive(Clone, Debug)]
pub struct MunicipalityState<'a> {
    /// Why it is refused, if it is.
    pub rejections: &'a [Rejection],
    /// The allotment is smaller than what is granted.
    pub below_granted: Option<Rejection>,
    /// How far its home is; none when no home is made.
    pub home: Option<Rails>,
    /// App namespaces without a request.
    pub unclaimed: Vec<UnclaimedTenant>,
    /// What keeps it from being removed, while it is being removed.
    pub removal_waits_for: Option<String>,
}

/// The status of a municipality.
#[must_use]
pub fn municipality(object: &Municipality, state: MunicipalityState<'_>, now: Timestamp) -> MunicipalityStatus {
    let old = object.status.clone().unwrap_or_default();
    let refused = state.rejections.first();
    let ready = match (&state.removal_waits_for, refused, &state.home) {
        (Some(message), ..) => Verdict::no("Ready", Reason::AppsRemain.as_str(), message.clone()),
        (None, Some(first), _) => Verdict::no("Ready", first.reason.as_str(), joined(state.rejections)),
        (None, None, Some(Rails::Live)) => Verdict::yes("Ready", "HomeLive", "the home namespace and its access are live"),
        (None, None, Some(home)) => rails("Ready", home),
        (None, None, None) => Verdict::no("Ready", "HomePending", "the home namespace is being made"),
    };
    let within = match &state.below_granted {
        Some(problem) => Verdict::no("WithinAllotment", problem.reason.as_str(), problem.message.clone()),
        None => Verdict::yes("WithinAllotment", "WithinAllotment", "what is granted fits in the allotment"),
    };
    let stalled = refused.map(|first| Verdict::yes("Stalled", first.reason.as_str(), joined(state.rejections)));
    let reconciling = (stalled.is_none() && !ready.holds).then(|| Verdict::yes("Reconciling", &ready.reason, ready.message.clone()));
    let mut verdicts = vec![ready, within];
    verdicts.extend(stalled);
    verdicts.extend(reconciling);
    let generation = object.metadata.generation;
    MunicipalityStatus {
        observed_generation: generation,
        namespace: old.namespace.or_else(|| (state.home == Some(Rails::Live)).then(|| object.metadata.name.clone().unwrap_or_default())),
        unclaimed: state.unclaimed,
        conditions: merge(&old.conditions, verdicts, generation, now),
    }
}

/// The conditions of a platform object that is either usable or has problems.
#[must_use]
pub fn usable(old: &[Condition], problems: &[Rejection], generation: Option<i64>, now: Timestamp) -> Vec<Condition> {
    let mut verdicts = Vec::new();
    match problems.first() {
        Some(first) => {
            verdicts.push(Verdict::no("Ready", first.reason.as_str(), joined(problems)));
            verdicts.push(Verdict::yes("Stalled", first.reason.as_str(), joined(problems)));
        }
        None => verdicts.push(Verdict::yes("Ready", "Usable", "nothing is wrong with it")),
    }
    merge(old, verdicts, generation, now)
}

/// A status that is nothing but conditions.
pub trait Plain: Default {
    /// The status with these conditions.
    fn with(generation: Option<i64>, conditions: Vec<Condition>) -> Self;
    /// The conditions that stand in it.
    fn conditions(&self) -> &[Condition];
}

macro_rules! plain {
    ($($status:ident),*) => {$(
        impl Plain for $status {
            #[allow(clippy::needless_update, reason = "one of them says more beside")]
            fn with(observed_generation: Option<i64>, conditions: Vec<Condition>) -> Self {
                Self { observed_generation, conditions, ..Self::default() }
            }
            fn conditions(&self) -> &[Condition] {
                &self.conditions
            }
        }
    )*};
}
plain!(PlatformStatus, DataClassStatus, HostedSystemStatus);

/// Phases of a roll-out with their reasons, the one that asks most for attention first.
const ATTENTION: [(Phase, &str); 6] = [
    (Phase::Stopped, "Stopped"),
    (Phase::AwaitingAcknowledgement, "AwaitingAcknowledgement"),
    (Phase::Incomplete, "Incomplete"),
    (Phase::Canaries, "Canaries"),
    (Phase::Rolling, "Rolling"),
    (Phase::Done, "Done"),
];

/// The status of a catalogue entry: whether it can be asked for, and how far its changes have come.
#[must_use]
pub fn system(
    old: Option<&HostedSystemStatus>,
    problems: &[Rejection],
    rollouts: &[RolloutStatus],
    generation: Option<i64>,
    now: Timestamp,
) -> HostedSystemStatus {
    let before = old.map(Plain::conditions).unwrap_or_default();
    let mut conditions = usable(before, problems, generation, now);
    let speaks = ATTENTION.iter().find_map(|(phase, reason)| Some((rollouts.iter().find(|of| of.phase == *phase)?, *reason)));
    if let Some((rollout, reason)) = speaks {
        let holds = rollout.phase == Phase::Done;
        let verdict = Verdict { type_: "RolledOut", holds, reason: reason.into(), message: rollout.message.clone() };
        conditions.extend(merge(before, vec![verdict], generation, now));
    }
    HostedSystemStatus { observed_generation: generation, conditions, rollouts: rollouts.to_vec() }
}
