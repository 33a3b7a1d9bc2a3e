//! How a node ends: nothing of it is left on the machine, however it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kopnams_images::{Config, write_layout};
use kopnams_lab::node::busybox_root;
use kopnams_lab::{Binaries, Node};

/// One after the other: what one has would be news to the other.
static ALONE: Mutex<()> = Mutex::new(());

/// `lab hold` with a node: a process to be killed.
struct Held {
    process: Child,
    folder: PathBuf,
    address: String,
}

impl Held {
    fn start(more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(["hold", "--node"])
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut folder, mut address) = (PathBuf::new(), String::new());
        for line in BufReader::new(process.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(path) = line.strip_prefix("folder ") {
                folder = PathBuf::from(path);
            } else if let Some(url) = line.strip_prefix("ready ") {
                url.clone_into(&mut address);
                break;
            }
        }
        assert!(!address.is_empty(), "it has not become ready: {:?}", process.wait());
        Self { process, folder, address }
    }

    fn kubectl(&self, args: &[&str]) -> String {
        let kubectl = Binaries::ensure().unwrap().kubectl();
        let kubeconfig = self.folder.join("kubeconfig");
        let output = Command::new(kubectl).args(args).env("KUBECONFIG", kubeconfig).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// What a node could leave behind, one line each.
fn machine() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut ask = |what: &str, program: &str, args: &[&str]| {
        // A program that is not installed cannot have been used either.
        let output = Command::new(program).args(args).stdin(Stdio::null()).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        all.extend(text.lines().map(|line| format!("{what}: {}", line.trim())));
    };
    ask("mount", "cat", &["/proc/mounts"]);
    ask("link", "ip", &["-brief", "link"]);
    ask("address", "ip", &["-brief", "address"]);
    ask("rule", "ip", &["rule"]);
    ask("route", "ip", &["route", "show", "table", "all"]);
    ask("netns", "ip", &["netns", "list"]);
    ask("nft", "nft", &["list", "ruleset"]);
    ask("ipset", "ipset", &["list", "-name"]);
    ask("iptables", "iptables-save", &[]);
    ask("bpf", "ls", &["-A", "/sys/fs/bpf"]);
    ask("setting", "sysctl", &["vm.overcommit_memory", "kernel.panic", "kernel.panic_on_oops", "net.ipv4.ip_forward"]);
    ask("run", "ls", &["-A", "/run"]);
    ask("var", "ls", &["-A", "/var/lib", "/var/log", "/var/run/netns"]);
    ask("group", "sh", &["-c", "ls -d /sys/fs/cgroup/kopnams-node /sys/fs/cgroup/*/kopnams-node 2>/dev/null"]);
    ask("pins", "sh", &["-c", "bpftool prog list 2>/dev/null | grep -c cil_"]);
    // Of a node's programs alone: control planes of other tests come and go beside this one.
    let of_nodes = ["containerd", "runc", "pause", "kubelet", "kube-proxy", "cilium", "traefik", "coredns", "local-path"];
    for (pid, line) in processes() {
        let program = line.split(' ').next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        // Whoever else makes namespaces calls these two as well.
        let of_a_house = matches!(program, "nsenter" | "unshare") && line.contains("kopnams-lab-");
        if of_a_house || of_nodes.iter().any(|name| program.starts_with(name)) {
            all.insert(format!("process {pid}: {line}"));
        }
    }
    // The lock's file stays; that it is held does not.
    all.remove("run: kopnams-node.lock");
    all
}

/// The command lines of all processes by their id.
fn processes() -> Vec<(String, String)> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        Some((entry.file_name().into_string().ok()?, String::from_utf8_lossy(&line).replace('\0', " ")))
    });
    lines.collect()
}

/// Whether somebody else has started a node since: then what a node shows outside its namespaces is not this one's.
fn another_node_runs(ended: u32) -> bool {
    let Ok(mut file) = fs::File::open("/run/kopnams-node.lock") else { return false };
    let mut holder = String::new();
    file.read_to_string(&mut holder).unwrap();
    file.try_lock().is_err() && holder.trim() != ended.to_string()
}

fn assert_clean(before: &BTreeSet<String>, folder: &Path, ended: u32, limit: Duration) {
    let deadline = Instant::now() + limit;
    loop {
        let mut new: Vec<String> = machine().difference(before).cloned().collect();
        if std::env::var("CI").is_err() {
            // Others on a developer's machine mount and install things too; a node's would have one of these in their name.
            let of_nodes = ["kopnams", "cilium", "bpf", "containerd", "kubelet", "netns", "cni", "cgroup", "overlay"];
            let shared = ["mount: ", "var: ", "run: "];
            let others =
                |line: &String| shared.iter().any(|start| line.starts_with(start)) && !of_nodes.iter().any(|name| line.contains(name));
            new.retain(|line| !others(line));
        }
        if another_node_runs(ended) {
            let shown = ["process ", "link: kopnams0", "address: kopnams0", "route: ", "group: "];
            new.retain(|line| !shown.iter().any(|start| line.starts_with(start)));
        }
        new.extend(
            processes().into_iter().filter(|(_, line)| line.contains(folder.to_str().unwrap())).map(|(pid, line)| format!("{pid}: {line}")),
        );
        if new.is_empty() && !folder.exists() {
            return;
        }
        assert!(Instant::now() < deadline, "left after {limit:?} (folder there: {}):\n{}", folder.exists(), new.join("\n"));
        sleep(Duration::from_millis(200));
    }
}

/// Pods with a volume, one that runs and one for which there is no room.
const PODS: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
   "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "small"}, "spec": {
    "containers": [{"name": "main", "image": "IMAGE", "command": ["sh", "-c", "mount >/data/mounts; exec sleep 3600"],
      "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "memory", "mountPath": "/memory"}]}],
    "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "memory", "emptyDir": {"medium": "Memory"}}]}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "large"}, "spec": {
    "containers": [{"name": "main", "image": "IMAGE", "resources": {"requests": {"cpu": "400m"}}}]}}]}"#;

#[test]
fn a_node_whose_parent_is_killed_leaves_nothing_on_the_machine() {
    if !Node::possible_or_skip("the test of a node's end").unwrap() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Whatever a node of an earlier test is just leaving is not ours.
    sleep(Duration::from_secs(1));
    let before = machine();
    let mut held = Held::start(&["--cpu", "300", "--memory", "600"]);
    assert!(held.address.contains("198.18.213.1"));

    let capacity = held.kubectl(&["get", "node", "kopnams-node", "--output", "jsonpath={.status.allocatable.cpu}"]);
    assert_eq!(capacity, "300m");
    let deployed = ["get", "deployment", "local-path-provisioner", "--namespace", "local-path-storage"];
    let config = ["get", "configmap", "local-path-config", "--namespace", "local-path-storage", "--output", "jsonpath={.data}"];
    assert!(held.kubectl(&deployed).contains("1/1"));
    let helper = held.kubectl(&config);
    let image = helper.split("image: ").nth(1).unwrap().split("\\n").next().unwrap().to_owned();
    let pods = held.folder.join("pods.json");
    fs::write(&pods, PODS.replace("IMAGE", &image)).unwrap();
    held.kubectl(&["wait", "--for=create", "serviceaccount/default", "--timeout=30s"]);
    held.kubectl(&["apply", "-f", pods.to_str().unwrap()]);
    held.kubectl(&["wait", "--for=condition=Ready", "pod/small", "--timeout=60s"]);
    let why = ["get", "pod", "large", "--output", "jsonpath={.status.conditions[*].message}"];
    let why = held.kubectl(&why);
    assert!(why.contains("Insufficient cpu"), "a node without room says so: {why}");

    let during: Vec<String> = machine().difference(&before).cloned().collect();
    for expected in ["link: kopnams0", "group: ", "containerd-shim"] {
        assert!(during.iter().any(|line| line.contains(expected)), "what the test looks for is there meanwhile: {expected}\n{during:?}");
    }
    assert!(
        !during.iter().any(|line| line.starts_with("mount: ") || line.starts_with("nft: ")),
        "none of it outside its namespaces: {during:?}"
    );

    held.process.kill().unwrap();
    held.process.wait().unwrap();
    assert_clean(&before, &held.folder, held.process.id(), Duration::from_secs(20));
}

#[test]
fn a_node_that_is_ended_or_interrupted_leaves_nothing_and_lets_the_next_one_in() {
    if !Node::possible_or_skip("the test of a node's end").unwrap() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    sleep(Duration::from_secs(1));
    let before = machine();
    // The plain network: the test is about the lock and the end.
    let mut first = Held::start(&["--network", "plain"]);
    // It waits for the first, and starts when that has been interrupted.
    let second = std::thread::spawn(|| Held::start(&["--network", "plain"]));
    sleep(Duration::from_secs(3));
    assert!(!second.is_finished(), "there is one node at a time");
    let interrupted = Command::new("kill").args(["-s", "INT", &first.process.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    first.process.wait().unwrap();
    let mut second = second.join().unwrap();
    assert!(!first.folder.exists());

    // The end as it should be: the process is told, and has removed everything before it ends itself.
    drop(second.process.stdin.take());
    assert!(second.process.wait().unwrap().success());
    assert_clean(&before, &second.folder, second.process.id(), Duration::from_secs(3));
}

/// A cache of its own, so that no other lab is touched, with the builds of the real one.
struct Standing {
    cache: tempfile::TempDir,
}

impl Standing {
    fn lab(&self, args: &[&str]) -> (u32, std::process::Output) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.args(args).env("KOPNAMS_CACHE", self.cache.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        (child.id(), child.wait_with_output().unwrap())
    }

    fn said(&self, args: &[&str]) -> String {
        let (_, output) = self.lab(args);
        assert!(output.status.success(), "lab {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.lab(&["down"]);
    }
}

#[test]
fn a_standing_node_takes_images_and_ends_with_lab_down() {
    if !Node::possible_or_skip("the test of a standing node").unwrap() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let standing = Standing { cache: tempfile::tempdir().unwrap() };
    let binaries = Binaries::ensure().unwrap();
    let builds = binaries.folder().parent().and_then(Path::parent).unwrap();
    std::os::unix::fs::symlink(builds, standing.cache.path().join("lab")).unwrap();
    sleep(Duration::from_secs(1));
    let before = machine();

    let (pid, up) = standing.lab(&["up", "--node", "--network", "plain"]);
    assert!(up.status.success(), "{}", String::from_utf8_lossy(&up.stderr));
    let up = String::from_utf8_lossy(&up.stdout).into_owned();
    assert!(up.contains("hosts answer at http://198.18.213.2; network policies are NOT enforced"), "{up}");
    assert!(standing.said(&["status"]).contains("node http://198.18.213.2"));
    assert!(standing.said(&["up", "--node"]).contains("runs already"));
    let (_, refused) = standing.lab(&["node-clean"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a node is in use"), "{refused:?}");

    let image = tempfile::tempdir().unwrap();
    busybox_root(&image.path().join("root")).unwrap();
    let layout = image.path().join("layout");
    let built = write_layout(&image.path().join("root"), &Config::default(), "localhost/kopnams-test/tools:1", &layout).unwrap();
    assert_eq!(standing.said(&["import", layout.to_str().unwrap()]).trim(), built.reference);

    let folder = standing.cache.path().join("labs/lab/run");
    assert!(folder.exists());
    standing.said(&["down"]);
    assert_clean(&before, &folder, pid, Duration::from_secs(3));
}
