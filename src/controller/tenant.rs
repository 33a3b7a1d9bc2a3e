//! One app's namespace made what it shall be, whoever asks: a request, its removal, or a tenant without a request.

use super::Context;
use super::converge::{Outcome, Space, converge};
use super::generated::Secrets;
use crate::desired::{self, AppTenant, Workload, namespace::grant_text};
use crate::policy::AppKey;
use crate::request::app::Grant;
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
}

/// Makes it so.
pub async fn converge_app(ctx: &Context, wish: Wish<'_>) -> Outcome {
    let Wish { key, grant, retiring, remembered } = wish;
    let (settings, members, rendered, held, target) = {
        let world = ctx.world();
        let members = world.municipalities.get(&key.municipality).map(|m| m.spec.members.clone());
        let rendered = world.register.render(key, grant);
        let settings = Arc::clone(world.register.settings());
        // The target that holds its vault; of an app that has none yet, the one that will.
        let vault = world.tenant_of(key).and_then(|tenant_id| world.backups.vaults.get(&tenant_id));
        let place = vault.map(|vault| &vault.spec.target).or(settings.backup.as_ref().map(|backup| &backup.target));
        let target = place.filter(|_| settings.backup.is_some()).and_then(|name| world.backups.targets.get(name)).cloned();
        (settings, members, rendered, world.held_for_restore(key), target)
    };
    let keep_access = members.is_none();
    let members = members.unwrap_or_default();
    let (name, text) = (key.namespace(), grant_text(grant));
    let workload = rendered.as_ref().map(|rendered| Workload {
        objects: &rendered.objects,
        route: rendered.template.route.as_ref(),
        // What retires is stopped at once and kept until its days of grace are over.
        paused: grant.suspend || retiring.is_some() || held,
    });
    let build = |tenant_id: &str, seals: &desired::Seals| {
        let backup = target.as_ref().map_or(&[][..], |target| &target.spec.egress);
        let tenant = AppTenant { key, grant, tenant_id, seals: Some(seals), retiring, members: &members, workload, backup };
        desired::app(tenant, &settings, &ctx.identity)
    };
    let secrets = rendered.as_ref().map_or(&[][..], |rendered| &rendered.template.secrets);
    let secrets = Secrets { wanted: secrets, rotation: grant.rotation.as_deref() };
    converge(ctx, Space { name: &name, remembered, grant: Some(&text), keep_access, secrets, build: &build }).await
}
