//! One running component: its process, its log, its end.

use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::error::{Doing, Error, Result};
use crate::guard::Guard;

/// Whether a component ends with the process that started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// It ends with this process, however this process ends.
    WithParent,
    /// It stays until it is ended by `lab down`.
    Standing,
}

/// A component of the control plane. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Component {
    name: &'static str,
    log: PathBuf,
    child: Option<Child>,
}

impl Component {
    /// Starts a component in the lab's folder, in a process group of its own, writing to `<name>.log` there.
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        args: &[String],
        folder: &Path,
        lifetime: Lifetime,
        guard: &mut Guard,
    ) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let out = OpenOptions::new().create(true).append(true).open(&log).doing(|| format!("open {}", log.display()))?;
        let err = out.try_clone().doing(|| format!("open {} twice", log.display()))?;
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        if lifetime == Lifetime::WithParent {
            command.env("KOPNAMS_LAB_PARENT", std::process::id().to_string());
        }
        let child = command.spawn().doing(|| format!("start {}", program.display()))?;
        let component = Self { name, log, child: Some(child) };
        if let Some(pid) = component.pid() {
            guard.watch(pid)?;
        }
        Ok(component)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The process id, as long as this process has not let go of it.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How the component ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    /// An error with the last lines of the log if the component has ended.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.ended() {
            None => Ok(()),
            Some(status) => Err(Error::Ended { name: self.name.to_owned(), status, log: self.last_lines() }),
        }
    }

    /// The last 20 lines of the log.
    pub(crate) fn last_lines(&self) -> String {
        last_lines(&self.log)
    }

    /// Asks the component to end, so that it can end what it started in groups of their own, and waits for that a while.
    pub(crate) fn ask_to_end(&mut self, patience: Duration) {
        if let Some(pid) = self.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw) {
            // It may have ended in the meantime.
            let _ = kill_process(pid, Signal::TERM);
        }
        let began = Instant::now();
        while self.child.is_some() && self.ended().is_none() && began.elapsed() < patience {
            sleep(Duration::from_millis(20));
        }
    }

    /// Kills the component with all it started, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        if !matches!(child.try_wait(), Ok(Some(_))) {
            kill_group(child.id());
            // Not being able to wait means that it is gone.
            let _ = child.wait();
        }
    }

    /// Lets the component run on without this process.
    pub(crate) fn leave(&mut self) {
        self.child = None;
    }
}

impl Drop for Component {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills a process group by its leader's id.
pub(crate) fn kill_group(leader: u32) {
    if let Some(pid) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // It may have ended in the meantime.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

/// Whether a process runs whose command line names the folder.
pub(crate) fn runs_in(pid: u32, folder: &Path) -> bool {
    let named = folder.as_os_str().as_encoded_bytes();
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !named.is_empty() && line.windows(named.len()).any(|part| part == named))
}

/// The last 20 lines of a log, indented; reads only its end.
pub(crate) fn last_lines(log: &Path) -> String {
    let mut end = Vec::new();
    let read = fs::File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(32 * 1024)))?;
        file.read_to_end(&mut end)
    });
    if let Err(error) = read {
        return format!("  (no log: {error})");
    }
    let text = String::from_utf8_lossy(&end);
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return "  (the log is empty)".to_owned();
    }
    let from = lines.len().saturating_sub(20);
    lines.iter().skip(from).map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Runs a command to its end and returns what it printed; its complaints are in the error.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    run_fed(command, Stdio::null())
}

/// Like [`run`], with a standard input.
pub(crate) fn run_fed(command: &mut Command, input: Stdio) -> Result<String> {
    let output = command.stdin(input).output().doing(|| format!("start {}", command.get_program().to_string_lossy()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words: Vec<_> = std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    Err(Error::Command {
        command: words.join(" "),
        status: output.status,
        stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}
