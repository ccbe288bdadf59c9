//! Jobs whose deadline comes while they wait.

use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::exact::{LENGTH, OFFSET, joined};
use super::rest::direct;
use super::{HANG, Meeting, Rig, all_well};
use crate::admission::Filler;
use crate::admission::batch::Batch;
use crate::admission::limits::Limits;
use crate::blocking::BlockingPool;
use crate::engine::fake::{Answer, Fake};
use crate::engine::lent::FILL;
use crate::job::Job;
use crate::pipeline::callback::{end, end_one_early};
use crate::pipeline::cancel::next_ended_early;
use crate::pipeline::wakeups::hints::SenderNext;
use crate::pipeline::{Pipeline, Runs};
use crate::{FileHandle, PollEvents};

const SOON: Duration = Duration::from_millis(1);
/// Not to come while a test runs.
const LATER: Duration = Duration::from_secs(3600);

fn timed_out(names: std::ops::Range<u64>) -> Vec<super::Seen> {
    names.map(|name| (name, Err(libc::ETIMEDOUT))).collect()
}

/// Waits until a time has come, for which there is no event.
fn sleep_until(time: Instant) {
    while let Some(left) =
        time.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    {
        thread::sleep(left);
    }
}

#[test]
fn what_waits_ends_at_its_deadline_though_nothing_else_happens() {
    for workers in [1, 3] {
        let rig = Rig::new(Fake::default(), 1, 16, workers);
        rig.dispatcher.submit(rig.job(0)).unwrap();
        rig.fake.held(1);
        rig.all_asleep(workers);
        // The alarm is set for the first of these. The second doesn't change it; those below do.
        rig.dispatcher.submit(rig.job(3).start_within(LATER)).unwrap();
        rig.dispatcher.submit(rig.job(4).start_within(2 * LATER)).unwrap();
        for name in [1, 2] {
            rig.dispatcher.submit(rig.job(name).start_within(SOON)).unwrap();
            assert_eq!(rig.seen(1), timed_out(name..name + 1));
        }
        rig.all_asleep(workers);
        let stats = rig.dispatcher.stats();
        assert_eq!((stats.timed_out, stats.finished, stats.failed, stats.parked), (2, 2, 2, 2));
        for _ in 0..3 {
            rig.fake.held(1);
            rig.fake.complete_all();
            rig.seen(1);
        }
        let submitted: Vec<_> =
            rig.fake.calls().into_iter().flat_map(|call| call.offsets).collect();
        assert_eq!(submitted, [0, 3, 4], "those that ended are not submitted");
        rig.end(5);
    }
}

#[test]
fn many_deadlines_each_end_one_job() {
    const JOBS: u64 = 1000;
    let rig = Rig::new(Fake::default(), 1, JOBS as usize, 3);
    rig.dispatcher.submit(rig.job(JOBS)).unwrap();
    rig.fake.held(1);
    let jobs = (0..JOBS)
        .map(|name| rig.job(name).start_within(Duration::from_micros(name * 7919 % 20_000)));
    rig.dispatcher.submit_batch(jobs).unwrap();
    assert_eq!(rig.seen(JOBS as usize), timed_out(0..JOBS));
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(JOBS..JOBS + 1));
    rig.end(JOBS + 1);
}

#[test]
fn a_job_that_is_late_already_ends_at_once_though_slots_are_free() {
    let rig = Rig::new(Fake::default(), 4, 4, 2);
    rig.dispatcher.submit(rig.job(0).start_within(Duration::ZERO)).unwrap();
    rig.dispatcher.submit(rig.job(1).start_by(Instant::now())).unwrap();
    assert_eq!(rig.seen(2), timed_out(0..2));
    // From a callback.
    let (submitter, late) = (rig.dispatcher.submitter(), rig.job(2).start_within(Duration::ZERO));
    rig.dispatcher.submit(Job::nop(move || submitter.submit(late).unwrap())).unwrap();
    assert_eq!(rig.seen(1), timed_out(2..3));
    assert!(rig.fake.calls().is_empty());
    rig.end(4);
}

#[test]
fn an_idle_worker_minds_deadlines_while_another_is_in_a_callback() {
    let rig = Rig::new(Fake::default(), 2, 8, 2);
    let (submitter, mine) = (rig.dispatcher.submitter(), rig.job(1).start_within(SOON));
    rig.dispatcher.submit(rig.job(0)).unwrap();
    rig.fake.held(1);
    // The other slot is this callback's. What it submits ends while it still runs.
    let (release, released) = mpsc::channel::<()>();
    let slow = move || {
        submitter.submit(mine).unwrap();
        released.recv_timeout(HANG).unwrap();
    };
    rig.dispatcher.submit(Job::nop(slow)).unwrap();
    assert_eq!(rig.seen(1), timed_out(1..2));
    release.send(()).unwrap();
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(0..1));
    rig.end(3);
}

#[test]
fn callbacks_of_jobs_that_timed_out_delay_nobody_while_a_worker_is_idle() {
    const WORKERS: usize = 4;
    let rig = Rig::new(Fake::default(), 1, 16, WORKERS);
    rig.dispatcher.submit(rig.job(100)).unwrap();
    rig.fake.held(1);
    rig.all_asleep(WORKERS);
    // Each callback waits for the others, so all workers are needed at the same time. If the worker
    // that has the alarm runs a callback, another takes the alarm over. A worker that finds several
    // jobs wakes others.
    for step in [SOON, Duration::ZERO] {
        let now = Instant::now();
        let deadlines = [1, 2, 3, 4].map(|number| now + SOON + step * number);
        let meeting = Meeting::new();
        for (deadline, name) in deadlines.into_iter().zip(0..) {
            let guest = meeting.guest.clone();
            let job = Job::read(&rig.file, Vec::new(), name, move |_| guest.meet());
            rig.dispatcher.submit(job.start_by(deadline)).unwrap();
        }
        meeting.of(WORKERS);
        rig.all_asleep(WORKERS);
    }
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(100..101));
    rig.end(2 * WORKERS as u64 + 1);
}

#[test]
fn what_is_late_when_a_slot_becomes_free_does_not_get_it() {
    let rig = Rig::new(Fake::default(), 1, 8, 1);
    let release = rig.held_worker();
    let deadline = Instant::now() + SOON;
    rig.dispatcher.submit(rig.job(0).start_by(deadline)).unwrap();
    rig.dispatcher.submit(rig.job(1)).unwrap();
    sleep_until(deadline);
    release.send(()).unwrap();
    assert_eq!(rig.seen(1), timed_out(0..1));
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(1..2));
    assert_eq!(rig.fake.calls().len(), 1);
    rig.end(3);
}

#[test]
fn what_is_in_the_kernel_goes_on_but_is_not_resumed() {
    let file = direct(false);
    let mut limit = SOON;
    // The jobs have to get into the kernel in time, which a busy machine may not let them.
    let (rig, handle, request) = loop {
        let rig = Rig::new(Fake::default(), 4, 4, 1);
        let read = |offset| Job::read(&file, vec![0; LENGTH], offset, |done| done);
        let exact = rig.dispatcher.spawn(read(OFFSET).exact().start_within(limit)).unwrap();
        let plain = rig.dispatcher.spawn(read(0).start_within(limit)).unwrap();
        rig.dispatcher.submit(rig.job(1)).unwrap();
        let held = rig.fake.held(1);
        if held.len() == 3 {
            sleep_until(Instant::now() + limit);
            rig.fake.complete([(held[1], 700)]);
            let done = plain.join_timeout(HANG).unwrap();
            assert_eq!((done.result.unwrap(), done.buffer), (700, vec![FILL; 700]));
            break (rig, exact, held[0]);
        }
        rig.fake.complete_all();
        rig.seen(1);
        rig.end(3);
        limit *= 2;
    };
    rig.fake.complete([(request, 700)]);
    let (transferred, result, buffer) = joined(handle);
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!((transferred, buffer), (700, vec![FILL; 700]), "also what isn't aligned");
    rig.fake.complete_all();
    rig.dispatcher.drain_timeout(HANG).unwrap();
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.timed_out, stats.resumed, stats.submitted, stats.failed), (1, 0, 3, 1));
    rig.seen(1);
    rig.end(3);
}

/// Submits polls until the deadline of one comes during its submission: a busy machine may not let
/// a poll get that far in time. Meanwhile it calls `during` with the poll's limit and the number of
/// tries. Returns the poll's result and how many polls it took.
fn late_in_submission(rig: &Rig, during: impl Fn(Duration, u64)) -> (io::Result<usize>, u64) {
    let dispatcher = &rig.dispatcher;
    for (tries, limit) in (1..).map(|tries| (tries, SOON * (1 << tries))) {
        let calls = rig.fake.calls().len();
        rig.fake.block_caller();
        let poll =
            Job::poll(&rig.file, PollEvents::READABLE, |done| done.result).start_within(limit);
        let (held, handle) = thread::scope(|scope| {
            let caller = scope.spawn(|| dispatcher.spawn(poll).unwrap());
            while rig.fake.calls().len() == calls && !caller.is_finished() {
                thread::yield_now();
            }
            let held = rig.fake.calls().len() > calls;
            if held {
                rig.fake.blocked();
                during(limit, tries);
                rig.fake.unblock();
            }
            (held, caller.join().unwrap())
        });
        let result = handle.join_timeout(HANG).unwrap();
        if held {
            return (result, tries);
        }
    }
    unreachable!("some limit is long enough")
}

#[test]
fn a_poll_ends_at_its_deadline_also_if_that_comes_while_it_is_submitted() {
    let rig = Rig::new(Fake::default(), 4, 4, 2);
    let poll = |limit| {
        let job = Job::poll(&rig.file, PollEvents::READABLE, |done| done.result);
        rig.dispatcher.spawn(job.start_within(limit)).unwrap()
    };
    let result = poll(SOON).join_timeout(HANG).unwrap();
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let (result, tries) =
        late_in_submission(&rig, |limit, _| sleep_until(Instant::now() + limit + SOON));
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
    let patient = poll(LATER);
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(patient.join_timeout(HANG).unwrap().unwrap(), 0);
    rig.dispatcher.drain_timeout(HANG).unwrap();
    rig.end(2 + tries);
}

#[test]
fn a_poll_that_is_late_and_refused_ends_once() {
    let rig = Rig::new(Fake::default(), 4, 4, 2);
    rig.dispatcher.submit(rig.job(0)).unwrap();
    rig.fake.held(1);
    let (result, tries) = late_in_submission(&rig, |_, tries| {
        rig.fake.script_anew(vec![Answer::Refuse(libc::EAGAIN); 1000]);
        // The poll is marked as overdue, and then goes back into the backlog.
        while rig.dispatcher.stats().timed_out < tries {
            thread::yield_now();
        }
    });
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(rig.dispatcher.stats().timed_out, tries);
    rig.fake.script_anew([]);
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(0..1));
    rig.end(1 + tries);
}

/// A worker looks for what is overdue just before the job comes into the queue of the blocking
/// threads, all of which are busy. Nobody looks again, so the thread that queues the job does.
#[test]
fn what_is_overdue_when_it_is_queued_for_a_busy_thread_ends_at_once() {
    let limits = Limits { depth: 4, backlog: 4, parked: 4 };
    let engine = Box::new(Fake::default());
    let (pipeline, _completed_tx) = Pipeline::new(
        engine,
        limits,
        Runs::Workers(1),
        BlockingPool::new(1, Default::default()),
        None,
    );
    let (begin, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let work = move || {
        begin.send(()).unwrap();
        released.recv_timeout(HANG).unwrap();
    };
    assert!(pipeline.post(Job::blocking(work, |()| ())).is_ok());
    begun.recv_timeout(HANG).unwrap();

    let file = FileHandle::from(tempfile::tempfile().unwrap());
    let (tell, told) = mpsc::channel();
    let write = move |done: crate::Completion<_>| tell.send(done.result.unwrap_err()).unwrap();
    let deadline = Instant::now() + SOON;
    let write = Job::write(file, vec![0; 9], 0, write).start_by(deadline);
    let (mut batch, mut books) = (Batch::default(), pipeline.admission.lock());
    assert!(books.post(write).is_ok());
    let _ = pipeline.admission.fill_slots(&mut books, Filler::Caller, &mut batch);
    drop(books);
    if batch.blocking.len() == 1 {
        sleep_until(deadline);
        pipeline.admission.lock().expire_overdue();
        assert!(next_ended_early(&pipeline).is_none());
        assert!(pipeline.completed.is_empty(), "it is not in the queue");
        pipeline.launcher.launch(&pipeline.admission, &mut batch, SenderNext::Other);
        let _ = end(&pipeline, pipeline.completed.try_recv().unwrap());
    } else {
        end_one_early(&pipeline);
    }
    assert_eq!(told.try_recv().unwrap().kind(), io::ErrorKind::TimedOut);
    assert_eq!(pipeline.admission.lock().next_deadline(), None);
    release.send(()).unwrap();
    let _ = end(&pipeline, pipeline.completed.recv_timeout(HANG).unwrap());
    pipeline.close();
    pipeline.launcher.blocking.join();
}
