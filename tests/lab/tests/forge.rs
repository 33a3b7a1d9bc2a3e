//! The forge: starts, ends, leaves nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kopnams_lab::{Account, Error, Forge, ForgeTools};
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn two_forges_know_nothing_of_each_other_and_leave_nothing() {
    let Some(tools) = ForgeTools::ensure_or_skip("the forge").unwrap() else { return };
    let (mut forge, other) = (Forge::start(&tools).unwrap(), Forge::start(&tools).unwrap());
    let clerk = forge.user("clerk").unwrap();
    let me = forge.must(&clerk.token, "GET", "/user", None).unwrap();
    assert_eq!((me["login"].as_str(), me["is_admin"].as_bool()), (Some("clerk"), Some(false)));
    let Err(Error::Refused { status, .. }) = other.must(&clerk.token, "GET", "/user", None) else { panic!("the token is of one forge") };
    assert_eq!(status, 401);

    forge.run_workflows(&["ubuntu-latest"], &[]).unwrap();
    runs_for_long(&forge, &clerk);
    let runners = forge.must(&forge.admin().token, "GET", "/admin/actions/runners", None).unwrap();
    assert_eq!(runners["total_count"], 1);

    let (address, folder) = (forge.url().trim_start_matches("http://").to_owned(), forge.folder().to_owned());
    assert!(!steps_in(&folder).is_empty());
    drop(forge);
    assert_eq!(steps_in(&folder), Vec::<String>::new());
    assert!(TcpStream::connect(address).is_err());
    assert!(!folder.exists());
    assert!(other.folder().exists());
}

/// Starts a workflow with a step that does not end by itself, and waits until it runs.
fn runs_for_long(forge: &Forge, account: &Account) {
    forge.repository(account, "long").unwrap();
    let workflow = "on: push\njobs: { wait: { runs-on: ubuntu-latest, steps: [{ run: sleep 600 }] } }\n";
    let file = json!({ "branch": "main", "message": "A workflow", "content": STANDARD.encode(workflow) });
    let path = format!("/repos/{}/long/contents/.forgejo/workflows/wait.yml", account.name);
    forge.must(&account.token, "POST", &path, Some(&file)).unwrap();
    let began = Instant::now();
    while steps_in(forge.folder()).is_empty() {
        assert!(began.elapsed() < Duration::from_mins(1), "the step did not start");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The command lines of the steps that run now.
fn steps_in(folder: &Path) -> Vec<String> {
    let work = folder.join("runner/work").display().to_string();
    let lines = fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read_to_string(entry.unwrap().path().join("cmdline")).ok());
    lines.filter(|line| line.contains(&work)).collect()
}

#[test]
fn a_forge_ends_when_its_process_is_killed() {
    if ForgeTools::ensure_or_skip("the end of a forge").unwrap().is_none() {
        return;
    }
    let mut owner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holds_a_forge_until_it_is_killed", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines().map(Result::unwrap);
    // The test harness says something too, before it on the same line.
    let told = lines.find_map(|line| line.split_once("forge: ").map(|(_, told)| told.to_owned())).unwrap();
    let (address, folder) = told.split_once(' ').unwrap();
    assert!(TcpStream::connect(address).is_ok() && Path::new(folder).exists());
    owner.kill().unwrap();
    owner.wait().unwrap();
    let began = Instant::now();
    while TcpStream::connect(address).is_ok() || Path::new(folder).exists() {
        assert!(began.elapsed() < Duration::from_secs(20), "{told} is still there");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
#[ignore = "is started by the test before, and killed"]
fn holds_a_forge_until_it_is_killed() {
    let mut forge = Forge::start(&ForgeTools::ensure().unwrap()).unwrap();
    forge.run_workflows(&["ubuntu-latest"], &[]).unwrap();
    println!("forge: {} {}", forge.url().trim_start_matches("http://"), forge.folder().display());
    std::thread::sleep(Duration::from_mins(1));
}
