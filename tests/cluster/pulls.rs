//! After the merge: the pull request is told what became of it, by a real forge and from a real cluster.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use kopnams_lab::{Account, Forge, ForgeTools};
use serde_json::{Value, json};

use crate::kit::{app, municipality, shown};
use crate::run::shared;
use crate::world::World;

const REPOSITORY: &str = "platforma/pieprasijumi";

struct Requests {
    forge: Forge,
    platform: Account,
    /// May read the repository and write comments, and nothing else.
    token: String,
    work: tempfile::TempDir,
}

fn git(folder: &Path, args: &[&str]) {
    let who = ["-c", "user.name=test", "-c", "user.email=test@example.lv"];
    let ended = Command::new("git")
        .args(who)
        .args(args)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(ended.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
}

impl Requests {
    fn start() -> Option<Self> {
        let tools = ForgeTools::ensure_or_skip("what a pull request is told after its merge").unwrap()?;
        let forge = Forge::start(&tools).unwrap();
        let platform = forge.user("platforma").unwrap();
        forge.repository(&platform, "pieprasijumi").unwrap();
        let token = forge.token(&platform, &["write:issue", "read:repository", "read:user"]).unwrap();
        let work = tempfile::tempdir().unwrap();
        git(work.path(), &["init", "--quiet", "--initial-branch=main"]);
        git(work.path(), &["commit", "--quiet", "--allow-empty", "--message=begin"]);
        git(work.path(), &["push", "--quiet", &forge.git_url(&platform, REPOSITORY), "main"]);
        Some(Self { forge, platform, token, work })
    }

    fn must(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.forge.must(&self.platform.token, method, &format!("/repos/{REPOSITORY}/{path}"), body).unwrap()
    }

    /// Puts requests into files, or takes them away, and has that merged; the number of the pull request.
    fn merged(&self, branch: &str, requests: &[(&str, Option<&Value>)]) -> String {
        let folder = self.work.path();
        let at = self.forge.git_url(&self.platform, REPOSITORY);
        git(folder, &["checkout", "--quiet", "-b", branch, "main"]);
        for (path, request) in requests {
            let file = folder.join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            match request {
                Some(request) => fs::write(file, serde_yaml::to_string(request).unwrap()).unwrap(),
                None => fs::remove_file(file).unwrap(),
            }
        }
        git(folder, &["add", "--all"]);
        git(folder, &["commit", "--quiet", "--message=x"]);
        git(folder, &["push", "--quiet", &at, branch]);
        let wish = json!({"title": branch, "head": branch, "base": "main"});
        let pull = self.must("POST", "pulls", Some(&wish));
        let number = pull["number"].to_string();
        // The forge looks a moment whether it can be merged.
        let began = std::time::Instant::now();
        loop {
            let path = format!("/repos/{REPOSITORY}/pulls/{number}/merge");
            let answer = self.forge.call(Some(&self.platform.token), "POST", &path, Some(&json!({"Do": "merge"}))).unwrap();
            if answer.status == 200 {
                break;
            }
            assert!(began.elapsed().as_secs() < 30, "{}", answer.body);
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        git(folder, &["checkout", "--quiet", "main"]);
        git(folder, &["pull", "--quiet", "--ff-only", &at, "main"]);
        number
    }

    fn report(&self, world: &World, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kopnams"))
            .arg("report-back")
            .args(args)
            .env("KUBECONFIG", world.lab.kubeconfig())
            .env("KOPNAMS_FORGE_TOKEN", &self.token)
            .env("GITHUB_API_URL", format!("{}/api/v1", self.forge.url()))
            .env("GITHUB_REPOSITORY", REPOSITORY)
            .output()
            .unwrap()
    }

    /// The comments of a pull request.
    fn comments(&self, number: &str) -> Vec<String> {
        let comments = self.must("GET", &format!("issues/{number}/comments"), None);
        comments.as_array().unwrap().iter().map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_merged_pull_request_is_told_what_became_of_it() {
    let Some(requests) = Requests::start() else { return };
    shared("what a pull request is told after its merge", async |world| {
        let slug = "atbilde";
        world.apply(&municipality(slug)).await;
        world.settle(slug).await;
        let file = |name: &str| format!("municipalities/{slug}/{name}.yaml");
        let ended = |output: &Output| (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned());
        let mut site = app(slug, "vietne");
        site["spec"]["hostname"] = json!("www.atbilde.example.lv");
        let mut outside = app(slug, "arpus");
        outside["spec"]["hostname"] = json!("www.cita.example.lv");

        // Merged, and nobody has applied it yet: it is under way, which is no failure.
        let first =
            requests.merged("vietne", &[(&file("vietne"), Some(&site)), ("access.yaml", Some(&json!({"platform": ["@platforma"]})))]);
        let output = requests.report(world, &["--merged-since", "1h"]);
        assert_eq!(ended(&output), (Some(0), String::new()));
        let said = requests.comments(&first);
        assert!(said[0].contains("## ⏳ kopnams: notiek") && said[0].contains("`atbilde/vietne` vēl nav nonākusi datu centrā"), "{said:?}");
        let late = requests.report(world, &["--number", &first, "--wait", "1s"]);
        assert_eq!(late.status.code(), Some(1), "{late:?}");

        // Applied: the same comment says where it is, and after that nothing is said again.
        world.apply(&site).await;
        let output = requests.report(world, &["--number", &first, "--wait", "90s"]);
        assert_eq!(ended(&output), (Some(0), String::new()), "{}", shown(&world.get("MunicipalityApp", slug, "vietne").await.unwrap()));
        let said = requests.comments(&first);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("## ✅ kopnams: gatavs · done"), "{said:?}");
        assert!(said[0].contains("`atbilde/vietne` ir gatava: <https://www.atbilde.example.lv"), "{said:?}");
        requests.report(world, &["--merged-since", "1h"]);
        assert_eq!(requests.comments(&first), said);

        // Refused by the cluster although it was merged: the reason, and what to write instead.
        let second = requests.merged("arpus", &[(&file("arpus"), Some(&outside))]);
        world.apply(&outside).await;
        let output = requests.report(world, &["--number", &second, "--wait", "90s"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = requests.comments(&second);
        assert!(said[0].contains("## ⛔ kopnams: nav izdevies · not done") && said[0].contains("`HostnameOutsideZones`"), "{said:?}");

        // Taken back.
        let third = requests.merged("prom", &[(&file("vietne"), None)]);
        world.delete("MunicipalityApp", slug, "vietne").await;
        let output = requests.report(world, &["--number", &third, "--wait", "90s"]);
        assert_eq!(ended(&output), (Some(0), String::new()));
        let said = requests.comments(&third);
        assert!(said[0].contains("`atbilde/vietne` ir noņemta"), "{said:?}");

        // What is wrong is said, and nothing of the token.
        let output = requests.report(world, &["--number", "99"]);
        let (code, said) = ended(&output);
        assert!(code == Some(2) && said.contains("the forge knows no such thing") && !said.contains(&requests.token), "{said}");
    });
}
