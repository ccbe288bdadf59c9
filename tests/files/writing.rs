//! A chunk is a buffer like others: it is written by a job, and its memory is given back after
//! that.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reapool::{Chunk, FileHandle, FileInfo, IoBuf, Job};

use crate::support::cache::forget;
use crate::support::files::{
    CHUNK, POLICIES, assert_same, dispatcher, files_of, modest, pattern, successes,
};
use crate::support::{open_buffered, open_direct, scratch};

/// A copy on its way.
struct Copy {
    out: FileHandle,
    written: Arc<AtomicU64>,
}

fn copies(direct: bool) {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    // Together much more than the memory.
    let sizes: Vec<_> = (0..12).map(|place| [0, 1, 4096, 20 * CHUNK + 777][place % 4]).collect();
    let paths = files_of(directory.path(), &sizes);
    let target = |path: &Path| path.with_extension("copy");
    for policy in POLICIES {
        paths.iter().for_each(|path| forget(path));
        let files = modest(&dispatcher).policy(policy).memory(2 << 20).build().unwrap();
        let submitter = dispatcher.submitter();
        let begin = move |file: &FileInfo| {
            let path = target(file.path());
            let out = if direct { open_direct(&path) } else { Some(open_buffered(&path)) };
            Copy { out: out.unwrap(), written: Arc::default() }
        };
        let chunk = move |copy: &mut Copy, mut chunk: Chunk| {
            let (offset, len) = (chunk.offset(), chunk.len());
            if direct {
                chunk.resize(len.next_multiple_of(4096));
            }
            let (expected, written) = (chunk.initialised(), Arc::clone(&copy.written));
            let job = Job::write(&copy.out, chunk, offset, move |done| {
                assert_eq!(done.result.unwrap(), expected);
                assert_eq!(done.buffer.offset(), offset);
                written.fetch_add(len as u64, Ordering::SeqCst);
            });
            submitter.submit(job).unwrap();
        };
        let run = files.stream(paths.clone(), begin, chunk, |copy: Copy, _| copy.written);
        let done = successes(run);
        dispatcher.quiesce();
        for (place, done) in done.into_iter().enumerate() {
            assert_eq!(done.value.load(Ordering::SeqCst), sizes[place] as u64, "{policy:?}");
            let copy = target(&paths[place]);
            File::options().write(true).open(&copy).unwrap().set_len(sizes[place] as u64).unwrap();
            let expected = pattern(place, sizes[place]);
            assert_same(&format!("{policy:?}"), &fs::read(&copy).unwrap(), &expected);
            fs::remove_file(copy).unwrap();
        }
        assert_eq!(dispatcher.stats().panics, 0);
    }
}

#[test]
fn through_the_page_cache() {
    copies(false);
}

#[test]
fn past_the_page_cache() {
    if open_direct(&scratch().path().join("probe")).is_some() {
        copies(true);
    }
}

#[test]
fn a_chunk_may_be_cut_and_filled_up() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = files_of(directory.path(), &[CHUNK + 1000]);
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let chunk = |seen: &mut Vec<Vec<u8>>, mut chunk: Chunk| {
            let capacity = chunk.capacity();
            chunk.truncate(10);
            chunk.resize(20);
            // Nothing of what was read before.
            assert_eq!(chunk[10..], [0; 10]);
            assert_eq!(chunk.as_ref().len(), 20);
            assert_eq!((chunk.capacity(), capacity % 4096), (capacity, 0));
            seen.push(chunk.to_vec());
        };
        let done = successes(files.stream(paths.clone(), |_| Vec::new(), chunk, |seen, _| seen));
        let bytes = pattern(0, CHUNK + 1000);
        for (chunk, offset) in done[0].value.iter().zip([0, CHUNK]) {
            assert_same("cut", &chunk[..10], &bytes[offset..offset + 10]);
        }
        assert_eq!((done[0].value.len(), done[0].bytes), (2, CHUNK as u64 + 1000));
    }
}
