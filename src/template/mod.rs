//! What a system consists of: the objects of a version read once, and rendered for each app. Pure.
//!
//! Reading says everything that is wrong with an entry, with the path: what may stand where
//! ([`shape`], [`place`]), whether it fits in every size ([`fit`]), whether the route leads somewhere.
//! Rendering evaluates the expressions and writes out every default ([`defaults`]), so that the same
//! request gives the same objects offline and on the cluster.

pub mod defaults;
pub mod expression;
pub mod fit;
pub mod place;
mod prove;
pub mod shape;

use crate::desired::Kind;
use crate::policy::{AppKey, Reason, Rejection};
use crate::request::MunicipalitySpec;
use crate::request::app::GrantedSize;
use crate::request::platform::Scheme;
use crate::request::system::{GeneratedSecret, HostedSystemSpec, Route, Version};
use expression::Text;
use place::{Declared, Parameters};
use serde_json::{Map, Value, json};

/// The objects of a version, read.
#[derive(Debug, Default)]
pub struct Template {
    pieces: Vec<Piece>,
    images: Value,
    parameters: Parameters,
    /// Secrets that the app needs before anything else.
    pub secrets: Vec<GeneratedSecret>,
    /// Where requests for the host name go.
    pub route: Option<Route>,
}

/// How many objects of one kind an entry may have: half of what the quota of objects allows, so that a roll-out fits.
const MOST_OF_A_KIND: usize = 10;

#[derive(Debug)]
struct Piece {
    kind: Kind,
    object: Value,
    /// Texts with expressions, with the way to each.
    texts: Vec<(Vec<String>, place::Place, Text)>,
}

/// Who a system is rendered for.
#[derive(Clone, Copy, Debug)]
pub struct For<'a> {
    /// Municipality and app.
    pub key: &'a AppKey,
    /// The municipality.
    pub municipality: &'a MunicipalitySpec,
    /// Name of the system in the catalogue.
    pub system: &'a str,
    /// The version's name.
    pub version: &'a str,
    /// The size.
    pub size: &'a GrantedSize,
    /// How visitors reach it.
    pub scheme: Scheme,
    /// The host name, if one is claimed.
    pub hostname: Option<&'a str>,
    /// The request's parameters.
    pub parameters: &'a Value,
}

impl Template {
    /// Reads the version at `index` of an entry: the template, and everything that is wrong with it.
    #[must_use]
    pub fn read(spec: &HostedSystemSpec, index: usize, version: &Version) -> (Self, Vec<Rejection>) {
        let mut found = Vec::new();
        let parameters = Parameters::of(&spec.parameters);
        let declared = Declared {
            images: version.images.keys().map(String::as_str).collect(),
            secrets: version.secrets.iter().map(|secret| secret.name.as_str()).collect(),
            parameters: &parameters,
        };
        let at = format!("/spec/versions/{index}");
        for (name, image) in version.images.iter().filter(|(_, image)| !is_pinned(image)) {
            let hint = if image.starts_with("recipe:") {
                "it names a recipe; `make catalogue` builds it and writes the entry with its digest"
            } else {
                "write registry/name@sha256:… so that what was tried is what runs"
            };
            let message = format!("the image `{name}` is `{image}`, without a digest; {hint}");
            found.push(Rejection::new(Reason::ImageNotPinned, format!("{at}/images/{name}"), message));
        }
        let mut pieces = Vec::new();
        for (number, object) in version.objects.iter().enumerate() {
            let at = format!("{at}/objects/{number}");
            match Piece::read(object, &declared, &at) {
                Ok(piece) => pieces.push(piece),
                Err(problems) => found.extend(problems),
            }
        }
        let mut names = std::collections::BTreeSet::new();
        for (number, object) in version.objects.iter().enumerate() {
            let (kind, name) = (object.get("kind").and_then(Value::as_str).unwrap_or_default(), name(object));
            let problem = if !names.insert((kind, name)) {
                format!("there are two objects {kind} `{name}`; give each its own name")
            } else if name.starts_with("kopnams-") || name == "kube-root-ca.crt" {
                format!("the name `{name}` belongs to the operator or the cluster; choose another")
            } else {
                continue;
            };
            found.push(Rejection::new(Reason::ObjectNotAllowed, format!("{at}/objects/{number}/metadata/name"), problem));
        }
        for (kind, _) in shape::KINDS {
            let count = pieces.iter().filter(|piece| piece.kind == kind).count();
            if count > MOST_OF_A_KIND {
                let message = format!(
                    "there are {count} objects of kind {kind}, and a tenant's quota has room for {MOST_OF_A_KIND}; put some together"
                );
                found.push(Rejection::new(Reason::ObjectNotAllowed, format!("{at}/objects"), message));
            }
        }
        let images = json!(version.images);
        let template = Self { pieces, images, parameters, secrets: version.secrets.clone(), route: version.route.clone() };
        if found.is_empty() {
            found.extend(prove::prove(&template, spec, version, &at));
        }
        (template, found)
    }

    /// The objects for an app, each with its kind, in the order of the entry.
    pub fn render(&self, app: For<'_>) -> Result<Vec<(Kind, Value)>, String> {
        self.evaluate(app).map(filled)
    }

    /// The objects as the entry says them, before defaults are written out.
    fn evaluate(&self, app: For<'_>) -> Result<Vec<(Kind, Value)>, String> {
        if self.pieces.is_empty() {
            return Ok(Vec::new());
        }
        let context = expression::context(&self.variables(app));
        let mut objects = Vec::with_capacity(self.pieces.len());
        for piece in &self.pieces {
            let mut object = piece.object.clone();
            for (path, place, text) in &piece.texts {
                let value = text.evaluate(&context, *place)?;
                if let Some(spot) = find(&mut object, path) {
                    *spot = value;
                }
            }
            objects.push((piece.kind, object));
        }
        Ok(objects)
    }

    fn variables(&self, app: For<'_>) -> Map<String, Value> {
        let host = app.hostname.unwrap_or_default();
        let url = app.hostname.map(|host| app.scheme.url(host)).unwrap_or_default();
        let size = app.size;
        let mut parameters = self.parameters.defaults.clone();
        parameters.extend(app.parameters.as_object().cloned().unwrap_or_default());
        let title = &app.municipality.title;
        let secrets: Map<String, Value> = self.secrets.iter().map(|secret| (secret.name.clone(), json!(secret.name))).collect();
        let variables = json!({
            "app": {"name": app.key.app, "namespace": app.key.namespace(), "hostname": host, "url": url},
            "municipality": {"name": app.key.municipality, "code": app.municipality.code, "title": {"lv": title.lv, "en": title.en}},
            "system": {"name": app.system, "version": app.version},
            "size": {
                "name": size.name, "cpu": size.cpu.0, "cpuBurst": size.cpu_burst.0, "memory": size.memory.0, "storage": size.storage.0,
                "pods": size.pods,
            },
            "images": self.images,
            "secrets": secrets,
            "parameters": parameters,
        });
        match variables {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }
}

impl Piece {
    fn read(object: &Value, declared: &Declared<'_>, at: &str) -> Result<Self, Vec<Rejection>> {
        let reject = |reason, path: &str, message: String| Rejection::new(reason, format!("{at}{path}"), message);
        let kind = shape::kind(object).map_err(|problem| vec![reject(Reason::ObjectNotAllowed, "/kind", problem)])?;
        let mut found: Vec<_> =
            shape::forbidden(kind, object).into_iter().map(|(path, message)| reject(Reason::ObjectNotAllowed, &path, message)).collect();
        if name(object).is_empty() {
            found.push(reject(Reason::ObjectNotAllowed, "/metadata", "the object has no name; write metadata.name".into()));
        }
        let mut texts = Vec::new();
        shape::walk(object, &mut Vec::new(), &mut |path, value| {
            let Some(written) = value.as_str() else { return };
            let place = place::place(kind, object, path);
            let pointer = format!("/{}", path.join("/"));
            match Text::read(written) {
                Ok(text) => {
                    if let Err(problem) = place::check(place, written, text.as_ref(), declared) {
                        found.push(reject(Reason::ExpressionInvalid, &pointer, problem));
                    }
                    texts.extend(text.map(|text| (path.to_vec(), place, text)));
                }
                Err(problem) => found.push(reject(Reason::ExpressionInvalid, &pointer, problem)),
            }
        });
        found.extend(place::echoed(kind, object).into_iter().map(|(path, problem)| reject(Reason::ExpressionInvalid, &path, problem)));
        if found.is_empty() { Ok(Self { kind, object: object.clone(), texts }) } else { Err(found) }
    }
}

/// Objects with every default written out.
fn filled(mut objects: Vec<(Kind, Value)>) -> Vec<(Kind, Value)> {
    for (kind, object) in &mut objects {
        defaults::fill(*kind, object);
    }
    objects
}

/// The name of an object.
#[must_use]
pub fn name(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

fn find<'a>(object: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(object, |at, step| match at {
        Value::Object(map) => map.get_mut(step),
        Value::Array(items) => items.get_mut(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Whether an image is named by its digest.
fn is_pinned(image: &str) -> bool {
    let digest = image.split_once("@sha256:").map(|(name, digest)| (name, digest.as_bytes()));
    digest.is_some_and(|(name, digest)| {
        !name.is_empty() && digest.len() == 64 && digest.iter().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(b))
    })
}

#[cfg(test)]
mod tests;
