//! The lab: a real Kubernetes on one machine, for tests and the demo: a control plane, and a node if asked for.
//!
//! No image registry and no container engine is needed. The components are built once from Go modules
//! ([`Binaries::ensure`], about 9 minutes on 2 cores, kept in `~/.cache/kopnams`), then [`Lab::start`] has an API server,
//! etcd and a controller manager answering in a few seconds, in a folder and on a port of their own. Without a node
//! namespaces, quotas, roles, admission and garbage collection are real, pods stay pending. With one ([`LabOptions::node`],
//! described in [`node`]) pods run too; that needs root on Linux, and there is one at a time on a machine.
//!
//! ```no_run
//! # fn main() -> kopnams_lab::Result<()> {
//! use kopnams_lab::{Lab, LabOptions};
//!
//! let lab = Lab::start(LabOptions::default())?;
//! lab.kubectl(["create", "namespace", "ogre"])?;
//! println!("kubeconfig: {}", lab.kubeconfig().display());
//! lab.stop()?;
//! # Ok(())
//! # }
//! ```
//!
//! All calls block; from an async test call them directly or through `tokio::task::spawn_blocking`.
//!
//! Nothing is left behind. A lab ends with [`Lab::stop`] or when it is dropped; when the process that started it dies in
//! any other way, Ctrl-C and `kill -9` included, a small guard process ends the components and removes the folder, and
//! each component built here also watches its parent itself.
//!
//! The environment decides:
//!
//! | variable | meaning |
//! |---|---|
//! | `KOPNAMS_CACHE` | folder for builds and standing labs instead of `~/.cache/kopnams` |
//! | `KUBEBUILDER_ASSETS` | folder with `etcd`, `kube-apiserver`, `kubectl` and `kube-controller-manager` to use instead of building |
//! | `KOPNAMS_TEST_USE_KUBECONFIG=1` | use the cluster that `KUBECONFIG` names instead of starting one |
//! | `KEEP_LAB=1` | keep the lab's folder with all logs after the lab has stopped |
//! | `TMPDIR` | where the lab's folder is made |

mod binaries;
mod certificates;
mod control_plane;
mod error;
mod existing;
mod fault_proxy;
mod flux;
mod forge;
mod go_build;
mod guard;
mod kubeconfig;
mod lab;
pub mod node;
mod options;
mod places;
mod probe;
mod process;
mod report;
mod s3;
mod stand_in;
pub mod standing;

pub use binaries::{BackupTools, Binaries, ForgeTools, Tools};
pub use error::{Error, Result};
pub use fault_proxy::{Fault, FaultProxy};
pub use flux::{Flux, FluxTools};
pub use forge::{Account, Answer, Forge};
pub use lab::Lab;
pub use node::{Network, Node, NodeOptions};
pub use options::{AuditPolicy, LabOptions, Token};
pub use s3::S3;
pub use stand_in::StandIn;
