//! Filling the volumes and databases of a namespace from a set: an app's own, a new app's, or that of a drill.

use super::load::{self, Load};
use super::step::Step;
use crate::apply::ApplyError;
use crate::backup::coverage::{self, PartPlan, VolumePlan};
use crate::backup::jobs::{DATA, Mount, User, Volume};
use crate::backup::set::Part;
use crate::backup::work::{Task, Work};
use crate::controller::Context;
use crate::desired::{Kind, Object, Owner};
use crate::policy::register::Rendered;
use crate::request::backup::SetRecord;
use kube::core::{DynamicObject, TypeMeta};
use serde_json::{Value, json};

/// How a part of what an app consists of is filled.
#[must_use]
pub fn plan_of(rendered: &Rendered, part: &str) -> Option<PartPlan> {
    let claims: Vec<coverage::Claim> = coverage::expected(&rendered.objects)
        .into_iter()
        .map(|name| coverage::Claim { name, access_modes: Vec::new(), phase: "Bound".into(), labelled: true })
        .collect();
    let app = coverage::App { objects: &rendered.objects, claims: &claims, entry: &rendered.backup, exclusions: &[], quiesced: true };
    coverage::plan(app).parts.into_iter().find(|planned| planned.part().to_string() == part)
}

/// Makes the claims that a `StatefulSet` would make for its pods, of which none has run yet; it takes them as they are.
pub async fn make_claims(ctx: &Context, owner: Owner<'_>, rendered: &Rendered, set: &SetRecord) -> Result<(), ApplyError> {
    let names = set.parts.keys().filter_map(|part| plan_of(rendered, part)).filter_map(|plan| match plan {
        PartPlan::Volume(volume) => Some(volume.claim),
        PartPlan::Database(database) => database.volume,
    });
    for name in names {
        let Some(template) = coverage::template_of_claim(&rendered.objects, &name) else { continue };
        ctx.writer.create_once(&claim_for(owner, &name, template)).await?;
    }
    Ok(())
}

/// Such a claim. It carries no intent: like those that the set makes, it is neither repaired nor pruned.
fn claim_for(owner: Owner<'_>, name: &str, template: &Value) -> Object {
    let mut metadata = owner.meta(name);
    let labels = template.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_string())));
    metadata.labels.get_or_insert_default().extend(labels);
    let types = TypeMeta { api_version: "v1".into(), kind: "PersistentVolumeClaim".into() };
    let data = json!({"spec": template.get("spec")});
    Object::Workload(Kind::PersistentVolumeClaim, Box::new(DynamicObject { types: Some(types), metadata, data }))
}

/// The step that fills one volume or database, and compares; none for a database that has no volume.
#[must_use]
pub fn step<'a>(base: Step<'a>, plan: &PartPlan, manifest: String, order: impl Fn(Task) -> Work) -> Option<Step<'a>> {
    Some(match plan {
        PartPlan::Volume(VolumePlan { claim, security, .. }) => {
            let task = Task::Restore { manifest, parts: vec![(Part::Volume(claim.clone()), DATA.into())], into: None, replace: true };
            Step {
                user: User::from(security),
                mounts: vec![Mount { path: DATA.into(), volume: Volume::Filled(claim.clone()) }],
                orders: vec![(None, order(task))],
                ..base
            }
        }
        PartPlan::Database(plan) => {
            let files = Volume::Filled(plan.volume.clone()?).render("files", "");
            load::step(base, Load { plan, secrets: &[], secrets_of: None, manifest, files, replace: true }, order)
        }
    })
}
