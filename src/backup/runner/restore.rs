//! Restores parts of a set, and compares what was written with what the manifest says.
//!
//! Three things must agree: restic reads every file back (`--verify`), the folder holds exactly the names, sizes and modes
//! of the snapshot, and the snapshot is the one of the manifest with as many files and bytes as it lists.

use super::super::set::{Manifest, Part, PartRecord};
use super::super::work::{Class, Report};
use super::failure::{Failure, Outcome};
use super::part::{EMPTY, SENTINEL_FILE};
use super::restic::Call;
use super::sets::{Snapshot, snapshot_of};
use super::{Runner, say, timed, tree};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};

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
        let all = self.snapshots()?;
        let manifest = timed(report, "manifest", || self.manifest(manifest, &all))?;
        let wanted = wanted(&manifest, parts, into)?;
        // All of it before anything is written: a part that is missing leaves the folders as they were.
        let mut found = Vec::new();
        for (record, folder) in wanted {
            found.push((record, snapshot_of(record, &manifest.set, &all)?, folder));
        }
        for (record, _, folder) in &found {
            prepare(&record.part, folder, replace)?;
        }
        let mut evidence = Sha256::new();
        for (record, snapshot, folder) in found {
            let part = record.part.to_string();
            timed(report, &format!("fetch {part}"), || self.fetch(snapshot, &folder, replace))?;
            let (files, bytes) = timed(report, &format!("compare {part}"), || {
                let held = self.compared(record, snapshot, &folder)?;
                own(record, &manifest, &folder)?;
                tree::hash(&mut evidence, &part, &held);
                Ok(tree::sums(&held))
            })?;
            report.files += files;
            report.bytes += bytes;
            say(&format!("{part}: {files} files with {bytes} bytes are as in the set"));
        }
        report.evidence = hex::encode(evidence.finalize());
        report.message = format!("{} files with {} bytes are restored and as in the set {}.", report.files, report.bytes, manifest.set);
        Ok(())
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

    /// What the snapshot holds, if the folder holds the same.
    fn compared(&self, record: &PartRecord, snapshot: &Snapshot, folder: &Path) -> Outcome<tree::Tree> {
        let part = &record.part;
        // Only root can give files to others, so only then are they compared.
        let owners = rustix::process::geteuid().is_root();
        let said = self.restic.run(&Call::new(["ls", &snapshot.id]))?;
        let held = tree::listed(said.lines.iter().map(String::as_str), owners)?;
        if tree::sums(&held) != (record.files, record.bytes) {
            let message = format!("The part {part} holds another number of files or bytes than the manifest says.");
            return Err(Failure::new(Class::Damaged, message));
        }
        let found = tree::found(folder, owners).map_err(|error| Failure::local("Reading what was restored", &error))?;
        match tree::difference(&held, &found) {
            None => Ok(held),
            Some(difference) => {
                Err(Failure::new(Class::Damaged, format!("What was restored of {part} is not what the set holds. {difference}")))
            }
        }
    }
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
