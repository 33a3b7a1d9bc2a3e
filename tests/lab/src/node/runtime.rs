//! The container runtime: containerd with a configuration, a root and a state of the lab's own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kopnams_images::read_layout;

use super::house::{House, Inside};
use crate::error::{Doing, Error, Result};
use crate::guard::Guard;
use crate::places::{make, write};
use crate::process::Component;

/// In the house's own `/run`.
pub(crate) const SOCKET: &str = "/run/containerd/containerd.sock";

/// Starts containerd.
pub(crate) fn start(house: &House, folder: &Path, pause: &str, guard: &mut Guard) -> Result<Component> {
    let node = folder.join("node");
    make(&node.join("cni/conf"))?;
    write(&node.join("containerd.toml"), configuration(&node, pause))?;
    let args = vec![format!("--config={}", node.join("containerd.toml").display())];
    house.component("containerd", Path::new("/usr/bin/containerd"), &[], &args, guard)
}

/// Waits until containerd answers.
pub(crate) fn wait(inside: &Inside) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match inside.run("ctr", &["--timeout=2s", "version"]) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => sleep(Duration::from_millis(100)),
        }
    }
}

fn configuration(node: &Path, pause: &str) -> String {
    let node = node.display();
    format!(
        r#"version = 2
root = "{node}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
address = "{SOCKET}"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{pause}"
# Without CAP_SYS_RESOURCE a process cannot lower its score, and no sandbox would start.
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{node}/cni/bin"
conf_dir = "{node}/cni/conf"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"#
    )
}

/// Imports an OCI layout and waits until the kubelet can find it by its digest. Returns that reference.
pub(crate) fn import(inside: &Inside, layout: &Path) -> Result<String> {
    let built = read_layout(layout)?;
    let base = built.reference.split('@').next().unwrap_or_default();
    let mut tar = Command::new("tar");
    tar.arg("--directory").arg(layout).args(["--create", "--file=-", "."]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut tar = tar.spawn().doing(|| "start tar".to_owned())?;
    let stream = tar.stdout.take().map_or_else(Stdio::null, Stdio::from);
    // Under its tag and under its digest; without the digest the kubelet would ask a registry for it.
    let imported = inside.run_fed("ctr", &["--namespace=k8s.io", "images", "import", "--digests", "--base-name", base, "-"], stream);
    let packed = tar.wait().doing(|| "wait for tar".to_owned())?;
    imported?;
    if !packed.success() {
        return Err(Error::Invalid(format!("the layout {} could not be read: tar ended with {packed}", layout.display())));
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        // The runtime service has taken it up when it is marked as managed.
        let list = inside.run("ctr", &["--namespace=k8s.io", "images", "list", &format!("name=={}", built.reference)])?;
        if list.contains("io.cri-containerd.image=managed") {
            return Ok(built.reference);
        }
        if Instant::now() > deadline {
            return Err(Error::Invalid(format!(
                "{} was imported, but the container runtime does not know {} after 20 s",
                layout.display(),
                built.reference
            )));
        }
        sleep(Duration::from_millis(50));
    }
}

/// The folder of the network plugins.
pub(crate) fn plugins(folder: &Path) -> PathBuf {
    folder.join("node/cni/bin")
}
