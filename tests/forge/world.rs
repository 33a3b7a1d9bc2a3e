//! A forge with a repository of the platform, and a clerk who has no rights there but a fork of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use kopnams_lab::{Account, Forge, ForgeTools};
use serde_json::{Value, json};

/// The repository that requests go to.
pub const REQUESTS: &str = "platform/requests";
/// The clerk's fork of it.
pub const FORK: &str = "clerk/requests";

pub struct World {
    pub forge: Forge,
    /// Owns the repository.
    pub platform: Account,
    /// Has a fork and nothing else.
    pub clerk: Account,
    folder: tempfile::TempDir,
}

impl World {
    /// A forge whose repository has these files on `main`, and the clerk's fork of it; none where Go is missing.
    pub fn start(what: &str, files: &[(&str, &str)]) -> Option<Self> {
        let world = Self::without_fork(what, files)?;
        world.forge.must(&world.clerk.token, "POST", &format!("/repos/{REQUESTS}/forks"), Some(&json!({}))).unwrap();
        Some(world)
    }

    /// The same before anybody has forked it.
    pub fn without_fork(what: &str, files: &[(&str, &str)]) -> Option<Self> {
        let tools = ForgeTools::ensure_or_skip(what).unwrap()?;
        let forge = Forge::start(&tools).unwrap();
        let (platform, clerk) = (forge.user("platform").unwrap(), forge.user("clerk").unwrap());
        forge.repository(&platform, "requests").unwrap();
        let world = Self { forge, platform, clerk, folder: tempfile::tempdir().unwrap() };
        let work = world.folder.path().join("platform");
        fs::create_dir(&work).unwrap();
        git(&work, &["init", "--quiet", "--initial-branch=main"]);
        world.push(&world.platform, &work, REQUESTS, "main", files);
        // The forge takes note of a push a moment later; a fork of what it thinks empty would be thought empty too.
        wait_for("the pushed files", || {
            let repository = world.forge.must(&world.platform.token, "GET", &format!("/repos/{REQUESTS}"), None).unwrap();
            (repository["empty"] == false).then_some(())
        });
        Some(world)
    }

    /// Commits files to a branch of a working copy and pushes it; returns the commit.
    pub fn push(&self, who: &Account, work: &Path, repository: &str, branch: &str, files: &[(&str, &str)]) -> String {
        for (name, content) in files {
            let file = work.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        git(work, &["add", "--all"]);
        git(work, &["-c", "user.name=Clerk", "-c", "user.email=clerk@example.lv", "commit", "--quiet", "--message=A request"]);
        git(work, &["push", "--quiet", &self.forge.git_url(who, repository), &format!("HEAD:refs/heads/{branch}")]);
        git(work, &["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// A new working copy of a repository's `main`.
    pub fn clone_of(&self, repository: &str) -> PathBuf {
        let work = tempfile::tempdir_in(self.folder.path()).unwrap().keep();
        git(&work, &["clone", "--quiet", "--branch=main", &self.forge.git_url(&self.clerk, repository), "."]);
        work
    }

    /// Gives the repository's workflows a secret, `STATUS_TOKEN`, that may set a status.
    pub fn keep_status_token(&self) {
        let token = self.forge.token(&self.platform, &["write:repository"]).unwrap();
        let path = format!("/repos/{REQUESTS}/actions/secrets/STATUS_TOKEN");
        self.forge.must(&self.platform.token, "PUT", &path, Some(&json!({ "data": token }))).unwrap();
    }

    /// The clerk pushes files to a branch of the fork and asks for them to be merged; the pull request and the commit.
    pub fn pull_request(&self, branch: &str, files: &[(&str, &str)]) -> (Value, String) {
        let work = self.clone_of(FORK);
        let head = self.push(&self.clerk, &work, FORK, branch, files);
        let wish = json!({ "title": "A request", "head": format!("clerk:{branch}"), "base": "main" });
        // The forge takes note of a branch a moment after the push.
        let pull = wait_for("the pushed branch", || {
            let answer = self.forge.call(Some(&self.clerk.token), "POST", &format!("/repos/{REQUESTS}/pulls"), Some(&wish)).unwrap();
            assert!(matches!(answer.status, 201 | 404), "{}", answer.body);
            (answer.status == 201).then(|| answer.json())
        });
        (pull, head)
    }
}

/// Runs git with nobody's settings; it has to succeed.
pub fn git(folder: &Path, args: &[&str]) -> String {
    let output = try_git(folder, args);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Runs git with nobody's settings.
pub fn try_git(folder: &Path, args: &[&str]) -> Output {
    Command::new("git")
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_TERMINAL_PROMPT", "0")
        .output()
        .unwrap()
}

/// Asks until there is an answer, for at most a minute.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{what} was not there after a minute");
        std::thread::sleep(Duration::from_millis(200));
    }
}
