//! Files that get shorter and longer while jobs read them: what is shown has been read, and an
//! exact read has all of it or says where the file ended.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use reapool::{AlignedBuf, Completion, Dispatcher, FileHandle, Job};

const SIZE: usize = 128 << 10;
const LEN: usize = 32 << 10;
fn rounds() -> usize {
    200 / scale()
}

/// What buffers are full of before a read, and no file ever is.
const STALE: u8 = 0xee;

/// The byte that the file has at an offset, unless that is in a hole, where there are zeros.
fn byte_at(offset: usize) -> u8 {
    (offset % 199) as u8 + 1
}

/// All of it, with nothing missing.
fn known() -> &'static [u8] {
    static KNOWN: LazyLock<Vec<u8>> = LazyLock::new(|| (0..SIZE).map(byte_at).collect());
    &KNOWN
}

/// How a read is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Plain,
    Exact,
    Range,
    ExactRange,
}

use Way::{Exact, ExactRange, Plain, Range};

use crate::support::device::{FileSystem, Mount};
use crate::support::files::in_memory;
use crate::support::{self, Tended, completion_of, open_buffered, open_direct, scale};

const WAYS: [Way; 4] = [Plain, Exact, Range, ExactRange];

/// Bytes that were shown are those of the file, or those of a hole.
fn check_bytes(what: &str, shown: &[u8], offset: usize) {
    if shown == &known()[offset..offset + shown.len()] {
        return;
    }
    let known = |(place, &byte): (usize, &u8)| byte == byte_at(offset + place) || byte == 0;
    let strange = shown.iter().enumerate().position(|pair| !known(pair));
    assert_eq!(strange, None, "{what}: of {} bytes", shown.len());
}

/// Compares what is told with what is shown. True if the file ended within it.
fn check<B>(what: &str, exact: bool, done: &Completion<B>, shown: &[u8]) -> bool {
    assert_eq!(done.transferred, shown.len(), "{what}");
    match &done.result {
        Ok(count) => {
            assert_eq!(*count, shown.len(), "{what}");
            assert!(!exact || *count == LEN, "{what}: {count} bytes of an exact read");
        }
        Err(error) => assert!(exact && error.kind() == ErrorKind::UnexpectedEof, "{what}: {error}"),
    }
    check_bytes(what, shown, done.offset as usize);
    shown.len() < LEN
}

/// Reads some of it. True if the file ended within it.
fn read(on: &Dispatcher, file: &FileHandle, way: Way, offset: usize, what: &str) -> bool {
    let what = format!("{what}, {way:?} at {offset}");
    let buffer = |len| {
        let mut buffer = AlignedBuf::zeroed(len);
        buffer.fill(STALE);
        buffer
    };
    if matches!(way, Plain | Exact) {
        let done = completion_of(&on.submitter(), |callback| {
            let job = Job::read(file, buffer(LEN), offset as u64, callback);
            if way == Exact { job.exact() } else { job }
        });
        assert_eq!(done.buffer.len(), done.transferred, "{what}: no more than was read");
        return check(&what, way == Exact, &done, done.data());
    }
    // Not aligned to anything.
    let offset = offset + 77;
    let span = file.span(offset as u64, LEN);
    let buffer = buffer((span.end - span.start) as usize);
    let done = completion_of(&on.submitter(), |callback| {
        let job = Job::read_range(file, buffer, offset as u64, LEN, callback);
        if way == ExactRange { job.exact() } else { job }
    });
    check(&what, way == ExactRange, &done, done.data())
}

fn open_both(path: &Path) -> Vec<(&'static str, FileHandle)> {
    let direct = open_direct(path).map(|file| ("direct", file));
    [Some(("buffered", open_buffered(path))), direct].into_iter().flatten().collect()
}

/// Cuts a file and writes it anew, until it is told to stop.
fn meddle(path: &Path, stop: &AtomicBool) {
    let (file, known) = (File::options().write(true).open(path).unwrap(), known());
    for round in 0.. {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        let cut = round * 7919 % SIZE;
        file.set_len(cut as u64).unwrap();
        // A hole, and then what was there.
        file.set_len(SIZE as u64).unwrap();
        file.write_all_at(&known[cut..], cut as u64).unwrap();
    }
}

/// Reads while it is meddled with; returns how often the file ended early.
fn read_meanwhile(directory: &Path, what: &str) {
    let path = directory.join("file");
    std::fs::write(&path, known()).unwrap();
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    for (how, file) in open_both(&path) {
        let stop = Arc::new(AtomicBool::new(false));
        let (own, told) = (path.clone(), Arc::clone(&stop));
        let meddling = thread::spawn(move || meddle(&own, &told));
        for round in 0..rounds() {
            let offset = round * 4096 % (SIZE - LEN - 4096);
            read(&dispatcher, &file, WAYS[round % 4], offset, &format!("{what}, {how}"));
        }
        stop.store(true, Ordering::SeqCst);
        meddling.join().unwrap();
    }
    dispatcher.quiesce();
    assert_eq!(dispatcher.stats().panics, 0);
}

/// The same when nothing moves: it was cut, and has grown again.
fn read_between(directory: &Path, what: &str) {
    let path = directory.join("file");
    let dispatcher = Tended::new(support::builder().depth(4).workers(1));
    for (how, file) in open_both(&path) {
        for way in WAYS {
            let what = format!("{what}, {how}");
            std::fs::write(&path, known()).unwrap();
            let writer = File::options().write(true).open(&path).unwrap();
            assert!(!read(&dispatcher, &file, way, LEN, &what), "{what}, {way:?}: all of it");
            for cut in [LEN + 100, LEN + 4096, 2 * LEN - 1, LEN, 0] {
                writer.set_len(cut as u64).unwrap();
                assert!(read(&dispatcher, &file, way, LEN, &what), "{what}, {way:?}: cut to {cut}");
            }
            writer.write_all_at(known(), 0).unwrap();
            assert!(!read(&dispatcher, &file, way, LEN, &what), "{what}, {way:?}: it has grown");
        }
    }
}

#[test]
fn what_is_shown_was_in_the_file() {
    for kind in FileSystem::ALL {
        let Some(mount) = Mount::of(kind) else { return };
        read_meanwhile(mount.path(), &format!("{kind:?}"));
        read_between(mount.path(), &format!("{kind:?}"));
    }
    let Some(memory) = in_memory() else { return };
    read_meanwhile(memory.path(), "tmpfs");
    read_between(memory.path(), "tmpfs");
}
