//! One app's namespace made what it shall be, whoever asks: a request, its removal, or a tenant without a request.

use super::Context;
use super::converge::{Outcome, Space, converge};
use crate::desired::{self, AppTenant, Workload, namespace::grant_text};
use crate::policy::AppKey;
use crate::request::app::Grant;
use serde_json::Value;
use std::sync::Arc;

/// What an app's namespace is to be.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Whose app it is.
    pub key: &'a AppKey,
    /// What was granted.
    pub grant: &'a Grant,
    /// Since when it is retiring, if it is.
    pub retiring: Option<&'a str>,
    /// A tenant id that the request remembers, for a namespace that was lost.
    pub remembered: Option<&'a str>,
    /// What the request says of the system that runs there; none when it is not admitted or there is no request.
    pub asked: Option<Asked<'a>>,
}

/// What a request says of the system that runs.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its parameters.
    pub parameters: &'a Value,
    /// Nothing is to run for now.
    pub suspend: bool,
}

/// Makes it so.
pub async fn converge_app(ctx: &Context, wish: Wish<'_>) -> Outcome {
    let Wish { key, grant, retiring, remembered, asked } = wish;
    let (settings, members, rendered) = {
        let world = ctx.world();
        let members = world.municipalities.get(&key.municipality).map(|m| m.spec.members.clone());
        let rendered = asked.and_then(|asked| world.register.render(key, grant, asked.parameters));
        (Arc::clone(world.register.settings()), members, rendered)
    };
    let keep_access = members.is_none();
    let members = members.unwrap_or_default();
    let (name, text) = (key.namespace(), grant_text(grant));
    let workload = rendered.as_ref().map(|rendered| Workload {
        objects: &rendered.objects,
        route: rendered.template.route.as_ref(),
        paused: asked.is_some_and(|asked| asked.suspend),
    });
    let build = |tenant_id: &str, seals: &desired::Seals| {
        let tenant = AppTenant { key, grant, tenant_id, seals: Some(seals), retiring, members: &members, workload };
        desired::app(tenant, &settings, &ctx.identity)
    };
    let secrets = rendered.as_ref().map_or(&[][..], |rendered| &rendered.template.secrets);
    converge(ctx, Space { name: &name, remembered, grant: Some(&text), keep_access, secrets, build: &build }).await
}
