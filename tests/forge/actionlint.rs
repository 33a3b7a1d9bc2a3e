//! The workflows that are copied out of `examples/requests-repo/`, read by actionlint.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kopnams_lab::ForgeTools;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where the workflows are: GitHub's, and those of Forgejo and Gitea, of which one is enough.
const GITHUB: &[&str] = &["examples/requests-repo/.github/workflows"];
const OTHERS: &[&str] = &["examples/requests-repo/.forgejo/workflows", "examples/requests-repo/.gitea/workflows"];

#[test]
fn the_workflows_of_the_requests_repository_have_no_fault() {
    let Some(tools) = ForgeTools::ensure_or_skip("the workflows by actionlint").unwrap() else { return };
    for folders in [GITHUB, OTHERS] {
        let files: Vec<PathBuf> = folders.iter().flat_map(|folder| workflows(&Path::new(ROOT).join(folder))).collect();
        assert!(!files.is_empty(), "there is no workflow in {folders:?}");
        let output = actionlint(&tools, &files);
        assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn actionlint_finds_what_a_stranger_could_write_into_a_script() {
    let Some(tools) = ForgeTools::ensure_or_skip("actionlint").unwrap() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.yml");
    let workflow = "\
on: pull_request_target
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - run: echo '${{ github.event.pull_request.title }}'
";
    fs::write(&file, workflow).unwrap();
    let output = actionlint(&tools, &[file]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success());
    assert!(said.contains("github.event.pull_request.title") && said.contains("untrusted"), "{said}");
}

/// Without shellcheck and pyflakes, which one machine has and another has not.
fn actionlint(tools: &ForgeTools, files: &[PathBuf]) -> Output {
    // What a runner is called is each forge's own: `docker` is Forgejo's.
    let labels = r#"label "docker" is unknown"#;
    Command::new(tools.actionlint()).args(["-ignore", labels, "-no-color", "-shellcheck=", "-pyflakes="]).args(files).output().unwrap()
}

fn workflows(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|extension| extension == "yml" || extension == "yaml"))
        .collect();
    files.sort();
    files
}
