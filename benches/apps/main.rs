//! `make bench`: kopnams beside a bare client that writes the very same objects, on the same kind of
//! API server, with the same concurrency, in one run. Prints ratios; asserts nothing.

mod audit;
mod bare;
mod measured;
mod offline;
#[allow(dead_code, reason = "the other benchmark asks for its processor time")]
mod operator;
mod requests;

use anyhow::Result;
use kopnams_lab::Lab;
use std::time::Duration;

/// Requests in flight, for every client alike.
pub const CONCURRENCY: usize = 32;
fn main() -> Result<()> {
    let sizes: Vec<usize> =
        std::env::var("BENCH_APPS").unwrap_or_else(|_| "200,1000".into()).split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let rest = Duration::from_secs(std::env::var("BENCH_REST_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(120));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    println!("apps | what | seconds | objects/s | ratio of kopnams to it");
    for apps in sizes {
        let creates = runtime.block_on(bare_run(apps, bare::Mode::Create))?;
        let applies = runtime.block_on(bare_run(apps, bare::Mode::Apply))?;
        runtime.block_on(operator_run(apps, rest, &creates, &applies))?;
    }
    offline::measure(10_000)?;
    measured::page_of_many(100)
}

/// A fresh control plane with the definitions, the platform and the requests on it.
async fn fresh(apps: usize) -> Result<(Lab, kube::Client, std::path::PathBuf)> {
    let (lab, client, kubeconfig) = requests::control_plane().await?;
    requests::prepare(&client, apps).await?;
    Ok((lab, client, kubeconfig))
}

async fn bare_run(apps: usize, mode: bare::Mode) -> Result<measured::Timed> {
    let (lab, client, _) = fresh(apps).await?;
    let timed = bare::run(client, apps, mode).await?;
    println!("{apps} | {} | {:.2} | {:.0} | 1", mode.describe(), timed.seconds, timed.rate());
    lab.stop()?;
    Ok(timed)
}

async fn operator_run(apps: usize, rest: Duration, creates: &measured::Timed, applies: &measured::Timed) -> Result<()> {
    let (lab, client, kubeconfig) = fresh(apps).await?;
    requests::operator_surroundings(&client).await?;
    let operator = operator::Operator::start(&kubeconfig)?;
    let seconds = operator::all_ready(&client, apps, operator.started()).await?;
    let timed = measured::Timed { seconds, objects: applies.objects };
    println!(
        "{apps} | kopnams, process start to all ready | {:.2} | {:.0} | {:.2} of bare apply, {:.2} of bare create",
        timed.seconds,
        timed.rate(),
        timed.seconds / applies.seconds,
        timed.seconds / creates.seconds
    );
    let log = lab.audit_log().map(std::path::Path::to_path_buf).unwrap_or_default();
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!(
        "{apps} | requests per app by verb (municipalities' included): {}",
        audit::per_app(&audit::read(&log, 0, requests::USER)?, apps)
    );
    println!("{apps} | memory after ready: {} MB resident", operator.resident_megabytes()?);
    let before = audit::size(&log)?;
    tokio::time::sleep(rest).await;
    println!("{apps} | requests at rest in {} s: {}", rest.as_secs(), audit::counts(&audit::read(&log, before, requests::USER)?));
    let repairs = measured::repairs(&client, apps, 100).await?;
    println!(
        "{apps} | repair of 100 deleted guard rails: p50 {} ms, p99 {} ms",
        measured::percentile(&repairs, 50),
        measured::percentile(&repairs, 99)
    );
    println!("{apps} | memory after repairs: {} MB resident", operator.resident_megabytes()?);
    operator.stop()?;
    let before = audit::size(&log)?;
    let again = operator::Operator::start(&kubeconfig)?;
    let synced = again.ready().await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    println!("{apps} | restart: ready after {synced:.2} s; requests: {}", audit::counts(&audit::read(&log, before, requests::USER)?));
    println!("{apps} | memory after restart: {} MB resident", again.resident_megabytes()?);
    drop(again);
    lab.stop()?;
    Ok(())
}
