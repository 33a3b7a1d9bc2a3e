//! The alert rules: promtool reads them, and each fires when it should and is quiet when it should.
//!
//! promtool is taken from the PATH, or else from Debian's package `prometheus`, which is unpacked into the cache and not
//! installed, so that no service starts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_yaml::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const RULES: &str = "charts/kopnams/rules/kopnams.rules.yaml";
/// Alerts that concern no single app, with the label that says what they concern, if there is one.
const OF_NO_APP: [(&str, Option<&str>); 5] = [
    ("TargetBreakerOpen", Some("target")),
    ("RunsParked", Some("target")),
    ("DrillCannotFail", Some("target")),
    ("DrillCanarySilent", Some("target")),
    ("OperatorAbsent", None),
];

#[test]
fn promtool_accepts_the_rules() {
    let Some(promtool) = promtool() else { return };
    run(Command::new(promtool).args(["check", "rules", RULES]));
}

#[test]
fn every_rule_fires_and_is_quiet_as_its_tests_say() {
    let Some(promtool) = promtool() else { return };
    let files = tests();
    assert!(!files.is_empty(), "there is no file in tests/alerts");
    run(Command::new(promtool).args(["test", "rules"]).args(files));
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_all_is_well() {
    let mut fires: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut quiet: BTreeSet<String> = BTreeSet::new();
    for file in tests() {
        let file = read(&file);
        for group in list(&file, "tests") {
            let cases = list(&group, "alert_rule_test");
            // An alert that is quiet in a group where it fires at another time only shows that it waits.
            let loud: BTreeSet<String> =
                cases.iter().filter(|case| !list(case, "exp_alerts").is_empty()).map(|case| text(case, "alertname")).collect();
            for case in cases {
                let name = text(&case, "alertname");
                let expected = list(&case, "exp_alerts");
                if !expected.is_empty() {
                    fires.entry(name).or_default().extend(expected);
                } else if !loud.contains(&name) && !list(&group, "input_series").is_empty() {
                    quiet.insert(name);
                }
            }
        }
    }
    let alerts: BTreeSet<String> = alerts().iter().map(|alert| text(alert, "alert")).collect();
    assert!(alerts.len() >= 14, "{alerts:?}");
    assert_eq!(fires.keys().cloned().collect::<BTreeSet<_>>(), alerts, "an alert without a case in which it fires, or a case of none");
    assert_eq!(quiet, alerts, "an alert without a case in which it is quiet, or a case of none");
    for (name, expected) in fires {
        for alert in expected {
            let has = |label: &str| alert.get("exp_labels").and_then(|labels| labels.get(label)).is_some();
            match OF_NO_APP.iter().find(|(other, _)| *other == name) {
                Some((_, label)) => assert!(label.is_none_or(has), "{name} does not say what it concerns"),
                None => assert!(["municipality", "app", "class"].into_iter().all(has), "{name} does not say whose app it is"),
            }
        }
    }
}

#[test]
fn every_alert_says_what_it_means_and_whom_it_concerns() {
    for alert in alerts() {
        let name = text(&alert, "alert");
        let annotations = alert.get("annotations").unwrap();
        let (summary, description) = (text(annotations, "summary"), text(annotations, "description"));
        assert!(summary.len() > 20 && description.len() > 80, "{name}: {summary} {description}");
        let severity = alert.get("labels").map(|labels| text(labels, "severity")).unwrap();
        assert!(["critical", "warning"].contains(&severity.as_str()), "{name}: {severity}");
        let named = format!("{summary} {description}");
        let app = named.contains("$labels.municipality") && named.contains("$labels.app");
        assert!(app || OF_NO_APP.iter().any(|(other, _)| *other == name), "{name} does not say whose app it is");
    }
}

/// The expressions speak of no gauge that has not been agreed upon, or they could never fire.
#[test]
fn the_expressions_speak_of_gauges_that_exist() {
    let known: BTreeSet<&str> = [
        "kopnams_backup_created_timestamp_seconds",
        "kopnams_backup_last_success_timestamp_seconds",
        "kopnams_backup_rpo_seconds",
        "kopnams_backup_copied_timestamp_seconds",
        "kopnams_backup_copy_age_seconds",
        "kopnams_backup_uncovered_volumes",
        "kopnams_backup_set_suspicious",
        "kopnams_restore_verified_recovery_point_timestamp_seconds",
        "kopnams_restore_drill_every_seconds",
        "kopnams_restore_drill_failed",
        "kopnams_backup_sets_missing",
        "kopnams_restore_drill_cannot_fail",
        "kopnams_restore_drill_canary_failed_timestamp_seconds",
        "kopnams_retention_past_ceiling",
        "kopnams_retention_held",
        "kopnams_retention_floor_broken",
        "kopnams_target_breaker_open",
        "kopnams_backup_final_held",
        "kopnams_backup_key_not_escrowed",
        "kopnams_backup_runs_parked",
        "kopnams_build_info",
    ]
    .into();
    let expressions: Vec<String> = alerts().iter().map(|alert| text(alert, "expr")).collect();
    let words = expressions.iter().flat_map(|expression| expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    assert_eq!(words.filter(|word| word.starts_with("kopnams_")).collect::<BTreeSet<_>>(), known);
    let registered = include_str!("../src/controller/metrics/backups.rs");
    for gauge in known {
        let name = gauge.strip_prefix("kopnams_").unwrap();
        assert!(registered.contains(&format!("\"{name}\"")), "the operator has no gauge {gauge}");
    }
}

fn tests() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(Path::new(ROOT).join("tests/alerts")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

fn alerts() -> Vec<Value> {
    let rules = read(&Path::new(ROOT).join(RULES));
    list(&rules, "groups").iter().flat_map(|group| list(group, "rules")).collect()
}

fn read(file: &Path) -> Value {
    serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn list(value: &Value, name: &str) -> Vec<Value> {
    value.get(name).and_then(Value::as_sequence).cloned().unwrap_or_default()
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Runs a command in the repository; what it says is shown if it fails.
fn run(command: &mut Command) {
    let out = command.current_dir(ROOT).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}: {}\n{said}", out.status);
}

/// promtool; none, loudly, where it can be had neither from the PATH nor from Debian.
fn promtool() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH")
        .and_then(|path| std::env::split_paths(&path).map(|folder| folder.join("promtool")).find(|file| file.is_file()));
    if on_path.is_some() {
        return on_path;
    }
    let cache = std::env::var_os("KOPNAMS_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/kopnams")));
    let folder = cache.expect("neither KOPNAMS_CACHE nor HOME is set").join("promtool");
    let file = folder.join("usr/bin/promtool");
    if file.is_file() {
        return Some(file);
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        let why = "the alert rules are not tested: there is no promtool on the PATH and no apt-get to have it from";
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}, and CI=true allows no skipping");
        eprintln!("SKIPPED: {why}");
        return None;
    }
    fetch(&folder);
    Some(file)
}

/// Unpacks Debian's package into a folder. Tests that do so at the same time do not disturb each other.
fn fetch(folder: &Path) {
    fs::create_dir_all(folder.parent().unwrap()).unwrap();
    let making = tempfile::tempdir_in(folder.parent().unwrap()).unwrap();
    let download = || Command::new("apt-get").args(["--quiet", "download", "prometheus"]).current_dir(making.path()).output().unwrap();
    if !download().status.success() {
        // The list of packages is missing or old; only root may read it anew.
        let _ = Command::new("apt-get").args(["--quiet", "update"]).output().unwrap();
        let out = download();
        assert!(out.status.success(), "apt-get download prometheus: {}", String::from_utf8_lossy(&out.stderr));
    }
    let package =
        fs::read_dir(making.path()).unwrap().map(|entry| entry.unwrap().path()).find(|file| file.extension().is_some_and(|e| e == "deb"));
    let unpacked = making.path().join("unpacked");
    run(Command::new("dpkg-deb").arg("--extract").arg(package.expect("apt-get has downloaded a package")).arg(&unpacked));
    if fs::rename(&unpacked, folder).is_err() {
        assert!(folder.join("usr/bin/promtool").is_file(), "{} cannot be made", folder.display());
    }
}
