//! Proves that every file of `examples/` means on a cluster what it says: the good ones are Ready, and each rejected one
//! is refused, by the API server or by the operator, for the reason in its `# expect:` line.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kopnams::policy::Reason;
use kopnams_lab::Error;
use serde_json::{Value, json};

use crate::kit::{condition, is_ready, shown, text};
use crate::run::{alone, say};
use crate::world::World;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

/// What a rejected file says of itself.
struct Rejected {
    reason: String,
    kind: String,
    namespace: String,
    name: String,
    documents: Vec<Document>,
}

/// A document as it is written, and as it reads.
struct Document {
    source: String,
    object: Value,
}

impl Rejected {
    fn read(file: &Path) -> Self {
        let source = fs::read_to_string(file).unwrap();
        let expect = source.lines().find_map(|line| line.strip_prefix("# expect: ")).unwrap();
        let (reason, object) = expect.split_once(' ').unwrap();
        assert!(Reason::parse(reason).is_some(), "{}: {reason} is not a reason", file.display());
        let parts: Vec<&str> = object.split('/').collect();
        let (kind, namespace, name) = match parts[..] {
            [kind, name] => (kind, "", name),
            [kind, namespace, name] => (kind, namespace, name),
            _ => panic!("{}: {object}", file.display()),
        };
        Self {
            reason: reason.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
            documents: source
                .split("\n---\n")
                .map(|source| Document { source: source.into(), object: documents(source).remove(0) })
                .collect(),
        }
    }

    fn is_about(&self, document: &Document) -> bool {
        text(&document.object, "/kind") == self.kind && text(&document.object, "/metadata/name") == self.name
    }
}

pub fn documents(source: &str) -> Vec<Value> {
    use serde::Deserialize;
    serde_yaml::Deserializer::from_str(source).map(|document| Value::deserialize(document).unwrap()).collect()
}

/// The YAML files of a folder, in order.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

#[test]
fn examples_mean_what_they_say() {
    alone("examples", async |world| {
        world.lab.kubectl(["apply", "-R", "-f", &format!("{EXAMPLES}/platform")]).unwrap();
        for kind in ["Platform", "DataClass", "HostedSystem", "Municipality"] {
            all_ready(world, kind).await;
        }
        world.lab.kubectl(["apply", "-R", "-f", &format!("{EXAMPLES}/requests")]).unwrap();
        let good = all_ready(world, "MunicipalityApp").await;
        assert!(good >= 12, "{good} good requests");

        let rejected = files(&format!("{EXAMPLES}/rejected"));
        for file in &rejected {
            let begun = Instant::now();
            let example = Rejected::read(file);
            let by = refused(world, file, &example).await;
            let name = file.file_name().unwrap().to_string_lossy();
            say(&format!("  {name}: {by}, {:.1} s", begun.elapsed().as_secs_f64()));
            tidy(world, &example).await;
        }
        below_granted(world).await;
        for reason in ["StorageShrinks", "DowngradeRefused"] {
            refused_with_a_grant(world, reason).await;
        }
        say(&format!("  {good} good requests, {} rejected files", rejected.len() + 3));
        for app in documents_of_requests() {
            let (slug, name) = (text(&app, "/metadata/namespace"), text(&app, "/metadata/name"));
            world.ready_app(slug, name).await;
        }
    });
}

fn documents_of_requests() -> Vec<Value> {
    let folders = fs::read_dir(format!("{EXAMPLES}/requests/municipalities")).unwrap().map(|entry| entry.unwrap().path());
    folders.flat_map(|folder| files(folder.to_str().unwrap())).flat_map(|file| documents(&fs::read_to_string(file).unwrap())).collect()
}

async fn all_ready(world: &World, kind: &str) -> usize {
    world
        .until(&format!("every {kind} is Ready"), async || {
            let all = world.list(kind, "").await;
            match all.iter().find(|object| !is_ready(object)) {
                Some(object) => Err(shown(object)),
                None => Ok(all.len()),
            }
        })
        .await
}

/// Applies a file as its comments say, and says who refused it.
async fn refused(world: &World, file: &Path, example: &Rejected) -> &'static str {
    if example.reason == "MunicipalityRefused" {
        // A refused municipality gets no home, so the request can be applied only in somebody else's namespace.
        world.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": example.namespace}})).await.unwrap();
    }
    for document in &example.documents {
        if example.reason == "MunicipalityTerminating" && example.is_about(document) {
            world.see("MunicipalityApp", &example.namespace, "esosa-majaslapa", "granted", |o| condition(o, "Admitted").0 == "True").await;
            world.delete("Municipality", "", &example.namespace).await;
        }
        if let Err(said) = kubectl_apply(world, &document.source).await {
            assert!(example.is_about(document), "{}: the wrong object was refused: {said}", file.display());
            let right = said.contains(&format!("{}: ", example.reason)) || example.reason == "FieldInvalid";
            assert!(right, "{}: expected {}, the API server said: {said}", file.display(), example.reason);
            return "refused by the API server";
        }
    }
    let expected =
        |o: &Value| ["Admitted", "Ready", "WithinAllotment"].iter().any(|type_| condition(o, type_) == ("False", &example.reason));
    let what = format!("{}: refused as {}", file.display(), example.reason);
    world.see(&example.kind, &example.namespace, &example.name, &what, expected).await;
    if example.kind == "MunicipalityApp" {
        untouched(world, example).await;
    }
    "refused by the operator"
}

/// A refused request has no namespace of its own; one that was there before stays as it was.
async fn untouched(world: &World, example: &Rejected) {
    let name = format!("{}--{}", example.namespace, example.name);
    let found = world.get("Namespace", "", &name).await;
    let Some(document) = example.documents.iter().find(|document| text(&document.object, "/kind") == "Namespace") else {
        assert_eq!(found, None, "nothing is made for a refused request");
        return;
    };
    let found = found.unwrap();
    assert_eq!(text(&document.object, "/metadata/name"), name);
    assert_eq!(found["metadata"]["labels"], json!({"kubernetes.io/metadata.name": name}), "{}", shown(&found));
    let annotations: Vec<&String> = found["metadata"]["annotations"].as_object().into_iter().flatten().map(|(key, _)| key).collect();
    assert_eq!(annotations, ["kubectl.kubernetes.io/last-applied-configuration"]);
}

/// kubectl as an admin runs it, strictly; waits for a home namespace that is being made.
async fn kubectl_apply(world: &World, document: &str) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        match world.lab.kubectl_input(["apply", "--validate=strict", "-f", "-"], document) {
            Ok(_) => return Ok(()),
            Err(Error::Command { stderr, .. }) if stderr.contains("namespaces \"") && begun.elapsed() < Duration::from_secs(10) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(Error::Command { stderr, .. }) => return Err(stderr),
            Err(other) => panic!("{other}"),
        }
    }
}

/// Data classes count for everybody, so those of a file go when it has been seen.
async fn tidy(world: &World, example: &Rejected) {
    for document in example.documents.iter().filter(|document| text(&document.object, "/kind") == "DataClass") {
        let name = text(&document.object, "/metadata/name");
        if world.get("DataClass", "", name).await.is_some() {
            world.delete("DataClass", "", name).await;
        }
    }
}

/// What live.yaml shows is made for real and granted; then the request changes, is refused, and what was granted stays.
async fn refused_with_a_grant(world: &World, reason: &str) {
    let folder = format!("{EXAMPLES}/rejected/{reason}");
    let example = Rejected::read(Path::new(&format!("{folder}/request.yaml")));
    for document in example.documents.iter().filter(|document| !example.is_about(document)) {
        kubectl_apply(world, &document.source).await.unwrap();
    }
    let live = documents(&fs::read_to_string(format!("{folder}/live.yaml")).unwrap()).remove(0);
    let mut request = live["items"][0].clone();
    request.as_object_mut().unwrap().remove("status");
    request["metadata"] = json!({"name": example.name, "namespace": example.namespace});
    kubectl_apply(world, &request.to_string()).await.unwrap();
    let granted = world.ready_app(&example.namespace, &example.name).await["status"]["grant"].clone();
    for document in &example.documents {
        kubectl_apply(world, &document.source).await.unwrap();
    }
    let refused = |o: &Value| condition(o, "Admitted") == ("False", reason);
    let after = world.see("MunicipalityApp", &example.namespace, &example.name, reason, refused).await;
    assert_eq!(after["status"]["grant"], granted, "what was granted stays in force");
    world.delete("MunicipalityApp", &example.namespace, &example.name).await;
}

/// The state before is made for real, with room enough; then the allotment shrinks.
async fn below_granted(world: &World) {
    let folder = format!("{EXAMPLES}/rejected/AllotmentBelowGranted");
    let source = fs::read_to_string(format!("{folder}/municipality.yaml")).unwrap();
    let mut roomy = documents(&source).remove(0);
    roomy["spec"]["allotment"] = json!({"cpu": "4", "memory": "8Gi", "storage": "80Gi", "apps": 4});
    kubectl_apply(world, &roomy.to_string()).await.unwrap();
    let slug = text(&roomy, "/metadata/name").to_string();
    let live = documents(&fs::read_to_string(format!("{folder}/live.yaml")).unwrap()).remove(0);
    let requests: Vec<Value> = live["items"].as_array().unwrap().clone();
    for request in &requests {
        let mut request = request.clone();
        request.as_object_mut().unwrap().remove("status");
        let name = text(&request, "/metadata/name").to_string();
        request["metadata"] = json!({"name": name, "namespace": slug});
        kubectl_apply(world, &request.to_string()).await.unwrap();
        world.ready_app(&slug, &name).await;
    }
    world.lab.kubectl(["apply", "-f", &format!("{folder}/municipality.yaml")]).unwrap();
    let below = |o: &Value| condition(o, "WithinAllotment") == ("False", "AllotmentBelowGranted");
    world.see("Municipality", "", &slug, "AllotmentBelowGranted", below).await;
    for request in &requests {
        world.ready_app(&slug, text(request, "/metadata/name")).await;
    }
}
