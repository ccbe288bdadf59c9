//! Read histories: data that is read again is let into the page cache. `remembered` is the memory.

use std::fmt;
use std::ops::Range;

use crate::file::metadata::FileId;
use crate::file::remembered::{Remembered, Seen};
use crate::sync::{Arc, Mutex, lock};
use crate::sys::fork::ForkMark;

/// Remembers what was read past the page cache, so that data which is read again is let into it.
///
/// A read by an [automatic](crate::FileHandle::open_automatic) handle leaves the page cache as it
/// was. A handle that is opened here does so the first time. If the same data is read again, and is
/// still remembered, it is read through the page cache, and from then on is cached like any other.
/// [`FilesBuilder::history`](crate::FilesBuilder::history) has it for whole files. Handles and runs
/// may share one, and with it what there is room for; they remember ranges and files apart.
///
/// # Examples
///
/// ```
/// use reapool::ReadHistory;
///
/// // As much as there is room for in the page cache.
/// let history = ReadHistory::new(4 << 30);
/// let file = history.open("Cargo.toml")?;
/// assert!(!file.is_direct());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ReadHistory {
    shared: Arc<HistoryShared>,
}

struct HistoryShared {
    fork_mark: ForkMark,
    remembered: Mutex<Remembered>,
}

impl ReadHistory {
    /// A history that remembers `bytes` of data, in blocks of 4 KiB, and forgets the oldest.
    /// Smaller reads in one block count as the same data.
    ///
    /// It should be about as much as the page cache has room for. Data that is read in turns and
    /// is more than this stays out of the page cache. Of ranges, those of more than 1 GiB are not
    /// remembered. For each 256 KiB of which something is remembered, and for each file that was
    /// read whole, it takes about 200 bytes of memory, up to some 50 MB.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::ReadHistory;
    ///
    /// // Half of the memory that could become page cache.
    /// let meminfo = std::fs::read_to_string("/proc/meminfo")?;
    /// let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    /// let kib: u64 = available.unwrap_or("0 kB").trim().trim_end_matches(" kB").parse()?;
    /// let history = ReadHistory::new(kib * 1024 / 2);
    /// let files = ["Cargo.toml", "README.md"].map(|path| history.open(path));
    /// assert!(files.iter().all(Result::is_ok));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let remembered = Mutex::new(Remembered::new(bytes));
        let fork_mark = ForkMark::of_this_process();
        Self { shared: Arc::new(HistoryShared { fork_mark, remembered }) }
    }

    /// Whether a file was read whole, when it had this size, as far as is remembered. If so, it is
    /// forgotten, as it will be in the page cache.
    pub(crate) fn was_read_whole(&self, file: FileId, size: u64) -> bool {
        !self.shared.fork_mark.is_forked() && lock(&self.shared.remembered).forget_whole(file, size)
    }

    /// Takes note that a file of this size was read whole.
    pub(crate) fn read_whole(&self, file: FileId, size: u64) {
        if !self.shared.fork_mark.is_forked() {
            lock(&self.shared.remembered).remember_whole(file, size);
        }
    }

    pub(crate) fn touch(&self, file: FileId, range: Range<u64>) -> Seen {
        // In a forked child, a thread may have the lock that does not exist there.
        if self.shared.fork_mark.is_forked() {
            return Seen::First;
        }
        lock(&self.shared.remembered).touch(file, range)
    }
}

impl fmt::Debug for ReadHistory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.shared.fork_mark.is_forked() {
            return f.write_str("ReadHistory, of another process");
        }
        let remembered = lock(&self.shared.remembered);
        let (bytes, most) = remembered.bytes();
        f.debug_struct("ReadHistory").field("bytes", &bytes).field("most", &most).finish()
    }
}
