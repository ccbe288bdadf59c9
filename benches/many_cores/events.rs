//! What is to happen, in the order of time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::lock::ThreadId;
use crate::shared::Job;

/// Of the threads, of the lock, and of the device.
pub(crate) enum Event {
    Step(ThreadId),
    /// A thread that slept for this long, unless it has been woken from this sleep.
    Limit(ThreadId, u64),
    /// A thread wants the lock. It may have slept for it.
    Wants(ThreadId, bool),
    /// A thread that spins for the lock, by its ticket, has done so for long enough.
    SpunEnough(u64),
    GivesUp(ThreadId),
    Completed(Job),
}

/// An event, when it happens, and how many were foretold before.
struct Timed(f64, u64, Event);

/// The events that are to come.
#[derive(Default)]
pub(crate) struct Events {
    heap: BinaryHeap<Timed>,
    count: u64,
}

impl Events {
    pub(crate) fn add(&mut self, time: f64, event: Event) {
        self.count += 1;
        self.heap.push(Timed(time, self.count, event));
    }

    /// The next event, and when it happens.
    pub(crate) fn next(&mut self) -> Option<(f64, Event)> {
        let Timed(time, _, event) = self.heap.pop()?;
        Some((time, event))
    }
}

impl Ord for Timed {
    /// The earliest is the greatest, and of those at the same time the first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.total_cmp(&self.0).then(other.1.cmp(&self.1))
    }
}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timed {}
