//! What is printed and what is made, word for word: a change of either shows in review.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail by unwrapping")]

use jiff::Timestamp;
use kopnams::cli::plan::{sheet::Sheet, text};
use kopnams::cli::screen::Screen;
use kopnams::cli::{explain, validate};
use kopnams::desired::DesiredSet;
use kopnams::policy::AppKey;
use kopnams::request::check::Definitions;
use kopnams::request::explain::Language;
use kopnams::request::read::{self, Code};
use kopnams::review::{Review, review};
use std::path::PathBuf;
use std::sync::LazyLock;

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
    let refused = reviewed(&["examples/platform", "examples/rejected/DataClassBroken.yaml"], None);
    let (good, alone) = (reviewed(&["examples/platform", "examples/requests"], None), reviewed(&["examples/requests"], None));
    let outputs = [refused, good, alone].map(|review| validate::text(&review, Language::Lv, PIPE));
    insta::assert_snapshot!(outputs.join("\n"));
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

#[test]
fn the_schema_of_validate_is_current() {
    let fresh = format!("{}\n", serde_json::to_string_pretty(&validate::schema()).unwrap());
    let file = "docs/schemas/validate.schema.json";
    if std::env::var_os("KOPNAMS_GENERATE").is_some() {
        std::fs::create_dir_all("docs/schemas").unwrap();
        std::fs::write(file, fresh).unwrap();
        return;
    }
    assert!(std::fs::read_to_string(file).unwrap_or_default() == fresh, "{file} is old: run `make generate`");
    let schema = jsonschema::validator_for(&serde_json::from_str(&fresh).unwrap()).unwrap();
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
    let text = text::text(&Sheet::of(&review, false), &review, PIPE);
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn plan_with_refusals_beside_a_live_cluster() {
    let folder = "examples/rejected/AllotmentBelowGranted";
    let paths = ["examples/platform", &format!("{folder}/municipality.yaml"), "examples/rejected/HostnameTaken.yaml"];
    let review = reviewed(&paths, Some(&format!("{folder}/live.yaml")));
    let sheet = Sheet::of(&review, false);
    insta::assert_snapshot!(text::text(&sheet, &review, PIPE));
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
