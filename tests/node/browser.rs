//! Pages as people see them, in a real browser: the public form is filled in and sent, and each page is painted.
//!
//! `make screenshots` writes what is seen to `docs/images`; a plain test run only looks.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::chromium::{Browser, SIZE};
use crate::clerks::Tenant;
use crate::house::{House, on_the_node, website};
use crate::story::{self, Rest};
use crate::tracker::request;

/// The pictures in the documentation, and what one may weigh.
const PICTURES: &str = "docs/images";
const HEAVIEST: usize = 200_000;
/// A clerk of a centre.
const CLERK: &str = "kac-kuldiga";
/// A page of this size in one colour is about 5 KB as PNG; one with text is more.
const PAINTED: usize = 10_000;

#[test]
fn a_citizen_sends_a_question_with_a_real_browser() {
    on_the_node("the public form in a browser", async |house| {
        let (host, space) = ("atbalsts.ventspils.example.lv", "ventspils--e-atbalsts");
        house.open(&request("ventspils", "e-atbalsts", host)).await;
        house.page(host, "/NoAuth/palidziba.html", 200).await;
        let Some(browser) = Browser::start(&format!("MAP * {}", house.node.ingress_address())) else { return };
        browser.go(&format!("http://{host}/NoAuth/palidziba.html"));
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

#[test]
fn pages_are_painted_in_a_real_browser() {
    on_the_node("pages in a browser", async |house| {
        let host = "novads.kuldiga.example.lv";
        let mut site = website("kuldigas-novads", "novads", host, "Kuldīgas novads");
        site["spec"]["parameters"]["text"] =
            "Laipni lūdzam Kuldīgas novada tīmekļa vietnē!\n\nŠeit drīz būs ziņas, domes lēmumi un kontakti.".into();
        site["spec"]["parameters"]["textEn"] = "Welcome to the website of Kuldīga Municipality.".into();
        house.open(&site).await;
        house.page(host, "/", 200).await;
        let desk = clerk(house).await;
        let Some(browser) = Browser::start(&format!("MAP * {}", house.node.ingress_address())) else { return };

        browser.go(&format!("http://{host}/"));
        assert_eq!(browser.title(), "Kuldīgas novads");
        assert!(browser.text("body").contains("domes lēmumi"));
        keep(&browser, "vietne");

        browser.go(&format!("http://{}/", desk.host));
        assert!(browser.text("body").contains("Parole"), "the login page is in Latvian: {}", browser.text("body"));
        keep(&browser, "pieteiksanas");
        browser.write("input[name=user]", CLERK);
        browser.write("input[name=pass]", &format!("password-of-{CLERK}"));
        browser.click("form#login [type=submit]");
        // The way out is there once they are in; the element is waited for.
        browser.text("a[href*='Logout']");
        assert!(browser.text("body").contains(CLERK), "logged in: {}", browser.text("body"));
        keep(&browser, "darba-vieta");
    });
}

/// The service management of Ventspils with a clerk of the centre in Kuldīga, and a case of theirs.
async fn clerk(house: &House) -> Tenant<'_> {
    let (host, space) = ("kac.ventspils.example.lv", "ventspils--pakalpojumu-vadiba");
    house.open(&request("ventspils", "pakalpojumu-vadiba", host)).await;
    house.page(host, "/NoAuth/Login.html", 200).await;
    let tenant = Tenant { house, host, password: house.secret(space, "root", "password").await };
    let clerk = story::member(&tenant, CLERK, "Centrs: Kuldīga", true);
    story::create(&tenant, &clerk, &json!({"Queue": "Pieteikumi", "Subject": "Pabalsts ģimenei", "Owner": CLERK}));
    tenant
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
