//! Automatic reads whose data is not cached, and the kernel's answers to the direct read.

use std::fs::File;
use std::os::unix::fs::FileExt;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use tempfile::TempDir;

use super::Rig;
use crate::engine::fake::{Answer, Fake, full};
use crate::file::FileHandle;
use crate::file::access::Access;
use crate::file::residency::CacheLook;
use crate::job::completion::Completion;
use crate::{AlignedBuf, Job};

const LENGTH: usize = 5 * 4096;

/// A file of which nothing is cached but the first `cached` pages. `None`, where that may be, if
/// the directory of the sources is not on a device with direct I/O.
fn file(cached: usize) -> Option<(TempDir, FileHandle)> {
    let directory = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, [7; LENGTH]).unwrap();
    let plain = File::open(&path).unwrap();
    plain.sync_all().unwrap();
    let advise = |advice| posix_fadvise(&plain, 0, 0, advice).unwrap();
    advise(PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    advise(PosixFadviseAdvice::POSIX_FADV_RANDOM);
    for page in 0..cached {
        plain.read_exact_at(&mut [0; 4096], page as u64 * 4096).unwrap();
    }
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
    let Some((_directory, file)) = file(0) else { return };
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let at_completion = rig.dispatcher.spawn(read(&file)).unwrap();
    let held = rig.fake.held(1);
    assert_ne!(held[0].transfer.fd, file.raw_fd(), "it has the descriptor for direct reads");
    rig.fake.complete(held.into_iter().map(|request| (request, -i64::from(libc::EINVAL))));
    let done = at_completion.join().unwrap();
    assert!(is_all_there(&done) && done.access == Some(Access::Buffered), "{:?}", done.result);

    let Some((_directory, file)) = self::file(0) else { return };
    rig.fake.script([Answer::Refuse(libc::EINVAL)]);
    let done = rig.dispatcher.spawn(read(&file)).unwrap().join().unwrap();
    assert!(is_all_there(&done) && done.access == Some(Access::Buffered), "{:?}", done.result);
    let stats = rig.dispatcher.stats();
    assert_eq!((stats.blocking_transfers, stats.resumed, stats.failed), (2, 2, 0), "{stats:?}");
    rig.end(2);
}

#[test]
fn another_error_of_a_direct_read_is_its_result() {
    let Some((_directory, file)) = file(0) else { return };
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
    let Some((_directory, file)) = file(0) else { return };
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
fn what_the_page_cache_had_of_it_is_not_read_again() {
    let Some((_directory, file)) = file(2) else { return };
    // So it tries to read where the kernel does not tell what is cached.
    let file = file.made_automatic(CacheLook::TryOneByte);
    let rig = Rig::new(Fake::default(), 4, 4, 1);
    let handle = rig.dispatcher.spawn(read(&file)).unwrap();
    let held = rig.fake.held(1);
    let transfer = &held[0].transfer;
    assert_ne!(transfer.fd, file.raw_fd());
    let step = file.alignment().step() as u64;
    assert!(transfer.offset <= 8192 && transfer.offset + step > 8192, "{transfer:?}");
    assert_eq!(transfer.offset + transfer.length, LENGTH as u64, "{transfer:?}");
    rig.fake.complete_all();
    let done = handle.join().unwrap();
    assert_eq!((done.offset, done.result.unwrap(), done.access), (0, LENGTH, Some(Access::Direct)));
    assert!(done.buffer[..8192] == [7; 8192], "these bytes come from the page cache");
    rig.end(1);
}
