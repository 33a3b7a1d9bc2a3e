//! The pods' network: Cilium, which enforces network policies, or a plain one, which does not.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;

use super::house::{House, INSIDE};
use super::kubelet::NAME;
use super::programs::Programs;
use super::runtime::plugins;
use crate::error::{Doing, Result};
use crate::guard::Guard;
use crate::places::{make, write};
use crate::process::Component;

/// The addresses of all pods, and of this node's.
pub(crate) const PODS: &str = "10.244.0.0/16";
const PODS_HERE: &str = "10.244.0.0/24";

/// What connects the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Network {
    /// Cilium: network policies are enforced in the kernel.
    Cilium,
    /// Routed links of Debian's CNI plugins: every pod reaches every pod, whatever policies say.
    Plain,
}

/// What every network needs: a way out of the house for pods, under the node's address, which the machine knows.
pub(crate) fn prepare(house: &House, folder: &Path) -> Result<()> {
    let rules = folder.join("node/way-out.nft");
    write(
        &rules,
        format!(
            "table ip way-out {{\n  chain leaving {{\n    type nat hook postrouting priority srcnat + 10; policy accept;\n    \
             ip saddr {PODS} oifname \"eth0\" masquerade\n  }}\n}}\n"
        ),
    )?;
    house.inside().run("nft", &["--file", &rules.display().to_string()])?;
    let bin = plugins(folder);
    make(&bin)?;
    for name in ["loopback", "ptp", "host-local"] {
        let link = bin.join(name);
        if !link.exists() {
            symlink(Path::new("/usr/lib/cni").join(name), &link).doing(|| format!("make the link {}", link.display()))?;
        }
    }
    Ok(())
}

/// The plain network. Not a bridge but one routed link for each pod, so that all packets pass the rules of kube-proxy, the
/// answers of a neighbour too.
pub(crate) fn plain(folder: &Path) -> Result<()> {
    let list = json!({
        "cniVersion": "0.4.0",
        "name": "plain",
        "plugins": [{
            "type": "ptp",
            "ipMasq": false,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": PODS_HERE}]],
                "routes": [{"dst": "0.0.0.0/0"}],
                "dataDir": "/run/cni/addresses",
            },
        }],
    });
    write(&folder.join("node/cni/conf/10-plain.conflist"), format!("{list:#}\n"))
}

/// Starts Cilium's agent and names its plugin to the container runtime. The definitions of its kinds have been applied.
pub(crate) fn cilium(house: &House, folder: &Path, programs: &Programs, guard: &mut Guard) -> Result<Option<Component>> {
    let Some(built) = programs.cilium() else { return Ok(None) };
    let tools = folder.join("node/cilium-tools");
    make(&tools)?;
    for (name, tool) in [("clang", "/usr/bin/clang-19"), ("llc", "/usr/bin/llc-19")] {
        let link = tools.join(name);
        if !link.exists() {
            symlink(tool, &link).doing(|| format!("make the link {}", link.display()))?;
        }
    }
    let plugin = plugins(folder).join("cilium-cni");
    fs::copy(built.join("bin/cilium-cni"), &plugin).map(drop).doing(|| format!("write {}", plugin.display()))?;
    let environment = [("K8S_NODE_NAME", NAME.to_owned()), ("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display()))];
    let mut args: Vec<String> = FLAGS.iter().map(|flag| (*flag).to_owned()).collect();
    args.push(format!("--k8s-kubeconfig-path={}", folder.join("cilium.kubeconfig").display()));
    args.push(format!("--lib-dir={}", built.join("lib").display()));
    args.push(format!("--ipv4-native-routing-cidr={PODS}"));
    args.push(format!("--ipv4-node={INSIDE}"));
    let agent = house.component("cilium-agent", &built.join("bin/cilium-agent"), &environment, &args, guard)?;
    let list = json!({"cniVersion": "0.3.1", "name": "cilium", "plugins": [{"type": "cilium-cni", "log-file": "/run/cilium/cni.log"}]});
    write(&folder.join("node/cni/conf/05-cilium.conflist"), format!("{list:#}\n"))?;
    Ok(Some(agent))
}

/// Everything that is not needed to forward and filter packets is off. The way out is the house's own rule.
const FLAGS: &[&str] = &[
    "--ipam=kubernetes",
    "--routing-mode=native",
    "--devices=eth0",
    "--kube-proxy-replacement=false",
    "--enable-ipv4-masquerade=false",
    "--enable-ipv6=false",
    "--enable-ipv6-masquerade=false",
    "--enable-l7-proxy=false",
    "--enable-envoy-config=false",
    "--enable-hubble=false",
    "--enable-health-checking=false",
    "--enable-endpoint-health-checking=false",
    "--enable-health-check-nodeport=false",
    "--identity-allocation-mode=crd",
    // Egress rules with a CIDR mean node addresses too, as other network plugins take them.
    "--policy-cidr-match-mode=nodes",
    "--cni-exclusive=false",
    "--bpf-root=/sys/fs/bpf",
    "--state-dir=/run/cilium",
    "--socket-path=/run/cilium/cilium.sock",
    "--preallocate-bpf-maps=false",
    // A change of policy holds after a moment, not after five seconds.
    "--identity-change-grace-period=1s",
];

/// Takes Cilium's work out of the house again, for the plain network. What is not there is no error.
pub(crate) fn undo_cilium(house: &House, folder: &Path) {
    for link in ["cilium_host", "cilium_vxlan"] {
        let _ = house.inside().run("ip", &["link", "delete", link]);
    }
    let _ = house.inside().run("tc", &["qdisc", "del", "dev", "eth0", "clsact"]);
    let _ = house.inside().run("/bin/sh", &["-c", "rm -rf /sys/fs/bpf/cilium /sys/fs/bpf/tc /run/cilium"]);
    let _ = fs::remove_file(folder.join("node/cni/conf/05-cilium.conflist"));
}
