//! Requests in a repository: who may merge a pull request, and what is said to it.

use super::{run, schema};

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
