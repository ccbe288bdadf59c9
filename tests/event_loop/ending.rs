//! Event-loop mode: panics, waiting on the wrong thread, dropping and forgetting with jobs in
//! flight.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use reapool::{
    AlignedBuf, Dispatcher, DrainError, Job, JobHandle, JoinError, LoopDispatcher, PollEvents,
    Refusal, Submitter, WaitError,
};

use crate::support::event_loop::{TendedLoop, wait_readable};
use crate::support::readiness::is_readable;
use crate::support::{
    self, Drops, HANG, eventfd, known_file, make_readable, null, null_read, open_buffered,
    open_direct, scratch, watched,
};

fn build(depth: usize, backlog: usize) -> LoopDispatcher {
    Dispatcher::builder().depth(depth).backlog(backlog).build_loop().unwrap()
}

#[test]
fn a_panic_costs_nobody_else_anything() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let handler = Arc::clone(&told);
    let builder = Dispatcher::builder().depth(4).backlog(20).panic_handler(move |panic| {
        handler.lock().unwrap().push(panic.message().unwrap().to_owned());
        panic!("the handler's own");
    });
    let mut jobs = TendedLoop::new(builder);
    let panics = jobs.try_spawn(null_read(&null(), || panic!("a callback's"))).unwrap();
    let work = || -> u32 { panic!("the work's") };
    jobs.try_submit(Job::blocking(work, |_| unreachable!("it has no value"))).unwrap();
    let others: Vec<_> = (0..10).map(|number| jobs.try_spawn(Job::nop(move || number))).collect();
    let mut ran = 0;
    while jobs.stats().outstanding > 0 {
        ran += jobs.turn(3);
    }
    assert_eq!(ran, 12);
    for (number, other) in others.into_iter().enumerate() {
        assert_eq!(other.unwrap().join().unwrap(), number);
    }
    let JoinError::Panicked(payload) = panics.join().unwrap_err() else { panic!("no payload") };
    assert_eq!(payload.into_inner().downcast_ref(), Some(&"a callback's"));
    assert_eq!(*told.lock().unwrap(), ["the work's", "a callback's"]);
    assert_eq!(jobs.stats().panics, 2);
}

#[test]
fn the_owner_is_refused_what_it_would_wait_for() {
    watched(|| {
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(1).backlog(1));
        jobs.run(1).unwrap();
        let submitter = jobs.submitter();
        let handle = submitter.spawn(Job::nop(|| 5)).unwrap();
        submitter.submit(Job::nop(|| ())).unwrap();
        let full = |error: reapool::Refused<Job>| error.kind() == Refusal::Full;
        assert!(full(submitter.submit(Job::nop(|| ())).unwrap_err()));
        assert!(full(submitter.submit_timeout(Job::nop(|| ()), HANG).unwrap_err()));
        let batch = submitter.submit_batch((0..3).map(|_| Job::nop(|| ()))).unwrap_err();
        assert_eq!((batch.kind(), batch.accepted()), (Refusal::Full, 0));
        let refused = submitter.run(Job::nop(|| 5)).unwrap_err();
        assert!(refused.source().unwrap().to_string().starts_with("a callback can't wait"));
        let JoinError::InCallback(handle) = handle.join().unwrap_err() else {
            panic!("it would wait for itself")
        };
        let handles = [handle];
        assert_eq!(JobHandle::wait_first(&handles, None), Err(WaitError::InCallback));
        jobs.quiesce();
        let [handle] = handles;
        assert_eq!(handle.join().unwrap(), 5);
    });
}

#[test]
fn other_threads_wait_for_room_and_for_handles() {
    watched(|| {
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(1).backlog(0));
        let submitter = jobs.submitter();
        let other = thread::spawn(move || {
            let mut sum = 0;
            for number in 0..1000 {
                submitter.submit(Job::nop(|| ())).unwrap();
                sum += submitter.spawn(Job::nop(move || number)).unwrap().join().unwrap();
            }
            sum
        });
        while jobs.stats().finished < 2000 {
            jobs.turn(1);
        }
        assert_eq!(other.join().unwrap(), 999 * 1000 / 2);
    });
}

#[test]
fn it_may_be_moved_to_another_thread() {
    watched(|| {
        let mut jobs = build(4, 4);
        let submitter = jobs.submitter();
        jobs.run(1).unwrap();
        let owner = thread::spawn(move || {
            while jobs.stats().finished < 100 {
                wait_readable(&jobs);
                jobs.run(2).unwrap();
            }
            jobs.shutdown().unwrap().jobs
        });
        let run = || loop {
            // Until the other has had its turn, this is the thread that mustn't wait.
            match submitter.spawn(Job::nop(|| ())).map(JobHandle::join) {
                Ok(Ok(())) => break,
                Ok(Err(error)) => {
                    let handle = error.into_handle().unwrap();
                    support::eventually("it is run", || handle.is_finished());
                    break;
                }
                Err(_) => {}
            }
        };
        (0..100).for_each(|_| run());
        assert_eq!(owner.join().unwrap(), 100);
    });
}

#[test]
fn one_loop_may_have_its_turn_in_a_callback_of_another() {
    fn job(submitter: Submitter, runs: Arc<AtomicUsize>) -> Job {
        Job::nop(move || {
            submitter.submit(Job::nop(|| ())).unwrap();
            runs.fetch_add(1, Ordering::SeqCst);
        })
    }
    watched(|| {
        let runs = Arc::new(AtomicUsize::new(0));
        let mut outer = TendedLoop::new(Dispatcher::builder().depth(1).backlog(0));
        let mut inner = build(1, 0);
        let (outside, counts) = (outer.submitter(), Arc::clone(&runs));
        let nested = move || {
            // With the places of both taken, only what a callback submits gets in.
            inner.try_submit(job(outside.clone(), counts)).unwrap();
            assert_eq!(inner.run(1).unwrap(), 1);
            inner.drain().unwrap();
            outside.submit(Job::nop(|| ())).unwrap();
            assert_eq!(inner.shutdown().unwrap().jobs, 1);
            outside.submit(Job::nop(|| ())).unwrap();
        };
        outer.try_submit(Job::nop(nested)).unwrap();
        outer.quiesce();
        assert_eq!((outer.stats().finished, outer.stats().panics), (4, 0));
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn dropped_with_jobs_in_flight_it_runs_them() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "file", 1 << 20);
        let file = open_direct(&path).unwrap_or_else(|| open_buffered(&path));
        for unwinds in [false, true] {
            let (runs, drops) = (Arc::new(AtomicUsize::new(0)), Drops::default());
            let jobs = build(16, 48);
            for number in 0..64_usize {
                let (runs, submitter) = (Arc::clone(&runs), jobs.submitter());
                let buffer = drops.buffer(AlignedBuf::zeroed(4096));
                let offset = (number * 4096) as u64;
                let job = Job::read(&file, buffer, offset, move |done| {
                    assert_eq!(done.result.unwrap(), 4096);
                    if runs.fetch_add(1, Ordering::SeqCst) % 2 == 0 {
                        let runs = Arc::clone(&runs);
                        let job = Job::nop(move || {
                            runs.fetch_add(1, Ordering::SeqCst);
                        });
                        submitter.submit(job).unwrap();
                    }
                });
                jobs.try_submit(job).unwrap();
            }
            let submitter = jobs.submitter();
            let dropped = catch_unwind(AssertUnwindSafe(move || {
                let _jobs = jobs;
                assert!(!unwinds);
            }));
            assert_eq!(dropped.is_err(), unwinds);
            assert!(runs.load(Ordering::SeqCst) > 64);
            assert_eq!(drops.count(), 64);
            assert_eq!(submitter.stats().outstanding, 0);
            let error = submitter.submit(Job::nop(|| ())).unwrap_err();
            assert_eq!(error.kind(), Refusal::ShutDown);
        }
    });
}

#[test]
fn forgotten_with_jobs_in_flight_it_leaks_what_the_kernel_writes_into() {
    let directory = scratch();
    let path = known_file(directory.path(), "file", 1 << 20);
    let file = open_direct(&path).unwrap_or_else(|| open_buffered(&path));
    let drops = Drops::default();
    let jobs = build(32, 0);
    for number in 0..32 {
        let buffer = drops.buffer(AlignedBuf::zeroed(4096));
        jobs.try_submit(Job::read(&file, buffer, number * 4096, |_| ())).unwrap();
    }
    std::mem::forget(jobs);
    // Freed memory would be used again by these, and the kernel's data be in it.
    let others: Vec<_> = (0..1000).map(|_| AlignedBuf::zeroed(4096)).collect();
    assert!(others.iter().all(|buffer| buffer.iter().all(|&byte| byte == 0)));
    assert_eq!(drops.count(), 0);
}

#[test]
fn shutdown_reports_and_waiting_ends_in_time() {
    watched(|| {
        let mut jobs = build(4, 0);
        let (eventfd, drops) = (eventfd(), Drops::default());
        let guard = drops.guard();
        let poll = Job::poll(&eventfd, PollEvents::READABLE, move |_| drop(guard));
        jobs.try_submit(poll).unwrap();
        jobs.try_submit(Job::read(support::bad_file(), vec![0; 8], 0, |_| ())).unwrap();
        assert_eq!(jobs.drain_timeout(Duration::ZERO), Err(DrainError::TimedOut));
        assert_eq!(jobs.stats().finished, 1, "what was there was run");
        assert_eq!(jobs.drain_timeout(Duration::from_millis(20)), Err(DrainError::TimedOut));
        assert_eq!(drops.count(), 0);
        make_readable(&eventfd);
        jobs.drain().unwrap();
        assert_eq!(drops.count(), 1);
        let report = jobs.shutdown().unwrap();
        assert_eq!((report.jobs, report.failed, report.panics), (2, 1, 0));
    });
}

#[test]
fn those_that_wait_for_room_are_told_of_the_end() {
    watched(|| {
        let jobs = build(1, 0);
        let eventfd = eventfd();
        jobs.try_submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
        let submitter = jobs.submitter();
        let (tell, told) = mpsc::channel();
        let other = thread::spawn(move || {
            tell.send(support::proc::this_thread()).unwrap();
            submitter.submit(Job::nop(|| ())).unwrap_err().kind()
        });
        let thread = told.recv_timeout(HANG).unwrap();
        support::eventually("it waits for room", || support::proc::is_asleep(&thread));
        let owner = thread::spawn(move || jobs.shutdown().unwrap().jobs);
        assert_eq!(other.join().unwrap(), Refusal::ShutDown);
        make_readable(&eventfd);
        assert_eq!(owner.join().unwrap(), 1);
    });
}

#[test]
fn nothing_is_readable_that_nothing_was_asked_of() {
    let jobs = build(1, 0);
    assert!(!is_readable(&jobs));
    assert_eq!(jobs.shutdown().unwrap().jobs, 0);
}
