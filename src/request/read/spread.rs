//! Spreads independent work over the processors and keeps its order.

use std::num::NonZero;
use std::thread;

/// Fewer items than this are not worth a thread.
const WORTH: usize = 64;

/// Does `work` for every item; each thread has a state of its own.
pub fn spread<T: Sync, S, R: Send>(items: &[T], state: impl Fn() -> S + Sync, work: impl Fn(&mut S, &T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(items.len() / WORTH).max(1);
    let run = |part: &[T]| {
        let mut state = state();
        part.iter().map(|item| work(&mut state, item)).collect::<Vec<R>>()
    };
    if threads == 1 {
        return run(items);
    }
    thread::scope(|scope| {
        let run = &run;
        let parts: Vec<_> = items.chunks(items.len().div_ceil(threads)).map(|part| scope.spawn(move || run(part))).collect();
        let join = |part: thread::ScopedJoinHandle<'_, Vec<R>>| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        parts.into_iter().flat_map(join).collect()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_order_is_kept() {
        let items: Vec<usize> = (0..1000).collect();
        assert_eq!(super::spread(&items, || (), |(), n| n * 2), items.iter().map(|n| n * 2).collect::<Vec<_>>());
    }
}
