//! The snapshots and manifests that a repository holds. What a snapshot says of itself is believed only as far as it fits.

use super::super::set::{Manifest, Part, PartRecord};
use super::super::work::Class;
use super::Runner;
use super::failure::{Failure, Outcome};
use jiff::Timestamp;
use serde::Deserialize;

/// Name of the manifest in its snapshot.
pub const MANIFEST_FILE: &str = "manifest.json";

/// A snapshot as restic lists it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Snapshot {
    pub(crate) id: String,
    pub(crate) time: Timestamp,
    pub(crate) tree: String,
    /// The tenant that it was made for.
    #[serde(default)]
    pub(crate) hostname: String,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
}

impl Snapshot {
    /// The value of its only tag of this name; several are none.
    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        let mut values = self.tags.iter().filter_map(|tag| tag.strip_prefix(name)?.strip_prefix('='));
        values.next().filter(|_| values.next().is_none())
    }

    pub(crate) fn is_part(&self, part: &Part) -> bool {
        self.tag("part") == Some(&part.to_string())
    }
}

/// Whether it is the whole id of a snapshot or tree: restic takes beginnings and `latest` too, and those may name another one.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether a part's name can be a tag and a folder: a manifest is only what somebody with the password has written.
pub(crate) fn is_plain(part: &Part) -> bool {
    let (Part::Volume(name) | Part::Database(name)) = part else { return true };
    !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// The tags of a snapshot.
pub(crate) fn tags(run: &str, part: &Part) -> Vec<String> {
    vec![format!("--tag=run={run}"), format!("--tag=part={part}")]
}

impl Runner {
    /// All snapshots of the tenant, the oldest first.
    pub(crate) fn snapshots(&self) -> Outcome<Vec<Snapshot>> {
        self.snapshots_with(vec![format!("--host={}", self.restic.tenant())])
    }

    /// All snapshots in the repository, whoever they say that they are of; the oldest first.
    pub(crate) fn snapshots_of_anybody(&self) -> Outcome<Vec<Snapshot>> {
        self.snapshots_with(Vec::new())
    }

    fn snapshots_with(&self, filter: Vec<String>) -> Outcome<Vec<Snapshot>> {
        let said = self.restic.read(["snapshots".to_owned()].into_iter().chain(filter))?;
        let unread = |error| Failure::new(Class::Other, format!("What restic says of the snapshots cannot be read: {error}."));
        let mut all: Vec<Snapshot> = serde_json::from_str::<Option<_>>(&said.text()).map_err(unread)?.unwrap_or_default();
        all.sort_by_key(|snapshot| snapshot.time);
        Ok(all)
    }

    /// The manifest in a snapshot, which must be what it says.
    pub(crate) fn manifest(&self, id: &str, all: &[Snapshot]) -> Outcome<Manifest> {
        whole(id)?;
        let found = manifest_snapshot(id, all)?;
        as_tagged(self.read_manifest(id)?, found)
    }

    /// The same with all snapshots of the tenant. Both are read at once: to open a repository takes longer than to read either.
    pub(crate) fn manifest_and_snapshots(&self, id: &str) -> Outcome<(Manifest, Vec<Snapshot>)> {
        whole(id)?;
        let (all, read) = std::thread::scope(|scope| {
            let read = scope.spawn(|| self.read_manifest(id));
            (self.snapshots(), read.join())
        });
        let all = all?;
        let found = manifest_snapshot(id, &all)?;
        let read = read.unwrap_or_else(|_| Err(Failure::new(Class::Other, "Reading the manifest ended unexpectedly.")));
        let manifest = as_tagged(read?, found)?;
        Ok((manifest, all))
    }

    /// The manifest as it stands in a snapshot, whatever its tags say.
    pub(crate) fn read_manifest(&self, id: &str) -> Outcome<Manifest> {
        let said = self.restic.read(["dump", id, &format!("/{MANIFEST_FILE}")])?;
        serde_json::from_str(&said.text())
            .map_err(|error| Failure::new(Class::Damaged, format!("The manifest {id} cannot be read: {error}.")))
    }
}

fn whole(id: &str) -> Outcome<()> {
    if is_id(id) { Ok(()) } else { Err(Failure::order(format!("`{id}` is not the whole id of a snapshot."))) }
}

fn manifest_snapshot<'a>(id: &str, all: &'a [Snapshot]) -> Outcome<&'a Snapshot> {
    let found = all.iter().find(|snapshot| snapshot.id == id && snapshot.is_part(&Part::Manifest));
    found.ok_or_else(|| Failure::new(Class::Missing, format!("The repository has no manifest with the id {id}.")))
}

/// A manifest, if it is of the set that its snapshot's tags say.
fn as_tagged(manifest: Manifest, found: &Snapshot) -> Outcome<Manifest> {
    if found.tag("set") == Some(&manifest.set) && found.tag("run") == Some(&manifest.set) {
        return Ok(manifest);
    }
    Err(Failure::new(Class::Damaged, format!("The manifest {} is of another set than its tags say.", found.id)))
}

/// The snapshot of a part, as the manifest lists it, or why it is not there.
pub(crate) fn snapshot_of<'a>(record: &PartRecord, set: &str, all: &'a [Snapshot]) -> Outcome<&'a Snapshot> {
    let (part, id) = (&record.part, &record.snapshot);
    if !is_plain(part) {
        return Err(Failure::new(Class::Damaged, "The manifest lists a part whose name is none."));
    }
    if !is_id(id) {
        return Err(Failure::new(
            Class::Missing,
            format!("The manifest lists {part} with `{id}`, which is not the whole id of a snapshot."),
        ));
    }
    let found = all.iter().find(|snapshot| &snapshot.id == id);
    let found = found.ok_or_else(|| Failure::new(Class::Missing, format!("The part {part} is not in the repository.")))?;
    if !found.is_part(part) || found.tag("run") != Some(set) {
        return Err(Failure::new(Class::Missing, format!("The snapshot that the manifest lists for {part} is of another part or run.")));
    }
    if !record.digest.is_empty() && record.digest != found.tree {
        return Err(Failure::new(Class::Damaged, format!("The part {part} holds other files than the manifest says.")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(tags: &[&str]) -> Snapshot {
        Snapshot {
            id: "a".repeat(64),
            time: Timestamp::UNIX_EPOCH,
            tree: "b".repeat(64),
            hostname: "tenant".into(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        }
    }

    fn record(part: &str, id: &str, tree: &str) -> PartRecord {
        PartRecord { part: part.parse().unwrap(), snapshot: id.into(), files: 1, bytes: 1, digest: tree.into(), facts: None }
    }

    #[test]
    fn only_whole_ids_are_ids() {
        for wrong in ["", "latest", "ab12", &"A".repeat(64), &"a".repeat(65), "latest:/x"] {
            assert!(!is_id(wrong), "{wrong}");
        }
        assert!(is_id(&"0a".repeat(32)));
    }

    #[test]
    fn a_part_must_be_the_one_that_the_manifest_lists() {
        let all = [snapshot(&["run=r1", "part=volume:data"])];
        let (id, tree) = ("a".repeat(64), "b".repeat(64));
        let class = |record, set| snapshot_of(&record, set, &all).map(|_| ()).map_err(|failure| failure.class);
        assert_eq!(class(record("volume:data", &id, &tree), "r1"), Ok(()));
        assert_eq!(class(record("volume:data", &id, &tree), "r2"), Err(Class::Missing));
        assert_eq!(class(record("volume:files", &id, &tree), "r1"), Err(Class::Missing));
        assert_eq!(class(record("volume:data", &"c".repeat(64), &tree), "r1"), Err(Class::Missing));
        assert_eq!(class(record("volume:data", "latest", &tree), "r1"), Err(Class::Missing));
        assert_eq!(class(record("volume:data", &id, &id), "r1"), Err(Class::Damaged));
        for name in ["volume:../up", "volume:a/b", "database:a,part=volume:b"] {
            assert_eq!(class(record(name, &id, &tree), "r1"), Err(Class::Damaged), "{name}");
        }
    }

    #[test]
    fn two_tags_of_one_name_are_none() {
        assert_eq!(snapshot(&["part=volume:a", "part=volume:b"]).tag("part"), None);
        assert_eq!(snapshot(&["partition=1"]).tag("part"), None);
        assert_eq!(snapshot(&["part=volume:a=b"]).tag("part"), Some("volume:a=b"));
    }
}
