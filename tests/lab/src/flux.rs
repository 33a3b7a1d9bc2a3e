//! Flux on this machine: its source and kustomize controllers as processes, working on a lab as they would in a cluster.
//!
//! They are Flux's own programs and definitions. What a cluster adds is their pods, and that their rights are a
//! `ServiceAccount`'s: here they are the lab's admin, and impersonate as they are told to.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use crate::binaries::or_skip;
use crate::error::{Doing, Result};
use crate::go_build::{Program, Recipe, number};
use crate::guard::Guard;
use crate::places::{free, make};
use crate::process::{Component, Lifetime};

// One module with both, so that their versions agree.
const FILES: &[(&str, &str)] = &[("go.mod", include_str!("../tools/flux/go.mod")), ("go.sum", include_str!("../tools/flux/go.sum"))];
const SOURCE: &str = "github.com/fluxcd/source-controller";
const KUSTOMIZE: &str = "github.com/fluxcd/kustomize-controller";

/// What brings a repository's files to a cluster: two controllers of Flux, and the definitions of their kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FluxTools {
    folder: PathBuf,
}

impl FluxTools {
    /// The lab's own build, made now if it is not in the cache yet (about 4 minutes on 2 cores, once).
    pub fn ensure() -> Result<Self> {
        Ok(Self { folder: recipe()?.ensure()? })
    }

    /// As [`crate::Tools::ensure_or_skip`].
    pub fn ensure_or_skip(what: &str) -> Result<Option<Self>> {
        or_skip(what, Self::ensure())
    }

    /// The folder that holds the programs, for `PATH`.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        self.folder.join("bin")
    }

    /// The folder with the definitions of Flux's kinds, to be applied before [`Flux::start`].
    #[must_use]
    pub fn definitions(&self) -> PathBuf {
        self.folder.join("definitions")
    }
}

fn recipe() -> Result<Recipe> {
    let program = |name, package, copies| Program { name, files: FILES, package, link_flags: "-s -w".to_owned(), copies };
    Ok(Recipe {
        what: format!("Flux's source-controller {} and kustomize-controller {}", number(FILES, SOURCE)?, number(FILES, KUSTOMIZE)?),
        takes: "about 4 minutes on 2 cores",
        kind: "flux",
        programs: vec![
            program("source-controller", SOURCE, &[(SOURCE, "config/crd/bases", "definitions")]),
            program("kustomize-controller", KUSTOMIZE, &[(KUSTOMIZE, "config/crd/bases", "definitions")]),
        ],
        links: &[],
    })
}

/// Flux at work on a cluster. It ends with this value, or with this process.
#[derive(Debug)]
pub struct Flux {
    controllers: [Component; 2],
    folder: PathBuf,
    /// Last, so that it is let go when the controllers have ended: it removes the folder.
    _guard: Guard,
}

impl Flux {
    /// Starts both controllers as the user of a kubeconfig, on free ports of this machine alone. The cluster has to know
    /// [`FluxTools::definitions`] already.
    pub fn start(tools: &FluxTools, kubeconfig: &Path) -> Result<Self> {
        let (folder, mut guard) = Guard::over_new("kopnams-flux-", "Flux")?;
        // The one place in which controllers look that are told of no other: they have no option for it.
        make(&folder.join(".kube"))?;
        fs::copy(kubeconfig, folder.join(".kube/config")).doing(|| format!("copy {}", kubeconfig.display()))?;
        make(&folder.join("artifacts"))?;
        let files = free(Ipv4Addr::LOCALHOST)?;
        let common = ["--metrics-addr=0", "--health-addr=0", "--log-level=info", "--log-encoding=console"].map(str::to_owned);
        let storage = [
            format!("--storage-path={}", folder.join("artifacts").display()),
            format!("--storage-addr={files}"),
            format!("--storage-adv-addr={files}"),
        ];
        let careful = ["--no-remote-bases=true", "--no-cross-namespace-refs=true", "--requeue-dependency=1s"].map(str::to_owned);
        let mut start = |name, arguments: &[String]| {
            let program = tools.folder().join(name);
            let arguments = [&common[..], arguments].concat();
            Component::start(name, &program, &arguments, &folder, Lifetime::WithParent, &mut guard)
        };
        let controllers = [start("source-controller", &storage)?, start("kustomize-controller", &careful)?];
        Ok(Self { controllers, folder, _guard: guard })
    }

    /// An error with the last lines of its log if a controller has ended.
    pub fn check(&mut self) -> Result<()> {
        self.controllers.iter_mut().try_for_each(Component::check)
    }

    /// The folder with everything of it, `source-controller.log` and `kustomize-controller.log` among it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
