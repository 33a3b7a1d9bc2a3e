//! An S3 server for all tests, and tenants on it.

use kopnams::backup::set::{Manifest, Part, PartRecord};
use kopnams::backup::work::{Class, Holds, Issue, Report, Repository, Task, Work};
use kopnams_lab::{BackupTools, S3};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// Seconds that a lock is waited for.
const LOCK_PATIENCE: u64 = 6;
/// Seconds that the target may be away.
const OUTAGE_PATIENCE: u64 = 4;

/// The server and the programs.
pub struct World {
    pub s3: S3,
    pub tools: BackupTools,
    /// Readable by everybody, so that the programs can run as somebody else.
    pub folder: PathBuf,
    pub restic: PathBuf,
    kopnams: PathBuf,
    /// Tenants that there are: two tests with one would each find what the other did.
    taken: Mutex<BTreeSet<String>>,
}

/// The server that tests share; none where it cannot be built, which has been said.
pub fn world() -> Option<&'static World> {
    static WORLD: OnceLock<Option<World>> = OnceLock::new();
    WORLD.get_or_init(World::start).as_ref()
}

impl World {
    /// A server of its own. All its files are in the server's folder, which goes with this process.
    pub fn start() -> Option<Self> {
        let tools = BackupTools::ensure_or_skip("backups on a real S3 server").unwrap()?;
        let s3 = S3::start(&tools).unwrap();
        let folder = s3.folder().to_owned();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
        let place = |program: &Path, name: &str| {
            let to = folder.join(name);
            fs::copy(program, &to).unwrap();
            to
        };
        let restic = place(&tools.restic(), "restic");
        let kopnams = place(Path::new(env!("CARGO_BIN_EXE_kopnams")), "kopnams");
        Some(Self { s3, tools, folder, restic, kopnams, taken: Mutex::default() })
    }

    /// A tenant with a bucket of its own, and nothing in it.
    pub fn bare(&self, name: &str) -> Tenant<'_> {
        assert!(self.taken.lock().unwrap().insert(name.to_owned()), "another test has a tenant {name}");
        self.again(name)
    }

    /// The same tenant once more, for the test that has made it and had to let go of it.
    pub fn again(&self, name: &str) -> Tenant<'_> {
        assert!(self.taken.lock().unwrap().contains(name), "nobody has made a tenant {name}");
        let folder = self.folder.join(name);
        for part in ["secrets", "volume"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let repository = Repository {
            endpoint: self.s3.endpoint(),
            region: "us-east-1".into(),
            bucket: format!("kopnams-{name}"),
            prefix: String::new(),
            ca_bundle: None,
        };
        let tenant = Tenant { world: self, name: name.to_owned(), folder, repository, user: None };
        tenant.secret("password", &format!("password-of-{name}"));
        tenant.secret("writer-access-key", &format!("writer{name}"));
        tenant.secret("writer-secret-key", &format!("secret-of-{name}"));
        tenant.as_admin();
        tenant
    }

    /// A tenant with a repository, which it writes with its own credentials.
    pub fn tenant(&self, name: &str) -> Tenant<'_> {
        let tenant = self.bare(name);
        tenant.does("prepare", Task::Prepare { issue: Some(Issue::default_one()), escrow: None, made: false });
        tenant.as_writer();
        tenant
    }
}

/// The only kind that there is.
pub trait DefaultOne {
    fn default_one() -> Self;
}

impl DefaultOne for Issue {
    fn default_one() -> Self {
        Self { issuer: kopnams::backup::work::Issuer::Versitygw, endpoint: None, lock_days: 0 }
    }
}

/// A tenant.
pub struct Tenant<'w> {
    pub world: &'w World,
    pub name: String,
    pub folder: PathBuf,
    pub repository: Repository,
    /// Whom the runner runs as, if not as this process.
    pub user: Option<u32>,
}

/// How a runner has ended.
#[derive(Debug)]
pub struct Ended {
    pub report: Report,
    pub code: Option<i32>,
    pub said: String,
}

impl Tenant<'_> {
    pub fn secret(&self, name: &str, text: &str) {
        fs::write(self.folder.join("secrets").join(name), text).unwrap();
    }

    pub fn as_admin(&self) {
        self.secret("access-key", self.world.s3.access_key());
        self.secret("secret-key", self.world.s3.secret_key());
    }

    pub fn as_writer(&self) {
        self.secret("access-key", &format!("writer{}", self.name));
        self.secret("secret-key", &format!("secret-of-{}", self.name));
    }

    /// The same tenant at another address of the server.
    pub fn at(&self, endpoint: String) -> Tenant<'_> {
        Tenant {
            world: self.world,
            name: self.name.clone(),
            folder: self.folder.clone(),
            repository: Repository { endpoint, ..self.repository.clone() },
            user: self.user,
        }
    }

    pub fn volume(&self) -> PathBuf {
        self.folder.join("volume")
    }

    /// Writes a file of the volume.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) {
        let file = self.volume().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    /// Starts the runner, in a process group of its own.
    pub fn start(&self, run: &str, task: Task) -> Started {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let order = self.folder.join(format!("order-{}", NUMBER.fetch_add(1, Ordering::SeqCst)));
        fs::create_dir_all(&order).unwrap();
        for secret in fs::read_dir(self.folder.join("secrets")).unwrap() {
            let secret = secret.unwrap();
            fs::copy(secret.path(), order.join(secret.file_name())).unwrap();
        }
        let work = Work { repository: self.repository.clone(), tenant: format!("tenant-{}", self.name), run: run.into(), task };
        fs::write(order.join("work.json"), serde_json::to_string_pretty(&work).unwrap()).unwrap();
        let cache = self.folder.join(format!("cache-{}", self.user.unwrap_or_default()));
        fs::create_dir_all(&cache).unwrap();
        // There before, as the kubelet makes it.
        let report = order.join("report");
        fs::write(&report, "").unwrap();
        if let Some(user) = self.user {
            for path in [&cache, &report] {
                std::os::unix::fs::chown(path, Some(user), Some(user)).unwrap();
            }
        }
        let mut command = Command::new(&self.world.kopnams);
        command.arg("runner").arg("--work").arg(&order).arg("--report").arg(&report).arg("--restic").arg(&self.world.restic);
        command
            .arg("--cache")
            .arg(&cache)
            .arg(format!("--lock-patience={LOCK_PATIENCE}"))
            .arg(format!("--outage-patience={OUTAGE_PATIENCE}"));
        command.env_clear().current_dir("/").process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        Started { child: command.spawn().unwrap(), report }
    }

    /// Does a piece of work to its end.
    pub fn run(&self, run: &str, task: Task) -> Ended {
        let ended = self.start(run, task).wait();
        for secret in ["password-of-", "secret-of-", "escrow-password-of-", self.world.s3.secret_key()] {
            assert!(!ended.said.contains(secret), "a secret is in what was said:\n{}", ended.said);
        }
        ended
    }

    /// Does a piece of work, which must be done.
    pub fn does(&self, run: &str, task: Task) -> Report {
        let ended = self.run(run, task);
        assert_eq!((ended.report.failure, ended.code), (None, Some(0)), "{}", ended.said);
        ended.report
    }

    /// Does a piece of work, which must fail for this reason.
    pub fn fails(&self, run: &str, task: Task, class: Class) -> Report {
        let ended = self.run(run, task);
        assert_eq!((ended.report.failure, ended.code), (Some(class), Some(1)), "{}", ended.said);
        assert!(ended.report.message.ends_with('.') && ended.report.message.len() > 20, "{}", ended.report.message);
        ended.report
    }

    /// Backs the volume up.
    pub fn part(&self) -> Task {
        part("volume:data", &self.volume())
    }

    /// A run with the volume alone, committed.
    pub fn set(&self, run: &str) -> Report {
        let backed = self.does(run, self.part());
        self.does(run, self.commit(run, &[("volume:data", &backed)]))
    }

    /// Commits these parts.
    pub fn commit(&self, run: &str, parts: &[(&str, &Report)]) -> Task {
        let path = self.folder.join("configuration");
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join("app.yaml"), format!("app: {}\n", self.name)).unwrap();
        let manifest = Manifest {
            set: run.into(),
            municipality: "ogre".into(),
            app: self.name.clone(),
            began: "2026-11-25T20:00:00Z".into(),
            sentinel: sentinel(run),
            parts: parts.iter().map(|(part, report)| record(part, report)).collect(),
            ..Manifest::default()
        };
        Task::Commit { manifest, path }
    }

    /// The sets that a list finds.
    pub fn sets(&self) -> Vec<String> {
        self.does("list", Task::List).sets.into_iter().map(|(_, set, _)| set).collect()
    }

    /// Restores a whole set into a new folder.
    pub fn restore_all(&self, manifest: &str, into: &str) -> Task {
        Task::Restore { manifest: manifest.into(), parts: Vec::new(), into: Some(self.folder.join(into)), replace: false }
    }

    /// Stock restic, with the tenant's password and whatever credentials it has.
    pub fn restic(&self, args: &[&str]) -> Output {
        self.restic_in(&self.folder, args)
    }

    pub fn restic_in(&self, folder: &Path, args: &[&str]) -> Output {
        self.stock(args).current_dir(folder).output().unwrap()
    }

    /// Stock restic, to be started.
    pub fn stock(&self, args: &[&str]) -> Command {
        let mut command = self.stock_with(&["--no-cache"]);
        command.args(args);
        command
    }

    /// Stock restic with these global options.
    pub fn stock_with(&self, options: &[&str]) -> Command {
        let secret = |name: &str| fs::read_to_string(self.folder.join("secrets").join(name)).unwrap();
        let mut command = Command::new(&self.world.restic);
        command.args(options).env_clear().env("RESTIC_REPOSITORY", self.repository.url());
        command.env("RESTIC_PASSWORD", secret("password")).env("HOME", &self.folder).env("TMPDIR", std::env::temp_dir());
        command.env("AWS_ACCESS_KEY_ID", secret("access-key")).env("AWS_SECRET_ACCESS_KEY", secret("secret-key"));
        command.current_dir(&self.folder).stdin(Stdio::null()).process_group(0);
        command
    }
}

/// The random text of a set.
pub fn sentinel(run: &str) -> String {
    format!("sentinel of {run}")
}

/// A part in a folder.
pub fn part(part: &str, path: &Path) -> Task {
    Task::Part {
        part: part.parse().unwrap(),
        path: path.into(),
        exclude: Vec::new(),
        may_be_empty: false,
        before: Vec::new(),
        facts: false,
    }
}

/// Looks through a repository.
pub fn check(read: Option<(u32, u32)>) -> Task {
    Task::Check { read, holds: Holds::new() }
}

/// Forgets these snapshots.
pub fn forget(snapshots: Vec<String>, prune: bool) -> Task {
    Task::Forget { snapshots, prune, known: None, holds: Holds::new(), lost: Vec::new(), deleted_days: None }
}

/// What a manifest says of a part.
pub fn record(part: &str, report: &Report) -> PartRecord {
    PartRecord {
        part: part.parse::<Part>().unwrap(),
        snapshot: report.snapshot.clone().unwrap(),
        files: report.files,
        bytes: report.bytes,
        digest: report.digest.clone(),
        facts: report.facts.clone(),
    }
}

/// A runner at work.
pub struct Started {
    pub child: Child,
    report: PathBuf,
}

impl Started {
    /// Kills it with all it has started, as the end of a container does. Whether it was still at work.
    pub fn kill(mut self) -> bool {
        let at_work = self.child.try_wait().unwrap().is_none();
        signal_group(&self.child, rustix::process::Signal::KILL);
        self.child.wait().unwrap();
        at_work
    }

    pub fn wait(self) -> Ended {
        let output = self.child.wait_with_output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let written = fs::read_to_string(&self.report).unwrap();
        assert!(written.len() <= 4096, "{} bytes", written.len());
        let report = serde_json::from_str(&written).unwrap_or_else(|error| panic!("no report, {error}: {written}\n{said}"));
        assert!(said.contains(&written), "the report is printed, too");
        Ended { report, code: output.status.code(), said }
    }
}

/// Signals a process with all it has started.
pub fn signal_group(child: &Child, signal: rustix::process::Signal) {
    let leader = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    // It may have ended in the meantime.
    let _ = rustix::process::kill_process_group(leader, signal);
}

/// Bytes that do not compress and are the same for the same seed.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(&mut next).take(length).collect()
}
