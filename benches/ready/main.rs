//! `make bench-ready`: from a merged request until the website of the catalogue answers, on a real node, and who took how
//! long of it; beside it, in the same run, the very same objects applied by hand into an ordinary namespace.
//!
//! Kubernetes' own times have whole seconds, so everything is timed here, by watches. Prints figures; asserts nothing about
//! them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark may fail by unwrapping, as the tests whose house it uses"
)]

#[path = "../../tests/cluster/audit.rs"]
#[allow(dead_code)]
mod audit;
#[path = "../../tests/node/house.rs"]
#[allow(dead_code)]
mod house;
#[path = "../../tests/cluster/kit.rs"]
#[allow(dead_code)]
mod kit;
#[path = "../../tests/cluster/operator.rs"]
#[allow(dead_code)]
mod operator;
#[path = "../../tests/cluster/world.rs"]
#[allow(dead_code)]
mod world;

mod bare;
mod figures;
mod marks;

use figures::Timeline;
use futures::future::join_all;
use house::{House, on_the_node, website};
use kit::text;
use marks::{Mark, Marks};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The municipality that asks.
const TOWN: &str = "saldus-novads";

/// How long a website may take on a busy machine.
const LIMIT: Duration = Duration::from_mins(5);

fn main() {
    let count = std::env::var("BENCH_READY").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    on_the_node("from a request to Ready", async |house| measure(house, count).await);
}

async fn measure(house: &House, count: usize) {
    // Room for all of it, and no page in the place of those that are suspended to make room for the next.
    let allotment = json!({"cpu": "1000", "memory": "1000Gi", "storage": "1000Gi", "apps": 1000});
    house.world.merge("Municipality", "", TOWN, &json!({"spec": {"allotment": allotment}})).await;
    house.world.merge("Platform", "", "platform", &json!({"spec": {"notice": null}})).await;
    house.world.ready_municipality(TOWN).await;
    let marks = Marks::watch(&house.world.admin);

    let (mut asked, mut applied) = (Vec::new(), Vec::new());
    // The first of each is not counted: the image is read from the disk then.
    for n in 0..=count {
        let one = ask(house, &marks, &format!("pa-vienai-{n}")).await;
        make_room(house, std::slice::from_ref(&one)).await;
        let other = bare::apply(house, &marks, &format!("ar-roku-{n}")).await;
        bare::make_room(house, std::slice::from_ref(&other)).await;
        if n > 0 {
            asked.push(one);
            applied.push(other);
        }
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("the pods' network: {:?}; load of the machine at the end of the first run: {}", house.node.network(), load.trim());
    figures::print(&format!("{count} requests, one after another"), &asked, &applied);

    let names: Vec<_> = (0..count).map(|n| format!("visas-{n}")).collect();
    let asked = join_all(names.iter().map(|name| ask(house, &marks, name))).await;
    make_room(house, &asked).await;
    let names: Vec<_> = (0..count).map(|n| format!("ar-roku-visas-{n}")).collect();
    let applied = join_all(names.iter().map(|name| bare::apply(house, &marks, name))).await;
    bare::make_room(house, &applied).await;
    figures::print(&format!("{count} requests at once"), &asked, &applied);
}

/// The request for one website.
fn request(name: &str) -> Value {
    website(TOWN, name, &host(name), "Mērījums")
}

fn host(name: &str) -> String {
    format!("{name}.saldus.example.lv")
}

/// Asks for a website and waits until it is Ready and answers.
async fn ask(house: &House, marks: &Marks, name: &str) -> Timeline {
    let space = format!("{TOWN}--{name}");
    let request = request(name);
    let begun = Instant::now();
    house.world.create(&request).await.unwrap();
    marks.until(&space, Mark::PodReady, LIMIT).await;
    let answered = answers(house, &host(name)).await;
    marks.until(&space, Mark::Available, LIMIT).await;
    marks.until(&space, Mark::Ready, LIMIT).await;
    Timeline { space: space.clone(), begun, marks: marks.of(&space), answered }
}

/// When a website answers 200 through the ingress.
async fn answers(house: &House, host: &str) -> Instant {
    let begun = Instant::now();
    loop {
        let (node, host) = (house.node.clone(), host.to_string());
        let answer = tokio::task::spawn_blocking(move || node.get(&host, "/")).await.unwrap();
        match answer {
            Ok(answer) if answer.status == 200 => return Instant::now(),
            other => assert!(begun.elapsed() < LIMIT, "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Suspends what was asked for, so that the node is as empty for the next; kopnams deletes no files of a tenant.
async fn make_room(house: &House, done: &[Timeline]) {
    for one in done {
        let name = one.space.split_once("--").unwrap().1;
        house.world.merge("MunicipalityApp", TOWN, name, &json!({"spec": {"suspend": true}})).await;
    }
    for one in done {
        no_pod(house, &one.space, "").await;
    }
    rest(house).await;
}

/// Waits until the provisioner has tidied up too, and then a moment.
async fn rest(house: &House) {
    no_pod(house, "local-path-storage", "helper-pod").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// Waits until no pod of a namespace has a name that begins like this.
async fn no_pod(house: &House, space: &str, begins: &str) {
    house
        .world
        .within(LIMIT, &format!("no pod {begins} is left in {space}"), async || {
            let pods = house.world.list("Pod", space).await;
            match pods.iter().map(|pod| text(pod, "/metadata/name")).find(|name| name.starts_with(begins)) {
                None => Ok(()),
                Some(left) => Err(left.to_string()),
            }
        })
        .await;
}
