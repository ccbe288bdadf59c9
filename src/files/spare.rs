//! A buffer on its way through the user's functions and back, without going home in between.
//!
//! A worker that reads one small file after the other would give its buffer back to the pool after
//! each, only to ask for one again: several locks, and lines of memory that go from core to core. So it
//! has one that is large enough for all of them.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::files::budget::Lease;

/// How large such a buffer is, in bytes.
const SPARE: usize = 256 << 10;

thread_local! {
    /// Where the lease is that is to stay when it is dropped on this thread.
    static LENT: Cell<Option<usize>> = const { Cell::new(None) };
    static DROPPED: Cell<Option<Lease>> = const { Cell::new(None) };
}

/// Whether buffers are lent in a run.
pub(crate) struct Lending {
    /// There is memory enough for one a worker; and no chunk has been kept by the user's functions, for
    /// which a smaller buffer would have done.
    is_fine: AtomicBool,
}

impl Lending {
    pub(crate) fn new(memory: usize, workers: usize) -> Self {
        Self { is_fine: AtomicBool::new(memory / 4 / SPARE >= workers) }
    }

    /// How large a buffer to ask for, of which so much is needed.
    pub(crate) fn len(&self, needed: usize) -> usize {
        if self.is_fine.load(Ordering::Relaxed) { needed.max(SPARE) } else { needed }
    }

    /// Runs `body`, which gets the lease. Returns it, too, if it was dropped meanwhile, on this thread,
    /// and may be used again.
    pub(crate) fn lend<T>(
        &self,
        lease: Lease,
        body: impl FnOnce(Lease) -> T,
    ) -> (T, Option<Lease>) {
        if !self.is_fine.load(Ordering::Relaxed) {
            return (body(lease), None);
        }
        LENT.set(Some(lease.place()));
        let result = body(lease);
        LENT.set(None);
        let back = DROPPED.take();
        if back.is_none() {
            self.is_fine.store(false, Ordering::Relaxed);
        }
        (result, back)
    }
}

/// Keeps a lease that is being dropped, if it is the one that was lent. Gives it back otherwise.
pub(super) fn keep(lease: Lease) -> Option<Lease> {
    if LENT.get() != Some(lease.place()) {
        return Some(lease);
    }
    LENT.set(None);
    DROPPED.set(Some(lease));
    None
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{Lending, SPARE};
    use crate::Dispatcher;
    use crate::files::Files;
    use crate::files::budget::Lease;

    const AMPLE: usize = 8 * SPARE;

    fn with_lease(test: impl FnOnce(Lease)) {
        let dispatcher = Dispatcher::builder().workers(1).build().unwrap();
        let files = Files::new(&dispatcher).unwrap();
        test(files.layer.budget.try_lease(100).unwrap());
    }

    #[test]
    fn what_is_dropped_comes_back() {
        with_lease(|lease| {
            let (lending, place) = (Lending::new(AMPLE, 2), lease.place());
            let (result, back) = lending.lend(lease, |lease| {
                drop(lease);
                5
            });
            assert_eq!((result, back.map(|lease| lease.place())), (5, Some(place)));
            assert_eq!((lending.len(1), lending.len(2 * SPARE)), (SPARE, 2 * SPARE));
        });
    }

    #[test]
    fn what_is_kept_or_goes_elsewhere_does_not_and_no_more_is_lent() {
        let elsewhere = |lease: Lease| thread::spawn(|| drop(lease)).join().unwrap();
        for keeps in [true, false] {
            with_lease(|lease| {
                let lending = Lending::new(AMPLE, 2);
                let (kept, back) = lending.lend(lease, |lease| {
                    if keeps {
                        return Some(lease);
                    }
                    elsewhere(lease);
                    None
                });
                assert!(back.is_none());
                assert_eq!(lending.len(1), 1, "as much as it takes");
                // It goes home: nobody wants it any more.
                let Some(kept) = kept else { return };
                let ((), back) = lending.lend(kept, drop);
                assert!(back.is_none());
            });
        }
    }

    #[test]
    fn others_that_are_dropped_meanwhile_go_home() {
        with_lease(|lease| {
            with_lease(|other| {
                let (lending, place) = (Lending::new(AMPLE, 1), lease.place());
                let ((), back) = lending.lend(lease, |lease| drop((other, lease)));
                assert_eq!(back.map(|lease| lease.place()), Some(place));
            });
        });
    }

    #[test]
    fn nothing_is_lent_where_memory_is_scarce() {
        assert_eq!(Lending::new(AMPLE, 2).len(1), SPARE);
        assert_eq!(Lending::new(AMPLE, 3).len(1), 1);
    }
}
