//! Every `sh` block of the documentation runs: page by page, each on an empty lab of its own, its blocks in order.
//!
//! A page becomes one bash script in which every line that is not in an `sh` block is empty, so that bash itself names
//! the page's line when something fails. The operator's pods are run by a stand-in for the node, as the Deployment says
//! and with the rights that the chart gives. Blocks that are not to be run here are marked `console`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use kopnams::request::explain::{Language, dedented, example, explain};
use kopnams::request::read::Code;
use kopnams_lab::{Binaries, Lab, LabOptions, StandIn, Tools};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// The pages that have commands to run. One test each, below.
const PAGES: [&str; 4] = ["README.md", "docs/admins.md", "docs/municipalities.md", "docs/security.md"];
/// Pages whose commands are run elsewhere: the worked example of docs/catalogue.md builds an image and waits until the
/// system answers, which needs a node; tests/node/guide.rs runs it on one. What docs/backups.md says for after a disaster
/// needs a bucket and no cluster; tests/runner/disaster.rs runs it.
const ELSEWHERE: [&str; 2] = ["docs/catalogue.md", "docs/backups.md"];
/// How long a page may take, in seconds.
const LIMIT: &str = "600";

#[test]
fn the_readme_works() {
    run("README.md");
}

#[test]
fn the_page_for_admins_works() {
    run("docs/admins.md");
}

#[test]
fn the_page_for_municipalities_works() {
    run("docs/municipalities.md");
}

#[test]
fn the_page_on_security_works() {
    run("docs/security.md");
}

#[test]
fn every_page_with_commands_is_run() {
    let with_commands: BTreeSet<String> = pages().into_iter().filter(|page| script(page).is_some()).collect();
    let run: BTreeSet<String> = PAGES.into_iter().chain(ELSEWHERE).map(String::from).collect();
    assert_eq!(with_commands, run, "a page with `sh` blocks needs a test here, and one without needs none");
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut broken = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(Path::new(ROOT).join(&page)).unwrap();
        let folder = Path::new(ROOT).join(&page).parent().unwrap().to_owned();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let file = target.split('#').next().unwrap();
            if !folder.join(file).exists() {
                broken.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Every file of code, of the program and of its tests.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = ["src", "tests", "fuzz/src", "fuzz/tests"].map(|folder| Path::new(ROOT).join(folder)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The page on security names a test for each statement.
#[test]
fn the_tests_that_pages_name_exist() {
    let code: String = sources().iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let page = fs::read_to_string(Path::new(ROOT).join("docs/security.md")).unwrap();
    let is_test =
        |word: &&str| word.matches('_').count() > 1 && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let missing: Vec<&str> =
        page.split('`').skip(1).step_by(2).filter(is_test).filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "docs/security.md names tests that do not exist: {missing:?}");
}

/// What can go wrong with backups, by the numbers that tests bear in the line above them.
const MODES: [&str; 30] = [
    "a pack is damaged in the bucket",
    "there is no room to restore into",
    "a file cannot be read",
    "a volume that had files has none",
    "a claim is pending, or nobody knows it",
    "a dump fails near its end",
    "two databases have containers of one name",
    "the runner is killed before the manifest",
    "a lock is held by a process that is gone",
    "the operator is killed at the slot, or loses its lease",
    "the operator is down for five slots",
    "six hundred apps are due at once",
    "the target is away for hours",
    "the target refuses, or the key is wrong",
    "the bucket was emptied",
    "the app's quota is full",
    "the pod moves to another node",
    "the image cannot be had",
    "several volumes are restored at once",
    "there is no set from before that time",
    "the set of a drill is old",
    "the damaged copy of the canary",
    "what a drill starts wants to reach somebody",
    "what a drill started is left behind",
    "a run has been taken over",
    "an app is removed while the target is away",
    "junk and future dates in the repository",
    "any history of sets at all",
    "the ceiling is reached while backups fail",
    "kopnams is gone",
];

#[test]
fn each_failure_mode_of_backups_has_a_test_that_bears_its_number() {
    let mut found = BTreeSet::new();
    for file in sources() {
        let text = fs::read_to_string(file).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(comment) = line.strip_prefix("/// F") else { continue };
            let tested = lines[at + 1..].iter().find(|line| !line.starts_with("///")).is_some_and(|line| line.contains("test"));
            let words = format!("F{comment}");
            let numbers =
                words.split(|c: char| !c.is_ascii_alphanumeric()).filter_map(|word| word.strip_prefix('F')?.parse::<usize>().ok());
            found.extend(numbers.filter(|_| tested));
        }
    }
    let missing: Vec<String> =
        (1..=MODES.len()).filter(|number| !found.contains(number)).map(|number| format!("F{number}: {}", MODES[number - 1])).collect();
    assert_eq!(missing, Vec::<String>::new());
}

/// `docs/findings.md` is made from the explanations in the code: `make generate` writes it, and this test says when it is old.
#[test]
fn the_list_of_findings_is_current() {
    let file = Path::new(ROOT).join("docs/findings.md");
    let fresh = findings();
    if std::env::var_os("KOPNAMS_GENERATE").is_some() {
        fs::write(&file, fresh).unwrap();
        return;
    }
    assert!(fs::read_to_string(&file).unwrap_or_default() == fresh, "docs/findings.md is old: run `make generate`");
}

fn findings() -> String {
    let mut text = String::from(
        "# Findings\n\n\
         <!-- Generated by `make generate`; do not edit. -->\n\n\
         Every reason for which something is refused or waits. A reason never changes its name. It stands in the conditions of an\n\
         object (`kubectl describe`) and in what `kopnams validate` and `kopnams plan` print, each time with a sentence that says what\n\
         to write instead. `kopnams explain` with a reason says the same as this page. The examples are files that are refused for\n\
         that reason.\n\n\
         *Latviski: katram iemeslam zemāk ir skaidrojums arī latviešu valodā; to pašu parāda `kopnams explain --lang lv`.*\n\n\
         | reason | what it means | example |\n|---|---|---|\n",
    );
    let folder = Path::new(ROOT).join("examples/rejected");
    let mut examples: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    examples.sort();
    for code in Code::all() {
        let belongs = |file: &&String| file.split(['.', '-']).next() == Some(code.as_str());
        let links: Vec<String> = examples.iter().filter(belongs).map(|file| link(file, code.as_str())).collect();
        let links = match (links.is_empty(), code) {
            (false, _) => links.join(", "),
            (true, Code::Refused(_)) => "only on a cluster".to_owned(),
            (true, _) => "only in files".to_owned(),
        };
        let anchor = code.as_str().to_lowercase();
        writeln!(text, "| [`{code}`](#{anchor}) | {} | {links} |", code.meaning()).unwrap();
    }
    for code in Code::all() {
        let (en, lv) = (explain(code, Language::En), explain(code, Language::Lv));
        writeln!(text, "\n## {code}\n\n{} {}\n\n**How to mend it:** {}", en.meaning, en.why, en.mend).unwrap();
        writeln!(text, "\n*Latviski:* {} {}\n\n**Kā labot:** {}", lv.meaning, lv.why, lv.mend).unwrap();
        if let Some(example) = example(code) {
            let (wrong, right) = (dedented(example.wrong), dedented(example.right));
            writeln!(text, "\nWrong / nepareizi (`{}`):\n\n```yaml\n{wrong}```", example.kind).unwrap();
            writeln!(text, "\nRight / pareizi:\n\n```yaml\n{right}```").unwrap();
        }
    }
    text
}

fn link(file: &str, reason: &str) -> String {
    let short = file.trim_end_matches(".yaml").strip_prefix(reason).unwrap_or_default().trim_start_matches('-').replace('-', " ");
    format!("[{}](../examples/rejected/{file})", if short.is_empty() { "example" } else { &short })
}

/// The pages of the documentation, as paths from the root.
fn pages() -> Vec<String> {
    let inside = |folder: &str| {
        let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
        let files = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        files.filter(|file| Path::new(file).extension().is_some_and(|end| end == "md")).map(|file| format!("{folder}{file}")).collect()
    };
    let folders: [Vec<String>; 3] = ["", "docs/", "charts/kopnams/"].map(inside);
    folders.concat()
}

/// The page's commands, each on the line that it has in the page; none if it has no `sh` block.
fn script(page: &str) -> Option<String> {
    let text = fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
    let (mut lines, mut inside, mut found) = (Vec::new(), false, false);
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        let opens = !inside && line.trim() == "```sh";
        lines.push(if inside && !fence { line } else { "" });
        inside = if fence { opens } else { inside };
        found |= opens;
    }
    // The first line of a page is its title, so there is room.
    lines[0] = r#"set -euo pipefail; trap 'echo "$0:$LINENO: this failed: $BASH_COMMAND" >&2' ERR"#;
    found.then(|| lines.join("\n") + "\n")
}

fn run(page: &str) {
    let script = script(page).expect("the page has no `sh` block");
    let lab = Lab::start(LabOptions::default()).unwrap();
    if lab.is_existing_cluster() {
        eprintln!("{page} is not run: it needs a cluster without kopnams, and this one was there before");
        return;
    }
    let program = PathBuf::from(env!("CARGO_BIN_EXE_kopnams"));
    let _node = StandIn::start(lab.kubeconfig(), "localhost/kopnams", &program).unwrap();
    // The checkout as the reader sees it, but files that a page writes stay out of it.
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(ROOT).unwrap().flatten() {
        symlink(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let file = folder.path().join(".page");
    fs::write(&file, script).unwrap();
    let mut path = vec![Binaries::ensure().unwrap().folder().to_owned(), Tools::ensure().unwrap().folder().to_owned()];
    path.push(program.parent().unwrap().to_owned());
    path.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let output = Command::new("timeout")
        .args(["--kill-after=5", LIMIT, "bash", "-c", r#"exec 2>&1; source "$1""#, page])
        .arg(&file)
        .current_dir(folder.path())
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("KUBECONFIG", lab.kubeconfig())
        .env("HOME", folder.path().join(".home"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(40)).fold(String::new(), |text, line| text + line + "\n");
    assert!(output.status.success(), "{page} does not work ({}); the last it said was\n{last}", output.status);
}
