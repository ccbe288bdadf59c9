//! How many of a scope's jobs are not over, and the wait until none is left.
//!
//! It knows nothing of jobs, and has its primitives from `super::sync` alone, so that
//! `tests/model_scope.rs` can have loom run it in every order that there is.

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::thread::{Thread, current, park};

pub(crate) struct Headcount {
    /// Jobs that were accepted and are not over.
    present: AtomicUsize,
    /// Panics that no handle has taken.
    panics: AtomicUsize,
    /// The thread that waits: the one that opened the scope.
    owner: Thread,
}

impl Headcount {
    /// For the calling thread to wait.
    pub(crate) fn new() -> Self {
        Self { present: AtomicUsize::new(0), panics: AtomicUsize::new(0), owner: current() }
    }

    /// Counts a job in: before anybody can run it, and on a thread that the owner waits for anyway,
    /// be it that it is the owner's own or that it runs a job that is counted.
    pub(crate) fn enter(&self) {
        // Relaxed: this thread's `leave`, or its end, comes after it, and is what the owner sees.
        // Jobs occupy memory, so there are fewer than a `usize` counts.
        self.present.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a job out. All that it borrowed has been given up.
    pub(crate) fn leave(&self) {
        // Release, with the owner's Acquire: what the job did with borrowed memory happened before
        // the owner goes on. Whatever lies between two of these in the counter's order is another
        // addition or subtraction, so the owner synchronises with all that have left.
        if self.present.fetch_sub(1, Ordering::Release) == 1 {
            // The owner may have seen it and be gone: the handle to its thread is our own.
            self.owner.unpark();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.present.load(Ordering::Acquire) == 0
    }

    /// Waits until all have left. For the owner.
    pub(crate) fn wait_until_empty(&self) {
        // Others may unpark this thread too, so that alone says nothing.
        while !self.is_empty() {
            park();
        }
    }

    /// Counts a panic. By the job, before it leaves, and before a handle can take it.
    pub(crate) fn panicked(&self) {
        // Relaxed: the job leaves after it.
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes note that a handle has taken a panic that was counted.
    pub(crate) fn taken(&self) {
        // Relaxed: it is the owner that asks, so what counts is what it or a job did before.
        self.panics.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether there was a panic that no handle has taken. For the owner, when all have left.
    pub(crate) fn has_panicked(&self) -> bool {
        self.panics.load(Ordering::Relaxed) > 0
    }
}
