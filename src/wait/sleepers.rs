//! The workers that sleep because there is nothing to do, and how they are woken.
//!
//! The channel of completed jobs wakes nobody: which of its jobs are worth a worker's wake-up is
//! decided by who sends them. So workers sleep here, and who fell asleep last, with its caches
//! still warm, is woken first.

use std::sync::{OnceLock, PoisonError};
use std::time::Duration;

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::thread::{self, Thread};
use crate::sync::{Instant, Mutex, MutexGuard};

pub(crate) struct Sleepers {
    /// Workers that sleep, or are about to, and have not been woken.
    idle: Mutex<Idle>,
    /// How many these are. Sequentially consistent, like the indices of the channel of completed
    /// jobs: a worker counts itself in and then looks at that channel; who sends to it sends and
    /// then looks here. One of them sees the other.
    count: AtomicUsize,
    /// Workers that have been woken and have not heard it yet.
    coming: AtomicUsize,
    /// Nobody is to sleep any more. As `count`, it is looked at after turning in.
    dismissed: AtomicBool,
    spots: Box<[ParkingSpot]>,
}

#[derive(Default)]
struct Idle {
    /// Who fell asleep last is last.
    workers: Vec<usize>,
    /// When the first of them, which is woken last, is to wake up by itself.
    alarm: Option<Instant>,
}

/// Where one worker sleeps.
#[derive(Default)]
struct ParkingSpot {
    woken: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Sleepers {
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            idle: Mutex::new(Idle { workers: Vec::with_capacity(workers), alarm: None }),
            count: AtomicUsize::new(0),
            coming: AtomicUsize::new(0),
            dismissed: AtomicBool::new(false),
            spots: (0..workers).map(|_| ParkingSpot::default()).collect(),
        }
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.spots.len()
    }

    /// How many workers could be woken.
    pub(crate) fn idle(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// How many workers are awake or have been woken.
    pub(crate) fn awake(&self) -> usize {
        self.workers().saturating_sub(self.idle())
    }

    /// How many workers have been woken and have not heard it yet.
    pub(crate) fn coming(&self) -> usize {
        self.coming.load(Ordering::SeqCst)
    }

    /// Calls an idle worker. False if there is none.
    pub(crate) fn wake_one(&self) -> bool {
        if self.idle() == 0 {
            return false;
        }
        let mut idle = self.lock();
        let Some(worker) = idle.workers.pop() else { return false };
        self.coming.fetch_add(1, Ordering::SeqCst);
        self.count.store(idle.workers.len(), Ordering::SeqCst);
        drop(idle);
        self.spots[worker].woken.store(true, Ordering::Release);
        self.unpark_worker(worker);
        true
    }

    /// Counts the calling worker as idle, which then looks once more whether there is something to
    /// do, and either [`sleep`](Self::sleep)s or [`cancel_idle`](Self::cancel_idle)s. Of those that are idle one
    /// wakes up at the time given.
    pub(crate) fn announce_idle(&self, worker: usize, alarm: Option<Instant>) {
        self.spots[worker].thread.get_or_init(thread::current);
        let mut idle = self.lock();
        self.set_alarm(&mut idle, alarm);
        idle.workers.push(worker);
        self.count.store(idle.workers.len(), Ordering::SeqCst);
    }

    /// Has one of those that are idle, if there are any, wake up at this time or before.
    pub(crate) fn wake_by(&self, time: Instant) {
        let mut idle = self.lock();
        if idle.alarm.is_none_or(|alarm| time < alarm) {
            self.set_alarm(&mut idle, Some(time));
        }
    }

    fn set_alarm(&self, idle: &mut Idle, alarm: Option<Instant>) {
        let earlier = alarm.is_some_and(|new| idle.alarm.is_none_or(|old| new < old));
        idle.alarm = alarm;
        if let Some(&first) = idle.workers.first().filter(|_| earlier) {
            self.unpark_worker(first);
        }
    }

    /// When a worker is to wake up by itself. Who does so doesn't pass that on, but looks whether
    /// something is to be done.
    fn alarm_of(&self, worker: usize) -> Option<Instant> {
        let idle = self.lock();
        idle.alarm.filter(|_| idle.workers.first() == Some(&worker))
    }

    /// Has a sleeping worker look whether it has been woken, or has another alarm.
    fn unpark_worker(&self, worker: usize) {
        if let Some(thread) = self.spots[worker].thread.get() {
            thread.unpark();
        }
    }

    /// Sleeps until woken, or until the limit, or until the alarm. True if woken.
    pub(crate) fn sleep(&self, worker: usize, limit: Option<Duration>) -> bool {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            if self.take_wake_up(worker) {
                return true;
            }
            let alarm = self.alarm_of(worker);
            let first = deadline.into_iter().chain(alarm).min();
            match first.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(Duration::ZERO) => {
                    if alarm == first {
                        self.lock().alarm = None;
                    }
                    return self.cancel_idle(worker);
                }
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    /// Is idle no longer. True if it has already been woken: that call is taken.
    pub(crate) fn cancel_idle(&self, worker: usize) -> bool {
        let mut idle = self.lock();
        if let Some(position) = idle.workers.iter().rposition(|&other| other == worker) {
            idle.workers.remove(position);
            self.count.store(idle.workers.len(), Ordering::SeqCst);
            if let (0, Some(_), Some(&next)) = (position, idle.alarm, idle.workers.first()) {
                self.unpark_worker(next);
            }
            return false;
        }
        drop(idle);
        while !self.take_wake_up(worker) {
            thread::park();
        }
        true
    }

    fn take_wake_up(&self, worker: usize) -> bool {
        let woken = self.spots[worker].woken.swap(false, Ordering::Acquire);
        if woken {
            self.coming.fetch_sub(1, Ordering::SeqCst);
        }
        woken
    }

    /// Wakes everybody for good.
    pub(crate) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::SeqCst);
        while self.wake_one() {}
    }

    pub(crate) fn are_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Nothing in here panics.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
