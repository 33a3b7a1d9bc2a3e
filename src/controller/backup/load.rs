//! Loading a database from a set: the dump is fetched, a copy of the database's own container loads it, and the rows that it
//! then has are compared with the manifest. A drill loads onto a volume that is thrown away, a restore onto the app's own.

use super::fill;
use super::ground::Ground;
use super::step::Step;
use crate::backup::coverage::{DatabasePlan, PartPlan};
use crate::backup::jobs::{DATA, DUMP, DatabaseJob, FACTS, User, database, runner, setting};
use crate::backup::set::Part;
use crate::backup::work::{Task, Work};
use crate::controller::world::World;
use crate::desired::Kind;
use serde_json::{Value, json};

/// How a database of an app is loaded.
pub struct Pattern {
    /// A copy of its own pod.
    pub plan: DatabasePlan,
    /// Generated secrets and `ConfigMap`s of the app, each with its keys.
    pub secrets: Vec<(String, Vec<String>)>,
    /// What is in those `ConfigMap`s, as keys of a Job's Secret.
    pub settings: Vec<(String, Vec<u8>)>,
}

/// How a database of an app is loaded.
#[must_use]
pub fn database_of(world: &World, ground: &Ground, name: &str) -> Option<Pattern> {
    let rendered = ground.rendered(world)?;
    let Some(PartPlan::Database(plan)) = fill::plan_of(&rendered, &Part::Database(name.into()).to_string()) else { return None };
    let plan = *plan;
    let mut secrets: Vec<(String, Vec<String>)> =
        rendered.template.secrets.iter().map(|secret| (secret.name.clone(), secret.keys.keys().cloned().collect())).collect();
    let mut settings = Vec::new();
    for (_, object) in rendered.objects.iter().filter(|(kind, _)| *kind == Kind::ConfigMap) {
        let name = crate::template::name(object);
        let entries: Vec<(&String, &str)> = object
            .get("data")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key, value.as_str()?)))
            .collect();
        secrets.push((name.to_string(), entries.iter().map(|(key, _)| (*key).clone()).collect()));
        settings.extend(entries.into_iter().map(|(key, value)| (setting(name, key), value.as_bytes().to_vec())));
    }
    Some(Pattern { plan, secrets, settings })
}

/// A database and where it is loaded.
pub struct Load<'a> {
    /// How its pod is.
    pub plan: &'a DatabasePlan,
    /// Generated secrets and `ConfigMap`s of the app.
    pub secrets: &'a [(String, Vec<String>)],
    /// Where the app itself is not, the Secret that has them.
    pub secrets_of: Option<&'a str>,
    /// Snapshot of the manifest.
    pub manifest: String,
    /// The volume that takes its files, named `files`.
    pub files: Value,
    /// What the volume holds is cleared away, once the dump is here and whole.
    pub replace: bool,
}

/// The step that does it.
#[must_use]
pub fn step<'a>(base: Step<'a>, load: Load<'_>, order: impl Fn(Task) -> Work) -> Step<'a> {
    let Load { plan, secrets, secrets_of, manifest, files, replace } = load;
    let part = Part::Database(plan.name.clone());
    let (pod, container) = plan.pod();
    let job = DatabaseJob {
        pod,
        container,
        name: "load",
        argument: "load",
        environment: &[("KOPNAMS_IN", DUMP), ("KOPNAMS_FACTS", FACTS)],
        files: Some("files"),
        secrets,
        secrets_of,
    };
    let (loader, mut volumes) = database(&job);
    volumes.push(files);
    let mounted = |name: &str, path: &str| json!({"name": name, "mountPath": path});
    let before_it = |name: &'static str, mount: Value| runner(name, base.image, Some(name), std::slice::from_ref(&mount));
    let fetch = Task::Restore { manifest: manifest.clone(), parts: vec![(part.clone(), DUMP.into())], into: None, replace: false };
    let mut before = vec![before_it("fetch", mounted("dump", DUMP))];
    let mut orders = vec![(None, order(Task::Compare { manifest, part, facts: FACTS.into() })), (Some("fetch"), order(fetch))];
    if replace {
        before.push(before_it("clear", mounted("files", DATA)));
        orders.push((Some("clear"), order(Task::Clear { path: DATA.into() })));
    }
    before.push(loader);
    Step {
        user: User::of(pod, Some(container)),
        before,
        volumes,
        runner_mounts: vec![json!({"name": "facts", "mountPath": "/var/kopnams/facts", "readOnly": true})],
        orders,
        ..base
    }
}
