//! kubelet and kube-proxy in the house; the scheduler beside the control plane.

use std::fs;
use std::path::Path;
use std::thread::available_parallelism;

use serde_json::json;

use super::NodeOptions;
use super::house::{GROUP, House, INSIDE};
use super::network::PODS;
use super::runtime::SOCKET;
use crate::error::{Doing, Result};
use crate::guard::Guard;
use crate::places::{make, write};
use crate::process::Component;

/// The node's name.
pub(crate) const NAME: &str = "kopnams-node";
/// `CoreDNS`, in the service range of the lab's API server.
pub(crate) const DNS: &str = "10.0.0.10";

/// Starts the kubelet as the node's own identity.
pub(crate) fn start(house: &House, folder: &Path, program: &Path, options: &NodeOptions, guard: &mut Guard) -> Result<Component> {
    let node = folder.join("node");
    // Pods resolve names of the cluster alone.
    write(&node.join("resolv.conf"), "")?;
    make_groups()?;
    write(&node.join("kubelet.json"), format!("{:#}\n", configuration(folder, options)))?;
    let args = vec![
        format!("--config={}", node.join("kubelet.json").display()),
        format!("--kubeconfig={}", folder.join("kubelet.kubeconfig").display()),
        format!("--root-dir={}", node.join("kubelet").display()),
        format!("--cert-dir={}", node.join("kubelet-certificates").display()),
        format!("--hostname-override={NAME}"),
        format!("--node-ip={INSIDE}"),
    ];
    house.component("kubelet", program, &[], &args, guard)
}

/// The control group of the pods: on version 2 one at the top, on version 1 one in each hierarchy.
fn make_groups() -> Result<()> {
    let top = Path::new("/sys/fs/cgroup");
    if top.join("cgroup.procs").exists() {
        return make(&top.join(GROUP));
    }
    for hierarchy in fs::read_dir(top).doing(|| format!("read {}", top.display()))?.flatten() {
        if hierarchy.path().join("cgroup.procs").exists() {
            make(&hierarchy.path().join(GROUP))?;
        }
    }
    Ok(())
}

fn configuration(folder: &Path, options: &NodeOptions) -> serde_json::Value {
    let node = folder.join("node");
    let mut config = json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": folder.join("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{GROUP}"),
        // The control groups of this kind of machine are of version 1.
        "failCgroupV1": false,
        "failSwapOn": false,
        "enforceNodeAllocatable": [],
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": format!("unix://{SOCKET}"),
        "resolvConf": node.join("resolv.conf"),
        "podLogsDir": node.join("logs"),
        "volumePluginDir": node.join("volume-plugins"),
        // Images cannot be fetched again, so none is ever removed.
        "imageGCHighThresholdPercent": 100,
        // Not a share of the disk: the machine's may be large and nearly full, and pods need little.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "100Mi", "imagefs.available": "100Mi"},
        "serializeImagePulls": false,
        "readOnlyPort": 0,
        // Changes of secrets and config maps reach their pods sooner than after a minute.
        "syncFrequency": "10s",
    });
    let mut reserved = serde_json::Map::new();
    if let Some(wanted) = options.cpu_millis {
        let has = u32::try_from(available_parallelism().map_or(1, std::num::NonZero::get)).unwrap_or(1) * 1000;
        reserved.insert("cpu".to_owned(), json!(format!("{}m", has.saturating_sub(wanted))));
    }
    if let Some(wanted) = options.memory_mib {
        reserved.insert("memory".to_owned(), json!(format!("{}Mi", memory_mib().saturating_sub(u64::from(wanted) + 50))));
    }
    if !reserved.is_empty() {
        config["kubeReserved"] = reserved.into();
    }
    config
}

/// The machine's memory.
fn memory_mib() -> u64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    total.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Starts kube-proxy: Services become nftables rules of the house.
pub(crate) fn start_proxy(house: &House, folder: &Path, program: &Path, guard: &mut Guard) -> Result<Component> {
    let config = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": folder.join("kube-proxy.kubeconfig")},
        "clusterCIDR": PODS,
        "hostnameOverride": NAME,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        // These limits are the machine's, not the house's.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
        "nftables": {"syncPeriod": "30s", "minSyncPeriod": "100ms"},
    });
    let file = folder.join("node/kube-proxy.json");
    write(&file, format!("{config:#}\n"))?;
    house.component("kube-proxy", program, &[], &[format!("--config={}", file.display())], guard)
}
