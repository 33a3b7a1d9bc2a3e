//! The command `lab`: a Kubernetes on this machine, for trying things out.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use kopnams_lab::standing::{self, Health, Standing, Up};
use kopnams_lab::{BackupTools, Binaries, Error, FluxTools, ForgeTools, Lab, LabOptions, Network, Node, NodeOptions, StandIn, Tools, node};

/// A Kubernetes control plane on this machine: etcd, API server and controller manager; with `--node` a node on which pods run.
///
/// The first start builds Kubernetes from Go modules: about 9 minutes on 2 cores, once. Later starts take a few seconds. A
/// node needs root on Linux and Debian's packages, which it installs; its programs take another 15 minutes to build, once.
#[derive(Parser)]
#[command(name = "lab", version, after_help = EXAMPLES)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  lab up                          start a lab that stays
  eval \"$(lab up)\"                the same, and point kubectl at it
  eval \"$(lab tools)\"             put kubectl, helm, the checking tools, restic, versitygw, gitea and Flux on the PATH
  kubectl get namespaces
  lab node --program target/debug/kopnams &     run the operator's pods, which have no node here
  lab up --name second            one more beside it
  lab up --node                   a lab with a node: pods run, hosts answer at http://198.18.213.2
  lab up --node --cpu 500 --memory 1024         one with room for half a CPU and 1 GiB
  lab import build/web            give the node an image, an OCI layout; prints what a pod names
  lab node-clean                  end a node that a killed run has left
  lab status
  lab down

Environment:
  KOPNAMS_CACHE        folder for builds and labs instead of ~/.cache/kopnams
  KUBEBUILDER_ASSETS   folder with the binaries to use instead of building them

Exit codes: 0 done, 1 it did not work or there is no such lab, 2 wrong usage.";

#[derive(Subcommand)]
enum Action {
    /// Start a lab that stays until `lab down`; print how to use and end it
    Up {
        /// A folder of its own for the lab's data, missing or empty; removed by `lab down`
        #[arg(long)]
        dir: Option<PathBuf>,
        #[command(flatten)]
        node: NodeArgs,
        #[command(flatten)]
        which: Which,
    },
    /// Give images to the node of a lab; print the reference of each, by digest
    Import {
        /// Folders, each an OCI layout of one image
        #[arg(required = true)]
        layouts: Vec<PathBuf>,
        #[command(flatten)]
        which: Which,
    },
    /// End a node that a killed run has left, and remove its mounts, links and control groups
    NodeClean {
        /// Also one that is in use
        #[arg(long)]
        force: bool,
    },
    /// End a lab and remove its folder
    Down {
        #[command(flatten)]
        which: Which,
    },
    /// Say which labs run
    Status {
        /// Only this lab
        #[arg(long, value_parser = name)]
        name: Option<String>,
    },
    /// Build everything; print the line that puts kubectl, helm, the checking tools, restic, versitygw, gitea and Flux on the PATH
    Tools {
        /// Also what a node needs: Debian's packages and its programs
        #[arg(long)]
        node: bool,
    },
    /// Print where the kubeconfig of a lab is
    Kubeconfig {
        #[command(flatten)]
        which: Which,
    },
    /// Run the pods of one image as processes on this machine, each as its own service account, until the lab ends
    Node {
        #[command(flatten)]
        which: Which,
        /// The image without its tag
        #[arg(long, default_value = "localhost/kopnams")]
        image: String,
        /// The program that it stands for
        #[arg(long)]
        program: PathBuf,
    },
    /// Start a lab that ends with this process or when the standard input ends
    #[command(hide = true)]
    Hold {
        #[command(flatten)]
        node: NodeArgs,
    },
}

#[derive(clap::Args)]
struct NodeArgs {
    /// With a node: pods run. One at a time on a machine; waits for another to end
    #[arg(long)]
    node: bool,
    /// CPU for pods, in thousandths of one, instead of all the machine has
    #[arg(long, requires = "node")]
    cpu: Option<u32>,
    /// Memory for pods, in MiB, instead of all the machine has
    #[arg(long, requires = "node")]
    memory: Option<u32>,
    /// The pods' network: cilium, or plain, on which network policies are not enforced
    #[arg(long, requires = "node", value_parser = network)]
    network: Option<Network>,
}

impl NodeArgs {
    fn options(&self) -> Option<NodeOptions> {
        self.node.then_some(NodeOptions { cpu_millis: self.cpu, memory_mib: self.memory, network: self.network })
    }
}

fn network(text: &str) -> std::result::Result<Network, String> {
    match text {
        "cilium" => Ok(Network::Cilium),
        "plain" => Ok(Network::Plain),
        _ => Err("choose cilium or plain".to_owned()),
    }
}

#[derive(clap::Args)]
struct Which {
    /// The name of the lab
    #[arg(long, default_value = "lab", value_parser = name)]
    name: String,
}

fn name(text: &str) -> std::result::Result<String, String> {
    standing::check_name(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

fn main() -> ExitCode {
    let mut out = std::io::stdout();
    match Command::parse().action.run(&mut out) {
        Ok(code) => code,
        Err(Failure::Lab(error)) => complain(&error.to_string()),
        // Whoever read the output has gone.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Output(error)) => complain(&format!("cannot write: {error}")),
    }
}

fn complain(text: &str) -> ExitCode {
    // Nothing is lost if nobody listens.
    let _ = writeln!(std::io::stderr(), "lab: {text}");
    ExitCode::from(1)
}

enum Failure {
    Lab(Error),
    Output(std::io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Lab(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

impl Action {
    fn run(self, out: &mut impl Write) -> std::result::Result<ExitCode, Failure> {
        match self {
            Self::Up { dir, node, which } => {
                let (lab, said) = match standing::up(&which.name, dir.as_deref(), node.options())? {
                    Up::Started(lab) => (lab, "has been started"),
                    Up::Running(lab) => (lab, "runs already"),
                };
                // Comments and one command, so that a shell can take in all of it.
                writeln!(out, "# the lab {:?} {said}: {}; its logs are in {}", lab.name, lab.server, lab.folder.display())?;
                writeln!(out, "export KUBECONFIG={}", quoted(&lab.kubeconfig().display().to_string()))?;
                if let Some(node) = &lab.node {
                    let policies = if node.policies_enforced() { "enforced" } else { "NOT enforced: packets are not tested" };
                    writeln!(out, "# hosts answer at {}; network policies are {policies}", node.ingress_url())?;
                } else if node.node {
                    writeln!(out, "# it has no node: end it first")?;
                }
                writeln!(out, "# end it with: lab down{}", named(&lab))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Down { which } => match standing::down(&which.name)? {
                Some(lab) => {
                    writeln!(out, "the lab {:?} has ended; {} is removed", lab.name, lab.folder.display())?;
                    Ok(ExitCode::SUCCESS)
                }
                None => Ok(complain(&no_lab(&which.name))),
            },
            Self::Status { name } => {
                let labs = match &name {
                    Some(name) => standing::find(name)?.into_iter().collect(),
                    None => standing::all()?,
                };
                for health in &labs {
                    writeln!(out, "{}", described(health))?;
                }
                if labs.is_empty() {
                    return Ok(complain(&name.map_or_else(|| "no lab runs".to_owned(), |name| no_lab(&name))));
                }
                let well = labs.iter().all(|health| health.ended.is_empty());
                Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
            }
            Self::Tools { node } => {
                let (kubernetes, tools, backup) = (Binaries::ensure()?, Tools::ensure()?, BackupTools::ensure()?);
                let (forge, flux) = (ForgeTools::ensure()?, FluxTools::ensure()?);
                if node && Node::possible_or_skip("preparing a node")? {
                    node::prepare()?;
                }
                let folders = [kubernetes.folder(), tools.folder(), backup.folder(), &forge.folder(), &flux.folder()];
                let folders = folders.map(|folder| folder.display().to_string()).join(":");
                writeln!(out, "export PATH={}:\"$PATH\"", quoted(&folders))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Kubeconfig { which } => match standing::find(&which.name)? {
                Some(health) => {
                    writeln!(out, "{}", health.lab.kubeconfig().display())?;
                    Ok(ExitCode::SUCCESS)
                }
                None => Ok(complain(&no_lab(&which.name))),
            },
            Self::Node { which, image, program } => match standing::find(&which.name)? {
                Some(health) => {
                    StandIn::start(&health.lab.kubeconfig(), &image, &program)?.wait();
                    Ok(ExitCode::SUCCESS)
                }
                None => Ok(complain(&no_lab(&which.name))),
            },
            Self::Import { layouts, which } => match standing::find(&which.name)? {
                Some(health) => {
                    let node = health.lab.node.ok_or(Error::NoNode)?;
                    for layout in layouts {
                        writeln!(out, "{}", node.import(&layout)?)?;
                    }
                    Ok(ExitCode::SUCCESS)
                }
                None => Ok(complain(&no_lab(&which.name))),
            },
            Self::NodeClean { force } => {
                for folder in node::clean(force)? {
                    writeln!(out, "ended a node and removed {}", folder.display())?;
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::Hold { node } => {
                let lab = held(out, &node)?;
                lab.stop()?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

/// A lab until the standard input ends.
fn held(out: &mut impl Write, node: &NodeArgs) -> std::result::Result<Lab, Failure> {
    let lab = Lab::start(LabOptions { node: node.options(), ..LabOptions::default() })?;
    writeln!(out, "folder {}", lab.folder().display())?;
    for (name, pid) in lab.processes() {
        writeln!(out, "process {pid} {name}")?;
    }
    writeln!(out, "ready {}", lab.server_url())?;
    out.flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(lab)
}

fn no_lab(name: &str) -> String {
    format!("there is no lab {name:?}; start it with: lab up{}", if name == "lab" { String::new() } else { format!(" --name {name}") })
}

fn named(lab: &Standing) -> String {
    if lab.name == "lab" { String::new() } else { format!(" --name {}", lab.name) }
}

fn described(health: &Health) -> String {
    let lab = &health.lab;
    if health.ended.is_empty() {
        let processes: Vec<String> = lab.processes.iter().map(|(name, pid)| format!("{name} {pid}")).collect();
        let node = lab.node.as_ref().map(|node| format!("  node {}", node.ingress_url())).unwrap_or_default();
        format!("{}  runs  {}{node}  {}  ({})", lab.name, lab.server, lab.kubeconfig().display(), processes.join(", "))
    } else {
        format!("{}  broken: {} ended; logs in {}", lab.name, health.ended.join(", "), lab.folder.display())
    }
}

/// A word for the shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ':' | '+');
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
