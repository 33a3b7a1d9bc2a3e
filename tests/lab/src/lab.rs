//! A lab for a test: started, asked, ended.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binaries::Binaries;
use crate::control_plane::ControlPlane;
use crate::error::{Doing, Error, Result};
use crate::existing::{self, Existing};
use crate::guard::Afterwards;
use crate::kubeconfig;
use crate::node::Node;
use crate::options::LabOptions;
use crate::places::switched_on;
use crate::process::Lifetime;

/// A Kubernetes to test against. Dropping it ends it.
#[derive(Debug)]
pub struct Lab {
    cluster: Cluster,
    folder: PathBuf,
    kubectl: PathBuf,
    kubeconfig: PathBuf,
    audit_log: Option<PathBuf>,
}

#[derive(Debug)]
enum Cluster {
    Own(Box<ControlPlane>),
    Existing(Existing),
}

impl Lab {
    /// Starts a control plane of its own, building the binaries first if need be, and waits until the API server is
    /// ready and the namespace `default` has its service account. With `KOPNAMS_TEST_USE_KUBECONFIG=1` the cluster of
    /// `KUBECONFIG` is used instead; stopping then leaves it alone.
    pub fn start(mut options: LabOptions) -> Result<Self> {
        if Existing::wanted() {
            return Self::on_existing(&options);
        }
        let binaries = match options.binaries.take() {
            Some(binaries) => binaries,
            None => Binaries::ensure()?,
        };
        let folder = tempfile::Builder::new().prefix("kopnams-lab-").tempdir().doing(|| "make a folder for the lab".to_owned())?.keep();
        // Command lines name the folder, and by that name its processes are known again.
        let folder = folder.canonicalize().doing(|| format!("find {}", folder.display()))?;
        let afterwards = if switched_on("KEEP_LAB") { Afterwards::Keep } else { Afterwards::Remove };
        if afterwards == Afterwards::Keep {
            // Past the test harness, which would hide it. Nothing is lost if nobody listens.
            let _ = writeln!(std::io::stderr(), "the lab's folder stays: {}", folder.display());
        }
        let plane = ControlPlane::start(&folder, &binaries, &options, Lifetime::WithParent, afterwards)?;
        Ok(Self {
            cluster: Cluster::Own(Box::new(plane)),
            kubectl: binaries.component("kubectl")?,
            kubeconfig: folder.join("kubeconfig"),
            audit_log: options.audit.is_some().then(|| folder.join("audit.log")),
            folder,
        })
    }

    fn on_existing(options: &LabOptions) -> Result<Self> {
        let kubectl = existing::kubectl(options)?;
        let existing = Existing::connect(&kubectl, options)?;
        let folder = existing.folder().to_owned();
        let kubeconfig = folder.join("kubeconfig");
        Ok(Self { cluster: Cluster::Existing(existing), folder, kubectl, kubeconfig, audit_log: None })
    }

    /// Whether this is a cluster that was there before, so a test must not expect it to be empty.
    #[must_use]
    pub fn is_existing_cluster(&self) -> bool {
        matches!(self.cluster, Cluster::Existing(_))
    }

    /// The admin's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Writes a kubeconfig `<name>.kubeconfig` for a bearer token, be it one of [`LabOptions::tokens`] or a service
    /// account's.
    pub fn kubeconfig_for_token(&self, name: &str, token: &str) -> Result<PathBuf> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
            return Err(Error::Invalid(format!("{name:?} cannot be the name of a kubeconfig: use letters, digits, - _ .")));
        }
        let file = self.folder.join(format!("{name}.kubeconfig"));
        kubeconfig::write_for_token(&file, &self.server_url(), self.ca_pem(), name, token)?;
        Ok(file)
    }

    /// Where the API server answers, `https://127.0.0.1:<port>` for a lab of its own without a node.
    #[must_use]
    pub fn server_url(&self) -> String {
        match &self.cluster {
            Cluster::Own(plane) => plane.server_url(),
            Cluster::Existing(existing) => existing.server.clone(),
        }
    }

    /// The certificate authority of the API server, PEM; empty if an existing cluster's is a public one.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        match &self.cluster {
            Cluster::Own(plane) => plane.ca_pem(),
            Cluster::Existing(existing) => &existing.ca_pem,
        }
    }

    /// The audit log, one JSON event per line, if [`LabOptions::audit`] asked for it.
    #[must_use]
    pub fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    /// The lab's folder: certificates, logs, data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The names and process ids of the components; empty on an existing cluster.
    #[must_use]
    pub fn processes(&self) -> Vec<(String, u32)> {
        match &self.cluster {
            Cluster::Own(plane) => plane.processes(),
            Cluster::Existing(_) => Vec::new(),
        }
    }

    /// Runs kubectl as admin and returns what it printed; its complaints are in the error.
    pub fn kubectl(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<String> {
        self.run_kubectl(args, None)
    }

    /// Like [`Lab::kubectl`], with text for its standard input: `lab.kubectl_input(["apply", "-f", "-"], yaml)`.
    pub fn kubectl_input(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>, input: &str) -> Result<String> {
        self.run_kubectl(args, Some(input))
    }

    fn run_kubectl(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>, input: Option<&str>) -> Result<String> {
        let mut command = Command::new(&self.kubectl);
        command.args(args);
        if !self.is_existing_cluster() {
            command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &self.folder);
        }
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().doing(|| format!("start {}", self.kubectl.display()))?;
        let pipe = child.stdin.take();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                if let (Some(mut pipe), Some(input)) = (pipe, input) {
                    // kubectl that ends without reading everything says why itself.
                    let _ = pipe.write_all(input.as_bytes());
                }
            });
            child.wait_with_output()
        })
        .doing(|| "read what kubectl prints".to_owned())?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
        Err(Error::Command {
            command: format!("kubectl {}", words.join(" ")),
            status: output.status,
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// The node of a lab that was started with [`LabOptions::node`].
    pub fn node(&self) -> Result<&Node> {
        match &self.cluster {
            Cluster::Own(plane) => plane.node().ok_or(Error::NoNode),
            Cluster::Existing(_) => Err(Error::NoNode),
        }
    }

    /// Kills the API server, as a crash would. etcd keeps the data.
    pub fn stop_apiserver(&mut self) -> Result<()> {
        self.own("stopping the API server")?.stop_api_server();
        Ok(())
    }

    /// Starts the API server again on the same port, and waits until it is ready.
    pub fn start_apiserver(&mut self) -> Result<()> {
        self.own("starting the API server")?.start_api_server()
    }

    /// Kills the API server and starts it again on the same port.
    pub fn restart_apiserver(&mut self) -> Result<()> {
        self.own("restarting the API server")?.start_api_server()
    }

    fn own(&mut self, what: &'static str) -> Result<&mut ControlPlane> {
        match &mut self.cluster {
            Cluster::Own(plane) => Ok(plane),
            Cluster::Existing(_) => Err(Error::ExistingCluster(what)),
        }
    }

    /// Ends all components and removes the folder (`KEEP_LAB=1` keeps it). Dropping the lab does the same, silently.
    pub fn stop(self) -> Result<()> {
        let Self { cluster, folder, .. } = self;
        drop(cluster);
        if folder.exists() && !switched_on("KEEP_LAB") {
            return Err(Error::Invalid(format!("the lab's folder {} could not be removed", folder.display())));
        }
        Ok(())
    }
}
