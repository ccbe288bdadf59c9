//! A run's memory on the heap does not grow with the number of its files, and all of it is freed.
//! The buffers are not on the heap.

use reapool::{Files, Order};

use crate::support::allocator::Counting;
use crate::support::alone::alone;
use crate::support::files::{CHUNK, dispatcher, files_of, small_files};
use crate::support::{eventually, scale, scratch};

/// Runs over so many files, and what that takes: bytes at most, and allocations.
fn taken(files: &Files, paths: Vec<std::path::PathBuf>, count: usize) -> (isize, u64) {
    Counting::growth(|| {
        let listed = paths.into_iter().cycle().take(count);
        let run = files.read(listed, |file| file.contents().len());
        assert_eq!(run.filter(Result::is_ok).count(), count);
    })
}

#[test]
fn memory_is_bounded_and_given_back() {
    let _alone = alone();
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let mut paths = small_files(directory.path(), 90);
    paths.extend(files_of(directory.path(), &[3 * CHUNK; 10]));
    for order in [Order::Completion, Order::Input] {
        let files = Files::builder(&dispatcher).order(order).results(64).memory(8 << 20);
        let files = files.whole_limit(1 << 20).build().unwrap();
        // What is allocated once.
        taken(&files, paths.clone(), 2000);
        let before = Counting::bytes();
        let (few, _) = taken(&files, paths.clone(), 2000);
        let count = 20_000 / scale();
        let (many, allocations) = taken(&files, paths.clone(), count);
        assert!(many < few.max(64 << 10) * 2, "{order:?}: {few} bytes, then {many}");
        assert!(many < 4 << 20, "{order:?}: {many} bytes");
        let each = allocations / count as u64;
        assert!(each < 60, "{order:?}: {each} allocations for a file");
        eventually("given back", || Counting::bytes() - before < 64 << 10);
        let stats = files.stats();
        assert_eq!(stats.opened_cached + stats.opened_blocking, 4000 + count as u64);
    }
}
