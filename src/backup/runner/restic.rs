//! One run of the program `restic`: what it is told, how long it may try again, and how it ended.
//!
//! restic repeats what the target refuses or does not answer for 15 minutes and more. An outage must be told sooner, so its
//! own words are watched: after a time of nothing but repeating it is ended, and at once where repeating cannot help.

use super::super::work::{Class, Repository};
use super::Settings;
use super::failure::{Failure, Outcome, classify};
use super::say;
use super::watch::Watch;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// After how long without a byte a request is made anew.
const STUCK: Duration = Duration::from_mins(1);
/// How long restic may take to let go of its lock when it is ended.
const GRACE: Duration = Duration::from_secs(10);
/// How often the child and the order to stop are looked at.
const EVERY: Duration = Duration::from_millis(50);
/// How soon a child is looked at that has closed its mouth: it is about to end, and most calls are short.
const SOON: Duration = Duration::from_millis(1);

/// Credentials of an S3 target.
#[derive(Clone)]
pub struct Credentials {
    /// The id.
    pub access_key: String,
    /// The key itself.
    pub secret_key: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// The program, with the repository that it works on.
#[derive(Clone, Debug)]
pub(crate) struct Restic {
    program: PathBuf,
    url: String,
    region: String,
    tenant: String,
    credentials: Credentials,
    password_file: PathBuf,
    ca_file: Option<PathBuf>,
    cache: PathBuf,
    lock_patience: Duration,
    outage_patience: Duration,
    stop: Arc<AtomicBool>,
}

/// What a run that ended well has said: the lines of its standard output.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) lines: Vec<String>,
}

/// One call of the program.
#[derive(Debug, Default)]
pub(crate) struct Call<'a> {
    pub(crate) args: Vec<String>,
    /// The folder that it runs in.
    pub(crate) folder: Option<&'a Path>,
    /// Another password than the tenant's.
    pub(crate) password_file: Option<&'a Path>,
    /// It writes locks, so it may have to wait for those of others.
    pub(crate) waits: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new<S: Into<String>>(args: impl IntoIterator<Item = S>) -> Self {
        Self { args: args.into_iter().map(Into::into).collect(), waits: true, ..Self::default() }
    }

    pub(crate) fn inside(mut self, folder: &'a Path) -> Self {
        self.folder = Some(folder);
        self
    }
}

impl Said {
    /// The last object with this `message_type`.
    pub(crate) fn message(&self, kind: &str) -> Option<Value> {
        self.lines.iter().rev().find_map(|line| {
            let value: Value = serde_json::from_str(line).ok()?;
            (value["message_type"] == kind).then_some(value)
        })
    }

    /// The whole output.
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }
}

impl Restic {
    pub(crate) fn new(
        settings: &Settings,
        repository: &Repository,
        tenant: &str,
        credentials: Credentials,
        password_file: PathBuf,
    ) -> Outcome<Self> {
        let failed = |error| Failure::local(&format!("Making the folder {}", settings.cache.display()), &error);
        std::fs::create_dir_all(settings.cache.join("tmp")).map_err(failed)?;
        let cache = settings.cache.canonicalize().map_err(failed)?;
        let ca_file = match &repository.ca_bundle {
            Some(pem) => {
                let file = cache.join("tmp").join(format!("ca-{}.pem", std::process::id()));
                std::fs::write(&file, pem).map_err(|error| Failure::local("Writing the certificates", &error))?;
                Some(file)
            }
            None => None,
        };
        Ok(Self {
            program: settings.restic.clone(),
            url: repository.url(),
            region: repository.region.clone(),
            tenant: tenant.to_owned(),
            credentials,
            password_file: std::path::absolute(password_file).map_err(|error| Failure::local("Finding the password", &error))?,
            ca_file,
            cache,
            lock_patience: settings.lock_patience,
            outage_patience: settings.outage_patience,
            stop: Arc::clone(&settings.stop),
        })
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Whether the process was asked to end.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub(crate) fn tenant(&self) -> &str {
        &self.tenant
    }

    /// A folder of this process for passing files to restic. It goes with the value.
    pub(crate) fn passing(&self, name: &str) -> Outcome<Passing> {
        let folder = self.cache.join("tmp").join(format!("{name}-{}", std::process::id()));
        // Left by a process of the same number, in another pod.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|error| Failure::local(&format!("Making the folder {}", folder.display()), &error))?;
        Ok(Passing(folder))
    }

    /// Runs restic to its end; anything but its exit code 0 is a failure. A lock that outlasts the patience may be that of a
    /// process that is gone: restic takes away what is surely such, and then it is tried once more.
    pub(crate) fn run(&self, call: &Call<'_>) -> Outcome<Said> {
        match self.once(call) {
            Err(failure) if failure.class == Class::Locked && call.waits => {
                self.once(&Call { waits: false, ..Call::new(["unlock"]) })?;
                self.once(call)
            }
            other => other,
        }
    }

    /// Runs a command that only reads. A lock costs half a second in which nothing is read, so it is done without one first.
    ///
    /// That is safe: everything in a repository has its own hash or seal for its name, so what is read is either right or not
    /// there. Only a prune takes away what somebody may still want to read, and only it wants everybody else out. What fails as
    /// it would under a prune is therefore done once more with a lock, which waits until the prune is over, and only that
    /// tells whether there is any damage. What runs long, as a restore does, takes its lock at once.
    pub(crate) fn read<S: Into<String>>(&self, args: impl IntoIterator<Item = S>) -> Outcome<Said> {
        let locked = Call::new(args);
        let mut free = Call { waits: false, ..Call::new(locked.args.iter().cloned()) };
        free.args.push("--no-lock".to_owned());
        match self.once(&free) {
            Err(failure) if may_be_of_a_prune(failure.class) => {
                say("it is read again, with a lock: it may have been pruned meanwhile");
                self.run(&locked)
            }
            other => other,
        }
    }

    fn once(&self, call: &Call<'_>) -> Outcome<Said> {
        let mut child = self
            .command(call)
            .spawn()
            .map_err(|error| Failure::new(Class::Other, format!("The program {} cannot be started: {error}.", self.program.display())))?;
        let out = child.stdout.take().map(|pipe| std::thread::spawn(move || gather(pipe)));
        let (sender, words) = channel();
        let err = child.stderr.take().map(|pipe| {
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                    // Nobody listens any more: it is read on, so that restic is not held up.
                    let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
                }
            })
        });
        let mut watch = Watch::new(self.outage_patience);
        let ended = self.wait(&mut child, &words, &mut watch);
        let lines = out.map(JoinHandle::join).and_then(Result::ok).unwrap_or_default();
        if let Some(err) = err {
            // A thread that only reads does not panic.
            let _ = err.join();
        }
        for line in words.try_iter() {
            watch.hear(&line);
        }
        let code = ended?;
        if self.stop.load(Ordering::SeqCst) && code != Some(0) {
            return Err(Failure::new(Class::Deadline, "It was asked to end before it was done."));
        }
        match watch.verdict {
            Some(failure) => Err(failure),
            None if code == Some(0) => Ok(Said { lines }),
            None => Err(classify(code, &watch.complaints, &watch.fatal)),
        }
    }

    fn wait(&self, child: &mut Child, words: &Receiver<String>, watch: &mut Watch) -> Outcome<Option<i32>> {
        let mut ending: Option<Instant> = None;
        let mut pause = SOON;
        loop {
            match words.recv_timeout(EVERY) {
                Ok(line) => watch.hear(&line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(pause);
                    pause = EVERY.min(pause * 2);
                }
            }
            if let Some(status) = child.try_wait().map_err(|error| Failure::local("Waiting for restic", &error))? {
                return Ok(status.code());
            }
            watch.look();
            let end = watch.verdict.is_some() || self.stop.load(Ordering::SeqCst);
            match ending {
                None if end => {
                    ending = Some(Instant::now());
                    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
                        // It may have ended in the meantime.
                        let _ = kill_process(pid, Signal::INT);
                    }
                }
                Some(since) if since.elapsed() > GRACE => {
                    // It may have ended in the meantime.
                    let _ = child.kill();
                }
                _ => {}
            }
        }
    }

    fn command(&self, call: &Call<'_>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&call.args).arg("--json");
        if call.waits {
            command.arg(format!("--retry-lock={}s", self.lock_patience.as_secs()));
        }
        command
            .arg(format!("--stuck-request-timeout={}s", STUCK.as_secs()))
            // Its S3 client tries ten times before restic itself hears of it: then nobody could tell an outage from patience.
            .arg("--option=s3.retries=1")
            .arg(format!("--cache-dir={}", self.cache.join("restic").display()))
            .env_clear()
            .env("RESTIC_REPOSITORY", &self.url)
            .env("RESTIC_PASSWORD_FILE", call.password_file.unwrap_or(&self.password_file))
            .env("AWS_ACCESS_KEY_ID", &self.credentials.access_key)
            .env("AWS_SECRET_ACCESS_KEY", &self.credentials.secret_key)
            .env("RESTIC_PROGRESS_FPS", "0.016")
            .env("HOME", &self.cache)
            // Packs pass through here; the root of a container can be read-only.
            .env("TMPDIR", self.cache.join("tmp"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !self.region.is_empty() {
            command.arg(format!("--option=s3.region={}", self.region));
        }
        if let Some(file) = &self.ca_file {
            command.arg(format!("--cacert={}", file.display()));
        }
        if let Some(folder) = call.folder {
            command.current_dir(folder);
        }
        for name in ["SSL_CERT_FILE", "SSL_CERT_DIR", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }
}

/// Whether reading fails so when a prune takes something away meanwhile.
fn may_be_of_a_prune(class: Class) -> bool {
    matches!(class, Class::Damaged | Class::Missing | Class::Partial | Class::Other)
}

/// A folder that goes when it is let go.
#[derive(Debug)]
pub(crate) struct Passing(PathBuf);

impl Passing {
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // The cache goes with the pod.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The lines of the standard output, without the progress in between.
fn gather(pipe: impl Read) -> Vec<String> {
    let lines = BufReader::new(pipe).split(b'\n').map_while(Result::ok).map(|line| String::from_utf8_lossy(&line).into_owned());
    lines
        .filter(|line| !line.starts_with(r#"{"message_type":"status""#) && !line.starts_with(r#"{"message_type":"verbose_status""#))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_not_in_what_is_printed_of_it() {
        let credentials = Credentials { access_key: "id".into(), secret_key: "hidden".into() };
        assert!(!format!("{credentials:?}").contains("hidden"));
    }
    /// Reads with a program that says this and fails without a lock, and this with one; then how often it was called.
    fn read(free: &str, locked: &str) -> (Outcome<String>, usize) {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let script = format!(
            "#!/bin/sh\necho call >>{}\ncase \"$*\" in unlock*) exit 0;; *--no-lock*) echo '{free}' >&2; exit 1;; *--retry-lock*) {locked};; esac\nexit 2\n",
            at("calls").display()
        );
        // Renamed, so that nobody has it open for writing.
        std::fs::write(at("new"), script).unwrap();
        std::fs::set_permissions(at("new"), std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::rename(at("new"), at("restic")).unwrap();
        let settings = Settings {
            folder: at("work"),
            order: String::new(),
            restic: at("restic"),
            cache: at("cache"),
            lock_patience: Duration::from_secs(1),
            outage_patience: Duration::from_secs(1),
            stop: Arc::new(AtomicBool::new(false)),
        };
        let credentials = Credentials { access_key: "id".into(), secret_key: "hidden".into() };
        let restic = Restic::new(&settings, &Repository::default(), "tenant", credentials, at("password")).unwrap();
        let said = restic.read(["snapshots"]).map(|said| said.text());
        (said, std::fs::read_to_string(at("calls")).unwrap().lines().count())
    }

    #[test]
    fn what_vanished_while_it_was_read_is_read_again_with_a_lock() {
        let gone = "Fatal: The specified key does not exist.";
        assert_eq!(read(gone, "echo whole; exit 0"), (Ok("whole".to_owned()), 2));
        let (said, calls) = read(gone, "echo 'Fatal: ciphertext verification failed' >&2; exit 1");
        assert_eq!((said.unwrap_err().class, calls), (Class::Damaged, 2), "it is damaged with a lock, too");
        // Twice with a lock, and between them the locks of the dead are taken away.
        let (said, calls) = read(gone, "exit 11");
        assert_eq!((said.unwrap_err().class, calls), (Class::Locked, 4), "nobody says that it is damaged while it is locked");
    }

    #[test]
    fn what_a_prune_does_not_do_is_not_read_twice() {
        for (told, class) in [("Access Denied.", Class::Refused), ("connect: connection refused", Class::Unreachable)] {
            let (said, calls) = read(told, "echo whole; exit 0");
            assert_eq!((said.unwrap_err().class, calls), (class, 1));
        }
    }
}
