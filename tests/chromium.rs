//! A real browser: Debian's Chromium, driven through the W3C `WebDriver` protocol that Debian's chromedriver speaks.
//!
//! The dozen calls that are needed are plain HTTP with JSON. A crate would bring a second HTTP client, or the crate
//! `webdriver`, whose licence (MPL-2.0) `deny.toml` does not allow.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The size of what is looked at.
pub const SIZE: (u32, u32) = (1280, 800);
const PACKAGES: [(&str, &str); 3] = [
    ("/usr/bin/chromium", "chromium"),
    ("/usr/bin/chromedriver", "chromium-driver"),
    ("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "fonts-dejavu-core"),
];

/// A browser in which host names are what it was told. It ends with the value.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    profile: TempDir,
}

impl Browser {
    /// Starts it with rules for host names, such as `MAP * 192.0.2.1`; none, with a loud line, where it cannot be had, which
    /// in CI is an error.
    pub fn start(hosts: &str) -> Option<Self> {
        if let Err(error) = kopnams_lab::node::install(&PACKAGES) {
            assert!(!kopnams_lab::node::ci(), "no browser, and CI=true allows no skipping: {error}");
            // The test harness keeps what is printed with macros to itself when the test passes.
            let _ = writeln!(std::io::stderr(), "SKIPPED: pages in a real browser: {error}");
            return None;
        }
        // A process namespace of its own: the browser's many processes end with the first, and that with this thread.
        let mut driver = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(["/usr/bin/chromedriver", "--port=0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Read through a reference: the pipe stays open for what the driver says later.
        let mut said = BufReader::new(driver.stdout.as_mut().unwrap()).lines().map_while(Result::ok);
        let port = said.find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Self { driver, port: port.expect("chromedriver names no port"), session: String::new(), profile };
        let made = browser.call("POST", "/session", &browser.wishes(hosts));
        made["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        browser.ask("timeouts", &json!({"implicit": 30_000, "pageLoad": 60_000}));
        browser.size(SIZE);
        Some(browser)
    }

    /// Makes the window as large as this.
    pub fn size(&self, (width, height): (u32, u32)) {
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", &screen);
    }

    /// A command of the browser's own protocol.
    pub fn command(&self, command: &str, parameters: &Value) -> Value {
        self.ask("goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// The ingress has a certificate of its own making. The browser asks nobody for anything but these pages.
    fn wishes(&self, hosts: &str) -> Value {
        let quiet = ["disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync"];
        let mut flags: Vec<String> = quiet.iter().map(|flag| format!("--{flag}")).collect();
        // Chromium's sandbox does not start as root, which the node needs; the pages are our own.
        flags.extend(
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--lang=lv"]
                .map(str::to_owned),
        );
        flags.push("--accept-lang=lv".to_owned());
        flags.push(format!("--user-data-dir={}", self.profile.path().display()));
        flags.push(format!("--host-resolver-rules={hosts}"));
        let chromium = json!({"binary": "/usr/bin/chromium", "args": flags, "prefs": {"intl": {"accept_languages": "lv"}}});
        json!({"capabilities": {"alwaysMatch": {"browserName": "chrome", "acceptInsecureCerts": true, "goog:chromeOptions": chromium}}})
    }

    /// What a function of this body returns in the page; a promise is waited for.
    #[allow(dead_code, reason = "not every suite asks the page itself")]
    pub fn run(&self, body: &str) -> Value {
        self.ask("execute/sync", &json!({"script": body, "args": []}))
    }

    /// The handles of all windows, the first one first.
    #[allow(dead_code, reason = "not every suite opens windows")]
    pub fn windows(&self) -> Vec<String> {
        let handles = self.call("GET", &format!("/session/{}/window/handles", self.session), &Value::Null);
        serde_json::from_value(handles).unwrap()
    }

    /// Goes on in another window.
    #[allow(dead_code, reason = "not every suite opens windows")]
    pub fn switch(&self, window: &str) {
        self.ask("window", &json!({"handle": window}));
    }

    pub fn go(&self, url: &str) {
        self.ask("url", &json!({"url": url}));
    }

    pub fn title(&self) -> String {
        self.look("title")
    }

    /// The text of an element as it is painted; waits until the element is there.
    pub fn text(&self, css: &str) -> String {
        self.look(&format!("element/{}/text", self.find(css)))
    }

    pub fn click(&self, css: &str) {
        self.ask(&format!("element/{}/click", self.find(css)), &json!({}));
    }

    pub fn write(&self, css: &str, text: &str) {
        self.ask(&format!("element/{}/value", self.find(css)), &json!({"text": text}));
    }

    /// What the visitor sees, as a PNG file.
    pub fn picture(&self) -> Vec<u8> {
        base64::prelude::BASE64_STANDARD.decode(self.look("screenshot")).unwrap()
    }

    fn find(&self, css: &str) -> String {
        let found = self.ask("element", &json!({"using": "css selector", "value": css}));
        found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned()
    }

    fn ask(&self, what: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}/{what}", self.session), body)
    }

    fn look(&self, what: &str) -> String {
        self.call("GET", &format!("/session/{}/{what}", self.session), &Value::Null).as_str().unwrap().to_owned()
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let said = self.exchange(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: chromedriver: {error}"));
        let mut answer: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{method} {path}: {error}: {said}"));
        assert!(answer["value"]["error"].is_null(), "{method} {path} {body}: {}", answer["value"]);
        answer["value"].take()
    }

    fn exchange(&self, method: &str, path: &str, body: &Value) -> std::io::Result<String> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(90)))?;
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n", self.port)?;
        write!(stream, "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}", text.len())?;
        let (mut reader, mut length) = (BufReader::new(stream), 0);
        for line in reader.by_ref().lines() {
            let line = line?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            length = line.strip_prefix("content-length:").and_then(|number| number.trim().parse().ok()).unwrap_or(length);
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The whole namespace ends with it.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
