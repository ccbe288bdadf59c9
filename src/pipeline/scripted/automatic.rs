//! Automatic reads whose data is not cached, and the kernel's answers to the direct read.

use std::fs::File;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use tempfile::TempDir;

use super::Rig;
use crate::engine::fake::{Answer, Fake, full};
use crate::file::FileHandle;
use crate::file::access::Access;
use crate::job::completion::Completion;
use crate::job::task::Route;
use crate::{AlignedBuf, Job};

const LENGTH: usize = 5 * 4096;

/// A file of which nothing is cached. `None`, where that may be, if the directory of the sources is
/// not on a device with direct I/O, and under valgrind: it doesn't know cachestat(2), so that each
/// look is a try, which has the kernel bring in what the next one looks for.
fn file() -> Option<(TempDir, FileHandle)> {
    if std::env::var_os("REAPOOL_MEMCHECK").is_some() {
        return None;
    }
    let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, [7; LENGTH]).unwrap();
    let plain = File::open(&path).unwrap();
    plain.sync_all().unwrap();
    posix_fadvise(&plain, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
    let file = FileHandle::open_automatic(path).unwrap();
    if file.is_automatic() {
        return Some((directory, file));
    }
    assert!(
        std::env::var_os("REAPOOL_NO_SKIP").is_none(),
        "may not be skipped here: no direct I/O"
    );
    None
}

fn read(file: &FileHandle) -> Job<Completion<AlignedBuf>> {
    Job::read(file, AlignedBuf::zeroed(LENGTH), 0, |done| done)
}

fn is_all_there(done: &Completion<AlignedBuf>) -> bool {
    done.result.as_ref().is_ok_and(|&count| count == LENGTH) && *done.buffer == [7; LENGTH]
}

#[test]
fn a_direct_read_that_the_kernel_does_not_support_goes_through_the_page_cache() {
    let Some((_directory, file)) = file() else { return };
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let at_completion = rig.dispatcher.spawn(read(&file)).unwrap();
    let held = rig.fake.held(1);
    assert_ne!(held[0].transfer.fd, file.raw_fd(), "it has the descriptor for direct reads");
    rig.fake.complete(held.into_iter().map(|request| (request, -i64::from(libc::EINVAL))));
    let done = at_completion.join().unwrap();
    assert!(is_all_there(&done) && done.access == Some(Access::Buffered), "{:?}", done.result);

    let Some((_directory, file)) = self::file() else { return };
    rig.fake.script([Answer::Refuse(libc::EINVAL)]);
    let done = rig.dispatcher.spawn(read(&file)).unwrap().join().unwrap();
    assert!(is_all_there(&done) && done.access == Some(Access::Buffered), "{:?}", done.result);
    // Also if somebody else has looked.
    let Some((_directory, file)) = self::file() else { return };
    let missed = file.after_miss(0, LENGTH);
    assert!(missed.is_direct());
    rig.fake.script([Answer::Refuse(libc::EINVAL)]);
    let done = rig.dispatcher.spawn(read(&missed)).unwrap().join().unwrap();
    assert!(is_all_there(&done) && done.access == Some(Access::Buffered), "{:?}", done.result);
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.blocking_transfers, stats.resumed, stats.failed), (3, 3, 0), "{stats:?}");
    rig.end(3);
}

#[test]
fn a_direct_read_that_keeps_its_submitter_in_the_kernel_keeps_nothing_behind_it() {
    let Some((_directory, file)) = file() else { return };
    let rig = Rig::new(Fake::default(), 4, 4, 2);
    let job = |offset| Job::read(&file, AlignedBuf::zeroed(4096), offset, |done| done.access);
    rig.fake.block_at(0);
    let first = rig.dispatcher.spawn(job(0)).unwrap();
    let second = rig.dispatcher.spawn(job(4096)).unwrap();
    rig.fake.blocked();
    // Another worker has come for it.
    assert_eq!(rig.fake.held(1)[0].transfer.offset, 4096);
    rig.fake.complete_all();
    assert_eq!(second.join().unwrap(), Some(Access::Direct));
    rig.fake.unblock();
    rig.fake.held(1);
    rig.fake.complete_all();
    assert_eq!(first.join().unwrap(), Some(Access::Direct));
    rig.end(2);
}

#[test]
fn another_error_of_a_direct_read_is_its_result() {
    let Some((_directory, file)) = file() else { return };
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let handle = rig.dispatcher.spawn(read(&file)).unwrap();
    let held = rig.fake.held(1);
    rig.fake.complete(held.into_iter().map(|request| (request, -i64::from(libc::EIO))));
    let done = handle.join().unwrap();
    assert_eq!(done.result.unwrap_err().raw_os_error(), Some(libc::EIO));
    assert_eq!(done.access, Some(Access::Direct));
    rig.end(1);
}

#[test]
fn a_direct_read_that_was_put_back_is_not_looked_for_again() {
    let Some((_directory, file)) = file() else { return };
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    rig.dispatcher.submit(rig.job(0)).unwrap();
    let other = rig.fake.held(1);
    rig.fake.script([Answer::Refuse(libc::EAGAIN)]);
    let handle = rig.dispatcher.spawn(read(&file)).unwrap();
    rig.fake.called(2);
    rig.fake.complete(other.into_iter().map(|request| (request, full(&request))));
    let again = rig.fake.held(1);
    assert_ne!(again[0].transfer.fd, file.raw_fd());
    rig.fake.complete_all();
    assert_eq!(handle.join().unwrap().access, Some(Access::Direct));
    assert_eq!(rig.seen(1), [(0, Ok(100))]);
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.automatic_direct, stats.buffered, stats.blocking_transfers), (1, 0, 0));
    rig.end(2);
}

#[test]
fn what_the_page_cache_had_of_an_exact_read_is_not_read_again() {
    let Some((_directory, file)) = file() else { return };
    let step = file.alignment().step();
    for done in [0, 1, 4096, 8192, 8192 + 512, LENGTH - 1] {
        let mut job = read(&file).exact();
        job.missed_in_cache(done);
        let head = job.head();
        let transfer = head.transfer;
        assert!(job.route() == Route::Engine && transfer.fd != file.raw_fd());
        assert_eq!(transfer.offset as usize, done - done % step, "it begins where it may");
        assert_eq!(transfer.offset + transfer.length, LENGTH as u64);
        assert_eq!((head.offset(), head.progress.done()), (0, done));

        // The result of another one is that of one request.
        let mut job = read(&file);
        job.missed_in_cache(done);
        let head = job.head();
        assert!(job.route() == Route::Engine && head.progress.done() == 0);
        assert_eq!((head.transfer.offset, head.transfer.length), (0, LENGTH as u64));
    }
}
