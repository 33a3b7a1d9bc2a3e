//! Which part of a repository decides about a change.
//!
//! A request is decided by the platform's objects and by what else its municipality has: the allotment is the municipality's
//! own, a host name is claimed in zones that are nobody else's, and the layout keeps each municipality's requests in its folder.
//! So a change inside of such folders is judged by them and by what lies outside of all of them, however many there are.
//!
//! That holds where each folder keeps to the layout, which is checked of whatever is changed. What lies wrong in a folder that
//! a change does not touch is not seen by its plan, only by `kopnams validate` of everything, and by the cluster.

use super::Tree;
use super::folders::Kind;
use super::git::Snapshot;
use super::layout::FOLDER;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The folder of a municipality in which a path lies.
fn municipality(path: &Path) -> Option<&OsStr> {
    let mut parts = path.iter();
    let (first, slug) = (parts.next()?, parts.next()?);
    parts.next()?;
    (first == FOLDER).then_some(slug)
}

/// The folders of municipalities in which everything lies that differs; none if something differs elsewhere, too.
#[must_use]
pub fn only_in(base: &Snapshot, head: &Snapshot) -> Option<BTreeSet<OsString>> {
    let mut slugs = BTreeSet::new();
    for (one, other) in [(base, head), (head, base)] {
        for (path, node) in &one.nodes {
            match other.nodes.get(path) {
                Some(same) if same == node => {}
                // A folder differs with what is in it.
                Some(folder) if folder.kind == Kind::Folder && node.kind == Kind::Folder => {}
                _ => {
                    // A municipality's first request brings its folder, and its last one takes it along.
                    let own = if node.kind == Kind::Folder { path.join("_") } else { path.clone() };
                    slugs.insert(municipality(&own)?.to_owned());
                }
            }
        }
    }
    Some(slugs)
}

/// Whether everything that was read concerns these municipalities alone, but for what lies outside of the folders: no request of
/// another one, wherever it lies, and nothing else in a folder.
#[must_use]
pub fn concerns_only(tree: &Tree, slugs: &BTreeSet<OsString>) -> bool {
    tree.documents.iter().all(|document| match (document.kind(), municipality(Path::new(&*document.file))) {
        ("MunicipalityApp", _) => slugs.contains(OsStr::new(document.namespace())),
        (_, inside) => inside.is_none(),
    })
}

impl Snapshot {
    /// The same without what is in the folders of other municipalities.
    #[must_use]
    pub fn narrowed(&self, slugs: &BTreeSet<OsString>) -> Self {
        let decides = |path: &Path| municipality(path).is_none_or(|slug| slugs.contains(slug));
        self.of(self.nodes.iter().filter(|(path, _)| decides(path)).map(|(path, node)| (path.clone(), *node)).collect())
    }
}
