//! Reads by an automatic handle: from the page cache what is in it, and directly what is not.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

use reapool::{
    Access, AlignedBuf, BufferPool, Completion, Dispatcher, FileHandle, IoWay, Job, Ranged,
    ReadHistory, ReadRanges,
};

use crate::support::cache::{bring, evict, is_on_device, reads_without_waiting, resident};
use crate::support::{self, contents, known_file, scratch, skipped};

const LENGTH: u64 = 100_000;

type Done = Completion<Ranged<AlignedBuf>>;

fn read_range(jobs: &Dispatcher, file: &FileHandle, offset: u64, len: usize) -> Done {
    jobs.spawn(range_job(file, offset, len)).unwrap().join().unwrap()
}

fn range_job(file: &FileHandle, offset: u64, len: usize) -> Job<Done> {
    let span = file.span(offset, len);
    let buffer = AlignedBuf::zeroed((span.end - span.start) as usize);
    Job::read_range(file, buffer, offset, len, |done| done)
}

/// Whether this was read right by the way that is wanted. Valgrind brings pages into the cache, and
/// knows no call that asks about them, so only the contents are looked at there.
#[track_caller]
fn check(done: &Done, access: Access, bytes: &[u8]) {
    assert!(*done.data() == *bytes, "{} bytes of {}", done.data().len(), bytes.len());
    assert_eq!(*done.result.as_ref().unwrap(), bytes.len());
    assert!(support::is_memcheck() || done.access == Some(access), "{:?}", done.access);
}

/// A file on a device that is not cached, and a handle to it. `None`, said loudly, if that can't be
/// had.
fn cold_file(directory: &Path) -> Option<(std::path::PathBuf, FileHandle)> {
    let path = known_file(directory, "known", LENGTH);
    if !is_on_device(directory) || !reads_without_waiting(&path) {
        return None;
    }
    if !evict(&path) {
        skipped("eviction: the file's pages stay in the page cache");
        return None;
    }
    let file = FileHandle::open_automatic(&path).unwrap();
    if !file.is_automatic() {
        skipped("direct I/O on the file system of the build");
        return None;
    }
    Some((path, file))
}

#[test]
fn what_is_not_cached_is_read_past_the_page_cache() {
    let directory = scratch();
    let Some((path, file)) = cold_file(directory.path()) else { return };
    assert!(!file.is_direct() && file.alignment().offset >= 512);
    let jobs = support::builder().build().unwrap();
    for (offset, len) in [(0, 4096), (5000, 70_000), (LENGTH - 10, 10), (77, 1)] {
        let done = read_range(&jobs, &file, offset, len);
        check(&done, Access::Direct, &contents(offset..offset + len as u64));
    }
    if !support::is_memcheck() {
        assert_eq!(resident(&path), 0, "nothing came into the page cache");
        let stats = jobs.stats();
        assert_eq!((stats.automatic_direct, stats.buffered, stats.cached), (4, 0, 0), "{stats:?}");
        if !support::on_threads() {
            assert_eq!((stats.submitted, stats.blocking_transfers), (4, 0), "{stats:?}");
        }
    }
}

#[test]
fn what_is_cached_is_copied_from_there() {
    let directory = scratch();
    let Some((path, file)) = cold_file(directory.path()) else { return };
    assert_eq!(std::fs::read(path).unwrap().len() as u64, LENGTH);
    let jobs = support::builder().build().unwrap();
    // The last is beyond the end of the file on a page that is not there.
    for (offset, len) in [(0, 4096), (5000, 70_000), (LENGTH - 10, 10), (77, 1)] {
        let done = read_range(&jobs, &file, offset, len);
        check(&done, Access::Cached, &contents(offset..offset + len as u64));
    }
    let done = read_range(&jobs, &file, LENGTH - 1000, 9000);
    check(&done, Access::Cached, &contents(LENGTH - 1000..LENGTH));
    let stats = jobs.stats();
    assert!(support::is_memcheck() || (stats.cached, stats.buffered) == (5, 5), "{stats:?}");
}

#[test]
fn what_is_cached_in_part_is_read_directly() {
    let directory = scratch();
    let Some((path, file)) = cold_file(directory.path()) else { return };
    if !bring(&path, 8192) {
        return skipped("a part of a file in the page cache: more came along");
    }
    let jobs = support::builder().build().unwrap();
    let done = read_range(&jobs, &file, 100, 20_000);
    check(&done, Access::Direct, &contents(100..20_100));
    let done = read_range(&jobs, &file, 100, 8000);
    check(&done, Access::Cached, &contents(100..8100));
}

#[test]
fn at_its_end_a_file_that_is_not_cached_is_short_or_too_short() {
    let directory = scratch();
    let Some((_path, file)) = cold_file(directory.path()) else { return };
    let jobs = support::builder().build().unwrap();
    let done = read_range(&jobs, &file, LENGTH - 5000, 20_000);
    assert!(done.is_short());
    check(&done, Access::Direct, &contents(LENGTH - 5000..LENGTH));
    let exact = range_job(&file, LENGTH - 5000, 20_000).exact();
    let done = jobs.spawn(exact).unwrap().join().unwrap();
    assert_eq!(done.result.as_ref().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    assert!(*done.data() == contents(LENGTH - 5000..LENGTH));
    let done = read_range(&jobs, &file, LENGTH + 9000, 10);
    assert!(done.is_eof());
}

#[test]
fn a_read_that_is_not_aligned_waits_for_the_page_cache() {
    type Way = (Option<Access>, Vec<u8>);
    let whole = |done: Completion<Vec<u8>>| (done.access, done.buffer);
    let joined = |done: Completion<Vec<AlignedBuf>>| {
        let bytes = done.buffer.iter().flat_map(|part| part.iter().copied()).collect();
        (done.access, bytes)
    };
    let buffers = || vec![AlignedBuf::zeroed(4096), AlignedBuf::zeroed(100)];
    type Make<'a> = &'a dyn Fn(&FileHandle) -> Job<Way>;
    let cases: [(Make<'_>, std::ops::Range<u64>); 3] = [
        (&|file| Job::read(file, AlignedBuf::zeroed(4096), 7, aligned_whole), 7..4103),
        (&|file| Job::read(file, vec![0; 1000], 4096, whole), 4096..5096),
        (&|file| Job::read_vectored(file, buffers(), 8192, joined), 8192..12_388),
    ];
    for (job, range) in cases {
        let directory = scratch();
        let Some((_path, file)) = cold_file(directory.path()) else { return };
        let jobs = support::builder().build().unwrap();
        let (access, data) = jobs.spawn(job(&file)).unwrap().join().unwrap();
        assert!(support::is_memcheck() || access == Some(Access::Buffered), "{access:?}");
        assert!(data == contents(range));
    }
}

fn aligned_whole(done: Completion<AlignedBuf>) -> (Option<Access>, Vec<u8>) {
    (done.access, done.buffer.to_vec())
}

#[test]
fn several_buffers_that_are_aligned_are_filled_directly() {
    let directory = scratch();
    let Some((_path, file)) = cold_file(directory.path()) else { return };
    let jobs = support::builder().build().unwrap();
    let buffers = vec![AlignedBuf::zeroed(4096), AlignedBuf::zeroed(8192)];
    let job = Job::read_vectored(&file, buffers, 4096, |done| (done.access, done.into_success()));
    let (access, success) = jobs.spawn(job).unwrap().join().unwrap();
    let (count, buffers) = success.unwrap();
    assert_eq!(count, 3 * 4096);
    assert!(*buffers[0] == contents(4096..8192) && *buffers[1] == contents(8192..16_384));
    assert!(support::is_memcheck() || access == Some(Access::Direct), "{access:?}");
}

#[test]
fn a_thread_that_has_looked_itself_reads_directly() {
    let directory = scratch();
    let Some((path, file)) = cold_file(directory.path()) else { return };
    let direct = file.after_miss(4096, 8192);
    assert!(direct.is_direct() && !direct.is_automatic());
    let mut buffer = AlignedBuf::zeroed(8192);
    if !support::is_memcheck() {
        assert_eq!(file.read_cached(&mut buffer, 8192, 0), None);
        assert_eq!(resident(&path), 0, "looking for it brings nothing in");
    }
    let jobs = support::builder().build().unwrap();
    // It keeps the file open by itself.
    drop(file);
    let job = Job::read(&direct, buffer, 4096, |done| (done.access, done.into_success()));
    let (access, success) = jobs.spawn(job).unwrap().join().unwrap();
    assert_eq!(access, Some(Access::Direct));
    assert!(*success.unwrap().1 == contents(4096..12_288));
    assert_eq!(jobs.stats().automatic_direct, 0, "it was not asked for automatically");

    assert_eq!(std::fs::read(&path).unwrap().len() as u64, LENGTH);
    let file = FileHandle::open_automatic(&path).unwrap();
    let mut buffer = AlignedBuf::zeroed(8192);
    let cached = file.read_cached(&mut buffer, 8192, LENGTH - 100);
    assert!(support::is_memcheck() || cached == Some(100), "{cached:?}");
    assert!(direct.after_miss(0, 10).is_direct());
    assert!(FileHandle::open_buffered(path).unwrap().after_miss(0, 10).is_buffered());
}

#[test]
fn what_is_read_again_is_let_into_the_page_cache() {
    let directory = scratch();
    let Some((path, _file)) = cold_file(directory.path()) else { return };
    let jobs = support::builder().build().unwrap();
    let history = ReadHistory::new(1 << 20);
    let file = history.open(&path).unwrap();
    let read = |file: &FileHandle, offset: u64| {
        let done = read_range(&jobs, file, offset, 20_000);
        assert!(*done.data() == contents(offset..offset + 20_000));
        done.access.unwrap()
    };
    if support::is_memcheck() {
        read(&file, 0);
        return;
    }
    assert_eq!((read(&file, 0), read(&file, 70_000)), (Access::Direct, Access::Direct));
    assert_eq!(resident(&path), 0);
    // It is the data that counts, and not the handle.
    let other = history.open(&path).unwrap();
    assert_eq!(read(&other, 0), Access::Buffered);
    // The kernel may answer that it would have to wait although the data is there.
    support::eventually("the data is cached", || read(&file, 0) == Access::Cached);

    evict_all(&path);
    let missed = file.after_miss(70_000, 20_000);
    assert!(!missed.is_direct() && !missed.is_automatic(), "it was read before");
    // The look makes the kernel read, which may be done before it has looked.
    assert_ne!(read(&missed, 70_000), Access::Direct);
    // A handle without a history has its own way.
    evict_all(&path);
    let forgetful = FileHandle::open_automatic(&path).unwrap();
    for _ in 0..3 {
        assert_eq!(read(&forgetful, 0), Access::Direct);
    }
    assert!(format!("{history:?}").contains("most: 1048576"));
}

#[test]
fn ranges_that_were_looked_for_in_vain_are_submitted_together() {
    let directory = scratch();
    let Some((path, _file)) = cold_file(directory.path()) else { return };
    let history = ReadHistory::new(1 << 20);
    let file = history.open(&path).unwrap();
    let jobs = support::builder().build().unwrap();
    let pool = BufferPool::builder().build().unwrap();
    let ranges = || ReadRanges::new(&file, [0..10, 4000..4100, 90_000..90_005]).gap(5000);
    let read = |ranges: ReadRanges| {
        let bytes = ranges.spawn(&jobs.submitter(), &pool).unwrap().join().unwrap().unwrap();
        assert!(*bytes[1] == contents(4000..4100) && *bytes[2] == contents(90_000..90_005));
    };
    read(ranges().after_miss());
    let stats = jobs.stats();
    // Ranges that share a read are no second read of their block.
    assert_eq!((stats.accepted, stats.submit_calls, stats.buffered), (2, 1, 0), "{stats:?}");
    read(ranges().after_miss());
    assert_eq!(jobs.stats().buffered, 2, "they were read before");
    evict_all(&path);
    let forgetful = FileHandle::open_automatic(&path).unwrap();
    let before = jobs.stats().automatic_direct;
    read(ReadRanges::new(forgetful, [0..10, 4000..4100, 90_000..90_005]));
    assert!(support::is_memcheck() || jobs.stats().automatic_direct > before);
}

/// Takes a file out of the page cache that the kernel may still be reading ahead.
fn evict_all(path: &Path) {
    support::eventually("the file leaves the page cache", || evict(path));
}

#[test]
fn it_is_the_same_file_whatever_its_path_leads_to() {
    let directory = scratch();
    let Some((path, file)) = cold_file(directory.path()) else { return };
    std::fs::rename(&path, directory.path().join("renamed")).unwrap();
    std::fs::write(&path, "another").unwrap();
    let jobs = support::builder().build().unwrap();
    let done = read_range(&jobs, &file, 0, 9000);
    check(&done, Access::Direct, &contents(0..9000));
}

#[test]
fn what_others_have_written_and_not_synced_is_seen() {
    use std::os::unix::fs::FileExt;
    let directory = scratch();
    let Some((path, file)) = cold_file(directory.path()) else { return };
    let writer = OpenOptions::new().write(true).open(path).unwrap();
    writer.write_all_at(&[0xee; 4096], 8192).unwrap();
    let jobs = support::builder().build().unwrap();
    // Its neighbours are not cached, so it is read directly: the kernel writes it out first.
    let done = read_range(&jobs, &file, 0, 16_384);
    let mut expected = contents(0..16_384);
    expected[8192..12_288].fill(0xee);
    check(&done, Access::Direct, &expected);
}

#[test]
fn writes_go_through_the_page_cache_and_reads_see_them() {
    let directory = scratch();
    let Some((path, _file)) = cold_file(directory.path()) else { return };
    let mut options = FileHandle::options();
    let file = options.read(true).write(true).way(IoWay::Automatic).open(&path).unwrap();
    assert!(file.is_automatic());
    let jobs = support::builder().build().unwrap();
    // Nothing of this is aligned.
    let job = Job::write(&file, vec![0xee; 5000], 9000, |done| (done.access, done.into_success()));
    let (access, success) = jobs.spawn(job).unwrap().join().unwrap();
    assert_eq!((access, success.unwrap().0), (Some(Access::Buffered), 5000));
    assert_eq!((jobs.stats().blocking_transfers, jobs.stats().submitted), (1, 0));
    let mut expected = contents(0..LENGTH);
    expected[9000..14_000].fill(0xee);
    // Its neighbours are not cached, so it is read directly: the kernel writes it out first.
    check(&read_range(&jobs, &file, 0, 20_000), Access::Direct, &expected[..20_000]);
    assert_eq!(*read_range(&jobs, &file, 9000, 5000).data(), [0xee; 5000]);
    let synced = Job::sync_data(&file, |done| done.result.is_ok());
    assert!(jobs.spawn(synced).unwrap().join().unwrap());

    // The descriptor for direct reads is for nothing else.
    let missed = file.after_miss(40_960, 4096);
    let job = Job::write(missed, AlignedBuf::zeroed(4096), 40_960, |done| done.result);
    let error = jobs.spawn(job).unwrap().join().unwrap().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    assert!(std::fs::read(&path).unwrap() == expected);
}

#[test]
fn a_history_is_an_option_too() {
    let directory = scratch();
    let Some((path, _file)) = cold_file(directory.path()) else { return };
    let history = ReadHistory::new(1 << 20);
    let mut options = FileHandle::options();
    options.read(true).write(true).way(IoWay::Automatic).history(&history);
    let file = options.open(&path).unwrap();
    assert!(file.after_miss(0, 4096).is_direct());
    assert!(!file.after_miss(0, 4096).is_direct(), "it was read before");
}

#[test]
fn where_direct_reads_cannot_be_had_all_go_through_the_page_cache() {
    let jobs = support::builder().build().unwrap();
    for path in ["/proc/version", "/dev/shm", "/dev/null"] {
        let file = FileHandle::open_automatic(path).unwrap();
        assert!(!file.is_automatic() && !file.after_miss(0, 1).is_direct(), "{path}");
    }
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    let path = known_file(memory.path(), "known", LENGTH);
    let file = FileHandle::open_automatic(path).unwrap();
    assert!(!file.is_automatic() && file.alignment().offset == 1);
    let done = read_range(&jobs, &file, 1000, 9000);
    assert!(*done.data() == contents(1000..10_000) && done.access != Some(Access::Direct));
    let error = FileHandle::open_automatic(memory.path().join("none")).unwrap_err();
    assert!(error.to_string().contains("none") && error.kind() == ErrorKind::NotFound);
}

#[test]
fn the_way_of_other_handles_is_told_too() {
    let directory = scratch();
    let path = known_file(directory.path(), "known", LENGTH);
    let jobs = support::builder().build().unwrap();
    let read = |file: &FileHandle| {
        let job = Job::read(file, AlignedBuf::zeroed(4096), 0, |done| done.access);
        jobs.spawn(job).unwrap().join().unwrap()
    };
    if let Some(direct) = support::open_direct(&path) {
        assert_eq!(read(&direct), Some(Access::Direct));
    }
    let buffered = support::open_buffered(&path);
    if reads_without_waiting(&path) {
        assert_eq!(read(&buffered), Some(Access::Cached));
    }
    // Of this file system it can't be told whether a read would wait.
    let process = FileHandle::open_buffered("/proc/self/status").unwrap();
    assert_eq!(read(&process), Some(Access::Buffered));
    let write = Job::write(&buffered, vec![1; 10], LENGTH, |done| done.access);
    assert_eq!(jobs.spawn(write).unwrap().join().unwrap(), Some(Access::Buffered));
    let sync = Job::sync_data(&buffered, |done| done.access);
    assert_eq!(jobs.spawn(sync).unwrap().join().unwrap(), None);
    assert_eq!(read(&FileHandle::from(File::open("/dev/zero").unwrap())), None);
}
