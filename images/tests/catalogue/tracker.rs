//! Request Tracker as `pakalpojumu-vadiba`: the clerks' story, the report, and a database that is made only whole.

use crate::database::{self, answer};
use crate::pod::{Container, Image, Pod, Start, can_run};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

const REST: &str = "http://127.0.0.1:8080/REST/2.0";
const ROOT_PASSWORD: &str = "root-password-of-a-test";

pub struct Images {
    pub database: Image,
    pub web: Image,
}

impl Images {
    pub fn unpack() -> Self {
        Self { database: Image::of("postgresql"), web: Image::of("request-tracker") }
    }
}

pub fn tracker<'a>(pod: &Pod, images: &'a Images, entry: &str) -> Start<'a> {
    let address = "http://127.0.0.1:8080".to_owned();
    let env = [
        ("RT_ENTRY", entry.to_owned()),
        ("RT_NAME", "tests.example.lv".to_owned()),
        ("RT_ORGANIZATION", "tests".to_owned()),
        ("RT_URL", address),
        ("DB_HOST", "127.0.0.1".to_owned()),
    ];
    Start {
        image: &images.web,
        mounts: vec![
            (pod.files("password", &[("password", database::PASSWORD)]), "/etc/kopnams/database"),
            (pod.files("root", &[("password", ROOT_PASSWORD)]), "/etc/kopnams/root"),
            (pod.volume("reports", &images.web), "/srv/reports"),
        ],
        scratch: &["/var/cache/request-tracker5", "/var/lib/request-tracker5", "/tmp"],
        env: BTreeMap::from(env),
    }
}

pub fn prepare(pod: &Pod, tracker: &Start<'_>) -> String {
    let output = tracker.run(pod, &["prepare"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(!said.contains(ROOT_PASSWORD) && !said.contains("pa$word"), "a password stands in the log");
    said
}

pub fn serve(pod: &Pod, tracker: &Start<'_>) -> Container {
    let web = tracker.spawn(pod, "web", &["web"]);
    pod.wait_for("http://127.0.0.1:8080/NoAuth/Login.html", 200);
    web
}

/// A REST call as a user (`name:password`); the status and the answer.
pub fn call(pod: &Pod, user: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (url, text) = (format!("{REST}/{path}"), body.to_string());
    let mut arguments = vec!["--user", user, "--request", method, "--header", "Content-Type: application/json"];
    if !body.is_null() {
        arguments.extend(["--data", &text]);
    }
    arguments.push(&url);
    let (status, answer) = pod.http(&arguments);
    (status, serde_json::from_str(&answer).unwrap_or(Value::String(answer)))
}

pub fn create(pod: &Pod, user: &str, ticket: &Value) -> String {
    let (status, answer) = call(pod, user, "POST", "ticket", ticket);
    assert_eq!(status, 201, "{ticket}: {answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// A member of staff in a group.
pub fn member(pod: &Pod, name: &str, group: &str, privileged: bool) -> String {
    let password = format!("password-of-{name}");
    let user =
        json!({"Name": name, "Password": password, "EmailAddress": format!("{name}@example.lv"), "Privileged": u8::from(privileged)});
    assert_eq!(call(pod, &root(), "POST", "user", &user).0, 201);
    if !group.is_empty() {
        let (_, found) = call(pod, &root(), "POST", "groups", &json!([{"field": "Name", "value": group}]));
        let id: u32 = found["items"][0]["id"].as_str().unwrap_or_else(|| panic!("no group {group}: {found}")).parse().unwrap();
        assert_eq!(call(pod, &root(), "PUT", &format!("user/{name}/groups"), &json!([id])).0, 200);
    }
    format!("{name}:{password}")
}

pub fn root() -> String {
    format!("root:{ROOT_PASSWORD}")
}

fn total(pod: &Pod, user: &str, query: &str) -> u64 {
    let url = format!("{REST}/tickets");
    let (status, text) = pod.http(&["--user", user, "--get", "--data-urlencode", &format!("query={query}"), &url]);
    assert_eq!(status, 200, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["total"].as_u64().unwrap()
}

fn values(ticket: &Value) -> BTreeMap<String, Vec<String>> {
    let fields = ticket["CustomFields"].as_array().unwrap().iter();
    let texts = |field: &Value| field["values"].as_array().unwrap().iter().map(|value| value.as_str().unwrap().to_owned()).collect();
    fields.map(|field| (field["name"].as_str().unwrap().to_owned(), texts(field))).collect()
}

/// Rows of the report: centre, municipality, applications, consultations, sum.
fn report(pod: &Pod, tracker: &Start<'_>, arguments: &[&str]) -> Vec<Vec<String>> {
    let output = tracker.run(pod, &[&["report"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("centrs,pasvaldiba,pieteikumi,konsultacijas,kopa"));
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

fn sum(rows: &[Vec<String>], column: usize) -> u64 {
    rows.iter().map(|row| row[column].parse::<u64>().unwrap()).sum()
}

#[test]
fn a_database_is_made_whole_or_not_at_all_and_upgraded() {
    if !can_run() {
        return;
    }
    let (images, pod) = (Images::unpack(), Pod::start());
    let postgres = database::start(&pod, &images.database, "rt");
    let _database = database::running(&pod, &postgres, "rt");
    let tracker = tracker(&pod, &images, "pakalpojumu-vadiba");
    for after in [2000, 4000, 6000, 8000] {
        let mut killed = tracker.spawn(&pod, "prepare", &["prepare"]);
        sleep(Duration::from_millis(after));
        killed.kill();
    }
    prepare(&pod, &tracker);
    let count = |what: &str| answer(&pod, &postgres, "rt", &format!("SELECT count(*) FROM {what}"));
    assert_eq!(count("pg_namespace WHERE nspname = 'setup'"), "0");
    assert_eq!(count("customfieldvalues v JOIN customfields f ON f.id = v.customfield WHERE f.name = 'Centrs'"), "75");
    assert_eq!(count("queues WHERE name = 'Pieteikumi'"), "1");
    let before = (count("groups"), count("acl"), count("scrips"));
    assert!(!prepare(&pod, &tracker).contains("inserting"));
    assert_eq!((count("groups"), count("acl"), count("scrips")), before, "a second run changes nothing");

    // A database of an older version gets the steps that it lacks; a newer one is left alone.
    answer(
        &pod,
        &postgres,
        "rt",
        "UPDATE kopnams_setup SET value = '5.0.2' WHERE what = 'version'; DROP INDEX IF EXISTS acl2, assetsname, links5",
    );
    let said = prepare(&pod, &tracker);
    assert!(said.contains("upgrading the database from 5.0.2"), "{said}");
    assert_ne!(answer(&pod, &postgres, "rt", "SELECT value FROM kopnams_setup WHERE what = 'version'"), "5.0.2");
    answer(&pod, &postgres, "rt", "UPDATE kopnams_setup SET value = '99.0.0' WHERE what = 'version'");
    let refused = tracker.run(&pod, &["prepare"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("an older version cannot use it"));
}

#[test]
fn clerks_of_all_centres_share_cases_and_each_counts_where_it_was_opened() {
    if !can_run() {
        return;
    }
    let (images, pod) = (Images::unpack(), Pod::start());
    let postgres = database::start(&pod, &images.database, "rt");
    let _database = database::running(&pod, &postgres, "rt");
    let tracker = tracker(&pod, &images, "pakalpojumu-vadiba");
    prepare(&pod, &tracker);
    let web = serve(&pod, &tracker);
    let (_, page) = pod.http(&["--header", "Accept-Language: lv", "http://127.0.0.1:8080/"]);
    assert!(page.contains("Parole"), "the page for logging in is not Latvian");

    // One consultation in each centre, and 25 applications.
    let rows = report(&pod, &tracker, &[]);
    assert_eq!((rows.len(), sum(&rows, 4)), (75, 0));
    for (place, row) in rows.iter().enumerate() {
        let fields = json!({"Centrs": row[0], "Kanāls": "tālrunis", "Iestāde": "VSAA"});
        create(&pod, &root(), &json!({"Queue": "Konsultācijas", "Subject": format!("konsultācija {place}"), "CustomFields": fields}));
        if place < 25 {
            create(&pod, &root(), &json!({"Queue": "Pieteikumi", "Subject": format!("pieteikums {place}"), "CustomFields": fields}));
        }
    }
    assert_eq!(total(&pod, &root(), "Queue = 'Konsultācijas'"), 75);
    assert_eq!(total(&pod, &root(), "Queue = 'Konsultācijas' AND 'CF.{Centrs}' = 'Zilupe'"), 1);
    let rows = report(&pod, &tracker, &[]);
    assert_eq!((rows.len(), sum(&rows, 2), sum(&rows, 3)), (75, 25, 75));
    assert!(rows.iter().all(|row| row[3] == "1"), "each centre has its consultation");

    // A clerk in Alsunga opens a case about a service of Talsi; what counts is Alsunga, whatever the clerk writes.
    let alsunga = member(&pod, "alsunga", "Centrs: Alsunga", true);
    let roja = member(&pod, "roja", "Centrs: Roja", true);
    let aglona = member(&pod, "aglona", "Centrs: Aglona", true);
    let stranger = member(&pod, "stranger", "", true);
    let fields = json!({"Centrs": "Aglona", "Pašvaldība": "Talsu novads", "Kanāls": "klātiene"});
    let case = create(&pod, &alsunga, &json!({"Queue": "Pieteikumi", "Subject": "pabalsts", "CustomFields": fields}));
    let path = format!("ticket/{case}");
    let status_for = |user: &str| call(&pod, user, "GET", &path, &Value::Null).0;
    assert_eq!((status_for(&alsunga), status_for(&roja), status_for(&aglona), status_for(&stranger)), (200, 200, 403, 403));
    assert_eq!(total(&pod, &roja, "Queue = 'Pieteikumi' AND Subject = 'pabalsts'"), 1);
    assert_eq!(total(&pod, &aglona, "Queue = 'Pieteikumi' AND Subject = 'pabalsts'"), 0);
    let (_, seen) = call(&pod, &roja, "GET", &path, &Value::Null);
    assert_eq!(values(&seen)["Centrs"], ["Alsunga"]);
    assert_eq!(seen["Status"], "jauns");
    assert_eq!(call(&pod, &stranger, "POST", "ticket", &json!({"Queue": "Pieteikumi", "Subject": "x"})).0, 403);

    // The other municipality works on it, but cannot move it to another centre; the steps are those of the lifecycle.
    assert_eq!(
        call(&pod, &roja, "PUT", &path, &json!({"Status": "pieņemts"})).1[0],
        format!("Ticket {case}: Status changed from 'jauns' to 'pieņemts'")
    );
    let (_, said) = call(&pod, &roja, "PUT", &path, &json!({"CustomFields": {"Centrs": "Roja"}}));
    assert!(said[0].as_str().unwrap().contains("Permission Denied"), "{said}");
    let (_, said) = call(&pod, &roja, "PUT", &path, &json!({"Status": "jauns"}));
    assert!(!said[0].as_str().unwrap().contains("changed from"), "{said}");
    for state in ["nodots iestādei", "atbildēts", "slēgts"] {
        let (_, said) = call(&pod, &roja, "PUT", &path, &json!({"Status": state}));
        assert!(said[0].as_str().unwrap().contains(&format!("to '{state}'")), "{said}");
    }
    // Handed on to a third municipality: it sees the case, the second no longer does.
    call(&pod, &roja, "PUT", &path, &json!({"CustomFields": {"Pašvaldība": "Preiļu novads"}}));
    assert_eq!((status_for(&alsunga), status_for(&roja), status_for(&aglona)), (200, 403, 200));
    let rows = report(&pod, &tracker, &[]);
    let of = |centre: &str| rows.iter().find(|row| row[0] == centre).unwrap()[2].clone();
    assert_eq!((of("Alsunga").as_str(), of("Roja").as_str(), sum(&rows, 2)), ("2", "0", 26));

    many_records(&pod, &postgres, &tracker);
    let (code, took) = web.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// 72,001 records beside the 101 of the story: the report has 75 rows, its sums are the records, in under 5 s.
fn many_records(pod: &Pod, postgres: &Start<'_>, tracker: &Start<'_>) {
    let load = fs::read_to_string(format!("{}/catalogue/tests/72001-cases.sql", crate::pod::ROOT)).unwrap();
    answer(pod, postgres, "rt", &load);
    let began = Instant::now();
    let rows = report(pod, tracker, &[]);
    let took = began.elapsed();
    eprintln!("the report of 72,102 records took {took:?}");
    assert_eq!((rows.len(), sum(&rows, 2), sum(&rows, 3), sum(&rows, 4)), (75, 24_000 + 26, 48_001 + 75, 72_102));
    assert!(took < Duration::from_secs(5), "{took:?}");
    // By days, both inclusive; a day begins at its own midnight.
    let of_days = |from: &str, to: &str| sum(&report(pod, tracker, &["--from", from, "--to", to]), 4);
    assert_eq!(of_days("2025-01-01", "2025-12-31"), 72_001);
    assert_eq!(of_days("2025-01-01", "2025-06-30") + of_days("2025-07-01", "2025-12-31"), 72_001);
    // To a volume, whole.
    assert!(tracker.run(pod, &["report", "--out", "/srv/reports/centri.csv"]).status.success());
    assert_eq!(fs::read_to_string(pod.folder.path().join("reports/centri.csv")).unwrap().lines().count(), 76);
    // The same in the web interface, for a clerk who sees none of these cases.
    let jar = pod.folder.path().join("cookies");
    let jar = jar.to_str().unwrap();
    let login = ["--cookie-jar", jar, "--data", "user=aglona&pass=password-of-aglona&next=x", "http://127.0.0.1:8080/NoAuth/Login.html"];
    assert_eq!(pod.http(&login).0, 302);
    let page = |url: &str| pod.http(&["--cookie", jar, "--referer", "http://127.0.0.1:8080/", url]);
    let (status, csv) = page("http://127.0.0.1:8080/Kopnams/Centri.html?csv=1");
    assert_eq!((status, csv.lines().filter(|line| !line.is_empty()).count()), (200, 76), "{csv}");
    assert!(page("http://127.0.0.1:8080/Kopnams/Centri.html").1.contains("72102"));
    assert_ne!(pod.http(&["http://127.0.0.1:8080/Kopnams/Centri.html?csv=1"]).1.lines().count(), 76, "without logging in");
}
