//! Request Tracker as `pakalpojumu-vadiba`: the clerks' story, the report, and a database that is made only whole.

use crate::clerks::{self, Rest};
use crate::database::{self, answer};
use crate::pod::{Container, Image, Pod, Start, can_run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

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

impl Rest for Pod {
    fn call(&self, user: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        call(self, user, method, path, body)
    }

    fn root(&self) -> String {
        root()
    }
}

pub fn root() -> String {
    format!("root:{ROOT_PASSWORD}")
}

/// The report as `rt-app report` writes it.
fn report(pod: &Pod, tracker: &Start<'_>, arguments: &[&str]) -> String {
    let output = tracker.run(pod, &[&["report"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
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

    // The app's own role dumps all of it, and it is loaded with the same rows.
    database_goes_over(&pod, &images.database);

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

/// Dumps Request Tracker's database over the network, and loads it into an empty volume.
fn database_goes_over(pod: &Pod, image: &Image) {
    let copy = |data: &str, env: &[(&'static str, &str)]| {
        let mut copy = database::start(pod, image, "rt");
        copy.mounts[0].0 = pod.volume(data, image);
        copy.mounts.push((pod.volume("set", image), "/kopnams/dump"));
        copy.env.extend(env.iter().map(|(name, value)| (*name, (*value).to_owned())));
        copy
    };
    let dump = [("KOPNAMS_OUT", "/kopnams/dump"), ("KOPNAMS_SENTINEL", "x"), ("KOPNAMS_HOST", "127.0.0.1")];
    let load = [("KOPNAMS_IN", "/kopnams/dump"), ("KOPNAMS_FACTS", "/kopnams/dump/found")];
    for (data, what, env) in [("none", "dump", &dump[..]), ("loaded", "load", &load[..])] {
        let output = copy(data, env).run(pod, &[what]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let facts = |name: &str| fs::read_to_string(pod.folder.path().join("set").join(name)).unwrap();
    assert_eq!(facts("found"), facts("facts"));
    assert!(facts("facts").lines().count() > 30 && facts("facts").contains("public.customfieldvalues"), "{}", facts("facts"));
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

    let report = |arguments: &[&str]| report(&pod, &tracker, arguments);
    clerks::one_in_each_centre(&pod, report);
    clerks::a_case_of_two_municipalities(&pod, report);
    clerks::many_records(report, |sql| drop(answer(&pod, &postgres, "rt", sql)));
    in_the_web_interface(&pod, &tracker);
    let (code, took) = web.terminate();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(20), "{took:?}");
}

/// The same report on a volume and as a page, for a clerk who sees none of these cases.
fn in_the_web_interface(pod: &Pod, tracker: &Start<'_>) {
    // To a volume, whole.
    assert!(tracker.run(pod, &["report", "--out", "/srv/reports/centri.csv"]).status.success());
    assert_eq!(fs::read_to_string(pod.folder.path().join("reports/centri.csv")).unwrap().lines().count(), 76);
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
