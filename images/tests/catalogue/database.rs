//! `PostgreSQL`, alone and as Request Tracker's database.

use crate::pod::{Container, Image, Pod, Start, can_run};
use std::collections::BTreeMap;
use std::fs;
use std::process::Output;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub const PASSWORD: &str = "it's-a-\"pa$word\" 1";

pub fn start<'a>(pod: &Pod, image: &'a Image, name: &str) -> Start<'a> {
    Start {
        image,
        mounts: vec![
            (pod.volume("data", image), "/var/lib/postgresql/data"),
            (pod.files("password", &[("password", PASSWORD)]), "/etc/kopnams/database"),
        ],
        scratch: &["/run/postgresql", "/tmp"],
        env: BTreeMap::from([("DB_NAME", name.to_owned()), ("DB_USER", name.to_owned())]),
    }
}

/// SQL by the app's own role, through the network.
pub fn sql(pod: &Pod, start: &Start<'_>, name: &str, password: &str, text: &str) -> Output {
    let address = format!("host=127.0.0.1 user={name} dbname={name}");
    let words = ["/usr/bin/psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", &address, "-c", text];
    let mut client = Start { image: start.image, mounts: vec![], scratch: &["/tmp"], env: BTreeMap::new() };
    client.env.insert("PGPASSWORD", password.to_owned());
    client.program(pod, &words.map(str::to_owned)).output().unwrap()
}

pub fn answer(pod: &Pod, start: &Start<'_>, name: &str, text: &str) -> String {
    let output = sql(pod, start, name, PASSWORD, text);
    assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub fn running(pod: &Pod, start: &Start<'_>, name: &str) -> Container {
    let container = start.spawn(pod, "database", &[]);
    let until = Instant::now() + Duration::from_mins(1);
    while !sql(pod, start, name, PASSWORD, "SELECT 1").status.success() {
        assert!(Instant::now() < until, "the database does not answer: {}", container.log());
        sleep(Duration::from_millis(200));
    }
    container
}

#[test]
fn a_database_keeps_its_data_through_kills_and_a_new_password() {
    if !can_run() {
        return;
    }
    let image = Image::of("postgresql");
    let pod = Pod::start();
    let start = start(&pod, &image, "app");

    // Killed during the first start, at several moments: the next start makes a whole database.
    for after in [150, 400, 800, 1200] {
        let mut first = start.spawn(&pod, "database", &[]);
        sleep(Duration::from_millis(after));
        first.kill();
    }
    let mut database = running(&pod, &start, "app");
    answer(&pod, &start, "app", "CREATE TABLE kept (n int); INSERT INTO kept SELECT generate_series(1, 1000)");
    database.kill();

    // A crash loses nothing that was committed, and SIGTERM is a clean end although a client is connected.
    let database = running(&pod, &start, "app");
    assert_eq!(answer(&pod, &start, "app", "SELECT count(*) FROM kept"), "1000");
    let waiting = std::thread::scope(|scope| {
        let client = scope.spawn(|| sql(&pod, &start, "app", PASSWORD, "SELECT pg_sleep(60)").status.success());
        sleep(Duration::from_secs(1));
        let (code, took) = database.terminate();
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(10), "{took:?}");
        client.join().unwrap()
    });
    assert!(!waiting, "the client was not ended");
    let log = fs::read_to_string(pod.folder.path().join("database.log")).unwrap();
    assert!(log.trim_end().ends_with("database system is shut down"), "{log}");
    assert!(!log.contains("pa$word"), "a password stands in the log");

    // A rotated password is in force after a restart, and the old one is not.
    pod.files("password", &[("password", "another-password")]);
    let database = start.spawn(&pod, "database", &[]);
    let until = Instant::now() + Duration::from_secs(30);
    while !sql(&pod, &start, "app", "another-password", "SELECT 1").status.success() {
        assert!(Instant::now() < until, "{}", database.log());
        sleep(Duration::from_millis(200));
    }
    assert!(!sql(&pod, &start, "app", PASSWORD, "SELECT 1").status.success(), "the old password still opens the database");
    assert!(!sql(&pod, &start, "postgres", "another-password", "SELECT 1").status.success(), "the superuser can come by network");
}
