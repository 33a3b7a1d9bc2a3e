//! Who reaches whom: the network policies of the examples as they are rendered, judged offline by cyclonus' matcher.
//!
//! This is what the policies mean. Whether the network obeys them is shown by packets, in `tests/node/isolation.rs`, where a
//! kernel can do that. Every connection that is denied stands beside a twin that differs from it in one thing and is let
//! through, so that nothing is denied only because nothing at all is allowed or a name is wrong.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may fail by unwrapping")]

use jiff::Timestamp;
use kopnams::desired::{DesiredSet, Kind};
use kopnams::policy::AppKey;
use kopnams::request::check::Definitions;
use kopnams::request::read;
use kopnams::review::{Review, review};
use kopnams_lab::Tools;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

static DEFINITIONS: LazyLock<Definitions> = LazyLock::new(|| Definitions::compile().unwrap());

/// From, to, port, protocol. An end is a pod of `CAST` or an address.
type Ask<'a> = (&'a str, &'a str, u16, &'a str);

/// Name, namespace, labels.
type Pod<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// The pods. The first six are in namespaces of the examples.
const CAST: &[Pod<'_>] = &[
    // The website has a host name and no destinations outside.
    ("website", "kuldigas-novads--majaslapa", &[("app", "web")]),
    ("website-database", "kuldigas-novads--majaslapa", &[("app", "database")]),
    // The document register has a host name, and may use the mail relay and the data hub.
    ("register", "kuldigas-novads--lietvediba", &[("app", "web")]),
    // The support has a host name, and may use the mail relay.
    ("support", "ventspils--e-atbalsts", &[("app", "web")]),
    // The log of civil protection has no host name.
    ("log", "jelgava--civila-aizsardziba", &[("app", "web")]),
    ("home", "kuldigas-novads", &[("app", "web")]),
    ("ingress", "ingress", &[("app", "haproxy")]),
    ("beside-ingress", "ingress", &[("app", "dashboard")]),
    ("like-ingress", "veikals", &[("app", "haproxy")]),
    ("dns", "kube-system", &[("k8s-app", "kube-dns")]),
    ("beside-dns", "kube-system", &[("k8s-app", "metrics-server")]),
    ("like-dns", "veikals", &[("k8s-app", "kube-dns")]),
    ("shop", "veikals", &[("app", "shop")]),
];

const API_SERVER: &str = "10.0.0.1";
const NODE: &str = "198.18.213.2";
const METADATA: &str = "169.254.169.254";
const INTERNET: &str = "203.0.113.80";
const INTERNET_6: &str = "2001:db8::80";
const MAIL_RELAY: &str = "192.0.2.25";
const BESIDE_MAIL_RELAY: &str = "192.0.2.26";
const DATA_HUB: &str = "198.51.100.20";
const BESIDE_DATA_HUB: &str = "198.51.100.32";

const ADMITTED: &[(&str, Ask<'_>)] = &[
    ("its own pods", ("website", "website-database", 5432, "TCP")),
    ("its own pods, and back", ("website-database", "website", 8080, "TCP")),
    ("its own pods by any protocol", ("website", "website-database", 5432, "UDP")),
    ("the ingress, an app with a host name", ("ingress", "website", 8080, "TCP")),
    ("the ingress, on any port: policies of apps name none", ("ingress", "register", 9000, "TCP")),
    ("names, by UDP", ("website", "dns", 53, "UDP")),
    ("names, by TCP", ("website", "dns", 53, "TCP")),
    ("names, for an app without a host name", ("log", "dns", 53, "UDP")),
    ("a named destination", ("support", MAIL_RELAY, 25, "TCP")),
    ("two named destinations, the first", ("register", MAIL_RELAY, 25, "TCP")),
    ("two named destinations, the second", ("register", DATA_HUB, 443, "TCP")),
];

/// What is denied, by which directions, and its twin that is let through.
const DENIED: &[(&str, Ask<'_>, &str, Ask<'_>)] = &[
    ("another tenant of the municipality", ("website", "register", 8080, "TCP"), BOTH, ("ingress", "register", 8080, "TCP")),
    ("and back", ("register", "website-database", 5432, "TCP"), BOTH, ("website", "website-database", 5432, "TCP")),
    ("another municipality", ("website", "support", 8080, "TCP"), BOTH, ("ingress", "support", 8080, "TCP")),
    ("another municipality, and back", ("support", "website", 8080, "TCP"), BOTH, ("website-database", "website", 8080, "TCP")),
    ("a tenant from its own home", ("home", "website", 8080, "TCP"), BOTH, ("ingress", "website", 8080, "TCP")),
    ("its own home", ("website", "home", 8080, "TCP"), BOTH, ("website", "website-database", 8080, "TCP")),
    ("names, from a home", ("home", "dns", 53, "UDP"), EGRESS, ("website", "dns", 53, "UDP")),
    ("a home from the ingress", ("ingress", "home", 8080, "TCP"), INGRESS, ("ingress", "website", 8080, "TCP")),
    ("an app without a host name", ("ingress", "log", 8080, "TCP"), INGRESS, ("ingress", "website", 8080, "TCP")),
    ("labels of the ingress elsewhere", ("like-ingress", "website", 8080, "TCP"), INGRESS, ("ingress", "website", 8080, "TCP")),
    ("a neighbour of the ingress", ("beside-ingress", "website", 8080, "TCP"), INGRESS, ("ingress", "website", 8080, "TCP")),
    ("the ingress from inside", ("website", "ingress", 80, "TCP"), EGRESS, ("shop", "ingress", 80, "TCP")),
    ("from a stranger", ("shop", "website", 8080, "TCP"), INGRESS, ("ingress", "website", 8080, "TCP")),
    ("to a stranger", ("website", "shop", 8080, "TCP"), EGRESS, ("website", "website-database", 8080, "TCP")),
    ("from the name servers", ("dns", "website", 8080, "TCP"), INGRESS, ("ingress", "website", 8080, "TCP")),
    ("names on another port", ("website", "dns", 9153, "TCP"), EGRESS, ("website", "dns", 53, "TCP")),
    ("names by another protocol", ("website", "dns", 53, "SCTP"), EGRESS, ("website", "dns", 53, "UDP")),
    ("a neighbour of the name servers", ("website", "beside-dns", 53, "UDP"), EGRESS, ("website", "dns", 53, "UDP")),
    ("labels of the name servers elsewhere", ("website", "like-dns", 53, "UDP"), EGRESS, ("website", "dns", 53, "UDP")),
    ("the API server", ("register", API_SERVER, 443, "TCP"), EGRESS, ("register", DATA_HUB, 443, "TCP")),
    ("the API server on its node", ("website", NODE, 6443, "TCP"), EGRESS, ("shop", NODE, 6443, "TCP")),
    ("the kubelet", ("website", NODE, 10250, "TCP"), EGRESS, ("shop", NODE, 10250, "TCP")),
    ("the machine's metadata", ("website", METADATA, 80, "TCP"), EGRESS, ("shop", METADATA, 80, "TCP")),
    ("the internet", ("register", INTERNET, 443, "TCP"), EGRESS, ("register", DATA_HUB, 443, "TCP")),
    ("the internet by IPv6", ("register", INTERNET_6, 443, "TCP"), EGRESS, ("register", DATA_HUB, 443, "TCP")),
    ("names on the internet", ("website", INTERNET, 53, "UDP"), EGRESS, ("website", "dns", 53, "UDP")),
    ("from the internet", (INTERNET, "website", 8080, "TCP"), INGRESS, ("ingress", "website", 8080, "TCP")),
    ("from the internet by IPv6", (INTERNET_6, "website", 8080, "TCP"), INGRESS, ("ingress", "website", 8080, "TCP")),
    ("a destination that it has not", ("website", MAIL_RELAY, 25, "TCP"), EGRESS, ("support", MAIL_RELAY, 25, "TCP")),
    ("another's destination", ("support", DATA_HUB, 443, "TCP"), EGRESS, ("register", DATA_HUB, 443, "TCP")),
    ("a destination on another port", ("support", MAIL_RELAY, 587, "TCP"), EGRESS, ("support", MAIL_RELAY, 25, "TCP")),
    ("a destination by UDP", ("support", MAIL_RELAY, 25, "UDP"), EGRESS, ("support", MAIL_RELAY, 25, "TCP")),
    ("beside a destination", ("support", BESIDE_MAIL_RELAY, 25, "TCP"), EGRESS, ("support", MAIL_RELAY, 25, "TCP")),
    ("beside a range", ("register", BESIDE_DATA_HUB, 443, "TCP"), EGRESS, ("register", DATA_HUB, 443, "TCP")),
    ("one's port at another", ("register", DATA_HUB, 25, "TCP"), EGRESS, ("register", DATA_HUB, 443, "TCP")),
    ("from a destination", (MAIL_RELAY, "support", 25, "TCP"), INGRESS, ("ingress", "support", 25, "TCP")),
];

const YES: &str = "yes";
const EGRESS: &str = "no, by egress";
const INGRESS: &str = "no, by ingress";
const BOTH: &str = "no, by egress and ingress";

#[test]
fn who_reaches_whom() {
    let Some(tools) = Tools::ensure_or_skip("the meaning of the network policies").unwrap() else { return };
    let mut rows: Vec<(String, Ask<'_>, &str)> = ADMITTED.iter().map(|(says, ask)| ((*says).to_string(), *ask, YES)).collect();
    for (says, ask, by, twin) in DENIED {
        let same = [ask.0 == twin.0, ask.1 == twin.1, ask.2 == twin.2, ask.3 == twin.3];
        assert_eq!(same.iter().filter(|same| !**same).count(), 1, "{says}: a twin differs in one thing");
        rows.extend([((*says).to_string(), *ask, *by), (format!("the twin of: {says}"), *twin, YES)]);
    }
    judge(&tools, &cast(&examples()), &rows);
}

#[test]
fn without_peers_nothing_is_opened() {
    let Some(tools) = Tools::ensure_or_skip("the meaning of the network policies without peers").unwrap() else { return };
    let mut review = examples();
    let shut: [(Ask<'_>, &str); 3] = [
        (("website", "dns", 53, "UDP"), EGRESS),
        (("ingress", "website", 8080, "TCP"), INGRESS),
        (("support", MAIL_RELAY, 25, "TCP"), EGRESS),
    ];
    let always: [(Ask<'_>, &str); 5] = [
        (("website", "website-database", 5432, "TCP"), YES),
        (("website", INTERNET, 443, "TCP"), EGRESS),
        (("shop", "website", 8080, "TCP"), INGRESS),
        ((INTERNET, "website", 8080, "TCP"), INGRESS),
        (("website", "support", 8080, "TCP"), BOTH),
    ];
    let row = |says: &str, (ask, expected): &(Ask<'static>, &'static str)| (says.to_string(), *ask, *expected);
    let opened = shut.iter().map(|(ask, _)| ("with peers".to_string(), *ask, YES));
    judge(&tools, &cast(&review), &opened.chain(always.iter().map(|r| row("with peers", r))).collect::<Vec<_>>());

    let mut platform = review.register.settings().as_ref().clone();
    platform.dns.clear();
    platform.ingress.from.clear();
    platform.egress.values_mut().for_each(Vec::clear);
    review.register.set_platform(Some(platform));
    let rows: Vec<_> = shut.iter().chain(&always).map(|r| row("without peers", r)).collect();
    judge(&tools, &cast(&review), &rows);
}

/// Every tenant and home of the examples against every other.
#[test]
fn no_namespace_of_the_examples_reaches_another() {
    let Some(tools) = Tools::ensure_or_skip("the meaning of the network policies of all examples").unwrap() else { return };
    let review = examples();
    let apps = review.apps.iter().map(|(key, outcome)| review.desired_app(key, outcome.grant().unwrap()));
    let sets: Vec<_> = apps.chain(review.homes.keys().map(|name| review.desired_home(name))).collect();
    let pods: Vec<_> =
        sets.iter().flat_map(|set| [0, 1].map(|n| (format!("{} {n}", set.name()), set.name(), json!({"app": "web"})))).collect();
    let mut rows = Vec::new();
    for (from, from_space, _) in pods.iter().filter(|(name, ..)| name.ends_with('0')) {
        for (to, to_space, _) in pods.iter().filter(|(name, ..)| name.ends_with('1')) {
            let own = from_space == to_space && from_space.contains("--");
            rows.push((String::new(), (from.as_str(), to.as_str(), 443, "TCP"), if own { YES } else { BOTH }));
        }
    }
    assert!(rows.len() > 3000, "{}", rows.len());
    judge(&tools, &document(&sets, &pods), &rows);
}

fn examples() -> Review {
    let tree = read::read(&["examples/platform", "examples/requests"].map(PathBuf::from)).unwrap();
    let review = review(&tree, None, &DEFINITIONS, Timestamp::UNIX_EPOCH);
    assert!(!review.is_refused());
    review
}

/// The document with the pods of `CAST`; whatever of it is a tenant or home of the examples has what kopnams renders.
fn cast(review: &Review) -> Value {
    let mut sets: Vec<DesiredSet> = Vec::new();
    for (_, space, _) in CAST {
        if sets.iter().any(|set| set.name() == *space) {
            continue;
        }
        if let Some((slug, app)) = space.split_once("--") {
            let key = AppKey::new(slug, app);
            sets.push(review.desired_app(&key, review.apps[&key].grant().unwrap()));
        } else if review.homes.contains_key(*space) {
            sets.push(review.desired_home(space));
        }
    }
    assert_eq!(sets.len(), 5, "four tenants and a home");
    let labelled = |labels: &[(&str, &str)]| labels.iter().map(|(key, value)| ((*key).to_string(), json!(value))).collect();
    let pods: Vec<_> = CAST.iter().map(|(name, space, labels)| ((*name).to_string(), *space, Value::Object(labelled(labels)))).collect();
    document(&sets, &pods)
}

/// What `reach` reads, without the questions. Namespaces that are not kopnams' have no policies and no labels of their own.
fn document(sets: &[DesiredSet], pods: &[(String, &str, Value)]) -> Value {
    let mut document = json!({"policies": [], "namespaces": {}, "pods": {}});
    for (number, (name, space, labels)) in pods.iter().enumerate() {
        let ip = format!("10.244.{}.{}", number / 250, number % 250 + 1);
        document["namespaces"][space] = json!({});
        document["pods"][name] = json!({"namespace": space, "labels": labels, "ip": ip});
    }
    for set in sets {
        document["namespaces"][set.name()] = json!(set.namespace.meta().labels);
        let policies = set.guards.iter().filter(|object| object.kind() == Kind::NetworkPolicy);
        document["policies"].as_array_mut().unwrap().extend(policies.map(|policy| json!(policy)));
    }
    document
}

/// Asks, and fails with every row that is answered otherwise.
fn judge(tools: &Tools, document: &Value, rows: &[(String, Ask<'_>, &str)]) {
    let mut document = document.clone();
    document["questions"] =
        rows.iter().map(|(_, (from, to, port, protocol), _)| json!({"from": from, "to": to, "port": port, "protocol": protocol})).collect();
    let answers = asked(tools, &document);
    assert_eq!(answers.len(), rows.len());
    let mut wrong = String::new();
    for ((says, (from, to, port, protocol), expected), answer) in rows.iter().zip(&answers) {
        let denied: Vec<_> = answer["deniedBy"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let seen = if denied.is_empty() { YES.to_string() } else { format!("no, by {}", denied.join(" and ")) };
        assert_eq!(answer["allowed"], denied.is_empty());
        if seen != *expected {
            writeln!(wrong, "{says}: {from} to {to} on {port} {protocol}: {seen}; expected: {expected}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "the policies mean something else than they shall:\n{wrong}");
}

fn asked(tools: &Tools, document: &Value) -> Vec<Value> {
    // By a file: a document longer than a pipe would need a thread that writes it.
    let mut file = tempfile::tempfile().unwrap();
    serde_json::to_writer(&file, document).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let output = Command::new(tools.reach()).stdin(file).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "reach: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
