//! A request from a fork to its merge: the workflow of `examples/requests-repo` as it is, run by the forge's own runner.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::chromium::Browser;
use crate::copied::{self, BOT, Requests, WORKFLOW};
use crate::world::{FORK, REQUESTS, World, wait_for};

const REQUEST: &str = "municipalities/kuldigas-novads/majaslapa.yaml";
/// Of a forge whose pages have no style here.
const STYLE: &str = "body{font:16px/1.5 sans-serif;margin:24px;color:#1f2328;background:#fff}article{border:1px solid #d0d7de;\
    border-radius:6px;padding:8px 20px 16px}h2{border-bottom:1px solid #d0d7de;padding-bottom:6px}table{border-collapse:collapse}\
    td,th{border:1px solid #d0d7de;padding:4px 12px}code{background:#eff1f3;padding:2px 5px;border-radius:4px;font-size:85%}\
    pre code{background:none}sub{color:#59636e}";

struct Story {
    world: World,
    work: PathBuf,
}

impl Story {
    fn start() -> Option<Self> {
        let files = copied::files();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let mut world = World::start("a request from a fork to its merge", &files)?;
        world.forge.run_workflows(&["docker"], &[]).unwrap();
        Requests { forge: &world.forge, platform: &world.platform, name: REQUESTS }.set_up();
        let work = world.clone_of(FORK);
        Some(Self { world, work })
    }

    /// The clerk changes the request and asks for it, or pushes to what was asked for.
    fn change(&self, files: &[(&str, &str)]) -> String {
        self.world.push(&self.world.clerk, &self.work, FORK, "izmers", files)
    }

    fn requests(&self) -> Requests<'_> {
        Requests { forge: &self.world.forge, platform: &self.world.platform, name: REQUESTS }
    }

    fn told(&self, number: &Value, commit: &str, words: &str) -> (String, Value) {
        self.requests().told(number, commit, words)
    }

    fn approve(&self, who: &kopnams_lab::Account, number: &Value, commit: &str) {
        let review = json!({"event": "APPROVED", "commit_id": commit, "body": "piekrītu"});
        self.world.forge.must(&who.token, "POST", &format!("/repos/{REQUESTS}/pulls/{number}/reviews"), Some(&review)).unwrap();
        self.look_at_all();
    }

    fn look_at_all(&self) {
        self.requests().look_at_all();
    }

    /// Keeps the comment as the forge renders it as a picture of the documentation, if that was asked for.
    fn keep_picture(&self, body: &str) {
        if std::env::var("KOPNAMS_SCREENSHOTS").is_ok_and(|value| value == "1") {
            let wish = json!({"Text": body, "Mode": "comment", "Context": REQUESTS});
            let html = self.world.forge.call(Some(&self.world.clerk.token), "POST", "/markdown", Some(&wish)).unwrap();
            assert_eq!(html.status, 200, "{}", html.body);
            let folder = tempfile::tempdir().unwrap();
            let page = folder.path().join("comment.html");
            fs::write(&page, format!("<!doctype html><meta charset=utf-8><style>{STYLE}</style><article>{}</article>", html.body)).unwrap();
            kopnams_lab::node::install(&[("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf", "fonts-noto-color-emoji")]).unwrap();
            let Some(browser) = Browser::start("MAP * ~NOTFOUND") else { return };
            browser.size((1000, 640));
            browser.go(&format!("file://{}", page.display()));
            fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images/komentars.png"), browser.picture()).unwrap();
        }
    }

    fn merge(&self, number: &Value) -> (u16, String) {
        self.requests().merge(number)
    }
}

#[test]
fn a_request_from_a_fork_is_judged_by_the_base_mended_agreed_to_and_merged() {
    let Some(story) = Story::start() else { return };
    let world = &story.world;
    let owner = world.forge.user("kuldigas-it").unwrap();
    let request = copied::file(REQUEST);
    let wrong = request.replace("size: small", "size: smal");
    let right = request.replace("size: small", "size: medium");
    assert!(wrong != request && right != request);

    // Whoever is no owner.
    let commit = story.change(&[(REQUEST, &wrong)]);
    let wish = json!({"title": "Lielāka mājaslapa", "head": "clerk:izmers", "base": "main"});
    let pull = wait_for("the pushed branch", || {
        let answer = world.forge.call(Some(&world.clerk.token), "POST", &format!("/repos/{REQUESTS}/pulls"), Some(&wish)).unwrap();
        (answer.status == 201).then(|| answer.json())
    });
    let number = &pull["number"];
    let (said, status) = story.told(number, &commit, "autors to nedrīkst mainīt");
    assert!(said.contains("@&#8203;clerk nav starp tās īpašniekiem (drīkst: `@kuldigas-it`, `@kuldigas-parvalde`)"), "{said}");
    assert_eq!((&status["status"], &status["creator"]["login"]), (&json!("failure"), &json!(BOT)));
    let (code, why) = story.merge(number);
    assert_eq!(code, 405, "the forge does not merge it: {why}");

    // An owner agrees, and now what is wrong is what remains.
    story.approve(&owner, number, &commit);
    let (said, status) = story.told(number, &commit, "jālabo");
    assert!(said.contains("`SizeUnknown`") && said.contains("write one of large, medium or small"), "{said}");
    assert_eq!(status["status"], "failure");

    // Mended: another commit, to which nobody has agreed yet.
    let mended = story.change(&[(REQUEST, &right)]);
    story.told(number, &mended, "autors to nedrīkst mainīt");
    story.approve(&owner, number, &mended);
    let (said, status) = story.told(number, &mended, "var apvienot");
    assert_eq!(status["status"], "success", "{said}");
    assert!(said.contains("| krātuve | 62Gi |") || said.contains("krātuve"), "{said}");
    assert!(status["target_url"].as_str().unwrap().contains("#issuecomment-"), "{status}");
    story.keep_picture(&said);
    let (code, why) = story.merge(number);
    assert_eq!(code, 200, "{why}");
}

#[test]
fn nothing_that_a_request_brings_along_decides_about_it() {
    let Some(story) = Story::start() else { return };
    let world = &story.world;
    let marks = tempfile::tempdir().unwrap();
    let forged = marks.path().join("forged");
    let workflow = format!(
        "name: kopnams\non: [pull_request_target, pull_request, issue_comment, push]\njobs:\n  review:\n    runs-on: docker\n    steps:\n      - run: touch {}\n",
        forged.display()
    );
    let rules = "platform: ['@clerk']\n";
    let script = format!("#!/bin/sh\ntouch {}\n", forged.display());
    let files = [(WORKFLOW, workflow.as_str()), ("access.yaml", rules), ("hooks/pre-commit", &script), ("kopnams", &script)];
    let (pull, commit) = world.pull_request("izmers", &files);
    let (said, status) = story.told(&pull["number"], &commit, "autors to nedrīkst mainīt");
    for path in [WORKFLOW, "access.yaml", "hooks/pre-commit", "kopnams"] {
        assert!(said.contains(&format!("`{path}`")) && said.contains("(drīkst: `@platformas-admini`)"), "{path}: {said}");
    }
    assert_eq!((&status["status"], forged.exists()), (&json!("failure"), false));
    assert_eq!(story.merge(&pull["number"]).0, 405);

    // Somebody else's comment that looks like it is left alone, and ours is found all the same.
    let comments = format!("/repos/{REQUESTS}/issues/{}/comments", pull["number"]);
    let lie = json!({"body": "<!-- kopnams:review -->\n## ✅ kopnams: var apvienot · may be merged"});
    let made = world.forge.must(&world.clerk.token, "POST", &comments, Some(&lie)).unwrap();
    story.look_at_all();
    wait_for("the look at all of them", || {
        let runs = world.forge.must(&world.platform.token, "GET", &format!("/repos/{REQUESTS}/actions/runs"), None).unwrap();
        let ended = |run: &&Value| run["event"] == "workflow_dispatch" && run["conclusion"] == "success";
        runs["workflow_runs"].as_array().unwrap().iter().find(ended).map(drop)
    });
    let one = world.forge.must(&world.clerk.token, "GET", &format!("/repos/{REQUESTS}/issues/comments/{}", made["id"]), None).unwrap();
    assert_eq!(one["body"], lie["body"]);
    story.told(&pull["number"], &commit, "autors to nedrīkst mainīt");
}
