//! Changes of a running system: a catalogue entry that is edited, once well and once badly, and passwords made anew.

use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

use crate::house::{House, documents, on_the_node, website};
use crate::kit::{app_of, condition, message};

const TOWNS: [(&str, &str); 2] = [("kuldigas-novads", "maina.kuldiga.example.lv"), ("ogres-novads", "maina.ogre.example.lv")];

/// The website's entry under a name of its own, so that no other test's app follows.
fn entry() -> Value {
    let mut entry = documents(Path::new("build/catalogue/timekla-vietne.yaml")).remove(0);
    entry["metadata"]["name"] = "vietne-maina".into();
    entry["spec"]["rollout"] = json!({"canaries": 1, "batch": 5, "failAfter": 1, "deadlineSeconds": 30});
    entry
}

fn container(entry: &mut Value) -> &mut Value {
    let objects = entry["spec"]["versions"][0]["objects"].as_array_mut().unwrap();
    let web = objects.iter_mut().find(|object| object["kind"] == "Deployment").unwrap();
    &mut web["spec"]["template"]["spec"]["containers"][0]
}

/// Whether the pods of an app's website have this mark in their environment.
async fn marked(house: &House, slug: &str, mark: &str) {
    let space = format!("{slug}--maina");
    let has = |web: &Value| web["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == mark;
    house
        .world
        .within(Duration::from_mins(2), &format!("{space} has {mark}"), async || {
            let web = house.world.get("Deployment", &space, "web").await.ok_or("it is not there")?;
            if has(&web) { Ok(()) } else { Err(web["spec"]["template"]["spec"]["containers"][0]["env"].to_string()) }
        })
        .await;
}

/// Waits until a request shows something.
async fn shows(house: &House, slug: &str, name: &str, limit: Duration, type_: &str, holds: impl Fn(&Value) -> bool) {
    house
        .world
        .within(limit, &format!("{type_} of {slug}/{name}"), async || {
            let app = house.world.get("MunicipalityApp", slug, name).await.ok_or("it is not there")?;
            if holds(&app) { Ok(()) } else { Err(message(&app, type_).to_string()) }
        })
        .await;
}

async fn news(house: &House, host: &str) {
    assert_eq!(house.page(host, "/zinas.html", 200).await, "<p>Jaunumi</p>", "its data is kept");
}

#[test]
fn an_edited_entry_reaches_running_websites_and_a_bad_edit_is_undone_with_their_data_kept() {
    on_the_node("an upgrade", async |house| {
        let mut good = entry();
        house.world.apply(&good).await;
        for (slug, host) in TOWNS {
            let mut request = website(slug, "maina", host, "Maiņa");
            request["spec"]["system"] = "vietne-maina".into();
            house.open(&request).await;
            house.page(host, "/", 200).await;
            let password = house.secret(&format!("{slug}--maina"), "editor", "password").await;
            let (status, said) = house.call(host, "redaktors", &password, "PUT", "/augsupielade/zinas.html", "<p>Jaunumi</p>");
            assert_eq!(status, 201, "{said}");
        }

        container(&mut good)["env"] = json!([{"name": "MARK", "value": "second"}]);
        house.world.apply(&good).await;
        for (slug, host) in TOWNS {
            marked(house, slug, "second").await;
            house.ready(slug, "maina").await;
            news(house, host).await;
        }
        let done = |entry: &Value| condition(entry, "RolledOut") == ("True", "Done");
        house.world.see("HostedSystem", "", "vietne-maina", "rolled out", done).await;

        let mut bad = good.clone();
        container(&mut bad)["env"] = json!([{"name": "MARK", "value": "third"}]);
        container(&mut bad)["command"] = json!(["/bin/sh", "-c", "exit 7"]);
        house.world.apply(&bad).await;
        let (first, spared) = (TOWNS[0], TOWNS[1]);
        let fails = |app: &Value| message(app, "Available").contains("ended with exit code 7");
        shows(house, first.0, "maina", Duration::from_mins(1), "Available", fails).await;
        // The other town's website goes on all the while.
        assert_eq!(house.node.get(spared.1, "/zinas.html").unwrap().status, 200);
        let back = |app: &Value| condition(app, "UpToDate") == ("False", "WentBack");
        shows(house, first.0, "maina", Duration::from_mins(3), "UpToDate", back).await;
        marked(house, first.0, "second").await;
        house.ready(first.0, "maina").await;
        for (slug, host) in TOWNS {
            marked(house, slug, "second").await;
            news(house, host).await;
        }
        let stopped = house.world.get("HostedSystem", "", "vietne-maina").await.unwrap();
        assert_eq!(condition(&stopped, "RolledOut"), ("False", "Stopped"));
        assert!(message(&stopped, "RolledOut").contains("kuldigas-novads/maina did not answer"), "{stopped}");
        for (slug, _) in TOWNS {
            rest(house, slug, "maina").await;
        }
    });
}

#[test]
fn passwords_made_anew_are_in_force_and_the_data_stays() {
    on_the_node("rotated passwords", async |house| {
        let (slug, host, space) = ("saldus-novads", "atbalsts.saldus.example.lv", "saldus-novads--e-atbalsts");
        let mut request = app_of(slug, "e-atbalsts", "e-atbalsts");
        request["spec"]["hostname"] = host.into();
        request["spec"]["processing"] = json!({"legalBasis": "Pašvaldību likums, 4. pants"});
        house.open(&request).await;
        house.page(host, "/NoAuth/Login.html", 200).await;
        let (root, database) = (house.secret(space, "root", "password").await, house.secret(space, "database", "password").await);
        let question = json!({"Queue": "E-pakalpojumu atbalsts", "Subject": "Nevaru parakstīt", "Requestor": "iedzivotajs@example.lv"});
        let (status, made) = house.call(host, "root", &root, "POST", "/REST/2.0/ticket", &question.to_string());
        assert_eq!(status, 201, "{made}");

        request["spec"]["rotateSecrets"] = "2026-11-25".into();
        house.world.apply(&request).await;
        house
            .world
            .within(Duration::from_mins(1), "the passwords are others", async || {
                let (now, of_database) = (house.secret(space, "root", "password").await, house.secret(space, "database", "password").await);
                if now != root && of_database != database { Ok(()) } else { Err("they are the same".to_string()) }
            })
            .await;
        let fresh = house.secret(space, "root", "password").await;
        let tickets = "/REST/2.0/tickets?query=Queue%3D%27E-pakalpojumu%20atbalsts%27";
        house
            .world
            .within(Duration::from_mins(4), "the new password is in force", async || {
                match house.node.get(host, "/NoAuth/Login.html") {
                    Ok(answer) if answer.status == 200 => {}
                    other => return Err(format!("{other:?}")),
                }
                match house.call(host, "root", &fresh, "GET", tickets, "") {
                    (200, body) if serde_json::from_str::<Value>(&body).is_ok_and(|found| found["total"] == 1) => Ok(()),
                    (status, body) => Err(format!("{status} {body}")),
                }
            })
            .await;
        assert_eq!(house.call(host, "root", &root, "GET", tickets, "").0, 401, "Request Tracker refuses the old password");
        house.ready(slug, "e-atbalsts").await;
        rest(house, slug, "e-atbalsts").await;
    });
}

/// The node is small and serves other tests too.
async fn rest(house: &House, slug: &str, name: &str) {
    house.world.merge("MunicipalityApp", slug, name, &json!({"spec": {"suspend": true}})).await;
    let suspended = |app: &Value| condition(app, "Ready") == ("True", "Suspended");
    shows(house, slug, name, Duration::from_mins(2), "Ready", suspended).await;
}
