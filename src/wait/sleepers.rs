//! The workers that sleep because there is nothing to do, and how they are woken.
//!
//! The channel of completed jobs wakes nobody: the thread that sends a job decides whether it is
//! worth a worker's wake-up. So workers sleep here. The worker that fell asleep last is woken
//! first, as its caches are still warm.

use std::sync::OnceLock;
use std::time::Duration;

use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::thread::{self, Thread};
use crate::sync::{Instant, Mutex, lock};

pub(crate) struct Sleepers {
    /// Workers that sleep, or are about to, and have not been woken.
    idle: Mutex<IdleWorkers>,
    /// How many these are. Sequentially consistent, like the indices of the channel of completed
    /// jobs: a worker counts itself in here and then looks at the channel, and a sender sends to
    /// the channel and then looks here. One of the two sees the other.
    count: AtomicUsize,
    /// Workers that have been woken and have not noticed it yet.
    coming: AtomicUsize,
    /// No worker is to sleep any more. Like the channel, a worker looks at this after it has
    /// counted itself in.
    dismissed: AtomicBool,
    spots: Box<[ParkingSpot]>,
}

#[derive(Default)]
struct IdleWorkers {
    /// The one that fell asleep last is last.
    workers: Vec<usize>,
    /// When one of them is to wake up by itself: the first, as other threads wake it last.
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
            idle: Mutex::new(IdleWorkers { workers: Vec::with_capacity(workers), alarm: None }),
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

    /// How many workers have been woken and have not noticed it yet.
    pub(crate) fn coming(&self) -> usize {
        self.coming.load(Ordering::SeqCst)
    }

    /// Wakes an idle worker. False if there is none.
    pub(crate) fn wake_one(&self) -> bool {
        if self.idle() == 0 {
            return false;
        }
        let mut idle = lock(&self.idle);
        let Some(worker) = idle.workers.pop() else { return false };
        self.coming.fetch_add(1, Ordering::SeqCst);
        self.count.store(idle.workers.len(), Ordering::SeqCst);
        drop(idle);
        self.spots[worker].woken.store(true, Ordering::Release);
        self.unpark_worker(worker);
        true
    }

    /// Counts the calling worker as idle. The worker then looks once more whether there is
    /// something to do, and calls either [`sleep`](Self::sleep) or
    /// [`cancel_idle`](Self::cancel_idle). One of the idle workers wakes up at the time given.
    pub(crate) fn announce_idle(&self, worker: usize, alarm: Option<Instant>) {
        self.spots[worker].thread.get_or_init(thread::current);
        let mut idle = lock(&self.idle);
        self.set_alarm(&mut idle, alarm);
        idle.workers.push(worker);
        self.count.store(idle.workers.len(), Ordering::SeqCst);
    }

    /// Has one of the idle workers, if there are any, wake up at this time or before.
    pub(crate) fn wake_by(&self, time: Instant) {
        let mut idle = lock(&self.idle);
        if idle.alarm.is_none_or(|alarm| time < alarm) {
            self.set_alarm(&mut idle, Some(time));
        }
    }

    fn set_alarm(&self, idle: &mut IdleWorkers, alarm: Option<Instant>) {
        let earlier = alarm.is_some_and(|new| idle.alarm.is_none_or(|old| new < old));
        idle.alarm = alarm;
        if let Some(&first) = idle.workers.first().filter(|_| earlier) {
            self.unpark_worker(first);
        }
    }

    /// The alarm, if this worker has it. A worker that wakes up by itself looks whether there is
    /// something to do, and does not pass the alarm on.
    fn alarm_of(&self, worker: usize) -> Option<Instant> {
        let idle = lock(&self.idle);
        idle.alarm.filter(|_| idle.workers.first() == Some(&worker))
    }

    /// Has a sleeping worker look whether it has been woken, or has another alarm.
    fn unpark_worker(&self, worker: usize) {
        if let Some(thread) = self.spots[worker].thread.get() {
            thread.unpark();
        }
    }

    /// Sleeps until woken, or until the limit or the alarm. True if woken.
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
                        lock(&self.idle).alarm = None;
                    }
                    return self.cancel_idle(worker);
                }
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    /// Counts the calling worker as idle no longer. True if it has been woken already: it then
    /// takes that wake-up.
    pub(crate) fn cancel_idle(&self, worker: usize) -> bool {
        let mut idle = lock(&self.idle);
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

    /// Wakes all workers for good.
    pub(crate) fn dismiss(&self) {
        self.dismissed.store(true, Ordering::SeqCst);
        while self.wake_one() {}
    }

    pub(crate) fn are_dismissed(&self) -> bool {
        self.dismissed.load(Ordering::SeqCst)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::{Arc, mpsc};
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use super::Sleepers;

    const HANG: Duration = Duration::from_secs(60);
    /// Not to come while a test runs.
    const LATER: Duration = Duration::from_secs(3600);

    /// A worker that goes to sleep, and says whether it was woken.
    fn worker(
        sleepers: &Arc<Sleepers>,
        number: usize,
        alarm: Option<Instant>,
    ) -> (mpsc::Receiver<bool>, JoinHandle<()>) {
        let ((tell, told), (lie_down, lies)) = (mpsc::channel(), mpsc::channel());
        let inner = Arc::clone(sleepers);
        let thread = thread::spawn(move || {
            inner.announce_idle(number, alarm);
            lie_down.send(()).unwrap();
            tell.send(inner.sleep(number, None)).unwrap();
        });
        lies.recv_timeout(HANG).unwrap();
        (told, thread)
    }

    #[test]
    fn one_wakes_up_at_the_alarm_and_the_others_sleep_on() {
        let sleepers = Arc::new(Sleepers::new(3));
        let workers = [0, 1, 2].map(|number| worker(&sleepers, number, None));
        sleepers.wake_by(Instant::now() + LATER);
        sleepers.wake_by(Instant::now() + Duration::from_millis(1));
        sleepers.wake_by(Instant::now() + LATER);
        assert_eq!(workers[0].0.recv_timeout(HANG), Ok(false), "by itself");
        assert_eq!((sleepers.idle(), sleepers.coming()), (2, 0));
        sleepers.dismiss();
        assert_eq!(
            (workers[1].0.recv_timeout(HANG), workers[2].0.recv_timeout(HANG)),
            (Ok(true), Ok(true))
        );
        workers.into_iter().for_each(|(_, thread)| thread.join().unwrap());
    }

    #[test]
    fn a_worker_that_becomes_idle_sets_the_alarm_of_one_that_sleeps() {
        let sleepers = Arc::new(Sleepers::new(2));
        let first = worker(&sleepers, 0, Some(Instant::now() + LATER));
        let second = worker(&sleepers, 1, Some(Instant::now() + Duration::from_millis(1)));
        assert_eq!(first.0.recv_timeout(HANG), Ok(false));
        sleepers.dismiss();
        assert_eq!(second.0.recv_timeout(HANG), Ok(true));
        [first, second].into_iter().for_each(|(_, thread)| thread.join().unwrap());
    }

    #[test]
    fn the_worker_with_the_alarm_is_woken_last_and_passes_it_on() {
        let sleepers = Arc::new(Sleepers::new(3));
        let alarm = Instant::now() + Duration::from_millis(100);
        sleepers.announce_idle(0, Some(alarm));
        let second = worker(&sleepers, 1, Some(alarm));
        assert!(sleepers.wake_one());
        assert_eq!(second.0.recv_timeout(HANG), Ok(true), "and not the first");
        second.1.join().unwrap();
        let third = worker(&sleepers, 2, Some(alarm));
        assert!(!sleepers.cancel_idle(0));
        assert_eq!(third.0.recv_timeout(HANG), Ok(false), "it has the alarm now");
        assert!(Instant::now() >= alarm);
        third.1.join().unwrap();
    }
}
