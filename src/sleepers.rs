//! The workers that sleep because there is nothing to do, and how they are called.
//!
//! The channel of completed jobs wakes nobody: which of its jobs are worth a worker's wake-up is
//! decided by who sends them. So workers sleep here, and who fell asleep last, with its caches
//! still warm, is called first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

pub(crate) struct Sleepers {
    /// Workers that sleep, or are about to, and have not been called.
    idle: Mutex<Vec<usize>>,
    /// How many these are. Sequentially consistent, like the indices of the channel of completed
    /// jobs: a worker counts itself in and then looks at that channel; who sends to it sends and
    /// then looks here. One of them sees the other.
    count: AtomicUsize,
    /// Workers that have been called and have not heard it yet.
    coming: AtomicUsize,
    /// Nobody is to sleep any more. As `count`, it is looked at after turning in.
    dismissed: AtomicBool,
    beds: Box<[Bed]>,
}

/// Where one worker sleeps.
#[derive(Default)]
struct Bed {
    called: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Sleepers {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            idle: Mutex::new(Vec::with_capacity(workers)),
            count: AtomicUsize::new(0),
            coming: AtomicUsize::new(0),
            dismissed: AtomicBool::new(false),
            beds: (0..workers).map(|_| Bed::default()).collect(),
        }
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.beds.len()
    }

    /// How many workers could be called.
    pub(crate) fn idle(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// How many workers are awake or have been called.
    pub(crate) fn awake(&self) -> usize {
        self.workers().saturating_sub(self.idle())
    }

    /// How many workers have been called and have not heard it yet.
    pub(crate) fn coming(&self) -> usize {
        self.coming.load(Ordering::SeqCst)
    }

    /// Calls an idle worker. False if there is none.
    pub(crate) fn call(&self) -> bool {
        if self.idle() == 0 {
            return false;
        }
        let mut idle = self.lock();
        let Some(worker) = idle.pop() else { return false };
        self.coming.fetch_add(1, Ordering::SeqCst);
        self.count.store(idle.len(), Ordering::SeqCst);
        drop(idle);
        let bed = &self.beds[worker];
        bed.called.store(true, Ordering::Release);
        if let Some(thread) = bed.thread.get() {
            thread.unpark();
        }
        true
    }

    /// Counts the calling worker as idle, which then looks once more whether there is something to
    /// do, and either [`sleep`](Self::sleep)s or [`rise`](Self::rise)s.
    pub(crate) fn turn_in(&self, worker: usize) {
        self.beds[worker].thread.get_or_init(thread::current);
        let mut idle = self.lock();
        idle.push(worker);
        self.count.store(idle.len(), Ordering::SeqCst);
    }

    /// Sleeps until called, or until the limit. True if called.
    pub(crate) fn sleep(&self, worker: usize, limit: Option<Duration>) -> bool {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            if self.hear(worker) {
                return true;
            }
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => return self.rise(worker),
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    /// Is idle no longer. True if it has already been called: that call is taken.
    pub(crate) fn rise(&self, worker: usize) -> bool {
        let mut idle = self.lock();
        if let Some(position) = idle.iter().rposition(|&other| other == worker) {
            idle.remove(position);
            self.count.store(idle.len(), Ordering::SeqCst);
            return false;
        }
        drop(idle);
        while !self.hear(worker) {
            thread::park();
        }
        true
    }

    fn hear(&self, worker: usize) -> bool {
        let called = self.beds[worker].called.swap(false, Ordering::Acquire);
        if called {
            self.coming.fetch_sub(1, Ordering::SeqCst);
        }
        called
    }

    /// Wakes everybody for good.
    pub(crate) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::SeqCst);
        while self.call() {}
    }

    pub(crate) fn are_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<usize>> {
        // Nothing in here panics.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
