//! The same by hand: the objects that kopnams renders for a website, applied as they are into an ordinary namespace without
//! guard rails, one after another as `kubectl apply` does it, but without the start of kubectl.

use crate::figures::Timeline;
use crate::house::House;
use crate::kit::text;
use crate::marks::{Mark, Marks};
use crate::{LIMIT, TOWN, answers, host, request, rest};
use jiff::Timestamp;
use kopnams::policy::AppKey;
use kopnams::request::check::Definitions;
use kopnams::request::read;
use kopnams::review::review;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Instant;

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| Definitions::compile().unwrap());

/// Applies a website by hand and waits until it answers.
pub async fn apply(house: &House, marks: &Marks, name: &str) -> Timeline {
    let objects = rendered(house, name).await;
    let begun = Instant::now();
    for object in &objects {
        house.world.apply(object).await;
    }
    marks.until(name, Mark::PodReady, LIMIT).await;
    let answered = answers(house, &host(name)).await;
    marks.until(name, Mark::Available, LIMIT).await;
    Timeline { space: name.to_string(), begun, marks: marks.of(name), answered }
}

/// The namespace, the generated secret, and the objects that an offline plan makes of the same request.
async fn rendered(house: &House, name: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("all.yaml");
    let mut documents = vec![request(name)];
    for (kind, name) in [("Platform", "platform"), ("Municipality", TOWN), ("HostedSystem", "timekla-vietne")] {
        let live = house.world.get(kind, "", name).await.unwrap();
        documents.push(json!({"apiVersion": live["apiVersion"], "kind": kind, "metadata": {"name": name}, "spec": live["spec"]}));
    }
    let documents: Vec<_> = documents.iter().map(|document| serde_yaml::to_string(document).unwrap()).collect();
    std::fs::write(&written, documents.join("---\n")).unwrap();
    let tree = read::read(&[written, PathBuf::from("examples/platform/10-dataclasses.yaml")]).unwrap();
    let review = review(&tree, None, &DEFINITIONS, Timestamp::UNIX_EPOCH);
    let key = AppKey::new(TOWN, name);
    let grant = review.apps[&key].grant().unwrap_or_else(|| panic!("{:?}", review.findings));
    let mut objects = vec![
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "editor", "namespace": name}, "stringData": {"password": "of-this-run-only"}}),
    ];
    for object in review.desired_app(&key, grant).workload.unwrap() {
        let mut object = json!(object);
        object["metadata"]["namespace"] = name.into();
        objects.push(object);
    }
    assert!(objects.iter().any(|object| object["kind"] == "Ingress"), "the route is among them");
    objects
}

/// Deletes the namespaces, and waits until they are gone.
pub async fn make_room(house: &House, done: &[Timeline]) {
    for one in done {
        house.world.delete("Namespace", "", &one.space).await;
    }
    for one in done {
        house
            .world
            .within(LIMIT, &format!("the namespace {} is gone", one.space), async || {
                match house.world.get("Namespace", "", &one.space).await {
                    None => Ok(()),
                    Some(left) => Err(text(&left, "/status/phase").to_string()),
                }
            })
            .await;
    }
    rest(house).await;
}
