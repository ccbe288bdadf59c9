//! A handle withdraws a job that is not under way, and no other; the job's callback runs all the
//! same.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use reapool::{Cancel, Completion, DrainError, Job, JobHandle, JoinError, PollEvents};

use crate::support::{
    self, Drops, Gate, HANG, Tended, errno, eventfd, make_readable, null, occupy_thread,
    open_buffered, scale, scratch, watched,
};

const BLOCK: usize = 512;
/// Short, for a wait that has to end without what it waits for.
const BRIEFLY: Duration = Duration::from_millis(20);

#[test]
fn jobs_behind_a_full_depth_are_withdrawn_and_their_buffers_come_back() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(2).backlog(16).workers(2));
        let (eventfds, drops) = ([eventfd(), eventfd()], Drops::default());
        let polls = eventfds.each_ref().map(|eventfd| {
            dispatcher.spawn(Job::poll(eventfd, PollEvents::READABLE, |done| done.result)).unwrap()
        });
        let file = drops.file(fs::File::open("/dev/null").unwrap());
        let read = |number| {
            let buffer = drops.buffer(vec![7; 16]);
            dispatcher.spawn(Job::read(&file, buffer, number, |done| done)).unwrap()
        };
        let reads: Vec<_> = (0..10).map(read).collect();
        assert_eq!(dispatcher.stats().parked, 10);
        for handle in &reads {
            assert_eq!(handle.cancel(), Cancel::Cancelled);
            assert_eq!(handle.cancel(), Cancel::TooLate);
        }
        for (handle, number) in reads.into_iter().zip(0..) {
            let done = handle.join_timeout(HANG).unwrap();
            assert_eq!((errno(&done), done.transferred), (Some(libc::ECANCELED), 0));
            assert_eq!(
                (done.offset, done.requested, &done.buffer.inner),
                (number, 16, &vec![7; 16])
            );
            let message = done.into_success().unwrap_err().to_string();
            assert!(message.contains("cancel"), "{message}");
        }
        assert_eq!(drops.count(), 10, "the buffers");
        let stats = dispatcher.stats();
        assert_eq!((stats.cancelled, stats.timed_out, stats.parked), (10, 0, 0));
        for (poll, eventfd) in polls.into_iter().zip(eventfds) {
            assert!(!poll.is_finished());
            make_readable(&eventfd);
            let events = poll.join_timeout(HANG).unwrap().unwrap();
            assert_eq!(PollEvents::from_result(events), PollEvents::READABLE);
        }
        dispatcher.quiesce();
        drop(file);
        assert_eq!(drops.count(), 11, "and the file");
        assert_eq!(dispatcher.stats().finished, 12);
    });
}

#[test]
fn polls_are_withdrawn_wherever_they_are() {
    const DEPTH: usize = 8;
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(DEPTH).workers(2));
        let eventfd = eventfd();
        let poll = |_| {
            let job = Job::poll(&eventfd, PollEvents::READABLE, |done| errno(&done));
            dispatcher.spawn(job).unwrap()
        };
        for round in 1..=3 {
            let polls: Vec<_> = (0..DEPTH + 4).map(poll).collect();
            for handle in &polls {
                assert_eq!(handle.cancel(), Cancel::Cancelled);
                assert_eq!(handle.cancel(), Cancel::TooLate);
            }
            for handle in polls {
                assert_eq!(handle.join_timeout(HANG).unwrap(), Some(libc::ECANCELED));
            }
            assert_eq!(dispatcher.stats().cancelled, (round * (DEPTH + 4)) as u64);
        }
        // Their slots serve others, which are not affected, nor are polls among these.
        let (one, other) = (poll(0), poll(1));
        assert_eq!(one.cancel(), Cancel::Cancelled);
        assert_eq!(one.join_timeout(HANG).unwrap(), Some(libc::ECANCELED));
        for _ in 0..100 {
            let read =
                dispatcher.spawn(Job::read(null(), vec![0; 16], 0, |done| done.result.is_ok()));
            assert!(read.unwrap().join_timeout(HANG).unwrap());
        }
        assert!(!other.is_finished());
        make_readable(&eventfd);
        assert_eq!(other.join_timeout(HANG).unwrap(), None);
    });
}

#[test]
fn an_event_and_a_withdrawal_at_the_same_time_are_one_end() {
    let rounds = 2000 / scale();
    watched(move || {
        let dispatcher = Tended::new(support::builder().depth(4).workers(2));
        let mut withdrawn = 0;
        for _ in 0..rounds {
            let eventfd = eventfd();
            let job = Job::poll(&eventfd, PollEvents::READABLE, |done| errno(&done));
            let handle = dispatcher.spawn(job).unwrap();
            let answer = thread::scope(|scope| {
                let cancel = scope.spawn(|| handle.cancel());
                make_readable(&eventfd);
                cancel.join().unwrap()
            });
            let told = handle.join_timeout(HANG).unwrap();
            assert_eq!(told == Some(libc::ECANCELED), answer == Cancel::Cancelled);
            withdrawn += u64::from(answer == Cancel::Cancelled);
        }
        dispatcher.quiesce();
        let stats = dispatcher.stats();
        assert_eq!((stats.cancelled, stats.finished), (withdrawn, rounds as u64));
        assert_eq!((stats.stray_events, stats.in_flight), (0, 0));
    });
}

#[test]
fn what_waits_for_a_thread_is_withdrawn_and_never_written() {
    const WRITES: u64 = 9;
    watched(|| {
        let builder = support::builder().depth(16).workers(2).blocking_threads(1);
        let dispatcher = Tended::new(builder);
        let gate = occupy_thread(&dispatcher.submitter());
        let directory = scratch();
        let path = directory.path().join("written");
        let file = open_buffered(&path);
        let write = |number: u64| {
            let bytes = vec![number as u8 + 1; BLOCK];
            let job = Job::write(&file, bytes, number * BLOCK as u64, |done| done);
            dispatcher.spawn(job).unwrap()
        };
        let writes: Vec<_> = (0..WRITES).map(write).collect();
        let behind = dispatcher.spawn(Job::blocking(|| (), |()| ())).unwrap();
        let mut others = Vec::new();
        for (handle, number) in writes.into_iter().zip(0..WRITES) {
            if number % 3 == 1 {
                assert_eq!(handle.cancel(), Cancel::Cancelled);
                assert_eq!(handle.cancel(), Cancel::TooLate);
                let done = handle.join_timeout(HANG).unwrap();
                assert_eq!(errno(&done), Some(libc::ECANCELED));
                assert_eq!(done.buffer, vec![number as u8 + 1; BLOCK]);
            } else {
                others.push((number as usize, handle));
            }
        }
        assert_eq!(behind.cancel(), Cancel::TooLate, "it has no result");
        assert_eq!(dispatcher.stats().cancelled, 3);
        gate.open();
        dispatcher.quiesce();
        let written = fs::read(&path).unwrap();
        let mut expected = vec![0; WRITES as usize * BLOCK];
        for (number, handle) in others {
            assert_eq!(handle.cancel(), Cancel::TooLate, "it is over");
            assert_eq!(handle.join().unwrap().result.unwrap(), BLOCK);
            expected[number * BLOCK..][..BLOCK].fill(number as u8 + 1);
        }
        assert!(written == expected);
        // No thread has the ones that were withdrawn: of what a callback holds none is counted so.
        let callback = Gate::default();
        let held = callback.clone();
        dispatcher.submit(Job::nop(move || held.pass())).unwrap();
        callback.wait_for(1);
        assert_eq!(dispatcher.stats().blocking, 0);
        callback.open();
    });
}

#[test]
fn what_is_in_its_callback_or_over_is_too_late() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(4).workers(1));
        let gate = Gate::default();
        let held = gate.clone();
        let job = Job::read(null(), vec![0; 16], 0, move |done| {
            held.pass();
            done.result.unwrap()
        });
        let handle = dispatcher.spawn(job).unwrap();
        gate.wait_for(1);
        assert_eq!(handle.cancel(), Cancel::TooLate);
        gate.open();
        dispatcher.quiesce();
        assert_eq!(handle.cancel(), Cancel::TooLate);
        assert_eq!(handle.join().unwrap(), 0);
        let handle = dispatcher.spawn(Job::nop(|| 5)).unwrap();
        drop(dispatcher);
        assert_eq!(handle.cancel(), Cancel::TooLate, "nor is there anybody");
        assert_eq!(handle.join().unwrap(), 5);
    });
}

#[test]
fn draining_waits_for_the_callbacks_of_withdrawn_jobs() {
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(8).workers(2).build().unwrap();
        let eventfd = eventfd();
        let poll = Job::poll(&eventfd, PollEvents::READABLE, |_| ());
        dispatcher.submit(poll).unwrap();
        let (gate, ran) = (Gate::default(), Arc::new(AtomicU64::new(0)));
        let spawn = |_| {
            let (gate, ran) = (gate.clone(), Arc::clone(&ran));
            let job = Job::read(null(), vec![0; 16], 0, move |_| {
                gate.pass();
                ran.fetch_add(1, Ordering::SeqCst);
            });
            dispatcher.spawn(job).unwrap()
        };
        let handles: Vec<_> = (0..4).map(spawn).collect();
        for handle in &handles {
            assert_eq!(handle.cancel(), Cancel::Cancelled);
        }
        gate.wait_for(1);
        make_readable(&eventfd);
        // Long enough to be over, if it didn't wait.
        assert_eq!(dispatcher.drain_timeout(BRIEFLY), Err(DrainError::TimedOut));
        gate.open();
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.failed, report.stats.cancelled), (5, 4, 4));
        assert_eq!(ran.load(Ordering::SeqCst), 4);
    });
}

/// What the race below counts.
#[derive(Default)]
struct Tally {
    withdrawn: AtomicU64,
    told: AtomicU64,
}

/// Whether a job that was asked to end did; its callback must say the same.
fn settle(tally: &Tally, handle: JobHandle<Option<i32>>, asked: bool) {
    let withdrawn = asked && handle.cancel() == Cancel::Cancelled;
    tally.withdrawn.fetch_add(u64::from(withdrawn), Ordering::Relaxed);
    let errno = match handle.join_timeout(HANG) {
        Ok(errno) => errno,
        Err(JoinError::Panicked(_)) => panic!("a callback runs twice"),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(errno == Some(libc::ECANCELED), withdrawn);
    tally.told.fetch_add(u64::from(errno.is_some()), Ordering::Relaxed);
}

#[test]
fn whatever_is_withdrawn_meanwhile_each_callback_runs_once_and_knows() {
    const THREADS: usize = 4;
    let jobs = 20_000 / scale();
    watched(move || {
        let builder = support::builder().depth(4).backlog(64).workers(2).blocking_threads(2);
        let dispatcher = Tended::new(builder);
        let runs: Arc<[AtomicU8]> = (0..THREADS * jobs).map(|_| AtomicU8::new(0)).collect();
        let (tally, drops, directory) = (Tally::default(), Drops::default(), scratch());
        let buffered = open_buffered(&directory.path().join("file"));
        thread::scope(|scope| {
            for first in 0..THREADS {
                let (dispatcher, runs, tally, drops, buffered) =
                    (&dispatcher, &runs, &tally, &drops, &buffered);
                scope.spawn(move || {
                    let mut handles = Vec::new();
                    for number in 0..jobs {
                        let (index, runs) = (number * THREADS + first, Arc::clone(runs));
                        let ran = move |done: Completion<_>| {
                            let before = runs[index].fetch_add(1, Ordering::Relaxed);
                            assert_eq!(before, 0);
                            errno(&done)
                        };
                        let buffer = drops.buffer(vec![0; 16]);
                        let offset = index as u64;
                        let job = match number % 3 {
                            0 => Job::read(null(), buffer, offset, ran),
                            1 => Job::write(buffered, buffer, offset, ran),
                            _ => Job::read(buffered, buffer, offset, ran).exact(),
                        };
                        handles.push((dispatcher.spawn(job).unwrap(), number % 5 < 3));
                        if handles.len() == 16 {
                            // The last one first, as that waits for certain.
                            let settled = handles.drain(..).rev();
                            settled.for_each(|(handle, asked)| settle(tally, handle, asked));
                        }
                    }
                    handles.into_iter().for_each(|(handle, asked)| settle(tally, handle, asked));
                });
            }
        });
        dispatcher.quiesce();
        assert!(runs.iter().all(|runs| runs.load(Ordering::Relaxed) == 1));
        let all = (THREADS * jobs) as u64;
        assert_eq!(drops.count() as u64, all);
        let (stats, withdrawn) = (dispatcher.stats(), tally.withdrawn.into_inner());
        assert!(withdrawn > 0 && withdrawn < all, "{withdrawn} of {all}");
        assert_eq!((stats.cancelled, stats.finished), (withdrawn, all));
        assert_eq!((stats.parked, stats.in_flight, stats.blocking), (0, 0, 0));
    });
}
