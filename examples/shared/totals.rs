//! How much there is to do in all, for programs that count it ahead, and how much of it is done.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration};

/// What a file costs beside its contents, in bytes that could be processed meanwhile: it is opened,
/// and another one is created and named.
const FILE: u64 = 32 << 10;

/// Before this time, and before this part of the work, nobody knows how long it takes.
const TOO_SOON: Duration = Duration::from_secs(1);
const TOO_LITTLE: f64 = 0.005;

/// The files that are to be processed, as far as they have been counted. All clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Totals(Arc<Counts>);

#[derive(Default)]
struct Counts {
    files: AtomicU64,
    bytes: AtomicU64,
    is_complete: AtomicBool,
}

/// A number of files, and of their bytes.
#[derive(Clone, Copy)]
pub(crate) struct Amount {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// How far a program has come.
pub(crate) struct Progress {
    pub(crate) done: Amount,
    pub(crate) bytes_per_second: f64,
    pub(crate) elapsed: Duration,
    /// If it is known.
    pub(crate) total: Option<Amount>,
}

impl Totals {
    pub(crate) fn add(&self, bytes: u64) {
        self.0.files.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// All have been counted.
    pub(crate) fn complete(&self) {
        // Release: who sees this sees the numbers.
        self.0.is_complete.store(true, Ordering::Release);
    }

    /// `None` while they are being counted.
    pub(crate) fn get(&self) -> Option<Amount> {
        let Counts { files, bytes, is_complete } = &*self.0;
        let amount = || Amount {
            files: files.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
        };
        is_complete.load(Ordering::Acquire).then(amount)
    }
}

impl Amount {
    fn work(self) -> f64 {
        (self.bytes + self.files * FILE) as f64
    }
}

/// In order of importance: the end of the line is cut off where the terminal is narrow.
impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Amount { files, bytes } = self.done;
        let rate = HumanBytes(self.bytes_per_second as u64);
        let Some(total) = self.total else {
            return write!(f, "{files} files, {}, {rate}/s", HumanBytes(bytes));
        };
        // Files may have grown, or come, since they were counted.
        let part = (self.done.work() / total.work().max(1.0)).min(1.0);
        write!(f, "{}%, ", (part * 100.0) as u64)?;
        if part > TOO_LITTLE && self.elapsed > TOO_SOON {
            let left = self.elapsed.mul_f64((1.0 - part) / part);
            write!(f, "{:#} left, ", HumanDuration(left))?;
        }
        write!(f, "{rate}/s, {files}/{} files, ", total.files)?;
        write!(f, "{}/{}", HumanBytes(bytes), HumanBytes(total.bytes))
    }
}
