//! What the node takes from Debian: installed when root and missing.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::network::Network;
use crate::error::{Doing, Error, Result};
use crate::places::{cache, make, turn};
use crate::report::Report;

/// A file that shows that a package is there, and the package.
const ALWAYS: &[(&str, &str)] = &[
    ("/usr/bin/unshare", "util-linux"),
    ("/usr/bin/nsenter", "util-linux"),
    ("/usr/bin/tar", "tar"),
    ("/usr/bin/containerd", "containerd"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/ptp", "containernetworking-plugins"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/share/doc/busybox-static", "busybox-static"),
];
/// For Cilium, which compiles its programs for the kernel on the node.
const CILIUM: &[(&str, &str)] =
    &[("/usr/bin/clang-19", "clang-19"), ("/usr/bin/llc-19", "llvm-19"), ("/usr/sbin/ipset", "ipset"), ("/usr/sbin/iptables", "iptables")];

/// Installs what is missing. Packages of services start none: what runs is started by the node itself.
pub(crate) fn ensure(network: Network) -> Result<()> {
    install(&[ALWAYS, if network == Network::Cilium { CILIUM } else { &[] }].concat())
}

/// Installs Debian packages that are missing, for a test that needs more than the node: each with a file that shows that it
/// is there. Needs root.
pub fn install(wanted: &[(&str, &str)]) -> Result<()> {
    let missing = || -> Vec<&str> { wanted.iter().filter(|(file, _)| !there(file)).map(|(_, package)| *package).collect() };
    if missing().is_empty() {
        return Ok(());
    }
    // Apt does not wait for the lock of its lists.
    let folder = cache()?;
    make(&folder)?;
    let _turn = turn(&folder.join(".packages.lock"), "installing Debian packages")?;
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Error::Invalid(format!("the Debian packages {} are needed, and there is no apt-get here", missing.join(", "))));
    }
    let what = missing.join(", ");
    apt(&["update"], &format!("reading Debian's list of packages, to install {what}"))?;
    let install = ["install", "--yes", "--no-install-recommends"];
    apt(&[&install[..], &missing[..]].concat(), &format!("installing the Debian packages {what}"))
}

/// Debian 12 has its commands in both `/sbin` and `/usr/sbin`, others in one.
fn there(file: &str) -> bool {
    Path::new(file).exists() || file.strip_prefix("/usr").is_some_and(|short| Path::new(short).exists())
}

fn apt(args: &[&str], what: &str) -> Result<()> {
    let said = tempfile::NamedTempFile::new().doing(|| "make a file for what apt-get says".to_owned())?;
    let out = said.reopen().doing(|| "open the file for what apt-get says".to_owned())?;
    let err = said.reopen().doing(|| "open the file for what apt-get says".to_owned())?;
    let mut command = Command::new("apt-get");
    // The lock of dpkg may be held by whoever installs something else just now.
    command.args(["--quiet", "-o", "DPkg::Lock::Timeout=300"]).args(args);
    command.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1");
    let mut child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().doing(|| "start apt-get".to_owned())?;
    let mut report = Report::new();
    loop {
        report.say(|so_far| format!("{what}: {so_far} so far"));
        match child.try_wait().doing(|| "wait for apt-get".to_owned())? {
            None => std::thread::sleep(Duration::from_millis(100)),
            Some(status) if status.success() => return Ok(()),
            Some(status) => {
                let stderr = crate::process::last_lines(said.path());
                return Err(Error::Command { command: format!("apt-get {}", args.join(" ")), status, stderr });
            }
        }
    }
}
