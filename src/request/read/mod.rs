//! Reading: files in, documents with their places and first findings out.
//!
//! A document's value is what kubectl would send, so that nothing is decided offline about a text
//! that the cluster reads otherwise.

pub mod files;
pub mod finding;
pub mod folders;
pub mod foreign;
pub mod git;
pub mod layout;
pub mod narrow;
pub mod place;
pub mod scalar;
pub mod spread;
pub mod touched;
pub mod yaml;

pub use files::ReadError;
pub use finding::{Code, Finding, Fix};
pub use place::{End, Place, Spot};

use crate::policy::Reason;
use crate::request::GROUP;
use crate::request::access::{self, Access};
use crate::request::said::Said;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Larger than any request or catalogue; a larger file is refused unread.
const FILE_MAX: usize = 4 << 20;
/// Larger than what a cluster says of a hundred thousand apps.
const LIVE_MAX: usize = 1 << 30;

/// Bytes of the longest name that an object may have.
const NAME_MAX: usize = 253;

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// How many files.
    pub files: usize,
    /// The documents, in the order of the files. What two trees have in common is read once.
    pub documents: Vec<Arc<Document>>,
    /// What is wrong with whole files.
    pub findings: Vec<Finding>,
}

/// One object as it stands in a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file.
    pub file: Arc<str>,
    /// Which of the named paths the file was found in: a later one takes the place of an earlier.
    pub layer: usize,
    /// What it is and whose, as written; empty where that is missing or no text.
    pub named: Named,
    /// The object, as the API server would get it.
    pub value: Value,
    /// Where everything in it stands.
    pub place: Place,
    /// What was read, but hardly meant so.
    pub findings: Vec<Finding>,
    /// It is an item of a list.
    pub listed: bool,
}

/// What an object is and whose, which is asked of each again and again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    api_version: Box<str>,
    kind: Box<str>,
    namespace: Box<str>,
    name: Box<str>,
}

impl Named {
    fn of(value: &Value) -> Self {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().into();
        Self { api_version: text("/apiVersion"), kind: text("/kind"), namespace: text("/metadata/namespace"), name: text("/metadata/name") }
    }
}

impl Tree {
    /// Names the files otherwise.
    pub fn rename(&mut self, name: impl Fn(&str) -> String) {
        let rename = |findings: &mut [Finding]| findings.iter_mut().for_each(|finding| finding.file = name(&finding.file).into());
        rename(&mut self.findings);
        for document in &mut self.documents {
            let document = Arc::make_mut(document);
            rename(&mut document.findings);
            document.file = name(&document.file).into();
        }
    }

    /// The first layer above all of it.
    #[must_use]
    pub fn above(&self) -> usize {
        self.documents.iter().map(|document| document.layer + 1).max().unwrap_or(0)
    }

    /// Raises everything into a layer.
    pub fn raise(&mut self, layer: usize) {
        for document in self.documents.iter_mut().filter(|document| document.layer < layer) {
            Arc::make_mut(document).layer = layer;
        }
    }

    /// Both, the other above it.
    #[must_use]
    pub fn under(mut self, mut other: Self) -> Self {
        other.raise(self.above());
        self.files += other.files;
        self.findings.extend(other.findings);
        self.documents.extend(other.documents);
        self
    }
}

/// Reads files and folders that people wrote.
pub fn read(paths: &[PathBuf]) -> Result<Tree, ReadError> {
    read_within(paths, FILE_MAX, || (), |(), _| ()).map(|(tree, _)| tree)
}

/// Reads files and folders that people wrote, and does something with each document as soon as it is read: what it then lets go
/// of was never there for all of them at once. Its results are in the order of the documents.
pub fn read_each<S, R: Send>(
    paths: &[PathBuf],
    state: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, &mut Document) -> R + Sync,
) -> Result<(Tree, Vec<R>), ReadError> {
    read_within(paths, FILE_MAX, state, each)
}

/// Reads what a cluster was asked for, which may be a large file.
pub fn read_live(file: &Path) -> Result<Tree, ReadError> {
    read_within(&[file.to_path_buf()], LIVE_MAX, || (), |(), _| ()).map(|(tree, _)| tree)
}

fn read_within<S, R: Send>(
    paths: &[PathBuf],
    limit: usize,
    state: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, &mut Document) -> R + Sync,
) -> Result<(Tree, Vec<R>), ReadError> {
    let found = files::find(paths)?;
    let load = |path: &Path| -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let one_more = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        File::open(path)?.take(one_more).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let contents = spread::spread(&found, state, |state, file| {
        let name = file.path.display().to_string();
        let bytes = load(&file.path).map_err(|source| ReadError::Io { path: name.clone(), source })?;
        let content = parse_within(&name, file.layer, &bytes, limit);
        let at_the_top = file.path.file_name() == Some(OsStr::new(access::FILE)) && file.path.parent() == Some(&paths[file.layer]);
        let (mut documents, findings) = if at_the_top { without_rules(content, &name, &bytes) } else { content };
        let results: Vec<R> = documents.iter_mut().map(|document| each(state, document)).collect();
        Ok(((documents, findings), results))
    });
    let mut results = Vec::new();
    let contents = contents.into_iter().map(|content| content.map(|(content, of_it)| (results.extend(of_it), content).1));
    let tree = collected(contents)?;
    Ok((tree, results))
}

/// What stands in one file, and what is wrong with it as a whole.
type Content<D = Document> = (Vec<D>, Vec<Finding>);

/// What stands in the file at the top of a repository that says who may change what: nothing that is asked for.
fn without_rules(content: Content, name: &str, bytes: &[u8]) -> Content {
    let (documents, findings) = content;
    if !findings.is_empty() || documents.iter().any(|document| !document.kind().is_empty()) {
        return (documents, findings);
    }
    let wrong = Access::parse(bytes).err().map(|why| unreadable(&Arc::from(name), START, why));
    (Vec::new(), wrong.into_iter().collect())
}

/// The tree of all files, or why one of them could not be read.
fn collected<D: Into<Arc<Document>>, E>(contents: impl IntoIterator<Item = Result<Content<D>, E>>) -> Result<Tree, E> {
    let mut tree = Tree::default();
    for content in contents {
        let (documents, findings) = content?;
        tree.files += 1;
        tree.documents.extend(documents.into_iter().map(Into::into));
        tree.findings.extend(findings);
    }
    Ok(tree)
}

/// That a file cannot be read as it is, from here on.
fn unreadable(file: &Arc<str>, spot: Spot, message: impl Into<Said>) -> Finding {
    let Said { en, lv } = message.into();
    Finding {
        file: Arc::clone(file),
        line: spot.line,
        column: spot.column,
        code: Code::YamlInvalid,
        object: String::new(),
        path: String::new(),
        message: en,
        latvian: lv,
        fix: None,
    }
}

/// What to say of a file that is larger than it may be.
fn too_large(limit: usize) -> Said {
    let most = limit >> 20;
    Said::both(format!("the file is larger than {most} MiB; divide it"), format!("fails ir lielāks par {most} MiB; sadaliet to"))
}

/// Where a file begins.
const START: Spot = Spot { line: 1, column: 1 };

/// Reads the contents of one file.
#[must_use]
pub fn parse(file: &str, layer: usize, bytes: &[u8]) -> (Vec<Document>, Vec<Finding>) {
    parse_within(file, layer, bytes, FILE_MAX)
}

fn parse_within(file: &str, layer: usize, bytes: &[u8], limit: usize) -> (Vec<Document>, Vec<Finding>) {
    let file: Arc<str> = file.into();
    let whole = |spot: Spot, message: Said| unreadable(&file, spot, message);
    if bytes.len() > limit {
        return (Vec::new(), vec![whole(START, too_large(limit))]);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let lines = before.split(|b| *b == b'\n').count();
            let spot = Spot { line: u32::try_from(lines).unwrap_or(u32::MAX), column: 1 };
            let message = Said::both("the file is not UTF-8 text; save it as UTF-8", "fails nav UTF-8 teksts; saglabājiet to kā UTF-8");
            return (Vec::new(), vec![whole(spot, message)]);
        }
    };
    let (parsed, broken) = yaml::parse(text);
    let findings = broken.into_iter().map(|b| whole(b.spot, b.message)).collect();
    let documents = parsed.into_iter().filter(|p| !p.value.is_null()).flat_map(|p| documents(&file, layer, p)).collect();
    (documents, findings)
}

/// One document, or every item of a list such as `kubectl get -o yaml` writes.
fn documents(file: &Arc<str>, layer: usize, parsed: yaml::Parsed) -> Vec<Document> {
    let document = |value, place| Document { listed: false, ..Document::new(Arc::clone(file), layer, value, place) };
    let is_list = parsed.value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    let mut value = parsed.value;
    let items = if is_list { value.get_mut("items").and_then(Value::as_array_mut).map(std::mem::take) } else { None };
    let Some(items) = items else {
        let mut whole = document(value, parsed.place);
        whole.remark(parsed.remarks);
        return vec![whole];
    };
    let mut places = match parsed.place.inner {
        place::Inner::Fields(fields) => fields
            .into_iter()
            .rev()
            .find(|(name, ..)| **name == *"items")
            .map(|(.., place)| match place.inner {
                place::Inner::Items(places) => places,
                _ => Vec::new(),
            })
            .unwrap_or_default(),
        _ => Vec::new(),
    }
    .into_iter();
    let mut listed: Vec<Document> =
        items.into_iter().map(|item| Document { listed: true, ..document(item, places.next().unwrap_or_default()) }).collect();
    for mut remark in parsed.remarks {
        let inside = remark.path.strip_prefix("/items/").map(|rest| rest.split_once('/').unwrap_or((rest, "")));
        let Some((index, rest)) = inside.and_then(|(index, rest)| Some((index.parse::<usize>().ok()?, rest.to_string()))) else {
            continue;
        };
        remark.path = format!("/{rest}");
        if let Some(item) = listed.get_mut(index) {
            item.remark(vec![remark]);
        }
    }
    listed
}

impl Document {
    /// An object that stands in a list.
    #[must_use]
    pub fn new(file: Arc<str>, layer: usize, value: Value, place: Place) -> Self {
        Self { file, layer, named: Named::of(&value), value, place, findings: Vec::new(), listed: true }
    }

    fn remark(&mut self, remarks: Vec<yaml::Remark>) {
        for remark in remarks {
            let finding = self.at(remark.spot, Reason::FieldInvalid, remark.path, remark.message);
            self.findings.push(finding);
        }
    }

    /// `apiVersion` as written.
    #[must_use]
    pub fn api_version(&self) -> &str {
        &self.named.api_version
    }

    /// `kind` as written.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.named.kind
    }

    /// Whether it is a municipality's request, of whatever version.
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.kind() == "MunicipalityApp" && self.api_version().split('/').next() == Some(GROUP)
    }

    /// The kind as it is told to people.
    #[must_use]
    pub fn told_kind(&self) -> &str {
        if self.kind().is_empty() { "something without a kind" } else { self.kind() }
    }

    /// The same in Latvian.
    #[must_use]
    pub fn told_kind_lv(&self) -> &str {
        if self.kind().is_empty() { "kaut kas bez lauka kind" } else { self.kind() }
    }

    /// The object's name; empty if it has none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.named.name
    }

    /// The object's namespace; empty if it names none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.named.namespace
    }

    /// Whether the cluster is removing it.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.value.pointer("/metadata/deletionTimestamp").is_some_and(|at| !at.is_null())
    }

    /// Forgets what a request holds, once what it asks for is in its checked form: there may be ten thousand of them.
    pub fn let_go_of_request(&mut self) {
        if self.is_request() {
            self.value = Value::Null;
        }
    }

    /// The object as findings name it.
    #[must_use]
    pub fn object(&self) -> String {
        let kind = if self.kind().is_empty() { "(no kind)" } else { shortened(self.kind()) };
        let name = if self.name().is_empty() { "(no name)" } else { shortened(self.name()) };
        match shortened(self.namespace()) {
            "" => format!("{kind}/{name}"),
            namespace => format!("{kind}/{namespace}/{name}"),
        }
    }

    /// A finding about the value at a JSON pointer.
    #[must_use]
    pub fn finding(&self, code: impl Into<Code>, path: &str, message: impl Into<Said>) -> Finding {
        self.at(self.place.find(path, End::Value), code, path.to_string(), message.into())
    }

    /// A finding about the name of the field at a JSON pointer.
    #[must_use]
    pub fn finding_of_key(&self, code: impl Into<Code>, path: &str, message: impl Into<Said>) -> Finding {
        self.at(self.place.find(path, End::Key), code, path.to_string(), message.into())
    }

    fn at(&self, spot: Spot, code: impl Into<Code>, path: String, Said { en, lv }: Said) -> Finding {
        let (file, object) = (Arc::clone(&self.file), self.object());
        Finding { file, line: spot.line, column: spot.column, code: code.into(), object, path, message: en, latvian: lv, fix: None }
    }
}

/// A name in each of many findings: Kubernetes has none that is longer, but a file may hold anything.
fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME_MAX)]
}

#[cfg(test)]
mod tests;
