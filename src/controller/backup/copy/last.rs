//! Copies of a vault whose app is gone: the last one, and the end of all of them.

use super::super::keys::Hand;
use super::super::step::{self, LOOK, Progress, SOON, Step};
use super::super::{Ground, say_vault, target};
use super::{advance, answers, place, told};
use crate::apply::ApplyError;
use crate::backup::work::{Class, Task};
use crate::controller::Context;
use crate::controller::converge::RESYNC;
use crate::controller::error::ReconcileError;
use crate::controller::queue::Next;
use crate::controller::unclaimed::pause_until;
use crate::request::backup::{BackupVaultStatus, VAULT_NAMESPACE};
use crate::request::written;
use jiff::Timestamp;
use std::time::Duration;

/// The run that copies what a vault holds with this set as the newest: what came of a copy of an earlier one is not taken for it.
fn run_of(set: &str) -> String {
    format!("{set}-y")
}

/// Deletes the Jobs of last copies, but that of one set; whether there were any, or pods of theirs.
pub async fn clear(ctx: &Context, status: &BackupVaultStatus, but: Option<&str>) -> Result<bool, ApplyError> {
    let mut any = false;
    for set in status.sets.iter().filter(|set| Some(set.name.as_str()) != but) {
        any |= step::clear_all(ctx, VAULT_NAMESPACE, &run_of(&set.name), 0..1).await?;
    }
    Ok(any)
}

/// Copies the last sets of a vault whose app is gone, which has no upkeep any more; when to look again, or none when nothing
/// is left to be copied.
pub async fn last(ctx: &Context, status: &BackupVaultStatus, ground: &Ground) -> Result<Option<Next>, ReconcileError> {
    let newest = status.sets.last().map(|set| set.name.as_str());
    let there = { place(&ctx.world(), ground) };
    let copied = status.copied.as_ref();
    let whole = copied.is_some_and(|copied| Some(copied.set.as_str()) == newest && Some(&copied.repository) == there.as_ref());
    // The app's class is not known any more; it asked for copies if there are any.
    let Some(newest) = newest.filter(|_| !status.copies.is_empty() && !whole && there.is_some()) else {
        // Whoever was to clear it may have been killed before that.
        return Ok(clear(ctx, status, None).await?.then_some(Next::After(SOON)));
    };
    clear(ctx, status, Some(newest)).await?;
    let run = run_of(newest);
    if let Some(until) = { ctx.world().backups.paused(&run, Timestamp::now()) } {
        return Ok(Some(Next::After(pause_until(until))));
    }
    // Nothing is added to a vault whose app is gone, and nothing pruned: it does not matter when it began.
    let began = Some(written(Timestamp::now()));
    let report = match advance(ctx, &run, 0, ground, began.as_ref()).await? {
        Progress::Going => return Ok(Some(Next::After(LOOK))),
        Progress::Ended(report) => report,
    };
    told(ctx, &run, ground, began.as_ref(), &report).await?;
    step::clear(ctx, VAULT_NAMESPACE, &run, 0).await?;
    if report.failure.is_some() {
        ctx.world().backups.pause(&run, Timestamp::now() + RESYNC);
        return Ok(Some(Next::After(RESYNC)));
    }
    Ok(Some(Next::After(Duration::ZERO)))
}

/// Destroys what lies at second places, one after another; when to look again, or none when nothing is left there.
///
/// They go before the first does: as long as one of them cannot be reached the vault and its keys stay what they are.
pub async fn destroy(ctx: &Context, run: &str, status: &BackupVaultStatus, ground: &Ground) -> Result<Option<Next>, ReconcileError> {
    // One that is still at work would write again what is destroyed.
    if clear(ctx, status, None).await? {
        return Ok(Some(Next::After(SOON)));
    }
    let Some(place) = status.copies.last() else { return Ok(None) };
    let tenant_id = &ground.tenant_id;
    let target = { ctx.world().backups.targets.get(&place.target).cloned() };
    let there = target.as_ref().map(|target| ground.at(target));
    let by_hand =
        format!("if the place is gone for good, take it out of status.copies: kubectl edit backupvault {tenant_id} --subresource=status");
    let held = match (&target, &there) {
        (Some(target), Some(there)) if there.repository().url() == place.repository => {
            (!answers(target)).then(|| format!("the second target {} does not answer, and this is tried again; {by_hand}", place.target))
        }
        (Some(_), _) => Some(format!(
            "its copy is at {}, and the BackupTarget {} says another place since; set it back. Otherwise destroy the copy by hand; {by_hand}",
            place.repository, place.target
        )),
        (None, _) => Some(format!("the BackupTarget {} of its copy is not there; apply it again. {by_hand}", place.target)),
    };
    let (Some(target), Some(there), None) = (target, there, &held) else {
        let message = format!("its day has come and it stays: {}", held.unwrap_or_default());
        say_vault(ctx, tenant_id, |vault| vault.message = Some(message)).await?;
        return Ok(Some(Next::After(RESYNC)));
    };
    // A number of its own for each place: a Job that goes takes its time.
    let number = status.copies.len();
    let order = there.order(run, Task::Destroy { issue: there.issue() });
    let step = Step { orders: vec![(None, order)], ..there.step(run, number, VAULT_NAMESPACE, Hand::Maintainer) };
    let report = match step::advance(ctx, step, &target.spec, tenant_id).await? {
        Progress::Going => return Ok(Some(Next::After(LOOK))),
        Progress::Ended(report) => report,
    };
    step::clear(ctx, VAULT_NAMESPACE, run, number).await?;
    if let Some(class) = report.failure.filter(|class| *class != Class::Vanished) {
        target::count_at(ctx, &place.target, class).await?;
        let message = format!(
            "its day has come and its copy at the second target {} could not be destroyed ({}): {}; this is tried again",
            place.target,
            class.as_str(),
            report.message
        );
        say_vault(ctx, tenant_id, |vault| vault.message = Some(message)).await?;
        ctx.world().backups.pause(run, Timestamp::now() + RESYNC);
        return Ok(Some(Next::After(RESYNC)));
    }
    say_vault(ctx, tenant_id, |vault| {
        vault.copies.retain(|known| known != place);
        vault.copied = None;
    })
    .await?;
    Ok(Some(Next::After(Duration::ZERO)))
}
