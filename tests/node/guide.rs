//! The worked example of `docs/catalogue.md`: a maintainer's first entry, built and asked for by the page's own commands.
//!
//! The page's `sh` blocks run in order, in a checkout of their own, against the node's cluster. Two `console` blocks say
//! what a registry and a visitor would do, and the test does it in their place: the node is given the image, and the
//! host name is asked.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use kopnams_lab::Binaries;
use serde_json::Value;

use crate::house::{House, documents, import_images, on_the_node};
use crate::kit::text;

const PAGE: &str = "docs/catalogue.md";
/// The catalogue that the page builds, and the request that it writes.
const CATALOGUE: &str = "build/mans-katalogs";
const REQUEST: &str = "delis.yaml";
/// How long the commands between two stops may take, in seconds: the packages of an image may have to be fetched first.
const LIMIT: &str = "900";

#[test]
fn the_worked_example_of_the_page_on_catalogues_answers() {
    on_the_node("the page on catalogues", async |house| {
        let text = fs::read_to_string(PAGE).unwrap();
        let folder = checkout();
        let (mut commands, mut given, mut asked) = (Vec::new(), 0, 0);
        for block in blocks(&text) {
            match block.language {
                "sh" => commands.push(block),
                "console" if block.text().contains("skopeo copy") => {
                    run(house, folder.path(), &std::mem::take(&mut commands));
                    import_images(&house.node, &folder.path().join(CATALOGUE));
                    given += 1;
                }
                "console" if block.text().contains("curl https://") => {
                    run(house, folder.path(), &std::mem::take(&mut commands));
                    let url = block.text().split_whitespace().find_map(|word| word.strip_prefix("https://")).unwrap().to_owned();
                    let (host, path) = url.split_once('/').unwrap();
                    shows(house, host, &format!("/{path}"), &request(folder.path())).await;
                    asked += 1;
                }
                "yaml" => drop(serde_yaml::from_str::<Value>(&block.text()).unwrap()),
                _ => {}
            }
        }
        run(house, folder.path(), &commands);
        assert_eq!((given, asked), (1, 1), "the page says once how the image is given and once how the system is asked");
        // The page's last commands have changed the request, and the system follows.
        let changed = request(folder.path());
        shows(house, text_of(&changed, "/spec/hostname"), "/", &changed).await;
    });
}

/// A block of the page: its language, the line after its fence, and its lines.
struct Block<'a> {
    language: &'a str,
    first: usize,
    lines: Vec<&'a str>,
}

impl Block<'_> {
    fn text(&self) -> String {
        self.lines.join("\n")
    }
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut found: Vec<Block<'_>> = Vec::new();
    let mut inside = false;
    for (number, line) in page.lines().enumerate() {
        match (line.strip_prefix("```"), inside) {
            (Some(language), false) => {
                found.push(Block { language, first: number + 1, lines: Vec::new() });
                inside = true;
            }
            (Some(_), true) => inside = false,
            (None, true) => found.last_mut().unwrap().lines.push(line),
            (None, false) => {}
        }
    }
    assert!(!inside, "{PAGE}: a block is not closed");
    found
}

/// The checkout as a maintainer sees it; what the page writes and builds stays out of the real one.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(".").unwrap().flatten().filter(|entry| entry.file_name() != "build" && entry.file_name() != "target") {
        std::os::unix::fs::symlink(fs::canonicalize(entry.path()).unwrap(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}

/// Runs blocks as one bash script in which each line has the number that it has in the page.
fn run(house: &House, folder: &Path, blocks: &[Block<'_>]) {
    let mut script = vec![r#"set -euo pipefail; trap 'echo "$0:$LINENO: this failed: $BASH_COMMAND" >&2' ERR"#];
    for block in blocks {
        script.resize(block.first, "");
        script.extend(&block.lines);
    }
    assert!(script.len() > 1, "{PAGE}: there is nothing to run before a stop");
    let file = folder.join(".page");
    fs::write(&file, script.join("\n") + "\n").unwrap();
    let programs = PathBuf::from(env!("CARGO_BIN_EXE_kopnams")).parent().unwrap().to_owned();
    assert!(programs.join("kopnams-images").exists(), "{} has no kopnams-images: run `make catalogue` first", programs.display());
    let mut path = vec![programs, Binaries::ensure().unwrap().folder().to_owned()];
    path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
    let output = Command::new("timeout")
        .args(["--kill-after=5", LIMIT, "bash", "-c", r#"exec 2>&1; source "$1""#, PAGE])
        .arg(&file)
        .current_dir(folder)
        .env("PATH", env::join_paths(path).unwrap())
        .env("KUBECONFIG", house.world.lab.kubeconfig())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{PAGE} does not work ({}); it said\n{said}", output.status);
}

/// The request that the page has written.
fn request(folder: &Path) -> Value {
    documents(&folder.join(REQUEST)).remove(0)
}

fn text_of<'a>(object: &'a Value, path: &str) -> &'a str {
    let found = text(object, path);
    assert!(!found.is_empty(), "{REQUEST} has no {path}");
    found
}

/// Waits until the host name of the request answers 200 with the request's texts.
async fn shows(house: &House, host: &str, path: &str, request: &Value) {
    assert_eq!(host, text_of(request, "/spec/hostname"));
    let texts = ["title", "notice"].map(|name| escaped(text_of(request, &format!("/spec/parameters/{name}"))));
    house
        .world
        .within(Duration::from_mins(1), &format!("http://{host}{path} shows {texts:?}"), async || match house.node.get(host, path) {
            Ok(answer) if answer.status == 200 && texts.iter().all(|text| answer.body.contains(text)) => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
}

/// A text as a page shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
