//! A clock that is early until the model says that it is late.

use std::ops::{Add, Sub};
use std::sync::OnceLock;
use std::time::{self, Duration};

use loom::sync::Mutex;

use super::parking::Thread;

/// A moment. All models begin at the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(time::Instant);

/// Late enough for everything.
const LATE: Duration = Duration::from_secs(1 << 30);

#[derive(Default)]
struct Clock {
    is_late: bool,
    /// The threads that sleep until a time.
    sleepers: Vec<Thread>,
}

loom::lazy_static! {
    static ref CLOCK: Mutex<Clock> = Mutex::new(Clock::default());
}

fn beginning() -> time::Instant {
    static BEGINNING: OnceLock<time::Instant> = OnceLock::new();
    *BEGINNING.get_or_init(time::Instant::now)
}

impl Instant {
    pub(crate) fn now() -> Self {
        let passed = if CLOCK.lock().unwrap().is_late { LATE } else { Duration::ZERO };
        Self(beginning() + passed)
    }

    pub(crate) fn elapsed(self) -> Duration {
        Self::now() - self
    }

    pub(crate) fn checked_add(self, duration: Duration) -> Option<Self> {
        self.0.checked_add(duration).map(Self)
    }

    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.0 - earlier.0
    }
}

/// Lets time pass until it is late. Every thread that sleeps until a time wakes up.
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
