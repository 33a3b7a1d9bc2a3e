//! An existing cluster in place of a lab.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::binaries::Binaries;
use crate::error::{Doing, Error, Result};
use crate::kubeconfig::decoded;
use crate::options::LabOptions;
use crate::places::{set, switched_on, write};
use crate::process::run;

/// The cluster that KUBECONFIG names.
#[derive(Debug)]
pub(crate) struct Existing {
    /// Holds the kubeconfigs made for it; removed with it.
    folder: TempDir,
    pub(crate) server: String,
    pub(crate) ca_pem: String,
}

impl Existing {
    /// Whether the environment asks for it.
    pub(crate) fn wanted() -> bool {
        switched_on("KOPNAMS_TEST_USE_KUBECONFIG")
    }

    /// Reads which cluster it is, and asks whether it answers.
    pub(crate) fn connect(kubectl: &Path, options: &LabOptions) -> Result<Self> {
        if options.audit.is_some() {
            return Err(Error::ExistingCluster("an audit log"));
        }
        if !options.tokens.is_empty() {
            return Err(Error::ExistingCluster("giving out tokens"));
        }
        if options.node.is_some() {
            return Err(Error::ExistingCluster("starting a node"));
        }
        let folder = tempfile::Builder::new()
            .prefix("kopnams-lab-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir()
            .doing(|| "make a folder for the kubeconfig".to_owned())?;
        let config = ask(kubectl, &["config", "view", "--raw", "--flatten", "--minify", "--output=json"])?;
        write(&folder.path().join("kubeconfig"), &config)?;
        ask(kubectl, &["get", "--raw", "/readyz"])?;
        let config: Value =
            serde_json::from_str(&config).map_err(|error| Error::Invalid(format!("kubectl's view of KUBECONFIG is not JSON: {error}")))?;
        let cluster = &config["clusters"][0]["cluster"];
        let server = cluster["server"].as_str().unwrap_or_default().to_owned();
        let ca_pem = cluster["certificate-authority-data"].as_str().map(decoded).transpose()?.unwrap_or_default();
        Ok(Self { folder, server, ca_pem })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// kubectl for an existing cluster: from `KUBEBUILDER_ASSETS`, from `PATH`, and only then built.
pub(crate) fn kubectl(options: &LabOptions) -> Result<PathBuf> {
    if let Some(binaries) = &options.binaries {
        return binaries.component("kubectl");
    }
    if set("KUBEBUILDER_ASSETS").is_none()
        && let Some(path) = std::env::var_os("PATH")
        && let Some(found) = std::env::split_paths(&path).map(|folder| folder.join("kubectl")).find(|file| file.is_file())
    {
        return Ok(found);
    }
    Binaries::ensure()?.component("kubectl")
}

fn ask(kubectl: &Path, args: &[&str]) -> Result<String> {
    run(Command::new(kubectl).args(args))
}
