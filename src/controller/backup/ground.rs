//! What every piece of work of a tenant stands on, and the parts of a step that follow from it.

use super::keys::Hand;
use super::step::Step;
use crate::backup::jobs::User;
use crate::backup::work::{Issue, Repository, Task, Work};
use crate::controller::world::World;
use crate::desired::Owner;
use crate::policy::AppKey;
use crate::policy::register::Rendered;
use crate::request::BackupTarget;
use crate::request::app::Grant;
use crate::request::backup::{Isolation, PlatformBackup, Profile, Window};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use std::sync::Arc;

/// What every piece of work of a tenant needs to know.
#[derive(Clone)]
pub struct Ground {
    /// The app.
    pub key: AppKey,
    /// The tenant's UUID.
    pub tenant_id: String,
    /// What was granted to it.
    pub grant: Option<Grant>,
    /// The platform's settings.
    pub settings: PlatformBackup,
    /// Where its backups go.
    pub target: Arc<BackupTarget>,
    /// What its data class asks for.
    pub profile: Profile,
}

/// The ground of a tenant; none when the platform has no backups, or not this target.
#[must_use]
pub fn ground(world: &World, tenant_id: &str) -> Option<Ground> {
    let vault = world.backups.vaults.get(tenant_id)?;
    let settings = world.register.settings().backup.clone()?;
    let target = Arc::clone(world.backups.targets.get(&vault.spec.target)?);
    let key = AppKey::new(&vault.spec.municipality, &vault.spec.app);
    let mine = world.tenant_of(&key).as_deref() == Some(tenant_id);
    let grant = world.apps.get(&key).and_then(|record| record.grant.clone()).or_else(|| world.sealed_grant(&key)).filter(|_| mine);
    let profile = profile(world, grant.as_ref());
    Some(Ground { key, tenant_id: tenant_id.to_string(), grant, settings, target, profile })
}

/// How long a piece of work waits for what it stands on: a vault is made right after its tenant, a target may be applied
/// again, and a work of a name that nobody knows must end some day.
const COMES: SignedDuration = SignedDuration::from_hours(1);

/// What a piece of work of a tenant without [`ground`] lacks.
///
/// # Errors
/// The same, when it was asked for so long ago that it is not waited for any more.
pub fn lacks(world: &World, tenant_id: &str, asked: Option<&Time>, now: Timestamp) -> Result<String, String> {
    let what = if world.register.settings().backup.is_none() {
        "the platform has no backups (`Platform.spec.backup`)".to_string()
    } else {
        match world.backups.vaults.get(tenant_id) {
            None => format!("there is no vault of the tenant {tenant_id}"),
            Some(vault) => format!("the BackupTarget {} of its vault is not there", vault.spec.target),
        }
    };
    let waits = asked.is_some_and(|asked| now.duration_since(asked.0) < COMES);
    if waits { Ok(format!("waiting: {what}")) } else { Err(what) }
}

/// A time as people say it.
#[must_use]
pub fn spoken(time: SignedDuration) -> String {
    if time.as_secs() < 120 { format!("{} seconds", time.as_secs()) } else { format!("{} minutes", time.as_mins()) }
}

/// What the data class of a granted app asks for; the defaults where that is not known.
#[must_use]
pub fn profile(world: &World, grant: Option<&Grant>) -> Profile {
    let class = grant.and_then(|grant| world.register.class(&grant.data_class.name));
    class.map(|class| class.spec.backup.clone()).unwrap_or_default()
}

impl Ground {
    /// The same tenant at another target.
    #[must_use]
    pub fn at(&self, target: &Arc<BackupTarget>) -> Self {
        Self { target: Arc::clone(target), ..self.clone() }
    }

    /// What the app consists of, as far as that is known.
    #[must_use]
    pub fn rendered(&self, world: &World) -> Option<Rendered> {
        world.register.render(&self.key, self.grant.as_ref()?)
    }

    /// How long the app may take until it answers, as its catalogue entry says.
    #[must_use]
    pub fn patience(&self, world: &World) -> SignedDuration {
        let entry = self.grant.as_ref().and_then(|grant| world.register.system(&grant.system));
        let rollout = entry.map(|entry| entry.spec.rollout).unwrap_or_default();
        SignedDuration::from_secs(i64::from(rollout.deadline_seconds))
    }

    /// The time of day in which its backups begin: as was granted to it, or else the platform's.
    #[must_use]
    pub fn window(&self) -> &Window {
        self.grant.as_ref().and_then(|grant| grant.backup.window.as_ref()).unwrap_or(&self.settings.window)
    }

    /// Whom a Job or a record in a namespace belongs to.
    #[must_use]
    pub fn owner<'a>(&'a self, namespace: &'a str) -> Owner<'a> {
        Owner { namespace, municipality: &self.key.municipality, app: Some(&self.key.app), tenant_id: &self.tenant_id }
    }

    /// Where the tenant's repository is.
    #[must_use]
    pub fn repository(&self) -> Repository {
        let target = &self.target.spec;
        let (bucket, prefix) = match target.isolation {
            Isolation::PerApp => (format!("{}-{}", target.bucket, self.tenant_id), String::new()),
            Isolation::Shared => {
                let folder = format!("{}/{}", self.key.municipality, self.tenant_id);
                let prefix = target.prefix.trim_matches('/');
                (target.bucket.clone(), if prefix.is_empty() { folder } else { format!("{prefix}/{folder}") })
            }
        };
        Repository { endpoint: target.endpoint.clone(), region: target.region.clone(), bucket, prefix, ca_bundle: target.ca_bundle.clone() }
    }

    /// An order that concerns the tenant's repository.
    #[must_use]
    pub fn order(&self, run: &str, task: Task) -> Work {
        Work { repository: self.repository(), tenant: self.tenant_id.clone(), run: run.to_string(), task }
    }

    /// What a target that isolates tenants is asked for.
    #[must_use]
    pub fn issue(&self) -> Option<Issue> {
        let target = &self.target.spec;
        (target.isolation == Isolation::PerApp).then(|| Issue {
            issuer: target.issuer,
            endpoint: target.issuer_endpoint.clone(),
            lock_days: target.lock_days,
        })
    }

    /// A step without an order yet, in a namespace, with somebody's keys.
    #[must_use]
    pub fn step<'a>(&'a self, run: &'a str, number: usize, namespace: &'a str, hand: Hand) -> Step<'a> {
        Step {
            run,
            number,
            owner: self.owner(namespace),
            image: &self.settings.image,
            user: User::default(),
            node: None,
            mounts: Vec::new(),
            runner_mounts: Vec::new(),
            before: Vec::new(),
            volumes: Vec::new(),
            orders: Vec::new(),
            hand,
            files: Vec::new(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// The ground of an app with four hours that may be lost.
    pub fn ground() -> Ground {
        let target = json!({
            "apiVersion": "kopnams.lv/v1alpha1", "kind": "BackupTarget", "metadata": {"name": "s3"},
            "spec": {"endpoint": "https://s3.example.lv", "bucket": "kopnams", "maintainerSecret": "s3", "egress": []},
        });
        let settings: PlatformBackup = serde_json::from_value(json!({"target": "s3", "image": "i"})).unwrap();
        Ground {
            key: AppKey::new("ogres-novads", "majaslapa"),
            tenant_id: "t".into(),
            grant: Some(Grant::default()),
            settings,
            target: Arc::new(serde_json::from_value(target).unwrap()),
            profile: Profile { rpo_hours: 4, ..Profile::default() },
        }
    }

    #[test]
    fn backups_begin_when_was_granted_and_else_when_the_platform_says() {
        let platform = ground();
        assert_eq!(*platform.window(), platform.settings.window);
        let wish = json!({"from": "12:00", "to": "13:00"});
        let grant = Grant { backup: serde_json::from_value(json!({"window": wish})).unwrap(), ..Grant::default() };
        assert_eq!(json!(Ground { grant: Some(grant), ..platform.clone() }.window()), wish);
        let gone = Ground { grant: None, ..platform };
        assert_eq!(*gone.window(), gone.settings.window);
    }
}
