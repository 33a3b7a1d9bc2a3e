//! What is left unread decides about nothing.

use super::*;
use crate::cli::screen::Screen;
use crate::request::explain::Language;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;

/// A file and what is written into it; without a text it is removed.
type Edit<'a> = (&'a str, Option<&'a str>);

/// A repository with the good examples, on the branch `main`.
struct Repository(tempfile::TempDir);

impl Repository {
    fn new() -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        for part in ["examples/platform", "examples/requests/municipalities"] {
            assert!(Command::new("cp").args(["-r", part]).arg(made.0.path()).status().unwrap().success());
        }
        made.git(&["init", "--quiet", "--initial-branch=main"]);
        made.commit();
        made
    }

    fn git(&self, args: &[&str]) {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=test", "-c", "user.email=test@example.lv", "-c", "commit.gpgsign=false"]).args(args);
        command.current_dir(self.0.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        assert!(command.status().unwrap().success(), "{args:?}");
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message=x"]);
    }

    /// The plan of a change of `main`, in which each file is written anew or, without a text, removed.
    fn sides(&self, files: &[Edit<'_>]) -> Sides {
        self.git(&["checkout", "--quiet", "-B", "pr", "main"]);
        for (path, text) in files {
            let file = self.0.path().join(path);
            match text {
                Some(text) => {
                    fs::create_dir_all(file.parent().unwrap()).unwrap();
                    fs::write(file, text).unwrap();
                }
                None => fs::remove_file(file).unwrap(),
            }
        }
        self.commit();
        snapshots("main", "pr", self.0.path()).unwrap()
    }
}

/// What a plan says, but for what it counts in what was read.
fn said((change, base, head): &(Change, Side, Side)) -> Value {
    let sheet = sheet::Sheet::of(change, base.clone(), head.clone());
    json!([sheet.hash, sheet.risks, sheet.municipalities, sheet.findings, sheet.decided, change.is_refused()])
}

fn request(slug: &str, name: &str, more: &str) -> String {
    format!(
        "apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {{name: {name}, namespace: {slug}}}\nspec: {{system: website, parameters: {{siteTitle: a}}{more}}}\n"
    )
}

#[test]
fn the_folders_that_a_change_touches_are_enough_to_judge_it() {
    let repository = Repository::new();
    let kuldiga = "municipalities/kuldigas-novads/majaslapa.yaml";
    let there = fs::read_to_string(repository.0.path().join(kuldiga)).unwrap();
    let (good, large, taken) = (
        request("balvu-novads", "vietne", ""),
        request("balvu-novads", "vietne", ", size: large"),
        request("liepaja", "cita", ", hostname: www.kuldiga.example.lv"),
    );
    let twice = request("kuldigas-novads", "cita", ", hostname: www.kuldiga.example.lv");
    let elsewhere = request("liepaja", "vietne", "");
    let class = fs::read_to_string("examples/platform/10-dataclasses.yaml").unwrap();
    let (class, _) = class.split_once("\n---\n").unwrap();
    let many: Vec<(String, String)> = (0..40)
        .map(|n| (format!("municipalities/balvu-novads/v{n}.yaml"), request("balvu-novads", &format!("v{n}"), ", size: large")))
        .collect();
    let many: Vec<Edit<'_>> = many.iter().map(|(path, text)| (path.as_str(), Some(text.as_str()))).collect();
    let new = "municipalities/balvu-novads/vietne.yaml";
    let changes: Vec<(&str, Vec<Edit<'_>>)> = vec![
        ("nothing", vec![]),
        ("a first request of a town", vec![(new, Some(&good))]),
        ("a large one", vec![(new, Some(&large))]),
        ("more than the allotment", many),
        ("a removal", vec![(kuldiga, None)]),
        ("a host name that is outside", vec![("municipalities/liepaja/cita.yaml", Some(&taken))]),
        ("a host name of the same town", vec![("municipalities/kuldigas-novads/cita.yaml", Some(&twice))]),
        ("a request of another town", vec![("municipalities/kuldigas-novads/vietne.yaml", Some(&elsewhere))]),
        ("no YAML", vec![(kuldiga, Some("a: [1\n"))]),
        ("what concerns everybody", vec![("municipalities/kuldigas-novads/klase.yaml", Some(class))]),
        ("what is no request", vec![("municipalities/kuldigas-novads/README.md", Some("a"))]),
        ("a folder in the folder", vec![("municipalities/kuldigas-novads/more/cita.yaml", Some(&twice))]),
        ("a town that is none", vec![("municipalities/Kuldīga/vietne.yaml", Some(&good))]),
        ("two towns", vec![(new, Some(&good)), (kuldiga, None)]),
    ];
    let mut said_all = Vec::new();
    for (what, files) in changes {
        let sides = repository.sides(&files);
        let slugs = narrow::only_in(sides.base(), &sides.head).unwrap_or_else(|| panic!("{what} is in folders of municipalities"));
        assert!(sides.base().narrowed(&slugs).nodes.len() < sides.base().nodes.len(), "{what}");
        let narrow = compare_snapshots(&sides, &[], Layout::Auto).unwrap();
        let shared = Tree::default();
        let (base, head) = both(sides.base(), &sides.head, &shared, Layout::Auto).unwrap();
        let full = between(base, head, shared).unwrap();
        assert_eq!(said(&narrow), said(&full), "{what}");
        let count = |(change, ..): &(Change, Side, Side)| change.before.counts.get("requests").copied().unwrap_or(0);
        let whole = what.contains("another town") || what.contains("town that is none") || what.contains("everybody");
        assert_eq!(count(&narrow) < count(&full), !whole, "{what}: {} of {}", count(&narrow), count(&full));
        said_all.push(said(&narrow));
    }
    let refused = said_all.iter().filter(|said| said[5] == true).count();
    assert!(refused >= 6 && said_all.len() - refused >= 5, "{refused} of {} are refused", said_all.len());

    // What lies elsewhere may decide about everybody.
    for path in ["platform/municipalities/kuldigas-novads.yaml", "access.yaml", "municipalities/stray.yaml", "README.md"] {
        let sides = repository.sides(&[(path, Some(&there))]);
        assert_eq!(narrow::only_in(sides.base(), &sides.head), None, "{path}");
        let sides = repository.sides(&[(path, Some(&there)), (kuldiga, None)]);
        assert_eq!(narrow::only_in(sides.base(), &sides.head), None, "{path} and a request");
    }
}

#[test]
fn what_lies_wrong_in_the_base_is_judged_as_a_whole_when_it_goes() {
    let repository = Repository::new();
    let (path, wrong) = ("municipalities/kuldigas-novads/sistema.yaml", "examples/platform/systems/council-meetings.yaml");
    fs::copy(wrong, repository.0.path().join(path)).unwrap();
    fs::remove_file(repository.0.path().join("platform/systems/council-meetings.yaml")).unwrap();
    repository.commit();
    // Others' requests live by it.
    let sides = repository.sides(&[(path, None)]);
    let (change, ..) = compare_snapshots(&sides, &[], Layout::Auto).unwrap();
    assert!(change.is_refused() && change.new.iter().any(|finding| finding.code.as_str() == "SystemUnknown"), "{:?}", change.new);
    // Nothing is said of a repository of which nothing is known.
    let repository = Repository::new();
    repository.git(&["rm", "-r", "--quiet", "platform"]);
    repository.commit();
    let sides = repository.sides(&[("municipalities/balvu-novads/vietne.yaml", Some(&request("balvu-novads", "vietne", "")))]);
    let (change, ..) = compare_snapshots(&sides, &[], Layout::Auto).unwrap();
    assert!(change.after.undecided && change.after.counts["requests"] > 5, "{:?}", change.after.counts);
}

#[test]
fn a_cluster_is_compared_with_what_main_is_now_whatever_it_is_that_changes() {
    let repository = Repository::new();
    repository.git(&["checkout", "--quiet", "-B", "pr", "main"]);
    let own = repository.0.path().join("municipalities/liepaja");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("sava.yaml"), request("liepaja", "sava", "")).unwrap();
    repository.commit();
    // Meanwhile main goes on, and the cluster with it.
    repository.git(&["checkout", "--quiet", "main"]);
    let later = repository.0.path().join("municipalities/balvu-novads");
    fs::create_dir_all(&later).unwrap();
    fs::write(later.join("jauna.yaml"), request("balvu-novads", "jauna", "")).unwrap();
    repository.commit();
    let mut live = read::read(&[repository.0.path().to_path_buf()]).unwrap();
    for document in live.documents.iter_mut().filter(|document| document.is_request()) {
        std::sync::Arc::make_mut(document).value["status"] = json!({"grant": {}});
    }
    let drift = |live: &Tree| {
        let (change, ..) = compare("main", "pr", repository.0.path(), &[], Layout::Auto, Some(live)).unwrap();
        let said: Vec<String> = change.drift.unwrap().iter().map(|((town, app), drift)| format!("{town} {app:?} {drift:?}")).collect();
        said
    };
    assert_eq!(drift(&live), Vec::<String>::new());
    let all = live.clone();
    // What is otherwise somewhere else than where the change is.
    live.documents.retain(|document| document.name() != "majaslapa" || document.namespace() != "kuldigas-novads");
    assert_eq!(drift(&live), ["kuldigas-novads Some(\"majaslapa\") Missing"]);
    let told = |live: &Tree| {
        let (change, base, head) = compare("main", "pr", repository.0.path(), &[], Layout::Auto, Some(live)).unwrap();
        let sheet = sheet::Sheet::of(&change, base, head);
        let narrow = Screen { width: Some(60), colour: false };
        (text::text(&sheet, Language::En, narrow), markdown::markdown(&sheet, Language::Lv), sheet.hash)
    };
    // A text that the cluster's parameters steer nobody's terminal with.
    let document = live.documents.iter_mut().find(|document| document.name() == "jauna").unwrap();
    std::sync::Arc::make_mut(document).value["spec"]["parameters"]["siteTitle"] = json!("b\u{1b}[31m");
    let (text, comment, hash) = told(&live);
    for part in [
        "The cluster has it otherwise than main\n",
        "  ≠ balvu-novads/jauna is asked for otherwise on the cluster\n    (cluster → file)\n      parameters.siteTitle: b [31m -> a\n",
        "  ≠ kuldigas-novads/majaslapa is not on the cluster\n",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(comment.contains("**Klasterī ir citādi nekā `main`**"), "{comment}");
    assert!(comment.contains("- ≠ `kuldigas-novads/majaslapa` klasterī nav\n"), "{comment}");
    assert_eq!(hash, told(&all).2, "it is the same plan");
    let there = told(&all).0;
    assert!(there.contains("The cluster has all requests and municipalities as they are\nin main."), "{there}");
    // Half of what a cluster holds is not compared.
    let (_, broken) = read::parse("live.yaml", 0, b"items: [");
    live.findings = broken;
    let refused = compare("main", "pr", repository.0.path(), &[], Layout::Auto, Some(&live)).unwrap_err().to_string();
    assert!(refused.starts_with("live.yaml:2: this is not YAML"), "{refused}");
}
