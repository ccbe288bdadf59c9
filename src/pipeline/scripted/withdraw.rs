//! Jobs that are cancelled while they wait.

use std::sync::{Arc, mpsc};
use std::thread;

use super::exact::{joined, read};
use super::rest::direct;
use super::{HANG, Meeting, Rig, all_well};
use crate::admission::limits::Limits;
use crate::blocking::BlockingPool;
use crate::engine::fake::{Answer, Fake, full};
use crate::engine::lent::FILL;
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completed::Completed;
use crate::pipeline::{Pipeline, Runs, cancel};
use crate::submit::handle::JobHandle;
use crate::submit::spawned::Spawned;
use crate::{Cancel, JoinError, PollEvents, Submitter};

/// The values that a job's callback was given: its name, bytes or errno, and the buffer's length.
type Given = (u64, Result<usize, i32>, usize);

fn spawn(rig: &Rig, name: u64) -> JobHandle<Given> {
    let job = Job::read(&rig.file, vec![0; 100], name, |done| {
        let result = done.result.map_err(|error| error.raw_os_error().unwrap());
        (done.offset, result, done.buffer.len())
    });
    rig.dispatcher.spawn(job).unwrap()
}

fn cancelled(name: u64) -> Given {
    (name, Err(libc::ECANCELED), 100)
}

fn ended(handle: JobHandle<Given>) -> Given {
    handle.join_timeout(HANG).unwrap()
}

/// The jobs that the kernel has been given, in order.
fn submitted(rig: &Rig) -> Vec<u64> {
    rig.fake.calls().into_iter().flat_map(|call| call.offsets).collect()
}

#[test]
fn what_waits_for_a_slot_ends_without_one() {
    let rig = Rig::new(Fake::default(), 2, 8, 1);
    let handles: Vec<_> = (0..7).map(|name| spawn(&rig, name)).collect();
    rig.fake.held(2);
    for (name, handle) in handles.iter().enumerate() {
        let expected = if [3, 6].contains(&name) { Cancel::Cancelled } else { Cancel::TooLate };
        if name < 2 || expected == Cancel::Cancelled {
            assert_eq!(handle.cancel(), expected, "job {name}");
        }
    }
    assert_eq!(handles[3].cancel(), Cancel::TooLate, "a second time");
    let mut handles: Vec<_> = handles.into_iter().map(Some).collect();
    for name in [6, 3] {
        assert_eq!(ended(handles[name].take().unwrap()), cancelled(name as u64));
    }
    // Nothing has completed.
    while rig.dispatcher.stats().finished < 2 {
        thread::yield_now();
    }
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.cancelled, stats.failed, stats.finished), (2, 2, 2));
    assert_eq!((stats.outstanding, stats.parked), (5, 3));
    for round in 0..3 {
        rig.fake.held(if round < 2 { 2 } else { 1 });
        rig.fake.complete_all();
    }
    for handle in handles.into_iter().flatten() {
        let given = ended(handle);
        assert_eq!(given, (given.0, Ok(100), 100));
    }
    assert_eq!(submitted(&rig), [0, 1, 2, 4, 5], "in order, without those");
    rig.end(7);
}

#[test]
fn it_makes_room() {
    let rig = Rig::new(Fake::default(), 1, 1, 1);
    let (_held, waiting) = (spawn(&rig, 0), spawn(&rig, 1));
    assert!(rig.dispatcher.try_submit(rig.job(2)).is_err());
    thread::scope(|scope| {
        let next = rig.job(2);
        let submitted = scope.spawn(|| rig.dispatcher.submit(next).unwrap());
        assert_eq!(waiting.cancel(), Cancel::Cancelled);
        submitted.join().unwrap();
    });
    rig.fake.held(1);
    rig.fake.complete_all();
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(2..3));
    assert_eq!(ended(waiting), cancelled(1));
    rig.end(3);
}

#[test]
fn an_idle_worker_comes_while_another_is_in_a_callback() {
    let rig = Rig::new(Fake::default(), 2, 8, 2);
    let release = rig.held_worker();
    let (in_kernel, waiting) = (spawn(&rig, 0), spawn(&rig, 1));
    rig.fake.held(1);
    assert_eq!(waiting.cancel(), Cancel::Cancelled);
    assert_eq!(ended(waiting), cancelled(1));
    assert!(!in_kernel.is_finished());
    release.send(()).unwrap();
    rig.fake.complete_all();
    rig.end(3);
}

#[test]
fn a_busy_worker_comes_by_and_needs_no_completion() {
    let rig = Rig::new(Fake::default(), 2, 8, 1);
    let release = rig.held_worker();
    let handles: Vec<_> = (0..4).map(|name| spawn(&rig, name)).collect();
    rig.fake.held(1);
    for handle in &handles[1..] {
        assert_eq!(handle.cancel(), Cancel::Cancelled);
        assert!(!handle.is_finished(), "no worker is free");
    }
    release.send(()).unwrap();
    for (handle, name) in handles.into_iter().zip(0..).skip(1) {
        assert_eq!(ended(handle), cancelled(name));
    }
    rig.fake.complete_all();
    rig.end(5);
}

#[test]
fn callbacks_of_withdrawn_jobs_delay_nobody_while_a_worker_is_idle() {
    let rig = Rig::new(Fake::default(), 1, 8, 3);
    // Each callback waits for the others: of two cancelled jobs, and of one that the kernel has
    // completed.
    let meeting = Meeting::new();
    let handles = [0, 1, 2].map(|name| {
        let guest = meeting.guest.clone();
        let job = Job::read(&rig.file, vec![0; 100], name, move |done| {
            guest.meet();
            done.result.is_ok()
        });
        rig.dispatcher.spawn(job).unwrap()
    });
    rig.fake.held(1);
    assert_eq!((handles[1].cancel(), handles[2].cancel()), (Cancel::Cancelled, Cancel::Cancelled));
    rig.fake.complete_all();
    meeting.of(3);
    let well = handles.map(|handle| handle.join_timeout(HANG).unwrap());
    assert_eq!(well, [true, false, false]);
    rig.end(3);
}

#[test]
fn a_worker_that_is_kept_busy_comes_by_all_the_same() {
    let rig = Rig::new(Fake::default(), 64, 64, 1);
    let release = rig.held_worker();
    rig.dispatcher.submit_batch(rig.jobs(0..63)).unwrap();
    let waiting = rig.dispatcher.spawn(rig.job(63)).unwrap();
    rig.fake.held(63);
    rig.fake.complete_all();
    let pipeline = rig.dispatcher.submitter().pipeline;
    while pipeline.completed.len() < 63 {
        thread::yield_now();
    }
    assert_eq!(waiting.cancel(), Cancel::Cancelled);
    release.send(()).unwrap();
    let order: Vec<u64> = (0..64).map(|_| rig.seen(1)[0].0).collect();
    let place = order.iter().position(|&name| name == 63).unwrap();
    assert!(place < 63, "it had to wait until the channel was empty");
    drop(pipeline);
    rig.end(65);
}

/// A worker is woken for a cancelled job. Before it comes, a job on the channel is left to it, too.
#[test]
fn what_was_left_to_a_worker_is_not_left_to_its_slow_callback() {
    let limits = Limits { depth: 1, backlog: 2, parked: 2 };
    let blocking = BlockingPool::new(1, Default::default());
    let (pipeline, completed_tx) =
        Pipeline::new(Box::new(Fake::default()), limits, Runs::Workers(2), blocking, None);
    let submitter = Submitter { pipeline: Arc::clone(&pipeline) };
    let file = FileHandle::from(std::fs::File::open("/dev/null").unwrap());
    let job = || Job::read(&file, Vec::new(), 0, |_| ());
    submitter.submit(job()).unwrap();
    let waiting = submitter.spawn(job()).unwrap();
    (0..2).for_each(|worker| pipeline.wakeups().workers().sleepers.announce_idle(worker, None));
    assert_eq!(waiting.cancel(), Cancel::Cancelled);
    assert!(completed_tx.try_send(Completed { token: 0, res: 0, job: job() }).is_ok());
    pipeline.wakeups().for_unclaimed();
    assert_eq!(
        (
            pipeline.wakeups().workers().sleepers.idle(),
            pipeline.wakeups().workers().sleepers.coming()
        ),
        (1, 1)
    );
    assert!(pipeline.wakeups().workers().sleepers.cancel_idle(1), "it has been woken");
    assert!(cancel::next_ended_early(&pipeline).is_some());
    assert_eq!(pipeline.wakeups().workers().sleepers.idle(), 0, "the other one is woken");
}

#[test]
fn callbacks_withdraw_others_and_may_submit_and_panic() {
    let rig = Rig::new(Fake::default(), 1, 8, 1);
    let (submitter, next) = (rig.dispatcher.submitter(), rig.job(7));
    let (tell, told) = mpsc::channel::<JobHandle<()>>();
    let cancelling = Job::read(&rig.file, vec![0; 100], 0, move |_| {
        told.iter().map(|handle| handle.cancel()).collect::<Vec<_>>()
    });
    let cancelling = rig.dispatcher.spawn(cancelling).unwrap();
    let panics = Job::read(&rig.file, vec![0; 100], 1, |done| {
        // Without the panic hook and its output.
        std::panic::resume_unwind(Box::new(done.result.unwrap_err().raw_os_error()))
    });
    let panics = rig.dispatcher.spawn(panics).unwrap();
    let submits = Job::read(&rig.file, vec![0; 100], 2, move |_| submitter.submit(next).unwrap());
    tell.send(rig.dispatcher.spawn(submits).unwrap()).unwrap();
    let nop = rig.dispatcher.spawn(Job::nop(|| ())).unwrap();
    tell.send(nop).unwrap();
    drop(tell);
    assert_eq!(panics.cancel(), Cancel::Cancelled);
    let Err(JoinError::Panicked(payload)) = panics.join_timeout(HANG) else { panic!() };
    assert_eq!(payload.into_inner().downcast_ref(), Some(&Some(libc::ECANCELED)));
    rig.fake.held(1);
    rig.fake.complete_all();
    let answers = cancelling.join_timeout(HANG).unwrap();
    assert_eq!(answers, [Cancel::Cancelled, Cancel::WillRun]);
    // A job that the callback of a cancelled job submits enters the kernel.
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(7..8));
    rig.dispatcher.drain_timeout(HANG).unwrap();
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.cancelled, stats.panics, stats.nops, stats.failed), (2, 1, 1, 2));
    rig.end(5);
}

#[test]
fn what_the_kernel_has_no_request_for_can_be_withdrawn() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let held = spawn(&rig, 0);
    let first = rig.fake.held(1)[0];
    rig.fake.script(vec![Answer::Refuse(libc::EAGAIN); 1000]);
    let refused = spawn(&rig, 1);
    cancel_starved(&refused);
    assert_eq!(ended(refused), cancelled(1));
    // The same for the rest of a job that is done in part.
    rig.fake.script_anew([Answer::Accept(1)]);
    let file = direct(false);
    let handle = read(&rig, &file);
    let part = rig.fake.held(2)[1];
    rig.fake.script(vec![Answer::Refuse(libc::EAGAIN); 1000]);
    rig.fake.complete([(part, 1000)]);
    cancel_starved(&handle);
    let (transferred, result, buffer) = joined(handle);
    assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::ECANCELED));
    assert_eq!((transferred, buffer), (1000, vec![FILL; 1000]));
    rig.fake.script_anew([]);
    rig.fake.complete([(first, full(&first))]);
    assert_eq!(ended(held), (0, Ok(100), 100));
    rig.end(3);
}

/// Cancels a job for which the kernel is asked now and then.
fn cancel_starved<T>(handle: &JobHandle<T>) {
    while handle.cancel() != Cancel::Cancelled {
        assert!(!handle.is_finished());
        thread::yield_now();
    }
}

#[test]
fn thousands_are_withdrawn_from_wherever_they_are() {
    const JOBS: u64 = 5000;
    let rig = Rig::new(Fake::default(), 1, JOBS as usize, 2);
    let handles: Vec<_> = (0..=JOBS).map(|name| spawn(&rig, name)).collect();
    rig.fake.held(1);
    let (front, back) = handles[1..].split_at(JOBS as usize / 2);
    thread::scope(|scope| {
        // From the front, and from the back.
        scope.spawn(|| assert!(front.iter().all(|handle| handle.cancel() == Cancel::Cancelled)));
        scope.spawn(|| {
            assert!(back.iter().rev().all(|handle| handle.cancel() == Cancel::Cancelled));
        });
    });
    assert!(handles.iter().all(|handle| handle.cancel() == Cancel::TooLate));
    for (handle, name) in handles.into_iter().zip(0..).skip(1) {
        assert_eq!(ended(handle), cancelled(name));
    }
    rig.fake.complete_all();
    rig.end(JOBS + 1);
}

/// The kernel doesn't have the poll yet, so it can't cancel it. A worker is woken to ask again.
#[test]
fn a_poll_that_is_just_being_submitted_is_cancelled_soon_after() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    rig.all_asleep(1);
    let submitter = rig.dispatcher.submitter();
    let poll = Job::poll(&rig.file, PollEvents::READABLE, |done| {
        done.result.map_err(|error| error.raw_os_error())
    });
    let (job, handle) = Spawned::tie(poll, &submitter.pipeline);
    rig.fake.block_caller();
    let submits = thread::spawn(move || submitter.submit(job).unwrap());
    rig.fake.called(1);
    assert_eq!(handle.cancel(), Cancel::Cancelled);
    rig.fake.unblock();
    submits.join().unwrap();
    assert_eq!(handle.join_timeout(HANG).unwrap(), Err(Some(libc::ECANCELED)));
    rig.end(1);
}

/// The event of a poll comes while the kernel is asked to cancel it. Its slot is free when that is
/// over, and the thread that asked wakes somebody for the next job.
#[test]
fn a_slot_that_was_pinned_is_filled_again() {
    for workers in [1, 2] {
        let rig = Rig::new(Fake::default(), 1, 4, workers);
        let poll = Job::poll(&rig.file, PollEvents::READABLE, |_| ());
        let handle = rig.dispatcher.spawn(poll).unwrap();
        let held = rig.fake.held(1);
        rig.dispatcher.submit(rig.job(7)).unwrap();
        rig.fake.block_cancel();
        let cancels = thread::spawn(move || handle.cancel());
        rig.fake.blocked();
        rig.fake.complete([(held[0], 1)]);
        while rig.dispatcher.stats().finished < 1 {
            thread::yield_now();
        }
        rig.all_asleep(workers);
        assert_eq!(rig.fake.calls().len(), 1, "the slot is pinned");
        rig.fake.unblock();
        assert_eq!(cancels.join().unwrap(), Cancel::Cancelled);
        rig.fake.held(1);
        rig.fake.complete_all();
        assert_eq!(rig.seen(1), [(7, Ok(100))]);
        rig.end(2);
    }
}

/// The poll was the last job, so nothing is outstanding while the kernel is asked.
#[test]
fn the_engine_may_be_closed_while_a_poll_is_cancelled() {
    let rig = Rig::new(Fake::default(), 1, 4, 1);
    let poll = Job::poll(&rig.file, PollEvents::READABLE, |_| ());
    let handle = rig.dispatcher.spawn(poll).unwrap();
    let held = rig.fake.held(1);
    rig.fake.block_cancel();
    let cancels = thread::spawn(move || handle.cancel());
    rig.fake.blocked();
    rig.fake.complete([(held[0], 1)]);
    let fake = rig.fake.clone();
    rig.end(1);
    fake.unblock();
    assert_eq!(cancels.join().unwrap(), Cancel::Cancelled);
}
