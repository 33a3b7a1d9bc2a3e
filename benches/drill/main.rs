//! `make bench-drill`: how long it takes to prove a backup of 1 GB in `PostgreSQL`, on a real node, step by step; beside it, in
//! the same run, what a person would do by hand: stock restic restores the dump, and `pg_restore` loads it into the server that
//! runs already. Prints figures; asserts nothing about them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark may fail by unwrapping, as the tests whose house it uses"
)]

#[path = "../../tests/cluster/audit.rs"]
#[allow(dead_code)]
mod audit;
#[path = "../../tests/node/backups.rs"]
#[allow(dead_code, unused_imports)]
mod backups;
#[path = "../../tests/node/house.rs"]
#[allow(dead_code)]
mod house;
#[path = "../../tests/cluster/kit.rs"]
#[allow(dead_code)]
mod kit;
#[path = "../../tests/cluster/operator.rs"]
#[allow(dead_code)]
mod operator;
#[path = "../../tests/cluster/world.rs"]
#[allow(dead_code)]
mod world;

use backups::{back_up, drill_of, over, target};
use house::{House, decoded, on_the_node};
use jiff::Timestamp;
use kit::{app_of, text};
use kopnams_lab::{BackupTools, S3};
use serde_json::Value;
use std::process::Command;
use std::time::Instant;

const TOWN: &str = "kuldigas-novads";
const SPACE: &str = "kuldigas-novads--dati";
/// Rows of one KiB each, which do not compress.
const ROWS: u32 = 1_000_000;

fn main() {
    let rows = std::env::var("BENCH_ROWS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROWS);
    on_the_node("how long a drill takes", async |house| measure(house, rows).await);
}

async fn measure(house: &House, rows: u32) {
    let server = target(house).await;
    house.open(&app_of(TOWN, "dati", "postgresql")).await;
    let app = house.world.get("MunicipalityApp", TOWN, "dati").await.unwrap();
    let tenant = text(&app, "/status/tenantId").to_string();
    // 32 letters each, evaluated anew for each row.
    let random = ["md5(random()::text)"; 32].join(" || ");
    sql(house, &format!("SET ROLE app; CREATE TABLE public.lietas AS SELECT n, {random} AS teksts FROM generate_series(1, {rows}) n"));
    let begun = Instant::now();
    let set = back_up(house, TOWN, "dati").await;
    let vault = house.world.get("BackupVault", "", &tenant).await.unwrap();
    let made = vault["status"]["sets"].as_array().unwrap().iter().find(|one| one["name"] == set.as_str()).cloned().unwrap();
    let bytes = made["bytes"].as_f64().unwrap();
    println!("{rows} rows, a dump of {:.0} MB | seconds", bytes / 1e6);
    println!("backup, from the order to the set | {:.1}", begun.elapsed().as_secs_f64());

    let drill = drill_of(house, TOWN, "dati", &set, "Load").await;
    let done = over(house, "RestoreDrill", &drill, "Succeeded").await;
    let at = |object: &Value, path: &str| text(object, path).parse::<Timestamp>().unwrap();
    let began = at(&done, "/status/began");
    let whole = seconds(began, at(&done, "/status/ended"));
    let steps = done["status"]["steps"].as_array().unwrap();
    for (number, step) in steps.iter().enumerate() {
        let end = steps.get(number + 1).map_or_else(|| at(&done, "/status/ended"), |next| at(next, "/began"));
        println!("drill, step {} | {:.1}", text(step, "/name"), seconds(at(step, "/began"), end));
        for phase in step["phases"].as_array().into_iter().flatten() {
            println!("    of it {} | {:.1}", text(phase, "/name"), phase["milliseconds"].as_f64().unwrap() / 1000.0);
        }
    }
    println!("drill, all of it | {whole:.1}");
    let fetched = restic(house, server, &tenant, &set).await;
    println!("by hand, restic restore --verify of the dump | {fetched:.1}");
    let loaded = load(house);
    println!("by hand, pg_restore into the server that runs | {loaded:.1}");
    println!("a drill takes {:.2} times as long as by hand", whole / (fetched + loaded));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of the machine at the end: {}", load.trim());
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

fn sql(house: &House, statement: &str) -> String {
    let words = ["/usr/local/lib/postgresql/psql", "--no-psqlrc", "-At", "--username=postgres", "--dbname=app", "-c", statement];
    house.node.exec(SPACE, "statefulset/database", &words).unwrap()
}

/// Restores the dump on this machine with nothing but restic.
async fn restic(house: &House, server: &S3, tenant: &str, set: &str) -> f64 {
    let keys = house.world.get("Secret", backups::VAULT, &format!("vk-{tenant}")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, decoded(text(&keys, "/data/password"))).unwrap();
    let program = BackupTools::ensure().unwrap().restic();
    let run = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.args(["--no-lock", "--cache-dir", folder.path().join("cache").to_str().unwrap()]).args(words);
        command.env("RESTIC_REPOSITORY", format!("s3:{}/kopnams-{tenant}", server.endpoint())).env("RESTIC_PASSWORD_FILE", &password);
        command.env("AWS_ACCESS_KEY_ID", server.access_key()).env("AWS_SECRET_ACCESS_KEY", server.secret_key());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let found: Value = serde_json::from_slice(&run(&["snapshots", "--json", "--tag", &format!("run={set},part=database:app")])).unwrap();
    let snapshot = text(&found, "/0/id").to_string();
    let begun = Instant::now();
    run(&["restore", &snapshot, "--verify", "--target", folder.path().join("restored").to_str().unwrap()]);
    begun.elapsed().as_secs_f64()
}

/// Loads a dump of the same into another database of the same server.
fn load(house: &House) -> f64 {
    let run = |words: &str| house.node.exec(SPACE, "statefulset/database", &["/bin/sh", "-euc", words]).unwrap();
    run(
        "cd /var/lib/postgresql/data && /usr/local/lib/postgresql/pg_dump -U postgres -Fc -Z0 -f by-hand app && /usr/local/lib/postgresql/createdb -U postgres by_hand",
    );
    let begun = Instant::now();
    run(
        "cd /var/lib/postgresql/data && /usr/local/lib/postgresql/pg_restore -U postgres --exit-on-error --single-transaction --no-owner -d by_hand by-hand",
    );
    begun.elapsed().as_secs_f64()
}
