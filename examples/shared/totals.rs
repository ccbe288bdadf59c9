//! How much there is to do in all, and how far a program has come, in a line of the terminal.

use std::fmt::Write;
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

/// How long the bar is at least, without its brackets. It grows with the terminal.
const SHORTEST: usize = 10;
const LONGEST: usize = 40;

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
    /// There is nothing more to be counted.
    pub(crate) fn known(amount: Amount) -> Self {
        let totals = Self::default();
        totals.0.files.store(amount.files, Ordering::Relaxed);
        totals.0.bytes.store(amount.bytes, Ordering::Relaxed);
        totals.complete();
        totals
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.0.files.fetch_add(1, Ordering::Relaxed);
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes of a file that counts by itself.
    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// All have been counted.
    pub(crate) fn complete(&self) {
        // Release: who sees this sees the numbers.
        self.0.is_complete.store(true, Ordering::Release);
    }

    /// `None` while they are being counted.
    pub(crate) fn get(&self) -> Option<Amount> {
        self.0.is_complete.load(Ordering::Acquire).then(|| self.so_far())
    }

    pub(crate) fn so_far(&self) -> Amount {
        let Counts { files, bytes, .. } = &*self.0;
        Amount { files: files.load(Ordering::Relaxed), bytes: bytes.load(Ordering::Relaxed) }
    }
}

impl Amount {
    fn work(self) -> f64 {
        (self.bytes + self.files * FILE) as f64
    }
}

impl Progress {
    /// What is done to the files, and how far that is, in a line of this width. What has no room
    /// is left out, in this order: the files, the rate, the bytes, the bar, the time that is left.
    pub(crate) fn line(&self, what: &str, width: usize) -> String {
        let Some(total) = self.total else { return self.uncounted(what, width) };
        // Files may have grown, or come, since they were counted.
        let part = (self.done.work() / total.work().max(1.0)).min(1.0);
        let mut line = format!("{what} {:>3}%", (part * 100.0) as u64);
        let mut room = width.saturating_sub(line.len());
        let left = self.left(part).map(|left| format!(" {left} left"));
        let left = left.filter(|left| takes(&mut room, left.len()));
        let is_barred = takes(&mut room, SHORTEST + " []".len());
        let mut details = String::new();
        for detail in self.details(total) {
            if !takes(&mut room, detail.len()) {
                break;
            }
            details += &detail;
        }
        if is_barred {
            let length = (SHORTEST + room).min(LONGEST);
            let full = (part * length as f64) as usize;
            let _ = write!(line, " [{}{}]", "#".repeat(full), "-".repeat(length - full));
        }
        line + &left.unwrap_or_default() + &details
    }

    fn uncounted(&self, what: &str, width: usize) -> String {
        let Amount { files, bytes } = self.done;
        let details = [
            format!(" {files} files"),
            format!(", {}", HumanBytes(bytes)),
            format!(", {}/s", HumanBytes(self.bytes_per_second as u64)),
        ];
        let mut room = width.saturating_sub(what.len());
        let details = details.into_iter().take_while(|detail| takes(&mut room, detail.len()));
        what.to_owned() + &details.collect::<String>()
    }

    fn left(&self, part: f64) -> Option<String> {
        let is_known = part > TOO_LITTLE && self.elapsed > TOO_SOON;
        let left = || self.elapsed.mul_f64((1.0 - part) / part);
        is_known.then(|| format!("{:#}", HumanDuration(left())))
    }

    fn details(&self, total: Amount) -> [String; 3] {
        let Amount { files, bytes } = self.done;
        [
            format!(" {}/{}", HumanBytes(bytes), HumanBytes(total.bytes)),
            format!(" {}/s", HumanBytes(self.bytes_per_second as u64)),
            format!(" {files}/{} files", total.files),
        ]
    }
}

/// Takes so much of the room, if there is as much.
fn takes(room: &mut usize, length: usize) -> bool {
    let rest = room.checked_sub(length);
    *room = rest.unwrap_or(*room);
    rest.is_some()
}
