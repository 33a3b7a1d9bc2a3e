//! The command `lab`, in a cache folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use kopnams_lab::Binaries;

/// Ends the lab also when the test fails.
struct Cache {
    folder: tempfile::TempDir,
    assets: std::path::PathBuf,
}

impl Cache {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), assets: Binaries::ensure().unwrap().folder().to_owned() }
    }

    fn lab(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(args)
            .env("KOPNAMS_CACHE", self.folder.path())
            .env("KUBEBUILDER_ASSETS", &self.assets)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        self.lab(&["down"]);
    }
}

#[test]
fn a_lab_stays_until_it_is_taken_down() {
    let cache = Cache::new();
    assert_eq!(cache.lab(&["status"]).status.code(), Some(1));
    assert_eq!(cache.lab(&["down"]).status.code(), Some(1));

    let first = cache.lab(&["up"]);
    assert!(first.status.success(), "{}", text(&first.stderr));
    let line = export_line(&first);
    let kubeconfig = line.strip_prefix("export KUBECONFIG=").unwrap();
    assert_eq!(text(&cache.lab(&["kubeconfig"]).stdout).trim(), kubeconfig);

    let again = cache.lab(&["up"]);
    assert!(text(&again.stdout).contains("runs already"));
    assert_eq!(export_line(&again), line);
    assert!(text(&cache.lab(&["status"]).stdout).contains("runs"));

    let ready = Command::new(cache.assets.join("kubectl")).args(["--kubeconfig", kubeconfig, "get", "--raw", "/readyz"]).output().unwrap();
    assert_eq!(text(&ready.stdout), "ok");

    // A component that has ended makes it broken, and the next `up` starts it anew.
    let state = fs::read_to_string(cache.folder.path().join("labs/lab/state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    let etcd = state["processes"][0][1].as_i64().unwrap();
    assert!(Command::new("/bin/kill").args(["-9", &etcd.to_string()]).status().unwrap().success());
    std::thread::sleep(std::time::Duration::from_millis(300));
    let broken = cache.lab(&["status"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(text(&broken.stdout).contains("broken: etcd"), "{}", text(&broken.stdout));
    assert!(text(&cache.lab(&["up"]).stdout).contains("has been started"));

    let down = cache.lab(&["down"]);
    assert!(down.status.success(), "{}", text(&down.stderr));
    assert!(!Path::new(kubeconfig).exists());
    assert_eq!(cache.lab(&["status"]).status.code(), Some(1));
}

#[test]
fn wrong_usage_is_exit_code_2_and_a_used_folder_is_refused() {
    let cache = Cache::new();
    assert_eq!(cache.lab(&["up", "--name", "../x"]).status.code(), Some(2));
    assert_eq!(cache.lab(&["frob"]).status.code(), Some(2));

    let used = tempfile::tempdir().unwrap();
    fs::write(used.path().join("letter.txt"), "mine").unwrap();
    let refused = cache.lab(&["up", "--dir", used.path().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("is not empty"), "{}", text(&refused.stderr));
    assert!(used.path().join("letter.txt").exists());
}

fn export_line(output: &Output) -> String {
    text(&output.stdout).lines().find(|line| line.starts_with("export ")).unwrap().to_owned()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
