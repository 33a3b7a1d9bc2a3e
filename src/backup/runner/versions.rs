//! What a bucket with versions keeps of what was deleted or written over.
//!
//! To forget and to prune hides things there, no more: every version stays, and with it the room that it takes and personal
//! data whose time is over. So what was deleted is destroyed after some days, in which a mistake can still be found.
//!
//! What was written over is another matter. restic names objects by their content and writes none anew with another one, so
//! somebody else did, and the earlier version is the only good one. It is kept, and told.

use super::super::work::{Class, Report};
use super::failure::{Failure, Outcome};
use super::objects::{CONFIG, Kind, LARGEST, Place, is_genuine};
use super::s3::{Ask, field};
use super::timed;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Versions that are destroyed with one request.
const AT_ONCE: usize = 1000;

/// Where a page begins: after this object and version.
type Marker = (String, String);

/// One version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    /// The object, in the repository.
    key: String,
    id: String,
    /// It is what whoever reads the object gets.
    newest: bool,
    /// The object was deleted: there is no content.
    marker: bool,
    modified: Timestamp,
    /// Of the content, as the server says it.
    content: (String, u64),
}

/// What becomes of the versions of a repository.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    /// Contents that nobody reads any more, as key and version.
    gone: Vec<(String, String)>,
    /// That they were deleted, which must be forgotten after them: the newest content that is left would come back.
    markers: Vec<(String, String)>,
    /// Objects that were written over with something else, or back. Nothing of them is destroyed.
    other: Vec<String>,
}

fn judge(versions: &[Version], before: Timestamp) -> Verdict {
    let mut of: BTreeMap<&str, Vec<&Version>> = BTreeMap::new();
    for version in versions {
        of.entry(&version.key).or_default().push(version);
    }
    let mut verdict = Verdict::default();
    for (key, all) in of {
        let Some(newest) = all.iter().find(|version| version.newest) else { continue };
        let others = all.iter().filter(|version| !version.newest);
        let named = |version: &Version| (key.to_owned(), version.id.clone());
        let old = |version: &&&Version| version.modified < before;
        if newest.marker {
            if newest.modified < before {
                let (markers, contents): (Vec<&Version>, Vec<&Version>) = all.iter().partition(|version| version.marker);
                verdict.gone.extend(contents.into_iter().map(named));
                verdict.markers.extend(markers.into_iter().map(named));
            }
            continue;
        }
        // Written again because the answer was lost, it is the same.
        let (same, another): (Vec<&Version>, Vec<&Version>) =
            others.partition(|version| version.marker || version.content == newest.content);
        // It has no name that tells what it has to be, but it is never written anew either: what it was first is what it is.
        let first = all.iter().rev().find(|version| !version.marker);
        let back = key == CONFIG && first.is_some_and(|first| first.content == newest.content);
        if another.is_empty() {
            verdict.gone.extend(same.iter().filter(old).map(|version| named(version)));
        } else if !back && (key == CONFIG || Kind::of(key).is_some()) {
            verdict.other.push(key.to_owned());
        }
    }
    verdict
}

impl Place {
    /// Destroys what was deleted longer ago than so many days; what it did, for the report. Nothing, in a bucket without versions.
    ///
    /// # Errors
    /// [`Class::Damaged`] if an object was written over with something else; then nothing is destroyed.
    pub(super) fn tidy(&self, report: &mut Report, days: u32, now: Timestamp) -> Outcome<String> {
        let Some(versions) = timed(report, "versions", || self.versions())? else { return Ok(String::new()) };
        let before = now.checked_sub(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MIN);
        let verdict = judge(&versions, before);
        let spoilt = timed(report, "compare versions", || self.spoilt(&verdict.other))?;
        if let Some(first) = spoilt.first() {
            let many = spoilt.len();
            let message = format!(
                "{many} objects were written over with something else, which restic never does, the first of them {first}. Nothing was forgotten for good: the earlier versions are in the bucket. Find out who got the app's key, and delete the newest versions, so that the ones before come back."
            );
            return Err(Failure::new(Class::Damaged, message));
        }
        let many = verdict.gone.len();
        let destroy = || {
            let locked = self.destroy(&verdict.gone)?;
            // Without its mark a content that stayed would be there again.
            if locked == 0 { self.destroy(&verdict.markers) } else { Ok(locked) }
        };
        let locked = timed(report, "destroy versions", destroy)?;
        Ok(match (many, locked) {
            (0, _) => String::new(),
            (many, 0) => format!(" {many} versions of what was deleted more than {days} days ago are destroyed."),
            (many, _) => format!(" Of {many} versions of what was deleted more than {days} days ago some are still locked by the target."),
        })
    }

    /// All versions in the repository; none where the server keeps none.
    fn versions(&self) -> Outcome<Option<Vec<Version>>> {
        let path = format!("/{}", self.bucket);
        let mut found = Vec::new();
        let mut next: Option<Marker> = None;
        loop {
            let mut query = vec![("versions", ""), ("prefix", self.prefix.as_str())];
            if let Some((key, id)) = &next {
                // An empty one is refused.
                let markers = [("key-marker", key.as_str()), ("version-id-marker", id.as_str())];
                query.extend(markers.into_iter().filter(|(_, marker)| !marker.is_empty()));
            }
            let answer = self.s3.ask(&Ask { method: "GET", path: &path, query: &query, ..Ask::default() })?;
            if answer.status == 501 || answer.code() == "VersioningNotConfigured" {
                return Ok(None);
            }
            let answer = answer.unless("Listing the versions", &[])?;
            let page = page(&answer.body, &self.prefix)?;
            found.extend(page.0);
            match page.1 {
                // A server that goes round in circles is not followed.
                Some(after) if !after.0.is_empty() && next.as_ref() != Some(&after) => next = Some(after),
                Some(_) => return Err(Failure::new(Class::Other, "The target's list of versions has no end.")),
                None => return Ok(Some(found)),
            }
        }
    }

    /// Those of some objects that are not, or not any more, what their names say.
    fn spoilt(&self, keys: &[String]) -> Outcome<Vec<String>> {
        let mut spoilt = Vec::new();
        for key in keys {
            let genuine = match Kind::of(key) {
                Some((_, id)) => self.get(key, LARGEST)?.is_some_and(|content| is_genuine(id, &content)),
                // It has no name to be compared with.
                None => false,
            };
            if !genuine {
                spoilt.push(key.clone());
            }
        }
        Ok(spoilt)
    }

    /// Destroys versions; of how many requests some were refused, because a version is locked.
    fn destroy(&self, versions: &[(String, String)]) -> Outcome<usize> {
        let path = format!("/{}", self.bucket);
        let mut refused = 0;
        for some in versions.chunks(AT_ONCE) {
            let whole: Vec<(String, String)> = some.iter().map(|(key, id)| (format!("{}{key}", self.prefix), id.clone())).collect();
            match self.s3.delete(&path, &whole) {
                Ok(()) => {}
                Err(failure) if failure.class == Class::Refused => refused += 1,
                Err(failure) => return Err(failure),
            }
        }
        Ok(refused)
    }
}

/// A page of a list of versions, and where the next one begins.
fn page(xml: &str, prefix: &str) -> Outcome<(Vec<Version>, Option<Marker>)> {
    let unread = |what: &str| Failure::new(Class::Other, format!("The target's list of versions cannot be read: {what}."));
    let document = roxmltree::Document::parse(xml).map_err(|error| unread(&error.to_string()))?;
    let root = document.root_element();
    let mut versions = Vec::new();
    for node in root.children().filter(|node| matches!(node.tag_name().name(), "Version" | "DeleteMarker")) {
        let modified = field(node, "LastModified").parse().map_err(|_| unread("a version has no time"))?;
        let key = field(node, "Key");
        // Of a neighbour whose prefix begins with the same letters.
        let Some(key) = key.strip_prefix(prefix) else { continue };
        versions.push(Version {
            key: key.to_owned(),
            id: field(node, "VersionId"),
            newest: field(node, "IsLatest") == "true",
            marker: node.tag_name().name() == "DeleteMarker",
            modified,
            content: (field(node, "ETag"), field(node, "Size").parse().unwrap_or_default()),
        });
    }
    let more = field(root, "IsTruncated") == "true";
    Ok((versions, more.then(|| (field(root, "NextKeyMarker"), field(root, "NextVersionIdMarker")))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACK: &str = "data/aa/aa00000000000000000000000000000000000000000000000000000000000000";

    fn day(day: i64) -> Timestamp {
        Timestamp::constant(1_800_000_000, 0) + SignedDuration::from_hours(24 * day)
    }

    /// Versions of an object, the newest first: the day, and the content or none for a marker.
    fn versions(key: &str, all: &[(i64, Option<&str>)]) -> Vec<Version> {
        let one = |(number, (at, content)): (usize, &(i64, Option<&str>))| Version {
            key: key.into(),
            id: format!("v{}", all.len() - number),
            newest: number == 0,
            marker: content.is_none(),
            modified: day(*at),
            content: (content.unwrap_or_default().into(), 1),
        };
        all.iter().enumerate().map(one).collect()
    }

    fn told(all: &[Version]) -> (Vec<&'static str>, Vec<&'static str>, usize) {
        let verdict = judge(all, day(10));
        let ids = |list: &[(String, String)]| list.iter().map(|(_, id)| &*id.clone().leak()).collect();
        (ids(&verdict.gone), ids(&verdict.markers), verdict.other.len())
    }

    #[test]
    fn what_was_deleted_goes_after_its_days_and_not_before() {
        assert_eq!(told(&versions(PACK, &[(9, None), (1, Some("a"))])), (vec!["v1"], vec!["v2"], 0));
        assert_eq!(told(&versions(PACK, &[(10, None), (1, Some("a"))])), (vec![], vec![], 0), "however old the content is");
        assert_eq!(told(&versions(PACK, &[(9, None), (8, None), (1, Some("a")), (0, Some("a"))])), (vec!["v2", "v1"], vec!["v4", "v3"], 0));
        assert_eq!(told(&versions("locks/1", &[(9, None), (9, Some("a"))])), (vec!["v1"], vec!["v2"], 0));
    }

    #[test]
    fn what_is_read_stays_and_what_was_written_over_is_told() {
        assert_eq!(told(&versions(PACK, &[(1, Some("a"))])), (vec![], vec![], 0));
        assert_eq!(told(&versions(PACK, &[(9, Some("a")), (1, Some("a"))])), (vec!["v1"], vec![], 0), "it was written twice");
        assert_eq!(told(&versions(PACK, &[(12, Some("a")), (11, Some("a"))])), (vec![], vec![], 0));
        assert_eq!(told(&versions(PACK, &[(9, Some("b")), (1, Some("a"))])), (vec![], vec![], 1), "the good one is not destroyed");
        assert_eq!(told(&versions(CONFIG, &[(9, Some("b")), (1, Some("a"))])), (vec![], vec![], 1));
        let back = [(9, Some("a")), (5, Some("b")), (1, Some("a"))];
        assert_eq!(told(&versions(CONFIG, &back)), (vec![], vec![], 0), "it is again what it was");
        assert_eq!(told(&versions(PACK, &back)), (vec![], vec![], 1), "its content tells");
        assert_eq!(told(&versions(CONFIG, &[(9, Some("b")), (5, None), (1, Some("a"))])), (vec![], vec![], 1));
        assert_eq!(told(&versions("notes", &[(9, Some("b")), (1, Some("a"))])), (vec![], vec![], 0), "it is not restic's");
        // Brought back after it was deleted: the newest is what counts.
        assert_eq!(told(&versions(PACK, &[(9, Some("a")), (8, None), (1, Some("a"))])), (vec!["v2", "v1"], vec![], 0));
    }

    #[test]
    fn pages_of_a_list_are_read() {
        let xml = r#"<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>true</IsTruncated>
            <NextKeyMarker>town/a/config</NextKeyMarker><NextVersionIdMarker>7</NextVersionIdMarker>
            <Version><Key>town/a/config</Key><VersionId>7</VersionId><IsLatest>false</IsLatest><LastModified>2026-11-26T01:02:03.000Z</LastModified><ETag>"e"</ETag><Size>155</Size></Version>
            <DeleteMarker><Key>town/a/locks/1</Key><VersionId>8</VersionId><IsLatest>true</IsLatest><LastModified>2026-11-26T01:02:04Z</LastModified></DeleteMarker>
            <Version><Key>town/b/config</Key><VersionId>9</VersionId><IsLatest>true</IsLatest><LastModified>2026-11-26T01:02:03Z</LastModified></Version></ListVersionsResult>"#;
        let (found, next) = page(xml, "town/a/").unwrap();
        assert_eq!(next, Some(("town/a/config".into(), "7".into())));
        let short: Vec<_> = found.iter().map(|one| (one.key.as_str(), one.id.as_str(), one.newest, one.marker, one.content.1)).collect();
        assert_eq!(short, [("config", "7", false, false, 155), ("locks/1", "8", true, true, 0)]);
        assert!(page("<no", "").is_err());
        assert!(page("<a><Version><Key>x</Key></Version></a>", "").is_err(), "without its time nobody knows whether it may go");
    }
}
