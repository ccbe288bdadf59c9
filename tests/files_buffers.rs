//! Which memory the contents of small cached files are in: one worker has the same for all of them, and
//! what is kept is no more than it needs to be.

mod util;

use std::path::{Path, PathBuf};

use reapool::{Access, Chunk, Policy};
use util::files::{dispatcher, files_of, modest};
use util::{SCALE, scratch, watched};

/// Small files of all sizes, which are cached: they have just been written.
fn mixed(directory: &Path) -> Vec<PathBuf> {
    files_of(directory, &[1, 100, 4096, 5000, 20_000, 60_000, 4095].repeat(100 / SCALE))
}

#[test]
fn a_worker_goes_on_with_the_same_buffer() {
    watched(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(1));
        let files = modest(&dispatcher).policy(Policy::Buffered).build().unwrap();
        let run = files.stream(
            mixed(directory.path()),
            |_| 0,
            |place, chunk: Chunk| *place = chunk.as_ptr().addr(),
            |place, _| place,
        );
        let done = run.map(Result::unwrap).filter(|done| done.access == Access::Cached);
        let mut places: Vec<_> = done.map(|done| done.value).collect();
        places.dedup();
        // valgrind doesn't know how to open a file without waiting.
        let expected = usize::from(option_env!("REAPOOL_MEMCHECK").is_none());
        assert_eq!(places.len(), expected);
    });
}

#[test]
fn chunks_that_are_kept_have_no_more_memory_than_they_need() {
    watched(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        // Enough for each file's contents in a buffer of its class, and not for many larger ones.
        let files = modest(&dispatcher).memory(48 << 20).build().unwrap();
        let run = files.stream(
            mixed(directory.path()),
            |_| None,
            |kept, chunk: Chunk| *kept = Some(chunk),
            |kept, _| kept,
        );
        let kept: Vec<_> = run.map(|done| done.unwrap().value.unwrap()).collect();
        let large = kept.iter().filter(|chunk| chunk.capacity() >= 256 << 10).count();
        assert!(large <= 2, "one a worker: {large}");
    });
}
