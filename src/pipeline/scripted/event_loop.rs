//! An event loop against answers that real kernels seldom give.

use std::fs::File;
use std::io::Write;
use std::sync::Barrier;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Instant;

use super::{EndOnPanic, HANG, Seen, all_well, is_readable};
use crate::admission::limits::Limits;
use crate::engine::Request;
use crate::engine::fake::{Answer, Fake, full};
use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::job::Job;
use crate::pipeline::scripted::with_limits;
use crate::pipeline::wakeups::doorbell::Doorbell;
use crate::{Dispatcher, LoopDispatcher, PollEvents};

struct Rig {
    /// Dropped before the dispatcher, which waits for its jobs.
    _end: EndOnPanic,
    fake: Fake,
    jobs: LoopDispatcher,
    file: FileHandle,
    seen: Receiver<Seen>,
    tell: Sender<Seen>,
}

impl Rig {
    fn new(fake: Fake, depth: u32, backlog: usize) -> Self {
        let limits = Limits { depth, backlog, parked: 1000 };
        let doorbell = Doorbell::new().unwrap();
        fake.count_on(doorbell.counter());
        let settings = with_limits(Dispatcher::builder(), limits).for_event_loop().unwrap();
        let jobs = settings.start_loop(Box::new(fake.clone()), doorbell);
        let file = FileHandle::from(File::open("/dev/null").unwrap());
        let (tell, seen) = mpsc::channel();
        Self { _end: EndOnPanic(fake.clone()), fake, jobs, file, seen, tell }
    }

    fn job(&self, name: u64) -> Job {
        let tell = self.tell.clone();
        Job::read(&self.file, vec![0; 100], name, move |done| {
            let result = done.result.map_err(|error| error.raw_os_error().unwrap());
            tell.send((done.offset, result)).unwrap();
        })
    }

    fn submit(&self, names: std::ops::Range<u64>) {
        self.jobs.try_submit_batch(names.map(|name| self.job(name))).unwrap();
    }

    fn seen(&self) -> Vec<Seen> {
        let mut seen: Vec<Seen> = self.seen.try_iter().collect();
        seen.sort_unstable();
        seen
    }

    fn is_readable(&self) -> bool {
        is_readable(&self.jobs)
    }

    fn end(mut self, jobs: u64) {
        self.jobs.drain_timeout(HANG).unwrap();
        let report = self.jobs.shutdown().unwrap();
        assert_eq!((report.jobs, report.stats.outstanding, report.stats.in_flight), (jobs, 0, 0));
        assert!(self.seen.try_recv().is_err(), "a callback ran twice");
        assert!(self.fake.is_closed());
    }
}

#[test]
fn no_more_is_taken_than_was_counted() {
    let mut rig = Rig::new(Fake::default(), 8, 0);
    rig.submit(0..8);
    let held = rig.fake.held(8);
    assert_eq!(rig.jobs.run(100).unwrap(), 0);
    rig.fake.complete(held[..3].iter().map(|request| (*request, full(request))));
    // The other five are in the ring, too. Take them out of the count, as if the kernel had not yet
    // counted them.
    let doorbell = rig.jobs.submitter().pipeline.wakeups().owner().doorbell.counter();
    rig.fake.complete(held[3..].iter().map(|request| (*request, full(request))));
    let mut count = [0; 8];
    std::io::Read::read_exact(&mut &*doorbell, &mut count).unwrap();
    assert_eq!(u64::from_ne_bytes(count), 8);
    (&*doorbell).write_all(&3_u64.to_ne_bytes()).unwrap();
    assert_eq!(rig.jobs.run(100).unwrap(), 3);
    assert!(!rig.is_readable(), "what was counted was taken");
    assert!(rig.fake.takes().iter().all(|&(most, _)| most <= 3), "{:?}", rig.fake.takes());
    (&*doorbell).write_all(&5_u64.to_ne_bytes()).unwrap();
    assert_eq!(rig.jobs.run(100).unwrap(), 5);
    assert_eq!(rig.seen(), all_well(0..8));
    rig.end(8);
}

/// Two threads meet a kernel without requests: the read is put back, as the poll has a slot, and
/// the poll enters the kernel later, as its thread asks again. The read must not wait for the poll.
#[test]
fn a_read_that_was_put_back_waits_for_no_poll_that_enters_later() {
    for _ in 0..300 {
        let fake = Fake::default();
        fake.script([Answer::Refuse(libc::EAGAIN); 6]);
        let mut rig = Rig::new(fake, 2, 0);
        let (submitter, read) = (rig.jobs.submitter(), rig.job(0));
        let poll = Job::poll(&rig.file, PollEvents::READABLE, |_| ());
        let together = Barrier::new(2);
        thread::scope(|threads| {
            for job in [poll, read] {
                threads.spawn(|| {
                    together.wait();
                    submitter.try_submit(job).unwrap();
                });
            }
        });
        let start = Instant::now();
        while rig.jobs.stats().finished < 2 {
            assert!(start.elapsed() < HANG, "the read waits for the poll");
            if rig.is_readable() {
                rig.jobs.run(100).unwrap();
            }
            // The poll ends beside the read or after it, and never alone.
            let held = rig.fake.held_if_quiet().unwrap_or_default();
            let is_read = |request: &Request| request.transfer.operation == Operation::Read;
            if held.iter().any(is_read) || rig.jobs.stats().finished == 1 {
                rig.fake.complete_all();
            }
        }
        assert_eq!(rig.seen(), all_well(0..1));
        rig.end(2);
    }
}

#[test]
fn an_error_of_the_kernel_loses_nothing() {
    let mut rig = Rig::new(Fake::default(), 4, 0);
    rig.submit(0..3);
    rig.jobs.try_submit(Job::nop(|| ())).unwrap();
    rig.fake.complete_all();
    rig.fake.fail_waits([libc::EPERM, libc::EINTR]);
    let error = rig.jobs.run(100).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    assert!(rig.is_readable());
    assert_eq!(rig.jobs.stats().finished, 1, "the nop was not the kernel's");
    assert_eq!(rig.jobs.run(100).unwrap(), 0, "EINTR is no error");
    assert!(rig.is_readable());
    assert_eq!(rig.jobs.run(100).unwrap(), 3);
    assert_eq!(rig.seen(), all_well(0..3));
    rig.end(4);
}

#[test]
fn waiting_goes_on_after_an_error_of_the_kernel() {
    let mut rig = Rig::new(Fake::default(), 4, 0);
    rig.submit(0..3);
    rig.fake.complete_all();
    rig.fake.fail_waits([libc::EPERM, libc::EPERM]);
    rig.jobs.drain_timeout(HANG).unwrap();
    assert_eq!(rig.seen(), all_well(0..3));
    rig.end(3);
}

#[test]
fn counts_of_strangers_do_no_harm() {
    let mut rig = Rig::new(Fake::default(), 8, 0);
    let counter = rig.jobs.submitter().pipeline.wakeups().owner().doorbell.counter();
    for strange in [1, 1000, u64::MAX - 1] {
        rig.submit(0..4);
        (&*counter).write_all(&strange.to_ne_bytes()).unwrap();
        assert_eq!(rig.jobs.run(2).unwrap(), 0, "nothing has completed");
        assert!(!rig.is_readable(), "nor is anything looked for again and again");
        let held = rig.fake.held(4);
        rig.fake.complete(held[..2].iter().map(|request| (*request, full(request))));
        // The counts of the other two still have to find room.
        (&*counter).write_all(&strange.min(u64::MAX - 10).to_ne_bytes()).unwrap();
        assert_eq!(rig.jobs.run(1).unwrap(), 1);
        assert!(rig.is_readable());
        rig.fake.complete_all();
        while rig.is_readable() {
            rig.jobs.run(1).unwrap();
        }
        assert_eq!(rig.seen(), all_well(0..4));
    }
    rig.end(12);
}

#[test]
fn events_of_no_job_count_for_themselves() {
    let mut rig = Rig::new(Fake::default(), 8, 0);
    rig.submit(0..2);
    rig.fake.invent(77);
    rig.fake.invent(1 << 40);
    rig.fake.complete_all();
    assert_eq!(rig.jobs.run(100).unwrap(), 2);
    assert_eq!(rig.seen(), all_well(0..2));
    assert_eq!(rig.jobs.stats().stray_events, 2);
    rig.end(2);
}

#[test]
fn a_kernel_without_requests_is_asked_again_after_a_completion() {
    let mut rig = Rig::new(Fake::default(), 4, 4);
    rig.submit(0..2);
    rig.fake.script([Answer::Refuse(libc::EAGAIN)]);
    rig.submit(2..4);
    assert_eq!(rig.fake.calls().len(), 2);
    assert!(!rig.is_readable(), "there is a completion to come");
    assert_eq!(rig.jobs.run(100).unwrap(), 0);
    assert_eq!(rig.fake.calls().len(), 2);
    rig.fake.complete_all();
    assert_eq!(rig.jobs.run(100).unwrap(), 2);
    assert_eq!(rig.fake.held(2).len(), 2, "the others came to it");
    rig.fake.complete_all();
    assert_eq!(rig.jobs.run(100).unwrap(), 2);
    assert_eq!(rig.seen(), all_well(0..4));
    rig.end(4);
}

#[test]
fn polls_that_may_last_starve_nobody() {
    let mut rig = Rig::new(Fake::default(), 4, 4);
    rig.jobs.try_submit(Job::poll(&rig.file, PollEvents::READABLE, |_| ())).unwrap();
    rig.fake.script([Answer::Refuse(libc::EAGAIN), Answer::Refuse(libc::EAGAIN)]);
    rig.submit(0..2);
    assert!(rig.is_readable(), "nobody else asks again");
    assert_eq!(rig.jobs.run(100).unwrap(), 0);
    assert!(rig.is_readable(), "it still had none");
    assert_eq!(rig.fake.takes(), [], "only a wake-up was counted, and no completion");
    assert_eq!(rig.jobs.run(100).unwrap(), 0);
    assert_eq!(rig.fake.held(3).len(), 3);
    assert!(!rig.is_readable());
    rig.fake.complete_all();
    assert_eq!(rig.jobs.run(100).unwrap(), 3);
    assert_eq!(rig.seen(), all_well(0..2));
    rig.end(3);
}

#[test]
fn a_kernel_without_requests_is_asked_again_if_all_that_it_had_goes_on() {
    let mut rig = Rig::new(Fake::default(), 2, 0);
    rig.submit(0..2);
    let held = rig.fake.held(2);
    {
        // Another thread is refused a request just after the owner has had the one job resumed that
        // the kernel had.
        let submitter = rig.jobs.submitter();
        let pipeline = &submitter.pipeline;
        let first = pipeline.launcher.take_own(&pipeline.admission, held[0].token, 0);
        pipeline.admission.lock().resume(first.token, first.job);
        assert!(pipeline.launcher.put_back(&pipeline.admission, &held[1..]));
    }
    assert!(rig.is_readable(), "nothing else would make somebody ask");
    assert_eq!(rig.jobs.run(100).unwrap(), 0);
    let again = rig.fake.held(4).split_off(2);
    rig.fake.complete(again.iter().map(|request| (*request, full(request))));
    assert_eq!(rig.jobs.run(100).unwrap(), 2);
    assert_eq!(rig.seen(), all_well(0..2));
    assert!(!rig.is_readable());
}

#[test]
fn refused_and_partly_taken_batches_end_in_their_callbacks() {
    let mut rig = Rig::new(Fake::default(), 8, 0);
    rig.fake.script([Answer::Accept(2), Answer::Refuse(libc::EBADF), Answer::Accept(1)]);
    rig.submit(0..6);
    assert!(rig.is_readable(), "one has been refused");
    assert_eq!(rig.jobs.run(100).unwrap(), 1);
    assert_eq!(rig.seen(), [(2, Err(libc::EBADF))]);
    rig.fake.complete_all();
    assert_eq!(rig.jobs.run(100).unwrap(), 5);
    assert_eq!(rig.seen().len(), 5);
    rig.end(6);
}

#[test]
fn neither_source_waits_for_the_other() {
    let mut rig = Rig::new(Fake::default(), 8, 0);
    rig.submit(0..1);
    // A long chain of nops: there is always one on the channel.
    fn link(submitter: crate::Submitter, left: u32) -> Job {
        Job::nop(move || {
            if left > 0 {
                let next = link(submitter.clone(), left - 1);
                submitter.submit(next).unwrap();
            }
        })
    }
    rig.jobs.try_submit(link(rig.jobs.submitter(), 1000)).unwrap();
    rig.fake.complete_all();
    for _ in 0..3 {
        rig.jobs.run(1).unwrap();
    }
    assert_eq!(rig.seen(), all_well(0..1));
    rig.end(1002);
}

#[test]
fn what_callbacks_submit_enters_the_kernel_together() {
    let mut rig = Rig::new(Fake::default(), 64, 64);
    for name in 0..8 {
        let (submitter, next) = (rig.jobs.submitter(), rig.job(100 + name));
        let job = Job::read(&rig.file, vec![0; 100], name, move |_| {
            submitter.submit(next).unwrap();
        });
        rig.jobs.try_submit(job).unwrap();
    }
    rig.fake.complete_all();
    assert_eq!(rig.jobs.run(100).unwrap(), 8);
    let calls = rig.fake.calls();
    assert_eq!(calls.len(), 9);
    assert_eq!(calls[8].offsets, (100..108).collect::<Vec<_>>());
    rig.fake.complete_all();
    assert_eq!(rig.jobs.run(100).unwrap(), 8);
    assert_eq!(rig.seen(), all_well(100..108));
    rig.end(16);
}

#[test]
fn a_long_turn_does_not_let_the_device_run_dry() {
    let mut rig = Rig::new(Fake::default(), 64, 64);
    for name in 0..64 {
        let (submitter, next) = (rig.jobs.submitter(), rig.job(100 + name));
        let job = Job::read(&rig.file, vec![0; 100], name, move |_| {
            submitter.submit(next).unwrap();
        });
        rig.jobs.try_submit(job).unwrap();
    }
    rig.fake.complete_all();
    assert_eq!(rig.jobs.run(100).unwrap(), 64);
    let lengths: Vec<usize> =
        rig.fake.calls()[64..].iter().map(|call| call.offsets.len()).collect();
    assert_eq!(lengths, [16, 16, 16, 16], "a quarter of the depth at a time");
    rig.fake.complete_all();
    assert_eq!(rig.jobs.run(100).unwrap(), 64);
    assert_eq!(rig.seen(), all_well(100..164));
    rig.end(128);
}

#[test]
fn an_exact_job_goes_on_in_the_owners_turns() {
    let mut rig = Rig::new(Fake::default(), 2, 0);
    rig.jobs.try_submit(rig.job(0).exact()).unwrap();
    for offset in [0, 30, 60] {
        let first = rig.fake.held(1)[0];
        assert_eq!(first.transfer.offset, offset);
        rig.fake.complete([(first, if offset == 60 { 40 } else { 30 })]);
        assert!(rig.is_readable());
        assert_eq!(rig.jobs.run(10).unwrap(), usize::from(offset == 60));
    }
    assert_eq!(rig.seen(), all_well(0..1));
    assert_eq!(rig.jobs.stats().resumed, 2);
    rig.end(1);
}

#[test]
fn the_owner_is_told_of_a_slot_that_was_pinned() {
    let mut rig = Rig::new(Fake::default(), 1, 4);
    let poll = Job::poll(&rig.file, PollEvents::READABLE, |_| ());
    let handle = rig.jobs.submitter().spawn(poll).unwrap();
    let held = rig.fake.held(1);
    rig.submit(7..8);
    rig.fake.block_cancel();
    let cancels = thread::spawn(move || handle.cancel());
    rig.fake.blocked();
    rig.fake.complete([(held[0], 1)]);
    assert_eq!(rig.jobs.run(9).unwrap(), 1);
    assert!(!rig.is_readable(), "the slot is pinned");
    rig.fake.unblock();
    cancels.join().unwrap();
    assert!(rig.is_readable(), "the owner is to fill");
    rig.jobs.run(9).unwrap();
    rig.fake.held(1);
    rig.fake.complete_all();
    rig.jobs.run(9).unwrap();
    assert_eq!(rig.seen(), [(7, Ok(100))]);
    rig.end(2);
}
