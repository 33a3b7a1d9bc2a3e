//! One app's namespace made what it shall be, whoever asks: a request, its removal, or a tenant without a request.

use super::Context;
use super::converge::{Outcome, Space, converge};
use super::generated::Secrets;
use super::world::World;
use crate::desired::{self, AppTenant, Workload, namespace::grant_text};
use crate::policy::AppKey;
use crate::request::app::Grant;
use crate::request::platform::DestinationPeer;
use std::collections::BTreeSet;
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
    let (settings, members, rendered, held, backup) = {
        let world = ctx.world();
        let members = world.municipalities.get(&key.municipality).map(|m| m.spec.members.clone());
        let rendered = world.register.render(key, grant);
        let settings = Arc::clone(world.register.settings());
        (settings, members, rendered, world.held_for_restore(key), backup_egress(&world, key))
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
        let tenant = AppTenant { key, grant, tenant_id, seals: Some(seals), retiring, members: &members, workload, backup: &backup };
        desired::app(tenant, &settings, &ctx.identity)
    };
    let secrets = rendered.as_ref().map_or(&[][..], |rendered| &rendered.template.secrets);
    let secrets = Secrets { wanted: secrets, rotation: grant.rotation.as_deref(), known: None };
    converge(ctx, Space { name: &name, remembered, grant: Some(&text), keep_access, secrets, build: &build }).await
}

/// Where the work on an app's backups may connect to: the target that holds its vault, or will, and while it is filled from
/// another app's backups the one that holds those.
fn backup_egress(world: &World, key: &AppKey) -> Vec<DestinationPeer> {
    let Some(settings) = &world.register.settings().backup else { return Vec::new() };
    let vault = world.tenant_of(key).and_then(|tenant_id| world.backups.vaults.get(&tenant_id));
    let own = vault.map_or(&settings.target, |vault| &vault.spec.target);
    let sources = world.backups.restoring(key).filter_map(|run| run.spec.from.as_deref());
    let sources = sources.flat_map(|from| world.backups.vaults_of(&key.municipality, from)).map(|(_, vault)| &vault.spec.target);
    let targets: BTreeSet<&String> = std::iter::once(own).chain(sources).collect();
    targets.into_iter().filter_map(|name| world.backups.targets.get(name)).flat_map(|target| target.spec.egress.clone()).collect()
}
