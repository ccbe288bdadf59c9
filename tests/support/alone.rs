//! One test at a time, for programs that count, limit or fork the whole process.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use super::proc;

static ALONE: Mutex<()> = Mutex::new(());

/// The threads, by their directories, on which the harness runs tests that have asked to be alone.
static TESTS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Waits until no other test runs, and until nothing is left of their dispatchers; keeps others
/// waiting until the result is dropped. Where one test of a program needs this, each has to ask for
/// it.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    TESTS.lock().unwrap().insert(proc::this_thread());
    match ALONE.lock() {
        Ok(guard) => {
            proc::wait_for_the_end("those of the test before");
            guard
        }
        // A test that fails leaves its dispatcher as it is.
        Err(poisoned) => poisoned.into_inner(),
    }
}

/// How many threads this process has, but for those on which the harness runs tests. It starts one
/// for the next test at any time, which then waits here.
pub(crate) fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().file_name());
    let all: Vec<_> = tasks.collect();
    let tests = TESTS.lock().unwrap();
    let is_test = |task| tests.iter().any(|test| test.file_name() == Some(task));
    all.iter().filter(|task| !is_test(task)).count()
}
