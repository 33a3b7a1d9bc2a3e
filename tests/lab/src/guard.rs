//! The guard: a tiny process that cleans up when this one can no longer do it.
//!
//! It waits on a pipe. When the pipe closes, because its owner let it go or because this process died in whatever way, it
//! kills the process groups it was told of and removes the folder. A process is killed only if its command line still
//! names the folder, so that a process id used again by somebody else is safe.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::error::{Doing, Result};
use crate::node::CLEAN;
use crate::places::switched_on;

const SCRIPT: &str = r#"
folder=$1 keep=$2 pids= node=
command_of() {
    if [ -d /proc/self ]; then tr '\0' ' ' <"/proc/$1/cmdline"; else ps -o args= -p "$1"; fi
}
while read -r order pid; do
    case $order in
    watch) pids="$pids $pid" ;;
    node) node=yes ;;
    leave) exit 0 ;;
    esac
done
for pid in $pids; do
    case $(command_of "$pid") in
    *"$folder"*) kill -s KILL -- "-$pid" ;;
    esac
done 2>/dev/null
[ -n "$node" ] && clean_node 2>/dev/null
[ "$keep" = keep ] && exit 0
for attempt in 1 2 3 4 5 6 7 8 9; do
    rm -rf -- "$folder" 2>/dev/null && exit 0
    sleep 0.1
done
"#;

/// What becomes of the folder when the guard has done its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Remove,
    Keep,
}

/// A guard on duty. Dropping it lets it clean up, and waits until it has.
#[derive(Debug)]
pub(crate) struct Guard {
    child: Child,
    orders: Option<ChildStdin>,
}

impl Guard {
    /// Posts a guard over a folder.
    pub(crate) fn post(folder: &Path, afterwards: Afterwards) -> Result<Self> {
        Self::post_holding(folder, afterwards, Stdio::null())
    }

    /// Makes a folder for something and posts a guard over it, which removes it afterwards unless `KEEP_LAB` says otherwise.
    pub(crate) fn over_new(prefix: &str, what: &str) -> Result<(PathBuf, Self)> {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir().doing(|| format!("make a folder for {what}"))?.keep();
        let afterwards = if switched_on("KEEP_LAB") { Afterwards::Keep } else { Afterwards::Remove };
        let guard = Self::post(&folder, afterwards)?;
        Ok((folder, guard))
    }

    /// Posts a guard that keeps a file open as long as it is on duty, such as a lock.
    pub(crate) fn post_holding(folder: &Path, afterwards: Afterwards, held: Stdio) -> Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", &format!("{CLEAN}{SCRIPT}"), "kopnams-lab-guard"])
            .arg(folder)
            .arg(if afterwards == Afterwards::Keep { "keep" } else { "remove" })
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(held)
            .stderr(Stdio::null())
            .spawn()
            .doing(|| "start /bin/sh as the lab's guard".to_owned())?;
        let orders = child.stdin.take();
        Ok(Self { child, orders })
    }

    /// Tells the guard of a process, the leader of its group, whose command line names the folder.
    pub(crate) fn watch(&mut self, pid: u32) -> Result<()> {
        self.order(&format!("watch {pid}\n"))
    }

    /// Tells the guard that there is a node, so that its link and control groups are removed too.
    pub(crate) fn watch_node(&mut self) -> Result<()> {
        self.order("node\n")
    }

    /// Sends the guard away: what it watched stays.
    pub(crate) fn leave(mut self) -> Result<()> {
        self.order("leave\n")
    }

    fn order(&mut self, order: &str) -> Result<()> {
        match &mut self.orders {
            Some(pipe) => pipe.write_all(order.as_bytes()).doing(|| "speak to the lab's guard".to_owned()),
            None => Ok(()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.orders.take());
        // A guard that cannot be waited for has ended already.
        let _ = self.child.wait();
    }
}
