//! Deadlines and withdrawing in event-loop mode: the owner minds the time, and is told of what
//! ended without having been done.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use reapool::{Cancel, Dispatcher, Job, JobHandle, PollEvents, Submitter};

use crate::support::event_loop::{TendedLoop, turn_in_time, wait_readable};
use crate::support::readiness::{counter, is_readable};
use crate::support::{
    Gate, HANG, errno, eventfd, known_file, make_readable, null, occupy_thread, open_buffered,
    scale, scratch, watched,
};

/// Soon, and far away.
const SOON: Duration = Duration::from_millis(20);
const HOUR: Duration = Duration::from_secs(3600);

/// A loop with one slot, which a poll has until its eventfd is readable.
struct Held {
    jobs: TendedLoop,
    eventfd: Arc<std::fs::File>,
    runs: Arc<AtomicUsize>,
}

fn poll(eventfd: &Arc<std::fs::File>) -> Job<Option<i32>> {
    Job::poll(eventfd, PollEvents::READABLE, |done| errno(&done))
}

impl Held {
    fn new() -> Self {
        let jobs = TendedLoop::new(Dispatcher::builder().depth(1).backlog(16));
        let (eventfd, runs) = (eventfd(), Arc::default());
        jobs.try_submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
        assert!(!is_readable(&*jobs));
        Self { jobs, eventfd, runs }
    }

    /// A read, to be parked, whose callback is counted.
    fn read(&self) -> Job<Option<i32>> {
        let runs = Arc::clone(&self.runs);
        Job::read(null(), vec![0; 9], 0, move |done| {
            runs.fetch_add(1, Ordering::SeqCst);
            errno(&done)
        })
    }

    fn spawn(&self, job: Job<Option<i32>>) -> JobHandle<Option<i32>> {
        self.jobs.try_spawn(job).unwrap()
    }

    fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    /// Runs what there is, until there is nothing to do before a deadline.
    fn settle(&mut self) {
        while is_readable(&*self.jobs) {
            self.jobs.run(usize::MAX).unwrap();
        }
    }

    /// Lets all that is left be done. In the end nothing is left to do.
    fn release(mut self) {
        make_readable(&self.eventfd);
        while self.jobs.stats().outstanding > 0 {
            turn_in_time(&mut self.jobs);
        }
        assert_eq!(self.jobs.next_deadline(), None);
        self.settle();
        assert_eq!((counter(&self.jobs), self.jobs.run(usize::MAX).unwrap()), (0, 0));
    }
}

#[test]
fn a_job_that_waits_is_given_up_when_run_is_called_at_its_deadline() {
    watched(|| {
        let mut held = Held::new();
        let start = Instant::now();
        let later = held.spawn(held.read().start_by(start + HOUR));
        let late = held.spawn(held.read().start_by(start + SOON));
        held.settle();
        let told = held.jobs.next_deadline();
        assert!(told == Some(start + SOON) || late.is_finished());
        while !late.is_finished() {
            let next = held.jobs.next_deadline().unwrap();
            assert_eq!(next, start + SOON);
            thread::sleep(next.saturating_duration_since(Instant::now()));
            assert_eq!(held.jobs.run(usize::MAX).unwrap(), 1);
        }
        assert!(start.elapsed() >= SOON);
        assert_eq!(late.join().unwrap(), Some(libc::ETIMEDOUT));
        assert_eq!((held.jobs.next_deadline(), held.runs()), (Some(start + HOUR), 1));
        assert!(!is_readable(&*held.jobs) && !later.is_finished());
        let runs = Arc::clone(&held.runs);
        assert_eq!(held.jobs.stats().timed_out, 1);
        held.release();
        assert_eq!((later.join().unwrap(), runs.load(Ordering::SeqCst)), (None, 2));
    });
}

#[test]
fn an_earlier_deadline_of_another_thread_makes_the_descriptor_readable() {
    watched(|| {
        let mut held = Held::new();
        let start = Instant::now();
        let submit = |held: &Held, deadline| {
            let (submitter, job) = (held.jobs.submitter(), held.read().start_by(deadline));
            thread::spawn(move || submitter.spawn(job).unwrap()).join().unwrap()
        };
        // At first none is known, then ever earlier ones come.
        for hours in [9, 8, 7] {
            drop(submit(&held, start + hours * HOUR));
            assert!(is_readable(&*held.jobs), "{hours}");
            assert_eq!(held.jobs.run(usize::MAX).unwrap(), 0);
            assert_eq!(held.jobs.next_deadline(), Some(start + hours * HOUR));
            assert!(!is_readable(&*held.jobs), "there is nothing to do before {hours}");
        }
        drop(submit(&held, start + 8 * HOUR));
        assert!(!is_readable(&*held.jobs), "it knows of an earlier one");
        let late = submit(&held, start);
        assert!(is_readable(&*held.jobs));
        assert_eq!(held.jobs.run(usize::MAX).unwrap(), 1);
        assert_eq!(late.join().unwrap(), Some(libc::ETIMEDOUT));
        assert_eq!(held.jobs.next_deadline(), Some(start + 7 * HOUR));
        assert!(!is_readable(&*held.jobs));
        held.release();
    });
}

#[test]
fn an_earlier_deadline_of_a_job_of_blocking_work_does_too() {
    watched(|| {
        let builder = Dispatcher::builder().depth(1).backlog(4).blocking_threads(1);
        let mut jobs = TendedLoop::new(builder);
        let (submitter, gate, done) = (jobs.submitter(), Gate::default(), Gate::default());
        let (held, tells) = (gate.clone(), done.clone());
        let deadline = Instant::now() + HOUR;
        let work = move || {
            let job = Job::read(null(), vec![0; 9], 0, |_| ()).start_by(deadline);
            submitter.submit(job).unwrap();
            tells.open();
            held.pass();
        };
        jobs.try_submit(Job::blocking(work, |()| ())).unwrap();
        done.pass();
        wait_readable(&*jobs);
        assert_eq!(jobs.run(usize::MAX).unwrap(), 0);
        assert_eq!(jobs.next_deadline(), Some(deadline));
        assert!(!is_readable(&*jobs));
        gate.open();
        jobs.quiesce();
        assert_eq!((jobs.stats().finished, jobs.next_deadline()), (2, None));
    });
}

#[test]
fn a_job_that_waits_for_a_thread_is_given_up_in_time() {
    watched(|| {
        let builder = Dispatcher::builder().depth(8).blocking_threads(1);
        let mut jobs = TendedLoop::new(builder);
        let gate = occupy_thread(&jobs.submitter());
        let directory = scratch();
        let file = open_buffered(&known_file(directory.path(), "file", 4));
        let deadline = Instant::now() + SOON;
        let write = Job::write(&file, vec![0xff], 0, |done| errno(&done));
        let late = jobs.try_spawn(write.start_by(deadline)).unwrap();
        while !late.is_finished() {
            if let Some(next) = jobs.next_deadline() {
                assert_eq!(next, deadline);
                thread::sleep(next.saturating_duration_since(Instant::now()));
            }
            jobs.run(usize::MAX).unwrap();
        }
        assert_eq!(late.join().unwrap(), Some(libc::ETIMEDOUT));
        assert_eq!((jobs.next_deadline(), jobs.stats().outstanding), (None, 1));
        gate.open();
        jobs.quiesce();
    });
}

#[test]
fn a_withdrawn_job_makes_the_descriptor_readable_and_its_callback_runs_once() {
    watched(|| {
        let mut held = Held::new();
        let [first, second, third] = [(); 3].map(|()| held.spawn(held.read().start_within(HOUR)));
        held.settle();
        assert_eq!(first.cancel(), Cancel::Cancelled);
        assert!(is_readable(&*held.jobs));
        let second = thread::spawn(move || (second.cancel(), second)).join().unwrap();
        assert_eq!(second.0, Cancel::Cancelled);
        assert_eq!(held.jobs.run(0).unwrap(), 0);
        for left in [1, 0] {
            assert!(is_readable(&*held.jobs), "what is left keeps it readable");
            assert_eq!(held.jobs.run(1).unwrap(), 1);
            assert_eq!(held.runs(), 2 - left);
        }
        assert!(!is_readable(&*held.jobs));
        assert_eq!((first.cancel(), held.runs()), (Cancel::TooLate, 2));
        for handle in [first, second.1] {
            assert_eq!(handle.join().unwrap(), Some(libc::ECANCELED));
        }
        assert!(!is_readable(&*held.jobs));
        assert_eq!(held.jobs.stats().cancelled, 2);
        held.release();
        assert_eq!(third.join().unwrap(), None);
    });
}

#[test]
fn a_poll_in_the_kernel_ends_when_it_is_withdrawn_and_at_its_deadline() {
    watched(|| {
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(4));
        let eventfd = eventfd();
        let [withdrawn, other] = [(); 2].map(|()| jobs.try_spawn(poll(&eventfd)).unwrap());
        assert!(!is_readable(&*jobs));
        assert_eq!(withdrawn.cancel(), Cancel::Cancelled);
        while !withdrawn.is_finished() {
            turn_in_time(&mut jobs);
        }
        assert_eq!(withdrawn.join().unwrap(), Some(libc::ECANCELED));
        assert!(!other.is_finished() && !is_readable(&*jobs));

        let late = jobs.try_spawn(poll(&eventfd).start_within(SOON)).unwrap();
        while !late.is_finished() {
            turn_in_time(&mut jobs);
        }
        assert_eq!(late.join().unwrap(), Some(libc::ETIMEDOUT));
        assert_eq!((other.is_finished(), jobs.next_deadline()), (false, None));
        assert!(!is_readable(&*jobs));
        make_readable(&eventfd);
        while !other.is_finished() {
            turn_in_time(&mut jobs);
        }
        assert_eq!(other.join().unwrap(), None);
        let stats = jobs.stats();
        assert_eq!((stats.cancelled, stats.timed_out, stats.stray_events), (1, 1, 0));
        assert!(!is_readable(&*jobs));
    });
}

#[test]
fn draining_minds_deadlines() {
    watched(|| {
        let mut held = Held::new();
        let (polled, start) = (eventfd(), Instant::now());
        let mut other = TendedLoop::new(Dispatcher::builder().depth(2));
        let last = other.try_spawn(poll(&polled).start_by(start + 3 * SOON)).unwrap();
        other.drain().unwrap();
        assert_eq!(last.join().unwrap(), Some(libc::ETIMEDOUT));
        assert!(start.elapsed() >= 3 * SOON && !is_readable(&*other));
        let start = Instant::now();
        let late = [3, 1, 2].map(|times| held.spawn(held.read().start_by(start + times * SOON)));
        assert!(held.jobs.drain_timeout(4 * SOON).is_err(), "the poll lasts");
        assert_eq!(late.map(|late| late.join().unwrap()), [Some(libc::ETIMEDOUT); 3]);
        assert!(!is_readable(&*held.jobs));
        held.release();
    });
}

/// A late job whose callback submits another, as long as no more than `most` have run.
fn chain(submitter: Submitter, runs: Arc<AtomicUsize>, most: Arc<AtomicUsize>) -> Job<Option<i32>> {
    let job = Job::read(null(), vec![0; 9], 0, move |done| {
        if runs.fetch_add(1, Ordering::SeqCst) < most.load(Ordering::SeqCst) {
            let next = chain(submitter.clone(), runs, most);
            drop(submitter.spawn(next).unwrap());
        }
        errno(&done)
    });
    job.start_within(Duration::ZERO)
}

#[test]
fn a_chain_of_late_jobs_keeps_neither_run_nor_others() {
    watched(|| {
        let mut held = Held::new();
        let most = Arc::new(AtomicUsize::new(9));
        let link = chain(held.jobs.submitter(), Arc::clone(&held.runs), Arc::clone(&most));
        let first = held.spawn(link);
        assert_eq!(held.jobs.run(usize::MAX).unwrap(), 1, "it takes what was there");
        assert_eq!(first.join().unwrap(), Some(libc::ETIMEDOUT));
        // The poll's turn comes although there is always another late job.
        most.store(usize::MAX, Ordering::SeqCst);
        make_readable(&held.eventfd);
        while held.jobs.stats().finished == held.runs() as u64 {
            assert_eq!(held.jobs.turn(1), 1);
        }
        most.store(0, Ordering::SeqCst);
        held.release();
    });
}

#[test]
fn whatever_is_late_or_withdrawn_meanwhile_in_the_end_nothing_is_left_to_do() {
    const THREADS: usize = 3;
    let each = 3000 / scale();
    watched(move || {
        let builder = Dispatcher::builder().depth(4).backlog(32).blocking_threads(1);
        let mut jobs = TendedLoop::new(builder);
        let (eventfd, ran) = (eventfd(), Arc::new(AtomicUsize::new(0)));
        let file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let file = reapool::FileHandle::from(file);
        let threads: [_; THREADS] = std::array::from_fn(|first| {
            let (submitter, eventfd, file, ran) =
                (jobs.submitter(), Arc::clone(&eventfd), file.clone(), Arc::clone(&ran));
            thread::spawn(move || {
                let mut withdrawn = 0;
                for number in 0..each {
                    let ran = Arc::clone(&ran);
                    let ends = move |errno: Option<i32>| {
                        ran.fetch_add(1, Ordering::SeqCst);
                        errno
                    };
                    let job = match (number + first) % 4 {
                        0 => Job::poll(&eventfd, PollEvents::READABLE, move |done| {
                            ends(errno(&done))
                        }),
                        1 => Job::write(&file, vec![1; 99], 0, move |done| ends(errno(&done))),
                        2 => {
                            Job::read(&file, vec![0; 99], 0, move |done| ends(errno(&done))).exact()
                        }
                        _ => Job::read(null(), vec![0; 9], 0, move |done| ends(errno(&done))),
                    };
                    let handle = submitter
                        .spawn(job.start_within(Duration::from_micros(number as u64 * 7919 % 3000)))
                        .unwrap();
                    if number % 3 == 0 {
                        let answer = handle.cancel();
                        withdrawn += u64::from(answer == Cancel::Cancelled);
                        let told = handle.join_timeout(HANG).unwrap();
                        assert_eq!(told == Some(libc::ECANCELED), answer == Cancel::Cancelled);
                    }
                }
                withdrawn
            })
        });
        while jobs.stats().outstanding > 0 || threads.iter().any(|thread| !thread.is_finished()) {
            if is_readable(&*jobs) || jobs.next_deadline().is_some() {
                turn_in_time(&mut jobs);
            }
        }
        let withdrawn: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        let (stats, all) = (jobs.stats(), (THREADS * each) as u64);
        assert_eq!(
            (stats.accepted, stats.finished, ran.load(Ordering::SeqCst) as u64),
            (all, all, all)
        );
        assert_eq!((stats.cancelled, stats.stray_events), (withdrawn, 0));
        assert_eq!((stats.in_flight, stats.parked, stats.blocking), (0, 0, 0));
        // It may have been going to look again whether a poll had ended.
        while is_readable(&*jobs) || jobs.next_deadline().is_some() {
            assert_eq!(jobs.run(usize::MAX).unwrap(), 0);
        }
        assert_eq!(counter(&jobs), 0);
    });
}
