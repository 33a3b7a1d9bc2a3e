//! `make bench-backup`: the runner as it works in a Job beside stock restic, of the same version, against the same S3
//! server, in the same run: 1 GB in 10,000 files, and one file of 1 GB. Prints seconds and ratios; asserts nothing about
//! them.
//!
//! The two take turns and each has repositories, caches and folders of its own, so that neither finds what the other did.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark may fail by unwrapping, as the tests whose world it uses"
)]

#[path = "../../tests/runner/world.rs"]
#[allow(dead_code)]
mod world;

use std::fs;
use std::path::Path;
use std::time::Instant;
use world::{Tenant, World, noise, part};

/// Bytes in all.
const BYTES: usize = 1_000_000_000;

fn main() {
    let rounds: usize = std::env::var("BENCH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    let Some(world) = World::start() else { return };
    println!("1 GB in | what | seconds, median of {rounds} | MB/s | throughput of kopnams by that of stock restic");
    for (shape, files) in [("10,000 files", 10_000), ("one file", 1)] {
        measure(&world, shape, files, rounds);
    }
}

/// Seconds of each way, round by round.
#[derive(Default)]
struct Seconds {
    stock_backup: Vec<f64>,
    backup: Vec<f64>,
    stock_restore: Vec<f64>,
    stock_verify: Vec<f64>,
    restore: Vec<f64>,
    /// Of the last round: what kopnams did, and how many milliseconds that took; some of it side by side.
    phases: Vec<(String, u64)>,
}

fn measure(world: &World, shape: &str, files: usize, rounds: usize) {
    let mut seconds = Seconds::default();
    for round in 0..rounds {
        let name = format!("bench{files}x{round}");
        let ours = world.tenant(&format!("{name}k"));
        let stock = world.tenant(&format!("{name}s"));
        fill(&ours.volume(), files, round);
        // The second reads what is in the page cache as the first does: both read a copy that was just written.
        fill(&stock.volume(), files, round);
        if round % 2 == 0 {
            ours_once(&ours, &mut seconds);
            stock_once(&stock, &mut seconds);
        } else {
            stock_once(&stock, &mut seconds);
            ours_once(&ours, &mut seconds);
        }
        for tenant in [&ours, &stock] {
            fs::remove_dir_all(&tenant.folder).unwrap();
            fs::remove_dir_all(world.s3.bucket(&tenant.repository.bucket)).unwrap();
        }
    }
    let stock_backup = median(&mut seconds.stock_backup);
    let stock_restore = median(&mut seconds.stock_restore);
    let stock_verify = median(&mut seconds.stock_verify);
    line(shape, "restic backup", stock_backup, None);
    line(shape, "kopnams, a part", median(&mut seconds.backup), Some(stock_backup));
    line(shape, "restic restore", stock_restore, None);
    line(shape, "restic restore --verify", stock_verify, None);
    let restore = median(&mut seconds.restore);
    line(shape, "kopnams, a set restored, verified and compared", restore, Some(stock_verify));
    let phases: Vec<String> = seconds.phases.iter().map(|(name, took)| format!("{name} {took} ms")).collect();
    println!("{shape} | the last round of it: {}", phases.join(", "));
    println!("{shape} | the same beside a restore that verifies nothing | | | {:.2}", stock_restore / restore);
}

/// The set is committed outside of what is timed: stock restic has nothing to put beside it.
fn ours_once(tenant: &Tenant<'_>, seconds: &mut Seconds) {
    let began = Instant::now();
    let backed = tenant.does("r1", part("volume:data", &tenant.volume()));
    seconds.backup.push(began.elapsed().as_secs_f64());
    let committed = tenant.does("r1", tenant.commit("r1", &[("volume:data", &backed)]));
    let began = Instant::now();
    let restored = tenant.does("r1", tenant.restore_all(&committed.snapshot.unwrap(), "restored"));
    seconds.restore.push(began.elapsed().as_secs_f64());
    seconds.phases = [backed.phases, restored.phases].concat();
}

fn stock_once(tenant: &Tenant<'_>, seconds: &mut Seconds) {
    seconds.stock_backup.push(restic(tenant, &tenant.volume(), &["backup", "."]));
    seconds.stock_restore.push(restic(tenant, &tenant.folder, &["restore", "latest", "--target=plain"]));
    seconds.stock_verify.push(restic(tenant, &tenant.folder, &["restore", "latest", "--verify", "--target=verified"]));
}

fn restic(tenant: &Tenant<'_>, folder: &Path, args: &[&str]) -> f64 {
    let cache = tenant.folder.join("stock-cache");
    let mut command = tenant.stock_with(&["--quiet", "--cache-dir", cache.to_str().unwrap()]);
    command.args(args).current_dir(folder);
    let began = Instant::now();
    let output = command.output().unwrap();
    let took = began.elapsed().as_secs_f64();
    assert!(output.status.success(), "restic {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

/// Files that do not compress; no two are alike.
fn fill(folder: &Path, files: usize, round: usize) {
    for number in 0..files {
        let into = folder.join(format!("{:02}", number % 100));
        fs::create_dir_all(&into).unwrap();
        let seed = u64::try_from(round * 1_000_000 + number + 1).unwrap();
        fs::write(into.join(number.to_string()), noise(seed, BYTES / files)).unwrap();
    }
}

fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn line(shape: &str, what: &str, seconds: f64, beside: Option<f64>) {
    let ratio = beside.map_or_else(|| "1".to_owned(), |beside| format!("{:.2}", beside / seconds));
    println!("{shape} | {what} | {seconds:.2} | {:.0} | {ratio}", 1e-6 * f64::from(u32::try_from(BYTES).unwrap()) / seconds);
}
