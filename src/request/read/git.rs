//! A tree of a git repository, read as it stands there.
//!
//! Nothing is checked out, no link is followed, no configuration beside the repository's own is read and no program is run:
//! whoever made the commit decides about nothing but what is in it. It may be made to do harm, so what it unfolds to is
//! limited before it is unfolded.

use super::files::{ReadError, is_read};
use super::folders::{Entry, Folders, Kind};
use super::{Document, FILE_MAX, START, Tree, collected, parse_within, spread, too_large, unreadable, without_rules};
use crate::request::access;
use crate::request::said::Said;
use gix::bstr::ByteSlice;
use gix::objs::tree::EntryKind;
use gix::{ObjectId, ThreadSafeRepository};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that one object may take when it is unfolded, also one that another is only a difference to.
const OBJECT_MAX: usize = 64 << 20;
/// Files and folders of a tree: more than all municipalities of Europe have requests.
const ENTRIES_MAX: usize = 200_000;
/// Folders in folders.
const DEPTH_MAX: usize = 16;

/// What git says that went wrong.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no repository.
    #[error("{path} is not in a git repository; name it with --repo")]
    NoRepository {
        /// Where one was looked for.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A name that leads to no commit.
    #[error("`{name}` is no commit of {repository}; if the clone is shallow, fetch it first: git fetch --depth=1 origin {name}")]
    NoCommit {
        /// The name as it was given.
        name: String,
        /// The repository.
        repository: String,
    },
    /// An object is missing, broken, or larger than it may be.
    #[error(
        "{what} cannot be read from the repository: it is missing, broken or larger than {} MiB; a shallow clone may need: git fetch --depth=1 origin",
        OBJECT_MAX >> 20
    )]
    Object {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The tree is made as none that people work in.
    #[error("the tree of `{name}` is not read: {why}")]
    Hostile {
        /// The commit as it was named.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A file or folder of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its content: the same id is the same content, of a folder with all that is in it.
    pub id: ObjectId,
    /// It may be executed.
    pub executable: bool,
}

/// The tree of a commit.
pub struct Snapshot {
    repository: ThreadSafeRepository,
    /// The commit as it was named.
    pub name: String,
    /// The commit's own id, in hexadecimal.
    pub commit: String,
    /// Everything in it but the root, by path.
    pub nodes: BTreeMap<PathBuf, Node>,
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("name", &self.name).field("commit", &self.commit).finish_non_exhaustive()
    }
}

/// Opens the repository that a folder is or lies in.
///
/// # Errors
/// [`GitError::NoRepository`].
pub fn open(folder: &Path) -> Result<ThreadSafeRepository, GitError> {
    let failed = |source: gix::Error| GitError::NoRepository { path: folder.display().to_string(), source: source.into() };
    let found = gix::discover::upwards(folder).map_err(failed)?.0;
    let (repository, _) = found.into_repository_and_work_tree_directories();
    let limit = format!("gitoxide.objects.allocLimit={OBJECT_MAX}");
    let options = gix::open::Options::isolated().config_overrides([limit]).open_path_as_is(true);
    ThreadSafeRepository::open_opts(repository, options).map_err(failed)
}

impl Snapshot {
    /// Reads the tree of a commit, with the names of all its files and without their contents.
    ///
    /// # Errors
    /// The commit is not there, or its tree is not one to be read.
    pub fn take(repository: &ThreadSafeRepository, name: &str) -> Result<Self, GitError> {
        let local = repository.to_thread_local();
        let no_commit = || GitError::NoCommit { name: name.to_owned(), repository: local.git_dir().display().to_string() };
        let commit = local.rev_parse_single(name).map_err(|_| no_commit())?;
        let commit = commit.object().map_err(|source| broken(&format!("the commit {name}"), source))?;
        let commit = commit.peel_to_commit().map_err(|_| no_commit())?;
        let root = commit.tree_id().map_err(|source| broken(&format!("the commit {name}"), source))?;
        let mut nodes = BTreeMap::new();
        let mut folders = vec![(PathBuf::new(), root.detach(), 0)];
        let hostile = |why: String| GitError::Hostile { name: name.to_owned(), why };
        while let Some((folder, id, depth)) = folders.pop() {
            let what = format!("the folder {}/", folder.display());
            let tree = local.find_tree(id).map_err(|source| broken(&what, source))?;
            for entry in tree.iter() {
                let entry = entry.map_err(|source| broken(&what, source))?;
                let bytes = entry.filename();
                // No checkout could write these; in a path they would be taken for something else.
                if bytes.is_empty() || bytes == "." || bytes == ".." || bytes.contains(&b'/') || bytes.contains(&0) {
                    return Err(hostile(format!("{what} holds something that is named `{}`", bytes.as_bstr().to_string().escape_debug())));
                }
                let path = folder.join(OsStr::from_bytes(bytes));
                let (id, mode) = (entry.object_id(), entry.mode().kind());
                let kind = match mode {
                    EntryKind::Tree => Kind::Folder,
                    EntryKind::Blob | EntryKind::BlobExecutable => Kind::File,
                    EntryKind::Link => Kind::Link,
                    EntryKind::Commit => Kind::Other,
                };
                if kind == Kind::Folder {
                    if depth == DEPTH_MAX {
                        return Err(hostile(format!("there are more than {DEPTH_MAX} folders in one another, at {}", path.display())));
                    }
                    folders.push((path.clone(), id, depth + 1));
                }
                let node = Node { kind, id, executable: mode == EntryKind::BlobExecutable };
                if nodes.insert(path.clone(), node).is_some() {
                    return Err(hostile(format!("{} is in it twice", path.display())));
                }
                if nodes.len() > ENTRIES_MAX {
                    return Err(hostile(format!("it holds more than {ENTRIES_MAX} files and folders")));
                }
            }
        }
        Ok(Self { repository: repository.clone(), name: name.to_owned(), commit: commit.id.to_string(), nodes })
    }

    /// The same commit with only these of its files and folders.
    pub(super) fn of(&self, nodes: BTreeMap<PathBuf, Node>) -> Self {
        Self { repository: self.repository.clone(), name: self.name.clone(), commit: self.commit.clone(), nodes }
    }

    /// Reads the documents in it: of YAML and JSON files, without what is hidden, as [`super::read`] does it of folders.
    ///
    /// # Errors
    /// An object is missing or broken.
    pub fn read(&self) -> Result<Tree, GitError> {
        self.read_beside(None)
    }

    /// The same beside a tree that was read already: what is the same file there is taken from it.
    ///
    /// # Errors
    /// An object is missing or broken.
    pub fn read_beside(&self, other: Option<(&Self, &Tree)>) -> Result<Tree, GitError> {
        let hidden = |path: &Path| path.iter().any(|part| part.as_bytes().starts_with(b"."));
        let wanted: Vec<_> = self.nodes.iter().filter(|(path, node)| node.kind != Kind::Folder && is_read(path) && !hidden(path)).collect();
        let known = other.map(|(snapshot, tree)| Known::of(snapshot, tree));
        let contents = spread::spread(
            &wanted,
            || self.repository.to_thread_local(),
            |repository, (path, node)| {
                let name = path.display().to_string();
                if let Some(documents) = known.as_ref().and_then(|known| known.documents(path, node, &name)) {
                    return Ok((documents, Vec::new()));
                }
                let whole = |message: Said| Ok((Vec::new(), vec![unreadable(&Arc::from(&*name), START, message)]));
                if node.kind != Kind::File {
                    return whole(Said::both(
                        "this is no ordinary file, and nothing is followed out of a repository; put the file itself here",
                        "šis nav parasts fails, un saitēm ārpus repozitorija neviens neseko; ielieciet šeit pašu failu",
                    ));
                }
                let size = size_of(repository, node.id, &name)?;
                if size > FILE_MAX {
                    return whole(too_large(FILE_MAX));
                }
                let bytes = content_of(repository, node.id, &name)?;
                let content = parse_within(&name, 0, &bytes, FILE_MAX);
                let (documents, findings) = if name == access::FILE { without_rules(content, &name, &bytes) } else { content };
                Ok((documents.into_iter().map(Arc::new).collect(), findings))
            },
        );
        collected(contents)
    }

    /// The content of a file; none when there is none of that path, or it is larger than any that is read.
    ///
    /// # Errors
    /// The object is missing or broken.
    pub fn file(&self, path: &Path) -> Result<Option<Vec<u8>>, GitError> {
        let Some(node) = self.nodes.get(path).filter(|node| node.kind == Kind::File) else { return Ok(None) };
        let (repository, name) = (self.repository.to_thread_local(), path.display().to_string());
        if size_of(&repository, node.id, &name)? > FILE_MAX {
            return Ok(None);
        }
        content_of(&repository, node.id, &name).map(Some)
    }
}

/// What was read of another tree.
struct Known<'a> {
    nodes: &'a BTreeMap<PathBuf, Node>,
    documents: HashMap<&'a str, Vec<&'a Arc<Document>>>,
    /// Files about which there was something to say; it is said anew.
    found: HashSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(snapshot: &'a Snapshot, tree: &'a Tree) -> Self {
        let found = tree.findings.iter().map(|finding| &*finding.file).collect();
        let mut documents: HashMap<_, Vec<_>> = HashMap::new();
        for document in &tree.documents {
            documents.entry(&*document.file).or_default().push(document);
        }
        Self { nodes: &snapshot.nodes, documents, found }
    }

    /// What stands in a file, if it is the very same there.
    fn documents(&self, path: &Path, node: &Node, name: &str) -> Option<Vec<Arc<Document>>> {
        let same = self.nodes.get(path) == Some(node) && !self.found.contains(name);
        same.then(|| self.documents.get(name).into_iter().flatten().map(|document| Arc::clone(document)).collect())
    }
}

/// The commit at which two histories part, the newest; none when they have none in common, or as far as a shallow clone tells.
#[must_use]
pub fn fork(repository: &ThreadSafeRepository, one: &str, other: &str) -> Option<String> {
    let local = repository.to_thread_local();
    let (one, other) = (ObjectId::from_hex(one.as_bytes()).ok()?, ObjectId::from_hex(other.as_bytes()).ok()?);
    local.merge_base(one, other).ok().flatten().map(|found| found.to_string())
}

fn broken(what: &str, source: gix::Error) -> GitError {
    GitError::Object { what: what.to_owned(), source: source.into() }
}

fn size_of(repository: &gix::Repository, id: ObjectId, name: &str) -> Result<usize, GitError> {
    let header = repository.find_header(id).map_err(|source| broken(name, source))?;
    Ok(usize::try_from(header.size()).unwrap_or(usize::MAX))
}

fn content_of(repository: &gix::Repository, id: ObjectId, name: &str) -> Result<Vec<u8>, GitError> {
    repository.find_blob(id).map(|mut blob| blob.take_data()).map_err(|source| broken(name, source))
}

impl Folders for Snapshot {
    fn kind(&self, path: &Path) -> Result<Kind, ReadError> {
        if path.as_os_str().is_empty() {
            return Ok(Kind::Folder);
        }
        self.nodes.get(path).map(|node| node.kind).ok_or_else(|| {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            ReadError::Io { path: path.display().to_string(), source }
        })
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.kind(path).is_ok_and(|kind| kind == Kind::Folder)
    }

    fn entries(&self, path: &Path) -> Result<Vec<Entry>, ReadError> {
        // Paths are in the order of their parts, so what is below a folder follows it.
        let below = self.nodes.range(path.to_path_buf()..).skip_while(|(found, _)| *found == path);
        let below = below.take_while(|(found, _)| found.starts_with(path)).filter(|(found, _)| found.parent() == Some(path));
        Ok(below
            .map(|(path, node)| Entry { name: path.file_name().unwrap_or_default().into(), path: path.clone(), kind: node.kind })
            .collect())
    }

    fn content(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let name = || path.display().to_string();
        let found = self.file(path).map_err(|source| ReadError::Io { path: name(), source: std::io::Error::other(source) })?;
        found.ok_or_else(|| ReadError::Io { path: name(), source: std::io::Error::from(std::io::ErrorKind::NotFound) })
    }
}

#[cfg(test)]
mod tests;
