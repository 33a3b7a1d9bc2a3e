//! Every example of a refusal is refused for its reason, and every good example is not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail by unwrapping")]

use jiff::Timestamp;
use kopnams::policy::Reason;
use kopnams::request::check::Definitions;
use kopnams::request::read::{self, Finding};
use kopnams::review::{Outcome, Review, review};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| Definitions::compile().unwrap());

/// A file of `examples/rejected` with what its first line expects.
struct Example {
    file: PathBuf,
    reason: String,
    object: String,
}

fn examples() -> Vec<Example> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            if path.is_dir() {
                walk(&path, found);
            } else if path.file_name().unwrap() != "live.yaml" {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(Path::new("examples/rejected"), &mut files);
    let expected = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let line = text.lines().next().and_then(|line| line.strip_prefix("# expect: "));
        let (reason, object) =
            line.and_then(|line| line.split_once(' ')).unwrap_or_else(|| panic!("{} begins without # expect", file.display()));
        Example { reason: reason.into(), object: object.into(), file }
    };
    files.into_iter().map(expected).collect()
}

fn reviewed(paths: &[&Path], live: Option<&Path>) -> Review {
    let paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
    let live = live.map(|file| read::read_live(file).unwrap());
    review(&read::read(&paths).unwrap(), live.as_ref(), &DEFINITIONS, Timestamp::UNIX_EPOCH)
}

fn beside_the_platform(example: &Example) -> Review {
    let live = example.file.with_file_name("live.yaml");
    reviewed(&[Path::new("examples/platform"), &example.file], live.exists().then_some(&*live))
}

#[test]
fn every_rejected_example_shows_its_reason_on_its_object() {
    let examples = examples();
    assert!(examples.len() > 50);
    for Example { file, reason, object } in &examples {
        let review = beside_the_platform(&Example { file: file.clone(), reason: reason.clone(), object: object.clone() });
        let expected =
            |finding: &Finding| finding.code.as_str() == reason && finding.object == *object && Path::new(&*finding.file) == file;
        assert!(review.findings.iter().any(expected), "{file:?} does not show {reason} on {object}: {:#?}", review.findings);
        let named = file.strip_prefix("examples/rejected").unwrap().to_string_lossy().starts_with(reason.as_str());
        assert!(named, "{file:?} is not named after {reason}");
    }
}

#[test]
fn the_good_examples_are_all_granted() {
    let review = reviewed(&[Path::new("examples/platform"), Path::new("examples/requests")], None);
    assert_eq!(review.findings, []);
    assert!(review.counts["requests"] >= 12 && review.counts["municipalities"] == 43 && review.counts["systems"] >= 6);
    assert!(review.apps.values().all(|outcome| matches!(outcome, Outcome::Created(_))));
}

#[test]
fn every_reason_that_files_can_show_has_an_example() {
    // These are about what happens on a cluster.
    let elsewhere = [Reason::DeedKeyLost, Reason::ObjectUnreadable, Reason::RemovalHeld, Reason::AppsRemain];
    let shown: BTreeSet<String> = examples().into_iter().map(|example| example.reason).collect();
    let missing: Vec<_> = Reason::ALL.iter().filter(|r| !elsewhere.contains(r) && !shown.contains(r.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn findings_point_at_the_line_to_mend() {
    let expected = [
        ("FieldInvalid-code-without-quotes", (7, 9)),
        ("FieldInvalid-unknown", (8, 3)),
        ("FieldInvalid-missing", (6, 1)),
        ("NameInvalid-too-long", (5, 18)),
        ("HostnameOutsideZones", (8, 13)),
        ("QuantityInvalid-negative", (10, 33)),
        ("SizeUnknown-default", (12, 16)),
        ("PeerInvalid-cidr", (11, 25)),
        ("EgressUnknown", (14, 24)),
        ("AllotmentExceeded", (19, 9)),
    ];
    let examples = examples();
    for (name, place) in expected {
        let example = examples.iter().find(|e| e.file.file_stem().unwrap() == name).unwrap();
        let review = beside_the_platform(example);
        let finding = review.findings.iter().find(|f| f.code.as_str() == example.reason).unwrap();
        assert_eq!((finding.line, finding.column), place, "{name}: {finding:?}");
    }
}

#[test]
fn what_is_wrong_with_a_request_is_said_in_latvian_too() {
    let mut seen = 0;
    for example in examples() {
        for finding in beside_the_platform(&example).findings.iter().filter(|finding| finding.object.starts_with("MunicipalityApp/")) {
            let latvian = finding.latvian.as_deref().unwrap_or_default();
            assert!(!latvian.is_empty(), "{:?}: {} has no Latvian: {}", example.file, finding.code, finding.message);
            assert_ne!(latvian, finding.message, "{:?}", example.file);
            seen += 1;
        }
    }
    assert!(seen > 25, "{seen}");
}
