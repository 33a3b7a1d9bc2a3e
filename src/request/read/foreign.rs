//! What stands in a file of a municipality's folder and does not belong there.

use super::folders::Kind;
use super::git::{GitError, Snapshot};
use super::layout::FOLDER;
use super::touched::Touched;
use super::{Document, parse};
use crate::request::said::Said;
use crate::request::{GROUP, names};
use std::fmt;

/// What stands in a file of a municipality's folder and does not belong there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Foreign {
    /// The file is larger than any request.
    TooLarge,
    /// It cannot be read: why.
    Unreadable(Said),
    /// An object that is no request: what it is.
    Kind(Said),
    /// A request of another municipality.
    Elsewhere {
        /// The municipality that it names.
        named: String,
        /// Whose folder it lies in.
        slug: String,
    },
    /// A status.
    Status,
    /// A field of the metadata: its path.
    Meta(String),
    /// A label or an annotation that steers somebody's program: its path.
    Steers(String),
}

impl Foreign {
    /// Whether the platform's admins may write it. What is no request of that municipality at all nobody may.
    #[must_use]
    pub const fn is_the_platforms(&self) -> bool {
        matches!(self, Self::Status | Self::Meta(_) | Self::Steers(_))
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("it is too large to be a request"),
            Self::Unreadable(why) => write!(f, "it cannot be read: {}", why.en),
            Self::Kind(what) => write!(f, "it holds {}, and a municipality asks by MunicipalityApp of {GROUP} only", what.en),
            Self::Elsewhere { named, slug } => write!(f, "it is a request of `{named}` in the folder of {slug}"),
            Self::Status => f.write_str("it holds a status, which the operator writes"),
            Self::Meta(path) => write!(f, "it holds {path}"),
            Self::Steers(path) => write!(f, "it holds {path}, which steers the platform's programs"),
        }
    }
}

/// What does not belong into a file that a change touches; nothing outside of the folders of municipalities.
pub fn foreign(head: &Snapshot, one: &Touched) -> Result<Vec<Foreign>, GitError> {
    let mut parts = one.path.iter().map(|part| part.to_string_lossy());
    let (first, slug) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default().into_owned());
    if first != FOLDER || one.after != Some(Kind::File) {
        return Ok(Vec::new());
    }
    let Some(content) = head.file(&one.path)? else { return Ok(vec![Foreign::TooLarge]) };
    let (documents, broken) = parse(&one.path.display().to_string(), 0, &content);
    let mut found: Vec<Foreign> =
        broken.into_iter().map(|finding| Foreign::Unreadable(Said { en: finding.message, lv: finding.latvian })).collect();
    for document in &documents {
        found.extend(in_document(document, &slug));
    }
    Ok(found)
}

fn in_document(document: &Document, slug: &str) -> Vec<Foreign> {
    if !document.is_request() {
        return vec![Foreign::Kind(Said::both(document.told_kind(), document.told_kind_lv()))];
    }
    let mut found = Vec::new();
    if document.namespace() != slug {
        found.push(Foreign::Elsewhere { named: document.namespace().to_owned(), slug: slug.to_owned() });
    }
    if document.value.get("status").is_some() {
        found.push(Foreign::Status);
    }
    let meta = document.value.get("metadata").and_then(serde_json::Value::as_object);
    for (field, value) in meta.into_iter().flatten() {
        match field.as_str() {
            "name" | "namespace" => {}
            "labels" | "annotations" => {
                let keys = value.as_object().into_iter().flatten().map(|(key, _)| key);
                // What bears a domain steers somebody's program; a rotation of passwords is the app's own.
                let steering = keys.filter(|key| key.contains('/') && *key != names::ROTATION);
                found.extend(steering.map(|key| Foreign::Steers(format!("metadata.{field}.{key}"))));
            }
            _ => found.push(Foreign::Meta(format!("metadata.{field}"))),
        }
    }
    found
}
