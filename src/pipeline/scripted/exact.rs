//! Exact jobs: the kernel gets the rest of each again.

use std::io::{self, ErrorKind};
use std::sync::mpsc;

use super::{HANG, Rig, all_well};
use crate::admission::Admission;
use crate::admission::limits::Limits;
use crate::engine::Request;
use crate::engine::backend::Backend;
use crate::engine::fake::{Answer, Fake, SubmittedBy};
use crate::engine::index_of;
use crate::engine::lent::FILL;
use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::submit::handle::JobHandle;
use crate::{Dispatcher, PollEvents};

pub(super) const ENOSPC: i64 = -(libc::ENOSPC as i64);
pub(super) const EIO: i64 = -(libc::EIO as i64);
pub(super) const LENGTH: usize = 4096;
pub(super) const OFFSET: u64 = 8192;

pub(super) type Handle = JobHandle<Completion<Vec<u8>>>;

/// Answers the one request that is held. Returns where it began, in bytes from the job's beginning,
/// and how long it was.
pub(super) fn answer(rig: &Rig, res: i64) -> (u64, u64) {
    let request = rig.fake.held(1)[0];
    rig.fake.complete([(request, res)]);
    (request.transfer.offset - OFFSET, request.transfer.length)
}

pub(super) fn read(rig: &Rig, file: &FileHandle) -> Handle {
    let job = Job::read(file, vec![0; LENGTH], OFFSET, |done| done).exact();
    rig.dispatcher.spawn(job).unwrap()
}

pub(super) fn write(rig: &Rig, file: &FileHandle) -> Handle {
    let job = Job::write(file, vec![1; LENGTH], OFFSET, |done| done).exact();
    rig.dispatcher.spawn(job).unwrap()
}

/// The outcome of a job. The caller sees it as if the job had been one request.
pub(super) fn joined(handle: Handle) -> (usize, io::Result<usize>, Vec<u8>) {
    let done = handle.join_timeout(HANG).unwrap();
    assert_eq!((done.offset, done.requested), (OFFSET, LENGTH));
    assert!(!done.is_short());
    (done.transferred, done.result, done.buffer)
}

pub(super) fn kind(result: &io::Result<usize>) -> ErrorKind {
    result.as_ref().unwrap_err().kind()
}

#[test]
fn the_rest_goes_in_where_the_first_part_ended() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let handle = read(&rig, &rig.file);
    let first = rig.fake.held(1)[0];
    rig.fake.complete([(first, 1000)]);
    let second = rig.fake.held(1)[0];
    assert_eq!(second.transfer.address, first.transfer.address + 1000);
    assert_eq!((second.transfer.offset, second.transfer.length), (OFFSET + 1000, 3096));
    assert_eq!(index_of(second.token), index_of(first.token), "it has its slot");
    assert_ne!(second.token, first.token, "of another use");
    assert_eq!(answer(&rig, 1), (1000, 3096));
    assert_eq!(answer(&rig, 3095), (1001, 3095));
    let (transferred, result, buffer) = joined(handle);
    assert_eq!((transferred, result.unwrap()), (LENGTH, LENGTH));
    assert!(buffer == [FILL; LENGTH]);
    rig.dispatcher.drain_timeout(HANG).unwrap();
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.resumed, stats.submitted, stats.short, stats.failed), (2, 3, 0, 0));
    rig.end(1);
}

#[test]
fn the_end_of_the_file_is_told_with_what_was_read() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    for parts in [&[1000, 0][..], &[999, 1, 0]] {
        let handle = read(&rig, &rig.file);
        for &part in parts {
            answer(&rig, part);
        }
        let (transferred, result, buffer) = joined(handle);
        assert_eq!((transferred, kind(&result)), (1000, ErrorKind::UnexpectedEof));
        assert_eq!(result.unwrap_err().to_string(), "end of file after 1000 of 4096 bytes");
        assert!(buffer == [FILL; 1000]);
    }
    let handle = read(&rig, &rig.file);
    answer(&rig, 0);
    let done = handle.join_timeout(HANG).unwrap();
    assert!(done.is_eof() && done.buffer.is_empty());
    assert_eq!(kind(&done.result), ErrorKind::UnexpectedEof);
    rig.dispatcher.drain_timeout(HANG).unwrap();
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.failed, stats.short, stats.resumed), (3, 0, 3));
    rig.end(3);
}

#[test]
fn an_error_in_the_middle_keeps_its_number_and_what_came_before() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    for (part, res) in [(1000, EIO), (1000, -i64::from(libc::EINTR)), (0, EIO)] {
        let handle = read(&rig, &rig.file);
        if part > 0 {
            answer(&rig, part);
        }
        answer(&rig, res);
        let done = handle.join_timeout(HANG).unwrap();
        let part = usize::try_from(part).unwrap();
        assert_eq!((done.transferred, done.data()), (part, &vec![FILL; part][..]));
        assert_eq!(done.buffer.len(), part);
        let text = done.into_success().unwrap_err().to_string();
        assert_eq!(text.contains("failed after 1000 bytes: "), part > 0, "{text}");
        assert!(text.contains(&io::Error::from_raw_os_error(-res as i32).to_string()));
    }
    let handle = write(&rig, &rig.file);
    answer(&rig, 1000);
    answer(&rig, ENOSPC);
    let (transferred, result, buffer) = joined(handle);
    assert_eq!((transferred, result.unwrap_err().raw_os_error()), (1000, Some(libc::ENOSPC)));
    assert_eq!(buffer.len(), LENGTH, "a write's buffer is as it was");
    rig.end(4);
}

#[test]
fn a_write_that_gets_nowhere_is_not_asked_for_for_ever() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    for parts in [&[0][..], &[1000, 0]] {
        let handle = write(&rig, &rig.file);
        for &part in parts {
            answer(&rig, part);
        }
        let (transferred, result, _) = joined(handle);
        assert_eq!((transferred as i64, kind(&result)), (parts[0], ErrorKind::WriteZero));
    }
    rig.end(2);
}

#[test]
fn a_kernel_without_requests_gets_the_rest_later() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let (handle, other) = (read(&rig, &rig.file), read(&rig, &rig.file));
    let held = rig.fake.held(2);
    rig.fake.script([Answer::Refuse(libc::EAGAIN)]);
    rig.fake.complete([(held[0], 1000)]);
    rig.fake.called(3);
    rig.fake.complete([(held[1], 4096)]);
    assert_eq!(answer(&rig, 3096), (1000, 3096));
    assert_eq!((joined(handle).0, joined(other).0), (LENGTH, LENGTH));
    // With nothing else in flight the kernel is asked again at once, and believed in the end.
    for (tries, whole) in [(3, true), (9, false)] {
        let handle = read(&rig, &rig.file);
        rig.fake.held(1);
        rig.fake.script(vec![Answer::Refuse(libc::EAGAIN); tries]);
        answer(&rig, 1000);
        if whole {
            answer(&rig, 3096);
        }
        let (transferred, result, buffer) = joined(handle);
        assert_eq!((transferred, result.is_ok()), (if whole { LENGTH } else { 1000 }, whole));
        assert!(buffer == vec![FILL; transferred]);
    }
    rig.end(4);
}

#[test]
fn a_kernel_without_requests_has_one_again_when_a_job_goes_on() {
    let limits = Limits { depth: 2, backlog: 2, parked: 2 };
    let admission = Admission::new(limits, Backend::Aio);
    let mut books = admission.lock();
    let job = || Job::read(tempfile::tempfile().unwrap(), Vec::new(), 0, |_| ());
    books.put_back(0, Job::nop(|| ()));
    assert!(books.is_starved());
    books.resume(0, job());
    assert!(books.can_fill());
}

#[test]
fn a_rest_that_is_refused_ends_with_the_kernels_reason() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let handle = write(&rig, &rig.file);
    rig.fake.held(1);
    rig.fake.script([Answer::Refuse(libc::EFBIG)]);
    answer(&rig, 1000);
    let (transferred, result, _) = joined(handle);
    assert_eq!((transferred, result.unwrap_err().raw_os_error()), (1000, Some(libc::EFBIG)));
    rig.dispatcher.drain_timeout(HANG).unwrap();
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.submitted, stats.finished, stats.resumed), (1, 1, 1));
    rig.end(1);
}

#[test]
fn rests_go_in_together_and_before_what_waits() {
    let rig = Rig::new(Fake::default(), 16, 16, 1);
    let (release, released) = mpsc::channel::<()>();
    let hold = Job::read(&rig.file, vec![0; 1], 0, move |_| {
        released.recv_timeout(HANG).unwrap();
    });
    rig.dispatcher.submit(hold).unwrap();
    let held = rig.fake.held(1)[0];
    let handles: Vec<_> = (0..3).map(|_| read(&rig, &rig.file)).collect();
    rig.dispatcher.submit_batch(rig.jobs(0..20)).unwrap();
    // The worker is held while all but these three are in the kernel, so it finds them together.
    rig.fake.complete([(held, 1)]);
    let first: Vec<Request> = rig.fake.held(15)[..3].to_vec();
    rig.fake.complete(first.into_iter().map(|request| (request, 1000)));
    let completed = rig.dispatcher.submitter().pipeline.completed.clone();
    while completed.len() < 3 {
        std::thread::yield_now();
    }
    release.send(()).unwrap();
    rig.fake.held(16);
    let calls = rig.fake.calls();
    let together = calls.iter().find(|call| call.offsets.contains(&(OFFSET + 1000))).unwrap();
    assert_eq!(together.offsets[..3], [OFFSET + 1000; 3]);
    assert_eq!(together.by, SubmittedBy::Worker);
    while rig.dispatcher.stats().outstanding > 0 {
        rig.fake.complete_all();
        std::thread::yield_now();
    }
    for handle in handles {
        assert_eq!(joined(handle).0, LENGTH);
    }
    assert_eq!(rig.seen(20), all_well(0..20));
    rig.end(24);
}

#[test]
fn a_panic_after_the_rest_is_reported_for_the_whole_job() {
    let (tell, told) = mpsc::channel();
    let builder = Dispatcher::builder()
        .panic_handler(move |panic| tell.send((panic.operation, panic.offset)).unwrap());
    let limits = Limits { depth: 1, backlog: 4, parked: 4 };
    let rig = Rig::build(builder, Fake::default(), limits, 1);
    let panics = Job::read(&rig.file, vec![0; LENGTH], OFFSET, |_| panic!("as expected")).exact();
    rig.dispatcher.submit(panics).unwrap();
    rig.dispatcher.submit(rig.job(0)).unwrap();
    answer(&rig, 1000);
    answer(&rig, 3096);
    assert_eq!(told.recv_timeout(HANG).unwrap(), (Operation::Read, OFFSET));
    // Its slot, the only one, is free for the next.
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(rig.seen(1), all_well(0..1));
    rig.end(2);
}

#[test]
fn draining_waits_for_the_rest() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let handle = read(&rig, &rig.file);
    answer(&rig, 1000);
    rig.fake.held(1);
    assert!(rig.dispatcher.drain_timeout(std::time::Duration::ZERO).is_err());
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.outstanding, stats.in_flight, stats.parked, stats.finished), (1, 1, 0, 0));
    answer(&rig, 3096);
    assert_eq!(joined(handle).0, LENGTH);
    rig.end(1);
}

#[test]
fn what_transfers_nothing_knows_no_exactness() {
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let poll = Job::poll(&rig.file, PollEvents::READABLE, |done| (done.transferred, done.result));
    let poll = rig.dispatcher.spawn(poll.exact()).unwrap();
    rig.fake.complete([(rig.fake.held(1)[0], 1)]);
    assert!(matches!(poll.join_timeout(HANG).unwrap(), (0, Ok(1))));
    let sync = Job::sync_all(&rig.file, |done| (done.transferred, done.result)).exact();
    let sync = rig.dispatcher.spawn(sync).unwrap();
    rig.fake.complete([(rig.fake.held(1)[0], 0)]);
    assert!(matches!(sync.join_timeout(HANG).unwrap(), (0, Ok(0))));
    // A read of nothing has no rest, either.
    let none = Job::read(&rig.file, Vec::new(), 0, |done| done.result).exact();
    let none = rig.dispatcher.spawn(none).unwrap();
    rig.fake.complete([(rig.fake.held(1)[0], 0)]);
    assert_eq!(none.join_timeout(HANG).unwrap().unwrap(), 0);
    rig.end(3);
}
