//! A node from its first process to its last pod.

use std::path::Path;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use super::house::{House, INSIDE};
use super::images::Images;
use super::lock::Lock;
use super::network::{self, Network};
use super::programs::Programs;
use super::{Node, NodeOptions, addons, ci, kubelet, packages, runtime};
use crate::binaries::Binaries;
use crate::error::{Doing, Error, Result};
use crate::guard::Guard;
use crate::options::{Token, random_token};
use crate::places::make;
use crate::process::{Component, Lifetime};
use crate::report::{Report, say};

/// How long the node may take on a busy machine. Cilium compiles its programs in this time.
const PATIENCE: Duration = Duration::from_mins(4);

/// What a node takes on the disk before anybody's images are imported, and some air.
const ROOM_MIB: u64 = 1500;

/// What must be there before a node can be started.
#[derive(Debug)]
pub(crate) struct Ground {
    options: NodeOptions,
    network: Network,
    programs: Programs,
    images: Images,
    pub(crate) lock: Lock,
}

impl Ground {
    /// Installs, builds, waits for the lock.
    pub(crate) fn prepare(options: &NodeOptions) -> Result<Self> {
        Node::possible().map_err(Error::Invalid)?;
        let network = options.network.unwrap_or(Network::Cilium);
        packages::ensure(network)?;
        let programs = Programs::ensure(network)?;
        let lock = Lock::take()?;
        // Whoever held the lock has gone, but perhaps not everything it started.
        super::house::clear_left_over()?;
        let images = Images::ensure(&programs)?;
        Ok(Self { options: options.clone(), network, programs, images, lock })
    }
}

/// Who the node's components are to the API server: the name of their kubeconfig, and their token.
pub(crate) fn identities() -> Result<Vec<(&'static str, Token)>> {
    let of = |name, user: &str, group: &str| Ok::<_, Error>((name, Token::new(random_token()?, user, [group])));
    Ok(vec![
        of("kubelet", &format!("system:node:{}", kubelet::NAME), "system:nodes")?,
        of("kube-proxy", "system:kube-proxy", "kopnams-lab")?,
        of("kube-scheduler", "system:kube-scheduler", "kopnams-lab")?,
        of("cilium", "kopnams-lab:cilium", "system:masters")?,
    ])
}

/// A node whose images are being imported while the control plane starts.
#[derive(Debug)]
pub(crate) struct Begun {
    ground: Ground,
    containerd: Component,
    house: House,
    importing: JoinHandle<Result<()>>,
}

impl Begun {
    /// Opens the house, which has the address of the API server, and starts the container runtime in it.
    pub(crate) fn begin(ground: Ground, folder: &Path, lifetime: Lifetime, guard: &mut Guard) -> Result<Self> {
        enough_room(folder)?;
        guard.watch_node()?;
        let house = House::open(folder, lifetime, guard, &ground.lock)?;
        let containerd = runtime::start(&house, folder, &ground.images.pause.name, guard)?;
        let (inside, images) = (house.inside().clone(), ground.images.clone());
        let importing = std::thread::spawn(move || {
            runtime::wait(&inside)?;
            images.all().into_iter().try_for_each(|image| runtime::import(&inside, &image.layout).map(drop))
        });
        Ok(Self { ground, containerd, house, importing })
    }

    /// Starts everything else on the node for a control plane that is ready, and waits for its pods.
    pub(crate) fn finish(self, folder: &Path, binaries: &Binaries, guard: &mut Guard) -> Result<NodeRun> {
        let Self { ground: Ground { options, network, programs, images, lock }, containerd, house, importing } = self;
        let node = Node {
            folder: folder.to_owned(),
            inside: house.inside().clone(),
            kubectl: binaries.component("kubectl")?,
            network,
            busybox: images.busybox.reference.clone(),
        };
        let mut run = NodeRun { components: vec![containerd], house, node, _lock: lock };
        let mut stage = Stage::new();
        network::prepare(&run.house, folder)?;
        run.components.push(kubelet::start_proxy(&run.house, folder, &binaries.component("kube-proxy")?, guard)?);
        if network == Network::Plain {
            network::plain(folder)?;
        }
        let volumes = folder.join("node/volumes");
        make(&volumes)?;
        stage.at("importing the images of its own pods");
        let imported = importing.join().unwrap_or_else(|_| Err(Error::Invalid("importing the node's images panicked".to_owned())));
        run.components.iter_mut().try_for_each(Component::check)?;
        imported?;
        stage.at("starting the kubelet");
        run.components.push(kubelet::start(&run.house, folder, &binaries.component("kubelet")?, &options, guard)?);
        let manifests = addons::manifests(&images, &volumes.display().to_string());
        if network == Network::Cilium {
            run.with_cilium(&manifests, &programs, &options, guard, &mut stage)?;
        } else {
            run.apply(&manifests)?;
            run.wait_until_ready(&mut stage)?;
        }
        Ok(run)
    }
}

/// A running node and its components. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct NodeRun {
    components: Vec<Component>,
    house: House,
    pub(crate) node: Node,
    // The guard holds it too, until everything is removed.
    _lock: Lock,
}

impl NodeRun {
    fn with_cilium(
        &mut self,
        manifests: &str,
        programs: &Programs,
        options: &NodeOptions,
        guard: &mut Guard,
        stage: &mut Stage,
    ) -> Result<()> {
        let folder = self.node.folder.clone();
        let definitions = programs.cilium().map(|built| built.join("crds")).unwrap_or_default();
        for version in ["v2", "v2alpha1"] {
            self.node.kubectl(&["apply", "--server-side", "--filename", &definitions.join(version).display().to_string()])?;
        }
        stage.at("starting Cilium, which compiles its programs for the kernel");
        let agent = network::cilium(&self.house, &folder, programs, guard)?;
        self.components.extend(agent);
        self.apply(manifests)?;
        match self.wait_until_ready(stage) {
            Err(error) if options.network.is_none() && !ci() => {
                say(&format!(
                    "{error}\nPACKETS ARE NOT TESTED: Cilium does not start here, so the node gets a plain network, on which \
                     network policies are not enforced. Why is said above."
                ));
                self.components.pop();
                network::undo_cilium(&self.house, &folder);
                network::plain(&folder)?;
                self.node.network = Network::Plain;
                // Those that were to get an address from Cilium begin anew.
                for (namespace, _) in addons::DEPLOYMENTS {
                    self.node.kubectl(&["delete", "pods", "--all", "--namespace", namespace, "--grace-period=0", "--force"])?;
                }
                self.wait_until_ready(stage)
            }
            other => other,
        }
    }

    /// The names and process ids: the house, then what runs in it.
    pub(crate) fn processes(&self) -> Vec<(String, u32)> {
        let house = self.house.pid().map(|pid| ("node".to_owned(), pid));
        let components = self.components.iter().filter_map(|component| Some((component.name().to_owned(), component.pid()?)));
        house.into_iter().chain(components).collect()
    }

    /// Lets everything run on without this process.
    pub(crate) fn leave(mut self) {
        self.components.iter_mut().for_each(Component::leave);
        self.house.leave();
    }

    fn apply(&self, manifests: &str) -> Result<()> {
        let file = self.node.folder.join("node/addons.yaml");
        crate::places::write(&file, manifests)?;
        self.node.kubectl(&["apply", "--filename", &file.display().to_string()]).map(drop)
    }

    /// Waits for the node and the pods that every lab has.
    fn wait_until_ready(&mut self, stage: &mut Stage) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        stage.at("waiting for the node");
        loop {
            self.components.iter_mut().try_for_each(Component::check)?;
            stage.still();
            match self.missing() {
                Ok(missing) if missing.is_empty() => return self.ingress_answers(deadline),
                last if Instant::now() > deadline => return Err(self.not_ready(&last.unwrap_or_else(|error| error.to_string()))),
                _ => sleep(Duration::from_millis(150)),
            }
        }
    }

    /// What is not ready yet, in words; empty when all is.
    fn missing(&self) -> Result<String> {
        let ready = r#"jsonpath={.status.conditions[?(@.type=="Ready")].status}"#;
        if self.node.kubectl(&["get", "node", kubelet::NAME, "--ignore-not-found", "--output", ready])? != "True" {
            return Ok(format!("the node {} is not ready", kubelet::NAME));
        }
        for (namespace, name) in addons::DEPLOYMENTS {
            let available = ["get", "deployment", name, "--namespace", namespace, "--output", "jsonpath={.status.availableReplicas}"];
            if self.node.kubectl(&available)? != "1" {
                return Ok(format!("the pod of {namespace}/{name} is not ready"));
            }
        }
        Ok(String::new())
    }

    /// The rules that lead to the ingress come a moment after its pod.
    fn ingress_answers(&mut self, deadline: Instant) -> Result<()> {
        loop {
            match self.node.get("nobody.example.lv", "/") {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(self.not_ready(&format!("no ingress at {INSIDE}: {error}"))),
                Err(_) => sleep(Duration::from_millis(50)),
            }
        }
    }

    fn not_ready(&self, last: &str) -> Error {
        let pods = self.node.kubectl(&["get", "pods", "--all-namespaces", "--output=wide"]).unwrap_or_default();
        let events = self.node.kubectl(&["events", "--all-namespaces", "--types=Warning"]).unwrap_or_default();
        let newest: Vec<&str> = events.lines().rev().take(10).collect();
        let owing = self.components.last();
        Error::NotReady {
            waiting_for: "a ready node".to_owned(),
            seconds: PATIENCE.as_secs(),
            last: format!("{last}\n{pods}\n{}", newest.into_iter().rev().collect::<Vec<_>>().join("\n")),
            name: owing.map_or("the node", Component::name).to_owned(),
            log: owing.map(Component::last_lines).unwrap_or_default(),
        }
    }
}

/// On a full disk a node is never ready, and does not say why.
fn enough_room(folder: &Path) -> Result<()> {
    let disk = rustix::fs::statvfs(folder).map_err(std::io::Error::from).doing(|| format!("ask for the room in {}", folder.display()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize) / (1024 * 1024);
    if free >= ROOM_MIB {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "a node needs {ROOM_MIB} MiB on the disk of {}, which has {free} MiB left: make room, or set TMPDIR to another disk",
        folder.display()
    )))
}

/// Says what is being done if it takes long.
struct Stage {
    doing: &'static str,
    report: Report,
}

impl Stage {
    fn new() -> Self {
        Self { doing: "starting the container runtime and kube-proxy", report: Report::patient() }
    }

    fn at(&mut self, doing: &'static str) {
        self.doing = doing;
        self.still();
    }

    fn still(&mut self) {
        let doing = self.doing;
        self.report.say(|so_far| format!("starting a node: {doing}, {so_far} so far"));
    }
}
