//! Parking, by a flag under a lock.

use loom::sync::{Condvar, Mutex};

use std::sync::Arc;

/// A thread that parks; its clones are the same.
#[derive(Clone, Debug)]
pub(crate) struct Thread(Arc<Parker>);

#[derive(Debug)]
struct Parker {
    unparked: Mutex<bool>,
    wakes: Condvar,
}

loom::thread_local! {
    static CURRENT: Thread =
        Thread(Arc::new(Parker { unparked: Mutex::new(false), wakes: Condvar::new() }));
}

impl Thread {
    pub(crate) fn unpark(&self) {
        *self.0.unparked.lock().unwrap() = true;
        self.0.wakes.notify_one();
    }
}

pub(crate) fn current() -> Thread {
    CURRENT.with(Thread::clone)
}

pub(crate) fn park() {
    let this = current();
    let mut unparked = this.0.unparked.lock().unwrap();
    while !*unparked {
        unparked = this.0.wakes.wait(unparked).unwrap();
    }
    *unparked = false;
}
