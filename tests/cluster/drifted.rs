//! `kopnams plan --base --head --cluster`: what a real cluster has otherwise than the files.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::kit::{app, furniture, municipality};
use crate::run::shared;
use crate::world::{World, api};

/// Plans the folder against itself, as the user of the kubeconfig.
fn plan(folder: &std::path::Path, kubeconfig: &std::path::Path, more: &[&str]) -> Output {
    let side = folder.to_str().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kopnams"));
    command.args(["plan", "--base", side, "--head", side, "--cluster"]).args(more);
    command.env("KUBECONFIG", kubeconfig).output().unwrap()
}

/// What differs of one municipality; the others on the cluster are of other tests.
fn drift(world: &World, folder: &std::path::Path, slug: &str) -> Vec<Value> {
    let output = plan(folder, world.lab.kubeconfig(), &["--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let sheet: Value = serde_json::from_slice(&output.stdout).unwrap();
    sheet["drift"].as_array().unwrap().iter().filter(|row| row["municipality"] == slug).cloned().collect()
}

#[test]
fn a_plan_says_what_the_cluster_has_otherwise() {
    shared("a plan beside the cluster", async |world| {
        let (slug, other) = ("novirze", "novirze-ii");
        let (town, second) = (municipality(slug), municipality(other));
        for town in [&town, &second] {
            world.apply(town).await;
        }
        world.ready_municipality(slug).await;
        world.ready_municipality(other).await;
        let (same, changed, extra, missing) = (app(slug, "pati"), app(slug, "mainita"), app(slug, "lieka"), app(slug, "trukst"));
        for app in [&same, &changed, &extra] {
            world.open(app).await;
        }
        let folder = tempfile::tempdir().unwrap();
        let files = furniture().into_iter().chain([town, second, same, changed.clone(), missing]);
        for (number, object) in files.enumerate() {
            fs::write(folder.path().join(format!("{number}.yaml")), serde_yaml::to_string(&object).unwrap()).unwrap();
        }
        let rows = drift(world, folder.path(), slug);
        let told: Vec<_> = rows.iter().map(|row| json!([row["app"], row["state"]])).collect();
        assert_eq!(told, [json!(["lieka", "extra"]), json!(["trukst", "missing"])]);

        // By hand, past the files.
        world.merge("MunicipalityApp", slug, "mainita", &json!({"spec": {"size": "large"}})).await;
        world.see("MunicipalityApp", slug, "mainita", "large", |app| app["status"]["grant"]["size"]["name"] == "large").await;
        world.delete("MunicipalityApp", slug, "pati").await;
        let rows = drift(world, folder.path(), slug);
        let told: Vec<_> = rows.iter().map(|row| json!([row["app"], row["state"]])).collect();
        let expected =
            [json!(["lieka", "extra"]), json!(["mainita", "otherwise"]), json!(["pati", "missing"]), json!(["trukst", "missing"])];
        assert_eq!(told, expected);
        assert_eq!(rows[1]["changes"], json!([{"field": "size", "before": "large", "now": "none"}]));
        let text = String::from_utf8(plan(folder.path(), world.lab.kubeconfig(), &["--lang", "lv"]).stdout).unwrap();
        assert!(text.contains(&format!("Klasterī ir citādi nekā {}", folder.path().display())), "{text}");
        assert!(text.contains("novirze/pati klasterī nav\n"), "{text}");

        // Whoever may not list them is told so, and gets no plan that looks complete.
        let denied = plan(folder.path(), &world.config_of("default"), &[]);
        let why = String::from_utf8_lossy(&denied.stderr);
        assert_eq!((denied.status.code(), denied.stdout.len()), (Some(2), 0), "{why}");
        assert!(why.contains("the cluster does not list each MunicipalityApp"), "{why}");
        assert!(why.contains("system:serviceaccount:kopnams-system:default"), "{why}");
        let gone = api(&world.admin, "MunicipalityApp", slug);
        assert!(gone.get_opt("lieka").await.unwrap().is_some(), "a plan changes nothing");
    });
}
