//! Gauges of backups, computed from the statuses at each scrape, so that they are true after a restart too.

use crate::backup::coverage::State;
use crate::backup::retention::{Committed, Rules};
use crate::backup::work::Class;
use crate::controller::backup::{canary, copy, drill, ground};
use crate::controller::world::World;
use crate::controller::world::backups::Record;
use crate::request::backup::{BackupVaultStatus, RunKind, RunPhase, SetRecord, VaultPhase};
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AppLabels {
    municipality: String,
    app: String,
    class: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TargetLabel {
    target: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabel {
    version: String,
}

type OfApp = Family<AppLabels, Gauge>;

/// The gauges of backups.
#[derive(Debug, Default)]
pub struct Backups {
    created: OfApp,
    last_success: OfApp,
    rpo: OfApp,
    copied: OfApp,
    copy_age: OfApp,
    failures: OfApp,
    uncovered: OfApp,
    bytes: OfApp,
    suspicious: OfApp,
    verified: OfApp,
    drill_every: OfApp,
    drill_failed: OfApp,
    missing: OfApp,
    past_ceiling: OfApp,
    retention_held: OfApp,
    floor_broken: OfApp,
    final_held: OfApp,
    not_escrowed: OfApp,
    breaker: Family<TargetLabel, Gauge>,
    parked: Family<TargetLabel, Gauge>,
    cannot_fail: Family<TargetLabel, Gauge>,
    canary_failed: Family<TargetLabel, Gauge>,
    build: Family<VersionLabel, Gauge>,
}

fn seconds(time: Option<&String>) -> i64 {
    time.and_then(|text| text.parse::<Timestamp>().ok()).map_or(0, Timestamp::as_second)
}

impl Backups {
    /// Registers every gauge.
    pub fn register(&self, registry: &mut Registry) {
        let of_app = [
            ("backup_created_timestamp_seconds", "When the app was granted", &self.created),
            (
                "backup_last_success_timestamp_seconds",
                "Recovery point of the newest complete set, 0 when there is none",
                &self.last_success,
            ),
            ("backup_rpo_seconds", "How old the newest set may be", &self.rpo),
            (
                "backup_copied_timestamp_seconds",
                "Recovery point of the newest set that lies at the second place too, 0 when there is none; of classes that ask for it",
                &self.copied,
            ),
            ("backup_copy_age_seconds", "How old the newest set at the second place may be, of classes that ask for it", &self.copy_age),
            ("backup_consecutive_failures", "Backups that failed since the last good one", &self.failures),
            ("backup_uncovered_volumes", "Volumes and databases that are in no set and should be", &self.uncovered),
            ("backup_set_bytes", "Bytes of the newest set", &self.bytes),
            ("backup_set_suspicious", "1 when the last backup held far less than those before", &self.suspicious),
            (
                "restore_verified_recovery_point_timestamp_seconds",
                "Recovery point of the newest set that was restored on trial, 0 when there is none",
                &self.verified,
            ),
            ("restore_drill_every_seconds", "How often a restore is tried", &self.drill_every),
            ("restore_drill_failed", "1 when the last trial of a restore, or the last reading of a part, failed", &self.drill_failed),
            ("backup_sets_missing", "1 when the repository does not hold every set that it should", &self.missing),
            ("retention_past_ceiling", "1 when a set is older than it may be, because there is no newer good one", &self.past_ceiling),
            ("retention_held", "1 while retention lets nothing go without an admin's word", &self.retention_held),
            ("retention_floor_broken", "1 when the sets do not reach back as far as they must", &self.floor_broken),
            ("backup_final_held", "1 while a removed app waits for its last backup, which failed", &self.final_held),
            ("backup_key_not_escrowed", "1 when the repository opens with no key outside this cluster", &self.not_escrowed),
        ];
        for (name, help, family) in of_app {
            registry.register(name, help, family.clone());
        }
        registry.register("target_breaker_open", "1 while a target does not answer and nothing is started", self.breaker.clone());
        registry.register("backup_runs_parked", "Backups that wait until their target answers", self.parked.clone());
        registry.register(
            "restore_drill_cannot_fail",
            "1 when the drill of a set that is damaged on purpose did not fail, so that no drill proves anything",
            self.cannot_fail.clone(),
        );
        registry.register(
            "restore_drill_canary_failed_timestamp_seconds",
            "When a drill of a set that is damaged on purpose last failed, as it has to; 0 when none has yet",
            self.canary_failed.clone(),
        );
        registry.register("build_info", "1, with the operator's version", self.build.clone());
    }

    /// Fills the gauges.
    pub fn fill(&self, world: &World, now: Timestamp) {
        let all = [
            &self.created,
            &self.last_success,
            &self.rpo,
            &self.copied,
            &self.copy_age,
            &self.failures,
            &self.uncovered,
            &self.bytes,
            &self.suspicious,
            &self.verified,
            &self.drill_every,
            &self.drill_failed,
            &self.missing,
            &self.past_ceiling,
            &self.retention_held,
            &self.floor_broken,
            &self.final_held,
            &self.not_escrowed,
        ];
        all.into_iter().for_each(Family::clear);
        self.breaker.clear();
        self.parked.clear();
        self.cannot_fail.clear();
        self.canary_failed.clear();
        self.build.get_or_create(&VersionLabel { version: env!("CARGO_PKG_VERSION").into() }).set(1);
        for (name, target) in &world.backups.targets {
            let open = target.status.as_ref().is_some_and(|status| !status.breaker.admits());
            self.breaker.get_or_create(&TargetLabel { target: name.clone() }).set(i64::from(open));
            let waits = |run: &&std::sync::Arc<crate::request::BackupRun>| {
                let pending = run.phase() == RunPhase::Pending;
                pending && world.backups.vaults.get(&run.spec.tenant_id).is_some_and(|vault| vault.spec.target == *name)
            };
            let parked = if open { world.backups.runs.values().filter(waits).count() } else { 0 };
            self.parked.get_or_create(&TargetLabel { target: name.clone() }).set(i64::try_from(parked).unwrap_or(i64::MAX));
        }
        for (target, sung) in canary::all(world) {
            let label = TargetLabel { target };
            self.cannot_fail.get_or_create(&label).set(i64::from(sung.passed));
            self.canary_failed.get_or_create(&label).set(sung.failed_at.map_or(0, Timestamp::as_second));
        }
        for tenant_id in world.backups.vaults.keys() {
            self.fill_one(world, tenant_id, now);
        }
    }

    fn fill_one(&self, world: &World, tenant_id: &str, now: Timestamp) {
        let Some((vault, ground)) = world.backups.vaults.get(tenant_id).zip(ground(world, tenant_id)) else { return };
        let status: BackupVaultStatus = vault.status.clone().unwrap_or_default();
        let Some(grant) = ground.grant.as_ref().filter(|_| status.phase == VaultPhase::Active) else { return };
        let labels =
            AppLabels { municipality: vault.spec.municipality.clone(), app: vault.spec.app.clone(), class: grant.data_class.name.clone() };
        let set = |family: &OfApp, value: i64| {
            family.get_or_create(&labels).set(value);
        };
        let flag = |family: &OfApp, holds: bool| {
            family.get_or_create(&labels).set(i64::from(holds));
        };
        set(&self.created, seconds(Some(&grant.since)));
        set(&self.last_success, seconds(status.last_success.as_ref()));
        set(&self.rpo, i64::from(ground.profile.rpo_hours) * 3600);
        if let Some(hours) = ground.profile.copy_hours {
            // What lies at a place that is not named any more is no copy.
            let place = copy::place(world, &ground).unwrap_or_default();
            set(&self.copied, seconds(status.copied_at(&place).map(|copied| &copied.recovery_point)));
            set(&self.copy_age, i64::from(hours) * 3600);
        }
        set(&self.failures, i64::from(status.failures.count));
        set(&self.uncovered, i64::try_from(status.coverage.iter().filter(|one| one.state == State::Uncovered).count()).unwrap_or(i64::MAX));
        set(&self.bytes, status.sets.last().map_or(0, |set| i64::try_from(set.bytes).unwrap_or(i64::MAX)));
        flag(&self.suspicious, status.failures.class == Some(Class::Suspicious));
        set(&self.verified, seconds(status.proven.as_ref().map(|proven| &proven.recovery_point)));
        set(&self.drill_every, i64::from(ground.profile.drill.every_days) * 86400);
        flag(&self.drill_failed, status.drill_failures.count + status.read_failures.count > 0);
        flag(&self.missing, status.missing.is_some());
        let verdict = drill::upkeep::verdict(&ground, vault, now);
        flag(&self.past_ceiling, verdict.past_ceiling());
        flag(&self.retention_held, verdict.held.is_some());
        flag(&self.floor_broken, !floor_met(&ground.profile.retention, &status, now));
        let failed = world.backups.runs_of(tenant_id).last().is_some_and(|run| {
            run.spec.kind == RunKind::Final && run.status.as_ref().is_some_and(|status| status.phase == RunPhase::Failed)
        });
        flag(&self.final_held, failed);
        flag(&self.not_escrowed, status.prepared.is_some() && status.escrowed.is_none());
    }
}

/// Whether the sets reach back as far as the floor, or to the first one that was ever made.
fn floor_met(rules: &Rules, status: &BackupVaultStatus, now: Timestamp) -> bool {
    let sets: Vec<Committed> = status.sets.iter().filter_map(SetRecord::committed).collect();
    let first = status.first_set.as_ref().and_then(|time| time.parse().ok());
    rules.floor_met(first, &sets, now)
}
