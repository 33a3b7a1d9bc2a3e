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
use crate::request::read::{self, Finding, Tree, narrow};
use crate::review::change::{Change, change};
use crate::review::drift::{Drift, Whose, drift};
use anyhow::{Context, Result, bail};
use clap::Args;
use sheet::Side;
use std::collections::BTreeMap;
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

/// Two commits, and where the second left the first.
#[derive(Debug)]
pub struct Sides {
    /// What the change is to be merged into, as it is now: its rules count.
    pub target: Snapshot,
    /// Where it leads.
    pub head: Snapshot,
    /// Where it left the first, if that has gone on since.
    left: Option<Snapshot>,
}

/// Reads two commits, and where the second left the first.
pub fn snapshots(base: &str, head: &str, repo: &Path) -> Result<Sides> {
    let repository = git::open(repo)?;
    let (target, head) = (Snapshot::take(&repository, base)?, Snapshot::take(&repository, head)?);
    // Of a shallow clone nobody knows; then what came since would look as if it were taken back, which is refused, not let in.
    let fork = git::fork(&repository, &target.commit, &head.commit).filter(|fork| *fork != target.commit);
    let mut left = fork.map(|fork| Snapshot::take(&repository, &fork)).transpose()?;
    if let Some(left) = &mut left {
        base.clone_into(&mut left.name);
    }
    Ok(Sides { target, head, left })
}

impl Sides {
    /// Where the change begins: what it did not make itself is not its own.
    #[must_use]
    pub fn base(&self) -> &Snapshot {
        self.left.as_ref().unwrap_or(&self.target)
    }
}

/// Compares two commits, as far as they decide about what differs. What lies in `paths`, such as the platform's objects of
/// another repository, is on both sides.
pub fn compare_snapshots(sides: &Sides, paths: &[PathBuf], layout: Layout) -> Result<(Change, Side, Side)> {
    let shared = shared(paths)?;
    // Without a layout a request may lie anywhere.
    let narrow = if layout == Layout::Off { None } else { narrow::only_in(sides.base(), &sides.head) };
    if let Some(slugs) = narrow {
        let (base, head) = both(&sides.base().narrowed(&slugs), &sides.head.narrowed(&slugs), &shared, layout)?;
        if [&base.tree, &head.tree, &shared].into_iter().all(|tree| narrow::concerns_only(tree, &slugs)) {
            let compared = between(base, head, shared.clone())?;
            // What cannot be decided is no matter of single folders.
            if !compared.0.after.undecided {
                return Ok(compared);
            }
        }
    }
    let (base, head) = both(sides.base(), &sides.head, &shared, layout)?;
    between(base, head, shared)
}

/// Reads two commits, the second beside the first.
fn both(from: &Snapshot, to: &Snapshot, shared: &Tree, layout: Layout) -> Result<(Read, Read)> {
    let mut base = of_snapshot(from, layout, None)?;
    // Before the other takes from it: what is in both is to be one and the same.
    base.tree.raise(shared.above());
    let head = of_snapshot(to, layout, Some((from, &base.tree)))?;
    Ok((base, head))
}

/// Reads both sides, commits or folders, and compares them; with what a cluster holds also that with the first, as it is now and
/// whatever it is that changes.
pub fn compare(
    base: &str,
    head: &str,
    repo: &Path,
    paths: &[PathBuf],
    layout: Layout,
    live: Option<&Tree>,
) -> Result<(Change, Side, Side)> {
    if !is_path(base) && !is_path(head) {
        match snapshots(base, head, repo) {
            Ok(sides) => {
                let mut compared = compare_snapshots(&sides, paths, layout)?;
                if let Some(live) = live {
                    compared.0.drift = Some(beside(&shared(paths)?.under(sides.target.read()?), live)?);
                }
                return Ok(compared);
            }
            // A folder of such a name is meant, unless there is none.
            Err(error) if !Path::new(base).is_dir() && !Path::new(head).is_dir() => return Err(error),
            Err(_) => {}
        }
    }
    let (base, head, shared) = (side(base, repo, layout)?, side(head, repo, layout)?, shared(paths)?);
    let drift = live.map(|live| beside(&shared.clone().under(base.tree.clone()), live)).transpose()?;
    let mut compared = between(base, head, shared)?;
    compared.0.drift = drift;
    Ok(compared)
}

/// What a cluster has otherwise than these files.
fn beside(files: &Tree, live: &Tree) -> Result<BTreeMap<Whose, Drift>> {
    // Of half of what a cluster holds it would seem as if the rest were missing there.
    if let Some(Finding { file, line, message, .. }) = live.findings.first() {
        bail!("{file}:{line}: {message}");
    }
    Ok(drift(files, live, &Definitions::compile()?))
}

/// What is on both sides.
fn shared(paths: &[PathBuf]) -> Result<Tree> {
    Ok(if paths.is_empty() { Tree::default() } else { read::read(paths)? })
}

fn between(base: Read, head: Read, shared: Tree) -> Result<(Change, Side, Side)> {
    let definitions = Definitions::compile()?;
    let (before, after) = (shared.clone().under(base.tree), shared.under(head.tree));
    Ok((change(&before, &after, &definitions), base.side, head.side))
}

/// Whether a side is written as a path, so that no commit is meant.
fn is_path(name: &str) -> bool {
    name.starts_with(['.', '/'])
}

/// A side as it was named: a folder if it is written as a path, a commit if there is one, else a folder.
fn side(name: &str, repo: &Path, layout: Layout) -> Result<Read> {
    let folder = Path::new(name);
    if is_path(name) {
        return folder_side(name, folder, layout);
    }
    match git::open(repo).and_then(|repository| Snapshot::take(&repository, name)) {
        Ok(snapshot) => of_snapshot(&snapshot, layout, None),
        Err(git::GitError::NoCommit { .. } | git::GitError::NoRepository { .. }) if folder.is_dir() => folder_side(name, folder, layout),
        Err(error) => Err(error.into()),
    }
}

fn of_snapshot(snapshot: &Snapshot, layout: Layout, beside: Option<(&Snapshot, &Tree)>) -> Result<Read> {
    let mut tree = snapshot.read_beside(beside)?;
    let misplaced = layout::check(snapshot, &[PathBuf::new()], layout, &tree)?;
    tree.findings.extend(misplaced);
    Ok(Read { side: Side { name: snapshot.name.clone(), commit: Some(snapshot.commit.clone()) }, tree })
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

#[cfg(test)]
mod tests;
