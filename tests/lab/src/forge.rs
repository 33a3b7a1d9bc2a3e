//! A forge on this machine: Gitea with accounts, repositories and pull requests of its own, and a runner for workflows.
//!
//! Its API and git over HTTP are Gitea's own. Its pages have no scripts and styles, so a person can only read them.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::binaries::ForgeTools;
use crate::error::{Doing, Error, Result};
use crate::guard::Guard;
use crate::places::{free, make, write};
use crate::process::{Component, Lifetime, run};

/// How long Gitea may take to make its database and answer, on a machine that builds something else meanwhile.
const PATIENCE: Duration = Duration::from_mins(1);
/// Every page says in a box that its scripts are missing, which they always are here.
const QUIET: &str = "<script nonce=\"{{ctx.CspScriptNonce}}\">window.alert = () => {};</script>\n";
/// How long an answer may take.
const ANSWER: Duration = Duration::from_mins(1);

/// A running Gitea. It ends with this value, or with this process.
#[derive(Debug)]
pub struct Forge {
    gitea: Component,
    runner: Option<Component>,
    tools: ForgeTools,
    folder: PathBuf,
    listens: SocketAddr,
    admin: Account,
    /// Last, so that it is let go when the server has ended: it removes the folder.
    guard: Guard,
}

/// A user of the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The login.
    pub name: String,
    /// For what the forge allows with no token: making one.
    pub password: String,
    /// A token of all scopes.
    pub token: String,
}

/// What the API said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status, such as 404.
    pub status: u16,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: String,
}

impl Answer {
    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The first header of that name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(is, _)| is == name).map(|(_, value)| value.as_str())
    }
}

impl Forge {
    /// Starts a forge on a free port of this machine, with one admin.
    pub fn start(tools: &ForgeTools) -> Result<Self> {
        let (folder, mut guard) = Guard::over_new("kopnams-forge-", "the forge")?;
        let listens = free(Ipv4Addr::LOCALHOST)?;
        write(&config(&folder), settings(tools, &folder, listens)?)?;
        let own = folder.join("custom/templates/custom");
        make(&own)?;
        write(&own.join("header.tmpl"), QUIET)?;
        // Before the server: it makes the admin while nobody else has the database.
        gitea(tools, &folder, &["migrate"])?;
        let (name, password) = ("root-of-forge".to_owned(), random(12)?);
        let email = format!("--email={name}@example.lv");
        let said = gitea(
            tools,
            &folder,
            &[
                "admin",
                "user",
                "create",
                "--admin",
                "--must-change-password=false",
                "--access-token",
                "--access-token-scopes=all",
                &email,
                &format!("--username={name}"),
                &format!("--password={password}"),
            ],
        )?;
        let token = said
            .lines()
            .find_map(|line| line.strip_prefix("Access token was successfully created... "))
            .ok_or_else(|| Error::Invalid(format!("Gitea made an admin and told no token: {said}")))?
            .trim()
            .to_owned();
        let at = folder.display();
        let args = [format!("--config={}", config(&folder).display()), format!("--work-path={at}"), "web".to_owned()];
        let gitea = Component::start("gitea", &tools.gitea(), &args, &folder, Lifetime::WithParent, &mut guard)?;
        let admin = Account { name, password, token };
        let mut forge = Self { gitea, runner: None, tools: tools.clone(), folder, listens, admin, guard };
        forge.wait()?;
        Ok(forge)
    }

    /// Where it answers, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.listens)
    }

    /// The forge's admin.
    #[must_use]
    pub fn admin(&self) -> &Account {
        &self.admin
    }

    /// The folder with everything of the forge, `gitea.log` and `gitea-runner.log` among it.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes a user.
    pub fn user(&self, name: &str) -> Result<Account> {
        let password = random(12)?;
        let user = json!({
            "username": name, "email": format!("{name}@example.lv"), "password": password, "must_change_password": false,
        });
        self.must(&self.admin.token, "POST", "/admin/users", Some(&user))?;
        let mut account = Account { name: name.to_owned(), password, token: String::new() };
        account.token = self.token(&account, &["all"])?;
        Ok(account)
    }

    /// Makes a token of some scopes, such as `write:issue` and `read:repository`.
    pub fn token(&self, account: &Account, scopes: &[&str]) -> Result<String> {
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", account.name, account.password)));
        let wish = json!({ "name": format!("token-{}", random(6)?), "scopes": scopes });
        let path = format!("/users/{}/tokens", account.name);
        let made = succeeded("POST", &path, self.send(Some(&basic), "POST", &path, Some(&wish))?)?;
        Ok(made["sha1"].as_str().unwrap_or_default().to_owned())
    }

    /// Makes an empty public repository of a user, for pushing to.
    pub fn repository(&self, owner: &Account, name: &str) -> Result<()> {
        let wish = json!({ "name": name, "default_branch": "main" });
        self.must(&owner.token, "POST", "/user/repos", Some(&wish)).map(|_| ())
    }

    /// Where git fetches and pushes a repository, such as `owner/name`, as a user; with the user's token in it.
    #[must_use]
    pub fn git_url(&self, account: &Account, repository: &str) -> String {
        format!("http://{}:{}@{}/{repository}.git", account.name, account.token, self.listens)
    }

    /// Asks the API, whatever it answers. The path follows `/api/v1`.
    pub fn call(&self, token: Option<&str>, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        self.send(token.map(|token| format!("token {token}")).as_deref(), method, path, body)
    }

    /// Asks the API for something that has to succeed.
    pub fn must(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        succeeded(method, path, self.call(Some(token), method, path, body)?)
    }

    /// Starts the forge's one runner, which runs the steps of workflows as processes on this machine, as the user of this
    /// process. `runs_on` are the labels that jobs ask for; `environment` is what every step has beside the forge's own.
    ///
    /// Steps end with this value. One that runs while this process is killed runs on to its own end, without its folder.
    pub fn run_workflows(&mut self, runs_on: &[&str], environment: &[(&str, &str)]) -> Result<()> {
        let home = self.folder.join("runner");
        make(&home)?;
        let settings = home.join("runner.json");
        let labels: Vec<String> = runs_on.iter().map(|label| format!("{label}:host")).collect();
        let environment: serde_json::Map<String, Value> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        // JSON is YAML. The intervals are short: a test waits for them.
        let wish = json!({
            "runner": {
                "file": home.join("registration"), "labels": labels, "envs": environment, "capacity": 2,
                "fetch_interval": "300ms", "fetch_interval_max": "300ms", "state_report_interval": "300ms",
                "log_report_interval": "300ms", "log_report_max_latency": "200ms",
            },
            "cache": { "enabled": false },
            "host": { "workdir_parent": home.join("work") },
        });
        write(&settings, wish.to_string())?;
        let token = self.must(&self.admin.token, "POST", "/admin/actions/runners/registration-token", None)?;
        let config = format!("--config={}", settings.display());
        let mut register = Command::new(self.tools.runner());
        register
            .args([&config, "register", "--no-interactive", "--name=lab"])
            .arg(format!("--instance={}", self.url()))
            .arg(format!("--token={}", token["token"].as_str().unwrap_or_default()));
        run(alone(&mut register, &home))?;
        let args = [config, "daemon".to_owned()];
        self.end_runner();
        let runner = Component::start("gitea-runner", &self.tools.runner(), &args, &self.folder, Lifetime::WithParent, &mut self.guard)?;
        self.runner = Some(runner);
        Ok(())
    }

    /// Gently: each step is a process group of its own, which the runner alone knows.
    fn end_runner(&mut self) {
        if let Some(mut runner) = self.runner.take() {
            runner.ask_to_end(Duration::from_secs(5));
        }
    }

    fn wait(&mut self) -> Result<()> {
        let began = Instant::now();
        loop {
            self.gitea.check()?;
            let last = match self.request(None, "GET", "/api/healthz", None) {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => format!("it answered {} {}", answer.status, answer.body),
                Err(error) => error.to_string(),
            };
            if began.elapsed() > PATIENCE {
                return Err(Error::NotReady {
                    waiting_for: "the forge's answer".to_owned(),
                    seconds: PATIENCE.as_secs(),
                    last,
                    name: "gitea".to_owned(),
                    log: self.gitea.last_lines(),
                });
            }
            sleep(Duration::from_millis(50));
        }
    }

    fn send(&self, authorization: Option<&str>, method: &str, path: &str, body: Option<&Value>) -> Result<Answer> {
        self.request(authorization, method, &format!("/api/v1{path}"), body).doing(|| format!("ask the forge: {method} {path}"))
    }

    /// HTTP/1.0: the answer ends with the connection and comes in one piece.
    fn request(&self, authorization: Option<&str>, method: &str, path: &str, body: Option<&Value>) -> std::io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\n", self.listens);
        let body = body.map(Value::to_string).unwrap_or_default();
        // Writing to a string does not fail.
        let _ = write!(request, "Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        if let Some(authorization) = authorization {
            let _ = write!(request, "Authorization: {authorization}\r\n");
        }
        let _ = write!(request, "\r\n{body}");
        let mut stream = TcpStream::connect_timeout(&self.listens, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        parsed(&String::from_utf8_lossy(&answer)).ok_or_else(|| std::io::Error::other("this is not HTTP"))
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.end_runner();
    }
}

fn succeeded(method: &str, path: &str, answer: Answer) -> Result<Value> {
    match answer.status {
        200..300 => Ok(answer.json()),
        status => Err(Error::Refused { asked: format!("{method} {path}"), status, said: answer.body }),
    }
}

fn parsed(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/")?.split(' ').nth(1)?.parse().ok()?;
    let headers =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
    Some(Answer { status, headers, body: body.to_owned() })
}

fn config(folder: &Path) -> PathBuf {
    folder.join("app.ini")
}

/// Runs one of Gitea's own commands to its end.
fn gitea(tools: &ForgeTools, folder: &Path, args: &[&str]) -> Result<String> {
    let mut command = Command::new(tools.gitea());
    command.arg(format!("--config={}", config(folder).display())).arg(format!("--work-path={}", folder.display())).args(args);
    run(alone(&mut command, folder))
}

/// With nothing of this process's environment: no settings of git or of a proxy get in.
fn alone<'a>(command: &'a mut Command, home: &Path) -> &'a mut Command {
    command.env_clear().env("HOME", home).env("TMPDIR", home).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").current_dir(home)
}

fn settings(tools: &ForgeTools, folder: &Path, listens: SocketAddr) -> Result<String> {
    let (at, files) = (folder.display(), tools.gitea_files());
    let (address, port, files) = (listens.ip(), listens.port(), files.display());
    let (secret, internal, jwt) = (random(20)?, random(32)?, jwt_secret()?);
    // Nothing of it asks another machine. `.forgejo` first, as Forgejo has it; Gitea alone would not look there.
    Ok(format!(
        "\
APP_NAME = lab
RUN_MODE = prod
WORK_PATH = {at}
; In a container of CI there is nobody else; what it serves is its own folder.
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true

[server]
PROTOCOL = http
HTTP_ADDR = {address}
HTTP_PORT = {port}
ROOT_URL = http://{listens}/
LOCAL_ROOT_URL = http://{listens}/
STATIC_ROOT_PATH = {files}
APP_DATA_PATH = {at}/data
DISABLE_SSH = true
LFS_START_SERVER = false
OFFLINE_MODE = true

[database]
DB_TYPE = sqlite3
PATH = {at}/data/gitea.db
SQLITE_JOURNAL_MODE = WAL

[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}
INTERNAL_TOKEN = {internal}

[oauth2]
JWT_SECRET = {jwt}

[repository]
ROOT = {at}/data/repositories
DEFAULT_BRANCH = main

[service]
DISABLE_REGISTRATION = true

[picture]
DISABLE_GRAVATAR = true

[indexer]
ISSUE_INDEXER_TYPE = db

[cron.update_checker]
ENABLED = false

[webhook]
ALLOWED_HOST_LIST = loopback

[actions]
ENABLED = true
DEFAULT_ACTIONS_URL = self
WORKFLOW_DIRS = .forgejo/workflows,.gitea/workflows,.github/workflows

[log]
MODE = console
LEVEL = Info
"
    ))
}

/// Letters and digits that nobody can guess.
fn random(bytes: usize) -> Result<String> {
    Ok(random_bytes(bytes)?.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// As Gitea makes it: 32 bytes in base64 for URLs.
fn jwt_secret() -> Result<String> {
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random_bytes(32)?))
}

fn random_bytes(bytes: usize) -> Result<Vec<u8>> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| Error::Invalid(format!("no random bytes: {error}")))?;
    Ok(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let answer =
            parsed("HTTP/1.0 404 Not Found\r\nContent-Type: application/json\r\nX-Total-Count: 7\r\n\r\n{\"message\":\"no\"}").unwrap();
        assert_eq!((answer.status, answer.header("x-total-count")), (404, Some("7")));
        assert_eq!(answer.json()["message"], "no");
        assert_eq!(parsed("HTTP/1.0 204 No Content\r\n\r\n").unwrap().json(), Value::Null);
        assert!(parsed("not HTTP").is_none());
    }
}
