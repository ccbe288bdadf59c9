//! What files of the crate find in the place of `wait/sync.rs`: loom's locks, and what loom lacks.
//!
//! Loom takes sequentially consistent accesses for weaker ones, and finds schedules that don't exist
//! ("What is not supported" of its documentation, and its issue 180); fences it takes for what they
//! are, so each such access here is between two. Of a store and an exchange by two threads loom doesn't
//! see that the one comes after the other that did not read it, so stores are exchanges here. Loom's `unpark` is forgotten by a thread that waits
//! for a lock in between; here it is a flag under a lock. And it is early until a model says that it is late.

#![allow(unused_imports, reason = "each model uses a part")]

pub(crate) use loom::sync::{Condvar, Mutex, MutexGuard};
// Not loom's, which panics once more when it is dropped after a deadlock was found.
pub(crate) use std::sync::Arc;
pub(crate) use time::{Instant, pass};

pub(crate) mod atomic {
    use loom::sync::atomic::{self, fence};
    pub(crate) use std::sync::atomic::Ordering;

    fn ordered<R>(order: Ordering, access: impl FnOnce() -> R) -> R {
        if order != Ordering::SeqCst {
            return access();
        }
        fence(Ordering::SeqCst);
        let result = access();
        fence(Ordering::SeqCst);
        result
    }

    #[derive(Debug)]
    pub(crate) struct AtomicBool(atomic::AtomicBool);

    impl AtomicBool {
        pub(crate) fn new(value: bool) -> Self {
            Self(atomic::AtomicBool::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> bool {
            ordered(order, || self.0.load(order))
        }

        pub(crate) fn store(&self, value: bool, order: Ordering) {
            ordered(order, || {
                self.0.swap(value, order);
            });
        }

        pub(crate) fn swap(&self, value: bool, order: Ordering) -> bool {
            ordered(order, || self.0.swap(value, order))
        }
    }

    impl Default for AtomicBool {
        fn default() -> Self {
            Self::new(false)
        }
    }

    #[derive(Debug)]
    pub(crate) struct AtomicUsize(atomic::AtomicUsize);

    impl AtomicUsize {
        pub(crate) fn new(value: usize) -> Self {
            Self(atomic::AtomicUsize::new(value))
        }

        pub(crate) fn load(&self, order: Ordering) -> usize {
            ordered(order, || self.0.load(order))
        }

        pub(crate) fn store(&self, value: usize, order: Ordering) {
            ordered(order, || {
                self.0.swap(value, order);
            });
        }

        pub(crate) fn fetch_add(&self, value: usize, order: Ordering) -> usize {
            ordered(order, || self.0.fetch_add(value, order))
        }

        pub(crate) fn fetch_sub(&self, value: usize, order: Ordering) -> usize {
            ordered(order, || self.0.fetch_sub(value, order))
        }

        /// Takes one, if there is one.
        pub(crate) fn take_one(&self) -> bool {
            let less = |value: usize| value.checked_sub(1);
            let order = Ordering::SeqCst;
            ordered(order, || self.0.fetch_update(order, order, less)).is_ok()
        }
    }
}

pub(crate) mod thread {
    use std::time::Duration;

    use super::{Arc, Condvar, Mutex, time};

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

    pub(crate) fn park_timeout(_limit: Duration) {
        if time::unpark_late(current()) {
            park();
        }
    }
}

mod time {
    use std::ops::Add;
    use std::time::Duration;

    use loom::sync::Mutex;

    use super::thread::Thread;

    /// A moment, in nanoseconds since the model began.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) struct Instant(u64);

    /// Late enough for everything.
    const LATE: u64 = 1 << 60;

    #[derive(Default)]
    struct Clock {
        is_late: bool,
        /// Those who sleep until a time.
        sleepers: Vec<Thread>,
    }

    loom::lazy_static! {
        static ref CLOCK: Mutex<Clock> = Mutex::new(Clock::default());
    }

    impl Instant {
        pub(crate) fn now() -> Self {
            Self(if CLOCK.lock().unwrap().is_late { LATE } else { 0 })
        }

        pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
            Some(Self(self.0.checked_add(u64::try_from(duration.as_nanos()).ok()?)?))
        }

        pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
            Duration::from_nanos(self.0.saturating_sub(earlier.0))
        }
    }

    impl Add<Duration> for Instant {
        type Output = Self;

        fn add(self, duration: Duration) -> Self {
            self.checked_add(duration).unwrap()
        }
    }

    /// Lets time pass until it is late, and everybody who sleeps until a time wakes up.
    pub(crate) fn pass() {
        let mut clock = CLOCK.lock().unwrap();
        clock.is_late = true;
        let sleepers = std::mem::take(&mut clock.sleepers);
        drop(clock);
        sleepers.iter().for_each(Thread::unpark);
    }

    /// Has a thread unparked when it is late. False if it is.
    pub(super) fn unpark_late(thread: Thread) -> bool {
        let mut clock = CLOCK.lock().unwrap();
        if !clock.is_late {
            clock.sleepers.push(thread);
        }
        !clock.is_late
    }
}
