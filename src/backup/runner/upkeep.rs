//! Looking through a repository, forgetting what is named, and listing what is committed.

use super::super::set::Part;
use super::super::work::{Class, Report};
use super::commit::complete;
use super::failure::{Failure, Outcome};
use super::restic::Call;
use super::sets::{Snapshot, is_id};
use super::{Runner, say, timed};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::path::Path;

/// How far the clock of a node may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// How long the parts of a run are kept that never made a set: longer than any run takes.
const LEFT_FOR: SignedDuration = SignedDuration::from_hours(48);

/// Snapshots of runs that made no set and never will. Whatever has a manifest is a set, also one that nobody knows any more;
/// what is dated in the future, or does not say whose it is, counts for nothing and stays.
fn left_behind(all: &[Snapshot], known: &[String], now: Timestamp) -> Vec<String> {
    let ours = |snapshot: &&Snapshot| snapshot.tag("run").is_some_and(|run| !known.iter().any(|known| known == run));
    let of_run = |run: &str| {
        all.iter().filter(move |snapshot| snapshot.tags.iter().any(|tag| tag.strip_prefix("run=") == Some(run))).collect::<Vec<_>>()
    };
    let over = |snapshot: &&Snapshot| {
        let of_run = of_run(snapshot.tag("run").unwrap_or_default());
        let manifest = Part::Manifest.to_string();
        let a_set = of_run.iter().any(|of| of.tags.iter().any(|tag| tag.strip_prefix("part=") == Some(&manifest)));
        !a_set && of_run.iter().all(|of| of.time < now && now.duration_since(of.time) > LEFT_FOR)
    };
    all.iter().filter(ours).filter(over).map(|snapshot| snapshot.id.clone()).collect()
}

impl Runner {
    /// Looks through the repository; with a share, reads that share of the data too.
    pub(crate) fn check(&self, report: &mut Report, read: Option<(u32, u32)>) -> Outcome<()> {
        let mut args = vec!["check".to_owned()];
        if let Some((share, of)) = read {
            if share == 0 || share > of {
                return Err(Failure::order(format!("There is no part {share} of {of}; count from 1.")));
            }
            args.push(format!("--read-data-subset={share}/{of}"));
        }
        timed(report, "check", || self.restic.run(&Call::new(args)))?;
        report.message = match read {
            None => "The repository is whole as far as its lists tell; its data was not read.".to_owned(),
            Some((share, of)) => {
                format!("The repository is whole, and part {share} of {of} of its data was read and is as it was written.")
            }
        };
        Ok(())
    }

    /// Deletes everything in a folder and keeps the folder.
    pub(crate) fn clear(report: &mut Report, folder: &Path) -> Outcome<()> {
        let failed = |error| Failure::local(&format!("Clearing the folder {}", folder.display()), &error);
        timed(report, "clear", || {
            for entry in fs::read_dir(folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                // What a file system makes itself belongs to nobody else.
                if entry.file_name() == "lost+found" {
                    continue;
                }
                let is_folder = entry.file_type().map_err(failed)?.is_dir();
                if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) }.map_err(failed)?;
            }
            Ok(())
        })?;
        "The folder is empty.".clone_into(&mut report.message);
        Ok(())
    }

    /// Forgets these snapshots and what runs left behind that made no set, and gives their room back if asked.
    pub(crate) fn forget(&self, report: &mut Report, snapshots: &[String], prune: bool, known: Option<&[String]>) -> Outcome<()> {
        if let Some(wrong) = snapshots.iter().find(|id| !is_id(id)) {
            return Err(Failure::order(format!("`{wrong}` is not the whole id of a snapshot; nothing was forgotten.")));
        }
        if snapshots.is_empty() && !prune && known.is_none() {
            return Err(Failure::order("There is nothing to forget and nothing to prune."));
        }
        // Done again, some are gone already; restic would say no more than that.
        let all = self.snapshots()?;
        let left_behind = known.map(|known| left_behind(&all, known, Timestamp::now())).unwrap_or_default();
        let named = snapshots.iter().filter(|id| all.iter().any(|snapshot| &&snapshot.id == id));
        let there: Vec<&String> = named.chain(left_behind.iter().filter(|id| !snapshots.contains(id))).collect();
        if !there.is_empty() {
            let args = ["forget".to_owned()].into_iter().chain(there.iter().map(|&id| id.clone()));
            timed(report, "forget", || self.restic.run(&Call::new(args)))?;
            let left = self.snapshots()?;
            if there.iter().any(|id| left.iter().any(|snapshot| &snapshot.id == *id)) {
                return Err(Failure::new(Class::Refused, "Snapshots are still there after they were forgotten."));
            }
        }
        if prune {
            timed(report, "prune", || self.restic.run(&Call::new(["prune"])))?;
        }
        let pruned = if prune { " and the repository is pruned" } else { "" };
        report.message =
            format!("{} snapshots are forgotten, {} of them of runs that made no set{pruned}.", there.len(), left_behind.len());
        Ok(())
    }

    /// Lists the sets that are committed and whole. What cannot be read, lacks a part or is dated in the future is none.
    pub(crate) fn list(&self, report: &mut Report) -> Outcome<()> {
        let all = timed(report, "snapshots", || self.snapshots())?;
        let latest = Timestamp::now().checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        let manifests = all.iter().filter(|snapshot| snapshot.is_part(&Part::Manifest));
        let (mut sets, mut passed) = (Vec::new(), 0_u64);
        for snapshot in manifests {
            let read = if snapshot.time > latest {
                Err(Failure::new(Class::Damaged, "It is dated in the future."))
            } else {
                self.manifest(&snapshot.id, &all).and_then(|manifest| complete(&manifest, &all).map(|()| manifest))
            };
            match read {
                Ok(manifest) => sets.push((snapshot.id.clone(), manifest.set, snapshot.time.to_string())),
                // The repository itself does not answer: that is no list.
                Err(failure) if !matches!(failure.class, Class::Damaged | Class::Missing | Class::Other) => return Err(failure),
                Err(failure) => {
                    passed += 1;
                    say(&format!("not a set: {}: {}", snapshot.id, failure.message));
                }
            }
        }
        report.message = format!("{} sets are whole, and {passed} manifests are of no whole set.", sets.len());
        report.sets = sets;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_parts_of_runs_without_a_manifest_are_left_behind() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        let snapshot = |id: &str, hours: i64, tags: &[&str]| Snapshot {
            id: id.into(),
            time: now - SignedDuration::from_hours(hours),
            tree: String::new(),
            tags: tags.iter().map(|tag| (*tag).to_string()).collect(),
        };
        let all = [
            snapshot("old", 49, &["run=failed", "part=volume:data"]),
            snapshot("young", 47, &["run=going", "part=volume:data"]),
            snapshot("half", 60, &["run=long", "part=volume:data"]),
            snapshot("rest", 2, &["run=long", "part=volume:more"]),
            snapshot("known", 99, &["run=known", "part=volume:data"]),
            snapshot("set", 99, &["run=lost", "part=volume:data"]),
            snapshot("list", 99, &["run=lost", "part=manifest", "set=lost"]),
            snapshot("foreign", 99, &["something"]),
            snapshot("two", 99, &["run=a", "run=b", "part=volume:data"]),
            snapshot("future", -1, &["run=early", "part=volume:data"]),
        ];
        assert_eq!(left_behind(&all, &["known".to_string()], now), ["old"]);
        assert_eq!(left_behind(&all, &["known".to_string(), "failed".to_string()], now), Vec::<String>::new());
    }
}
