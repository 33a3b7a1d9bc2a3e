//! Pods as backups see them: those that do the work, and those of the apps that it is about.

use super::backups::{Backups, Piece, Record};
use super::{Key, World};
use crate::backup::jobs::CHECK;
use crate::backup::work::{Class, Report};
use crate::policy::AppKey;
use crate::request::names::{RUN, app_namespace};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use std::collections::BTreeSet;

/// A pod of a piece of work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPod {
    /// Its name.
    pub name: String,
    /// The piece of work.
    pub run: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// A container of it has run.
    pub started: bool,
    /// What keeps it from starting.
    pub ails: Option<String>,
    /// What came of it, once it has ended.
    pub ended: Option<Ended>,
}

/// How a pod of a piece of work has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The runner reported, as JSON.
    Reported(String),
    /// A container before the runner failed: its name, and what it said.
    Before(String, String),
    /// It ended without a word.
    Silent(String),
}

impl Ended {
    /// The report, whoever ended the pod.
    #[must_use]
    pub fn report(&self) -> Report {
        let failed = |class, message: String| Report { failure: Some(class), message, ..Report::default() };
        match self {
            Self::Reported(text) => serde_json::from_str(text)
                .unwrap_or_else(|error| failed(Class::Other, format!("the runner's report cannot be read: {error}"))),
            // Where the runner asks a started app, what comes before it is a check; elsewhere it dumps or loads a database.
            Self::Before(container, said) => match container.strip_prefix(CHECK) {
                Some(check) => failed(Class::CheckFailed, format!("check {check}: {said}")),
                None => failed(Class::Database, format!("{container}: {said}")),
            },
            Self::Silent(how) => failed(Class::Other, how.clone()),
        }
    }
}

/// A pod of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivingPod {
    /// The node on which it runs.
    pub node: Option<String>,
    /// The volume claims that it uses.
    pub claims: Vec<String>,
}

impl Backups {
    /// The pod of a job.
    #[must_use]
    pub fn pod(&self, namespace: &str, job: &str) -> Option<&RunPod> {
        self.pods.get(&(namespace.to_string(), job.to_string()))
    }

    /// The jobs in a namespace of which there is a pod.
    pub fn with_pods<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = &'a str> {
        self.pods.keys().filter(move |(of, _)| of == namespace).map(|(_, job)| job.as_str())
    }

    /// Since when a job has no pod, now if it was not looked at before. What was down meanwhile, this process or the API
    /// server, did not let it start either, so when the job was to be made says nothing.
    pub fn without_pod(&mut self, namespace: &str, job: &str, now: Timestamp) -> Timestamp {
        let place = (namespace.to_string(), job.to_string());
        if self.pods.contains_key(&place) {
            self.waiting.remove(&place);
            return now;
        }
        *self.waiting.entry(place).or_insert(now)
    }

    /// A job is not waited for any more.
    pub fn let_go(&mut self, namespace: &str, job: &str) {
        self.waiting.remove(&(namespace.to_string(), job.to_string()));
    }

    /// The pods of an app's workload that live.
    pub fn living(&self, namespace: &str) -> impl Iterator<Item = (&str, &LivingPod)> {
        self.living.get(namespace).into_iter().flatten().map(|(name, pod)| (name.as_str(), pod))
    }

    /// The node on which a claim is in use.
    #[must_use]
    pub fn node_of(&self, namespace: &str, claim: &str) -> Option<String> {
        self.living(namespace).find(|(_, pod)| pod.claims.iter().any(|of| of == claim)).and_then(|(_, pod)| pod.node.clone())
    }

    /// Whether a pod that writes an app's data has not ended, also one whose restore was deleted: in the namespace of an app
    /// all other pods of work belong to its backups.
    pub(super) fn fills(&self, namespace: &str, tenant_id: Option<&str>) -> bool {
        self.pods.iter().any(|((of, _), pod)| {
            let backs_up = tenant_id.is_some_and(|id| pod.run.starts_with(&format!("{id}-b")));
            of == namespace && pod.ended.is_none() && !backs_up
        })
    }
}

impl World {
    /// A job of a piece of work came, changed or went.
    pub fn job_changed(&mut self, job: &str) {
        let Some((run, _)) = job.rsplit_once('-') else { return };
        if let Some(piece) = self.backups.piece(run) {
            self.touch(Key::Work(piece, run.to_string()));
        } else if let Some(tenant_id) = self.backups.own_work(run) {
            self.touch(Key::Vault(tenant_id));
        }
    }

    /// Enters a pod: of a piece of work, or of a workload.
    pub fn observe_pod(&mut self, pod: &Pod) {
        let namespace = pod.metadata.namespace.clone().unwrap_or_default();
        let name = pod.metadata.name.clone().unwrap_or_default();
        let label = |label: &str| pod.metadata.labels.as_ref().and_then(|labels| labels.get(label)).cloned();
        if let Some(run) = label(RUN) {
            let Some(job) = label("batch.kubernetes.io/job-name") else { return };
            let seen = run_pod(pod, name, run.clone());
            let place = (namespace.clone(), job);
            // A pod made anew for the same job counts, the one before does not.
            if self.backups.pods.get(&place).is_some_and(|known| known.name != seen.name && known.created > seen.created) {
                return;
            }
            if self.backups.pods.insert(place, seen.clone()).as_ref() != Some(&seen) {
                self.touch_work(&namespace, run);
            }
            return;
        }
        // The page that stands in for a stopped app touches none of its data; no entry can name anything so.
        if name.starts_with("kopnams-notice-") {
            return;
        }
        let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
        if matches!(phase, Some("Succeeded" | "Failed")) {
            self.forget_pod(&namespace, &name);
            return;
        }
        let spec = pod.spec.as_ref();
        let volumes = spec.into_iter().flat_map(|spec| spec.volumes.iter().flatten());
        let claims = volumes.filter_map(|volume| volume.persistent_volume_claim.as_ref().map(|claim| claim.claim_name.clone()));
        let living = LivingPod { node: spec.and_then(|spec| spec.node_name.clone()), claims: claims.collect() };
        self.backups.living.entry(namespace).or_default().insert(name, living);
    }

    /// Takes a pod out.
    pub fn forget_pod(&mut self, namespace: &str, name: &str) {
        if let Some(pods) = self.backups.living.get_mut(namespace) {
            pods.remove(name);
            if pods.is_empty() {
                self.backups.living.remove(namespace);
                // What waits until nothing runs there may go on.
                let (municipality, app) = crate::live::deed::owner_by_name(namespace);
                let key = app.map(|app| AppKey::new(municipality, app));
                let waits =
                    key.iter().flat_map(|key| self.backups.restoring(key)).filter_map(|run| run.metadata.name.clone()).collect::<Vec<_>>();
                self.to_do.extend(waits.into_iter().map(|name| Key::Work(Piece::Restore, name)));
                let finals = self
                    .backups
                    .runs
                    .iter()
                    .filter(|(_, run)| app_namespace(&run.spec.municipality, &run.spec.app) == namespace && !run.phase().is_over());
                let finals: Vec<_> = finals.map(|(name, _)| Key::Work(Piece::Backup, name.clone())).collect();
                self.to_do.extend(finals);
            }
        }
        let place = self.backups.pods.iter().find(|((of, _), pod)| of == namespace && pod.name == name).map(|(place, _)| place.clone());
        if let Some(place) = place
            && let Some(gone) = self.backups.pods.remove(&place)
        {
            self.touch_work(namespace, gone.run);
        }
    }

    /// A pod of a piece of work is otherwise; where nobody knows the work, its app waits for the pod.
    fn touch_work(&mut self, namespace: &str, run: String) {
        if let Some(piece) = self.backups.piece(&run) {
            self.touch(Key::Work(piece, run));
        } else if let Some(tenant_id) = self.backups.own_work(&run) {
            self.touch(Key::Vault(tenant_id));
        } else if let (municipality, Some(app)) = crate::live::deed::owner_by_name(namespace) {
            self.touch(Key::App(AppKey::new(municipality, app)));
        }
    }

    /// The pods are listed again: those that are not there any more are taken out.
    pub fn keep_pods(&mut self, listed: &BTreeSet<(String, String)>) {
        let living =
            self.backups.living.iter().flat_map(|(namespace, pods)| pods.keys().map(move |name| (namespace.clone(), name.clone())));
        let working = self.backups.pods.iter().map(|((namespace, _), pod)| (namespace.clone(), pod.name.clone()));
        let gone: Vec<_> = living.chain(working).filter(|place| !listed.contains(place)).collect();
        for (namespace, name) in gone {
            self.forget_pod(&namespace, &name);
        }
    }
}

fn run_pod(pod: &Pod, name: String, run: String) -> RunPod {
    let status = pod.status.as_ref();
    let before = status.into_iter().flat_map(|status| status.init_container_statuses.iter().flatten());
    let main = status.into_iter().flat_map(|status| status.container_statuses.iter().flatten());
    let terminated = |container: &ContainerStatus, failed: bool| {
        let end = container.state.as_ref()?.terminated.as_ref()?;
        (!failed || end.exit_code != 0).then(|| (container.name.clone(), end.clone()))
    };
    let early = before.clone().find_map(|container| terminated(container, true));
    let last = main.clone().find_map(|container| terminated(container, false));
    let said = |end: &ContainerStateTerminated| end.message.clone().filter(|text| !text.trim().is_empty());
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let ended = match (early, last) {
        // A runner before the last container reports, too.
        (Some((_, end)), _) if said(&end).is_some_and(|text| text.starts_with('{')) => said(&end).map(Ended::Reported),
        (Some((container, end)), _) => {
            let what = said(&end).unwrap_or_else(|| format!("it ended with exit code {}", end.exit_code));
            Some(Ended::Before(container, what.trim().to_string()))
        }
        (None, Some((_, end))) => Some(match said(&end) {
            // The container runtime's own words.
            Some(text) if end.reason.as_deref().is_some_and(|reason| reason != "Completed" && reason != "Error") => {
                Ended::Silent(format!("the runner could not be run: {}", text.trim()))
            }
            Some(text) => Ended::Reported(text),
            None => {
                let reason = end.reason.unwrap_or_default();
                let how =
                    if reason == "OOMKilled" { "it used more memory than it may".into() } else { format!("exit code {}", end.exit_code) };
                Ended::Silent(format!("the runner ended without a report: {how}"))
            }
        }),
        (None, None) if phase == "Failed" => {
            let why = status.and_then(|status| status.message.clone().or_else(|| status.reason.clone())).unwrap_or_default();
            Some(Ended::Silent(format!("the pod was ended: {why}")))
        }
        (None, None) => None,
    };
    let ran =
        |container: &ContainerStatus| container.state.as_ref().is_some_and(|state| state.running.is_some() || state.terminated.is_some());
    RunPod {
        name,
        run,
        created: pod.metadata.creation_timestamp.as_ref().map(|time| time.0),
        started: before.into_iter().chain(main).any(ran),
        ails: crate::live::health::ails(pod),
        ended,
    }
}
