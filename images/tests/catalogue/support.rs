//! Request Tracker as `e-atbalsts`: questions by form and by REST, and when they are due.

use crate::clerks::{create, member};
use crate::database;
use crate::pod::{Pod, can_run};
use crate::tracker::{Images, call, prepare, root, serve, tracker};
use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde_json::{Value, json};

const FORM: &str = "http://127.0.0.1:8080/NoAuth/palidziba.html";

/// The end of 8 working hours (8:30 to 17:00, Monday to Friday) after a time; the holidays are those with a fixed date.
fn eight_hours_after(from: &Zoned) -> Zoned {
    const HOLIDAYS: [(i8, i8); 10] = [(1, 1), (5, 1), (5, 4), (6, 23), (6, 24), (11, 18), (12, 24), (12, 25), (12, 26), (12, 31)];
    let (mut left, mut now) = (8 * 60 * 60, from.clone());
    loop {
        let works = !matches!(now.weekday(), Weekday::Saturday | Weekday::Sunday) && !HOLIDAYS.contains(&(now.month(), now.day()));
        let (opens, closes) = (now.with().time(time(8, 30, 0, 0)).build().unwrap(), now.with().time(time(17, 0, 0, 0)).build().unwrap());
        let begins = if now < opens { opens } else { now.clone() };
        let room = closes.timestamp().as_second() - begins.timestamp().as_second();
        if works && room >= left {
            return begins.saturating_add(jiff::SignedDuration::from_secs(left));
        }
        left -= if works { room.max(0) } else { 0 };
        now = now.tomorrow().unwrap().start_of_day().unwrap();
    }
}

fn due(ticket: &Value) -> Zoned {
    let text = ticket["Due"].as_str().unwrap();
    text.parse::<Timestamp>().unwrap().to_zoned(TimeZone::get("Europe/Riga").unwrap())
}

fn assert_due_in_eight_hours(ticket: &Value) {
    let created: Timestamp = ticket["Created"].as_str().unwrap().parse().unwrap();
    let wanted = eight_hours_after(&created.to_zoned(TimeZone::get("Europe/Riga").unwrap()));
    let off = (due(ticket).timestamp().as_second() - wanted.timestamp().as_second()).abs();
    assert!(off <= 60, "due {} instead of {wanted}", due(ticket));
}

#[test]
fn questions_come_by_form_and_by_rest_and_are_due_in_working_hours() {
    if !can_run() {
        return;
    }
    // The rule of this test itself: a Friday afternoon's question is due on Monday.
    let riga = TimeZone::get("Europe/Riga").unwrap();
    let friday = date(2026, 11, 20).at(15, 0, 0, 0).to_zoned(riga).unwrap();
    assert_eq!(eight_hours_after(&friday).datetime(), date(2026, 11, 23).at(14, 30, 0, 0));

    let (images, pod) = (Images::unpack(), Pod::start());
    let postgres = database::start(&pod, &images.database, "rt");
    let _database = database::running(&pod, &postgres, "rt");
    let tracker = tracker(&pod, &images, "e-atbalsts");
    prepare(&pod, &tracker);
    let _web = serve(&pod, &tracker);

    let (status, page) = pod.http(&[FORM]);
    assert_eq!(status, 200);
    assert!(page.contains("<html lang=\"lv\">") && page.contains("Kā pieteikties portālā"), "{page}");
    assert!(pod.http(&["--header", "Accept-Language: en", FORM]).1.contains("<html lang=\"en\">"));
    let send = |email: &str, subject: &str| {
        let [email, subject] = [format!("email={email}"), format!("subject={subject}")];
        let fields = ["--data-urlencode", &email, "--data-urlencode", &subject, "--data-urlencode", "service=Tehniska kļūda"];
        pod.http(&[&fields[..], &["--data-urlencode", "text=Rāda kļūdu 500 🙁", FORM]].concat())
    };
    let (status, page) = send("iedzivotajs@example.lv", "Nevar <b>pieteikties</b>");
    assert_eq!(status, 200, "{page}");
    let number = page.split("id=\"number\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let (_, ticket) = call(&pod, &root(), "GET", &format!("ticket/{number}"), &Value::Null);
    assert_eq!((&ticket["Subject"], &ticket["SLA"]), (&json!("Nevar <b>pieteikties</b>"), &json!("Parasts")));
    assert_eq!(ticket["Requestor"][0]["id"], "iedzivotajs@example.lv");
    assert_due_in_eight_hours(&ticket);
    assert!(page.contains(&due(&ticket).strftime("%Y-%m-%d %H:%M").to_string()), "{page}");

    // What is wrong is said, and what was written stays.
    let (status, page) = send("nav adrese", "<script>alert(1)</script>");
    assert_eq!(status, 422);
    assert!(page.contains("Ierakstiet e-pasta adresi") && page.contains("value=\"&lt;script&gt;") && !page.contains("<script>"), "{page}");
    assert_eq!(send("a'OR''='@example.lv", "x").0, 200, "an apostrophe is a letter of an address");
    for _ in 0..4 {
        assert_eq!(send("iedzivotajs@example.lv", "Vēlreiz").0, 200);
    }
    assert_eq!(send("iedzivotajs@example.lv", "Par daudz").0, 422);

    let rest = create(&pod, &root(), &json!({"Queue": "E-pakalpojumu atbalsts", "Subject": "REST", "Requestor": "cits@example.lv"}));
    let (_, ticket) = call(&pod, &root(), "GET", &format!("ticket/{rest}"), &Value::Null);
    assert_due_in_eight_hours(&ticket);

    // People with an account see their own questions, staff sees all.
    let one = member(&pod, "viens", "", false);
    let other = member(&pod, "otrs", "", false);
    let staff = member(&pod, "darbinieks", "Atbalsta darbinieki", true);
    let own = create(&pod, &one, &json!({"Queue": "E-pakalpojumu atbalsts", "Subject": "mans", "Requestor": "viens@example.lv"}));
    let status_for = |user: &str| call(&pod, user, "GET", &format!("ticket/{own}"), &Value::Null).0;
    assert_eq!((status_for(&one), status_for(&other), status_for(&staff)), (200, 403, 200));
    let reply = json!({"Content": "Pārbaudīsim.", "ContentType": "text/plain"});
    assert_eq!(call(&pod, &staff, "POST", &format!("ticket/{own}/correspond"), &reply).0, 201);
    let (_, ticket) = call(&pod, &staff, "GET", &format!("ticket/{own}"), &Value::Null);
    assert_eq!(ticket["Status"], "open");
    let (_, found) = call(&pod, &one, "POST", "articles", &json!([{"field": "Name", "operator": "LIKE", "value": "portālā"}]));
    assert_eq!(found["total"], 1, "{found}");
}
