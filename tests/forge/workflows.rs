//! Workflows that really run: the forge finds them, its runner runs their steps on this machine.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::world::{REQUESTS, World, wait_for};

const REQUEST: &[(&str, &str)] = &[("municipalities/ogre/web.yaml", "kind: MunicipalityApp\n")];
/// Fetches what is asked for as objects, and leaves what it was told in the folder `$NOTES`.
const TRUSTED: &str = r#"
name: requests
on:
  pull_request_target:
jobs:
  check:
    runs-on: ubuntu-latest
    permissions:
      contents: read
      pull-requests: write
    steps:
      - name: Fetch the head as objects
        env:
          NUMBER: ${{ github.event.pull_request.number }}
          HEAD: ${{ github.event.pull_request.head.sha }}
        run: |
          git init --quiet --bare objects
          git -C objects fetch --quiet --depth=1 "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY" "refs/pull/$NUMBER/head"
          git -C objects show "$HEAD:municipalities/ogre/web.yaml" >"$NOTES/request"
      - name: Leave notes
        env:
          TOKEN: ${{ secrets.GITHUB_TOKEN }}
          SECRET: ${{ secrets.STATUS_TOKEN }}
        run: |
          echo "$GITHUB_EVENT_NAME $GITHUB_REF $GITHUB_SHA" >"$NOTES/about"
          echo "$SECRET" >"$NOTES/secret"
          echo "$TOKEN" >"$NOTES/token.part"
          mv "$NOTES/token.part" "$NOTES/token"
          for second in $(seq 60); do [ -e "$NOTES/done" ] && exit 0; sleep 1; done
          exit 1
"#;
/// What the request makes of it.
const FORGED: &str = r#"
name: requests
on:
  pull_request_target:
  pull_request:
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - run: echo forged >"$NOTES/forged"
"#;

#[test]
fn the_workflow_of_the_base_runs_for_a_fork_and_its_token_comments_and_no_more() {
    let files = [(".forgejo/workflows/requests.yml", TRUSTED)];
    let Some(mut world) = World::start("workflows", &files) else { return };
    let notes = tempfile::tempdir().unwrap();
    world.forge.run_workflows(&["ubuntu-latest"], &[("NOTES", notes.path().to_str().unwrap())]).unwrap();
    world.keep_status_token();
    let forge = &world.forge;

    let mut asked = REQUEST.to_vec();
    asked.push((".forgejo/workflows/requests.yml", FORGED));
    let (pull, head) = world.pull_request("web", &asked);
    let token = wait_for("the token of the job", || note(notes.path(), "token"));
    assert_eq!(note(notes.path(), "request").unwrap(), REQUEST[0].1.trim());
    let base = forge.must(&world.platform.token, "GET", &format!("/repos/{REQUESTS}/branches/main"), None).unwrap();
    let base = base["commit"]["id"].as_str().unwrap().to_owned();
    assert_eq!(note(notes.path(), "about").unwrap(), format!("pull_request_target refs/heads/main {base}"));

    // What the job may do with its token, as long as it runs.
    let comments = format!("/repos/{REQUESTS}/issues/{}/comments", pull["number"]);
    let made = forge.call(Some(&token), "POST", &comments, Some(&json!({ "body": "checked" }))).unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    let one = format!("/repos/{REQUESTS}/issues/comments/{}", made.json()["id"]);
    assert_eq!(forge.call(Some(&token), "PATCH", &one, Some(&json!({ "body": "checked again" }))).unwrap().status, 200);
    let author = made.json()["user"]["login"].as_str().unwrap().to_owned();
    assert_eq!(author, "gitea-actions");
    // For a fork the forge makes the token read-only, whatever the workflow wishes.
    let status = format!("/repos/{REQUESTS}/statuses/{head}");
    let wish = json!({ "state": "success", "context": "kopnams" });
    assert_eq!(forge.call(Some(&token), "POST", &status, Some(&wish)).unwrap().status, 403);
    // So the status needs a token of its own, which a workflow of the base has.
    let secret = note(notes.path(), "secret").unwrap();
    assert_eq!(forge.call(Some(&secret), "POST", &status, Some(&wish)).unwrap().status, 201);
    fs::write(notes.path().join("done"), "").unwrap();

    let path = format!("/repos/{REQUESTS}/actions/runs");
    let run = wait_for("the end of the run", || {
        let runs = forge.must(&world.platform.token, "GET", &path, None).unwrap();
        let ended = |run: &Value| run["event"] == "pull_request_target" && run["status"] == "completed";
        runs["workflow_runs"].as_array().unwrap().iter().find(|run| ended(run)).cloned()
    });
    assert_eq!(run["conclusion"], "success", "{run}");
    // The forge itself says on the head how the workflow of the base ended.
    let said = wait_for("the forge's own status", || {
        let statuses = forge.must(&world.platform.token, "GET", &format!("/repos/{REQUESTS}/commits/{head}/status"), None).unwrap();
        let of = |status: &&Value| status["context"] == "requests / check (pull_request_target)" && status["status"] == "success";
        statuses["statuses"].as_array().unwrap().iter().find(of).cloned()
    });
    assert_eq!(said["creator"]["login"], Value::Null);
    // What the request brings along waits until somebody with rights lets it run.
    assert!(!notes.path().join("forged").exists());
}

#[test]
fn what_one_job_has_commented_another_may_edit_also_one_that_a_request_brings_along() {
    let files = [(".forgejo/workflows/requests.yml", TRUSTED)];
    let Some(mut world) = World::start("comments of workflows", &files) else { return };
    let notes = tempfile::tempdir().unwrap();
    world.forge.run_workflows(&["ubuntu-latest"], &[("NOTES", notes.path().to_str().unwrap())]).unwrap();
    world.keep_status_token();
    let forge = &world.forge;

    let (pull, _) = world.pull_request("web", REQUEST);
    let token = wait_for("the token of the job", || note(notes.path(), "token"));
    let comments = format!("/repos/{REQUESTS}/issues/{}/comments", pull["number"]);
    let made = forge.call(Some(&token), "POST", &comments, Some(&json!({ "body": "refused" }))).unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    fs::write(notes.path().join("done"), "").unwrap();
    // Ended, and so has its token.
    wait_for("the end of the token", || (forge.call(Some(&token), "GET", "/user", None).unwrap().status == 401).then_some(()));

    // Whoever has had one request merged is trusted: the workflows of the next one run without a question.
    let merge = format!("/repos/{REQUESTS}/pulls/{}/merge", pull["number"]);
    wait_for("the merge", || {
        let answer = forge.call(Some(&world.platform.token), "POST", &merge, Some(&json!({ "Do": "merge" }))).unwrap();
        (answer.status == 200).then_some(())
    });
    // With notes of its own, beside those of the trusted workflow, which runs too.
    let mine = notes.path().join("mine");
    fs::create_dir(&mine).unwrap();
    let brought =
        TRUSTED.replace("pull_request_target:", "pull_request:").replace("$NOTES", "$NOTES/mine").replace("web.yaml", "shop.yaml");
    let asked = [("municipalities/ogre/shop.yaml", "kind: MunicipalityApp\n"), (".forgejo/workflows/mine.yml", &brought)];
    world.pull_request("shop", &asked);
    let token = wait_for("the token of the job that was brought along", || note(&mine, "token"));
    // No secret, but the same name on its comments.
    assert_eq!(note(&mine, "secret").unwrap(), "");
    let one = format!("/repos/{REQUESTS}/issues/comments/{}", made.json()["id"]);
    let forged = forge.call(Some(&token), "PATCH", &one, Some(&json!({ "body": "granted" }))).unwrap();
    assert_eq!(forged.status, 200, "{}", forged.body);
    let now = forge.must(&world.platform.token, "GET", &one, None).unwrap();
    assert_eq!((now["body"].as_str(), now["user"]["login"].as_str()), (Some("granted"), Some("gitea-actions")));
    fs::write(mine.join("done"), "").unwrap();
}

fn note(notes: &Path, name: &str) -> Option<String> {
    fs::read_to_string(notes.join(name)).ok().map(|text| text.trim().to_owned())
}
