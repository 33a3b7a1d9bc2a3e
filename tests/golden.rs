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
        change::compare("./examples/requests", &head, ".".as_ref(), &["examples/platform".into()], Layout::Auto).unwrap();
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
    let nothing = change::compare("./examples/requests", "./examples/requests", ".".as_ref(), &["examples/platform".into()], Layout::Auto);
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
    let found = change::compare(&base, &head, ".".as_ref(), &[platform.path().into()], Layout::Auto).unwrap();
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

/// A repository with the good examples and rules, on the branch `main`.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["examples/platform", "examples/requests/municipalities"] {
        assert!(std::process::Command::new("cp").args(["-r", part]).arg(folder.path()).status().unwrap().success());
    }
    let rules = "platform: ['@centrs/platforma']\nmunicipalities:\n  kuldigas-novads: ['@kuldiga/it']\n  liepaja: ['@liepajas-it']\n";
    std::fs::write(folder.path().join("access.yaml"), rules).unwrap();
    git(&folder, &["init", "--quiet", "--initial-branch=main"]);
    commit(&folder);
    folder
}

fn git(folder: &tempfile::TempDir, args: &[&str]) {
    let who = ["-c", "user.name=test", "-c", "user.email=test@example.lv", "-c", "commit.gpgsign=false"];
    let mut command = std::process::Command::new("git");
    command.args(who).args(args).current_dir(folder.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    assert!(command.status().unwrap().success(), "{args:?}");
}

fn commit(folder: &tempfile::TempDir) {
    git(folder, &["add", "--all"]);
    git(folder, &["commit", "--quiet", "--allow-empty", "--message=x"]);
}

/// Who may merge the branch `pr`: the answer, and how the program ended.
fn authorized(folder: &tempfile::TempDir, who: &[&str]) -> (serde_json::Value, i32) {
    let repo = folder.path().display().to_string();
    let args = [&["authorize", "--base", "main", "--head", "pr", "--repo", &repo, "--output", "json"], who].concat();
    let (said, trouble, code) = run(&args);
    (serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}{trouble}")), code)
}

const TOWN: [&str; 4] = ["--author", "janis", "--groups", "kuldiga/it"];

#[test]
fn who_may_merge_is_told_by_the_rules_of_the_base() {
    let folder = repository();
    let file = |path: &str| folder.path().join(path);
    git(&folder, &["checkout", "--quiet", "-b", "pr"]);
    let request = std::fs::read_to_string(file("municipalities/kuldigas-novads/majaslapa.yaml")).unwrap();
    std::fs::write(file("municipalities/kuldigas-novads/majaslapa.yaml"), request.replace("size: small", "size: medium")).unwrap();
    commit(&folder);
    // What others merged since is not of this change.
    git(&folder, &["checkout", "--quiet", "main"]);
    std::fs::remove_file(file("municipalities/balvu-novads/lietvediba.yaml")).unwrap();
    commit(&folder);
    git(&folder, &["checkout", "--quiet", "pr"]);
    let (answer, code) = authorized(&folder, &TOWN);
    assert_eq!((&answer["allowed"], &answer["areas"], code), (&true.into(), &serde_json::json!(["kuldigas-novads"]), 0), "{answer}");
    let (answer, code) = authorized(&folder, &["--author", "anna"]);
    assert_eq!((&answer["refused"][0]["owners"], code), (&serde_json::json!(["@kuldiga/it"]), 1), "{answer}");

    // Whoever writes himself into the rules is judged by those before.
    let rules = std::fs::read_to_string(file("access.yaml")).unwrap();
    std::fs::write(file("access.yaml"), rules.replace("@centrs/platforma", "@janis")).unwrap();
    commit(&folder);
    let (answer, code) = authorized(&folder, &TOWN);
    assert_eq!((&answer["refused"][0]["path"], code), (&"access.yaml".into(), 1), "{answer}");
    assert_eq!(authorized(&folder, &["--author", "a", "--groups", "centrs/platforma"]).1, 0);
    git(&folder, &["reset", "--quiet", "--hard", "HEAD~1"]);
    let (_, trouble, code) =
        run(&["authorize", "--base", "nowhere", "--head", "pr", "--repo", &folder.path().display().to_string(), "--author", "a"]);
    assert!(trouble.contains("`nowhere` is no commit of") && code == 2, "{trouble}");
}

#[test]
fn what_is_no_request_of_that_municipality_is_refused() {
    let own = "municipalities/kuldigas-novads";
    let foreign =
        "apiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {name: a, namespace: liepaja}\nspec: {system: website}\n";
    let own_request = foreign.replace("liepaja", "kuldigas-novads");
    let steering = own_request.replace("{name: a,", "{name: a, annotations: {argocd.argoproj.io/hook: PreSync},");
    let anchored = "a: &a [x, x]\n---\napiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: &m {name: a, namespace: kuldigas-novads}\nspec: {system: website}\n";
    for (path, text, words) in [
        (
            "x.yaml",
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: a}\n",
            "it holds ClusterRoleBinding",
        ),
        ("x.yaml", foreign, "it is a request of `liepaja`"),
        ("x.yaml", &format!("{own_request}---\n{foreign}"), "it is a request of `liepaja`"),
        ("x.yaml", &steering, "argocd.argoproj.io/hook, which steers"),
        ("x.yaml", &format!("{own_request}status: {{}}\n"), "it holds a status"),
        ("x.yaml", &own_request.replace("{name: a,", "{name: a, finalizers: [x],"), "it holds metadata.finalizers"),
        ("x.yaml", anchored, "it holds something without a kind"),
        ("x.yaml", "a: [", "it cannot be read"),
        ("kustomization.yaml", "kind: Kustomization\nresources: [https://example.lv]\n", "it holds Kustomization"),
        ("x.yaml", &"#".repeat(5 << 20), "too large to be a request"),
    ] {
        let folder = repository();
        git(&folder, &["checkout", "--quiet", "-b", "pr"]);
        std::fs::write(folder.path().join(own).join(path), text).unwrap();
        commit(&folder);
        let (answer, code) = authorized(&folder, &TOWN);
        let why = answer["refused"].as_array().unwrap().iter().map(|refusal| refusal["why"].to_string()).collect::<String>();
        assert!(why.contains(words) && code == 1, "{words}: {answer}");
    }
    let folder = repository();
    git(&folder, &["checkout", "--quiet", "-b", "pr"]);
    std::fs::write(folder.path().join(own).join("a.yaml"), own_request.replace("{name: a,", "{name: a, labels: {nodala: it},")).unwrap();
    commit(&folder);
    assert_eq!(authorized(&folder, &TOWN).1, 0, "its own request it may make");
}

#[test]
fn removals_and_data_of_certain_classes_need_a_second_person() {
    let folder = repository();
    git(&folder, &["checkout", "--quiet", "-b", "pr"]);
    // Moved: to the one it is new, to the other it is gone.
    let file = |path: &str| folder.path().join("municipalities").join(path);
    std::fs::remove_file(file("liepaja/socialais-dienests.yaml")).unwrap();
    commit(&folder);
    let liepaja = ["--author", "liepajas-it"];
    let (answer, code) = authorized(&folder, &liepaja);
    assert_eq!((answer["refused"].as_array().unwrap().len(), code), (0, 1), "{answer}");
    assert_eq!((&answer["awaits"][0]["app"], &answer["awaits"][0]["owners"][0]), (&"socialais-dienests".into(), &"@liepajas-it".into()));
    let with = |who: &str| authorized(&folder, &[&liepaja[..], &["--approved-by", who]].concat()).1;
    assert_eq!((with("liepajas-it"), with("janis:kuldiga/it"), with("admin:centrs/platforma")), (1, 1, 0));
    git(&folder, &["reset", "--quiet", "--hard", "HEAD~1"]);
    let text = std::fs::read_to_string(file("liepaja/socialais-dienests.yaml")).unwrap();
    std::fs::write(file("liepaja/socialais-dienests.yaml"), text.replace("size: medium", "size: large")).unwrap();
    commit(&folder);
    let (answer, code) = authorized(&folder, &liepaja);
    assert_eq!((&answer["awaits"][0]["why"], code), (&"its data is of the class special".into(), 1), "{answer}");
    assert_eq!(with("admin:centrs/platforma"), 0);
    let (said, _, code) = run(&["codeowners", &folder.path().join("access.yaml").display().to_string()]);
    assert!(
        said.ends_with("* @centrs/platforma\n/municipalities/kuldigas-novads/ @kuldiga/it\n/municipalities/liepaja/ @liepajas-it\n")
            && code == 0
    );
}

/// Everything about the branch `pr`, as `kopnams review` says it.
fn pull_request(folder: &tempfile::TempDir, who: &[&str], output: &str) -> (String, i32) {
    let repo = folder.path().display().to_string();
    let (said, trouble, code) = run(&[&["review", "--base", "main", "--head", "pr", "--repo", &repo, "--output", output], who].concat());
    assert!(trouble.is_empty(), "{trouble}");
    // Commits are others at each run.
    let ids = said.split(" (").map(|part| if part.get(10..11) == Some(")") { format!("COMMIT{}", &part[10..]) } else { part.into() });
    (ids.collect::<Vec<_>>().join(" ("), code)
}

#[test]
fn a_review_says_everything_in_one_comment_in_both_languages() {
    let folder = repository();
    git(&folder, &["checkout", "--quiet", "-b", "pr"]);
    let file = |path: &str| folder.path().join("municipalities").join(path);
    let change = |path: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(file(path)).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(file(path), text.replace(from, to)).unwrap();
        commit(&folder);
    };
    change("kuldigas-novads/majaslapa.yaml", "size: small", "size: medium");
    let (fine, code) = pull_request(&folder, &TOWN, "markdown");
    assert_eq!(code, 0, "{fine}");
    insta::assert_snapshot!("review-fine", fine);
    let stranger = ["--author", "klientu-centrs"];
    let (refused, code) = pull_request(&folder, &stranger, "markdown");
    assert_eq!(code, 1, "{refused}");
    insta::assert_snapshot!("review-refused", refused);
    let agreed = [&stranger[..], &["--approved-by", "janis:kuldiga/it"]].concat();
    assert_eq!(pull_request(&folder, &agreed, "json").1, 0, "an owner agreed to it");

    std::fs::remove_file(file("kuldigas-novads/majaslapa.yaml")).unwrap();
    commit(&folder);
    let (awaits, code) = pull_request(&folder, &TOWN, "markdown");
    assert_eq!(code, 1, "{awaits}");
    insta::assert_snapshot!("review-awaits", awaits);

    git(&folder, &["checkout", "--quiet", "main", "--", "."]);
    change("kuldigas-novads/majaslapa.yaml", "size: small", "size: smal");
    let (mend, code) = pull_request(&folder, &TOWN, "markdown");
    assert_eq!(code, 1, "{mend}");
    insta::assert_snapshot!("review-mend", mend);
    let (json, _) = pull_request(&folder, &TOWN, "json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["verdict"], "mend", "{json}");
    let Some(schema) = schema("review", &kopnams::cli::review::schema()) else { return };
    let problems: Vec<String> = schema.iter_errors(&json).map(|problem| problem.to_string()).collect();
    assert!(problems.is_empty(), "{problems:#?}");
}

const REQUESTS_REPO: &str = "examples/requests-repo";

fn file_of(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_repository_to_copy_is_right_and_says_the_same_everywhere() {
    let (said, trouble, code) = run(&["validate", REQUESTS_REPO, "--layout", "on"]);
    assert!(code == 0 && format!("{said}{trouble}").contains("nekas nav jālabo"), "{said}{trouble}");
    let (owners, ..) = run(&["codeowners", &format!("{REQUESTS_REPO}/access.yaml")]);
    assert_eq!(file_of(&format!("{REQUESTS_REPO}/.github/CODEOWNERS")), owners, "make it anew with `kopnams codeowners`");
    // What is copied from the examples is what they say.
    for file in [
        "00-platform.yaml",
        "10-dataclasses.yaml",
        "municipalities/kuldigas-novads.yaml",
        "municipalities/liepaja.yaml",
        "municipalities/ogres-novads.yaml",
        "systems/website.yaml",
        "systems/document-register.yaml",
    ] {
        assert_eq!(file_of(&format!("{REQUESTS_REPO}/platform/{file}")), file_of(&format!("examples/platform/{file}")), "{file}");
    }
    let own = "municipalities/kuldigas-novads/majaslapa.yaml";
    assert_eq!(file_of(&format!("{REQUESTS_REPO}/{own}")), file_of(&format!("examples/requests/{own}")));
    // One workflow for all forges, but for the name of the runner.
    let body = |forge: &str| file_of(&format!("{REQUESTS_REPO}/.{forge}/workflows/kopnams.yaml"));
    let common = |text: String, runner: &str| {
        assert!(text.contains(&format!("runs-on: {runner}\n")), "{text}");
        text.lines().filter(|line| !line.starts_with('#') && !line.contains("runs-on:")).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(common(body("github"), "ubuntu-latest"), common(body("forgejo"), "docker"));
}

/// What must be so that nothing of a pull request decides about it.
#[test]
fn the_workflow_is_the_bases_checks_nothing_out_and_puts_no_text_of_others_into_a_shell() {
    let workflow: serde_json::Value = serde_yaml::from_str(&file_of(&format!("{REQUESTS_REPO}/.github/workflows/kopnams.yaml"))).unwrap();
    let on: Vec<&String> = workflow["on"].as_object().unwrap().keys().collect();
    // Of these the forge runs the workflow of the default branch, or of the one that is merged into.
    assert_eq!(on, ["issue_comment", "pull_request_target", "schedule", "workflow_dispatch"]);
    assert_eq!(workflow["permissions"], serde_json::json!({"contents": "read", "pull-requests": "write", "statuses": "write"}));
    let jobs = workflow["jobs"].as_object().unwrap();
    let steps: Vec<&serde_json::Value> = jobs.values().flat_map(|job| job["steps"].as_array().unwrap()).collect();
    assert_eq!((jobs.len(), steps.len()), (1, 4));
    for step in steps {
        assert!(step.get("uses").is_none(), "no action of others: {step}");
        let script = step["run"].as_str().unwrap();
        assert!(!script.contains("${{") && !script.contains("checkout"), "{script}");
    }
    let environment = jobs.values().map(|job| job["env"].to_string()).collect::<String>();
    assert!(!environment.contains(".title") && !environment.contains(".head.") && !environment.contains(".body"), "{environment}");
}

#[test]
fn what_can_only_have_been_meant_is_written_into_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("majaslapa.yaml");
    let text = "# Uzmanību: ķēpa\napiVersion: kopnams.lv/v1alpha1\nkind: MunicipalityApp\nmetadata: {name: jauna, namespace: kuldigas-novads}\nspec:\n  system: website\n  version: 1.0\n  siez: small\n  hostname: \"WWW2.Kuldiga.example.lv\"\n  parameters: {siteTitle: Kuldīgas novads}\n";
    std::fs::write(&file, text).unwrap();
    let args = ["validate", "examples/platform", file.to_str().unwrap(), "--lang", "en"];
    let (json, ..) = run(&[&args[..], &["--output", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(json["findings"].as_array().unwrap().iter().any(|finding| finding["fix"]["new"] == "size"), "{json}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text, "nobody asked for it");
    let (said, told, code) = run(&[&args[..], &["--fix"]].concat());
    assert_eq!(code, 0, "{said}{told}");
    let expected = text.replace("version: 1.0", "version: \"1.0\"").replace("siez", "size").replace("WWW2.Kuldiga", "www2.kuldiga");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
    for line in
        [":7:12: fixed: 1.0 -> \"1.0\"", ":8:3: fixed: siez -> size", ":9:13: fixed: WWW2.Kuldiga.example.lv -> www2.kuldiga.example.lv"]
    {
        assert!(told.contains(line), "{told}");
    }
    // What nobody can know is left to whoever wrote it.
    std::fs::write(&file, expected.replace("small", "smal")).unwrap();
    let (said, told, code) = run(&[&args[..], &["--fix"]].concat());
    assert!(code == 1 && !told.contains("fixed") && said.contains("SizeUnknown"), "{said}{told}");
}
