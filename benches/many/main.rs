//! `make bench-many`: the backups of many apps that are all due at once, with runners that only report, beside a bare
//! client that makes, awaits and deletes as many of the very same Jobs. Prints figures; asserts nothing.

#[path = "../apps/audit.rs"]
#[allow(dead_code, reason = "the other benchmark also counts what is asked at rest")]
mod audit;
mod bare;
#[path = "../../tests/cluster/hands.rs"]
#[allow(clippy::unwrap_used, dead_code, reason = "the tests' own, as it is")]
mod hands;
mod kopnams_run;
#[path = "../apps/operator.rs"]
#[allow(dead_code, reason = "that of the other benchmark, which also stops it")]
mod operator;
#[path = "../apps/requests.rs"]
mod requests;
mod target;

use anyhow::Result;
use kopnams_lab::Lab;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Requests in flight of the operator.
pub const CONCURRENCY: usize = 32;
/// Jobs at once, for both: the default pool.
pub const POOL: usize = 20;
fn main() -> Result<()> {
    let sizes: Vec<usize> =
        std::env::var("BENCH_APPS").unwrap_or_else(|_| "1000,3000".into()).split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("load of the machine: {}", load());
    println!("apps | what | seconds | apps an hour | bare client: seconds | kopnams takes");
    for apps in sizes {
        runtime.block_on(both(apps))?;
    }
    println!("load of the machine: {}", load());
    Ok(())
}

/// One fresh control plane for each: first the bare client, then kopnams.
async fn both(apps: usize) -> Result<()> {
    let (lab, client, _) = fresh().await?;
    target::workshop(&client).await?;
    let hands = hands::Hands::start(client.clone());
    let thrice = bare::run(&client, 3 * apps).await?;
    let once = bare::run(&client, apps).await?;
    drop(hands);
    lab.stop()?;

    let (lab, client, kubeconfig) = fresh().await?;
    requests::prepare(&client, apps).await?;
    requests::operator_surroundings(&client).await?;
    target::workshop(&client).await?;
    let hands = hands::Hands::start(client.clone());
    let log = lab.audit_log().map(Path::to_path_buf).unwrap_or_default();
    let ([first, again], [before, after]) = kopnams_run::run(&client, &kubeconfig, &log, apps).await?;
    drop(hands);
    lab.stop()?;

    for (what, mut measured, bare) in
        [("first backups with their drills, 3 Jobs each", first, thrice), ("backups again, 1 Job each", again, once)]
    {
        // Watches that are begun anew after some minutes.
        measured.requests.retain(|request, _| !request.starts_with("watch "));
        let (seconds, sets) = (measured.seconds, measured.sets);
        println!("{apps} | {what} | {seconds:.1} | {:.0} | {bare:.1} | {:.2} times as long", hourly(apps, seconds), seconds / bare);
        println!("{apps} | {what}, until each had its set | {sets:.1} | {:.0} | |", hourly(apps, sets));
        println!("{apps} | {what}: requests per app by verb: {}", audit::per_app(&measured.requests, apps));
        #[expect(clippy::cast_precision_loss, reason = "some hundred thousands")]
        let requests = measured.requests.values().sum::<usize>() as f64 / apps as f64;
        println!("{apps} | {what}: requests per app: {requests:.1}");
        println!(
            "{apps} | {what}: {:.1} s of processor time of the operator, {} MB resident at most",
            measured.processor, measured.megabytes
        );
    }
    println!("{apps} | memory: {before} MB resident before, {after} MB ten seconds after the last");
    Ok(())
}

fn hourly(count: usize, seconds: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let count = count as f64;
    count * 3600.0 / seconds
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").map(|text| text.split(' ').take(3).collect::<Vec<_>>().join(" ")).unwrap_or_default()
}

async fn fresh() -> Result<(Lab, kube::Client, PathBuf)> {
    let (lab, client, kubeconfig) = requests::control_plane().await?;
    // The controllers come one after another.
    tokio::time::sleep(Duration::from_secs(2)).await;
    Ok((lab, client, kubeconfig))
}
