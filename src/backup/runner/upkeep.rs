//! Looking through a repository, forgetting what is named, and listing what is committed.

use super::super::set::Part;
use super::super::work::{Class, Holds, Report};
use super::commit::complete;
use super::failure::{Failure, Outcome};
use super::objects::{Kind, Place};
use super::restic::Call;
use super::sets::{Snapshot, is_id};
use super::{Runner, say, timed};
use jiff::{SignedDuration, Timestamp};
use std::fs;
use std::path::Path;

/// Sets that are named in a message at most.
const NAMED: usize = 5;
/// How far the clock of a node may be ahead.
pub(crate) const AHEAD: SignedDuration = SignedDuration::from_mins(10);

/// What is forgotten, and what has to stay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) snapshots: &'a [String],
    pub(crate) prune: bool,
    pub(crate) known: Option<&'a [String]>,
    pub(crate) holds: &'a Holds,
    pub(crate) lost: &'a [String],
    pub(crate) deleted_days: Option<u32>,
}

impl Runner {
    /// Looks through the repository, and whether it holds these sets; with a share, reads that share of the data too.
    pub(crate) fn check(&self, report: &mut Report, read: Option<(u32, u32)>, holds: &Holds) -> Outcome<()> {
        let mut args = vec!["check".to_owned()];
        if let Some((share, of)) = read {
            if share == 0 || share > of {
                return Err(Failure::order(format!("There is no part {share} of {of}; count from 1.")));
            }
            args.push(format!("--read-data-subset={share}/{of}"));
        }
        timed(report, "check", || self.restic.run(&Call::new(args)))?;
        // To restic a repository without a snapshot is as whole as one with it.
        if !holds.is_empty() {
            let all = self.snapshots()?;
            self.holding(report, holds, &[], &all)?;
        }
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

    /// Forgets exactly these snapshots, then what runs left that are not known and never came to a set, and gives their room
    /// back if asked. Nothing at all if the repository lacks what has to stay.
    pub(crate) fn forget(&self, report: &mut Report, order: &Order<'_>) -> Outcome<()> {
        let Order { snapshots, prune, known, holds, lost, deleted_days } = *order;
        if let Some(wrong) = snapshots.iter().find(|id| !is_id(id)) {
            return Err(Failure::order(format!("`{wrong}` is not the whole id of a snapshot; nothing was forgotten.")));
        }
        if snapshots.is_empty() && !prune && known.is_none() {
            return Err(Failure::order("There is nothing to forget and nothing to prune."));
        }
        // What somebody deleted is only hidden in a bucket with versions, until it is pruned and tidied.
        let all = self.snapshots()?;
        let left = self.holding(report, holds, lost, &all)?;
        // Done again, some are gone already; restic would say no more than that.
        let goes = |id: &str| snapshots.iter().chain(&left).any(|gone| gone == id);
        let there: Vec<&str> = all.iter().map(|found| found.id.as_str()).filter(|id| goes(id)).collect();
        timed(report, "forget", || self.forget_all(&there))?;
        report.message = format!("{} snapshots are forgotten.", there.len());
        if !report.lacks.is_empty() {
            let lost = format!(" {} sets are lost.", report.lacks.len());
            report.message.push_str(&lost);
        }
        if let Some(known) = known {
            let orphans = timed(report, "orphans", || self.orphans(known, Timestamp::now()))?;
            timed(report, "forget orphans", || self.forget_all(&orphans.ids()))?;
            report.message.push_str(&orphans.told());
        }
        if prune {
            // First: what somebody has written over must not be pruned away.
            if let Some(days) = deleted_days {
                let place = Place::new(&self.work.repository, self.restic.credentials())?;
                let tidied = place.tidy(report, days, Timestamp::now())?;
                report.message.push_str(&tidied);
            }
            timed(report, "prune", || self.restic.run(&Call::new(["prune"])))?;
            report.message.push_str(" The repository is pruned.");
        }
        Ok(())
    }

    /// Whether all sets are there that have to be, with each of their snapshots; but for those that are lost, of which the ids
    /// are given that are left.
    ///
    /// What is there is told by the names of the objects: restic, which has listed `all`, passes over what it cannot read, as if
    /// it were not there.
    ///
    /// # Errors
    /// [`Class::Suspicious`] if some are not there: nobody but retention lets any go, and those have not to be there.
    /// [`Class::Damaged`] if some are there and cannot be read.
    fn holding(&self, report: &mut Report, holds: &Holds, lost: &[String], all: &[Snapshot]) -> Outcome<Vec<String>> {
        if holds.is_empty() {
            return Ok(Vec::new());
        }
        let place = Place::new(&self.work.repository, self.restic.credentials())?;
        let named = timed(report, "snapshots", || place.names(Kind::Snapshots))?;
        let lacks = lacking(holds, |id| named.contains(id));
        // Without the tenant's id, so that more of them fit.
        report.lacks = lacks.iter().map(|set| set.strip_prefix(&*self.work.tenant).unwrap_or(set).to_owned()).collect();
        if lacks.iter().any(|set| !lost.iter().any(|known| known == set)) {
            return Err(missing(&lacks, holds.len()));
        }
        let readable = |id: &str| all.iter().any(|found| found.id == id);
        let spoilt = lacking(holds, |id| !named.contains(id) || readable(id));
        if !spoilt.is_empty() {
            let message = format!(
                "Snapshots of {} of the {} sets that the repository has to hold are in it and cannot be read, as if somebody had written something else over them: {}.",
                spoilt.len(),
                holds.len(),
                listed(&spoilt)
            );
            return Err(Failure::new(Class::Damaged, message));
        }
        let of_lost = holds.iter().filter(|(set, _)| lacks.contains(&set.as_str())).flat_map(|(_, snapshots)| snapshots);
        Ok(of_lost.filter(|id| named.contains(*id)).cloned().collect())
    }

    /// Forgets these snapshots, and sees that they are gone.
    fn forget_all(&self, ids: &[&str]) -> Outcome<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.restic.run(&Call::new(["forget"].into_iter().chain(ids.iter().copied())))?;
        let left = self.snapshots()?;
        if left.iter().any(|snapshot| ids.contains(&snapshot.id.as_str())) {
            return Err(Failure::new(Class::Refused, "Snapshots are still there after they were forgotten."));
        }
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
                Err(failure) if !is_of_the_manifest(failure.class) => return Err(failure),
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

/// The sets of which some snapshot fails this.
pub(crate) fn lacking(holds: &Holds, fine: impl Fn(&str) -> bool) -> Vec<&str> {
    let lacking = holds.iter().filter(|(_, snapshots)| !snapshots.iter().all(|id| fine(id)));
    lacking.map(|(set, _)| set.as_str()).collect()
}

/// That sets are missing.
pub(crate) fn missing(lacks: &[&str], of: usize) -> Failure {
    let many = lacks.len();
    let message = format!("Snapshots of {many} of the {of} sets that the repository has to hold are not in it: {}.", listed(lacks));
    Failure::new(Class::Suspicious, message)
}

/// The first of them, and how many more there are.
fn listed(sets: &[&str]) -> String {
    let more = sets.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", sets.iter().take(NAMED).copied().collect::<Vec<_>>().join(", "))
}

/// Whether reading one manifest can fail so while the repository itself answers.
pub(crate) fn is_of_the_manifest(class: Class) -> bool {
    matches!(class, Class::Damaged | Class::Missing | Class::Other)
}
