//! What is said offline is what the cluster says: of thousands of generated requests by the real API server, and of those that
//! it takes by the controller.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{StreamExt, stream};
use kopnams::policy::{AppKey, Register};
use kopnams::request::check::{Checker, Definitions};
use kopnams::request::read::{self, Document, Tree};
use kopnams::review::{Outcome, review};
use serde_json::{Value, json};

use crate::generate::Requests;
use crate::kit::{condition, shown, text};
use crate::run::{alone, say};
use crate::world::World;

const PLATFORM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/platform");
/// A town that is asked for far more than it may have.
const FULL: &str = "kuldigas-novads";

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The document of a request, as it would be read from a file.
fn document(number: usize, request: &Value) -> Document {
    let (mut documents, broken) = read::parse(&format!("{number:05}.yaml"), 1, request.to_string().as_bytes());
    assert!(broken.is_empty() && documents.len() == 1, "{request}: {broken:?}");
    documents.remove(0)
}

/// Whether the API server would make it, and what it says if not.
async fn asked(client: &kube::Client, request: &Value) -> Result<(), String> {
    let namespace = text(request, "/metadata/namespace");
    let path = format!("/apis/kopnams.lv/v1alpha1/namespaces/{namespace}/municipalityapps?dryRun=All&fieldValidation=Strict");
    let post = http::Request::post(path).header("content-type", "application/json").body(request.to_string().into_bytes()).unwrap();
    match client.request::<Value>(post).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if [400, 422].contains(&status.code) => Err(status.message.clone()),
        Err(other) => panic!("{request}: {other}"),
    }
}

/// Compares what both say of each request; those that both take.
async fn taken(world: &World, requests: Vec<Value>) -> Vec<Value> {
    let definitions = Definitions::compile().unwrap();
    let answers: Vec<Result<(), String>> = stream::iter(&requests).map(|request| asked(&world.admin, request)).buffered(24).collect().await;
    let checker = Checker::new(&definitions);
    let (mut both, mut differ) = (Vec::new(), Vec::new());
    for (number, (request, online)) in requests.into_iter().zip(answers).enumerate() {
        let offline = checker.check(&document(number, &request));
        match (&offline, &online) {
            (Ok(_), Ok(())) => both.push(request),
            (Err(_), Err(_)) => {}
            _ => differ.push(format!("{request}\n  the API server: {online:?}\n  offline: {:?}", offline.map(drop))),
        }
    }
    assert!(differ.is_empty(), "{} differ, the first of them:\n{}", differ.len(), differ[..differ.len().min(3)].join("\n"));
    both
}

/// The reason for which each request is refused, or none, as the files come to it.
fn offline(requests: &[Value]) -> BTreeMap<AppKey, Option<String>> {
    let mut tree: Tree = read::read(&[PLATFORM.into()]).unwrap();
    tree.documents.extend(requests.iter().enumerate().map(|(number, request)| std::sync::Arc::new(document(number, request))));
    let review = review(&tree, None, &Definitions::compile().unwrap(), jiff::Timestamp::now());
    let reason = |outcome: &Outcome| outcome.because().first().map(|finding| finding.code.as_str().to_owned());
    review.apps.iter().map(|(key, outcome)| (key.clone(), reason(outcome))).collect()
}

#[test]
fn what_is_said_offline_is_what_the_cluster_says() {
    let seed = u64::try_from(number("KOPNAMS_SEED", 20_261_127)).unwrap();
    let (many, decided) = (number("KOPNAMS_REQUESTS", 10_000), number("KOPNAMS_DECIDED", 300));
    alone("verdicts offline and online", async |world| {
        world.lab.kubectl(["apply", "-R", "-f", PLATFORM]).unwrap();
        let towns = world
            .until("every municipality is Ready", async || {
                let all = world.list("Municipality", "").await;
                let ready = all.iter().filter(|town| crate::kit::is_ready(town)).count();
                if ready == all.len() { Ok(ready) } else { Err(format!("{ready} of {}", all.len())) }
            })
            .await;
        let register: Register =
            review(&read::read(&[PLATFORM.into()]).unwrap(), None, &Definitions::compile().unwrap(), jiff::Timestamp::now()).register;
        let systems: Vec<String> = register.systems().map(|(name, _)| name.clone()).collect();
        let mut generated = Requests::new(&register, seed);
        let homes: Vec<String> = register.municipalities().map(|(slug, _)| slug.clone()).collect();
        assert_eq!(homes.len(), towns);
        let requests: Vec<Value> = (0..many)
            .map(|number| {
                let mut request = generated.request(&register, &systems[number % systems.len()]);
                // What lies in no home the API server does not even look at.
                if !homes.iter().any(|home| *home == text(&request, "/metadata/namespace")) {
                    request["metadata"]["namespace"] = homes[number % homes.len()].clone().into();
                }
                request
            })
            .collect();
        let both = taken(world, requests).await;
        say(&format!("  seed {seed}: {many} requests, {} are taken by both and the others refused by both", both.len()));
        assert!(both.len() > many / 10 && both.len() < many * 9 / 10, "both kinds are among them");

        // The controller is away until all are there: it decides them in the order of the cluster, by time and then by name.
        world.kill_operator().await;
        let mut requests: Vec<Value> = both.into_iter().take(decided).collect();
        for (number, request) in requests.iter_mut().enumerate() {
            request["metadata"]["name"] = json!(format!("a{number:05}"));
            if number % 3 == 0 {
                request["metadata"]["namespace"] = FULL.into();
                request["spec"].as_object_mut().unwrap().remove("hostname");
            }
            world.create(request).await.unwrap_or_else(|error| panic!("{request}: {error}"));
        }
        let expected = offline(&requests);
        world.ensure_operator().await;
        let online: BTreeMap<AppKey, Option<String>> = world
            .within(Duration::from_mins(20), "all are decided", async || {
                let all = world.list("MunicipalityApp", "").await;
                let open = all.iter().find(|app| app["status"]["observedGeneration"].is_null() || condition(app, "Admitted").0.is_empty());
                if let Some(open) = open {
                    return Err(shown(open));
                }
                let of = |app: &Value| {
                    let key = AppKey::new(text(app, "/metadata/namespace"), text(app, "/metadata/name"));
                    let (admitted, reason) = condition(app, "Admitted");
                    (key, (admitted == "False").then(|| reason.to_owned()))
                };
                Ok(all.iter().map(of).collect())
            })
            .await;
        let differ: Vec<String> = expected
            .iter()
            .filter(|(key, offline)| online.get(*key) != Some(*offline))
            .map(|(key, offline)| format!("{key}: offline {offline:?}, the controller {:?}", online.get(key)))
            .collect();
        assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in online.values() {
            *reasons.entry(reason.as_deref().unwrap_or("granted")).or_default() += 1;
        }
        say(&format!("  {} were decided alike: {reasons:?}", online.len()));
        for reason in ["granted", "AllotmentExceeded", "RequirementMissing"] {
            assert!(reasons.get(reason).is_some_and(|count| *count > 2), "too few with {reason}: {reasons:?}");
        }
    });
}
