//! The platform that pages are made of here, and the page's scripts in one process of Node.

use kopnams::policy::Register;
use kopnams::request::check::Definitions;
use kopnams::request::read;
use kopnams::review::review;
use kopnams::site::{self, Files, forge::Forge};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

pub static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| Definitions::compile().unwrap());

/// The example platform, and entries with everything that a schema may hold.
pub const PLATFORM: [&str; 2] = ["examples/platform", "tests/page/odd.yaml"];

/// The platform's objects, all in order.
pub fn register(paths: &[&str]) -> Register {
    let paths: Vec<PathBuf> = paths.iter().map(|path| Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).collect();
    let review = review(&read::read(&paths).unwrap(), None, &DEFINITIONS, jiff::Timestamp::UNIX_EPOCH);
    assert!(!review.is_refused(), "{:?}", review.findings);
    review.register
}

/// A site, written down.
pub fn written(files: &Files) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    kopnams::cli::request_page::write(folder.path(), files).unwrap();
    folder
}

pub fn site(register: &Register, forge: Option<&Forge>) -> Files {
    site::build(register, forge).unwrap()
}

/// Asks the page's scripts, in one process; none, loudly, where there is no Node, which in CI is an error.
pub fn ask(site: &Path, questions: &[Value]) -> Option<Vec<Value>> {
    let node = node()?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/judge.cjs");
    let mut child = Command::new(node).arg(script).arg(site).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let text = questions.iter().fold(String::new(), |text, question| text + &question.to_string() + "\n");
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let output = BufReader::new(child.stdout.take().unwrap());
    let answers: Vec<Value> = output.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(answers.len(), questions.len());
    Some(answers)
}

fn node() -> Option<PathBuf> {
    let on_path = std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join("node")).find(|file| file.is_file());
    if on_path.is_some() {
        return on_path;
    }
    if let Err(error) = kopnams_lab::node::install(&[("/usr/bin/node", "nodejs")]) {
        skipped(&format!("the scripts of the request page: {error}"));
        return None;
    }
    Some("/usr/bin/node".into())
}

/// Says what is not tested; with CI=true that is an error.
pub fn skipped(what: &str) {
    assert!(!kopnams_lab::node::ci(), "{what}, and CI=true allows no skipping");
    // The test harness keeps what is printed with macros to itself when the test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}
