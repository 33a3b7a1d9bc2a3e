//! A stand-in for a pod, without Kubernetes: images of the catalogue as the kubelet would start them, in a network of their own.
//!
//! The root file system is read-only, the user is the image's, the program has the process number 1 and no rights beside.

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Whether images can be built and run here; a skip is loud, and in CI it fails.
pub fn can_run() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    let debian = fs::read_to_string("/etc/os-release").is_ok_and(|text| text.contains("\nID=debian\n"));
    let able = root && debian;
    if !able {
        assert!(std::env::var("CI").is_err(), "the catalogue's images are not tested: root on Debian is needed");
        eprintln!("SKIPPED: the catalogue's images are not tested, because root on Debian is needed");
    }
    able
}

/// Builds the catalogue once for all tests, and installs what starts the images.
pub fn catalogue() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let out = Path::new(ROOT).join("target/test-catalogue");
        let mut make = Command::new(env!("CARGO_BIN_EXE_kopnams-images"));
        make.args(["catalogue", "--source", "catalogue", "--out"]).arg(&out).current_dir(ROOT);
        assert!(make.status().unwrap().success(), "the catalogue is not built");
        if Command::new("bwrap").arg("--version").output().is_err() {
            let install =
                Command::new("apt-get").args(["install", "--yes", "--quiet", "--no-install-recommends", "bubblewrap"]).output().unwrap();
            assert!(install.status.success(), "bubblewrap is not installed: {}", String::from_utf8_lossy(&install.stderr));
        }
        out
    })
}

/// An image, unpacked once for each test program.
pub struct Image {
    root: TempDir,
    user: u32,
    config: Value,
}

impl Image {
    pub fn of(name: &str) -> Self {
        let layout = catalogue().join("images").join(name);
        let blob = |digest: &Value| layout.join("blobs/sha256").join(digest.as_str().unwrap().trim_start_matches("sha256:"));
        let json = |path: PathBuf| -> Value { serde_json::from_slice(&fs::read(path).unwrap()).unwrap() };
        let manifest = json(blob(&json(layout.join("index.json"))["manifests"][0]["digest"]));
        let config = json(blob(&manifest["config"]["digest"]))["config"].clone();
        let root = tempfile::Builder::new().prefix("kopnams-image-").tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(root.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        for layer in manifest["layers"].as_array().unwrap() {
            let mut tar = Command::new("tar");
            tar.args(["--extract", "--numeric-owner", "--preserve-permissions", "--file"]).arg(blob(&layer["digest"]));
            assert!(tar.arg("--directory").arg(root.path()).status().unwrap().success());
        }
        let user = config["User"].as_str().unwrap().split(':').next().unwrap().parse().unwrap();
        assert_ne!(user, 0, "{name} runs as root");
        Self { root, user, config }
    }

    pub fn path(&self) -> &Path {
        self.root.path()
    }

    /// Makes the place of a mount where the image has none, as a container's runtime does. `/dev` is the container's own.
    fn mount_point(&self, from: &Path, to: &str) {
        let place = self.root.path().join(to.trim_start_matches('/'));
        if from.is_dir() && !to.starts_with("/dev/") {
            fs::create_dir_all(place).unwrap();
        }
    }
}

/// A network of its own with nothing but the loopback device, and folders that containers share.
pub struct Pod {
    holder: Child,
    pub folder: TempDir,
}

impl Pod {
    pub fn start() -> Self {
        let script = "ip link set lo up && echo up && exec sleep infinity";
        let mut holder =
            Command::new("unshare").args(["--net", "sh", "-c", script]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut up = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.as_mut().unwrap()), &mut up).unwrap();
        assert_eq!(up, "up\n", "the network is not made");
        let folder = tempfile::Builder::new().prefix("kopnams-pod-").tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        Self { holder, folder }
    }

    /// A program in this pod's network.
    pub fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.id())).arg("--").arg(program);
        command
    }

    /// A folder as a volume that the image's user can write.
    pub fn volume(&self, name: &str, image: &Image) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        chown(&path, Some(image.user), Some(image.user)).unwrap();
        path
    }

    /// A folder with one file for each value, as a Secret is mounted.
    pub fn files(&self, name: &str, values: &[(&str, &str)]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        for (key, value) in values {
            fs::write(path.join(key), value).unwrap();
        }
        path
    }

    pub fn http(&self, arguments: &[&str]) -> (u16, String) {
        let output =
            self.inside("curl").args(["--silent", "--max-time", "60", "--write-out", "\n%{http_code}"]).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, code) = text.rsplit_once('\n').unwrap();
        (code.parse().unwrap_or(0), body.to_owned())
    }

    /// Waits until the address answers with this status.
    pub fn wait_for(&self, url: &str, status: u16) {
        let until = Instant::now() + Duration::from_secs(90);
        while self.http(&[url]).0 != status {
            assert!(Instant::now() < until, "{url} does not answer with {status}");
            sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        self.holder.kill().ok();
        self.holder.wait().ok();
    }
}

/// How a container is started.
pub struct Start<'a> {
    pub image: &'a Image,
    pub mounts: Vec<(PathBuf, &'static str)>,
    pub scratch: &'static [&'static str],
    pub env: BTreeMap<&'static str, String>,
}

impl Start<'_> {
    /// The image's entrypoint with these arguments, or with its own if there are none.
    pub fn command(&self, pod: &Pod, arguments: &[&str]) -> Command {
        let words = |name: &str| -> Vec<String> {
            let list = self.image.config[name].as_array().into_iter().flatten();
            list.map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let given = arguments.iter().map(|word| (*word).to_owned()).collect();
        self.program(pod, &[words("Entrypoint"), if arguments.is_empty() { words("Cmd") } else { given }].concat())
    }

    /// Another program of the image.
    pub fn program(&self, pod: &Pod, words: &[String]) -> Command {
        let user = self.image.user.to_string();
        let mut command = pod.inside("setpriv");
        command.args([format!("--reuid={user}"), format!("--regid={user}")]).args(["--clear-groups", "--no-new-privs", "bwrap"]);
        command.args(["--unshare-pid", "--as-pid-1", "--unshare-ipc", "--die-with-parent", "--cap-drop", "ALL", "--clearenv"]);
        command.arg("--ro-bind").arg(self.image.path()).args(["/", "--proc", "/proc", "--dev", "/dev"]);
        for folder in self.scratch {
            command.args(["--tmpfs", folder]);
        }
        for (from, to) in &self.mounts {
            self.image.mount_point(from, to);
            command.arg("--bind").arg(from).arg(to);
        }
        for pair in self.image.config["Env"].as_array().into_iter().flatten() {
            let (name, value) = pair.as_str().unwrap().split_once('=').unwrap();
            command.args(["--setenv", name, value]);
        }
        for (name, value) in &self.env {
            command.args(["--setenv", name, value]);
        }
        command.arg("--").args(words).stdin(Stdio::null());
        command
    }

    pub fn run(&self, pod: &Pod, arguments: &[&str]) -> Output {
        self.command(pod, arguments).output().unwrap()
    }

    /// Starts it; its output goes to a file of the pod's folder, by name.
    pub fn spawn(&self, pod: &Pod, name: &str, arguments: &[&str]) -> Container {
        let log = pod.folder.path().join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).unwrap();
        let second = file.try_clone().unwrap();
        let child = self.command(pod, arguments).stdout(file).stderr(second).spawn().unwrap();
        Container { child, log }
    }
}

/// A running container; it ends with the value.
pub struct Container {
    child: Child,
    log: PathBuf,
}

impl Container {
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGTERM to the program, as the kubelet does it; the exit code, and how long it took.
    pub fn terminate(mut self) -> (Option<i32>, Duration) {
        let began = Instant::now();
        let children = format!("/proc/{0}/task/{0}/children", self.child.id());
        let program = fs::read_to_string(children).unwrap();
        assert!(Command::new("kill").args(["-TERM", program.trim()]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        (status.code(), began.elapsed())
    }

    /// As a crash ends it.
    pub fn kill(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "--- {}:\n{}", self.log.display(), self.log());
        }
    }
}
