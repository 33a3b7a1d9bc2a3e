//! The root folder of an image: Debian packages, then the recipe's files and script, then nothing that is not needed.

use super::{Doing, Error, FORMAT, Recipe, Result, files_below, invalid, short};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What no container reads. Copyright files stay: licences ask for them.
const NOT_NEEDED: [&str; 14] = [
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
    "usr/share/bug",
    "usr/share/doc-base",
    "usr/share/bash-completion",
    "usr/share/zsh",
    "usr/share/gtk-doc",
    "usr/include",
    "var/cache/ldconfig",
    "var/lib/systemd",
    "etc/machine-id",
    "etc/resolv.conf",
];
/// Folders that stay and are emptied.
const EMPTIED: [&str; 8] = ["var/lib/apt/lists", "var/cache/apt", "var/cache/debconf", "var/cache/man", "var/log", "var/tmp", "tmp", "run"];

/// The release of this machine, if images can be built on it; installs mmdebstrap where it is missing.
pub fn check_machine() -> Result<String> {
    let own = fs::metadata("/proc/self").doing("look at", Path::new("/proc/self"))?;
    if own.uid() != 0 {
        return Err(Error::Machine("building images needs root, because their files have owners: run it as root, for example with sudo"));
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(|value| value.trim_matches('"').to_owned())
    };
    if value("ID").as_deref() != Some("debian") {
        return Err(Error::Machine(
            "images are built from Debian packages, and this machine does not run Debian: build them on one that does",
        ));
    }
    let suite = value("VERSION_CODENAME").filter(|suite| !suite.is_empty());
    let suite = suite.ok_or(Error::Machine("/etc/os-release names no Debian release (VERSION_CODENAME), so say suite in each recipe"))?;
    if which("mmdebstrap").is_none() {
        eprintln!("installing mmdebstrap");
        let mut update = Command::new("apt-get");
        update.args(["update", "--quiet"]);
        run("updating the list of packages", "apt-get", &mut update)?;
        let mut install = Command::new("apt-get");
        install.args(["install", "--yes", "--quiet", "--no-install-recommends", "mmdebstrap"]).env("DEBIAN_FRONTEND", "noninteractive");
        run("installing mmdebstrap", "apt-get", &mut install)?;
    }
    Ok(suite)
}

/// A folder with a Debian of these packages, from the cache if it was made before.
pub fn packages(cache: &Path, suite: &str, packages: &[String], fresh: bool) -> Result<PathBuf> {
    let mut sorted: Vec<&str> = packages.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let list = sorted.join(",");
    let hash = Sha256::new().chain_update(format!("{FORMAT} {suite} {} {list}", std::env::consts::ARCH));
    let roots = cache.join("roots");
    let kept = roots.join(short(hash));
    if kept.exists() && !fresh {
        return Ok(kept);
    }
    fs::create_dir_all(&roots).doing("make the folder", &roots)?;
    eprintln!("installing {} with what they need, from {suite}; this takes a minute or two", sorted.join(", "));
    let making = tempfile::Builder::new().prefix(".making-").tempdir_in(&roots).doing("make a folder in", &roots)?;
    let root = making.path().join("root");
    let mut command = Command::new("mmdebstrap");
    command.args(["--variant=minbase", "--mode=root", "--format=directory", "--quiet"]);
    command.args(["--aptopt=Apt::Install-Recommends \"false\"", "--dpkgopt=path-exclude=/usr/share/man/*"]);
    command.args(["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-include=/usr/share/doc/*/copyright"]);
    command.args(["--dpkgopt=path-exclude=/usr/share/locale/*"]);
    command.arg(format!("--include={list}")).arg(suite).arg(&root);
    command.args(sources(suite)).env("DEBIAN_FRONTEND", "noninteractive");
    run("installing the packages", "mmdebstrap", &mut command)?;
    if kept.exists() {
        fs::remove_dir_all(&kept).doing("remove", &kept)?;
    }
    fs::rename(&root, &kept).doing("move the packages to", &kept)?;
    Ok(kept)
}

/// Where this machine itself gets the release from, so that its mirror and proxies are used; none: mmdebstrap's own answer.
fn sources(suite: &str) -> Vec<String> {
    let format = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)";
    let asked = Command::new("apt-get").args(["indextargets", "Created-By: Packages", "Origin: Debian", "--format", format]).output();
    let text = asked.map(|answer| String::from_utf8_lossy(&answer.stdout).into_owned()).unwrap_or_default();
    let of_suite =
        |line: &&str| line.split(' ').nth(2).is_some_and(|release| release == suite || release.starts_with(&format!("{suite}-")));
    let mut lines: Vec<String> = text.lines().filter(of_suite).map(str::to_owned).collect();
    lines.sort();
    lines.dedup();
    if lines.iter().any(|line| line.split(' ').nth(2) == Some(suite)) { lines } else { Vec::new() }
}

/// A copy of the packages with the recipe's files, after its script, stripped.
pub fn finish(recipe: &Recipe, packages: &Path) -> Result<TempDir> {
    let parent = packages.parent().unwrap_or(packages);
    let made = tempfile::Builder::new().prefix(".finishing-").tempdir_in(parent).doing("make a folder in", parent)?;
    let root = made.path();
    let mut copy = Command::new("cp");
    copy.args(["--archive", "--reflink=auto", "--"]).arg(packages.join(".")).arg(root);
    run("copying the packages", "cp", &mut copy)?;
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).doing("open", root)?;
    for copied in &recipe.steps.files {
        let from = recipe.folder.join(&copied.from);
        let to = root.join(copied.to.trim_start_matches('/'));
        let mode = copied.mode().unwrap_or(0o644);
        if from.is_dir() {
            for file in files_below(&from)? {
                place(&file, &to.join(file.strip_prefix(&from).unwrap_or(&file)), mode)?;
            }
        } else {
            place(&from, &to, mode)?;
        }
    }
    if let Some(script) = &recipe.steps.setup {
        eprintln!("{}: {script}", recipe.name);
        setup(recipe, script, root)?;
    }
    strip(root)?;
    Ok(made)
}

fn place(from: &Path, to: &Path, mode: u32) -> Result<()> {
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).doing("make the folder", folder)?;
    fs::copy(from, to).doing("copy", from)?;
    fs::set_permissions(to, fs::Permissions::from_mode(mode)).doing("set the mode of", to)
}

/// Runs the script inside, with processes, mounts and a network of its own: the network has no way out.
fn setup(recipe: &Recipe, script: &str, root: &Path) -> Result<()> {
    let file = recipe.folder.join(script);
    let text = fs::File::open(&file).doing("read", &file)?;
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "--ipc", "--pid", "--fork", "--kill-child", "--"]);
    command.arg("chroot").arg(root).args(["/bin/sh", "-s"]).stdin(text);
    command.env_clear().envs([("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("LANG", "C.UTF-8")]);
    run(&format!("{}'s script {script}", recipe.name), "unshare", &mut command)
}

fn strip(root: &Path) -> Result<()> {
    for path in NOT_NEEDED.map(|path| root.join(path)) {
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path).doing("remove", &path)?;
        } else if path.symlink_metadata().is_ok() {
            fs::remove_file(&path).doing("remove", &path)?;
        }
    }
    for folder in EMPTIED.map(|path| root.join(path)) {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            // The folders of a program's own log or socket stay, with their owners.
            if path.is_dir() && !path.is_symlink() {
                empty_of_files(&path)?;
            } else {
                fs::remove_file(&path).doing("remove", &path)?;
            }
        }
    }
    // No process may gain rights that it was not started with, so bits that give rights are left out.
    for entry in walkdir::WalkDir::new(root) {
        let entry = entry.map_err(|error| invalid(root, error.to_string()))?;
        let Ok(about) = entry.metadata() else { continue };
        if about.is_file() && about.mode() & 0o6000 != 0 {
            let mode = fs::Permissions::from_mode(about.mode() & 0o1777);
            fs::set_permissions(entry.path(), mode).doing("set the mode of", entry.path())?;
        }
    }
    Ok(())
}

fn empty_of_files(folder: &Path) -> Result<()> {
    for entry in walkdir::WalkDir::new(folder) {
        let entry = entry.map_err(|error| invalid(folder, error.to_string()))?;
        if !entry.file_type().is_dir() {
            fs::remove_file(entry.path()).doing("remove", entry.path())?;
        }
    }
    Ok(())
}

fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Runs a program and keeps the end of what it says for the error.
fn run(doing: &str, program: &'static str, command: &mut Command) -> Result<()> {
    let start = |source| Error::Io { doing: "start", path: program.into(), source };
    let (reader, writer) = std::io::pipe().map_err(start)?;
    let second = writer.try_clone().map_err(start)?;
    let mut child = command.stdout(Stdio::from(writer)).stderr(Stdio::from(second)).spawn().map_err(start)?;
    // The command keeps its ends of the pipe until it is told otherwise, and reading would never end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut last = std::collections::VecDeque::new();
    for line in BufReader::new(reader).lines().map_while(std::result::Result::ok) {
        last.push_back(line);
        if last.len() > 30 {
            last.pop_front();
        }
    }
    let ended = child.wait().map_err(start)?;
    if ended.success() {
        return Ok(());
    }
    let said: Vec<String> = last.into_iter().map(|line| format!("  {line}")).collect();
    Err(Error::Program { doing: doing.to_owned(), program, said: said.join("\n") })
}
