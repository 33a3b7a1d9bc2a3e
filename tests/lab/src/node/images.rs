//! The images of the node's own pods: one static program in an otherwise empty root.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use kopnams_images::{Built, Config, read_layout, write_layout};
use sha2::{Digest, Sha256};

use super::programs::Programs;
use crate::error::{Doing, Error, Result};
use crate::places::{make, write};
use crate::process::run;

/// Where names of the lab's own images begin.
const NAMES: &str = "localhost/kopnams-lab";

const BUSYBOX: &str = "busybox";

/// The images, as layouts.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    pub(crate) pause: Built,
    pub(crate) coredns: Built,
    pub(crate) provisioner: Built,
    pub(crate) traefik: Built,
    pub(crate) busybox: Built,
}

impl Images {
    pub(crate) fn all(&self) -> [&Built; 5] {
        [&self.pause, &self.busybox, &self.coredns, &self.provisioner, &self.traefik]
    }

    /// Makes those that are not in the cache beside the programs. Under the node's lock, so one process at a time.
    pub(crate) fn ensure(programs: &Programs) -> Result<Self> {
        let of = |name: &str, user: &str| {
            let file = programs.program(name);
            let config = config(user, &format!("/{name}"));
            image(programs, name, &config, |root| {
                let inside = root.join(name);
                fs::copy(&file, &inside).map(drop).doing(|| format!("copy {}", file.display()))
            })
        };
        Ok(Self {
            pause: of("pause", "65535:65535")?,
            // It binds port 53 and is given the capability for it, which only root has in its process.
            coredns: of("coredns", "")?,
            provisioner: of("local-path-provisioner", "")?,
            traefik: of("traefik", "65532:65532")?,
            busybox: image(programs, BUSYBOX, &Config { cmd: vec!["sh".to_owned()], ..Config::default() }, busybox_root)?,
        })
    }
}

/// Fills a folder with Debian's static busybox and a link for each of its commands: a root for small images.
pub fn busybox_root(root: &Path) -> Result<()> {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].map(Path::new).into_iter().find(|file| file.is_file());
    let busybox = busybox.ok_or_else(|| Error::Invalid("there is no busybox: install the Debian package busybox-static".to_owned()))?;
    make(&root.join("bin"))?;
    make(&root.join("tmp"))?;
    fs::set_permissions(root.join("tmp"), Permissions::from_mode(0o1777)).doing(|| "open up /tmp of an image".to_owned())?;
    make(&root.join("etc"))?;
    // The kubelet takes the user from the image but not the group: that comes from here.
    write(&root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")?;
    write(&root.join("etc/group"), "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n")?;
    fs::copy(busybox, root.join("bin/busybox")).doing(|| format!("copy {}", busybox.display()))?;
    for name in run(Command::new(busybox).arg("--list"))?.lines().filter(|name| *name != "busybox") {
        symlink("busybox", root.join("bin").join(name)).doing(|| format!("make the link {name} in an image"))?;
    }
    Ok(())
}

fn config(user: &str, program: &str) -> Config {
    Config { user: user.to_owned(), entrypoint: vec![program.to_owned()], ..Config::default() }
}

fn image(programs: &Programs, name: &str, config: &Config, fill: impl FnOnce(&Path) -> Result<()>) -> Result<Built> {
    let described = serde_json::to_vec(config).map_err(|error| Error::Invalid(format!("the image {name} cannot be described: {error}")))?;
    let hash = Sha256::digest(&described).iter().take(4).fold(0_u32, |all, byte| all << 8 | u32::from(*byte));
    let layout: PathBuf = programs.images().join(format!("{name}-{hash:08x}"));
    // The programs of a folder never change; busybox is the machine's own, small, and may.
    if name != BUSYBOX
        && let Ok(built) = read_layout(&layout)
    {
        return Ok(built);
    }
    let root = tempfile::tempdir().doing(|| "make a folder for an image".to_owned())?;
    fill(root.path())?;
    Ok(write_layout(root.path(), config, &format!("{NAMES}/{name}:lab"), &layout)?)
}
