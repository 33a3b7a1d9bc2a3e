//! Restores parts of a set, and compares what was written with what the manifest says.
//!
//! Three things must agree: restic reads every file back (`--verify`), the folder holds exactly the names, sizes and modes
//! of the snapshot, and the snapshot is the one of the manifest with as many files and bytes as it lists.

use super::super::set::{Manifest, Part, PartRecord};
use super::super::work::{Class, Report};
use super::failure::{Failure, Outcome};
use super::lanes::{self, Job, held};
use super::part::{EMPTY, SENTINEL_FILE};
use super::restic::Call;
use super::sets::{Snapshot, snapshot_of};
use super::{Runner, clocked, say, timed, tree};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Up to how many bytes a part is restored beside another one: two large ones would want twice the memory.
const SMALL: u64 = 64 << 20;

impl Runner {
    /// Restores parts of a set and compares them with the manifest.
    pub(crate) fn restore(
        &self,
        report: &mut Report,
        manifest: &str,
        parts: &[(Part, PathBuf)],
        into: Option<&Path>,
        replace: bool,
    ) -> Outcome<()> {
        let (manifest, all) = timed(report, "manifest", || self.manifest_and_snapshots(manifest))?;
        let wanted = wanted(&manifest, parts, into)?;
        // All of it before anything is written: a part that is missing leaves the folders as they were.
        let mut found = Vec::new();
        for (record, folder) in wanted {
            found.push((record, snapshot_of(record, &manifest.set, &all)?, folder));
        }
        for (record, _, folder) in &found {
            prepare(&record.part, folder, replace)?;
        }
        let (lists, phases) = self.fetched_and_listed(&found, replace);
        report.phases.extend(phases);
        let mut evidence = Sha256::new();
        for ((record, _, folder), held) in found.iter().zip(lists?) {
            let part = record.part.to_string();
            timed(report, &format!("compare {part}"), || {
                as_held(record, &held, folder)?;
                own(record, &manifest, folder)
            })?;
            tree::hash(&mut evidence, &part, &held);
            let (files, bytes) = tree::sums(&held);
            report.files += files;
            report.bytes += bytes;
            say(&format!("{part}: {files} files with {bytes} bytes are as in the set"));
        }
        report.evidence = hex::encode(evidence.finalize());
        report.message = format!("{} files with {} bytes are restored and as in the set {}.", report.files, report.bytes, manifest.set);
        Ok(())
    }

    /// Restores all parts, and lists meanwhile what each of them holds. The lists, in the order of the parts, and how long each
    /// phase took.
    fn fetched_and_listed(
        &self,
        found: &[(&PartRecord, &Snapshot, PathBuf)],
        replace: bool,
    ) -> (Outcome<Vec<tree::Tree>>, Vec<(String, u64)>) {
        let phases = Mutex::new(Vec::new());
        let note = |phase: String, act: &dyn Fn() -> Outcome<()>| {
            let (done, took) = clocked(&phase, act);
            held(&phases).push(took);
            done
        };
        let lists: Vec<Mutex<tree::Tree>> = found.iter().map(|_| Mutex::default()).collect();
        let (mut long, mut short): (Vec<Job<'_>>, Vec<Job<'_>>) = (Vec::new(), Vec::new());
        for ((record, snapshot, _), list) in found.iter().zip(&lists) {
            short.push(Box::new(|| {
                note(format!("list {}", record.part), &|| {
                    *held(list) = self.listed(record, snapshot)?;
                    Ok(())
                })
            }));
        }
        for (record, snapshot, folder) in found {
            let lane = if record.bytes > SMALL { &mut long } else { &mut short };
            lane.push(Box::new(|| note(format!("fetch {}", record.part), &|| self.fetch(snapshot, folder, replace))));
        }
        let done = lanes::side_by_side(long, short);
        let taken = |list: Mutex<tree::Tree>| list.into_inner().unwrap_or_else(PoisonError::into_inner);
        (done.map(|()| lists.into_iter().map(taken).collect()), phases.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn fetch(&self, snapshot: &Snapshot, folder: &Path, replace: bool) -> Outcome<()> {
        let mut args = vec!["restore".to_owned(), snapshot.id.clone(), "--verify".to_owned()];
        args.push(format!("--target={}", folder.display()));
        // What file systems make themselves is not deleted either.
        args.extend(["--exclude=/lost+found".to_owned(), format!("--exclude=/{EMPTY}")]);
        if replace {
            args.push("--delete".to_owned());
        }
        self.restic.run(&Call::new(args)).map(drop).map_err(|failure| match failure.class {
            Class::Other => Failure::new(Class::Other, format!("The part could not be written whole. {}", failure.message)),
            _ => failure,
        })
    }

    /// What the snapshot holds, if it is as much as the manifest says.
    fn listed(&self, record: &PartRecord, snapshot: &Snapshot) -> Outcome<tree::Tree> {
        let said = self.restic.read(["ls", &snapshot.id])?;
        let held = tree::listed(said.lines.iter().map(String::as_str), owners())?;
        if tree::sums(&held) == (record.files, record.bytes) {
            return Ok(held);
        }
        let message = format!("The part {} holds another number of files or bytes than the manifest says.", record.part);
        Err(Failure::new(Class::Damaged, message))
    }
}

/// Only root can give files to others, so only then are owners compared.
fn owners() -> bool {
    rustix::process::geteuid().is_root()
}

/// The folder holds what the snapshot does.
fn as_held(record: &PartRecord, held: &tree::Tree, folder: &Path) -> Outcome<()> {
    let found = tree::found(folder, owners()).map_err(|error| Failure::local("Reading what was restored", &error))?;
    let Some(difference) = tree::difference(held, &found) else { return Ok(()) };
    let message = format!("What was restored of {} is not what the set holds. {difference}", record.part);
    Err(Failure::new(Class::Damaged, message))
}

/// The parts to restore, each with its folder.
fn wanted<'a>(manifest: &'a Manifest, parts: &[(Part, PathBuf)], into: Option<&Path>) -> Outcome<Vec<(&'a PartRecord, PathBuf)>> {
    if parts.is_empty() {
        let into = into.ok_or_else(|| Failure::order("The order names neither parts nor a folder for all of them."))?;
        return Ok(manifest.parts.iter().map(|record| (record, into.join(record.part.to_string().replace(':', "/")))).collect());
    }
    let mut wanted: Vec<(&PartRecord, PathBuf)> = Vec::new();
    for (part, folder) in parts {
        let record = manifest.parts.iter().find(|record| &record.part == part);
        let record = record.ok_or_else(|| Failure::new(Class::Missing, format!("The set {} has no part {part}.", manifest.set)))?;
        if wanted.iter().any(|(_, other)| folder.starts_with(other) || other.starts_with(folder)) {
            return Err(Failure::order(format!("The folder {} holds another part, too.", folder.display())));
        }
        wanted.push((record, folder.clone()));
    }
    Ok(wanted)
}

/// A folder to restore into: there, and empty unless its contents are to be replaced.
fn prepare(part: &Part, folder: &Path, replace: bool) -> Outcome<()> {
    let failed = |error| Failure::local(&format!("Reading the folder {}", folder.display()), &error);
    fs::create_dir_all(folder).map_err(failed)?;
    for entry in fs::read_dir(folder).map_err(failed)? {
        if entry.map_err(failed)?.file_name() != "lost+found" && !replace {
            return Err(Failure::new(
                Class::NotEmpty,
                format!("The folder for {part} is not empty, and its contents are not to be replaced."),
            ));
        }
    }
    Ok(())
}

/// A dump carries the random text of its set.
fn own(record: &PartRecord, manifest: &Manifest, folder: &Path) -> Outcome<()> {
    if record.facts.is_none() || manifest.sentinel.is_empty() {
        return Ok(());
    }
    let carried = fs::read_to_string(folder.join(SENTINEL_FILE)).unwrap_or_default();
    if carried.trim() == manifest.sentinel.trim() {
        return Ok(());
    }
    Err(Failure::new(Class::Damaged, format!("The dump of {} is of another set.", record.part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let record = |part: Part| PartRecord { part, snapshot: "a".repeat(64), files: 1, bytes: 1, digest: String::new(), facts: None };
        Manifest { parts: vec![record(Part::Volume("data".into())), record(Part::Configuration)], ..Manifest::default() }
    }

    #[test]
    fn parts_do_not_share_a_folder() {
        let manifest = manifest();
        let parts = |one: &str, two: &str| vec![(Part::Volume("data".into()), one.into()), (Part::Configuration, two.into())];
        let class = |parts: &[_]| wanted(&manifest, parts, None).map(|wanted| wanted.len()).map_err(|failure| failure.class);
        assert_eq!(class(&parts("/r/data", "/r/configuration")), Ok(2));
        assert_eq!(class(&parts("/r", "/r/configuration")), Err(Class::Order));
        assert_eq!(class(&parts("/r/data/below", "/r/data")), Err(Class::Order));
        assert_eq!(class(&[(Part::Database("rt".into()), "/r".into())]), Err(Class::Missing));
        assert_eq!(class(&[]), Err(Class::Order));
    }

    #[test]
    fn a_folder_with_something_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let part = Part::Configuration;
        fs::create_dir(folder.path().join("lost+found")).unwrap();
        assert_eq!(prepare(&part, folder.path(), false), Ok(()));
        fs::write(folder.path().join("old"), "").unwrap();
        assert_eq!(prepare(&part, folder.path(), false).map_err(|failure| failure.class), Err(Class::NotEmpty));
        assert_eq!(prepare(&part, folder.path(), true), Ok(()));
    }
}
