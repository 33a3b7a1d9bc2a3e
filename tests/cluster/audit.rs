//! The API server's audit log as a witness: who asked what, and how often.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use serde_json::Value;

/// The user that the operator is.
pub const OPERATOR: &str = "system:serviceaccount:kopnams-system:kopnams";

/// One answered request.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "namespace and name are for messages")]
pub struct Line {
    pub user: String,
    pub verb: String,
    /// Resource, with its subresource: `municipalityapps/status`.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub code: u64,
}

impl Line {
    fn read(text: &str) -> Self {
        let line: Value = serde_json::from_str(text).unwrap();
        let said = |pointer: &str| line.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string();
        let (resource, sub) = (said("/objectRef/resource"), said("/objectRef/subresource"));
        Self {
            user: said("/user/username"),
            verb: said("/verb"),
            resource: if sub.is_empty() { resource } else { format!("{resource}/{sub}") },
            namespace: said("/objectRef/namespace"),
            name: said("/objectRef/name"),
            code: line.pointer("/responseStatus/code").and_then(Value::as_u64).unwrap_or_default(),
        }
    }

    /// Whether it changes something, or tried to.
    pub fn writes(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }

    /// Whether it concerns the lease.
    pub fn leases(&self) -> bool {
        self.resource == "leases"
    }
}

/// The log from a moment on.
pub struct Audit {
    file: PathBuf,
    from: u64,
}

impl Audit {
    /// From now on.
    pub fn from_now(file: PathBuf) -> Self {
        let from = fs::metadata(&file).unwrap().len();
        Self { file, from }
    }

    /// What a user asked since.
    pub fn of(&self, user: &str) -> Vec<Line> {
        let mut file = fs::File::open(&self.file).unwrap();
        file.seek(SeekFrom::Start(self.from)).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().filter(|line| line.contains(user)).map(Line::read).filter(|line| line.user == user).collect()
    }

    /// What the operator asked since, but for its lease.
    pub fn of_operator(&self) -> Vec<Line> {
        self.of(OPERATOR).into_iter().filter(|line| !line.leases()).collect()
    }

    /// What the operator wrote since, but for its lease.
    pub fn writes_of_operator(&self) -> Vec<Line> {
        self.of_operator().into_iter().filter(Line::writes).collect()
    }
}

/// How often each verb met each resource.
pub fn tally(lines: &[Line]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for line in lines {
        *tally.entry(format!("{} {}", line.verb, line.resource)).or_default() += 1;
    }
    tally
}
