//! `kopnams plan --base … --head …`: what a pull request comes to.

pub mod markdown;
pub mod risk;
pub mod sheet;
pub mod text;
pub mod words;

use crate::request::check::Definitions;
use crate::request::read::folders::Disk;
use crate::request::read::git::{self, Snapshot};
use crate::request::read::layout::{self, Layout};
use crate::request::read::{self, Tree};
use crate::review::change::{Change, change};
use anyhow::{Context, Result, bail};
use clap::Args;
use sheet::Side;
use std::path::{Path, PathBuf};

/// The two sides that are compared.
#[derive(Debug, Args)]
pub struct Between {
    /// Where the change begins: a commit, branch or tag of the repository, or a folder, as ./before.
    #[arg(long, value_name = "REF|DIR", requires = "head")]
    pub base: Option<String>,
    /// Where it leads.
    #[arg(long, value_name = "REF|DIR", requires = "base")]
    pub head: Option<String>,
    /// The repository, bare or not, or a folder in it.
    #[arg(long, value_name = "DIR", default_value = ".", requires = "base")]
    pub repo: PathBuf,
}

/// One side, read.
struct Read {
    side: Side,
    tree: Tree,
}

/// Reads both sides and compares them. What lies in `paths`, such as the platform's objects of another repository, is on both.
pub fn compare(base: &str, head: &str, repo: &Path, paths: &[PathBuf], layout: Layout) -> Result<(Change, Side, Side)> {
    let definitions = Definitions::compile()?;
    let shared = if paths.is_empty() { Tree::default() } else { read::read(paths)? };
    let sides = [base, head].map(|name| side(name, repo, layout));
    let [base, head] = sides;
    let (base, head) = (base?, head?);
    let change = change(&joined(&shared, base.tree), &joined(&shared, head.tree), &definitions);
    Ok((change, base.side, head.side))
}

/// A side as it was named: a folder if it is written as a path, a commit if there is one, else a folder.
fn side(name: &str, repo: &Path, layout: Layout) -> Result<Read> {
    let folder = Path::new(name);
    if name.starts_with(['.', '/']) {
        return folder_side(name, folder, layout);
    }
    let taken = git::open(repo).and_then(|repository| Snapshot::take(&repository, name));
    match taken {
        Ok(snapshot) => {
            let mut tree = snapshot.read()?;
            let misplaced = layout::check(&snapshot, &[PathBuf::new()], layout, &tree)?;
            tree.findings.extend(misplaced);
            Ok(Read { side: Side { name: name.to_owned(), commit: Some(snapshot.commit) }, tree })
        }
        Err(git::GitError::NoCommit { .. } | git::GitError::NoRepository { .. }) if folder.is_dir() => folder_side(name, folder, layout),
        Err(error) => Err(error.into()),
    }
}

fn folder_side(name: &str, folder: &Path, layout: Layout) -> Result<Read> {
    if !folder.is_dir() {
        bail!("{name} is no folder; name a folder, or a commit of the repository without a dot before it");
    }
    let paths = [folder.to_path_buf()];
    let mut tree = read::read(&paths).with_context(|| format!("cannot read {name}"))?;
    let misplaced = layout::check(&Disk, &paths, layout, &tree)?;
    tree.findings.extend(misplaced);
    // As they are named within it, or the same finding in both would be two.
    tree.rename(|file| Path::new(file).strip_prefix(folder).map_or_else(|_| file.to_owned(), |path| path.display().to_string()));
    Ok(Read { side: Side { name: name.to_owned(), commit: None }, tree })
}

/// What both sides share, and over it what is of one.
fn joined(shared: &Tree, own: Tree) -> Tree {
    let mut tree = shared.clone();
    let layer = shared.documents.iter().map(|document| document.layer + 1).max().unwrap_or(0);
    tree.files += own.files;
    tree.findings.extend(own.findings);
    tree.documents.extend(own.documents.into_iter().map(|document| read::Document { layer, ..document }));
    tree
}
