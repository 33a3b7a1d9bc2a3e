//! A stand-in for the node that a lab does not have: it runs the pods of one image as processes on this machine.
//!
//! Each such pod becomes a process of the given program, with the container's own arguments and environment and as the
//! pod's own `ServiceAccount`, so what the program may do is decided by the roles that were installed for it. The pod's
//! status follows the process: a Deployment rolls out, a Job completes, and a deleted pod ends its process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use crate::binaries::Binaries;
use crate::error::{Doing, Error, Result};
use crate::guard::{Afterwards, Guard};
use crate::kubeconfig;
use crate::places::free;
use crate::process::{kill_group, run};

/// How often the pods are looked at.
const EVERY: Duration = Duration::from_millis(200);
/// How long the API server may be away before the stand-in takes the lab for ended.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a program may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

/// Runs the pods of one image. Dropping it ends their processes.
#[derive(Debug)]
pub struct StandIn {
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl StandIn {
    /// Starts it for the cluster of a kubeconfig: pods whose image is `image`, whatever its tag, run `program`.
    pub fn start(kubeconfig: &Path, image: &str, program: &Path) -> Result<Self> {
        let mut node = Node::new(kubeconfig, image, program)?;
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || node.work(&stopped));
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Waits until it has ended by itself, because the API server is gone.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic in there has been told already.
            let _ = thread.join();
        }
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // It may have ended by itself.
            let _ = self.stop.send(());
            let _ = thread.join();
        }
    }
}

struct Node {
    kubectl: PathBuf,
    admin: PathBuf,
    image: String,
    program: PathBuf,
    server: String,
    ca_pem: String,
    folder: PathBuf,
    running: BTreeMap<String, Running>,
    /// Last, so that it is let go when everything else is.
    guard: Guard,
}

/// A pod's process.
struct Running {
    pod: Value,
    child: Child,
    listens: SocketAddr,
    ready: bool,
}

impl Node {
    fn new(admin: &Path, image: &str, program: &Path) -> Result<Self> {
        let kubectl = Binaries::ensure()?.component("kubectl")?;
        let program = program.canonicalize().doing(|| format!("find {}", program.display()))?;
        let folder = tempfile::Builder::new().prefix("kopnams-node-").tempdir().doing(|| "make a folder for the pods".to_owned())?.keep();
        let guard = Guard::post(&folder, Afterwards::Remove)?;
        let inside = folder.join("program");
        // By a name inside the folder, by which the guard knows its processes.
        std::os::unix::fs::symlink(&program, &inside).doing(|| format!("make the link {}", inside.display()))?;
        let admin = admin.to_owned();
        let mut node = Self {
            kubectl,
            admin,
            image: image.to_owned(),
            program: inside,
            server: String::new(),
            ca_pem: String::new(),
            folder,
            running: BTreeMap::new(),
            guard,
        };
        let cluster = node.ask_json(&["config", "view", "--raw", "--flatten", "--minify"])?["clusters"][0]["cluster"].take();
        cluster["server"].as_str().unwrap_or_default().clone_into(&mut node.server);
        node.ca_pem = cluster["certificate-authority-data"].as_str().map(kubeconfig::decoded).transpose()?.unwrap_or_default();
        Ok(node)
    }

    fn work(&mut self, stopped: &Receiver<()>) {
        let mut answered = Instant::now();
        let mut told = String::new();
        while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
            match self.turn() {
                Ok(()) => answered = Instant::now(),
                Err(_) if answered.elapsed() > PATIENCE => return,
                Err(error) => {
                    let text = error.to_string();
                    if text != told {
                        // Nothing is lost if nobody listens.
                        let _ = writeln!(std::io::stderr(), "the stand-in for a node: {text}");
                        told = text;
                    }
                }
            }
        }
    }

    fn turn(&mut self) -> Result<()> {
        let mut list = self.ask_json(&["get", "pods", "--all-namespaces"])?;
        let pods = list["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let pods: BTreeMap<String, Value> =
            pods.into_iter().filter(|pod| self.is_ours(pod)).map(|pod| (text(&pod["metadata"]["uid"]).to_owned(), pod)).collect();
        let gone: Vec<String> = self.running.keys().filter(|uid| !pods.contains_key(*uid)).cloned().collect();
        for running in gone.iter().filter_map(|uid| self.running.remove(uid)) {
            running.end();
        }
        for (uid, pod) in pods {
            if let Some(running) = self.running.get_mut(&uid) {
                if let Some(status) = running.child.try_wait().doing(|| "wait for a pod's program".to_owned())? {
                    self.running.remove(&uid);
                    self.ended(&pod, status)?;
                } else if !running.ready && answers(running.listens) {
                    running.ready = true;
                    self.report(&pod, "Running", true)?;
                }
            } else if matches!(text(&pod["status"]["phase"]), "Pending" | "Running") {
                let running = self.begin(pod)?;
                self.report(&running.pod, "Running", false)?;
                self.running.insert(uid, running);
            }
        }
        Ok(())
    }

    fn is_ours(&self, pod: &Value) -> bool {
        let image = text(&pod["spec"]["containers"][0]["image"]);
        let rest = image.strip_prefix(&self.image);
        pod["metadata"]["deletionTimestamp"].is_null() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
    }

    fn begin(&mut self, pod: Value) -> Result<Running> {
        let (namespace, name) = (text(&pod["metadata"]["namespace"]).to_owned(), text(&pod["metadata"]["name"]).to_owned());
        let account = text(&pod["spec"]["serviceAccountName"]).to_owned();
        let token = self.ask(&["create", "token", &account, "--namespace", &namespace, "--duration=24h"])?;
        let file = self.folder.join(format!("{name}.kubeconfig"));
        kubeconfig::write_for_token(&file, &self.server, &self.ca_pem, &account, token.trim())?;
        // Several pods share this machine, so each listens on a port of its own.
        let listens = free(Ipv4Addr::LOCALHOST)?;
        let container = &pod["spec"]["containers"][0];
        let args = container["args"].as_array().into_iter().flatten().map(text);
        let args = args.map(|arg| if arg.starts_with("--listen=") { format!("--listen={listens}") } else { arg.to_owned() });
        let log = self.folder.join(format!("{name}.log"));
        let out = File::options().create(true).append(true).open(&log).doing(|| format!("open {}", log.display()))?;
        let err = out.try_clone().doing(|| format!("open {} twice", log.display()))?;
        let mut command = Command::new(&self.program);
        command.args(args).env_clear().env("KUBECONFIG", &file).env("HOSTNAME", &name).current_dir(&self.folder);
        for variable in container["env"].as_array().into_iter().flatten() {
            let value = match text(&variable["valueFrom"]["fieldRef"]["fieldPath"]) {
                "metadata.namespace" => &namespace,
                "metadata.name" => &name,
                "spec.serviceAccountName" => &account,
                _ => text(&variable["value"]),
            };
            command.env(text(&variable["name"]), value);
        }
        command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(err);
        let child = command.spawn().doing(|| format!("start {}", self.program.display()))?;
        self.guard.watch(child.id())?;
        Ok(Running { pod, child, listens, ready: false })
    }

    /// A program that has ended is started again or not, as its pod says.
    fn ended(&self, pod: &Value, status: ExitStatus) -> Result<()> {
        if text(&pod["spec"]["restartPolicy"]) == "Always" {
            return Ok(());
        }
        self.report(pod, if status.success() { "Succeeded" } else { "Failed" }, false)
    }

    fn report(&self, pod: &Value, phase: &str, ready: bool) -> Result<()> {
        let holds = if ready { "True" } else { "False" };
        let condition = |kind| json!({"type": kind, "status": holds});
        let conditions = ["Ready", "ContainersReady"].map(condition);
        let patch = json!({"status": {"phase": phase, "conditions": conditions}}).to_string();
        let (namespace, name) = (text(&pod["metadata"]["namespace"]), text(&pod["metadata"]["name"]));
        let patched = self.ask(&["patch", "pod", name, "--namespace", namespace, "--subresource=status", "--patch", &patch]);
        match patched {
            // It was deleted meanwhile.
            Err(Error::Command { stderr, .. }) if stderr.contains("NotFound") => Ok(()),
            other => other.map(drop),
        }
    }

    fn ask_json(&self, args: &[&str]) -> Result<Value> {
        let said = self.ask(&[args, &["--output=json"]].concat())?;
        serde_json::from_str(&said).map_err(|error| Error::Invalid(format!("what kubectl {} says is not JSON: {error}", args.join(" "))))
    }

    fn ask(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.kubectl);
        command.args(args).arg("--request-timeout=5s").env_clear().env("KUBECONFIG", &self.admin).env("HOME", &self.folder);
        run(&mut command)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        for (_, running) in std::mem::take(&mut self.running) {
            running.end();
        }
        // The guard removes it too, but only after this process.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Running {
    /// Asks the program to end, and makes it end if it takes too long.
    fn end(mut self) {
        let asked = Instant::now();
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It may have ended in the meantime.
            let _ = kill_process_group(pid, Signal::TERM);
        }
        while matches!(self.child.try_wait(), Ok(None)) && asked.elapsed() < GRACE {
            sleep(Duration::from_millis(10));
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_group(self.child.id());
        }
        // Not being able to wait means that it is gone.
        let _ = self.child.wait();
    }
}

/// Whether a program says that it is ready.
fn answers(at: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&at, Duration::from_millis(100))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    };
    ask().is_ok_and(|said| said.lines().next().is_some_and(|line| line.contains(" 200 ")))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
