//! The load that all contenders carry: the same offsets, the same callback.

use std::hint::black_box;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use crate::tally;
use crate::task::{Device, Pattern, Task, Work};

/// The microseconds of a quick callback of the mix, and of a slow one.
pub(crate) const MIX_QUICK: u64 = 5;
const MIX_SLOW: Duration = Duration::from_millis(5);

/// The time when a request was handed over, in nanoseconds; 0 if this one is not timed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamp(u64);

/// Nanoseconds since the first call, and never 0.
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64 + 1
}

/// A number that looks random and depends on `seed` alone: the last steps of splitmix64.
pub(crate) const fn scramble(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The word that the files hold at `offset`, a multiple of 8.
pub(crate) const fn word_at(offset: u64) -> u64 {
    scramble(offset ^ 0x5eed)
}

/// One read's part of the checksum: its offset, its length, its first and its last word.
fn digest(offset: u64, len: usize, first: u64, last: u64) -> u64 {
    scramble(offset ^ (len as u64) << 48 ^ first.rotate_left(17) ^ last.rotate_left(41))
}

/// Runs the computing loop. Each multiplication waits for the one before, so that neither memory
/// nor a neighbour on the core matters much.
fn compute(turns: u64) {
    let mut value = 1_u64;
    for turn in 0..turns {
        value = black_box(value.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ turn);
    }
    black_box(value);
}

/// The turns of the computing loop in a microsecond. The highest of several short measurements is
/// the one that other processes disturbed least.
pub(crate) fn calibrate() -> f64 {
    const TURNS: u64 = 200_000;
    let measure = |_| {
        let start = Instant::now();
        compute(TURNS);
        TURNS as f64 / start.elapsed().as_secs_f64() / 1e6
    };
    (0..50).map(measure).fold(0.0, f64::max)
}

/// A task, and the parts of it that are the same for all contenders.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) task: Task,
}

impl Load {
    fn blocks(&self) -> u64 {
        self.task.place.len / self.task.block as u64
    }

    /// The offset that operation `number` reads at.
    pub(crate) fn offset(&self, number: u64) -> u64 {
        let block = match self.task.pattern {
            Pattern::Random => scramble(number) % self.blocks(),
            Pattern::Sequential => number % self.blocks(),
        };
        block * self.task.block as u64
    }

    /// The contender takes this stamp when the user hands the request over.
    pub(crate) fn stamp(&self, number: u64) -> Stamp {
        if number.is_multiple_of(self.task.stride) { Stamp(now()) } else { Stamp(0) }
    }

    fn is_slow(&self, number: u64) -> bool {
        self.task.work == Work::Mix && number % 100 == 37
    }

    /// The callback of all contenders. `data` holds the bytes that were read.
    pub(crate) fn callback(&self, number: u64, stamp: Stamp, data: &[u8]) {
        let waited = (stamp.0 != 0).then(|| now() - stamp.0);
        let word = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let (first, last) = (word(data.first_chunk()), word(data.last_chunk()));
        let digest = digest(self.offset(number), data.len(), first, last);
        tally::add(digest, waited.filter(|_| !self.is_slow(number)));
        match self.task.work {
            Work::Mix if self.is_slow(number) => thread::sleep(MIX_SLOW),
            Work::Mix => self.compute_for(MIX_QUICK),
            Work::Compute(microseconds) => self.compute_for(microseconds),
        }
    }

    fn compute_for(&self, microseconds: u64) {
        compute((self.task.turns * microseconds as f64) as u64);
    }

    /// The checksum that a run has to arrive at. It is computed from the bytes that were written
    /// into the file, not by reading it.
    pub(crate) fn expected(&self) -> u64 {
        let one = |number| {
            let (offset, block) = (self.offset(number), self.task.block);
            match self.task.place.device {
                Device::Null | Device::None => digest(offset, 0, 0, 0),
                Device::Loop | Device::Disk => {
                    let last = word_at(offset + block as u64 - 8);
                    digest(offset, block, word_at(offset), last)
                }
            }
        };
        (0..self.task.operations).map(one).fold(0, u64::wrapping_add)
    }

    /// `O_DIRECT`, except for the null device, which has nothing to read directly.
    pub(crate) fn open_flags(&self) -> i32 {
        if self.task.place.device == Device::Null { 0 } else { libc::O_DIRECT }
    }

    pub(crate) fn open(&self) -> io::Result<fs::File> {
        fs::OpenOptions::new()
            .read(true)
            .custom_flags(self.open_flags())
            .open(&self.task.place.path)
    }
}

/// The numbers of operations that are still to be started. Any thread may take one.
#[derive(Debug)]
pub(crate) struct Numbers {
    next: AtomicU64,
    end: u64,
}

impl Numbers {
    pub(crate) fn new(range: Range<u64>) -> Self {
        Self { next: AtomicU64::new(range.start), end: range.end }
    }

    pub(crate) fn take(&self) -> Option<u64> {
        // Relaxed: a number tells nothing about other memory.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.end).then_some(number)
    }
}
