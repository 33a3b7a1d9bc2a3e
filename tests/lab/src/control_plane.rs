//! The control plane: etcd, API server and controller manager, started together and waited for.

use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::binaries::Binaries;
use crate::certificates::{self, Authority};
use crate::error::{Doing, Error, Result};
use crate::guard::{Afterwards, Guard};
use crate::kubeconfig;
use crate::node::{Begun, Ground, Node, NodeRun, OUTSIDE, PODS, identities};
use crate::options::{LabOptions, Token, random_token};
use crate::places::{free, write};
use crate::probe::Probe;
use crate::process::{Component, Lifetime};

/// How long a lab may take to become ready on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);
const PAUSE: Duration = Duration::from_millis(40);
/// How many ports are tried when others take them first.
const PORTS: usize = 5;
/// etcd listens on sockets in the lab's folder, which all components have as their working folder: no port to collide
/// on, nobody else can reach it. The number is part of the socket's name.
const ETCD_CLIENTS: &str = "unix://localhost:1";
const ETCD_PEERS: &str = "unix://localhost:2";

/// A running control plane. Dropping it ends it and removes its folder.
#[derive(Debug)]
pub(crate) struct ControlPlane {
    // In the order in which they end: whoever writes to etcd first, the guard with the folder last.
    node: Option<NodeRun>,
    scheduler: Option<Component>,
    controller_manager: Option<Component>,
    api_server: Component,
    etcd: Component,
    guard: Guard,
    setting: Setting,
    port: u16,
}

/// What does not change while the control plane runs.
#[derive(Debug)]
struct Setting {
    folder: PathBuf,
    binaries: Binaries,
    lifetime: Lifetime,
    authority: Authority,
    admin_token: String,
    manager_token: String,
    probe: Probe,
    audit: bool,
    /// Where the API server listens.
    address: Ipv4Addr,
    /// The components of a node; without one there are none.
    identities: Vec<(&'static str, Token)>,
    api_server_args: Vec<String>,
    manager_args: Vec<String>,
}

impl ControlPlane {
    /// Starts everything in a folder that is there and empty, and waits until it answers.
    pub(crate) fn start(
        folder: &Path,
        binaries: &Binaries,
        options: &LabOptions,
        lifetime: Lifetime,
        afterwards: Afterwards,
    ) -> Result<Self> {
        let ground = options.node.as_ref().map(Ground::prepare).transpose()?;
        let mut guard = match &ground {
            Some(ground) => Guard::post_holding(folder, afterwards, ground.lock.hand_on()?)?,
            None => Guard::post(folder, afterwards)?,
        };
        // The admin's token is in there.
        fs::set_permissions(folder, Permissions::from_mode(0o700)).doing(|| format!("make {} private", folder.display()))?;
        // First, because at its link the API server listens.
        let node = ground.map(|ground| Begun::begin(ground, folder, lifetime, &mut guard)).transpose()?;
        let setting = Setting::write(folder, binaries, options, lifetime)?;
        let etcd = setting.etcd(&mut guard)?;
        let port = free(setting.address)?.port();
        let api_server = setting.api_server(port, &mut guard)?;
        let mut plane = Self { node: None, scheduler: None, controller_manager: None, api_server, etcd, guard, setting, port };
        let deadline = Instant::now() + PATIENCE;
        plane.wait_for_port(deadline)?;
        if !options.without_controller_manager {
            // It gives up when no API server answers within 10 s of its start, so it starts when one listens.
            plane.controller_manager = Some(plane.setting.controller_manager(plane.port, &mut plane.guard)?);
        }
        kubeconfig::write_for_token(&folder.join("kubeconfig"), &plane.server_url(), plane.ca_pem(), "admin", &plane.setting.admin_token)?;
        plane.wait_until_ready(deadline)?;
        if let Some(begun) = node {
            plane.setting.write_identities(plane.port)?;
            plane.scheduler = Some(plane.setting.scheduler(&mut plane.guard)?);
            plane.node = Some(begun.finish(folder, binaries, &mut plane.guard)?);
        }
        Ok(plane)
    }

    /// The node, if there is one.
    pub(crate) fn node(&self) -> Option<&Node> {
        self.node.as_ref().map(|run| &run.node)
    }

    pub(crate) fn server_url(&self) -> String {
        self.setting.server_url(self.port)
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.setting.authority.pem
    }

    /// The names and process ids of the components.
    pub(crate) fn processes(&self) -> Vec<(String, u32)> {
        [Some(&self.etcd), Some(&self.api_server), self.controller_manager.as_ref(), self.scheduler.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|component| Some((component.name().to_owned(), component.pid()?)))
            .chain(self.node.iter().flat_map(NodeRun::processes))
            .collect()
    }

    /// Kills the API server; etcd and controller manager go on.
    pub(crate) fn stop_api_server(&mut self) {
        self.api_server.kill();
    }

    /// Starts the API server again on its port, and waits until it is ready.
    pub(crate) fn start_api_server(&mut self) -> Result<()> {
        self.api_server.kill();
        self.api_server = self.setting.api_server(self.port, &mut self.guard)?;
        self.wait_until_ready(Instant::now() + PATIENCE)
    }

    /// Lets everything run on without this process.
    pub(crate) fn leave(mut self) -> Result<()> {
        self.etcd.leave();
        self.api_server.leave();
        for component in [&mut self.controller_manager, &mut self.scheduler].into_iter().flatten() {
            component.leave();
        }
        if let Some(node) = self.node.take() {
            node.leave();
        }
        self.guard.leave()
    }

    /// Waits until the API server speaks, whatever it says; takes another port when somebody else was faster.
    fn wait_for_port(&mut self, deadline: Instant) -> Result<()> {
        let mut ports_left = PORTS;
        loop {
            self.etcd.check()?;
            if self.api_server.ended().is_some() {
                ports_left -= 1;
                if ports_left == 0 || !self.api_server.last_lines().contains("address already in use") {
                    return self.api_server.check();
                }
                self.port = free(self.setting.address)?.port();
                self.api_server = self.setting.api_server(self.port, &mut self.guard)?;
            }
            match self.setting.probe.ask(self.port, "/livez") {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => {
                    return Err(not_ready("the API server", error.to_string(), &self.api_server));
                }
                Err(_) => sleep(PAUSE),
            }
        }
    }

    /// Waits for the API server to be ready, the namespace `default` and, with a controller manager, its service account.
    fn wait_until_ready(&mut self, deadline: Instant) -> Result<()> {
        self.wait_for("/readyz", "a ready API server", deadline)?;
        self.wait_for("/api/v1/namespaces/default", "the namespace `default`", deadline)?;
        if self.controller_manager.is_some() {
            let path = "/api/v1/namespaces/default/serviceaccounts/default";
            self.wait_for(path, "the service account `default`", deadline)?;
        }
        Ok(())
    }

    fn wait_for(&mut self, path: &str, what: &str, deadline: Instant) -> Result<()> {
        loop {
            self.etcd.check()?;
            self.api_server.check()?;
            if let Some(manager) = &mut self.controller_manager {
                manager.check()?;
            }
            match self.setting.probe.ok(self.port, path) {
                Ok(()) => return Ok(()),
                Err(last) if Instant::now() > deadline => {
                    let owing = match &self.controller_manager {
                        Some(manager) if path.contains("serviceaccounts") => manager,
                        _ => &self.api_server,
                    };
                    return Err(not_ready(what, last, owing));
                }
                Err(_) => sleep(PAUSE),
            }
        }
    }
}

impl Setting {
    /// Writes the files that the components read.
    fn write(folder: &Path, binaries: &Binaries, options: &LabOptions, lifetime: Lifetime) -> Result<Self> {
        let reachable = options.node.as_ref().map(|_| OUTSIDE);
        let authority = certificates::write_all(folder, reachable)?;
        let address = reachable.and_then(|address| address.parse().ok()).unwrap_or(Ipv4Addr::LOCALHOST);
        let identities = if options.node.is_some() { identities()? } else { Vec::new() };
        let admin_token = random_token()?;
        let manager_token = random_token()?;
        let mut lines = String::new();
        lines += &Token::new(&admin_token, "admin", ["system:masters"]).line()?;
        let manager = "system:kube-controller-manager";
        lines += &Token::new(&manager_token, manager, ["kopnams-lab"]).line()?;
        for token in options.tokens.iter().chain(identities.iter().map(|(_, token)| token)) {
            lines += &token.line()?;
        }
        write(&folder.join("tokens.csv"), lines)?;
        if let Some(policy) = &options.audit {
            write(&folder.join("audit-policy.yaml"), policy.yaml())?;
            // So that it can be read before the first request.
            fs::File::create(folder.join("audit.log")).doing(|| "make the audit log".to_owned())?;
        }
        let probe = Probe::new(&authority.der, &admin_token, address)?;
        Ok(Self {
            folder: folder.to_owned(),
            binaries: binaries.clone(),
            lifetime,
            authority,
            admin_token,
            manager_token,
            probe,
            audit: options.audit.is_some(),
            address,
            identities,
            api_server_args: options.api_server_args.clone(),
            manager_args: options.controller_manager_args.clone(),
        })
    }

    fn etcd(&self, guard: &mut Guard) -> Result<Component> {
        let args = vec![
            "--name=lab".to_owned(),
            format!("--data-dir={}", self.path("etcd")),
            // The data need not survive a power cut.
            "--unsafe-no-fsync".to_owned(),
            format!("--listen-client-urls={ETCD_CLIENTS}"),
            format!("--advertise-client-urls={ETCD_CLIENTS}"),
            format!("--listen-peer-urls={ETCD_PEERS}"),
            format!("--initial-advertise-peer-urls={ETCD_PEERS}"),
            format!("--initial-cluster=lab={ETCD_PEERS}"),
            "--log-level=warn".to_owned(),
        ];
        self.start("etcd", &args, guard)
    }

    fn api_server(&self, port: u16, guard: &mut Guard) -> Result<Component> {
        let mut args = vec![
            format!("--etcd-servers={ETCD_CLIENTS}"),
            format!("--bind-address={}", self.address),
            format!("--secure-port={port}"),
            format!("--advertise-address={}", self.address),
            format!("--cert-dir={}", self.path("")),
            format!("--tls-cert-file={}", self.path("tls.crt")),
            format!("--tls-private-key-file={}", self.path("tls.key")),
            format!("--token-auth-file={}", self.path("tokens.csv")),
            "--authorization-mode=Node,RBAC".to_owned(),
            format!("--service-account-key-file={}", self.path("service-account.pub")),
            format!("--service-account-signing-key-file={}", self.path("service-account.key")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            "--enable-priority-and-fairness=true".to_owned(),
            "--allow-privileged=true".to_owned(),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
        ];
        if self.has_node() {
            // Otherwise the kubelet takes exec and logs for anonymous requests.
            args.push(format!("--kubelet-client-certificate={}", self.path("kubelet-client.crt")));
            args.push(format!("--kubelet-client-key={}", self.path("kubelet-client.key")));
        } else {
            // Without a network there is no address to publish in the Service `kubernetes`.
            args.push("--endpoint-reconciler-type=none".to_owned());
        }
        if self.audit {
            args.push(format!("--audit-policy-file={}", self.path("audit-policy.yaml")));
            args.push(format!("--audit-log-path={}", self.path("audit.log")));
            // One file: it is not turned over in the middle of a measurement.
            args.push("--audit-log-maxsize=100000".to_owned());
        }
        args.extend_from_slice(&self.api_server_args);
        self.start("kube-apiserver", &args, guard)
    }

    fn controller_manager(&self, port: u16, guard: &mut Guard) -> Result<Component> {
        let file = self.folder.join("kube-controller-manager.kubeconfig");
        let user = "system:kube-controller-manager";
        kubeconfig::write_for_token(&file, &self.server_url(port), &self.authority.pem, user, &self.manager_token)?;
        let mut args = vec![
            format!("--kubeconfig={}", file.display()),
            "--use-service-account-credentials".to_owned(),
            "--leader-elect=false".to_owned(),
            format!("--service-account-private-key-file={}", self.path("service-account.key")),
            format!("--root-ca-file={}", self.path("ca.crt")),
            "--enable-hostpath-provisioner=true".to_owned(),
            // Otherwise it makes a folder in /usr/libexec.
            format!("--flex-volume-plugin-dir={}", self.path("flexvolume")),
            // The default of 20 a second delays its own start by 5 s.
            "--kube-api-qps=500".to_owned(),
            "--kube-api-burst=1000".to_owned(),
            // It serves nothing, so it needs no port.
            "--secure-port=0".to_owned(),
        ];
        if self.has_node() {
            args.push("--allocate-node-cidrs=true".to_owned());
            args.push(format!("--cluster-cidr={PODS}"));
        }
        args.extend_from_slice(&self.manager_args);
        self.start("kube-controller-manager", &args, guard)
    }

    fn scheduler(&self, guard: &mut Guard) -> Result<Component> {
        let args = vec![
            format!("--kubeconfig={}", self.path("kube-scheduler.kubeconfig")),
            "--leader-elect=false".to_owned(),
            "--secure-port=0".to_owned(),
        ];
        self.start("kube-scheduler", &args, guard)
    }

    /// The kubeconfigs of the node's components.
    fn write_identities(&self, port: u16) -> Result<()> {
        for (name, token) in &self.identities {
            let file = self.folder.join(format!("{name}.kubeconfig"));
            kubeconfig::write_for_token(&file, &self.server_url(port), &self.authority.pem, name, &token.token)?;
        }
        Ok(())
    }

    fn has_node(&self) -> bool {
        !self.identities.is_empty()
    }

    fn server_url(&self, port: u16) -> String {
        format!("https://{}:{port}", self.address)
    }

    fn start(&self, name: &'static str, args: &[String], guard: &mut Guard) -> Result<Component> {
        Component::start(name, &self.binaries.component(name)?, args, &self.folder, self.lifetime, guard)
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

fn not_ready(what: &str, last: String, component: &Component) -> Error {
    Error::NotReady {
        waiting_for: what.to_owned(),
        seconds: PATIENCE.as_secs(),
        last,
        name: component.name().to_owned(),
        log: component.last_lines(),
    }
}
