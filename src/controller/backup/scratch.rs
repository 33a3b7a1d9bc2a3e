//! Where a drill starts an app: a namespace with the guard rails of the app's own, filled from a set, without any way out of
//! it and without a host name, and gone when the drill is over, whatever became of it.

use super::super::converge::{Outcome, Space, converge};
use super::super::generated::Secrets;
use super::ground::spoken;
use super::keys::Hand;
use super::step::{self, Progress, Step};
use super::{Ground, fill, keys};
use crate::apply::ApplyError;
use crate::backup::check::{self, HttpCheck};
use crate::backup::work::{Class, Report, Task, Work};
use crate::backup::{coverage, jobs};
use crate::controller::Context;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::world::backups::{Piece, Record};
use crate::controller::world::{Key, World};
use crate::desired::{self, AppTenant, Kind, Workload, namespace::grant_text};
use crate::policy::AppKey;
use crate::policy::register::Rendered;
use crate::request::app::Grant;
use crate::request::backup::{RunPhase, SetRecord, StepRecord};
use crate::request::system::Route;
use crate::status::summarise::{self, Rails, Work as Doing};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::{Value, json};
use std::sync::Arc;

/// The namespace and everything in it is made; nothing runs.
const SPACE: &str = "space";
/// Before the name of a part: it is filled.
const FILL: &str = "fill:";
/// The app is started, and every part of it gets ready.
const START: &str = "start";
/// The app is asked by HTTP.
const ASK: &str = "ask";

/// The steps of a drill that starts the app, after those that restore and load.
#[must_use]
pub fn steps(set: &SetRecord) -> Vec<String> {
    let parts = set.parts.keys().map(|part| format!("{FILL}{part}"));
    std::iter::once(SPACE.to_string()).chain(parts).chain([START.into(), ASK.into()]).collect()
}

/// Whether a step is one of those.
#[must_use]
pub fn is_step(name: &str) -> bool {
    matches!(name, SPACE | START | ASK) || name.starts_with(FILL)
}

fn failed(class: Class, message: impl Into<String>) -> Progress {
    Progress::Ended(Box::new(Report { failure: Some(class), message: message.into(), ..Report::default() }))
}

fn done() -> Progress {
    Progress::Ended(Box::default())
}

/// What is started, and what of it is left out.
struct Stage {
    key: AppKey,
    grant: Grant,
    rendered: Rendered,
    patience: SignedDuration,
}

/// Rendered as the app itself is, and so with its own names and address, but with nobody who leads there.
fn stage(world: &World, drill: &str, ground: &Ground) -> Option<Stage> {
    let granted = ground.grant.as_ref()?;
    let mut rendered = ground.rendered(world)?;
    for (kind, object) in &mut rendered.objects {
        match kind {
            Kind::CronJob => object["spec"]["suspend"] = json!(true),
            Kind::Deployment | Kind::StatefulSet
                if object.pointer("/spec/replicas").and_then(Value::as_u64).is_some_and(|many| many > 1) =>
            {
                object["spec"]["replicas"] = json!(1);
            }
            _ => {}
        }
    }
    rendered.objects.retain(|(kind, _)| *kind != Kind::Ingress);
    Some(Stage {
        key: AppKey::of_drill(&ground.key.municipality, drill),
        // No host name and no way out: neither the Internet, nor mail, nor another system, nor the app itself.
        grant: Grant { hostname: None, egress: Vec::new(), suspend: false, rotation: None, ..granted.clone() },
        rendered,
        patience: ground.patience(world),
    })
}

/// Takes a step of a drill further.
pub async fn advance(
    ctx: &Context,
    drill: &str,
    ground: &Ground,
    set: &SetRecord,
    step: &StepRecord,
    number: usize,
) -> Result<Progress, ReconcileError> {
    let Some(stage) = ({ stage(&ctx.world(), drill, ground) }) else {
        return Ok(failed(Class::Missing, "what the app consists of is not known any more, so it cannot be started"));
    };
    let space = stage.key.namespace();
    let own = Ground { key: stage.key.clone(), ..ground.clone() };
    let since = step.began.as_deref().and_then(|time| time.parse::<Timestamp>().ok()).unwrap_or_else(Timestamp::now);
    let late = Timestamp::now().duration_since(since) > stage.patience;
    let order = |task| ground.order(drill, task);
    match step.name.as_str() {
        SPACE => {
            let outcome = make(ctx, ground, &stage, true).await?;
            match outcome.work {
                Doing::Refused(why) => Ok(failed(Class::NotStarted, format!("the API server does not take an object of the app: {why}"))),
                Doing::Made { .. } | Doing::Nothing if outcome.rails == Rails::Live => {
                    fill::make_claims(ctx, own.owner(&space), &stage.rendered, set).await?;
                    Ok(done())
                }
                _ if late => Ok(failed(Class::NotStarted, format!("the namespace {space} could not be made in time"))),
                _ => Ok(Progress::Going),
            }
        }
        START => {
            let outcome = make(ctx, ground, &stage, false).await?;
            let Doing::Made { parts, ails, .. } = outcome.work else {
                return Ok(if late {
                    failed(Class::NoAnswer, "the app could not be started on what was restored")
                } else {
                    Progress::Going
                });
            };
            Ok(match summarise::unwell(&parts) {
                None => done(),
                Some(wrong) if late => {
                    let pod = ails.map(|ails| format!("; a pod does not run: {ails}")).unwrap_or_default();
                    let time = spoken(stage.patience);
                    failed(Class::NoAnswer, format!("started on what was restored, the app was not ready within {time}: {wrong}{pod}"))
                }
                Some(_) => Progress::Going,
            })
        }
        ASK => {
            let asks = match asks(ground, &stage, own.step(drill, number, &space, Hand::Writer), order) {
                Ok(Some(asks)) => asks,
                Ok(None) => return Ok(done()),
                Err(failed) => return Ok(failed),
            };
            ended(ctx, &space, drill, number, step::advance(ctx, asks, &ground.target.spec, &ground.tenant_id).await?).await
        }
        part => {
            let part = part.trim_start_matches(FILL);
            let Some(plan) = fill::plan_of(&stage.rendered, part) else {
                return Ok(failed(Class::Missing, format!("the app has no place for {part} any more")));
            };
            let base = own.step(drill, number, &space, Hand::Writer);
            let Some(fills) = fill::step(base, &plan, set.manifest.clone(), order) else {
                return Ok(failed(Class::Database, format!("{part} has no volume to be loaded into")));
            };
            ended(ctx, &space, drill, number, step::advance(ctx, fills, &ground.target.spec, &ground.tenant_id).await?).await
        }
    }
}

/// The Job of a step that has ended goes: nothing may write any more when the app is started.
async fn ended(ctx: &Context, space: &str, drill: &str, number: usize, progress: Progress) -> Result<Progress, ReconcileError> {
    if let Progress::Ended(report) = &progress
        && report.failure.is_none()
    {
        step::clear(ctx, space, drill, number).await?;
    }
    Ok(progress)
}

/// Makes the namespace what it shall be: guard rails as an app's, the app's own passwords, and the app.
async fn make(ctx: &Context, ground: &Ground, stage: &Stage, paused: bool) -> Result<Outcome, ReconcileError> {
    let (settings, name, text) = ({ Arc::clone(ctx.world().register.settings()) }, stage.key.namespace(), grant_text(&stage.grant));
    let known = keys::copied(ctx, &ground.tenant_id).await?;
    let workload = Some(Workload { objects: &stage.rendered.objects, route: None, paused });
    let build = |tenant_id: &str, seals: &desired::Seals| {
        let (key, grant, backup) = (&stage.key, &stage.grant, ground.target.spec.egress.as_slice());
        let tenant = AppTenant { key, grant, tenant_id, seals: Some(seals), retiring: None, members: &[], workload, backup };
        desired::app(tenant, &settings, &ctx.identity)
    };
    let secrets = Secrets { wanted: &stage.rendered.template.secrets, rotation: None, known: Some(&known) };
    let outcome =
        converge(ctx, Space { name: &name, remembered: None, grant: Some(&text), keep_access: false, secrets, build: &build }).await;
    match outcome.error {
        Some(error) => Err(error),
        None => Ok(outcome),
    }
}

/// The step that asks the started app what its catalogue entry wants to see, and what was granted to its request; none if
/// there is nothing to ask.
///
/// # Errors
/// What is to be asked and cannot be. It is not as it has to be, as nobody has seen it.
fn asks<'a>(ground: &Ground, stage: &Stage, base: Step<'a>, order: impl Fn(Task) -> Work) -> Result<Option<Step<'a>>, Progress> {
    let wanted = &stage.rendered.backup.checks;
    // Not those of the request as it stands: it may be refused, for these very pages.
    let pages: Vec<HttpCheck> = wanted.http.iter().chain(&stage.grant.backup.checks.http).cloned().collect();
    let endpoint = match &stage.rendered.template.route {
        Some(route) => Some(endpoint(route, &stage.rendered).ok_or_else(|| {
            let why = format!("the app's route leads to no port of its Service {}, so it cannot be asked", route.service);
            failed(Class::NoAnswer, format!("{why}; mend the route of the version in its catalogue entry"))
        })?),
        None => None,
    };
    if endpoint.is_none()
        && let Some(page) = pages.first()
    {
        return Err(failed(Class::CheckFailed, check::unroutable(page)));
    }
    if endpoint.is_none() && wanted.commands.is_empty() {
        return Ok(None);
    }
    let (mut before, mut volumes) = (Vec::new(), Vec::new());
    for check in &wanted.commands {
        // An entry with a check that has no container is refused.
        let found =
            coverage::container_in(&stage.rendered.objects, check.workload_kind.kind(), &check.workload, check.container.as_deref());
        let Ok((pod, container)) = found else { continue };
        let (copy, needs) = jobs::check(&check.name, pod, container, &check.command);
        before.push(copy);
        volumes.extend(needs);
    }
    let host = ground.grant.as_ref().and_then(|grant| grant.hostname.clone());
    let task = Task::Ask { endpoint, host, checks: pages };
    Ok(Some(Step { before, volumes, orders: vec![(None, order(task))], ..base }))
}

/// Where the app's route leads, within its namespace.
fn endpoint(route: &Route, rendered: &Rendered) -> Option<String> {
    let port = match &route.port {
        IntOrString::Int(number) => i64::from(*number),
        IntOrString::String(name) => {
            let service =
                rendered.objects.iter().find(|(kind, object)| *kind == Kind::Service && crate::template::name(object) == route.service);
            let ports = service?.1.pointer("/spec/ports")?.as_array()?;
            ports.iter().find(|port| port["name"] == name.as_str())?["port"].as_i64()?
        }
    };
    Some(format!("http://{}:{port}", route.service))
}

/// Takes away what a drill started.
pub async fn remove(ctx: &Context, key: &AppKey) -> Result<(), ApplyError> {
    let name = key.namespace();
    // Only what this very operator made as a drill's is ever deleted here.
    let uid = {
        let world = ctx.world();
        let found = world.index.namespace(&name).filter(|found| !found.entry.terminating).map(|found| found.entry.uid);
        found.filter(|_| key.is_drill() && world.deed(&name).is_some())
    };
    let Some(uid) = uid else { return Ok(()) };
    super::super::generated::forget(ctx, &name);
    ctx.writer.delete(Kind::Namespace, &name, &name, uid).await
}

/// Looks at what a drill started: it concerns the drill, or goes if there is none any more.
pub async fn reconcile(ctx: &Context, key: &AppKey) -> Result<Next, ReconcileError> {
    let owner = {
        let world = ctx.world();
        let drills = world.backups.drills.iter().filter(|(_, drill)| drill.phase() == RunPhase::Running);
        let mut of_this = drills.filter(|(name, drill)| AppKey::of_drill(&drill.spec.municipality, name) == *key);
        of_this.next().map(|(name, _)| name.clone())
    };
    match owner {
        Some(drill) => ctx.queue.push(Key::Work(Piece::Drill, drill)),
        None => remove(ctx, key).await?,
    }
    Ok(Next::Rest)
}

#[cfg(test)]
mod tests {
    use super::super::ground::tests::ground;
    use super::*;
    use crate::template::Template;

    fn stage(route: Option<&Value>, entry: &Value, granted: &Value) -> Stage {
        let mut template = Template::default();
        template.route = route.map(|route| serde_json::from_value(route.clone()).unwrap());
        let service = json!({"metadata": {"name": "web"}, "spec": {"ports": [{"name": "http", "port": 8080}]}});
        let container = json!({"name": "web", "image": "i"});
        let web = json!({"metadata": {"name": "web"}, "spec": {"template": {"spec": {"containers": [container]}}}});
        Stage {
            key: AppKey::of_drill("ogres-novads", "t-d202601010000"),
            grant: Grant { backup: serde_json::from_value(json!({"checks": {"http": granted}})).unwrap(), ..Grant::default() },
            rendered: Rendered {
                objects: vec![(Kind::Service, service), (Kind::Deployment, web)],
                template: Arc::new(template),
                backup: serde_json::from_value(json!({"checks": entry})).unwrap(),
            },
            patience: SignedDuration::from_secs(60),
        }
    }

    /// What the app is asked: the order, or why it cannot be asked.
    fn asked(stage: &Stage) -> Result<Option<Task>, (Class, String)> {
        let ground = ground();
        let base = ground.step("t-d202601010000", 4, "space", Hand::Writer);
        match asks(&ground, stage, base, |task| ground.order("t-d202601010000", task)) {
            Ok(step) => Ok(step.map(|step| step.orders[0].1.task.clone())),
            Err(Progress::Ended(report)) => Err((report.failure.unwrap(), report.message)),
            Err(Progress::Going) => unreachable!(),
        }
    }

    #[test]
    fn a_started_app_is_asked_what_its_entry_says_and_what_was_granted() {
        let (entry, granted) = (json!({"http": [{"name": "front", "path": "/"}]}), json!([{"name": "news", "path": "/news"}]));
        for port in [json!("http"), json!(8080)] {
            let found = asked(&stage(Some(&json!({"service": "web", "port": port})), &entry, &granted)).unwrap();
            let Some(Task::Ask { endpoint, checks, .. }) = found else { panic!("{found:?}") };
            assert_eq!(endpoint.as_deref(), Some("http://web:8080"));
            assert_eq!(checks.iter().map(|check| check.path.as_str()).collect::<Vec<_>>(), ["/", "/news"]);
        }
        assert_eq!(asked(&stage(None, &json!({}), &json!([]))), Ok(None));
    }

    #[test]
    fn a_page_that_cannot_be_asked_for_is_no_page_that_was_seen() {
        let (class, why) = asked(&stage(None, &json!({}), &json!([{"name": "news", "path": "/news"}]))).unwrap_err();
        assert_eq!(class, Class::CheckFailed);
        assert_eq!(
            why,
            "check news: the app has no route, so /news cannot be asked for; write route on the version of its catalogue entry, or take the check out of the request"
        );
        // Nor do commands beside it make it one; without a page they are run all the same.
        let commands = json!({"commands": [{"name": "rows", "workloadKind": "Deployment", "workload": "web", "command": ["true"]}]});
        assert_eq!(asked(&stage(None, &commands, &json!([{"name": "news", "path": "/news"}]))).unwrap_err().0, Class::CheckFailed);
        let found = asked(&stage(None, &commands, &json!([]))).unwrap();
        assert_eq!(found, Some(Task::Ask { endpoint: None, host: None, checks: Vec::new() }));
        let (class, why) = asked(&stage(Some(&json!({"service": "web", "port": "admin"})), &json!({}), &json!([]))).unwrap_err();
        assert_eq!(class, Class::NoAnswer);
        assert!(why.starts_with("the app's route leads to no port of its Service web"), "{why}");
    }
}
