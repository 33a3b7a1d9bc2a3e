//! The objects of a repository as an S3 server keeps them: listed, read, written and taken away, without restic.
//!
//! restic names everything but `config` by the SHA-256 of its content, so whoever holds an object can tell whether it is
//! what it was written as, without the repository's password.

use super::super::work::{Class, Repository};
use super::failure::{Failure, Outcome};
use super::restic::Credentials;
use super::s3::{Ask, S3, field};
use super::sets::is_id;
use hyper::body::Bytes;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Name of the only object that is not named by its content.
pub(super) const CONFIG: &str = "config";
/// Largest object that is read: restic's largest pack is 128 MiB and a little more.
pub(super) const LARGEST: u64 = 160 << 20;
/// Bytes of an answer that are read in any case: an error's.
const ERROR: u64 = 64 << 10;
/// Bytes a second that a slow line carries, and what is waited for beside them.
const SLOWEST: u64 = 64 << 10;
const PATIENCE: Duration = Duration::from_secs(30);
/// Objects that are deleted with one request.
const AT_ONCE: usize = 1000;

/// What an object is. In this order they are written, so that nothing is there before what it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A password, sealed.
    Keys,
    /// A pack.
    Data,
    /// What lies in which pack.
    Index,
    /// A snapshot.
    Snapshots,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Keys, Self::Data, Self::Index, Self::Snapshots];

    pub(super) const fn folder(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Data => "data",
            Self::Index => "index",
            Self::Snapshots => "snapshots",
        }
    }

    /// Where an object of a name is in the repository.
    pub(super) fn key(self, id: &str) -> String {
        match self {
            Self::Data => format!("data/{}/{id}", id.get(..2).unwrap_or_default()),
            _ => format!("{}/{id}", self.folder()),
        }
    }

    /// The kind and name of what lies somewhere in a repository; none for locks, and for what is not restic's.
    pub(super) fn of(key: &str) -> Option<(Self, &str)> {
        let id = key.rsplit('/').next().filter(|id| is_id(id))?;
        Self::ALL.into_iter().find(|kind| kind.key(id) == key).map(|kind| (kind, id))
    }
}

/// What a place holds of a repository: sizes in bytes by name.
#[derive(Debug, Default)]
pub(super) struct Holding {
    /// There is a `config`.
    pub(super) config: bool,
    of: BTreeMap<Kind, BTreeMap<String, u64>>,
}

impl Holding {
    pub(super) fn of(&self, kind: Kind) -> impl Iterator<Item = (&str, u64)> {
        self.of.get(&kind).into_iter().flatten().map(|(id, size)| (id.as_str(), *size))
    }

    pub(super) fn size(&self, kind: Kind, id: &str) -> Option<u64> {
        self.of.get(&kind)?.get(id).copied()
    }

    /// Number and bytes of the objects of a kind.
    pub(super) fn sum(&self, kind: Kind) -> (u64, u64) {
        self.of(kind).fold((0, 0), |(number, bytes), (_, size)| (number + 1, bytes.saturating_add(size)))
    }

    /// Whether there is nothing but perhaps a `config`.
    pub(super) fn is_empty(&self) -> bool {
        self.of.values().all(BTreeMap::is_empty)
    }

    /// Enters what a listing says of an object.
    pub(super) fn enter(&mut self, key: &str, size: u64) {
        if key == CONFIG {
            self.config = true;
        } else if let Some((kind, id)) = Kind::of(key) {
            self.of.entry(kind).or_default().insert(id.to_owned(), size);
        }
    }
}

/// A repository's place on a server.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) s3: S3,
    pub(super) bucket: String,
    /// With a slash at its end, unless it is empty.
    pub(super) prefix: String,
}

impl Place {
    pub(super) fn new(repository: &Repository, credentials: &Credentials) -> Outcome<Self> {
        let prefix = match repository.prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        Ok(Self { s3: S3::new(&repository.endpoint, repository, credentials)?, bucket: repository.bucket.clone(), prefix })
    }

    fn path(&self, key: &str) -> String {
        format!("/{}/{}{key}", self.bucket, self.prefix)
    }

    /// Makes the bucket, unless it is there: whoever may only use it need not be allowed to make any.
    pub(super) fn make(&self) -> Outcome<()> {
        let path = format!("/{}", self.bucket);
        let query = [("list-type", "2"), ("prefix", self.prefix.as_str()), ("max-keys", "1")];
        let there = self.s3.ask(&Ask { method: "GET", path: &path, query: &query, ..Ask::default() })?;
        if there.unless("Looking for the bucket", &["NoSuchBucket"])?.is_fine() {
            return Ok(());
        }
        let fine = ["BucketAlreadyOwnedByYou", "BucketAlreadyExists"];
        self.s3.ask(&Ask { method: "PUT", path: &path, ..Ask::default() })?.unless("Making the bucket", &fine).map(drop)
    }

    /// All objects, with what others need listed last: what a snapshot needs was written before it, so it is found after it.
    pub(super) fn list(&self) -> Outcome<Holding> {
        let mut found = Holding::default();
        for folder in Kind::ALL.into_iter().rev().map(|kind| format!("{}/", kind.folder())).chain([CONFIG.to_owned()]) {
            self.pages(&format!("{}{folder}", self.prefix), &mut found)?;
        }
        Ok(found)
    }

    /// The names of all objects of a kind.
    pub(super) fn names(&self, kind: Kind) -> Outcome<BTreeSet<String>> {
        let mut found = Holding::default();
        self.pages(&format!("{}{}/", self.prefix, kind.folder()), &mut found)?;
        Ok(found.of(kind).map(|(id, _)| id.to_owned()).collect())
    }

    /// Enters all objects below a prefix, page by page.
    fn pages(&self, prefix: &str, found: &mut Holding) -> Outcome<()> {
        let path = format!("/{}", self.bucket);
        let mut next: Option<String> = None;
        loop {
            let mut query = vec![("list-type", "2"), ("prefix", prefix)];
            if let Some(token) = &next {
                query.push(("continuation-token", token));
            }
            let ask = Ask { method: "GET", path: &path, query: &query, ..Ask::default() };
            let answer = self.s3.ask(&ask)?.unless("Listing what the place holds", &["NoSuchBucket"])?;
            if !answer.is_fine() {
                return Ok(());
            }
            let page = page(&answer.body)?;
            for (key, size) in page.objects {
                if let Some(key) = key.strip_prefix(self.prefix.as_str()) {
                    found.enter(key, size);
                }
            }
            // A page that leads to itself would be read for ever.
            next = match page.next {
                None => return Ok(()),
                token if token == next => return Err(Failure::new(Class::Other, "The target's list of objects does not come to an end.")),
                token => token,
            };
        }
    }

    /// An object's content; none when it is not there. At most so many bytes.
    pub(super) fn get(&self, key: &str, size: u64) -> Outcome<Option<Bytes>> {
        let most = usize::try_from(size.max(ERROR)).unwrap_or(usize::MAX);
        let (path, patience) = (self.path(key), PATIENCE + Duration::from_secs(size / SLOWEST));
        let ask = Ask { method: "GET", path: &path, ..Ask::default() };
        let (status, body) = self.s3.fetch(&ask, patience, most)?;
        if status == 200 {
            return Ok(Some(body));
        }
        let answer = super::s3::Answer { status, body: String::from_utf8_lossy(&body).into_owned() };
        answer.unless(&format!("Reading {key}"), &["NoSuchKey", "NoSuchBucket"]).map(|_| None)
    }

    /// Writes an object. The server is told its SHA-256 and takes nothing else.
    pub(super) fn put(&self, key: &str, body: Bytes) -> Outcome<()> {
        let path = self.path(key);
        let patience = PATIENCE + Duration::from_secs(u64::try_from(body.len()).unwrap_or(u64::MAX) / SLOWEST);
        let (status, said) = self.s3.fetch(&Ask { method: "PUT", path: &path, body, ..Ask::default() }, patience, usize::MAX)?;
        let answer = super::s3::Answer { status, body: String::from_utf8_lossy(&said).into_owned() };
        answer.unless(&format!("Writing {key}"), &[]).map(drop)
    }

    /// Takes objects away; on a server that keeps versions they stay as such.
    pub(super) fn remove(&self, keys: &[String]) -> Outcome<()> {
        let path = format!("/{}", self.bucket);
        keys.chunks(AT_ONCE).try_for_each(|some| {
            let some: Vec<_> = some.iter().map(|key| (format!("{}{key}", self.prefix), String::new())).collect();
            self.s3.delete(&path, &some)
        })
    }
}

/// Whether a content is what its name says.
pub(super) fn is_genuine(id: &str, content: &[u8]) -> bool {
    hex::encode(Sha256::digest(content)) == id
}

/// One page of a listing.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    objects: Vec<(String, u64)>,
    /// What leads to the next one.
    next: Option<String>,
}

fn page(xml: &str) -> Outcome<Page> {
    let wrong = |why: String| Failure::new(Class::Other, format!("The target's list of objects cannot be read: {why}."));
    let document = roxmltree::Document::parse(xml).map_err(|error| wrong(error.to_string()))?;
    let root = document.root_element();
    let entries = root.children().filter(|node| node.tag_name().name() == "Contents");
    // An object without a size that is passed over would look as if it were not there.
    let object = |entry| {
        let (key, size) = (field(entry, "Key"), field(entry, "Size"));
        size.parse().map(|size| (key.clone(), size)).map_err(|_| wrong(format!("the size of {key} is `{size}`")))
    };
    let objects = entries.map(object).collect::<Outcome<_>>()?;
    let next = match (field(root, "IsTruncated").as_str(), field(root, "NextContinuationToken")) {
        ("true", token) if token.is_empty() => return Err(wrong("it is cut off, and nothing leads on".into())),
        ("true", token) => Some(token),
        _ => None,
    };
    Ok(Page { objects, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    #[test]
    fn what_is_not_restics_is_nothing() {
        assert_eq!(Kind::of(&format!("data/9f/{ID}")), Some((Kind::Data, ID)));
        for kind in Kind::ALL {
            assert_eq!(Kind::of(&kind.key(ID)), Some((kind, ID)));
        }
        let upper = ID.to_uppercase();
        for key in
            [&format!("locks/{ID}"), &format!("data/00/{ID}"), &format!("data/{ID}"), &format!("x/keys/{ID}"), &format!("keys/{upper}")]
        {
            assert_eq!(Kind::of(key), None, "{key}");
        }
        assert_eq!(Kind::of("config"), None);
        let mut found = Holding::default();
        for (key, size) in [("config", 155), (&format!("locks/{ID}"), 7), (&format!("snapshots/{ID}"), 3), ("readme", 1)] {
            found.enter(key, size);
        }
        assert!(found.config);
        assert_eq!(Kind::ALL.map(|kind| found.sum(kind)), [(0, 0), (0, 0), (0, 0), (1, 3)]);
    }

    #[test]
    fn a_name_tells_what_the_content_has_to_be() {
        assert!(is_genuine(ID, b"test"));
        assert!(!is_genuine(ID, b"tesu") && !is_genuine(ID, b""));
    }

    #[test]
    fn a_page_leads_on_or_is_the_last() {
        let xml = |more: &str| {
            format!(
                r#"<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Contents><Key>a&amp;b</Key><Size>7</Size></Contents>{more}</ListBucketResult>"#
            )
        };
        let objects = || vec![("a&b".to_owned(), 7)];
        assert_eq!(page(&xml("<IsTruncated>false</IsTruncated>")).unwrap(), Page { objects: objects(), next: None });
        let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t=</NextContinuationToken>";
        assert_eq!(page(&xml(more)).unwrap(), Page { objects: objects(), next: Some("t=".into()) });
        for wrong in [xml("<IsTruncated>true</IsTruncated>"), xml("<Contents><Key>c</Key></Contents>"), "<no".to_owned()] {
            assert_eq!(page(&wrong).unwrap_err().class, Class::Other, "{wrong}");
        }
    }
}
