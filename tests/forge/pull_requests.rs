//! What the forge allows whom: what a comment and a status of a pull request can be relied on for.

use serde_json::json;

use crate::world::{FORK, REQUESTS, World, git, try_git};

const FILES: &[(&str, &str)] = &[("README.md", "Requests\n")];
const REQUEST: &[(&str, &str)] = &[("municipalities/ogre/web.yaml", "kind: MunicipalityApp\n")];

#[test]
fn a_request_from_a_fork_arrives_and_its_commit_can_be_fetched_from_the_base() {
    let Some(world) = World::start("pull requests", FILES) else { return };
    let version = world.forge.call(None, "GET", "/version", None).unwrap();
    assert_eq!(version.status, 200);
    assert!(version.json()["version"].as_str().unwrap().starts_with("1."), "{}", version.body);

    let (pull, head) = world.pull_request("web", REQUEST);
    let listed = world.forge.must(&world.platform.token, "GET", &format!("/repos/{REQUESTS}/pulls?state=open"), None).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["number"], pull["number"]);
    assert_eq!(listed[0]["user"]["login"], "clerk");
    assert_eq!(listed[0]["head"]["sha"], head.as_str());
    assert_eq!(listed[0]["head"]["repo"]["full_name"], FORK);
    assert_eq!(listed[0]["base"]["repo"]["full_name"], REQUESTS);

    // As objects, without a checkout, and without asking the fork.
    let bare = tempfile::tempdir().unwrap();
    git(bare.path(), &["init", "--quiet", "--bare"]);
    let from = world.forge.git_url(&world.platform, REQUESTS);
    git(bare.path(), &["fetch", "--quiet", "--depth=1", &from, &format!("refs/pull/{}/head:refs/heads/head", pull["number"])]);
    assert_eq!(git(bare.path(), &["rev-parse", "refs/heads/head"]).trim(), head);
    assert_eq!(git(bare.path(), &["show", "head:municipalities/ogre/web.yaml"]), REQUEST[0].1);

    // Nobody without rights writes to the base.
    let work = world.clone_of(FORK);
    let to = world.forge.git_url(&world.clerk, REQUESTS);
    let refused = try_git(&work, &["push", &to, "HEAD:refs/heads/mine"]);
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("User permission denied for writing"), "{said}");
}

#[test]
fn a_comment_is_edited_by_its_author_and_by_who_may_write_and_by_nobody_else() {
    let Some(world) = World::start("comments", FILES) else { return };
    let forge = &world.forge;
    let (pull, _) = world.pull_request("web", REQUEST);
    let comments = format!("/repos/{REQUESTS}/issues/{}/comments", pull["number"]);
    let stranger = forge.user("stranger").unwrap();
    let writer = forge.user("writer").unwrap();
    let path = format!("/repos/{REQUESTS}/collaborators/{}", writer.name);
    forge.must(&world.platform.token, "PUT", &path, Some(&json!({ "permission": "write" }))).unwrap();

    let made = forge.must(&world.platform.token, "POST", &comments, Some(&json!({ "body": "first" }))).unwrap();
    let one = format!("/repos/{REQUESTS}/issues/comments/{}", made["id"]);
    let says = || forge.must(&stranger.token, "GET", &one, None).unwrap()["body"].as_str().unwrap().to_owned();
    let edit = |token: Option<&str>, text: &str| forge.call(token, "PATCH", &one, Some(&json!({ "body": text }))).unwrap();
    for token in [&world.clerk.token, &stranger.token] {
        // Without a word: the body of the answer is empty.
        let refused = edit(Some(token), "forged");
        assert_eq!((refused.status, refused.body.as_str()), (403, ""));
        assert_eq!(forge.call(Some(token), "DELETE", &one, None).unwrap().status, 403);
    }
    let nobody = edit(None, "forged");
    assert_eq!(nobody.status, 401);
    assert_eq!(nobody.json()["message"], "token is required");
    assert_eq!(edit(Some("0123456789abcdef0123456789abcdef01234567"), "forged").status, 401);
    assert_eq!(says(), "first");
    assert_eq!(edit(Some(&world.platform.token), "second").status, 200);
    assert_eq!(says(), "second");
    // Its author stays its author, so the author alone does not prove the words.
    assert_eq!(edit(Some(&writer.token), "by another").status, 200);
    let now = forge.must(&stranger.token, "GET", &one, None).unwrap();
    assert_eq!((now["body"].as_str(), now["user"]["login"].as_str()), (Some("by another"), Some("platform")));

    // The same words by the author of the request stand under that name.
    let made = forge.must(&world.clerk.token, "POST", &comments, Some(&json!({ "body": "second" }))).unwrap();
    assert_eq!(made["user"]["login"], "clerk");
}

#[test]
fn a_list_of_comments_has_all_of_them_whatever_page_is_asked_for() {
    let Some(world) = World::start("lists of comments", FILES) else { return };
    let forge = &world.forge;
    let (pull, _) = world.pull_request("web", REQUEST);
    let comments = format!("/repos/{REQUESTS}/issues/{}/comments", pull["number"]);
    for number in 0..60 {
        forge.must(&world.clerk.token, "POST", &comments, Some(&json!({ "body": format!("comment {number}") }))).unwrap();
    }
    let asked = |query: &str| forge.call(Some(&world.platform.token), "GET", &format!("{comments}{query}"), None).unwrap();
    let all = asked("");
    assert_eq!(all.json().as_array().unwrap().len(), 60);
    assert_eq!(all.header("x-total-count"), Some("60"));
    // No page is empty: whoever asks until there is none never ends.
    assert_eq!(asked("?page=2&limit=50").json(), all.json());
    // The comments of the whole repository come in pages.
    let page = |page: u32| {
        let path = format!("/repos/{REQUESTS}/issues/comments?limit=100&page={page}");
        forge.must(&world.platform.token, "GET", &path, None).unwrap().as_array().unwrap().len()
    };
    assert_eq!((page(1), page(2), page(3)), (50, 10, 0));
}

#[test]
fn a_status_is_set_by_who_may_write_with_a_token_for_it() {
    let Some(world) = World::start("statuses", FILES) else { return };
    let forge = &world.forge;
    let (_, head) = world.pull_request("web", REQUEST);
    let path = format!("/repos/{REQUESTS}/statuses/{head}");
    let status = |state: &str| json!({ "state": state, "context": "kopnams", "description": "refused", "target_url": "http://127.0.0.1/" });
    let set = |token: Option<&str>, state: &str| forge.call(token, "POST", &path, Some(&status(state))).unwrap();

    // Not by whom the request is of, and not with a token that may comment only.
    assert_eq!(set(Some(&world.clerk.token), "success").status, 403);
    assert_eq!(set(None, "success").status, 401);
    let commenter = forge.token(&world.platform, &["write:issue"]).unwrap();
    let refused = set(Some(&commenter), "success");
    assert_eq!(refused.status, 403);
    let said = refused.json()["message"].as_str().unwrap().to_owned();
    assert!(said.contains("does not have at least one of required scope(s)") && said.contains("write:repository"), "{said}");

    let both = forge.token(&world.platform, &["write:issue", "write:repository"]).unwrap();
    assert_eq!(set(Some(&both), "failure").status, 201);
    assert_eq!(set(Some(&both), "success").status, 201);
    let combined = forge.must(&world.clerk.token, "GET", &format!("/repos/{REQUESTS}/commits/{head}/status"), None).unwrap();
    assert_eq!(combined["state"], "success");
    // One a context: the last.
    assert_eq!(combined["statuses"].as_array().unwrap().len(), 1);
    assert_eq!(combined["statuses"][0]["context"], "kopnams");
}
