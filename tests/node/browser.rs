//! Pages as people see them, in a real browser: the public form is filled in and sent, and it is painted.
//!
//! `make screenshots` writes what is seen to `docs/images`; a plain test run only looks.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::chromium::{Browser, SIZE};
use crate::clerks::Tenant;
use crate::house::on_the_node;
use crate::story::Rest;
use crate::tracker::request;

/// The pictures in the documentation, and what one may weigh.
const PICTURES: &str = "docs/images";
const HEAVIEST: usize = 200_000;
/// A page of this size in one colour is about 5 KB as PNG; one with text is more.
const PAINTED: usize = 10_000;

#[test]
fn a_citizen_sends_a_question_with_a_real_browser() {
    on_the_node("the public form in a browser", async |house| {
        let (host, space) = ("atbalsts.ventspils.example.lv", "ventspils--e-atbalsts");
        house.open(&request("ventspils", "e-atbalsts", host)).await;
        house.page(host, "/NoAuth/palidziba.html", 200).await;
        let Some(browser) = Browser::start(house) else { return };
        browser.go(&format!("https://{host}/NoAuth/palidziba.html"));
        assert_eq!(browser.title(), "Palīdzība e-pakalpojumu lietošanā");
        assert!(browser.text("form").contains("E-pasta adrese"));
        keep(&browser, "palidziba");

        browser.write("#email", "iedzivotajs@ventspils.example.lv");
        browser.click("#service option:nth-child(2)");
        browser.write("#subject", "Nevaru parakstīt iesniegumu");
        browser.write("#text", "Spiežu «Parakstīt», un lapa paliek balta.");
        browser.click("form button[type=submit]");
        let (number, due) = (browser.text("#number"), browser.text("#due"));

        let tenant = Tenant { house, host, password: house.secret(space, "root", "password").await };
        let (status, ticket) = tenant.call(&tenant.root(), "GET", &format!("ticket/{number}"), &Value::Null);
        assert_eq!((status, &ticket["Subject"]), (200, &json!("Nevaru parakstīt iesniegumu")), "{ticket}");
        assert_eq!(ticket["Requestor"][0]["id"], "iedzivotajs@ventspils.example.lv");
        let stored: Timestamp = ticket["Due"].as_str().unwrap().parse().unwrap();
        let riga = stored.to_zoned(TimeZone::get("Europe/Riga").unwrap());
        assert_eq!(due, riga.strftime("%Y-%m-%d %H:%M").to_string(), "the page promises what is stored");
    });
}

/// Sees that the page is painted, and keeps the picture if asked to.
fn keep(browser: &Browser, name: &str) {
    let picture = browser.picture();
    // The head of a PNG file: its mark, then width and height.
    let number = |at: usize| u32::from_be_bytes(picture[at..at + 4].try_into().unwrap());
    assert_eq!(&picture[1..4], b"PNG", "{name}");
    assert_eq!((number(16), number(20)), SIZE, "{name}");
    assert!((PAINTED..HEAVIEST).contains(&picture.len()), "{name}: {} bytes", picture.len());
    if std::env::var("KOPNAMS_SCREENSHOTS").is_ok_and(|value| value == "1") {
        fs::create_dir_all(PICTURES).unwrap();
        fs::write(Path::new(PICTURES).join(format!("{name}.png")), picture).unwrap();
    }
}
