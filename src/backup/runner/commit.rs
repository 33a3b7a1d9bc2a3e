//! The configuration and the manifest, the last snapshot of a run. From then on there is a set, and not before.

use super::super::set::{Manifest, Part, PartRecord};
use super::super::work::{Class, Report};
use super::failure::{Failure, Outcome};
use super::restic::Call;
use super::sets::{MANIFEST_FILE, Snapshot, snapshot_of, tags};
use super::{Runner, timed};
use std::collections::BTreeSet;
use std::path::Path;

impl Runner {
    /// Commits a set, if every part of it is in the repository.
    pub(crate) fn commit(&self, report: &mut Report, manifest: &Manifest, path: &Path) -> Outcome<()> {
        let mut manifest = manifest.clone();
        if manifest.set != self.work.run {
            return Err(Failure::order(format!("The manifest is of the set `{}` and the run is `{}`.", manifest.set, self.work.run)));
        }
        manifest.parts.retain(|record| record.part != Part::Configuration);
        let mut named = BTreeSet::new();
        for record in &manifest.parts {
            if record.part == Part::Manifest || !named.insert(&record.part) {
                return Err(Failure::order(format!("The manifest lists {} where it may not, or twice.", record.part)));
            }
        }
        let all = timed(report, "parts", || self.snapshots())?;
        complete(&manifest, &all)?;
        let backed = timed(report, "configuration", || self.snapshot(path, &Part::Configuration, &[], &all))?;
        if backed.files == 0 {
            return Err(Failure::new(Class::Suspicious, "The configuration has no files."));
        }
        report.configuration = Some(backed.snapshot.clone());
        report.added = backed.added;
        manifest.parts.push(PartRecord {
            part: Part::Configuration,
            snapshot: backed.snapshot,
            files: backed.files,
            bytes: backed.bytes,
            digest: backed.tree,
            facts: None,
        });
        if manifest.ended.is_empty() {
            manifest.ended = jiff::Timestamp::now().to_string();
        }
        report.files = manifest.parts.iter().map(|record| record.files).sum();
        report.bytes = manifest.parts.iter().map(|record| record.bytes).sum();
        let committed = timed(report, "manifest", || self.write_manifest(&manifest))?;
        report.snapshot = Some(committed);
        report.message = format!("The set {} with {} parts is committed.", manifest.set, manifest.parts.len());
        Ok(())
    }

    /// Commits the manifest and reads it back. It goes from a whole file, so that a runner that is killed leaves no half of it.
    fn write_manifest(&self, manifest: &Manifest) -> Outcome<String> {
        let passing = self.restic.passing("manifest")?;
        let text = serde_json::to_string_pretty(manifest)
            .map_err(|error| Failure::new(Class::Other, format!("The manifest cannot be written: {error}.")))?;
        std::fs::write(passing.folder().join(MANIFEST_FILE), text).map_err(|error| Failure::local("Writing the manifest", &error))?;
        let mut args = vec!["backup".to_owned(), format!("--host={}", self.restic.tenant()), "--force".to_owned()];
        args.extend(tags(&manifest.set, &Part::Manifest));
        args.push(format!("--tag=set={}", manifest.set));
        args.push(".".to_owned());
        let said = self.restic.run(&Call::new(args).inside(passing.folder()))?;
        let id = said.message("summary").and_then(|summary| summary["snapshot_id"].as_str().map(ToOwned::to_owned)).unwrap_or_default();
        let read = self.read_manifest(&id)?;
        if read != *manifest {
            return Err(Failure::new(Class::Damaged, "The manifest reads back other than it was written."));
        }
        Ok(id)
    }
}

/// Every part of a set is in the repository, as the manifest lists it.
pub(crate) fn complete(manifest: &Manifest, all: &[Snapshot]) -> Outcome<()> {
    let faults: Vec<Failure> = manifest.parts.iter().filter_map(|record| snapshot_of(record, &manifest.set, all).err()).collect();
    let Some(first) = faults.first() else { return Ok(()) };
    let others = if faults.len() > 1 { format!(" {} more parts are not as listed.", faults.len() - 1) } else { String::new() };
    Err(Failure::new(first.class, format!("The set {} is not whole. {}{others}", manifest.set, first.message)))
}
