//! What runs left in the repository that never came to a set: parts that were backed up before another one failed.
//!
//! Nobody lists them, so retention never meets them. Forgetting them must never cost a set, also one of which the operator
//! knows nothing any more, as after the loss of the cluster. So a snapshot goes only if all of this is true:
//!
//! - it says itself that it is a part of this tenant, made by one certain run;
//! - that run is not known: it made no set that is listed, and it is not at work;
//! - no snapshot of that run is a manifest, readable or not, whole or not, whatever its time;
//! - no manifest in the repository lists it, of whatever run it is;
//! - it is older than [`AFTER`], by the clock here and by the newest snapshot.

use super::super::set::{Manifest, Part};
use super::Runner;
use super::failure::Outcome;
use super::sets::Snapshot;
use super::upkeep::{AHEAD, is_of_the_manifest};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How long nothing is an orphan.
const AFTER: SignedDuration = SignedDuration::from_hours(48);
/// How many go at once, the oldest first: their ids are arguments of one call.
const AT_ONCE: usize = 1000;
/// How many manifests are read for it, each about half a second. Nobody keeps that many sets; somebody could write as many.
const MANIFESTS: usize = 500;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    found: Vec<Snapshot>,
    /// Why none are forgotten though there may be some.
    kept: Option<&'static str>,
}

impl Orphans {
    pub(super) fn ids(&self) -> Vec<&str> {
        self.found.iter().map(|snapshot| snapshot.id.as_str()).collect()
    }

    /// For the report, after another sentence.
    pub(super) fn told(&self) -> String {
        match self.kept {
            Some(why) => format!(" What runs without a set left stays: {why}."),
            None => format!(" {} more are forgotten, which runs without a set left.", self.found.len()),
        }
    }
}

impl Runner {
    /// The snapshots of runs that never came to a set. `known` are the runs of all sets that are listed, and all at work.
    pub(super) fn orphans(&self, known: &[String], now: Timestamp) -> Outcome<Orphans> {
        let all = self.snapshots_of_anybody()?;
        let mut known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
        known.insert(&self.work.run);
        let mut found = candidates(&all, self.restic.tenant(), &known, now);
        if found.is_empty() {
            return Ok(Orphans::default());
        }
        let manifests: Vec<&Snapshot> = all.iter().filter(|snapshot| is_manifest(snapshot)).collect();
        if manifests.len() > MANIFESTS {
            return Ok(Orphans { found: Vec::new(), kept: Some("there are too many manifests to look into each") });
        }
        for manifest in manifests {
            match self.read_manifest(&manifest.id) {
                Ok(manifest) => found.retain(|snapshot| !lists(&manifest, &snapshot.id)),
                // What it listed nobody knows; the parts of its own run stay in any case.
                Err(failure) if is_of_the_manifest(failure.class) => {}
                Err(failure) => return Err(failure),
            }
        }
        found.truncate(AT_ONCE);
        Ok(Orphans { found: found.into_iter().cloned().collect(), kept: None })
    }
}

/// What may be an orphan as far as the list of all snapshots tells, the oldest first.
fn candidates<'a>(all: &'a [Snapshot], tenant: &str, known: &BTreeSet<&str>, now: Timestamp) -> Vec<&'a Snapshot> {
    // A clock here that is far ahead makes nothing old: then the newest snapshot tells what time it is.
    let latest = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    let Some(newest) = all.iter().map(|snapshot| snapshot.time).filter(|time| *time <= latest).max() else { return Vec::new() };
    let Ok(before) = newest.min(now).checked_sub(AFTER) else { return Vec::new() };
    let committed: BTreeSet<&str> = all.iter().filter(|snapshot| is_manifest(snapshot)).flat_map(runs).collect();
    let mut found: Vec<&Snapshot> = all
        .iter()
        .filter(|snapshot| snapshot.hostname == tenant && snapshot.time < before && !is_manifest(snapshot))
        .filter(|snapshot| snapshot.tag("part").is_some_and(|part| part.parse::<Part>().is_ok()))
        .filter(|snapshot| snapshot.tag("run").is_some_and(|run| !known.contains(run) && !committed.contains(run)))
        .collect();
    found.sort_by_key(|snapshot| snapshot.time);
    found
}

/// Whether any of its tags says that it is a manifest: two tags of one name are enough here, to keep.
fn is_manifest(snapshot: &Snapshot) -> bool {
    snapshot.tags.iter().any(|tag| tag == "part=manifest")
}

/// All runs and sets that its tags name.
fn runs(snapshot: &Snapshot) -> impl Iterator<Item = &str> {
    snapshot.tags.iter().filter_map(|tag| tag.strip_prefix("run=").or_else(|| tag.strip_prefix("set=")))
}

fn lists(manifest: &Manifest, id: &str) -> bool {
    manifest.parts.iter().any(|record| record.snapshot == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: &str, time: &str, tags: &[&str]) -> Snapshot {
        Snapshot {
            id: id.into(),
            time: time.parse().unwrap(),
            tree: String::new(),
            hostname: "tenant".into(),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
        }
    }

    const OLD: &str = "2026-11-01T00:00:00Z";
    const NOW: &str = "2026-11-25T20:00:00Z";

    /// The ids of the candidates among these and one that is new.
    fn found(mut all: Vec<Snapshot>, known: &[&str], now: &str) -> Vec<String> {
        all.push(snapshot("new", "2026-11-25T19:00:00Z", &["run=new", "part=manifest"]));
        let known = known.iter().copied().collect();
        candidates(&all, "tenant", &known, now.parse().unwrap()).into_iter().map(|snapshot| snapshot.id.clone()).collect()
    }

    #[test]
    fn what_an_unknown_run_left_long_ago_is_found() {
        let part = |id: &str, time: &str| snapshot(id, time, &["run=r1", "part=volume:data"]);
        assert_eq!(found(vec![part("b", "2026-11-02T00:00:00Z"), part("a", OLD)], &["r0"], NOW), ["a", "b"], "the oldest first");
        assert_eq!(found(vec![part("a", OLD)], &["r1"], NOW), [""; 0], "its run is known");
        assert_eq!(found(vec![part("a", "2026-11-23T19:00:01Z")], &[], NOW), [""; 0], "it is younger than two days");
        assert_eq!(found(vec![part("a", "2026-11-23T18:59:59Z")], &[], NOW), ["a"]);
        assert_eq!(found(vec![part("a", "2999-01-01T00:00:00Z")], &[], NOW), [""; 0], "it is of the future");
        let other = Snapshot { hostname: "another".into(), ..part("a", OLD) };
        assert_eq!(found(vec![other], &[], NOW), [""; 0], "it is of somebody else");
    }

    #[test]
    fn a_clock_that_is_ahead_makes_nothing_old() {
        let part = snapshot("a", "2026-11-25T18:00:00Z", &["run=r1", "part=volume:data"]);
        assert_eq!(found(vec![part], &[], "2027-03-01T00:00:00Z"), [""; 0]);
    }

    #[test]
    fn a_run_with_a_manifest_keeps_everything() {
        let part = || snapshot("a", OLD, &["run=r1", "part=volume:data"]);
        for tags in [
            &["run=r1", "part=manifest", "set=r1"][..],
            &["run=r1", "part=manifest", "part=volume:x"],
            &["run=r0", "run=r1", "part=manifest"],
            &["run=r0", "set=r1", "part=manifest"],
        ] {
            for time in [OLD, "2999-01-01T00:00:00Z"] {
                assert_eq!(found(vec![part(), snapshot("m", time, tags)], &[], NOW), [""; 0], "{tags:?} of {time}");
            }
            let other = Snapshot { hostname: "another".into(), ..snapshot("m", OLD, tags) };
            assert_eq!(found(vec![part(), other], &[], NOW), [""; 0], "{tags:?} of another host");
        }
        assert_eq!(found(vec![part(), snapshot("m", OLD, &["run=r2", "part=manifest", "set=r2"])], &[], NOW), ["a"]);
    }

    #[test]
    fn what_does_not_say_what_it_is_stays() {
        for tags in [&[][..], &["run=r1"], &["part=volume:data"], &["run=r1", "run=r2", "part=volume:data"], &["run=r1", "part=something"]]
        {
            assert_eq!(found(vec![snapshot("a", OLD, tags)], &[], NOW), [""; 0], "{tags:?}");
        }
        assert_eq!(found(vec![snapshot("a", OLD, &["run=r1", "part=configuration"])], &[], NOW), ["a"]);
    }
}
