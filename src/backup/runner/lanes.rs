//! Two calls of the program at a time: most of a short one is the opening of the repository, which a long one need not wait for.

use super::failure::{Failure, Outcome};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Something to be done in one of the lanes.
pub(super) type Job<'a> = Box<dyn FnOnce() -> Outcome<()> + Send + 'a>;

/// Does the long jobs one after another, and the short ones beside them; whoever has no more long ones helps with the short.
///
/// After a failure no other job begins; the one beside it goes on to its end. The first failure is the one that is told.
pub(super) fn side_by_side(long: Vec<Job<'_>>, short: Vec<Job<'_>>) -> Outcome<()> {
    let (long, short) = (Mutex::new(VecDeque::from(long)), Mutex::new(VecDeque::from(short)));
    let failure: Mutex<Option<Failure>> = Mutex::new(None);
    let work = |lanes: &[&Mutex<VecDeque<Job<'_>>>]| {
        while held(&failure).is_none() {
            let Some(job) = lanes.iter().find_map(|lane| held(lane).pop_front()) else { break };
            if let Err(found) = job() {
                held(&failure).get_or_insert(found);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| work(&[&short]));
        work(&[&long, &short]);
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// What a lock guards, also after somebody who held it has panicked: nothing in here is left half done.
pub(super) fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::super::work::Class;
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::channel;

    #[test]
    fn short_ones_do_not_wait_for_a_long_one() {
        let (sender, receiver) = channel();
        let short: Job<'_> = Box::new(move || sender.send(()).map_err(|_| Failure::order("nobody listens")));
        // It ends only after the other was done.
        let long: Job<'_> = Box::new(move || receiver.recv().map_err(|_| Failure::order("never done")));
        assert_eq!(side_by_side(vec![long], vec![short]), Ok(()));
    }

    #[test]
    fn every_job_is_done_once_and_none_after_a_failure() {
        let count = AtomicU32::new(0);
        let job = || -> Job<'_> {
            Box::new(|| {
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            })
        };
        assert_eq!(side_by_side((0..5).map(|_| job()).collect(), (0..7).map(|_| job()).collect()), Ok(()));
        assert_eq!(count.swap(0, Ordering::SeqCst), 12);
        assert_eq!(side_by_side(Vec::new(), vec![job()]), Ok(()));
        assert_eq!(side_by_side(vec![job()], Vec::new()), Ok(()));
        assert_eq!(count.swap(0, Ordering::SeqCst), 2);
        let failing = |class| -> Job<'_> { Box::new(move || Err(Failure::new(class, "It failed."))) };
        let told = side_by_side(vec![failing(Class::NoSpace), job(), job()], Vec::new()).map_err(|failure| failure.class);
        assert_eq!((told, count.load(Ordering::SeqCst)), (Err(Class::NoSpace), 0));
    }
}
