//! What can be seen of a run from outside: how far it is, and which ways its files took.

use std::path::{Path, PathBuf};
use std::thread;

use reapool::{Access, FilesProgressSnapshot, FilesStats, Policy, ReadHistory};

use crate::support::cache::forget;
use crate::support::device::Loop;
use crate::support::files::{
    CHUNK, POLICIES, all, copied, dispatcher, files_of, gathered, in_memory, modest, only,
    patterned, small_files, successes,
};
use crate::support::{Gate, eventually, is_memcheck, open_direct, scratch, skipped};

fn mixture(directory: &Path) -> (Vec<PathBuf>, u64) {
    let sizes: Vec<_> = (0..100).map(|place| (place * 7001) % (4 * CHUNK)).collect();
    let mut paths = files_of(directory, &sizes);
    paths.extend((0..30).map(|place| directory.join(format!("missing {place}"))));
    (paths, sizes.iter().sum::<usize>() as u64)
}

/// Whether one may follow the other.
fn follows(later: &FilesProgressSnapshot, earlier: &FilesProgressSnapshot) -> bool {
    let counts = |at: &FilesProgressSnapshot| [at.found, at.done, at.failed, at.bytes];
    let grown =
        counts(later).into_iter().zip(counts(earlier)).all(|(later, earlier)| later >= earlier);
    // What is finished does not change any more, the time included.
    let still = !earlier.finished
        || (counts(later), later.elapsed, later.finished)
            == (counts(earlier), earlier.elapsed, earlier.finished);
    grown && still && later.elapsed >= earlier.elapsed
}

#[test]
fn the_numbers_grow_and_add_up() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let (paths, bytes) = mixture(directory.path());
    for policy in POLICIES {
        let files = modest(&dispatcher).policy(policy).build().unwrap();
        let run = gathered(&files, paths.clone());
        let (progress, seen) = (run.progress(), run.progress());
        let watcher = thread::spawn(move || {
            let mut last = seen.snapshot();
            while !last.finished {
                let next = seen.snapshot();
                assert!(follows(&next, &last), "{last:?} then {next:?}");
                assert!(next.done + next.failed <= next.found, "{next:?}");
                last = next;
                thread::yield_now();
            }
            last
        });
        let outcomes = all(run);
        let (last, end) = (watcher.join().unwrap(), progress.snapshot());
        for at in [last, end] {
            let counts = (at.found, at.done, at.failed, at.bytes, at.finished);
            assert_eq!(counts, (130, 100, 30, bytes, true), "{policy:?}");
        }
        assert!(follows(&end, &last));
        let read: u64 = outcomes.iter().flatten().map(|done| done.bytes).sum();
        assert_eq!(read, bytes);
    }
}

#[test]
fn finished_is_not_told_before_the_end() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = small_files(directory.path(), 10);
    let files = modest(&dispatcher).build().unwrap();
    let gate = Gate::default();
    let held = gate.clone();
    let run = files.read(paths, move |_| held.pass());
    let progress = run.progress();
    gate.wait_for(1);
    let before = progress.snapshot();
    assert!(!before.finished && before.done == 0 && before.found > 0, "{before:?}");
    gate.open();
    drop(run);
    eventually("finished", || progress.snapshot().finished);
    let end = progress.snapshot();
    assert_eq!(end.done + end.failed, end.found, "{end:?}");
}

/// Runs over cold files of two chunks, and what was counted.
fn counted(directory: &Path, policy: Policy, count: usize) -> (Vec<(Access, bool)>, FilesStats) {
    let dispatcher = dispatcher(2);
    let files = modest(&dispatcher).policy(policy).build().unwrap();
    let paths = files_of(directory, &vec![2 * CHUNK + 100; count]);
    paths.iter().for_each(|path| forget(path));
    let done = successes(gathered(&files, paths));
    let ways = done.iter().map(|done| (done.access, done.fallback.is_some())).collect();
    (ways, files.stats())
}

fn assert_ways_add_up(stats: &FilesStats, count: u64) {
    assert_eq!(stats.opened_cached + stats.opened_blocking, count, "{stats:?}");
    assert_eq!(stats.direct + stats.cached + stats.buffered, count, "{stats:?}");
}

#[test]
fn direct_is_direct_where_there_is_direct_io() {
    let directory = scratch();
    if open_direct(&directory.path().join("probe")).is_none() {
        return;
    }
    let (ways, stats) = counted(directory.path(), Policy::Direct, 20);
    assert!(ways.iter().all(|way| *way == (Access::Direct, false)), "{ways:?}");
    assert_eq!((stats.direct, stats.fallbacks, stats.restarts), (20, 0, 0), "{stats:?}");
    assert_ways_add_up(&stats, 20);
}

#[test]
fn direct_falls_back_and_says_so_where_there_is_none() {
    let Some(directory) = in_memory() else { return };
    let (ways, stats) = counted(directory.path(), Policy::Direct, 20);
    assert!(
        ways.iter().all(|(access, fell_back)| *access != Access::Direct && *fell_back),
        "{ways:?}"
    );
    assert_eq!((stats.direct, stats.fallbacks), (0, 20), "{stats:?}");
    assert_ways_add_up(&stats, 20);
}

#[test]
fn what_is_direct_in_name_only_falls_back_too() {
    let Some(device) = Loop::new(16 << 20, 512) else { return };
    // For journalled data ext4 has no direct I/O, but takes the flag.
    let Some(mount) = device.format("data=journal") else { return };
    let (ways, stats) = counted(mount.path(), Policy::Direct, 20);
    assert!(ways.iter().all(|way| *way == (Access::Buffered, true)), "{ways:?}");
    assert_eq!((stats.direct, stats.fallbacks), (0, 20), "{stats:?}");
}

#[test]
fn buffered_is_never_direct() {
    let memory = in_memory();
    for directory in [Some(scratch()), memory].iter().flatten() {
        let (ways, stats) = counted(directory.path(), Policy::Buffered, 20);
        let buffered =
            |(access, fell_back): &(Access, bool)| *access != Access::Direct && !fell_back;
        assert!(ways.iter().all(buffered), "{ways:?}");
        assert_eq!((stats.direct, stats.fallbacks), (0, 0), "{stats:?}");
        assert_ways_add_up(&stats, 20);
    }
}

#[test]
fn automatic_takes_the_page_cache_for_what_is_in_it() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let paths = files_of(directory.path(), &[100, 5000, 3 * CHUNK, 10 * CHUNK]);
    let all_cached = || {
        paths.iter().for_each(|path| drop(std::fs::read(path).unwrap()));
        let files = modest(&dispatcher).build().unwrap();
        let done = successes(copied(&files, paths.clone()));
        assert!(done.iter().all(|done| done.fallback.is_none()));
        let stats = files.stats();
        assert_ways_add_up(&stats, 4);
        stats.cached == 4 && done.iter().all(|done| done.access == Access::Cached)
    };
    // Now and then the kernel says of cached data that it would have to wait. valgrind says so
    // always, as it doesn't know preadv2(2).
    assert!(is_memcheck() || (0..50).any(|_| all_cached()));
}

/// A large file that is not in the page cache. `None`, and said to be skipped, where that can't be
/// had.
fn large_and_cold(directory: &Path) -> Option<PathBuf> {
    open_direct(&directory.join("probe"))?;
    let path = patterned(directory, "large", 1, 20 * CHUNK);
    let is_cold = || {
        forget(&path);
        pages_in_memory(&path) == 0
    };
    if !(0..50).any(|_| is_cold()) {
        skipped("cold files: the page cache keeps what it is asked to drop");
        return None;
    }
    Some(path)
}

#[test]
fn automatic_is_direct_for_what_is_large_and_not_in_it() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let Some(path) = large_and_cold(directory.path()) else { return };
    let files = modest(&dispatcher).build().unwrap();
    assert_eq!(only(gathered(&files, [path.clone()])).unwrap().access, Access::Direct);
    assert_eq!(pages_in_memory(&path), 0, "reading it left it out of the page cache");
}

#[test]
fn what_is_read_again_is_let_into_the_page_cache() {
    let (directory, dispatcher) = (scratch(), dispatcher(2));
    let Some(path) = large_and_cold(directory.path()) else { return };
    let history = ReadHistory::new(1 << 30);
    // What another policy reads directly says nothing of what this one is to let in.
    let files = modest(&dispatcher).policy(Policy::Direct).history(&history).build().unwrap();
    assert_eq!(only(gathered(&files, [path.clone()])).unwrap().access, Access::Direct);
    let mut accesses = [(); 2].map(|()| {
        let files = modest(&dispatcher).history(&history).build().unwrap();
        only(gathered(&files, [path.clone()])).unwrap().access
    });
    assert_eq!(accesses, [Access::Direct, Access::Buffered], "the second is not a scan");
    // Now and then the kernel says of cached data that it would have to wait. valgrind says so
    // always, as it doesn't know preadv2(2).
    let files = modest(&dispatcher).history(&history).build().unwrap();
    let mut read = || {
        accesses[0] = only(gathered(&files, [path.clone()])).unwrap().access;
        accesses[0] == Access::Cached
    };
    assert!(is_memcheck() || (0..50).any(|_| read()), "{accesses:?}");
}

/// As fincore(1) tells.
fn pages_in_memory(path: &Path) -> usize {
    let output =
        std::process::Command::new("fincore").args(["-nb", "-o", "PAGES"]).arg(path).output();
    let output = output.ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.and_then(|text| text.parse().ok()).unwrap_or(usize::MAX)
}
