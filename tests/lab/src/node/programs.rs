//! What runs on the node beside Kubernetes: built from Go modules like Kubernetes itself.

use std::path::{Path, PathBuf};

use super::network::Network;
use crate::error::Result;
use crate::go_build::{Program, Recipe, required};

type Files = &'static [(&'static str, &'static str)];

const PAUSE: Files = &[("go.mod", include_str!("../../tools/pause/go.mod")), ("main.go", include_str!("../../tools/pause/main.go"))];
const COREDNS: Files = &[("go.mod", include_str!("../../tools/coredns/go.mod")), ("go.sum", include_str!("../../tools/coredns/go.sum"))];
const LOCAL_PATH: Files =
    &[("go.mod", include_str!("../../tools/local-path/go.mod")), ("go.sum", include_str!("../../tools/local-path/go.sum"))];
const TRAEFIK: Files = &[("go.mod", include_str!("../../tools/traefik/go.mod")), ("go.sum", include_str!("../../tools/traefik/go.sum"))];
const CILIUM: Files = &[("go.mod", include_str!("../../tools/cilium/go.mod")), ("go.sum", include_str!("../../tools/cilium/go.sum"))];

/// Where the node's programs are.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    folder: PathBuf,
    cilium: Option<PathBuf>,
}

impl Programs {
    /// Builds them unless they are in the cache: about 6 minutes on 2 cores, and as long again for Cilium.
    pub(crate) fn ensure(network: Network) -> Result<Self> {
        let folder = addons()?.ensure()?;
        let cilium = if network == Network::Cilium { Some(cilium()?.ensure()?) } else { None };
        Ok(Self { folder, cilium })
    }

    /// A program that a pod runs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// Where images of these programs are kept.
    pub(crate) fn images(&self) -> PathBuf {
        self.folder.join("images")
    }

    /// The folder with Cilium's `bin/`, `bpf/` and `crds/`, if it was asked for.
    pub(crate) fn cilium(&self) -> Option<&Path> {
        self.cilium.as_deref()
    }
}

fn program(name: &'static str, files: Files, package: &'static str) -> Program {
    Program { name, files, package, link_flags: "-s -w".to_owned(), copies: &[] }
}

fn addons() -> Result<Recipe> {
    let traefik = required(TRAEFIK.first().map_or("", |(_, go_mod)| go_mod), "github.com/traefik/traefik/v3")?;
    Ok(Recipe {
        what: "CoreDNS, the volume provisioner and Traefik".to_owned(),
        takes: "about 8 minutes on 2 cores",
        kind: "node",
        programs: vec![
            program("pause", PAUSE, "."),
            program("coredns", COREDNS, "github.com/coredns/coredns"),
            program("local-path-provisioner", LOCAL_PATH, "github.com/rancher/local-path-provisioner"),
            Program {
                link_flags: format!("-s -w -X github.com/traefik/traefik/v3/pkg/version.Version={traefik}"),
                ..program("traefik", TRAEFIK, "github.com/traefik/traefik/v3/cmd/traefik")
            },
        ],
        links: &[],
    })
}

fn cilium() -> Result<Recipe> {
    const MODULE: &str = "github.com/cilium/cilium";
    let version = required(CILIUM.first().map_or("", |(_, go_mod)| go_mod), MODULE)?;
    Ok(Recipe {
        what: format!("Cilium {}", version.trim_start_matches('v')),
        takes: "about 7 minutes on 2 cores",
        kind: "cilium",
        programs: vec![
            Program {
                copies: &[(MODULE, "bpf", "lib/bpf"), (MODULE, "pkg/k8s/apis/cilium.io/client/crds", "crds")],
                ..program("cilium-agent", CILIUM, "github.com/cilium/cilium/daemon")
            },
            program("cilium-cni", CILIUM, "github.com/cilium/cilium/plugins/cilium-cni"),
        ],
        links: &[],
    })
}
