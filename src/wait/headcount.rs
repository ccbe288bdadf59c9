//! How many of a scope's jobs are not over, and the wait until none is left.
//!
//! It knows nothing of jobs. The model of it is `src/pipeline/models/scope.rs`.

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread::{Thread, current, park};
use crate::sync::{Mutex, lock};

pub(crate) struct Headcount {
    /// Jobs that were accepted and are not over.
    present: AtomicUsize,
    /// Panics that no handle has taken.
    panics: Mutex<Vec<JobPanic>>,
    /// The thread that waits: the one that opened the scope.
    owner: Thread,
}

impl Headcount {
    /// For the calling thread to wait.
    pub(crate) fn new() -> Self {
        Self { present: AtomicUsize::new(0), panics: Mutex::default(), owner: current() }
    }

    /// Counts a job in, before any thread can run it. The caller is the owner's thread, or one that
    /// runs a job that is counted, so that the owner waits for it anyway.
    pub(crate) fn enter(&self) {
        // Relaxed: on this thread a `leave` follows, or the owner's own wait, and the owner sees
        // that. Jobs occupy memory, so there are fewer than a `usize` counts.
        self.present.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a job out, once the job has given up all that it borrowed.
    pub(crate) fn leave(&self) {
        // Release, with the owner's Acquire: the job's accesses to borrowed memory happen before
        // the owner goes on. Between two of these subtractions the counter's order has nothing but
        // other additions and subtractions, so the owner synchronises with all jobs that have left.
        if self.present.fetch_sub(1, Ordering::Release) == 1 {
            // The owner may have seen the counter and be gone. This handle to its thread stays.
            self.owner.unpark();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.present.load(Ordering::Acquire) == 0
    }

    /// Waits until all jobs have left. Only the owner calls this.
    pub(crate) fn wait_until_empty(&self) {
        // Any thread may unpark this one, so being unparked says nothing.
        while !self.is_empty() {
            park();
        }
    }

    /// Takes note of a panic. The job does so before it leaves, and before a handle can take the
    /// panic. `handle` is a number by which the job's handle will name it, if the job has a handle.
    pub(crate) fn panicked(&self, handle: Option<usize>, message: Option<&str>) {
        let message = message.map(str::to_owned);
        lock(&self.panics).push(JobPanic { handle, message });
    }

    /// Takes note that a handle has taken its job's panic.
    pub(crate) fn taken(&self, handle: usize) {
        let mut panics = lock(&self.panics);
        // The last: a number may have belonged to a handle that was dropped before.
        if let Some(place) = panics.iter().rposition(|panic| panic.handle == Some(handle)) {
            panics.remove(place);
        }
    }

    /// The first panic that no handle has taken. Only the owner calls this, when all jobs have
    /// left.
    pub(crate) fn untaken_panic(&self) -> Option<JobPanic> {
        lock(&self.panics).drain(..).next()
    }
}

/// A job's panic.
pub(crate) struct JobPanic {
    /// The number of the job's handle, if it has one.
    handle: Option<usize>,
    /// The panic's message, if it had one.
    pub(crate) message: Option<String>,
}
