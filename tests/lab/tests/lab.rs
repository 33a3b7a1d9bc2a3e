//! The lab itself, with real components. The first run builds Kubernetes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kopnams_lab::{AuditPolicy, Binaries, Error, Lab, LabOptions, Token};

#[test]
fn two_labs_side_by_side_answer_and_leave_nothing() {
    let labs: Vec<Lab> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..2).map(|_| scope.spawn(|| Lab::start(LabOptions::default()).unwrap())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert_ne!(labs[0].server_url(), labs[1].server_url());
    labs[0].kubectl(["create", "namespace", "ogre"]).unwrap();
    assert!(labs[0].kubectl(["get", "namespaces", "-o", "name"]).unwrap().contains("namespace/ogre"));
    assert!(!labs[1].kubectl(["get", "namespaces", "-o", "name"]).unwrap().contains("namespace/ogre"));
    for lab in labs {
        let folder = lab.folder().to_owned();
        assert_eq!(processes_naming(&folder).len(), 4, "three components and the guard");
        lab.stop().unwrap();
        assert_eq!(processes_naming(&folder), Vec::<String>::new());
        assert!(!folder.exists());
    }
}

#[test]
fn a_parent_killed_with_sigkill_leaves_nothing() {
    let mut parent = Command::new(env!("CARGO_BIN_EXE_lab")).arg("hold").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut folder = PathBuf::new();
    for line in BufReader::new(parent.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(path) = line.strip_prefix("folder ") {
            folder = PathBuf::from(path);
        }
        if line.starts_with("ready ") {
            break;
        }
    }
    assert_eq!(processes_naming(&folder).len(), 4);
    // SIGKILL: nothing in the parent can clean up.
    parent.kill().unwrap();
    parent.wait().unwrap();
    within(Duration::from_secs(2), || processes_naming(&folder).is_empty() && !folder.exists());
}

/// The components see to it themselves, should the guard be killed too.
#[test]
fn a_component_ends_with_its_parent() {
    let folder = tempfile::tempdir().unwrap();
    let etcd = Binaries::ensure().unwrap().component("etcd").unwrap();
    let script = r#"KOPNAMS_LAB_PARENT=$$ "$1" --data-dir="$2/etcd" --listen-client-urls=unix://localhost:1 \
        --advertise-client-urls=unix://localhost:1 --listen-peer-urls=unix://localhost:2 \
        --initial-advertise-peer-urls=unix://localhost:2 --initial-cluster=default=unix://localhost:2 >/dev/null 2>&1 &
        read -r wait"#;
    let mut parent = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .arg(&etcd)
        .arg(folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let data = folder.path().join("etcd");
    within(Duration::from_secs(10), || processes_naming(&data).len() == 1);
    parent.kill().unwrap();
    parent.wait().unwrap();
    within(Duration::from_secs(2), || processes_naming(&data).is_empty());
}

#[test]
fn the_audit_log_tells_who_did_what_and_tokens_stand_for_users() {
    let options = LabOptions {
        audit: Some(AuditPolicy::Metadata),
        tokens: vec![Token::new("clerk-token", "clerk", ["ogre-viewers"])],
        ..LabOptions::default()
    };
    let lab = Lab::start(options).unwrap();
    let clerk = lab.kubeconfig_for_token("clerk", "clerk-token").unwrap();
    let clerk = format!("--kubeconfig={}", clerk.display());
    assert!(lab.kubectl([&clerk, "auth", "whoami"]).unwrap().contains("ogre-viewers"));
    let refused = lab.kubectl([&clerk, "create", "namespace", "mine"]).unwrap_err();
    assert!(matches!(&refused, Error::Command { stderr, .. } if stderr.contains("forbidden")), "{refused}");

    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: noticed, namespace: default}\n";
    lab.kubectl_input(["apply", "-f", "-"], yaml).unwrap();
    let log = fs::read_to_string(lab.audit_log().unwrap()).unwrap();
    assert!(log.lines().all(|line| line.starts_with('{') && line.ends_with('}')));
    assert!(log.lines().any(|line| line.contains(r#""name":"noticed""#) && line.contains(r#""verb":"create""#)));
    assert!(log.lines().any(|line| line.contains(r#""username":"clerk""#) && line.contains(r#""code":403"#)));
    assert!(!log.contains(r#""stage":"RequestReceived""#));
}

#[test]
fn data_outlives_a_restart_of_the_api_server() {
    let mut lab = Lab::start(LabOptions::default()).unwrap();
    let server = lab.server_url();
    lab.kubectl(["create", "namespace", "kept"]).unwrap();
    lab.stop_apiserver().unwrap();
    lab.kubectl(["get", "namespaces", "--request-timeout=2s"]).unwrap_err();
    lab.start_apiserver().unwrap();
    lab.restart_apiserver().unwrap();
    assert_eq!(lab.server_url(), server);
    lab.kubectl(["get", "namespace", "kept"]).unwrap();
    // The controller manager has lived through it: it empties and removes the namespace.
    lab.kubectl(["delete", "namespace", "kept", "--timeout=60s"]).unwrap();
}

#[test]
fn a_lab_that_cannot_start_says_why() {
    let real = Binaries::ensure().unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["etcd", "kube-controller-manager", "kubectl"] {
        std::os::unix::fs::symlink(real.component(name).unwrap(), folder.path().join(name)).unwrap();
    }
    let broken = folder.path().join("kube-apiserver");
    fs::write(&broken, "#!/bin/sh\necho the disk is full of rain >&2\nexit 3\n").unwrap();
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();

    let options = LabOptions { binaries: Some(Binaries::in_folder(folder.path()).unwrap()), ..LabOptions::default() };
    let said = Lab::start(options).unwrap_err().to_string();
    assert!(said.contains("kube-apiserver ended (exit status: 3)"), "{said}");
    assert!(said.contains("the disk is full of rain"), "{said}");

    let options = LabOptions { api_server_args: vec!["--no-such-flag".to_owned()], ..LabOptions::default() };
    let said = Lab::start(options).unwrap_err().to_string();
    assert!(said.contains("no-such-flag"), "{said}");

    // Other ports are tried, but this argument pins the one that is taken.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = LabOptions { api_server_args: vec![format!("--secure-port={port}")], ..LabOptions::default() };
    let said = Lab::start(options).unwrap_err().to_string();
    assert!(said.contains("address already in use"), "{said}");
}

#[test]
fn a_folder_without_binaries_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = Binaries::in_folder(folder.path()).unwrap_err().to_string();
    assert!(said.contains("has no etcd"), "{said}");
}

fn processes_naming(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    assert!(!folder.is_empty());
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(folder))
        .collect()
}

fn within(limit: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {limit:?}");
        sleep(Duration::from_millis(20));
    }
}
