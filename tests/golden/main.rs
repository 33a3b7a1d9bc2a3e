//! What is printed and what is made, word for word: a change of either shows in review.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail by unwrapping")]

use jiff::Timestamp;
use kopnams::cli::language::either;
use kopnams::cli::plan::change::{self, sheet::Side};
use kopnams::cli::plan::{sheet::Sheet, text};
use kopnams::cli::screen::Screen;
use kopnams::cli::{explain, validate};
use kopnams::desired::DesiredSet;
use kopnams::policy::AppKey;
use kopnams::request::check::Definitions;
use kopnams::request::explain::Language;
use kopnams::request::read::layout::Layout;
use kopnams::request::read::{self, Code};
use kopnams::review::change::Change;
use kopnams::review::{Review, review};
use kopnams::site;
use std::path::PathBuf;
use std::sync::LazyLock;

mod requests;

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| Definitions::compile().unwrap());

const PIPE: Screen = Screen { width: None, colour: false };

fn reviewed(paths: &[&str], live: Option<&str>) -> Review {
    let paths: Vec<_> = paths.iter().map(PathBuf::from).collect();
    let live = live.map(|file| read::read_live(file.as_ref()).unwrap());
    review(&read::read(&paths).unwrap(), live.as_ref(), &DEFINITIONS, Timestamp::UNIX_EPOCH)
}

fn yaml(set: &DesiredSet) -> String {
    set.objects().fold(String::new(), |text, object| text + "---\n" + &serde_yaml::to_string(object).unwrap())
}

#[test]
fn validate_of_the_good_examples() {
    insta::assert_snapshot!(validate::text(&reviewed(&["examples/platform", "examples/requests"], None), Language::En, PIPE));
}

#[test]
fn validate_of_every_rejected_example() {
    let mut files: Vec<_> = std::fs::read_dir("examples/rejected").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut out = String::new();
    for file in files.iter().filter(|path| path.is_file()) {
        let review = reviewed(&["examples/platform", &file.to_string_lossy()], None);
        out.push_str(&validate::text(&review, Language::En, PIPE));
        out.push('\n');
    }
    let folder = "examples/rejected/AllotmentBelowGranted";
    let review = reviewed(&["examples/platform", &format!("{folder}/municipality.yaml")], Some(&format!("{folder}/live.yaml")));
    out.push_str(&validate::text(&review, Language::En, PIPE));
    insta::assert_snapshot!(out);
}

#[test]
fn validate_on_a_narrow_terminal() {
    let review = reviewed(&["examples/platform", "examples/rejected/DataClassBroken.yaml"], None);
    let text = validate::text(&review, Language::En, Screen { width: Some(72), colour: false });
    assert!(text.lines().all(|line| line.chars().count() <= 72), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn validate_without_a_platform() {
    let review = reviewed(&["examples/requests"], None);
    assert_eq!(validate::exit_code(&review), kopnams::cli::TROUBLE);
    insta::assert_snapshot!(validate::text(&review, Language::En, PIPE));
}

#[test]
fn validate_for_a_pull_request() {
    let review =
        reviewed(&["examples/platform", "examples/rejected/DataClassBroken.yaml", "examples/rejected/ExpressionInvalid.yaml"], None);
    let outputs = [Language::En, Language::Lv].map(|language| validate::markdown::markdown(&review, language));
    insta::assert_snapshot!("validate_as_markdown", outputs.join("\n"));
    let outputs = [Language::En, Language::Lv].map(|language| validate::github::github(&review, language));
    insta::assert_snapshot!("validate_as_annotations", outputs.join("\n"));
}

#[test]
fn validate_in_latvian() {
    let mut files: Vec<_> = std::fs::read_dir("examples/rejected").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    // What is wrong with a request is read by those who ask; the rest by those who maintain the platform.
    let of_request = |finding: &kopnams::request::read::Finding| finding.object.starts_with("MunicipalityApp/");
    let mut out = String::new();
    for file in files.iter().filter(|path| path.is_file()) {
        let mut review = reviewed(&["examples/platform", &file.to_string_lossy()], None);
        if review.findings.iter().any(of_request) {
            review.findings.retain(of_request);
            out.push_str(&validate::text(&review, Language::Lv, PIPE));
        }
    }
    insta::assert_snapshot!("validate_of_every_rejected_request_in_latvian", out);
    let refused = reviewed(&["examples/platform", "examples/rejected/DataClassBroken.yaml"], None);
    let (good, alone) = (reviewed(&["examples/platform", "examples/requests"], None), reviewed(&["examples/requests"], None));
    let outputs = [refused, good, alone].map(|review| validate::text(&review, Language::Lv, PIPE));
    insta::assert_snapshot!(outputs.join("\n"));
}

#[test]
fn the_page_of_a_system_on_which_requests_are_filled_in() {
    let files = site::build(&reviewed(&["examples/platform"], None).register, None).unwrap();
    // One element a line, so that a change shows where it is.
    let lines = |path: &str| String::from_utf8(files[path].clone()).unwrap().replace("><", ">\n<");
    insta::assert_snapshot!("request_page_of_a_system", lines("sistemas/document-register.html"));
    let others = ["en/index.html", "facts/document-register.js", "assets/words-lv.js", "paraugi/document-register.yaml"];
    insta::assert_snapshot!("request_page_beside_it", others.map(|path| format!("--- {path}\n{}", lines(path))).join("\n"));
}

#[test]
fn explanations_of_some_codes() {
    let codes = ["HostnameTaken", "ObjectNotAllowed", "DeedKeyLost", "LayoutInvalid"].map(|code| Code::parse(code).unwrap());
    let outputs = [Language::En, Language::Lv].map(|language| codes.map(|code| explain::text(code, language, PIPE)).join("\n"));
    insta::assert_snapshot!(outputs.join("\n"));
}

/// What the program says and how it ends.
fn run(arguments: &[&str]) -> (String, String, i32) {
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_kopnams"));
    let output = program.args(arguments).env("LC_ALL", "lv_LV.UTF-8").output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[test]
fn the_program_speaks_the_language_of_its_environment_and_ends_as_it_says() {
    let (said, _, code) = run(&["explain", "hostnametaken"]);
    assert!(said.starts_with("HostnameTaken\nŠo adresi jau izmanto cita lietotne.\n") && code == 0, "{said}");
    let (said, trouble, code) = run(&["explain", "HostnameTakn"]);
    assert_eq!((&*said, code), ("", 2));
    assert_eq!(trouble, "kopnams: koda `HostnameTakn` nav; līdzīgākais ir HostnameTaken; visus kodus parāda `kopnams explain`\n");
    let (said, _, code) = run(&["explain", "--lang", "en"]);
    assert!(
        said.lines().count() >= Code::all().count() && said.contains("FieldInvalid             A field is missing") && code == 0,
        "{said}"
    );

    let (said, _, code) = run(&["validate", "examples/platform", "examples/requests", "--layout", "on", "--output", "github"]);
    assert_eq!((&*said, code), ("pieprasījumi: 18, pašvaldības: 43, sistēmas: 10, datu klases: 4; nekas nav jālabo\n", 0));
    let refused = ["validate", "examples/platform", "examples/rejected/HostnameTaken.yaml", "--output", "markdown", "--lang", "en"];
    let (said, _, code) = run(&refused);
    assert!(said.starts_with("### kopnams validate: 1 finding in 1 file\n") && code == 1, "{said}");
    let (_, trouble, code) = run(&["validate", "examples/platform", "--layout", "on"]);
    assert!(trouble.contains("there is no layout to check") && code == 2, "{trouble}");
}

/// Compares a schema with the one that is published, or writes it; compiled, if it is to be tried.
fn schema(name: &str, schema: &schemars::Schema) -> Option<jsonschema::Validator> {
    let fresh = format!("{}\n", serde_json::to_string_pretty(schema).unwrap());
    let file = format!("docs/schemas/{name}.schema.json");
    if std::env::var_os("KOPNAMS_GENERATE").is_some() {
        std::fs::create_dir_all("docs/schemas").unwrap();
        std::fs::write(file, fresh).unwrap();
        return None;
    }
    assert!(std::fs::read_to_string(&file).unwrap_or_default() == fresh, "{file} is old: run `make generate`");
    Some(jsonschema::validator_for(&serde_json::from_str(&fresh).unwrap()).unwrap())
}

/// The good examples, and the same after a pull request that does all kinds of things.
fn between() -> (Change, Side, Side) {
    let folder = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp").args(["-r", "examples/requests/municipalities"]).arg(folder.path()).status().unwrap();
    assert!(copied.success());
    let file = |path: &str| folder.path().join("municipalities").join(path);
    let edit = |path: &str, edits: &[(&str, &str)]| {
        let mut text = std::fs::read_to_string(file(path)).unwrap();
        for (from, to) in edits {
            assert!(text.contains(from), "{path} has no {from}");
            text = text.replace(from, to);
        }
        std::fs::write(file(path), text).unwrap();
    };
    edit("kuldigas-novads/majaslapa.yaml", &[("size: small", "size: medium"), ("www.kuldiga", "jauna.kuldiga")]);
    edit("adazu-novads/bernudarzu-rinda.yaml", &[("size: small", "size: huge")]);
    std::fs::remove_file(file("liepaja/socialais-dienests.yaml")).unwrap();
    let new = "apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {name: lapa, namespace: balvu-novads}\n\
               spec: {system: website, hostname: www.balvi.example.lv, parameters: {siteTitle: Balvu novads}}\n";
    std::fs::write(file("balvu-novads/lapa.yaml"), new).unwrap();
    std::fs::write(file("balvu-novads/LASI.txt"), "words").unwrap();
    let head = folder.path().display().to_string();
    let (change, base, mut head) =
        change::compare("./examples/requests", &head, ".".as_ref(), &["examples/platform".into()], Layout::Auto, None).unwrap();
    head.name = "./after".into();
    (change, base, head)
}

#[test]
fn a_plan_between_two_folders() {
    let (found, base, head) = between();
    let sheet = change::sheet::Sheet::of(&found, base, head);
    for (language, name) in [(Language::En, "english"), (Language::Lv, "latvian")] {
        let text = change::text::text(&sheet, language, Screen { width: Some(100), colour: false });
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        insta::assert_snapshot!(format!("a_change_in_{name}"), text);
    }
    insta::assert_snapshot!("a_change_as_markdown", change::markdown::markdown(&sheet, Language::En));
    insta::assert_snapshot!("a_change_as_latvian_markdown", change::markdown::markdown(&sheet, Language::Lv));
    let Some(schema) = schema("plan", &change::sheet::schema()) else { return };
    let json = serde_json::to_value(&sheet).unwrap();
    let problems: Vec<String> = schema.iter_errors(&json).map(|problem| problem.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new());
    assert!(!schema.is_valid(&serde_json::json!({"risks": [{}]})));
    // The same trees are the same bytes, whatever they are called; another tree is not.
    let (again, base, head) = between();
    let again = change::sheet::Sheet::of(&again, Side { name: "main".into(), ..base }, head);
    assert_eq!((&again.hash, again.hash.len()), (&sheet.hash, 64));
    let nothing =
        change::compare("./examples/requests", "./examples/requests", ".".as_ref(), &["examples/platform".into()], Layout::Auto, None);
    let (nothing, base, head) = nothing.unwrap();
    let nothing = change::sheet::Sheet::of(&nothing, base, head);
    assert_ne!(nothing.hash, sheet.hash);
    assert_eq!((nothing.summary.unchanged, nothing.summary.create + nothing.summary.change + nothing.summary.remove), (18, 0));
}

#[test]
fn a_plan_that_is_too_long_for_a_comment_is_cut_between_its_parts() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for (folder, size) in folders.iter().zip(["small", "large"]) {
        for number in 0..200 {
            let slug = ["kuldigas-novads", "ludzas-novads", "liepaja"][number % 3];
            let app = format!(
                "apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {{name: app{number}, namespace: {slug}}}\n\
                 spec: {{system: website, size: {size}, parameters: {{siteTitle: x}}}}\n"
            );
            let file = folder.path().join(format!("municipalities/{slug}/app{number}.yaml"));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, app).unwrap();
        }
    }
    let [base, head] = folders.each_ref().map(|folder| folder.path().display().to_string());
    // With room for all of them.
    let platform = tempfile::tempdir().unwrap();
    assert!(std::process::Command::new("cp").args(["-r", "examples/platform"]).arg(platform.path()).status().unwrap().success());
    let found = change::compare(&base, &head, ".".as_ref(), &[platform.path().into()], Layout::Auto, None).unwrap();
    let sheet = change::sheet::Sheet::of(&found.0, found.1, found.2);
    for language in [Language::En, Language::Lv] {
        let text = change::markdown::markdown(&sheet, language);
        assert!(text.chars().count() <= 60_000, "{}", text.len());
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count(), "{text}");
        assert!(text.matches("```").count().is_multiple_of(2), "{text}");
        let cut = either(language, "Te vairs neietilpa:", "Not shown here for want of room:");
        assert!(text.contains(cut) && text.contains(&sheet.hash[..16]), "{text}");
    }
}

#[test]
fn the_schema_of_validate_is_current() {
    let Some(schema) = schema("validate", &validate::schema()) else { return };
    for paths in [["examples/platform", "examples/requests"], ["examples/platform", "examples/rejected"]] {
        let json: serde_json::Value = serde_json::from_str(&validate::json(&reviewed(&paths, None)).unwrap()).unwrap();
        let problems: Vec<String> = schema.iter_errors(&json).map(|problem| problem.to_string()).collect();
        assert_eq!(problems, Vec::<String>::new());
    }
    assert!(!schema.is_valid(&serde_json::json!({"findings": [{}]})));
}

#[test]
fn plan_of_the_good_examples() {
    let review = reviewed(&["examples/platform", "examples/requests"], None);
    let text = text::text(&Sheet::of(&review, false), &review, Language::En, PIPE);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn plan_with_refusals_beside_a_live_cluster() {
    let folder = "examples/rejected/AllotmentBelowGranted";
    let paths = ["examples/platform", &format!("{folder}/municipality.yaml"), "examples/rejected/HostnameTaken.yaml"];
    let review = reviewed(&paths, Some(&format!("{folder}/live.yaml")));
    let sheet = Sheet::of(&review, false);
    insta::assert_snapshot!(text::text(&sheet, &review, Language::En, PIPE));
    insta::assert_snapshot!(
        "plan_with_refusals_in_latvian",
        text::text(&sheet, &review, Language::Lv, Screen { width: Some(100), colour: false })
    );
    let mut json = serde_json::to_value(&sheet).unwrap();
    let shown = ["livanu-novads", "parauga-sarukosais-novads"];
    json["municipalities"].as_array_mut().unwrap().retain(|row| shown.contains(&row["name"].as_str().unwrap()));
    insta::assert_snapshot!("plan_as_json", serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn objects_of_two_examples() {
    let review = reviewed(&["examples/platform", "examples/requests"], None);
    for (municipality, app) in [("kuldigas-novads", "majaslapa"), ("ventspils", "e-atbalsts")] {
        let key = AppKey::new(municipality, app);
        let set = review.desired_app(&key, review.apps[&key].grant().unwrap());
        let text = yaml(&set);
        insta::assert_snapshot!(format!("objects_of_{municipality}_{app}"), text);
    }
    let home = yaml(&review.desired_home("kuldigas-novads"));
    insta::assert_snapshot!("objects_of_a_home", home);
}

#[test]
fn the_examples_of_the_programmes_systems_offer_the_choices_of_the_catalogue() {
    let spec = |file: String| {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut entry: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        // What runs needs images, which are built from the catalogue.
        entry["spec"]["versions"] = entry["spec"]["versions"].as_array().unwrap().iter().map(|version| version["name"].clone()).collect();
        entry["spec"].take()
    };
    for name in ["pakalpojumu-vadiba", "e-atbalsts"] {
        assert_eq!(spec(format!("examples/platform/systems/{name}.yaml")), spec(format!("catalogue/{name}/system.yaml")), "{name}");
    }
}
