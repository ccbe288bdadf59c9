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
    idle: Mutex<Idle>,
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

#[derive(Default)]
struct Idle {
    /// Who fell asleep last is last.
    workers: Vec<usize>,
    /// When the first of them, which is called last, is to wake up by itself.
    alarm: Option<Instant>,
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
            idle: Mutex::new(Idle { workers: Vec::with_capacity(workers), alarm: None }),
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
        let Some(worker) = idle.workers.pop() else { return false };
        self.coming.fetch_add(1, Ordering::SeqCst);
        self.count.store(idle.workers.len(), Ordering::SeqCst);
        drop(idle);
        self.beds[worker].called.store(true, Ordering::Release);
        self.shake(worker);
        true
    }

    /// Counts the calling worker as idle, which then looks once more whether there is something to
    /// do, and either [`sleep`](Self::sleep)s or [`rise`](Self::rise)s. Of those that are idle one
    /// wakes up at the time given.
    pub(crate) fn turn_in(&self, worker: usize, alarm: Option<Instant>) {
        self.beds[worker].thread.get_or_init(thread::current);
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
            self.shake(first);
        }
    }

    /// When a worker is to wake up by itself. Who does so doesn't pass that on, but looks whether
    /// something is to be done.
    fn alarm_of(&self, worker: usize) -> Option<Instant> {
        let idle = self.lock();
        idle.alarm.filter(|_| idle.workers.first() == Some(&worker))
    }

    /// Has a sleeping worker look whether it has been called, or has another alarm.
    fn shake(&self, worker: usize) {
        if let Some(thread) = self.beds[worker].thread.get() {
            thread.unpark();
        }
    }

    /// Sleeps until called, or until the limit, or until the alarm. True if called.
    pub(crate) fn sleep(&self, worker: usize, limit: Option<Duration>) -> bool {
        let deadline = limit.map(|limit| Instant::now() + limit);
        loop {
            if self.hear(worker) {
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
                    return self.rise(worker);
                }
                Some(left) => thread::park_timeout(left),
            }
        }
    }

    /// Is idle no longer. True if it has already been called: that call is taken.
    pub(crate) fn rise(&self, worker: usize) -> bool {
        let mut idle = self.lock();
        if let Some(position) = idle.workers.iter().rposition(|&other| other == worker) {
            idle.workers.remove(position);
            self.count.store(idle.workers.len(), Ordering::SeqCst);
            if let (0, Some(_), Some(&next)) = (position, idle.alarm, idle.workers.first()) {
                self.shake(next);
            }
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

    fn lock(&self) -> MutexGuard<'_, Idle> {
        // Nothing in here panics.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::thread::{self, JoinHandle};
    use std::time::{Duration, Instant};

    use super::Sleepers;

    const HANG: Duration = Duration::from_secs(60);
    /// Not to come while a test runs.
    const LATER: Duration = Duration::from_secs(3600);

    /// A worker that goes to sleep, and says whether it was called.
    fn worker(
        sleepers: &Arc<Sleepers>,
        number: usize,
        alarm: Option<Instant>,
    ) -> (mpsc::Receiver<bool>, JoinHandle<()>) {
        let ((tell, told), (lie_down, lies)) = (mpsc::channel(), mpsc::channel());
        let inner = Arc::clone(sleepers);
        let thread = thread::spawn(move || {
            inner.turn_in(number, alarm);
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
    fn whoever_turns_in_sets_the_alarm_of_who_sleeps() {
        let sleepers = Arc::new(Sleepers::new(2));
        let first = worker(&sleepers, 0, Some(Instant::now() + LATER));
        let second = worker(&sleepers, 1, Some(Instant::now() + Duration::from_millis(1)));
        assert_eq!(first.0.recv_timeout(HANG), Ok(false));
        sleepers.dismiss();
        assert_eq!(second.0.recv_timeout(HANG), Ok(true));
        [first, second].into_iter().for_each(|(_, thread)| thread.join().unwrap());
    }

    #[test]
    fn the_one_with_the_alarm_is_called_last_and_hands_it_on_if_it_rises() {
        let sleepers = Arc::new(Sleepers::new(3));
        let alarm = Instant::now() + Duration::from_millis(100);
        sleepers.turn_in(0, Some(alarm));
        let second = worker(&sleepers, 1, Some(alarm));
        assert!(sleepers.call());
        assert_eq!(second.0.recv_timeout(HANG), Ok(true), "and not the first");
        second.1.join().unwrap();
        let third = worker(&sleepers, 2, Some(alarm));
        assert!(!sleepers.rise(0));
        assert_eq!(third.0.recv_timeout(HANG), Ok(false), "it has the alarm now");
        assert!(Instant::now() >= alarm);
        third.1.join().unwrap();
    }
}
