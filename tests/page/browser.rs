//! What a clerk does with the page, in a real browser: fills the form in, sees in words what is wrong, mends it, and hands
//! the file in.

use crate::axe;
use crate::chromium::Browser;
use crate::kit::{self, PLATFORM};
use crate::served::Served;
use kopnams::site::forge::{Forge, Kind};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PHONE: (u32, u32) = (360, 740);
const DESK: (u32, u32) = (1280, 900);

/// The site on a server of its own, with a forge at the same address, and a browser that reaches nothing else.
struct Desk {
    served: Served,
    browser: Browser,
    folder: TempDir,
}

impl Desk {
    fn open() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let served = Served::start(folder.path());
        let forge = Forge::new(Kind::Github, &served.url(""), "pasvaldibas/pieprasijumi", "main").unwrap();
        let files = kit::site(&kit::register(&PLATFORM), Some(&forge));
        kopnams::cli::request_page::write(folder.path(), &files).unwrap();
        let browser = Browser::start("MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")?;
        Some(Self { served, browser, folder })
    }

    fn go(&self, page: &str) {
        self.browser.go(&self.served.url(page));
    }

    /// Chooses from a list, as its arrow keys do: a click opens a window of the system's own that no driver reaches.
    fn choose(&self, field: &str, value: &str) {
        self.browser.run(&format!(
            "const list = document.getElementById('{field}');
             list.focus();
             list.value = '{value}';
             for (const name of ['input', 'change']) list.dispatchEvent(new Event(name, {{ bubbles: true }}));"
        ));
    }

    fn fill(&self, field: &str, text: &str) {
        self.browser.run(&format!("document.getElementById('{field}').value = ''"));
        self.browser.write(&format!("#{field}"), text);
    }

    fn value(&self, script: &str) -> String {
        let value = self.browser.run(&format!("return String({script})"));
        value.as_str().unwrap().to_string()
    }

    /// Waits until an expression of the page is true.
    fn wait(&self, what: &str) {
        let begun = Instant::now();
        while self.browser.run(&format!("return Boolean({what})")) != json!(true) {
            assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn dark(&self, dark: bool) {
        let scheme = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.browser.command("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Fills the form of a website in, well.
    fn fill_website(&self) {
        self.choose("metadata-namespace", "kuldigas-novads");
        self.fill("metadata-name", "majaslapa");
        self.fill("spec-hostname", "www.kuldiga.example.lv");
        self.fill("spec-parameters-siteTitle", "Kuldīgas novads: \"ziņas\" # 1");
    }
}

/// What `kopnams validate` says of a repository that holds one file beside the platform.
fn validated(path: &str, text: &str) -> (bool, String) {
    let repository = tempfile::tempdir().unwrap();
    let file = repository.path().join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_kopnams"));
    let output = program.arg("validate").args(PLATFORM).arg(repository.path()).args(["--layout", "on"]).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The text that an address carries.
fn carried(address: &str, field: &str) -> String {
    let query = address.split_once('?').unwrap().1;
    let value = query.split('&').find_map(|part| part.strip_prefix(&format!("{field}="))).unwrap();
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_clerk_asks_for_a_website() {
    let Some(desk) = Desk::open() else { return };
    let browser = &desk.browser;
    desk.go("index.html");
    assert_eq!(browser.title(), "Pašvaldību sistēmu pieprasīšana");
    browser.click("a[href='sistemas/website.html']");
    assert_eq!(browser.text("h1"), "Tīmekļa vietne");
    desk.wait("document.getElementById('form')?.hidden === false");

    // Wrong in three ways, of which one is a field that was never touched.
    desk.choose("metadata-namespace", "kuldigas-novads");
    assert!(browser.text("#zones").contains("kuldiga.example.lv"));
    desk.fill("metadata-name", "Mājas lapa");
    desk.fill("spec-hostname", "www.ogre.example.lv");
    browser.click("#send");
    assert_eq!(desk.value("document.activeElement.id"), "problems");
    let said = browser.text("#problems");
    for part in [
        "Lietotnes nosaukums: Nosaukums ir pārāk garš",
        "Adrese: Adrese ir ārpus pašvaldības zonām. Rakstiet adresi kādā no šīm zonām: kuldiga.example.lv.",
        "Vietnes nosaukums: Aizpildiet šo lauku.",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(browser.windows().len(), 1, "nothing is opened while something is wrong");
    assert_eq!(desk.value("document.getElementById('spec-hostname').getAttribute('aria-invalid')"), "true");
    assert!(browser.text("#spec-hostname-error").contains("ārpus pašvaldības zonām"));
    keep(browser, "veidlapa");
    browser.click("#problems a[href='#spec-parameters-siteTitle']");
    assert_eq!(desk.value("document.activeElement.id"), "spec-parameters-siteTitle");

    // A backup to begin with has two fields, of which neither is of use alone.
    browser.click("#form details summary");
    desk.fill("spec-restoreFrom-app", "veca-lapa");
    browser.click("#send");
    assert!(browser.text("#problems").contains("Dati, kādi tie bija pirms: Aizpildiet šo lauku."), "{}", browser.text("#problems"));
    browser.run(
        "const time = document.getElementById('spec-restoreFrom-before');
         time.value = '2026-01-31T12:30';
         time.dispatchEvent(new Event('input', { bubbles: true }));",
    );
    let there = browser.run("return document.getElementById('yaml').textContent").as_str().unwrap().to_owned();
    let at = browser.run("return new Date('2026-01-31T12:30').toISOString().replace('.000', '')");
    assert!(there.contains(&format!("before: \"{}\"", at.as_str().unwrap())), "{there}");

    // Mended.
    desk.fill_website();
    browser.click("#spec-parameters-languages-2");
    desk.wait("document.getElementById('status').textContent.includes('kļūdu tajā nav')");
    assert_eq!(desk.value("document.querySelectorAll('.error:not([hidden])').length"), "0");
    let shown = desk.value("document.getElementById('yaml').textContent");
    // Nothing was asked for that the site does not have.
    let missing: Vec<String> = desk.served.asked().into_iter().filter(|path| !desk.folder.path().join(path).is_file()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    browser.click("#send");
    let windows = browser.windows();
    assert_eq!(windows.len(), 2);
    browser.switch(&windows[1]);
    desk.wait("location.href !== 'about:blank' && document.readyState === 'complete'");
    let address = desk.value("location.href");
    browser.switch(&windows[0]);
    let path = "municipalities/kuldigas-novads/majaslapa.yaml";
    assert!(address.starts_with(&desk.served.url(&format!("pasvaldibas/pieprasijumi/new/main?filename={path}&value="))), "{address}");
    let text = carried(&address, "value");
    assert_eq!(text, shown);
    assert_eq!(carried(&address, "filename"), path);
    let (good, said) = validated(path, &text);
    assert!(good, "{text}\n{said}");

    // The same file, downloaded.
    let folder = tempfile::tempdir().unwrap();
    let behaviour = json!({"behavior": "allow", "downloadPath": folder.path()});
    browser.command("Browser.setDownloadBehavior", &behaviour);
    browser.click("#save");
    assert!(browser.text("#said").contains("majaslapa.yaml") && browser.text("#said").contains("municipalities/kuldigas-novads/"));
    assert_eq!(downloaded(&folder.path().join("majaslapa.yaml")), text);

    // Nothing was asked of anybody else.
    let asked = browser.run("return performance.getEntriesByType('resource').map((entry) => entry.name)");
    let own = desk.served.url("");
    assert!(asked.as_array().unwrap().iter().all(|name| name.as_str().unwrap().starts_with(&own)), "{asked}");
}

fn downloaded(file: &Path) -> String {
    let begun = Instant::now();
    while !file.is_file() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(50));
    }
    fs::read_to_string(file).unwrap()
}

#[test]
fn every_kind_of_field_is_written_as_it_was_meant() {
    let Some(desk) = Desk::open() else { return };
    let browser = &desk.browser;
    desk.go("en/systems/odd-known.html");
    desk.choose("metadata-namespace", "kuldigas-novads");
    desk.fill("metadata-name", "odd");
    desk.fill("spec-parameters-code", "LV-1");
    desk.choose("spec-parameters-no", "true");
    desk.fill("spec-parameters-place-x", "2,5");
    desk.fill("spec-parameters-place-y", "15");
    desk.fill("spec-parameters-text", "no\n\n  second: \"line\"\n");
    desk.fill("spec-parameters-numbers", "1\n 20 \n\n3");
    desk.fill("spec-parameters-words", "on\n0123");
    desk.fill("spec-parameters-a_7e_1b_7e_0c", "5");
    desk.fill("spec-parameters-one", "{\"a\": 1, \"b\": [null]}");
    desk.fill("spec-parameters-anything", "[1, {\"y\": \"no\"}]");
    let text = desk.value("document.getElementById('yaml').textContent");
    let (good, said) = validated("municipalities/kuldigas-novads/odd.yaml", &text);
    assert!(good, "{text}\n{said}");
    let (documents, _) = kopnams::request::read::parse("odd.yaml", 0, text.as_bytes());
    let expected = json!({
        "code": "LV-1", "no": true, "place": {"x": 2.5, "y": 15}, "text": "no\n\n  second: \"line\"", "numbers": [1, 20, 3],
        "words": ["on", "0123"], "a/b~c": 5, "one": {"a": 1, "b": [null]}, "anything": [1, {"y": "no"}],
    });
    assert_eq!(documents[0].value["spec"]["parameters"], expected, "{text}");

    // A stricter kind of data asks for its statements, and only then.
    assert_eq!(desk.value("document.getElementById('legal').hidden"), "true");
    desk.choose("spec-dataClass", "special");
    browser.click("#send");
    let said = browser.text("#problems");
    assert!(said.contains("Legal basis: State the legal basis") && said.contains("assessment: State the number"), "{said}");
    desk.choose("spec-dataClass", "");
    assert!(!desk.value("document.getElementById('yaml').textContent").contains("processing"));

    // What is no number and no JSON is told where it stands.
    desk.fill("spec-parameters-place-y", "fifteen");
    desk.fill("spec-parameters-one", "{a: 1}");
    browser.click("#send");
    let said = browser.text("#problems");
    assert!(said.contains("y: Write a whole number in digits") && said.contains("one: This is not JSON"), "{said}");

    // Longer than a link may be: the button says why, and the download remains.
    desk.fill("spec-parameters-place-y", "15");
    desk.fill("spec-parameters-one", "{\"a\": 1, \"b\": [null]}");
    browser.run("const t = document.getElementById('spec-parameters-text'); t.value = 'ā'.repeat(1500); t.dispatchEvent(new Event('input', {bubbles: true}))");
    assert_eq!(desk.value("document.getElementById('send').getAttribute('aria-disabled')"), "true");
    assert!(browser.text("#long").contains("The request is too long for a link. Download the file"));
    browser.click("#send");
    assert_eq!(browser.windows().len(), 1);
    let folder = tempfile::tempdir().unwrap();
    browser.command("Browser.setDownloadBehavior", &json!({"behavior": "allow", "downloadPath": folder.path()}));
    browser.click("#save");
    assert!(downloaded(&folder.path().join("odd.yaml")).contains(&"ā".repeat(1500)));
}

#[test]
fn every_page_can_be_used_by_everybody() {
    let Some(desk) = Desk::open() else { return };
    let Some(axe) = axe::script() else { return };
    let browser = &desk.browser;
    let pages = [
        "index.html",
        "en/index.html",
        "sistemas/website.html",
        "en/systems/odd-known.html",
        "sistemas/social-services.html",
        "sistemas/map-viewer.html",
    ];
    for dark in [false, true] {
        desk.dark(dark);
        for size in [DESK, PHONE] {
            browser.size(size);
            for page in pages {
                desk.go(page);
                if page.contains("sist") || page.contains("systems") {
                    // Also with everything open and everything wrong that can be.
                    assert_eq!(violations(&desk, &axe), json!([]), "{page}, {size:?}, dark: {dark}");
                    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })");
                    browser.click("#send");
                }
                assert_eq!(violations(&desk, &axe), json!([]), "{page}, {size:?}, dark: {dark}");
                let wide = browser.run("return document.documentElement.scrollWidth").as_u64().unwrap();
                assert!(wide <= u64::from(size.0), "{page} is {wide} wide on a screen of {size:?}");
            }
        }
    }
}

/// The rules that a page breaks, with the elements.
fn violations(desk: &Desk, axe: &str) -> Value {
    desk.browser.run(&format!(
        "if (window.axe === undefined) {{ {axe} }}
         return window.axe.run(document, {{ resultTypes: ['violations'], preload: false }}).then((result) =>
           result.violations.map((one) => [one.id, one.nodes.map((node) => node.html + ' ' + node.failureSummary)]))"
    ))
}

#[test]
fn the_keyboard_and_a_browser_without_scripts_are_enough() {
    let Some(desk) = Desk::open() else { return };
    let browser = &desk.browser;
    desk.go("sistemas/website.html");
    let tab = "\u{e004}";
    browser.write("body", tab);
    assert_eq!(desk.value("document.activeElement.className"), "skip");
    // By the tabulator alone from the first field to the button, each thing once.
    browser.run("document.getElementById('metadata-namespace').focus()");
    let mut passed = vec!["metadata-namespace".to_string()];
    while passed.last().unwrap() != "save" && passed.len() < 30 {
        browser.write("body", tab);
        passed.push(desk.value("document.activeElement.id || document.activeElement.tagName"));
    }
    for id in [
        "metadata-name",
        "spec-size",
        "spec-hostname",
        "SUMMARY",
        "spec-parameters-siteTitle",
        "spec-parameters-languages-0",
        "send",
        "save",
    ] {
        assert!(passed.iter().any(|one| one == id), "{id}: {passed:?}");
    }

    browser.command("Emulation.setScriptExecutionDisabled", &json!({"value": true}));
    desk.go("sistemas/social-services.html");
    let page = browser.text("main");
    assert!(page.contains("Veidlapai vajadzīgs JavaScript") && page.contains("Lejupielādēt parauga failu"), "{page}");
    assert!(page.contains("Vajadzīgs novērtējums par ietekmi uz datu aizsardzību") && !page.contains("Lietotnes nosaukums"), "{page}");
    browser.command("Emulation.setScriptExecutionDisabled", &json!({"value": false}));
    let sample = fs::read_to_string(desk.folder.path().join("paraugi/social-services.yaml")).unwrap();
    let (good, said) = validated("municipalities/adazu-novads/sociala-dienesta-lietvediba.yaml", &sample);
    assert!(good, "{said}");
}

/// Keeps what is seen as a picture of the documentation, if that was asked for.
fn keep(browser: &Browser, name: &str) {
    if std::env::var("KOPNAMS_SCREENSHOTS").is_ok_and(|value| value == "1") {
        browser.run("document.getElementById('problems').scrollIntoView()");
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/images").join(format!("{name}.png")), browser.picture()).unwrap();
    }
}
