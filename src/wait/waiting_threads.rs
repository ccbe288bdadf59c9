//! Threads that wait for what others of the same kind have to do.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// Counts those of some threads that wait for the others. The last one may not: nobody would be
/// left to do what it waits for.
pub(crate) struct WaitingThreads {
    threads: usize,
    waiting: AtomicUsize,
}

/// One of the threads that wait.
pub(crate) struct WaitingThread<'a>(&'a WaitingThreads);

/// A thread that waits for what others have to do, as long as the value exists.
pub(crate) enum Wait<'a> {
    /// It is none of those others.
    Outside,
    /// It does an errand, and those others are of the same kind.
    InErrand { _thread: WaitingThread<'a> },
    /// It is one of them, and its own job occupies a slot meanwhile.
    Inside { _thread: WaitingThread<'a>, _slot: WaitingThread<'a> },
}

impl WaitingThreads {
    /// None of so many threads waits.
    pub(crate) fn of(threads: usize) -> Self {
        Self { threads, waiting: AtomicUsize::new(0) }
    }

    /// The calling thread waits as long as the value exists. `None` if it must not, as it would be
    /// the last.
    pub(crate) fn wait(&self) -> Option<WaitingThread<'_>> {
        // Relaxed: the count orders nothing, and only the one counter decides.
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = WaitingThread(self);
        (before + 1 < self.threads).then_some(waiting)
    }
}

impl Drop for WaitingThread<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::WaitingThreads;

    #[test]
    fn all_but_one_may_wait() {
        let three = WaitingThreads::of(3);
        let (first, second) = (three.wait(), three.wait());
        assert!(first.is_some() && second.is_some());
        assert!(three.wait().is_none() && three.wait().is_none());
        drop(first);
        assert!(three.wait().is_some());
        assert!(WaitingThreads::of(1).wait().is_none());
    }
}
