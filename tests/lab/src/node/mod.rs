//! A real node for a lab: pods run, volumes are made, names resolve, hosts answer, network policies hold.
//!
//! ```no_run
//! # fn main() -> kopnams_lab::Result<()> {
//! use std::path::Path;
//! use kopnams_lab::{Lab, LabOptions, Node, NodeOptions};
//!
//! if let Err(why) = Node::possible() {
//!     eprintln!("SKIPPED: {why}"); // in CI=true a test fails instead: Node::possible_or_skip() does both
//!     return Ok(());
//! }
//! let lab = Lab::start(LabOptions { node: Some(NodeOptions::default()), ..LabOptions::default() })?;
//! let node = lab.node()?;
//! let image = node.import(Path::new("build/web"))?;      // localhost/web@sha256:..., with imagePullPolicy IfNotPresent
//! lab.kubectl(["create", "namespace", "ogre"])?;          // kubectl as admin, as in every lab
//! node.exec("ogre", "deployment/web", &["cat", "/data/note"])?;
//! node.logs("ogre", "deployment/web")?;
//! let answer = node.get("ogre.example.lv", "/")?;         // through the ingress, by host name
//! assert_eq!(answer.status, 200);
//! if !node.policies_enforced() {
//!     eprintln!("packets are not tested: this network does not enforce policies");
//! }
//! lab.stop()?;                                            // or drop it; Ctrl-C and kill -9 clean up too
//! # Ok(())
//! # }
//! ```
//!
//! | there is | where |
//! |---|---|
//! | the node | `kopnams-node`, address 198.18.213.2; the API server is at 198.18.213.1, also for pods at 10.0.0.1 |
//! | names | `CoreDNS` in `kube-system`, pods labelled `k8s-app: kube-dns`, Service `kube-dns` at 10.0.0.10; the cluster's names alone |
//! | volumes | the default `StorageClass` `local-path`, made when the first pod needs it, folders that any user can write |
//! | ingress | Traefik in namespace `ingress`, pods labelled `app: traefik`, `IngressClass` `traefik`, plain HTTP and HTTPS (a certificate of its own unless the Ingress names one) at [`Node::ingress_address`], ports 80 and 443 |
//! | addresses | pods 10.244.0.0/24, Services 10.0.0.0/24; from this machine only the node's address can be reached |
//! | a small image | [`Node::busybox`]: Debian's busybox with `sh`, `httpd`, `wget`, `nslookup`, `nc`; [`busybox_root`] fills a folder with it to build on |
//! | policies | enforced by Cilium, [`Node::policies_enforced`]; a `NetworkPolicy` may name the ingress by `namespaceSelector` `kubernetes.io/metadata.name: ingress` and `podSelector` `app: traefik` |
//!
//! A node without room: [`NodeOptions::cpu_millis`] and [`NodeOptions::memory_mib`]. The pods of the lab itself ask for 40
//! thousandths of a CPU and 120 MiB of what is left.
//!
//! One node at a time on a machine: a second one waits for the first to end and says for which process. The node needs
//! root on Linux with Debian's packages, which it installs if they are missing. Everything on the node runs in
//! namespaces of its own (`house.rs`), which is why its end leaves no mounts, links, rules or processes.

mod addons;
mod house;
mod images;
mod kubelet;
mod lock;
mod network;
mod packages;
mod programs;
mod run;
mod runtime;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub use addons::INGRESS_NAMESPACE;
pub(crate) use house::{CLEAN, OUTSIDE, sweep};
pub use images::busybox_root;
pub use network::Network;
pub(crate) use network::PODS;
pub use packages::install;
pub(crate) use run::{Begun, Ground, NodeRun, identities};

use crate::error::{Doing, Error, Result};
use crate::places::switched_on;
use crate::process::run as run_command;
use house::{INSIDE, Inside};

/// How a node is started. The default: all of the machine, Cilium if it starts.
#[derive(Debug, Clone, Default)]
pub struct NodeOptions {
    /// How much CPU pods can have, in thousandths of one; all of the machine's when absent.
    pub cpu_millis: Option<u32>,
    /// How much memory pods can have, in MiB; all of the machine's when absent.
    pub memory_mib: Option<u32>,
    /// The pods' network. When absent Cilium, and where that does not start the plain one with a loud line, or an error
    /// if `CI=true`.
    pub network: Option<Network>,
}

/// A running node: how to give it images, look into its pods and reach what they serve. As long as its lab runs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Node {
    pub(crate) folder: PathBuf,
    pub(crate) inside: Inside,
    pub(crate) kubectl: PathBuf,
    pub(crate) network: Network,
    pub(crate) busybox: String,
}

/// What the ingress answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, such as 200.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// The body; what is not UTF-8 is replaced.
    pub body: String,
}

impl Node {
    /// Whether this machine can have a node; otherwise why not.
    pub fn possible() -> std::result::Result<(), String> {
        if !cfg!(target_os = "linux") {
            return Err("a node needs Linux".to_owned());
        }
        if !rustix::process::geteuid().is_root() {
            return Err("a node needs root: containers, mounts and network links are made".to_owned());
        }
        if switched_on("KOPNAMS_TEST_USE_KUBECONFIG") {
            return Err("KOPNAMS_TEST_USE_KUBECONFIG is set: images cannot be given to an existing cluster's nodes".to_owned());
        }
        if !Path::new("/usr/bin/apt-get").exists() && !Path::new("/usr/bin/containerd").exists() {
            return Err("a node needs Debian's packages, or containerd, runc and the CNI plugins where Debian has them".to_owned());
        }
        let mut unshare = Command::new("unshare");
        if unshare.args(["--mount", "--net", "--pid", "--fork", "true"]).output().is_ok_and(|output| !output.status.success()) {
            return Err("a node needs mount, network and process namespaces of its own, and this process may not make them".to_owned());
        }
        if rustix::fs::access("/sys/fs/cgroup", rustix::fs::Access::WRITE_OK).is_err() {
            return Err("a node needs control groups, and /sys/fs/cgroup cannot be written".to_owned());
        }
        Ok(())
    }

    /// For tests: true if this machine can have a node. If not, says so past the test harness; an error if `CI=true`,
    /// where nothing may be left out.
    pub fn possible_or_skip(what: &str) -> Result<bool> {
        match Self::possible() {
            Ok(()) => Ok(true),
            Err(why) if ci() => Err(Error::Invalid(format!("{what} cannot run, and CI=true allows no skipping: {why}"))),
            Err(why) => {
                crate::report::say(&format!("SKIPPED: {what}: {why}"));
                Ok(false)
            }
        }
    }

    /// Imports an OCI layout of one image. Returns what a pod names: `name@sha256:...`, which the kubelet then finds
    /// with `imagePullPolicy: IfNotPresent`.
    pub fn import(&self, layout: &Path) -> Result<String> {
        runtime::import(&self.inside, layout)
    }

    /// Runs a command in a pod through the API server and returns what it printed; `pod` may be `deployment/<name>`.
    pub fn exec(&self, namespace: &str, pod: &str, command: &[&str]) -> Result<String> {
        let args = ["exec", "--namespace", namespace, pod, "--"];
        self.kubectl(&[&args[..], command].concat())
    }

    /// What a pod's containers have written; `pod` may be `deployment/<name>`.
    pub fn logs(&self, namespace: &str, pod: &str) -> Result<String> {
        self.kubectl(&["logs", "--namespace", namespace, "--all-containers", "--tail=-1", pod])
    }

    /// Waits until a workload such as `deployment/web` has rolled out; the error says how its pods are.
    pub fn rolled_out(&self, namespace: &str, workload: &str, within: Duration) -> Result<()> {
        let timeout = format!("--timeout={}s", within.as_secs().max(1));
        self.kubectl(&["rollout", "status", "--namespace", namespace, workload, &timeout]).map(drop).map_err(|error| {
            let pods = self.kubectl(&["get", "pods,persistentvolumeclaims", "--namespace", namespace]).unwrap_or_default();
            let events = self.kubectl(&["events", "--namespace", namespace]).unwrap_or_default();
            let last: Vec<&str> = events.lines().rev().take(15).collect();
            Error::Invalid(format!("{error}\n{pods}\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n")))
        })
    }

    /// The node's address, on which the ingress answers at ports 80 and 443.
    #[must_use]
    pub fn ingress_address(&self) -> &'static str {
        INSIDE
    }

    /// The machine's own address on the link to the node: what listens there is outside the cluster, and pods may reach it.
    #[must_use]
    pub fn machine_address(&self) -> &'static str {
        OUTSIDE
    }

    /// Where the ingress answers in plain HTTP, without a slash at the end.
    #[must_use]
    pub fn ingress_url(&self) -> String {
        format!("http://{INSIDE}")
    }

    /// `GET path` for a host name through the ingress, in plain HTTP.
    pub fn get(&self, host: &str, path: &str) -> Result<Answer> {
        let address = format!("{INSIDE}:80").parse::<SocketAddr>().map_err(|error| Error::Invalid(error.to_string()))?;
        let what = || format!("GET http://{host}{path} at {INSIDE}");
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).doing(what)?;
        stream.set_read_timeout(Some(Duration::from_mins(1))).doing(what)?;
        let request = format!("GET {path} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: kopnams-lab\r\n\r\n");
        stream.write_all(request.as_bytes()).doing(what)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).doing(what)?;
        let text = String::from_utf8_lossy(&bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| Error::Invalid(format!("{}: no answer in HTTP: {head}", what())))?;
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    /// Whether network policies decide about packets here.
    #[must_use]
    pub fn policies_enforced(&self) -> bool {
        self.network == Network::Cilium
    }

    /// The pods' network.
    #[must_use]
    pub fn network(&self) -> Network {
        self.network
    }

    /// The reference of an image with Debian's busybox, for pods that look around. Runs as root unless the pod says
    /// otherwise.
    #[must_use]
    pub fn busybox(&self) -> &str {
        &self.busybox
    }

    /// Runs a command among the node's processes, with its network and mounts, as root.
    pub fn on_node(&self, program: &str, args: &[&str]) -> Result<String> {
        self.inside.run(program, args)
    }

    pub(crate) fn kubectl(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.kubectl);
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &self.folder).env("KUBECONFIG", self.folder.join("kubeconfig"));
        run_command(command.args(args))
    }
}

/// Installs and builds what the default node needs, unless it is there: about 15 minutes on 2 cores the first time. Starting
/// a node does this too; a test run does it before, where one sees that it takes long.
pub fn prepare() -> Result<()> {
    packages::ensure(Network::Cilium)?;
    programs::Programs::ensure(Network::Cilium).map(drop)
}

/// Ends a node that a killed run has left, with everything it made. Returns the folders of what was found; an error if a
/// node is in use, unless `force` says that it is not.
pub fn clean(force: bool) -> Result<Vec<PathBuf>> {
    let lock = lock::Lock::try_take()?;
    if lock.is_none() && !force {
        // A standing lab's house holds the lock, as does a test that runs: neither is a leftover.
        let what = "a node is in use: end its lab with `lab down`, wait for the tests, or say --force";
        return Err(Error::Invalid(what.to_owned()));
    }
    house::clear_left_over()
}

/// Whether nothing may be left out: in CI.
#[must_use]
pub fn ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}
