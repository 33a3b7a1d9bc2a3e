//! The house: Linux namespaces of the node's own, in which everything on the node runs.
//!
//! A kubelet, a container runtime and a network plugin leave mounts, links, rules, programs in the kernel and orphaned
//! processes behind. All of it belongs to a mount, a network and a process namespace here, and those end with their first
//! process, however it ends: nothing has to be found and undone one by one. What is left on the machine are one link, which
//! leads into the house, and the node's control groups; [`CLEAN`] removes both.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::lock::Lock;
use crate::error::{Doing, Error, Result};
use crate::guard::Guard;
use crate::places::make;
use crate::process::{Component, Lifetime, kill_group, last_lines, run, run_fed, runs_in};

/// The machine's end of the link into the house, where the API server listens. The addresses are of the range for
/// measurements between networks (RFC 2544), which no network of a machine uses.
pub(crate) const OUTSIDE: &str = "198.18.213.1";
/// The house's end: the node's address.
pub(crate) const INSIDE: &str = "198.18.213.2";
/// The name of the machine's end; one node at a time holds it.
pub(crate) const LINK: &str = "kopnams0";
/// The control group of all pods.
pub(crate) const GROUP: &str = "kopnams-node";

/// The first process of the house. Its arguments: the folder, and whether it ends with its standard input.
const FIRST: &str = r#"
set -eu
folder=$1 house=$1/node
mkdir -p "$house/groups" "$house/sysctl"
# The kernel's view of the network belongs to the namespace; the control groups are the machine's.
mount --rbind /sys/fs/cgroup "$house/groups"
mount -t sysfs sysfs /sys
mount --rbind "$house/groups" /sys/fs/cgroup
umount -R "$house/groups"
mount -t bpf bpf /sys/fs/bpf
for place in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs "$place"; done
mkdir -p /run/lock /run/netns
# Settings of the whole machine that kubelet and the network plugin would change: they write into files instead.
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys \
    kernel/keys/root_maxbytes kernel/timer_migration kernel/unprivileged_bpf_disabled net/core/bpf_jit_enable; do
    [ -e "/proc/sys/$setting" ] || continue
    copy=$house/sysctl/$(echo "$setting" | tr / .)
    cat "/proc/sys/$setting" >"$copy" 2>/dev/null || echo 0 >"$copy"
    mount --bind "$copy" "/proc/sys/$setting"
done
mount --make-rshared /
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
touch "$house/furnished"
if [ "$2" = with-input ]; then
    exec 3<&0
    cat <&3 >/dev/null &
    watch=$!
    # A short sleep at a time, and each collects the orphans that have ended.
    while kill -0 "$watch" 2>/dev/null; do sleep 1; done
else
    while :; do sleep 5; done
fi
"#;

/// Removes what a house leaves on the machine once its processes have been killed: the link and the control groups. Also
/// the guard's, so that it works without this program.
pub(crate) const CLEAN: &str = r#"
clean_node() {
    ip link delete kopnams0
    for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        left=
        for top in /sys/fs/cgroup/kopnams-node /sys/fs/cgroup/*/kopnams-node; do
            [ -d "$top" ] || continue
            for pid in $(find "$top" -name cgroup.procs -exec cat {} +); do kill -s KILL "$pid"; done
            find "$top" -depth -type d -exec rmdir {} +
            [ -d "$top" ] && left=yes
        done
        [ -z "$left" ] && break
        sleep 0.1
    done
}
"#;

/// An open house. Dropping it ends all that runs in it.
#[derive(Debug)]
pub(crate) struct House {
    folder: PathBuf,
    outer: Option<Child>,
    inside: Inside,
}

/// How to get into a house; stays valid as long as its first process runs.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Inside {
    /// The first process, as the machine sees it.
    pub(crate) first: u32,
}

impl House {
    /// Opens a house in the lab's folder and lays the link into it. The lock is handed on to the house, as long as that
    /// stands, if it outlives this process.
    pub(crate) fn open(folder: &Path, lifetime: Lifetime, guard: &mut Guard, lock: &Lock) -> Result<Self> {
        make(&folder.join("node"))?;
        let log = folder.join("node.log");
        let out = OpenOptions::new().create(true).append(true).open(&log).doing(|| format!("open {}", log.display()))?;
        let err = out.try_clone().doing(|| format!("open {} twice", log.display()))?;
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"])
            .args(["/bin/sh", "-c", FIRST, "kopnams-lab-node"])
            .arg(folder)
            .arg(if lifetime == Lifetime::WithParent { "with-input" } else { "standing" })
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir("/")
            .process_group(0)
            .stdin(if lifetime == Lifetime::WithParent { Stdio::piped() } else { lock.hand_on()? })
            .stdout(out)
            .stderr(err);
        let outer = command.spawn().doing(|| "start unshare, which makes the node's namespaces".to_owned())?;
        let pid = outer.id();
        let mut house = Self { folder: folder.to_owned(), outer: Some(outer), inside: Inside { first: 0 } };
        guard.watch(pid)?;
        house.inside.first = house.wait_until_furnished(&log)?;
        house.link()?;
        Ok(house)
    }

    fn wait_until_furnished(&mut self, log: &Path) -> Result<u32> {
        let deadline = Instant::now() + Duration::from_secs(20);
        let pid = self.pid().unwrap_or_default();
        loop {
            if let Some(status) = self.outer.as_mut().and_then(|outer| outer.try_wait().ok().flatten()) {
                return Err(Error::Ended { name: "the node's namespaces".to_owned(), status, log: last_lines(log) });
            }
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            if self.folder.join("node/furnished").exists()
                && let Some(first) = children.split_whitespace().next().and_then(|first| first.parse().ok())
            {
                return Ok(first);
            }
            if Instant::now() > deadline {
                return Err(Error::Invalid(format!("the node's namespaces were not ready after 20 s:\n{}", last_lines(log))));
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn link(&self) -> Result<()> {
        let first = self.inside.first.to_string();
        // One that a killed run has left is in nobody's use: this run holds the lock.
        let _ = run(Command::new("ip").args(["link", "delete", LINK]));
        run(Command::new("ip").args(["link", "add", LINK, "type", "veth", "peer", "name", "eth0", "netns", &first]))?;
        run(Command::new("ip").args(["address", "add", &format!("{OUTSIDE}/30"), "dev", LINK]))?;
        run(Command::new("ip").args(["link", "set", LINK, "up"]))?;
        self.inside.run("ip", &["address", "add", &format!("{INSIDE}/30"), "dev", "eth0"])?;
        self.inside.run("ip", &["link", "set", "eth0", "up"])?;
        self.inside.run("ip", &["route", "add", "default", "via", OUTSIDE])?;
        Ok(())
    }

    /// The process that stands for the house: with it all others in there end.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.outer.as_ref().map(Child::id)
    }

    pub(crate) fn inside(&self) -> &Inside {
        &self.inside
    }

    /// Starts a component in the house; `environment` is added to the little that components get.
    pub(crate) fn component(
        &self,
        name: &'static str,
        program: &Path,
        environment: &[(&str, String)],
        args: &[String],
        guard: &mut Guard,
    ) -> Result<Component> {
        let mut words = self.inside.words();
        words.push("/usr/bin/env".to_owned());
        words.extend(environment.iter().map(|(name, value)| format!("{name}={value}")));
        words.push(program.display().to_string());
        words.extend_from_slice(args);
        // The house ends with this process or not, and its components with it: they need not watch their parent.
        Component::start(name, Path::new("nsenter"), &words, &self.folder, Lifetime::Standing, guard)
    }

    /// Lets the house stand without this process.
    pub(crate) fn leave(&mut self) {
        self.outer = None;
    }
}

impl Inside {
    fn words(&self) -> Vec<String> {
        ["--target", &self.first.to_string(), "--mount", "--net", "--pid", "--"].map(str::to_owned).to_vec()
    }

    /// Runs a command in the house and returns what it printed.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        run(&mut self.command(program, args))
    }

    /// Runs a command in the house that reads what another one prints.
    pub(crate) fn run_fed(&self, program: &str, args: &[&str], input: Stdio) -> Result<String> {
        run_fed(&mut self.command(program, args), input)
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(self.words()).arg(program).args(args);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(mut outer) = self.outer.take() {
            kill_group(outer.id());
            // Not being able to wait means that it is gone.
            let _ = outer.wait();
            sweep();
        }
    }
}

/// Removes the link and the control groups of a house whose processes have been killed. What is not there is no error.
pub(crate) fn sweep() {
    let script = format!("{CLEAN}\nclean_node 2>/dev/null");
    let _ = Command::new("/bin/sh").args(["-c", &script]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null()).status();
}

/// Kills the houses that stand although nobody holds the lock, and removes what they left. Returns their folders.
pub(crate) fn clear_left_over() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").doing(|| "read /proc".to_owned())?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
        let words: Vec<String> = line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let Some(at) = words.iter().position(|word| word == "kopnams-lab-node") else { continue };
        if words.first().is_some_and(|word| word == "unshare")
            && let Some(folder) = words.get(at + 1).map(PathBuf::from)
            && runs_in(pid, &folder)
        {
            kill_group(pid);
            found.push(folder);
        }
    }
    sleep(Duration::from_millis(if found.is_empty() { 0 } else { 200 }));
    sweep();
    for folder in &found {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).doing(|| format!("remove the folder {}", folder.display()));
            }
            _ => {}
        }
    }
    Ok(found)
}
