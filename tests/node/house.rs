//! The node that all tests share, with kopnams, the platform and the catalogue on it. `benches/ready` uses it too.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use kopnams_lab::{AuditPolicy, Lab, LabOptions, Node, NodeOptions};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::kit::{app_of, condition, is_ready, message, text};
use crate::world::World;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
static SHARED: OnceLock<House> = OnceLock::new();
static TURN: Mutex<()> = Mutex::new(());

/// The municipalities of these tests.
const TOWNS: [&str; 5] = ["kuldigas-novads", "ogres-novads", "ventspils", "olaines-novads", "saldus-novads"];

/// How long a system may take until it answers, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// kopnams on a node.
pub struct House {
    pub world: World,
    pub node: Node,
    /// The `Platform` that it has.
    pub platform: Value,
}

/// Runs a test on the shared node, one at a time; says so loudly where there can be none.
pub fn on_the_node(name: &str, test: impl AsyncFnOnce(&House)) {
    if !Node::possible_or_skip(name).unwrap() {
        return;
    }
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let begun = Instant::now();
    let house = SHARED.get_or_init(|| RUNTIME.block_on(House::build()));
    RUNTIME.block_on(async {
        house.world.ensure_operator().await;
        test(house).await;
    });
    say(&format!("{name}: {:.1} s", begun.elapsed().as_secs_f64()));
}

impl House {
    async fn build() -> Self {
        let options = LabOptions { audit: Some(AuditPolicy::Metadata), node: Some(NodeOptions::default()), ..LabOptions::default() };
        let lab = Lab::start(options).unwrap();
        let node = lab.node().unwrap().clone();
        let images = import_images(&node, Path::new("build/catalogue"));
        let world = World::start_on(lab).await;
        for object in documents(Path::new("examples/platform/10-dataclasses.yaml")) {
            world.apply(&object).await;
        }
        let platform = platform(&images);
        world.apply(&platform).await;
        for slug in TOWNS {
            for object in documents(&Path::new("examples/platform/municipalities").join(format!("{slug}.yaml"))) {
                world.apply(&object).await;
            }
        }
        for entry in ["timekla-vietne", "postgresql", "pakalpojumu-vadiba", "e-atbalsts"] {
            for object in documents(&Path::new("build/catalogue").join(format!("{entry}.yaml"))) {
                world.apply(&object).await;
            }
        }
        world.ensure_operator().await;
        for slug in TOWNS {
            world.ready_municipality(slug).await;
        }
        Self { world, node, platform }
    }

    /// Asks for an app and waits until it answers.
    pub async fn open(&self, request: &Value) -> Value {
        self.world.apply(request).await;
        self.ready(text(request, "/metadata/namespace"), text(request, "/metadata/name")).await
    }

    /// Waits until an app is Ready by its newest request, available, and nothing of it is on its way.
    pub async fn ready(&self, slug: &str, name: &str) -> Value {
        self.world
            .within(PATIENCE, &format!("{slug}/{name} is Ready"), async || {
                let app = self.world.get("MunicipalityApp", slug, name).await.ok_or("it is not there")?;
                if is_ready(&app) && condition(&app, "Available").0 == "True" { Ok(app) } else { Err(message(&app, "Ready").to_string()) }
            })
            .await
    }

    /// `GET` by host name through the ingress, once it answers with this status.
    pub async fn page(&self, host: &str, path: &str, status: u16) -> String {
        self.world
            .within(Duration::from_mins(1), &format!("http://{host}{path} answers {status}"), async || match self.node.get(host, path) {
                Ok(answer) if answer.status == status => Ok(answer.body),
                Ok(answer) => Err(format!("{}\n{}", answer.head, answer.body.chars().take(400).collect::<String>())),
                Err(error) => Err(error.to_string()),
            })
            .await
    }

    /// A request as a user, by curl; the password is not on its command line. Status and body.
    pub fn call(&self, host: &str, user: &str, password: &str, method: &str, path: &str, body: &str) -> (u16, String) {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let config = format!(
            "url = \"http://{host}{path}\"\n{}request = \"{method}\"\nheader = \"Content-Type: application/json\"\nheader = \"Accept-Language: lv\"\n\
             connect-to = \"{host}:80:{}:80\"\nsilent\nshow-error\nglobooff\nmax-time = 60\nwrite-out = \"\\n%{{http_code}}\"\n{}",
            if user.is_empty() { String::new() } else { format!("user = \"{user}:{}\"\n", quoted(password)) },
            self.node.ingress_address(),
            if body.is_empty() { String::new() } else { format!("data-binary = \"{}\"\n", quoted(body)) },
        );
        let mut curl = Command::new("curl")
            .args(["--config", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        curl.stdin.take().unwrap().write_all(config.as_bytes()).unwrap();
        let output = curl.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{method} {path}: {}", String::from_utf8_lossy(&output.stderr));
        let (body, status) = said.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_string())
    }

    /// A value of a secret of an app.
    pub async fn secret(&self, space: &str, name: &str, key: &str) -> String {
        let secret = self.world.get("Secret", space, name).await.unwrap();
        String::from_utf8(decoded(text(&secret, &format!("/data/{key}")))).unwrap()
    }
}

/// What is written as base64.
pub fn decoded(base64: &str) -> Vec<u8> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(base64.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    Command::new("base64").arg("-d").stdin(file).output().unwrap().stdout
}

/// A request for a website.
pub fn website(slug: &str, name: &str, host: &str, title: &str) -> Value {
    let mut request = app_of(slug, name, "timekla-vietne");
    request["spec"]["hostname"] = host.into();
    request["spec"]["parameters"] = json!({"siteTitle": title});
    request
}

/// The platform as the lab's node is: its ingress and its DNS.
fn platform(images: &[Value]) -> Value {
    let notice = images.iter().find(|image| image["recipe"] == "notice").map(|image| image["reference"].clone());
    json!({
        "apiVersion": "kopnams.lv/v1alpha1", "kind": "Platform", "metadata": {"name": "platform"},
        "spec": {
            "ingress": {"className": "traefik", "scheme": "http", "from": [{"namespace": "ingress", "podLabels": {"app": "traefik"}}]},
            "dns": [{"namespace": "kube-system", "podLabels": {"k8s-app": "kube-dns"}}],
            "egress": {"mail-relay": [{"cidr": "192.0.2.25/32", "ports": [25]}]},
            "notice": notice,
        },
    })
}

/// The documents of a YAML file.
pub fn documents(file: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_yaml::Deserializer::from_str(&text)
        .map(|document| Value::deserialize(document).unwrap())
        .filter(|value| !value.is_null())
        .collect()
}

/// Gives the node the images of a built catalogue; the list of them.
pub fn import_images(node: &Node, catalogue: &Path) -> Vec<Value> {
    let file = catalogue.join("images.json");
    let list = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}; run `make catalogue` first", file.display()));
    let images: Vec<Value> = serde_json::from_str(&list).unwrap();
    for image in &images {
        let imported = node.import(&catalogue.join(text(image, "/layout"))).unwrap();
        assert_eq!(imported, text(image, "/reference"), "the node has what the entry names");
    }
    images
}

/// Past the test harness, which would hide it.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
