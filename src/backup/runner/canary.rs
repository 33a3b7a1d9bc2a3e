//! A small set of its own whose copy is damaged on purpose. The drill of it has to fail: a drill that cannot fail proves
//! nothing about the others.

use super::super::set::{Manifest, Part, PartRecord};
use super::super::work::{Class, Issue, Report};
use super::failure::{Failure, Outcome};
use super::s3::{Ask, sizes};
use super::{Runner, part, timed};

/// Name of its only volume.
const VOLUME: &str = "canary";
/// Bytes of each of its files: enough that their pack is the largest in the repository.
const BYTES: usize = 256 << 10;
/// Its files.
const FILES: usize = 3;

impl Runner {
    /// Makes the set, sees that it restores well, and then damages the pack with its files.
    pub(crate) fn canary(&self, report: &mut Report, issue: Option<&Issue>) -> Outcome<()> {
        self.prepare(report, issue, None, false)?;
        let folder = self.restic.passing("canary")?;
        let files = folder.folder().join("files");
        let failed = |error| Failure::local("Writing the canary's files", &error);
        std::fs::create_dir_all(&files).map_err(failed)?;
        for number in 0..FILES {
            let mut bytes = vec![0_u8; BYTES];
            getrandom::fill(&mut bytes)
                .map_err(|error| Failure::new(Class::Other, format!("The system has no random numbers: {error}.")))?;
            std::fs::write(files.join(format!("file-{number}")), bytes).map_err(failed)?;
        }
        let volume = Part::Volume(VOLUME.into());
        let order = part::Order { part: &volume, path: &files, exclude: &[], may_be_empty: false, before: &[], facts: false };
        let mut backed = Report::default();
        self.back_up(&mut backed, &order)?;
        let now = jiff::Timestamp::now().to_string();
        let manifest = Manifest {
            set: self.work.run.clone(),
            municipality: self.work.tenant.clone(),
            app: VOLUME.into(),
            began: now.clone(),
            ended: now,
            parts: vec![PartRecord {
                part: volume,
                snapshot: backed.snapshot.unwrap_or_default(),
                files: backed.files,
                bytes: backed.bytes,
                digest: backed.digest,
                facts: None,
            }],
            ..Manifest::default()
        };
        let configuration = folder.folder().join("configuration");
        std::fs::create_dir_all(&configuration).and_then(|()| std::fs::write(configuration.join("about"), "a canary")).map_err(failed)?;
        self.commit(report, &manifest, &configuration)?;
        let committed = report.snapshot.clone().unwrap_or_default();
        let whole = folder.folder().join("whole");
        // If it did not restore now, a failure later would say nothing about the damage.
        let mut restored = Report::default();
        timed(report, "whole", || self.restore(&mut restored, &committed, &[], Some(&whole), false))?;
        timed(report, "damage", || self.damage())?;
        "A set was made, restored, and then damaged on purpose.".clone_into(&mut report.message);
        Ok(())
    }

    /// Writes something else of the same length over the largest pack.
    fn damage(&self) -> Outcome<()> {
        let (s3, place) = (self.s3()?, &self.work.repository);
        let folder = if place.prefix.is_empty() { "data/".to_owned() } else { format!("{}/data/", place.prefix) };
        let path = format!("/{}", place.bucket);
        let listing = Ask { method: "GET", path: &path, query: &[("list-type", "2"), ("prefix", &folder)], ..Ask::default() };
        let packs = sizes(&s3.ask(&listing)?.unless("Listing the packs", &[])?.body)?;
        let largest = packs.into_iter().max_by_key(|(_, size)| *size);
        let (key, size) = largest.ok_or_else(|| Failure::new(Class::Missing, "The repository has no packs."))?;
        let body = "x".repeat(size);
        let path = format!("/{}/{key}", place.bucket);
        s3.ask(&Ask { method: "PUT", path: &path, body: body.into(), ..Ask::default() })?.unless("Damaging a pack", &[]).map(drop)
    }
}
