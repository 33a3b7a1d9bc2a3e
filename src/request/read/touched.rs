//! Which files differ between two trees.

use super::folders::Kind;
use super::foreign::Foreign;
use super::git::{Node, Snapshot};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file or folder that a change touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// Where it is.
    pub path: PathBuf,
    /// What it was; none when it is new.
    pub before: Option<Kind>,
    /// What it is; none when it is gone.
    pub after: Option<Kind>,
    /// What stands in it and does not belong there; looked for by whoever asks who may change it.
    pub foreign: Vec<Foreign>,
}

/// Everything but folders that is not the same in both: other content, of another kind, executable or not. What was renamed is
/// gone at one place and new at the other.
#[must_use]
pub fn between(base: &Snapshot, head: &Snapshot) -> Vec<Touched> {
    let file = |node: Option<&Node>| node.filter(|node| node.kind != Kind::Folder).copied();
    let paths: BTreeSet<&Path> = base.nodes.keys().chain(head.nodes.keys()).map(PathBuf::as_path).collect();
    let differs = paths.into_iter().filter_map(|path| {
        let (before, after) = (file(base.nodes.get(path)), file(head.nodes.get(path)));
        (before != after).then(|| Touched {
            path: path.to_path_buf(),
            before: before.map(|node| node.kind),
            after: after.map(|node| node.kind),
            foreign: Vec::new(),
        })
    });
    differs.collect()
}
