//! Backs one part up: all of it, or it has failed.

use super::super::set::Part;
use super::super::work::{Class, Facts, Report};
use super::failure::{Failure, Outcome};
use super::restic::Call;
use super::sets::{Snapshot, is_id, is_plain, tags};
use super::{Runner, compare, say, timed};
use std::path::{Path, PathBuf};

/// The file with the set's random text beside a dump.
pub const SENTINEL_FILE: &str = "sentinel";
/// The file with the rows of each table beside a dump.
pub const FACTS_FILE: &str = "facts";
/// Stands for a folder with nothing in it: restic makes no snapshot of nothing.
pub const EMPTY: &str = ".kopnams-empty";
/// How many sets before are needed to say what is usual.
const ENOUGH: usize = 3;

/// What is backed up.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    pub(crate) part: &'a Part,
    pub(crate) path: &'a Path,
    pub(crate) exclude: &'a [String],
    pub(crate) may_be_empty: bool,
    pub(crate) before: &'a [u64],
    pub(crate) facts: bool,
}

/// What a snapshot holds.
#[derive(Debug)]
pub(crate) struct Backed {
    pub(crate) snapshot: String,
    pub(crate) tree: String,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) added: u64,
}

impl Runner {
    /// Backs a part up.
    pub(crate) fn back_up(&self, report: &mut Report, order: &Order<'_>) -> Outcome<()> {
        if matches!(order.part, Part::Manifest | Part::Configuration) {
            return Err(Failure::order(format!("The part {} is made by the commit.", order.part)));
        }
        if !is_plain(order.part) {
            return Err(Failure::order(format!("`{}` is no name of a part; letters, digits, `-`, `.` and `_` are allowed.", order.part)));
        }
        let facts = if order.facts { Some(facts(order.path)?) } else { None };
        let backed = timed(report, "backup", || self.snapshot(order.path, order.part, order.exclude, &self.snapshots()?))?;
        report.snapshot = Some(backed.snapshot);
        (report.files, report.bytes, report.added) = (backed.files, backed.bytes, backed.added);
        report.digest = backed.tree;
        report.facts = facts;
        suspicious(order, backed.files, backed.bytes)?;
        report.message = format!("{} files with {} bytes are in the repository.", report.files, report.bytes);
        Ok(())
    }

    /// Makes a snapshot of what is in a folder. Its paths begin in the folder: `restic restore` puts them where it is told to.
    pub(crate) fn snapshot(&self, path: &Path, part: &Part, exclude: &[String], before: &[Snapshot]) -> Outcome<Backed> {
        let failed = |error| Failure::local(&format!("Reading the folder {}", path.display()), &error);
        // Patterns are compared with the real path.
        let real = path.canonicalize().map_err(failed)?;
        let mut skipped: Vec<PathBuf> = vec![real.join("lost+found")];
        skipped.extend(exclude.iter().map(|path| real.join(path.trim_start_matches('/'))));
        let entries: Vec<_> = std::fs::read_dir(&real).and_then(Iterator::collect::<Result<_, _>>).map_err(failed)?;
        let stand_in = if entries.iter().all(|entry: &std::fs::DirEntry| skipped.contains(&entry.path())) {
            let folder = self.restic.passing("empty")?;
            std::fs::create_dir_all(folder.folder().join(EMPTY)).map_err(failed)?;
            Some(folder)
        } else {
            None
        };
        let folder = stand_in.as_ref().map_or(real.as_path(), super::restic::Passing::folder);
        let mut args = vec!["backup".to_owned(), format!("--host={}", self.restic.tenant())];
        args.extend(tags(&self.work.run, part));
        args.extend(skipped.iter().map(|path| format!("--exclude={}", path.display())));
        args.push(parent(part, before));
        args.push(".".to_owned());
        let said = self.restic.run(&Call::new(args).inside(folder))?;
        let summary = said.message("summary").unwrap_or_default();
        let number = |name: &str| summary[name].as_u64();
        let snapshot = summary["snapshot_id"].as_str().unwrap_or_default().to_owned();
        let (Some(files), Some(bytes), true) = (number("total_files_processed"), number("total_bytes_processed"), is_id(&snapshot)) else {
            return Err(Failure::new(Class::Other, "restic ended well and did not say what it has done."));
        };
        // Its tree is not in the summary; read back, it also proves that the snapshot can be found.
        let found = self.snapshots()?.into_iter().find(|found| found.id == snapshot);
        let found = found.ok_or_else(|| Failure::new(Class::Missing, "The snapshot that was just made is not in the repository."))?;
        if !found.is_part(part) || found.tag("run") != Some(&self.work.run) {
            return Err(Failure::new(Class::Damaged, "The snapshot that was just made has other tags than it was given."));
        }
        let added = number("data_added_packed").or_else(|| number("data_added")).unwrap_or_default();
        say(&format!("{part}: {files} files, {bytes} bytes, {added} bytes new, snapshot {snapshot}"));
        Ok(Backed { snapshot, tree: found.tree, files, bytes, added })
    }
}

/// The last snapshot of the same part, of which unchanged files need not be read again. restic's own choice goes by path
/// alone, and every part may have the same.
fn parent(part: &Part, before: &[Snapshot]) -> String {
    let last = before.iter().rfind(|snapshot| snapshot.is_part(part) && snapshot.time <= jiff::Timestamp::now());
    last.map_or_else(|| "--force".to_owned(), |last| format!("--parent={}", last.id))
}

/// What a dump says of itself, in the files beside it.
fn facts(path: &Path) -> Outcome<Facts> {
    let not_whole = |name: &str, why: &str| Failure::new(Class::Database, format!("The dump is not whole: its file `{name}` {why}."));
    let sentinel =
        std::fs::read_to_string(path.join(SENTINEL_FILE)).map_err(|error| not_whole(SENTINEL_FILE, &format!("cannot be read, {error}")))?;
    if sentinel.trim().is_empty() {
        return Err(not_whole(SENTINEL_FILE, "is empty"));
    }
    let text =
        std::fs::read_to_string(path.join(FACTS_FILE)).map_err(|error| not_whole(FACTS_FILE, &format!("cannot be read, {error}")))?;
    compare::facts(&text).map_err(|why| not_whole(FACTS_FILE, &why))
}

/// Nothing where something was, or far less.
fn suspicious(order: &Order<'_>, files: u64, bytes: u64) -> Outcome<()> {
    let part = order.part;
    if files == 0 && !order.may_be_empty {
        let message = format!("There are no files in {part}. If that is right, say in the request that it may be empty.");
        return Err(Failure::new(Class::Suspicious, message));
    }
    let mut before = order.before.to_vec();
    before.sort_unstable();
    let Some(&median) = before.get(before.len() / 2).filter(|_| before.len() >= ENOUGH) else { return Ok(()) };
    if bytes < median.div_ceil(2) {
        let message = format!("{part} has {bytes} bytes, less than half of the {median} bytes that are usual.");
        return Err(Failure::new(Class::Suspicious, message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_what_is_usual_is_the_limit() {
        let part = Part::Volume("data".into());
        let judge = |files, bytes, may_be_empty, before: &[u64]| {
            let order = Order { part: &part, path: Path::new("/"), exclude: &[], may_be_empty, before, facts: false };
            suspicious(&order, files, bytes).map_err(|failure| failure.class)
        };
        assert_eq!(judge(0, 0, false, &[]), Err(Class::Suspicious));
        assert_eq!(judge(0, 0, true, &[]), Ok(()));
        assert_eq!(judge(0, 0, true, &[100, 100, 100]), Err(Class::Suspicious), "it may be empty, and was not");
        assert_eq!(judge(1, 49, false, &[1, 100, 1000]), Err(Class::Suspicious));
        assert_eq!(judge(1, 50, false, &[1000, 1, 100]), Ok(()), "the median, in whatever order");
        assert_eq!(judge(1, 1, false, &[100, 100]), Ok(()), "two are not enough to say what is usual");
    }
}
