//! Drills that start the app, on the node: for real, and without a way to anybody; and the canary, which has to fail.

use kopnams_lab::Node;
use serde_json::json;

use crate::backups::{PATIENCE, back_up, no_target, over, start_of, target};
use crate::house::{House, on_the_node, say, website};
use crate::isolation::{ask, through};
use crate::kit::{condition, shown, text};

/// The namespace in which a drill has started an app of a municipality, once its pod runs.
async fn scratch(house: &House, slug: &str) -> String {
    house
        .world
        .within(PATIENCE, "the app runs elsewhere", async || {
            let all = house.world.list("Namespace", "").await;
            let mut names = all.iter().map(|space| text(space, "/metadata/name").to_string());
            let space = names.find(|name| name.starts_with(&format!("{slug}--drill-"))).ok_or("there is no namespace")?;
            let pods = house.world.list("Pod", &space).await;
            let web = pods.iter().find(|pod| pod["metadata"]["labels"]["app"] == "web").ok_or_else(|| format!("{} pods", pods.len()))?;
            let ready = web["status"]["containerStatuses"][0]["ready"] == true;
            if ready { Ok(space) } else { Err(shown(&web["status"])) }
        })
        .await
}

/// F23
#[test]
fn a_drill_starts_the_app_and_what_it_starts_reaches_nobody() {
    on_the_node("a drill that starts the app", async |house| {
        let server = target(house).await;
        let (slug, name, space) = ("olaines-novads", "muzejs", "olaines-novads--muzejs");
        // Beside what the entry wants to see, the town's own title.
        let mut request = website(slug, name, "muzejs.olaine.example.lv", "Muzejs");
        request["spec"]["backup"] = json!({"checks": {"http": [{"name": "title", "path": "/", "contains": "Muzejs"}]}});
        house.open(&request).await;
        let set = back_up(house, slug, name).await;
        let drill = start_of(house, slug, name, &set).await;
        let there = scratch(house, slug).await;
        // In its middle the operator is killed, so that there is time to look; it goes on afterwards.
        house.world.kill_operator().await;
        packets(house, &there, space, &server.endpoint());
        house.world.ensure_operator().await;
        let done = over(house, "RestoreDrill", &drill, "Succeeded").await;
        let steps = done["status"]["steps"].as_array().unwrap();
        assert!(steps.iter().all(|step| step["done"] == true) && steps.len() == 5, "{}", shown(&done));
        house
            .world
            .within(PATIENCE, "nothing of it is left", async || match house.world.get("Namespace", "", &there).await {
                None => Ok(()),
                Some(space) => Err(shown(&space)),
            })
            .await;
        house.page("muzejs.olaine.example.lv", "/", 200).await;

        // The same set, and a page that is not as it has to be.
        let wrong = json!({"spec": {"backup": {"checks": {"http": [{"name": "title", "path": "/", "contains": "Bibliotēka"}]}}}});
        house.world.merge("MunicipalityApp", slug, name, &wrong).await;
        house.world.see("MunicipalityApp", slug, name, "is ready with it", |app| condition(app, "Ready").0 == "True").await;
        let drill = start_of(house, slug, name, &set).await;
        let failed = over(house, "RestoreDrill", &drill, "Failed").await;
        assert_eq!(failed["status"]["failure"]["class"], "CheckFailed", "{}", shown(&failed));
        let said = text(&failed, "/status/message");
        assert!(said.starts_with("ask: check title: / does not contain the text that it should") && !said.contains("Muzejs"), "{said}");

        // The set that is damaged on purpose: found damaged, by the same runner and the same restic.
        house
            .world
            .within(PATIENCE, "the canary's drill has failed", async || {
                let target = house.world.get("BackupTarget", "", "s3").await.unwrap();
                if condition(&target, "DrillsCanFail") == ("True", "Damaged") { Ok(()) } else { Err(shown(&target)) }
            })
            .await;
        house.world.merge("MunicipalityApp", slug, name, &json!({"spec": {"suspend": true}})).await;
        no_target(house).await;
    });
}

/// Nobody is reached from what a drill has started; each of them from where it may be.
fn packets(house: &House, there: &str, app: &str, backups: &str) {
    let node: &Node = &house.node;
    if !node.policies_enforced() {
        say("PACKETS NOT TESTED: this node's network does not enforce policies");
        return;
    }
    let pod = |space: &str| {
        let path = "jsonpath={.items[0].status.podIP}";
        house.world.lab.kubectl(["get", "pods", "--namespace", space, "--selector", "app=web", "--output", path]).unwrap()
    };
    let health = |space: &str| format!("http://{}:8080/healthz", pod(space));
    let answer = ask(house, there, &health(there));
    assert!(through(&answer), "it reaches itself: {answer}");
    for (who, url) in
        [("the app itself", health(app)), ("the backups", backups.to_string()), ("the API server", "https://10.0.0.1:443/version".into())]
    {
        let answer = ask(house, there, &url);
        assert!(!through(&answer), "{who} at {url}: {answer}");
    }
    let answer = ask(house, app, &health(app));
    assert!(through(&answer), "the app answers whom it may: {answer}");
    let answer = ask(house, app, &health(there));
    assert!(!through(&answer), "nor does the app reach what was started: {answer}");
}
