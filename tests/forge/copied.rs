//! `examples/requests-repo` on a forge, set up as `docs/requests.md` says.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kopnams_lab::{Account, Forge};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The repository to copy.
pub const REPO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/requests-repo");
/// Its workflow for this forge.
pub const WORKFLOW: &str = ".forgejo/workflows/kopnams.yaml";
/// The account that comments and sets the status.
pub const BOT: &str = "kopnams-bot";
const KOPNAMS: &str = env!("CARGO_BIN_EXE_kopnams");

/// The files to copy, with this program as the release.
pub fn files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(REPO)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(REPO).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let sum = hex::encode(Sha256::digest(fs::read(KOPNAMS).unwrap()));
    let (_, workflow) = found.iter_mut().find(|(name, _)| name == WORKFLOW).unwrap();
    let replace = |text: &str, line: &str, value: &str| {
        let old = text.lines().find(|other| other.trim_start().starts_with(line)).unwrap();
        text.replace(old, &format!("      {line} {value}"))
    };
    *workflow = replace(workflow, "KOPNAMS_URL:", &format!("file://{KOPNAMS}"));
    *workflow = replace(workflow, "KOPNAMS_SHA256:", &format!("\"{sum}\""));
    found
}

/// The copied repository on a forge.
pub struct Requests<'a> {
    pub forge: &'a Forge,
    /// Whose repository it is.
    pub platform: &'a Account,
    /// Such as `owner/name`.
    pub name: &'a str,
}

impl Requests<'_> {
    fn path(&self, path: &str) -> String {
        format!("/repos/{}/{path}", self.name)
    }

    fn must(&self, method: &str, path: &str, body: &Value) {
        self.forge.must(&self.platform.token, method, &self.path(path), Some(body)).unwrap();
    }

    /// What the forge is told beside the files: the account of the workflow, its token, and the protected branch.
    pub fn set_up(&self) {
        let bot = self.forge.user(BOT).unwrap();
        self.must("PUT", &format!("collaborators/{BOT}"), &json!({"permission": "write"}));
        let token = self.forge.token(&bot, &["write:issue", "write:repository", "read:user"]).unwrap();
        self.must("PUT", "actions/secrets/KOPNAMS_FORGE_TOKEN", &json!({"data": token}));
        let rule = json!({
            "branch_name": "main", "rule_name": "main", "enable_status_check": true, "status_check_contexts": ["kopnams"],
            "block_on_outdated_branch": true, "block_admin_merge_override": true,
        });
        self.must("POST", "branch_protections", &rule);
    }

    /// The one comment of the workflow's account, once its heading says this.
    pub fn comment(&self, number: &Value, words: &str) -> Option<String> {
        let path = self.path(&format!("issues/{number}/comments"));
        let comments = self.forge.must(&self.platform.token, "GET", &path, None).unwrap();
        let own: Vec<&str> = comments
            .as_array()
            .unwrap()
            .iter()
            .filter(|comment| comment["user"]["login"] == BOT)
            .map(|comment| comment["body"].as_str().unwrap())
            .filter(|body| body.starts_with("<!-- kopnams:review"))
            .collect();
        assert!(own.len() <= 1, "there is one comment: {own:?}");
        own.first().filter(|body| body.lines().nth(1).is_some_and(|line| line.contains(words))).map(|body| (*body).to_owned())
    }

    /// That comment, and the status of the commit, which is written after it.
    pub fn told(&self, number: &Value, commit: &str, words: &str) -> (String, Value) {
        let began = Instant::now();
        loop {
            let status = self.status(commit).filter(|status| status["description"].as_str().unwrap().starts_with(words));
            if let (Some(comment), Some(status)) = (self.comment(number, words), status) {
                return (comment, status);
            }
            assert!(began.elapsed() < Duration::from_mins(1), "nothing says `{words}` after a minute");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn status(&self, commit: &str) -> Option<Value> {
        let path = self.path(&format!("commits/{commit}/status"));
        let status = self.forge.must(&self.platform.token, "GET", &path, None).unwrap();
        let of = |status: &&Value| status["context"] == "kopnams";
        status["statuses"].as_array().into_iter().flatten().find(of).cloned()
    }

    /// As it is done every five minutes, which is too long for a test.
    pub fn look_at_all(&self) {
        self.must("POST", "actions/workflows/kopnams.yaml/dispatches", &json!({"ref": "main"}));
    }

    /// An admin merges it, or tries to; what the forge says once it has looked whether it can be merged.
    pub fn merge(&self, number: &Value) -> (u16, String) {
        let (path, began) = (self.path(&format!("pulls/{number}/merge")), Instant::now());
        loop {
            let answer = self.forge.call(Some(&self.platform.token), "POST", &path, Some(&json!({"Do": "merge"}))).unwrap();
            if !answer.body.contains("Please try again later") || began.elapsed() > Duration::from_mins(1) {
                return (answer.status, answer.body);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A file of the repository to copy.
#[allow(dead_code, reason = "not every suite needs it")]
pub fn file(name: &str) -> String {
    fs::read_to_string(Path::new(REPO).join(name)).unwrap()
}
