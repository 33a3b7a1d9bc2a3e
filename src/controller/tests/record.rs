//! A recording service in the place of the API server: it keeps objects by path and writes down what was asked.

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

/// What was asked, and what is there.
#[derive(Clone, Default)]
pub struct Record(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    asked: Vec<String>,
    objects: HashMap<String, Value>,
    serial: u64,
}

impl Record {
    /// A client whose requests come here.
    pub fn client(&self) -> Client {
        let record = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let record = record.clone();
            async move { Ok::<_, Infallible>(record.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// The object at a path.
    pub fn get(&self, path: &str) -> Option<Value> {
        self.0.lock().unwrap().objects.get(path).cloned()
    }

    /// Puts an object at a path, as somebody else's write would.
    pub fn put(&self, path: &str, object: Value) {
        self.0.lock().unwrap().put(path, object);
    }

    /// Takes an object away.
    pub fn remove(&self, path: &str) {
        self.0.lock().unwrap().objects.remove(path);
    }

    /// What was asked since the last time.
    pub fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().asked)
    }

    /// The same without events, which are told beside the reconcile.
    pub fn taken_but_events(&self) -> Vec<String> {
        self.taken().into_iter().filter(|line| !line.contains("/events")).collect()
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let path = parts.uri.path().to_string();
        let content = parts.headers.get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_string();
        let mut inner = self.0.lock().unwrap();
        inner.asked.push(format!("{} {path}", parts.method));
        let (code, answer) = inner.answer(&parts.method, &path, &content, body);
        Response::builder()
            .status(code)
            .header("content-type", "application/json")
            .body(Body::from(answer.to_string().into_bytes()))
            .unwrap()
    }
}

impl Inner {
    fn put(&mut self, path: &str, mut object: Value) -> Value {
        self.serial += 1;
        let known = object["metadata"]["uid"].as_str().map(ToString::to_string);
        let uid = known.unwrap_or_else(|| uuid::Uuid::from_u128(1000 + u128::from(self.serial)).to_string());
        object["metadata"]["uid"] = json!(uid);
        object["metadata"]["resourceVersion"] = json!((100 + self.serial).to_string());
        self.objects.insert(path.to_string(), object.clone());
        object
    }

    fn answer(&mut self, method: &Method, path: &str, content: &str, body: Value) -> (u16, Value) {
        let status = |code: u16, reason: &str| {
            (
                code,
                json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": reason, "reason": reason, "code": code}),
            )
        };
        let target = path.strip_suffix("/status").unwrap_or(path);
        match *method {
            Method::GET => self.objects.get(path).map_or_else(|| status(404, "NotFound"), |object| (200, object.clone())),
            Method::POST => {
                let at = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap_or_default());
                if self.objects.contains_key(&at) { status(409, "AlreadyExists") } else { (201, self.put(&at, body)) }
            }
            Method::PATCH if content.contains("json-patch") => {
                let Some(mut object) = self.objects.get(target).cloned() else { return status(404, "NotFound") };
                let patch: json_patch::Patch = serde_json::from_value(body).unwrap();
                let untested: Vec<_> = patch.0.iter().filter(|op| !matches!(op, json_patch::PatchOperation::Test(_))).cloned().collect();
                if json_patch::patch(&mut object, &json_patch::Patch(untested)).is_err() {
                    status(422, "Invalid")
                } else {
                    (200, self.put(target, object))
                }
            }
            // Replace, or apply: the body is the object.
            Method::PUT | Method::PATCH => (200, self.put(path, body)),
            Method::DELETE => match self.objects.remove(path) {
                Some(_) => (200, json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})),
                None => status(404, "NotFound"),
            },
            _ => status(405, "MethodNotAllowed"),
        }
    }
}
