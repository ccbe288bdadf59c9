//! What the kernel knows of this process: its threads, descriptors, addresses, and AIO contexts.

use std::fs;
use std::path::{Path, PathBuf};

use super::eventually;

/// The dispatchers' threads in this process: their directories under `/proc`, and their names.
pub(crate) fn threads() -> Vec<(PathBuf, String)> {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    // A thread may end between the listing and the reading.
    let name = |task: &PathBuf| fs::read_to_string(task.join("comm")).ok();
    let named = tasks.filter_map(|task| {
        let task = task.ok()?.path();
        let name = name(&task)?;
        Some((task, name.trim_end().to_owned()))
    });
    named.filter(|(_, name)| name.starts_with("aio-")).collect()
}

/// A field of a thread's `status` under `/proc`; `None` if the thread has ended.
pub(crate) fn status(task: &Path, field: &str) -> Option<String> {
    let status = fs::read_to_string(task.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    Some(line.unwrap_or_else(|| panic!("no field {field} in {status}")).trim().to_owned())
}

/// How many descriptors this process has, with the one by which they are listed.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// How many bytes of addresses this process has mapped.
pub(crate) fn mapped() -> u64 {
    let size = status(Path::new("/proc/self"), "VmSize").unwrap();
    size.trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// The AIO contexts of this process: the kernel maps a ring for each.
pub(crate) fn contexts() -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.contains("[aio]")).count()
}

/// Waits until nothing is left of any dispatcher.
///
/// The threads alone don't tell: one that has not run yet has no name.
pub(crate) fn wait_for_the_end(when: &str) {
    let what = format!("threads and contexts end, {when}");
    eventually(&what, || threads().is_empty() && contexts() == 0);
}

/// The calling thread's directory under `/proc`.
pub(crate) fn this_thread() -> PathBuf {
    Path::new("/proc").join(fs::read_link("/proc/thread-self").unwrap())
}

/// Whether a thread waits for something.
pub(crate) fn is_asleep(task: &Path) -> bool {
    status(task, "State").is_some_and(|state| state.starts_with('S'))
}
