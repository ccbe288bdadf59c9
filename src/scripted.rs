//! The pipeline against every answer that a kernel can give, through the scripted engine.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use crate::admission::Limits;
use crate::engine::fake::{Answer, FILL, Fake, full};
use crate::error::{ShutdownError, SubmitErrorKind};
use crate::file::FileHandle;
use crate::job::Job;
use crate::{Dispatcher, DrainError, PollEvents, Submitter};

const HANG: Duration = Duration::from_secs(60);

/// What a callback saw: the job's offset, which serves as its name, and result or errno.
type Seen = (u64, Result<usize, i32>);

struct Rig {
    /// Dropped before the dispatcher, which waits for its jobs.
    _end: EndOnPanic,
    fake: Fake,
    dispatcher: Dispatcher,
    file: FileHandle,
    seen: Receiver<Seen>,
    tell: Sender<Seen>,
}

/// Lets all jobs of a failing test end.
struct EndOnPanic(Fake);

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up();
        }
    }
}

impl Rig {
    fn new(fake: Fake, depth: u32, backlog: usize, workers: usize) -> Self {
        let limits = Limits { depth, backlog, parked: 1000 };
        let engine = Box::new(fake.clone());
        let dispatcher = Dispatcher::builder().start(engine, limits, workers).unwrap();
        let file = FileHandle::from(std::fs::File::open("/dev/null").unwrap());
        let (tell, seen) = mpsc::channel();
        Self { _end: EndOnPanic(fake.clone()), fake, dispatcher, file, seen, tell }
    }

    fn job(&self, name: u64) -> Job {
        let tell = self.tell.clone();
        Job::read(&self.file, vec![0; 100], name, move |done| {
            let result = done.result.map_err(|error| error.raw_os_error().unwrap());
            tell.send((done.offset, result)).unwrap();
        })
    }

    fn jobs(&self, names: std::ops::Range<u64>) -> Vec<Job> {
        names.map(|name| self.job(name)).collect()
    }

    /// Runs `count` callbacks, with the names from 0 on, on the one worker without a pause: it is
    /// held until all are on the channel. Each has a job to do something with, named from 100 on.
    fn run_together(&self, count: u64, act: fn(&Submitter, Job)) {
        let (arrive, arrived) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let hold = Job::read(&self.file, vec![0; 100], 999, move |_| {
            arrive.send(()).unwrap();
            released.recv_timeout(HANG).unwrap();
        });
        self.dispatcher.submit(hold).unwrap();
        self.fake.held(1);
        self.fake.complete_all();
        let parcels = &self.dispatcher.submitter().pipeline.parcels.clone();
        for name in 0..count {
            let (submitter, next) = (self.dispatcher.submitter(), self.job(100 + name));
            let job = Job::read(&self.file, vec![0; 100], name, move |_| act(&submitter, next));
            self.dispatcher.submit(job).unwrap();
        }
        arrived.recv_timeout(HANG).unwrap();
        self.fake.complete_all();
        while parcels.len() < count as usize {
            thread::yield_now();
        }
        release.send(()).unwrap();
    }

    /// What the next `count` callbacks saw, by name.
    fn seen(&self, count: usize) -> Vec<Seen> {
        let next = |_| self.seen.recv_timeout(HANG).expect("a callback doesn't run");
        let mut seen: Vec<Seen> = (0..count).map(next).collect();
        seen.sort_unstable();
        seen
    }

    /// Everything has run, once, and nothing is left.
    fn end(self, jobs: u64) {
        self.dispatcher.drain_timeout(HANG).unwrap();
        let report = self.dispatcher.shutdown().unwrap();
        assert_eq!(report.jobs, jobs);
        assert_eq!(
            (report.stats.outstanding, report.stats.in_flight, report.stats.parked),
            (0, 0, 0)
        );
        assert_eq!(report.stats.submitted, report.stats.completed);
        assert!(self.seen.try_recv().is_err(), "a callback ran twice");
        assert!(self.fake.is_closed());
    }
}

fn all_well(names: std::ops::Range<u64>) -> Vec<Seen> {
    names.map(|name| (name, Ok(100))).collect()
}

#[test]
fn a_batch_accepted_in_pieces_loses_nothing() {
    let rig = Rig::new(Fake::automatic(), 8, 8, 2);
    rig.fake.script([Answer::Accept(3), Answer::Accept(1), Answer::Accept(2)]);
    rig.dispatcher.submit_batch(rig.jobs(0..8)).unwrap();
    assert_eq!(rig.seen(8), all_well(0..8));
    let lengths: Vec<usize> = rig.fake.calls().iter().map(|call| call.offsets.len()).collect();
    assert_eq!(lengths, [8, 5, 4, 2]);
    rig.end(8);
}

#[test]
fn an_error_at_submission_reaches_its_own_callback() {
    let rig = Rig::new(Fake::automatic(), 8, 8, 2);
    let (bad, invalid) = (Answer::Refuse(libc::EBADF), Answer::Refuse(libc::EINVAL));
    rig.fake.script([Answer::Accept(2), bad, invalid, Answer::Accept(3), bad]);
    rig.dispatcher.submit_batch(rig.jobs(0..8)).unwrap();
    let mut expected = all_well(0..8);
    expected[2].1 = Err(libc::EBADF);
    expected[3].1 = Err(libc::EINVAL);
    expected[7].1 = Err(libc::EBADF);
    assert_eq!(rig.seen(8), expected);
    let stats = rig.dispatcher.stats();
    assert_eq!(stats.submitted, 5);
    rig.end(8);
}

#[test]
fn an_interrupted_submission_is_repeated() {
    let rig = Rig::new(Fake::automatic(), 4, 4, 1);
    rig.fake.script([Answer::Refuse(libc::EINTR), Answer::Refuse(libc::EINTR)]);
    rig.dispatcher.submit(rig.job(1)).unwrap();
    assert_eq!(rig.seen(1), [(1, Ok(100))]);
    assert_eq!(rig.fake.calls().len(), 3);
    rig.end(1);
}

#[test]
fn a_kernel_without_requests_is_asked_again_after_the_next_completion() {
    let rig = Rig::new(Fake::default(), 8, 8, 1);
    // The one worker is held, so that nobody asks in between.
    let (release, released) = mpsc::channel::<()>();
    let held = Job::read(&rig.file, vec![0; 100], 0, move |_| released.recv_timeout(HANG).unwrap());
    rig.dispatcher.submit(held).unwrap();
    rig.fake.complete([(rig.fake.held(1)[0], 100)]);
    rig.fake.script([Answer::Accept(1), Answer::Refuse(libc::EAGAIN)]);
    rig.dispatcher.submit_batch(rig.jobs(1..4)).unwrap();
    assert_eq!(rig.fake.held(1).len(), 1, "one of the batch");
    // More jobs don't make anybody ask, and stay behind those that were there before.
    rig.dispatcher.submit(rig.job(4)).unwrap();
    assert_eq!(rig.fake.calls().len(), 3);
    assert_eq!(rig.dispatcher.stats().parked, 3);

    release.send(()).unwrap();
    rig.fake.called(4);
    assert_eq!(rig.fake.calls()[3].offsets, [2, 3, 4]);
    rig.fake.held(4);
    rig.fake.complete_all();
    assert_eq!(rig.seen(4), all_well(1..5));
    rig.end(5);
}

#[test]
fn a_kernel_without_requests_is_asked_again_though_nothing_completes() {
    let rig = Rig::new(Fake::default(), 8, 8, 2);
    let poll = rig.dispatcher.spawn(Job::poll(&rig.file, PollEvents::READABLE, |done| done.result));
    let eternal = rig.fake.held(1)[0];
    rig.fake.script([Answer::Refuse(libc::EAGAIN); 5]);
    rig.dispatcher.submit_batch(rig.jobs(0..4)).unwrap();
    rig.fake.held(5);
    assert_eq!(rig.fake.calls().last().unwrap().offsets, [0, 1, 2, 3]);
    rig.fake.complete_all();
    assert_eq!(rig.seen(4), all_well(0..4));
    rig.fake.invent(eternal.token);
    assert_eq!(poll.unwrap().join().unwrap().unwrap(), 0);
    rig.end(5);
}

#[test]
fn a_submission_that_takes_its_time_holds_up_no_other() {
    let rig = Rig::new(Fake::default(), 8, 8, 2);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("buffered");
    let buffered = FileHandle::from(std::fs::File::create(path).unwrap());
    assert!(buffered.is_buffered());
    let tell = rig.tell.clone();
    let write = |name| {
        let tell = tell.clone();
        Job::write(&buffered, vec![0; 100], name, move |done| {
            tell.send((name, Ok(done.result.unwrap()))).unwrap();
        })
    };
    // The caller's own part of the batch blocks in the engine; workers come for the rest of it, and
    // for what another caller submits meanwhile.
    rig.fake.block_caller();
    let batch = [rig.job(0), write(1)];
    thread::scope(|scope| {
        let submitter = &rig.dispatcher;
        scope.spawn(move || submitter.submit_batch(batch).unwrap());
        rig.fake.blocked();
        rig.dispatcher.submit(write(2)).unwrap();
        let others = rig.fake.try_held(2);
        rig.fake.unblock();
        assert!(others, "the other jobs wait for the blocked one");
    });
    rig.fake.held(3);
    rig.fake.complete_all();
    assert_eq!(rig.seen(3), all_well(0..3));
    rig.end(3);
}

#[test]
fn a_kernel_without_requests_and_nothing_in_flight_is_asked_again_and_then_believed() {
    let rig = Rig::new(Fake::automatic(), 8, 8, 1);
    // A passing shortage is waited out.
    rig.fake.script([Answer::Refuse(libc::EAGAIN); 3]);
    rig.dispatcher.submit_batch(rig.jobs(0..2)).unwrap();
    assert_eq!(rig.seen(2), all_well(0..2));
    rig.dispatcher.drain_timeout(HANG).unwrap();
    // A lasting one is reported to the first, and the second has its turn.
    rig.fake.script([Answer::Refuse(libc::EAGAIN); 9]);
    rig.dispatcher.submit_batch(rig.jobs(2..4)).unwrap();
    assert_eq!(rig.seen(2), [(2, Err(libc::EAGAIN)), (3, Ok(100))]);
    rig.end(4);
}

#[test]
fn completions_out_of_order_late_and_all_at_once() {
    let rig = Rig::new(Fake::default(), 64, 64, 3);
    rig.dispatcher.submit_batch(rig.jobs(0..64)).unwrap();
    let mut held = rig.fake.held(64);
    assert_eq!(rig.dispatcher.drain_timeout(Duration::ZERO), Err(DrainError::TimedOut));
    let late = held.remove(0);
    held.reverse();
    rig.fake.complete(held.iter().map(|request| (*request, full(request))));
    assert_eq!(rig.seen(63), all_well(1..64));
    rig.dispatcher.submit_batch(rig.jobs(64..70)).unwrap();
    let early = rig.fake.held(7);
    rig.fake.complete(early[1..].iter().map(|request| (*request, full(request))));
    assert_eq!(rig.seen(6), all_well(64..70));
    rig.fake.complete([(late, 100)]);
    assert_eq!(rig.seen(1), all_well(0..1));
    rig.end(70);
}

#[test]
fn errors_and_short_counts_at_completion() {
    let rig = Rig::new(Fake::default(), 4, 4, 2);
    rig.dispatcher.submit_batch(rig.jobs(0..4)).unwrap();
    let held = rig.fake.held(4);
    let results = [-i64::from(libc::EIO), 0, 1, -i64::from(libc::EINTR)];
    rig.fake.complete(held.into_iter().zip(results));
    let expected = [(0, Err(libc::EIO)), (1, Ok(0)), (2, Ok(1)), (3, Err(libc::EINTR))];
    assert_eq!(rig.seen(4), expected);
    rig.dispatcher.drain_timeout(HANG).unwrap();
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.failed, stats.short), (2, 2));
    rig.end(4);
}

#[test]
fn a_short_read_shows_no_byte_that_was_not_read() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let job = Job::read(&rig.file, Vec::with_capacity(64), 0, |done| done.buffer);
    let handle = rig.dispatcher.spawn(job).unwrap();
    let request = rig.fake.held(1)[0];
    rig.fake.complete([(request, 10)]);
    assert_eq!(handle.join().unwrap(), [FILL; 10]);

    let boxed: Box<[u8]> = [7; 20].into();
    let handle = rig.dispatcher.spawn(Job::read(&rig.file, boxed, 0, |done| done.buffer)).unwrap();
    let request = rig.fake.held(1)[0];
    rig.fake.complete([(request, 5)]);
    let buffer = handle.join().unwrap();
    assert_eq!((&buffer[..5], &buffer[5..]), (&[FILL; 5][..], &[7; 15][..]));
    rig.end(2);
}

#[test]
fn a_kernel_that_reports_too_much_is_not_believed() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let job = Job::read(&rig.file, Vec::with_capacity(64), 0, |done| done.buffer);
    let handle = rig.dispatcher.spawn(job).unwrap();
    let request = rig.fake.held(1)[0];
    rig.fake.complete([(request, 65)]);
    assert!(matches!(handle.join(), Err(crate::JoinError::Panicked(_))));
    rig.end(1);
}

#[test]
fn doubled_and_invented_events_are_counted_and_ignored() {
    let rig = Rig::new(Fake::default(), 2, 2, 1);
    rig.dispatcher.submit(rig.job(0)).unwrap();
    let old = rig.fake.held(1)[0];
    rig.fake.invent(12345);
    rig.fake.complete([(old, 100), (old, 100)]);
    assert_eq!(rig.seen(1), all_well(0..1));
    rig.dispatcher.drain_timeout(HANG).unwrap();
    // The same slot is in use again; the old token doesn't end the new job.
    rig.dispatcher.submit(rig.job(1)).unwrap();
    let new = rig.fake.held(1)[0];
    rig.fake.complete([(old, 100)]);
    rig.fake.complete([(new, 50)]);
    assert_eq!(rig.seen(1), [(1, Ok(50))]);
    rig.dispatcher.drain_timeout(HANG).unwrap();
    assert_eq!(rig.dispatcher.stats().stray_events, 3);
    rig.end(2);
}

#[test]
fn a_failing_wait_loses_nothing() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    rig.dispatcher.submit_batch(rig.jobs(0..2)).unwrap();
    rig.fake.held(2);
    rig.fake.fail_waits([libc::EINTR, libc::EINVAL, libc::EINTR]);
    rig.fake.waits_failed();
    rig.fake.complete_all();
    assert_eq!(rig.seen(2), all_well(0..2));
    assert_eq!(rig.dispatcher.stats().reap_errors, 1);
    rig.end(2);
}

#[test]
fn what_callbacks_submit_enters_the_kernel_together() {
    let rig = Rig::new(Fake::default(), 64, 64, 1);
    rig.run_together(8, |submitter, next| submitter.submit(next).unwrap());
    // One for the job that held the worker, eight single submissions, and one for what eight
    // callbacks submitted.
    rig.fake.held(8);
    let calls = rig.fake.calls();
    assert_eq!(calls.len(), 10);
    assert_eq!(calls[9].offsets, (100..108).collect::<Vec<_>>());
    assert_eq!(calls[9].thread, "aio-worker-0");
    rig.fake.complete_all();
    assert_eq!(rig.seen(8), all_well(100..108));
    rig.end(17);
}

#[test]
fn chains_let_nobody_in_before_they_end() {
    let rig = Rig::new(Fake::default(), 2, 1, 1);
    for name in 0..3 {
        let (submitter, next) = (rig.dispatcher.submitter(), rig.job(100 + name));
        let job =
            Job::read(&rig.file, vec![0; 100], name, move |_| submitter.submit(next).unwrap());
        rig.dispatcher.submit(job).unwrap();
    }
    // Links of chains end, and each has another after it: room for nobody.
    for _ in 0..3 {
        let first = rig.fake.held(2)[0];
        let calls = rig.fake.calls().len();
        rig.fake.complete([(first, full(&first))]);
        rig.fake.called(calls + 1);
        assert_eq!(rig.dispatcher.stats().outstanding, 3);
        let error = rig.dispatcher.try_submit(rig.job(200)).unwrap_err();
        assert_eq!(error.kind(), SubmitErrorKind::Full);
    }
    rig.fake.held(2);
    rig.fake.complete_all();
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(3), all_well(100..103));
    rig.dispatcher.drain_timeout(HANG).unwrap();
    rig.dispatcher.submit_batch(rig.jobs(200..203)).unwrap();
    assert_eq!(rig.dispatcher.try_submit(rig.job(203)).unwrap_err().kind(), SubmitErrorKind::Full);
    rig.fake.held(2);
    rig.fake.complete_all();
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(3), all_well(200..203));
    rig.end(9);
}

#[test]
fn a_run_ends_before_the_device_runs_dry() {
    let rig = Rig::new(Fake::default(), 64, 64, 1);
    rig.run_together(63, |submitter, next| submitter.submit(next).unwrap());
    rig.fake.held(63);
    let lengths: Vec<usize> =
        rig.fake.calls()[64..].iter().map(|call| call.offsets.len()).collect();
    // The job that held the worker was the first of the first run.
    assert_eq!(lengths, [15, 16, 16, 16], "a quarter of the depth at a time");
    rig.fake.complete_all();
    assert_eq!(rig.seen(63), all_well(100..163));
    rig.end(127);
}

#[test]
fn the_backlog_is_submitted_by_workers_in_order() {
    let rig = Rig::new(Fake::default(), 4, 8, 1);
    rig.dispatcher.submit_batch(rig.jobs(0..12)).unwrap();
    assert_eq!(rig.fake.calls().len(), 1, "the caller submits what finds a slot");
    for round in 0..3 {
        let held = rig.fake.held(4);
        let names: Vec<u64> = held.iter().map(|request| request.transfer.offset).collect();
        assert_eq!(names, (4 * round..4 * round + 4).collect::<Vec<_>>());
        rig.fake.complete_all();
        assert_eq!(rig.seen(4), all_well(4 * round..4 * round + 4));
    }
    assert!(rig.fake.calls()[1..].iter().all(|call| call.thread == "aio-worker-0"));
    rig.end(12);
}

#[test]
fn a_stuck_device_leaks_rather_than_frees() {
    let rig = Rig::new(Fake::default(), 2, 2, 1);
    rig.dispatcher.submit_batch(rig.jobs(0..3)).unwrap();
    rig.fake.held(2);
    let submitter = rig.dispatcher.submitter();
    match rig.dispatcher.shutdown_timeout(Duration::from_millis(1)) {
        Err(ShutdownError::TimedOut(stats)) => {
            assert_eq!((stats.outstanding, stats.in_flight, stats.parked), (3, 2, 1));
        }
        other => panic!("shut down, although the device is stuck: {other:?}"),
    }
    // The engine still writes into buffers that nobody freed, and the callbacks run.
    for count in [2, 1] {
        rig.fake.held(count);
        rig.fake.complete_all();
    }
    for _ in 0..3 {
        assert_eq!(rig.seen.recv_timeout(HANG).unwrap().1, Ok(100));
    }
    // With the last callback the threads end, and with them the context.
    while !rig.fake.is_closed() {
        thread::yield_now();
    }
    assert_eq!(submitter.stats().outstanding, 0);
}

#[test]
fn a_poll_never_fired_delays_nothing_but_the_end() {
    let rig = Rig::new(Fake::default(), 4, 32, 2);
    let poll = rig.dispatcher.spawn(Job::poll(&rig.file, PollEvents::READABLE, |done| done.result));
    let eternal = rig.fake.held(1)[0];
    rig.dispatcher.submit_batch(rig.jobs(0..20)).unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..20 {
        let others = rig.fake.held(2)[1..].to_vec();
        rig.fake.complete([(others[0], 100)]);
    }
    assert_eq!(rig.seen(20), all_well(0..20));
    rig.fake.complete([(eternal, 1)]);
    assert_eq!(poll.unwrap().join().unwrap().unwrap(), 1);
    rig.end(21);
}
