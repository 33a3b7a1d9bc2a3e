//! A second copy of a repository at another place, object by object.
//!
//! restic's own `copy` knows one key for both servers and writes a repository of another key. Objects need neither: each is
//! written under its name, so the second is the same repository and opens with the same passwords. What passes through here
//! is compared with its name: damage of the first does not reach the second.
//!
//! The second is a whole repository at every moment, whoever is killed:
//!
//! - written is first what others need: keys, packs, indexes, snapshots, each kind wholly before the next;
//! - taken away is first what needs others, and only after everything was written;
//! - nothing is taken away unless that was asked for and the first holds all that it has to: a first that was wiped must not
//!   wipe the second.

use super::super::work::{Class, Holds, Issue, Report, Repository, SECOND_ACCESS_KEY_FILE, SECOND_SECRET_KEY_FILE};
use super::failure::{Failure, Outcome};
use super::lanes::held;
use super::objects::{CONFIG, Holding, Kind, LARGEST, Place, is_genuine};
use super::restic::{Call, Credentials, Restic};
use super::upkeep::{lacking, missing};
use super::{Runner, issue, say, secret, timed};
use jiff::Timestamp;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Objects that are under way at the same time.
const AT_ONCE: usize = 4;
/// Bytes above which an object is under way alone among its like, so that four large ones do not fill the memory.
const LARGE: u64 = 32 << 20;
/// Bytes of a `config` at most; it has about 155.
const CONFIG_MOST: u64 = 64 << 10;

/// What is to be copied where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    pub(crate) to: &'a Repository,
    pub(crate) issue: Option<&'a Issue>,
    pub(crate) holds: &'a Holds,
    pub(crate) prune: bool,
    pub(crate) shrunk: bool,
    pub(crate) time: Option<Duration>,
    pub(crate) deleted_days: Option<u32>,
}

/// A failure, and at which of the two places.
#[derive(Debug)]
struct Broken {
    second: bool,
    failure: Failure,
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self { second: false, failure }
    }
}

/// The failure was at the second place.
fn of_second(failure: Failure) -> Broken {
    let Failure { class, message } = failure;
    Broken { second: true, failure: Failure::new(class, format!("At the second place: {message}")) }
}

type Copying<T> = Result<T, Broken>;

/// What was done.
#[derive(Debug, Default)]
struct Done {
    objects: AtomicU64,
    bytes: AtomicU64,
}

impl Runner {
    /// Copies what the second place lacks, and takes away there what is gone here if that is asked for.
    pub(crate) fn copy(&self, report: &mut Report, order: &Order<'_>) -> Outcome<()> {
        report.to = order.to.url();
        self.mirror(report, order).map_err(|broken| {
            report.second = broken.second;
            broken.failure
        })
    }

    fn mirror(&self, report: &mut Report, order: &Order<'_>) -> Copying<()> {
        let here = &self.work.repository;
        if here.url() == order.to.url() {
            return Err(Failure::order("The second place is the first one, so a copy there would be none.").into());
        }
        if let Some(wrong) = order.holds.values().flatten().find(|id| !super::sets::is_id(id)) {
            return Err(Failure::order(format!("`{wrong}` is not the whole id of a snapshot; nothing was copied.")).into());
        }
        let admin = Credentials {
            access_key: secret(&self.folder, SECOND_ACCESS_KEY_FILE)?,
            secret_key: secret(&self.folder, SECOND_SECRET_KEY_FILE)?,
        };
        let first = Place::new(here, self.restic.credentials())?;
        let second = Place::new(order.to, &admin).map_err(of_second)?;
        let there = timed(report, "list", || first.list())?;
        if !there.config {
            let gone = "There is no repository where it was, so nothing was copied, and nothing was taken away at the second place: it may hold what is lost here.";
            return Err(Failure::new(Class::Vanished, gone).into());
        }
        self.place(report, order, &second, &admin).map_err(of_second)?;
        let copied = timed(report, "list second", || second.list()).map_err(of_second)?;
        self.config(&first, &second, &copied)?;
        let (done, until) = (Done::default(), order.time.and_then(|time| Instant::now().checked_add(time)));
        let work = Mirror { first: &first, second: &second, restic: &self.restic, done: &done, until, large: Mutex::new(()) };
        for kind in Kind::ALL {
            // Of another size is half written, or was written over.
            let lacks: Vec<_> = there.of(kind).filter(|(id, size)| copied.size(kind, id) != Some(*size)).collect();
            if !lacks.is_empty() {
                say(&format!("{} {} to be copied", lacks.len(), kind.folder()));
                let mut second = false;
                let copying = || {
                    work.all(kind, &lacks).map_err(|broken| {
                        second = broken.second;
                        broken.failure
                    })
                };
                timed(report, kind.folder(), copying).map_err(|failure| Broken { second, failure })?;
            }
        }
        (report.files, report.bytes) = Kind::ALL.map(|kind| there.sum(kind)).iter().fold((1, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        report.added = done.bytes.into_inner();
        suspicious(&there, &copied, order)?;
        let tidied = match order.deleted_days.filter(|_| order.prune) {
            Some(days) => second.tidy(report, days, Timestamp::now()).map_err(of_second)?,
            None => String::new(),
        };
        let gone = if order.prune { self.take_away(report, &there, &copied, &second)? } else { 0 };
        let let_go = if gone > 0 { format!(", and {gone} that the first does not hold any more were taken away") } else { String::new() };
        let (number, added, all) = (done.objects.into_inner(), report.added, report.files);
        report.message =
            format!("{number} objects with {added} bytes were copied{let_go}; the second place holds all {all} of the repository.{tidied}");
        Ok(())
    }

    /// Makes the bucket at the second place, and the writer where it isolates tenants, as they were made at the first.
    fn place(&self, report: &mut Report, order: &Order<'_>, second: &Place, admin: &Credentials) -> Outcome<()> {
        let Some(wanted) = order.issue else { return second.make() };
        let writer = self.writer()?;
        let issuer = issue::issuer(wanted, order.to, admin)?;
        timed(report, "issue", || issuer.issue(&writer))
    }

    /// Takes away what the first does not hold any more, what needs others before what it needs; how many objects.
    fn take_away(&self, report: &mut Report, there: &Holding, copied: &Holding, second: &Place) -> Copying<usize> {
        let gone = |kind: Kind| copied.of(kind).filter(move |(id, _)| there.size(kind, id).is_none()).map(move |(id, _)| kind.key(id));
        let gone = [Kind::Snapshots, Kind::Index, Kind::Data].map(|kind| gone(kind).collect::<Vec<String>>());
        if gone.iter().all(Vec::is_empty) {
            return Ok(0);
        }
        // What was listed needs nothing of what was not: then nothing that somebody deleted at the first is lost here.
        timed(report, "check", || self.restic.run(&Call::new(["check"]))).map_err(|failure| {
            let kept = format!("{} Nothing was taken away at the second place: it may hold what is lost here.", failure.message);
            Failure::new(failure.class, kept)
        })?;
        for keys in gone.iter().filter(|keys| !keys.is_empty()) {
            if self.restic.stopped() {
                return Err(stopped().into());
            }
            timed(report, "take away", || second.remove(keys)).map_err(of_second)?;
        }
        Ok(gone.iter().map(Vec::len).sum())
    }

    /// Copies the `config`, or sees that it is the same. It has no name to be compared with, so it is never written over.
    fn config(&self, first: &Place, second: &Place, copied: &Holding) -> Copying<()> {
        let another = |what: &str| {
            let message = format!(
                "At the second place {what}. Nothing was written there: find out whose it is, and move it away or name another place."
            );
            Broken { second: true, failure: Failure::order(message) }
        };
        let vanished = || Failure::new(Class::Vanished, "The config of the repository was there a moment ago and is not any more.");
        let own = first.get(CONFIG, CONFIG_MOST)?.ok_or_else(vanished)?;
        let there = if copied.config { second.get(CONFIG, CONFIG_MOST).map_err(of_second)? } else { None };
        match there {
            Some(there) if there == own => return Ok(()),
            None if !copied.is_empty() => return Err(another("lie files of a repository without a config")),
            // It is written before anything else and never taken away.
            Some(_) | None => {}
        }
        // Whether the one here is what it was: it is sealed with a key that the password opens.
        self.restic.run(&Call { waits: false, ..Call::new(["cat", "config", "--no-lock"]) })?;
        if there.is_some() {
            return Err(another("lies another repository"));
        }
        second.put(CONFIG, own).map_err(of_second)
    }
}

fn stopped() -> Failure {
    Failure::new(Class::Deadline, "It was asked to end before it was done.")
}

/// Whether the first lacks so much that it may have been wiped. What it has was copied all the same, which takes nothing away.
fn suspicious(there: &Holding, copied: &Holding, order: &Order<'_>) -> Outcome<()> {
    let lacks = lacking(order.holds, |id| there.size(Kind::Snapshots, id).is_some());
    if !lacks.is_empty() {
        let failure = missing(&lacks, order.holds.len());
        let kept = "What is new was copied, and nothing was taken away at the second place: it may hold what is lost here.";
        return Err(Failure::new(failure.class, format!("{} {kept}", failure.message)));
    }
    let (now, was) = (there.sum(Kind::Data), copied.sum(Kind::Data));
    // By number and by bytes: a prune makes few packs out of many small ones, and that loses nothing.
    if !order.shrunk && now.0 < was.0.div_ceil(2) && now.1 < was.1.div_ceil(2) {
        let message = format!(
            "The repository has {} packs with {} bytes and the second place {} with {}, so far more than is usual is gone. What is new was copied, and nothing was taken away at the second place.",
            now.0, now.1, was.0, was.1
        );
        return Err(Failure::new(Class::Suspicious, message));
    }
    Ok(())
}

/// Both places.
struct Mirror<'a> {
    first: &'a Place,
    second: &'a Place,
    restic: &'a Restic,
    done: &'a Done,
    /// When nothing more is begun.
    until: Option<Instant>,
    /// Held by whoever has a large object under way.
    large: Mutex<()>,
}

impl Mirror<'_> {
    /// Copies objects of a kind, some at a time. After a failure no other begins; the first one is told.
    fn all(&self, kind: Kind, objects: &[(&str, u64)]) -> Copying<()> {
        let (next, broken) = (AtomicUsize::new(0), Mutex::new(None));
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(objects.len()) {
                scope.spawn(|| {
                    while held(&broken).is_none() {
                        let Some((id, size)) = objects.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                        if let Err(found) = self.one(kind, id, *size) {
                            held(&broken).get_or_insert(found);
                        }
                    }
                });
            }
        });
        broken.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    fn one(&self, kind: Kind, id: &str, size: u64) -> Copying<()> {
        if self.restic.stopped() {
            return Err(stopped().into());
        }
        if self.until.is_some_and(|until| Instant::now() >= until) {
            let message =
                "Not everything was copied in the time that there is for it. What was copied stays, and the next copy goes on from it.";
            return Err(Failure::new(Class::Deadline, message).into());
        }
        let _alone = (size > LARGE).then(|| held(&self.large));
        let content = self.read(kind, id, size)?;
        self.second.put(&kind.key(id), content).map_err(of_second)?;
        self.done.objects.fetch_add(1, Ordering::Relaxed);
        self.done.bytes.fetch_add(size, Ordering::Relaxed);
        Ok(())
    }

    /// An object that is what its name says; read twice before it is called damaged, for the way to here may have spoilt it.
    fn read(&self, kind: Kind, id: &str, size: u64) -> Outcome<hyper::body::Bytes> {
        let key = kind.key(id);
        if size > LARGEST {
            return Err(Failure::new(Class::Other, format!("{key} has {size} bytes, and no object of a repository is as large.")));
        }
        for _ in 0..2 {
            let gone = || Failure::new(Class::Missing, format!("{key} was listed at the first target and is not there."));
            let content = self.first.get(&key, size)?.ok_or_else(gone)?;
            if is_genuine(id, &content) {
                return Ok(content);
            }
        }
        let message = format!(
            "The first target holds damaged data: the content of {key} is not what its name says. It was not copied, nor any newer set that may need it."
        );
        Err(Failure::new(Class::Damaged, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(packs: &[u64], snapshots: &[&str]) -> Holding {
        let mut made = Holding::default();
        for (number, size) in packs.iter().enumerate() {
            made.enter(&Kind::Data.key(&format!("{number:064x}")), *size);
        }
        for id in snapshots {
            made.enter(&Kind::Snapshots.key(id), 1);
        }
        made
    }

    #[test]
    fn a_first_that_lost_most_of_what_it_had_is_suspicious() {
        let to = Repository::default();
        let whole = "a".repeat(64);
        let holds = [("set".to_owned(), vec![whole.clone()])].into();
        let order = Order { to: &to, issue: None, holds: &holds, prune: true, shrunk: false, time: None, deleted_days: None };
        let whole = whole.as_str();
        let class = |packs: &[u64], snapshots: &[&str], was: &[u64], order: &Order<'_>| {
            suspicious(&holding(packs, snapshots), &holding(was, &[]), order).map_err(|failure| failure.class)
        };
        assert_eq!(class(&[5, 5], &[whole], &[5, 5, 5, 5], &order), Ok(()), "half of it");
        assert_eq!(class(&[5], &[whole], &[5, 5, 5, 5], &order), Err(Class::Suspicious));
        assert_eq!(class(&[], &[whole], &[5], &order), Err(Class::Suspicious));
        assert_eq!(class(&[20], &[whole], &[5, 5, 5, 5], &order), Ok(()), "a prune made one pack of four");
        assert_eq!(class(&[5, 5, 5, 5], &[], &[], &order), Err(Class::Suspicious), "a set is not there any more");
        assert_eq!(class(&[5], &[whole], &[5, 5, 5, 5], &Order { shrunk: true, ..order }), Ok(()), "somebody said that it is right");
        assert_eq!(class(&[5], &[], &[5, 5], &Order { shrunk: true, ..order }), Err(Class::Suspicious), "whatever was said");
    }
}
