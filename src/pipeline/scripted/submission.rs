//! All answers that the kernel may give to a submission.

use std::sync::mpsc;
use std::thread;

use super::rest::direct;
use super::{HANG, Rig, all_well};
use crate::engine::fake::{Answer, Fake};
use crate::file::FileHandle;
use crate::job::Job;
use crate::{Cancel, PollEvents};

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
    std::fs::write(&path, [0; 200]).unwrap();
    let buffered = FileHandle::from(std::fs::File::open(path).unwrap());
    assert!(buffered.is_buffered());
    let tell = rig.tell.clone();
    // A worker has to look into the page cache for such a read.
    let read = |name| {
        let tell = tell.clone();
        Job::read(&buffered, vec![0; 100], name, move |done| {
            tell.send((name, Ok(done.result.unwrap()))).unwrap();
        })
    };
    // The caller's own part of the batch blocks in the engine. Workers come for the rest of the
    // batch, and for the job that another caller submits meanwhile.
    rig.fake.block_caller();
    let batch = [rig.job(0), read(1)];
    thread::scope(|scope| {
        let submitter = &rig.dispatcher;
        scope.spawn(move || submitter.submit_batch(batch).unwrap());
        rig.fake.blocked();
        rig.dispatcher.submit(read(2)).unwrap();
        let others = (0..2).filter(|_| rig.seen.recv_timeout(HANG).is_ok()).count();
        rig.fake.unblock();
        assert_eq!(others, 2, "the other jobs wait for the blocked one");
    });
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(0..1));
    rig.end(3);
}

#[test]
fn a_file_that_cannot_be_asked_not_to_wait_is_not_asked_again() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let file = FileHandle::from(std::fs::File::open("/proc/version").unwrap());
    assert!(file.supports_nowait());
    let job = Job::read(&file, vec![0; 100], 0, |done| done.result);
    assert!(rig.dispatcher.spawn(job).unwrap().join().unwrap().is_ok());
    assert!(!file.supports_nowait(), "nor its other handles");
    assert_eq!(rig.dispatcher.stats().blocking_transfers, 1);
    // No worker is needed to look any more, so the one worker may be busy.
    let gate = rig.held_worker();
    let job = Job::read(&file, vec![0; 100], 0, |_| ());
    rig.dispatcher.submit(job).unwrap();
    while rig.dispatcher.stats().blocking_transfers < 2 {
        thread::yield_now();
    }
    gate.send(()).unwrap();
    rig.end(3);
}

#[test]
fn without_requests_jobs_that_need_none_wait_in_their_turn() {
    let rig = Rig::new(Fake::default(), 8, 8, 1);
    let gate = rig.held_worker();
    rig.dispatcher.submit(rig.job(0)).unwrap();
    rig.fake.script([Answer::Refuse(libc::EAGAIN)]);
    rig.dispatcher.submit(rig.job(1)).unwrap();
    let tell = rig.tell.clone();
    let nop = Job::nop(move || tell.send((2, Ok(100))).unwrap());
    rig.dispatcher.submit(nop).unwrap();
    assert_eq!(rig.dispatcher.stats().parked, 2);
    gate.send(()).unwrap();
    assert_eq!(rig.seen(1), all_well(2..3));
    rig.fake.held(2);
    rig.fake.complete_all();
    assert_eq!(rig.seen(2), all_well(0..2));
    rig.end(4);
}

#[test]
fn a_kernel_without_requests_and_nothing_in_flight_is_asked_again_and_then_believed() {
    let rig = Rig::new(Fake::automatic(), 8, 8, 1);
    // The caller waits out a short shortage.
    rig.fake.script([Answer::Refuse(libc::EAGAIN); 3]);
    rig.dispatcher.submit_batch(rig.jobs(0..2)).unwrap();
    assert_eq!(rig.seen(2), all_well(0..2));
    rig.dispatcher.drain_timeout(HANG).unwrap();
    // A lasting shortage ends the first job, and then the second has its tries.
    rig.fake.script([Answer::Refuse(libc::EAGAIN); 9]);
    rig.dispatcher.submit_batch(rig.jobs(2..4)).unwrap();
    assert_eq!(rig.seen(2), [(2, Err(libc::EAGAIN)), (3, Ok(100))]);
    rig.end(4);
}

#[test]
fn each_job_has_its_own_tries_at_a_kernel_without_requests() {
    let rig = Rig::new(Fake::automatic(), 8, 8, 1);
    let (busy, bad) = (Answer::Refuse(libc::EAGAIN), Answer::Refuse(libc::EBADF));
    rig.fake.script([busy; 8].into_iter().chain([bad]).chain([busy; 8]));
    rig.dispatcher.submit_batch(rig.jobs(0..2)).unwrap();
    assert_eq!(rig.seen(2), [(0, Err(libc::EBADF)), (1, Ok(100))]);
    rig.end(2);
}

#[test]
fn a_kernel_without_requests_is_asked_again_while_who_asked_is_in_a_callback() {
    let rig = Rig::new(Fake::default(), 4, 4, 2);
    let (arrive, arrived) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let slow = Job::read(&rig.file, vec![0; 100], 0, move |_| {
        arrive.send(()).unwrap();
        released.recv_timeout(HANG).unwrap();
    });
    rig.dispatcher.submit(slow).unwrap();
    rig.all_asleep(2);
    rig.fake.script(vec![Answer::Refuse(libc::EAGAIN); 10_000]);
    rig.dispatcher.submit(rig.job(1)).unwrap();
    // One of the two workers asks now and then, and is the first to be woken for a completion.
    rig.fake.called(4);
    rig.fake.complete([(rig.fake.held(1)[0], 100)]);
    arrived.recv_timeout(HANG).unwrap();
    rig.fake.script_anew([]);
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(1..2));
    release.send(()).unwrap();
    rig.end(2);
}

#[test]
fn a_kernel_without_requests_is_asked_again_for_what_a_callback_submits() {
    let rig = Rig::new(Fake::default(), 4, 4, 2);
    let (submitter, next) = (rig.dispatcher.submitter(), rig.job(2));
    let (release, released) = mpsc::channel::<()>();
    let slow = Job::read(&rig.file, vec![0; 100], 0, move |_| {
        submitter.submit(next).unwrap();
        released.recv_timeout(HANG).unwrap();
    });
    rig.dispatcher.submit(slow).unwrap();
    rig.all_asleep(2);
    rig.fake.script(vec![Answer::Refuse(libc::EAGAIN); 10_000]);
    let refused = rig.dispatcher.spawn(rig.job(1)).unwrap();
    rig.fake.called(4);
    // Without this job, there is no reason to ask.
    while refused.cancel() != Cancel::Cancelled {
        thread::yield_now();
    }
    assert_eq!(rig.seen(1), [(1, Err(libc::ECANCELED))]);
    rig.all_asleep(2);
    rig.fake.script_anew([]);
    rig.fake.complete([(rig.fake.held(1)[0], 100)]);
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(2..3));
    release.send(()).unwrap();
    rig.end(3);
}

/// A write keeps its submitter in the kernel. What was submitted together with it does not wait
/// behind it, but goes in with other threads: reads, polls and writes to other files.
#[test]
fn a_write_that_keeps_its_submitter_in_the_kernel_keeps_nothing_behind_it() {
    let rig = Rig::new(Fake::default(), 32, 32, 3);
    rig.all_asleep(3);
    let write = |file: &FileHandle, name| Job::write(file, vec![0; 100], name, |_| ());
    let mut jobs = rig.jobs(0..5);
    jobs.push(write(&rig.file, 5));
    jobs.push(write(&rig.file, 6));
    jobs.extend(rig.jobs(7..10));
    jobs.push(write(&direct(false), 10));
    jobs.extend(rig.jobs(11..15));
    rig.fake.block_at(5);
    let submitter = rig.dispatcher.submitter();
    let caller = thread::spawn(move || submitter.submit_batch(jobs).unwrap());
    rig.fake.blocked();
    let held = rig.fake.held(13);
    let mut names: Vec<_> = held.iter().map(|request| request.transfer.offset).collect();
    names.sort_unstable();
    let others: Vec<u64> = (0..15).filter(|name| ![5, 6].contains(name)).collect();
    assert_eq!(names, others, "the second write to the same file waits with the first");
    rig.fake.unblock();
    caller.join().unwrap();
    rig.fake.held(15);
    rig.fake.complete_all();
    assert_eq!(rig.seen(12).len(), 12);
    rig.end(15);
}

/// The callback's own thread does not enter the kernel, where it could be kept.
#[test]
fn a_submission_in_a_callback_returns_though_the_kernel_keeps_its_submitter() {
    let rig = Rig::new(Fake::default(), 8, 8, 2);
    rig.all_asleep(2);
    rig.fake.block_at(7);
    let (submitter, read) = (rig.dispatcher.submitter(), rig.job(7));
    let (tell, told) = mpsc::channel();
    let callback = move || {
        submitter.submit(read).unwrap();
        tell.send(()).unwrap();
    };
    rig.dispatcher.submit(Job::nop(callback)).unwrap();
    rig.fake.blocked();
    told.recv_timeout(HANG).expect("the submission is kept");
    rig.fake.unblock();
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(7..8));
    rig.end(2);
}
