//! What was read past the page cache: if it is read again within a while, it is let in.
//!
//! A direct read leaves the page cache as it was, which is right for data that is read once. Of
//! data that is read again, each further read would wait for the device. So what was read directly
//! is remembered, as the list of evicted pages is in 2Q (Johnson and Shasha, VLDB 1994): a first
//! read is a scan, a second one is use. What is remembered is bounded, and the oldest is forgotten.
//! Data that is read in turns and would not fit is forgotten before its turn comes, and so does not
//! drive other data out of the page cache.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::ops::Range;

use crate::sync::{Arc, Mutex, lock};
use crate::sys::fork::ForkMark;

/// Reads are remembered by blocks of this size, and blocks by segments of 64.
const BLOCK: u64 = 4 << 10;
const SEGMENT: u64 = 64 * BLOCK;

/// Longer reads are not remembered.
const LONGEST: u64 = 1 << 30;

/// No more segments than this are remembered: 64 GiB if all of each was read.
const SEGMENTS: usize = 1 << 18;

/// Whether data was read before, as far as is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is remembered from now on.
    First,
    /// It is forgotten, as it will be in the page cache; but not the blocks that it has in part.
    Again,
}

/// Which file: its device, and its number there.
pub(crate) type FileId = (u64, u64);

/// A segment of a file.
type Key = (FileId, u64);

struct Remembered {
    segments: HashMap<Key, Segment>,
    /// All segments, in the order in which they were first read, and some that are forgotten.
    order: VecDeque<(Key, u64)>,
    /// The number of the next segment.
    next: u64,
    /// How many blocks are remembered, and how many may be.
    blocks: u64,
    most: u64,
}

struct Segment {
    /// A bit for each of its blocks.
    blocks: u64,
    number: u64,
}

impl Remembered {
    fn new(bytes: u64) -> Self {
        let (segments, order) = (HashMap::new(), VecDeque::new());
        Self { segments, order, next: 0, blocks: 0, most: bytes / BLOCK }
    }

    /// Takes note of a read of this range.
    fn touch(&mut self, file: FileId, range: Range<u64>) -> Seen {
        // What is longer than all that is remembered would drive itself out.
        let longest = LONGEST.min(self.most.saturating_mul(BLOCK));
        // No file has an offset beyond this.
        let is_odd = range.is_empty() || range.end > i64::MAX as u64;
        if is_odd || range.end - range.start > longest {
            return Seen::First;
        }
        let segments = || range.start / SEGMENT..range.end.div_ceil(SEGMENT);
        let is_known = |number| {
            let known = self.segments.get(&(file, number)).map_or(0, |segment| segment.blocks);
            let wanted = blocks_of(number, &range);
            known & wanted == wanted
        };
        if segments().all(is_known) {
            // Not those at its ends: the next read may begin in the same block.
            let within = range.start.div_ceil(BLOCK) * BLOCK..range.end / BLOCK * BLOCK;
            segments().for_each(|number| self.forget((file, number), blocks_of(number, &within)));
            return Seen::Again;
        }
        segments().for_each(|number| self.remember((file, number), blocks_of(number, &range)));
        Seen::First
    }

    fn remember(&mut self, key: Key, blocks: u64) {
        let segment = match self.segments.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.next += 1;
                self.order.push_back((key, self.next));
                entry.insert(Segment { blocks: 0, number: self.next })
            }
        };
        self.blocks += u64::from((blocks & !segment.blocks).count_ones());
        segment.blocks |= blocks;
        while self.blocks > self.most || self.segments.len() > SEGMENTS {
            self.forget_oldest();
        }
    }

    fn forget(&mut self, key: Key, blocks: u64) {
        let Entry::Occupied(mut entry) = self.segments.entry(key) else { return };
        self.blocks -= u64::from((blocks & entry.get().blocks).count_ones());
        entry.get_mut().blocks &= !blocks;
        if entry.get().blocks == 0 {
            entry.remove();
        }
        // The order has no more than the segments that are remembered, and as many besides.
        if self.order.len() > 2 * self.segments.len() + 16 {
            let segments = &self.segments;
            self.order.retain(|(key, number)| is_current(segments, key, *number));
        }
    }

    fn forget_oldest(&mut self) {
        let Some((key, number)) = self.order.pop_front() else { return };
        if is_current(&self.segments, &key, number) {
            self.forget(key, u64::MAX);
        }
    }
}

fn is_current(segments: &HashMap<Key, Segment>, key: &Key, number: u64) -> bool {
    segments.get(key).is_some_and(|segment| segment.number == number)
}

/// The blocks of a segment that have a part of this range.
fn blocks_of(number: u64, range: &Range<u64>) -> u64 {
    let start = number * SEGMENT;
    let first = range.start.saturating_sub(start) / BLOCK;
    let end = range.end.saturating_sub(start).min(SEGMENT).div_ceil(BLOCK);
    let below = |bit: u64| if bit >= 64 { u64::MAX } else { (1 << bit) - 1 };
    if first < end { below(end) & !below(first) } else { 0 }
}

/// Remembers what was read past the page cache, so that data which is read again is let into it.
///
/// A read by an [automatic](crate::FileHandle::open_automatic) handle leaves the page cache as it
/// was. A handle that is opened here does so the first time. If the same data is read again, and is
/// still remembered, it is read through the page cache, and from then on is cached like any other.
/// [`FilesBuilder::history`](crate::FilesBuilder::history) has it for whole files. Handles and runs
/// may share one.
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
    /// Remembers so many bytes of data, in blocks of 4 KiB; the oldest are forgotten. Smaller reads
    /// in one block count as the same data.
    ///
    /// It should be about as much as the page cache has room for. Data that is read in turns and
    /// is more than this stays out of the page cache. Reads of more than 1 GiB are not remembered;
    /// a file that [`Files`](crate::Files) reads is, whatever its size.
    /// For each 256 KiB of which something is remembered it takes about 200 bytes of memory, up to
    /// some 50 MB.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let remembered = Mutex::new(Remembered::new(bytes));
        let fork_mark = ForkMark::of_this_process();
        Self { shared: Arc::new(HistoryShared { fork_mark, remembered }) }
    }

    /// Takes note of a read of a whole file of `size` bytes: whether all of it was read before.
    pub(crate) fn touch_whole(&self, file: FileId, size: u64) -> Seen {
        let starts = (0..size).step_by(LONGEST as usize);
        let seen = starts.map(|start| self.touch(file, start..size.min(start + LONGEST)));
        // Each piece is touched, whatever was seen of those before.
        let again = seen.fold(size > 0, |again, seen| again & (seen == Seen::Again));
        if again { Seen::Again } else { Seen::First }
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
        let (bytes, most) = (remembered.blocks * BLOCK, remembered.most.saturating_mul(BLOCK));
        f.debug_struct("ReadHistory").field("bytes", &bytes).field("most", &most).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, LONGEST, ReadHistory, Remembered, SEGMENT, Seen, blocks_of};

    const FILE: (u64, u64) = (1, 2);
    const MIB: u64 = 1 << 20;

    /// How many bytes of a scan in pieces go through the page cache.
    fn scan(remembered: &mut Remembered, file: u64, bytes: u64, piece: u64) -> u64 {
        let pieces = (0..bytes / piece).map(|number| number * piece..(number + 1) * piece);
        let again = |range: &std::ops::Range<u64>| {
            remembered.touch((1, file), range.clone()) == Seen::Again
        };
        pieces.filter(again).map(|range| range.end - range.start).sum()
    }

    #[test]
    fn a_scan_is_one_whatever_its_pieces_are() {
        for piece in [
            BLOCK,
            BLOCK + 1000,
            16 << 10,
            60_000,
            64 << 10,
            100_000,
            MIB,
            3 * MIB + 512,
            SEGMENT,
            3 * SEGMENT + 1,
        ] {
            let mut remembered = Remembered::new(1 << 30);
            let bytes = 100 * MIB / piece * piece;
            assert_eq!(scan(&mut remembered, 7, bytes, piece), 0, "pieces of {piece}");
            assert_eq!(scan(&mut remembered, 7, bytes, piece), bytes, "pieces of {piece}");
        }
    }

    #[test]
    fn the_same_query_three_times_is_direct_then_let_in() {
        let mut remembered = Remembered::new(100 * MIB);
        let rounds: Vec<_> = (0..3).map(|_| scan(&mut remembered, 7, 64 * MIB, MIB)).collect();
        // In the third round the page cache has it, or has lost it: then it is a first read again.
        assert_eq!(rounds, [0, 64 * MIB, 0]);
    }

    #[test]
    fn queries_in_turns_that_do_not_fit_stay_out_of_the_page_cache() {
        let mut remembered = Remembered::new(100 * MIB);
        for round in 0..4 {
            for file in [7, 8] {
                assert_eq!(scan(&mut remembered, file, 64 * MIB, MIB), 0, "round {round}");
            }
        }
    }

    #[test]
    fn a_scan_beside_a_hot_set_lets_in_the_hot_set_alone() {
        let mut remembered = Remembered::new(64 * MIB);
        let (mut hot, mut scanned) = (0, 0);
        for round in 0..100 {
            // It is in the page cache after its second read, and asks no more.
            if round < 2 {
                hot += scan(&mut remembered, 7, 8 * MIB, MIB);
            }
            let piece = round * 4 * MIB..(round + 1) * 4 * MIB;
            scanned += u64::from(remembered.touch((1, 9), piece) == Seen::Again);
        }
        assert_eq!((hot, scanned), (8 * MIB, 0));
    }

    #[test]
    fn no_more_is_remembered_than_allowed() {
        let mut remembered = Remembered::new(10 * MIB);
        for file in 0..10_000 {
            remembered.touch((1, file), file * MIB..file * MIB + 1);
            remembered.touch((1, file), file * MIB..file * MIB + 1 + file % 2 * BLOCK);
            assert!(remembered.blocks * BLOCK <= 10 * MIB);
            let segments = remembered.segments.len();
            assert!(segments as u64 <= 10 * MIB / BLOCK);
            assert!(remembered.order.len() <= 2 * segments + 17);
        }
        let counted = remembered.segments.values().map(|segment| segment.blocks.count_ones());
        assert_eq!(u64::from(counted.sum::<u32>()), remembered.blocks);
        assert_eq!(Remembered::new(0).touch(FILE, 0..1), Seen::First);
        let mut odd = Remembered::new(u64::MAX);
        for range in [0..u64::MAX, u64::MAX - 4096..u64::MAX, 5..LONGEST + 6] {
            for _ in 0..2 {
                assert_eq!(odd.touch(FILE, range.clone()), Seen::First);
            }
        }
        assert_eq!(odd.blocks, 0);
    }

    #[test]
    fn a_large_file_is_remembered_in_pieces() {
        let history = ReadHistory::new(8 << 30);
        for (size, expected) in [
            (3 * LONGEST + 5, Seen::First),
            (3 * LONGEST + 5, Seen::Again),
            (4 * LONGEST, Seen::First),
            (0, Seen::First),
            (0, Seen::First),
        ] {
            assert_eq!(history.touch_whole(FILE, size), expected, "{size}");
        }
    }

    #[test]
    fn files_and_places_are_told_apart() {
        let mut remembered = Remembered::new(10 * MIB);
        assert_eq!(remembered.touch(FILE, 0..100), Seen::First);
        assert_eq!(remembered.touch((1, 3), 0..100), Seen::First);
        assert_eq!(remembered.touch((2, 2), 0..100), Seen::First);
        assert_eq!(remembered.touch(FILE, BLOCK..BLOCK + 100), Seen::First);
        assert_eq!(remembered.touch(FILE, 0..BLOCK + 1), Seen::Again, "both blocks were read");
        assert_eq!(remembered.touch(FILE, 0..100), Seen::First, "they are cached now");
        assert_eq!(remembered.touch(FILE, 5..5), Seen::First);
        assert_eq!(remembered.touch(FILE, 5..5), Seen::First, "nothing is not read again");
    }

    #[test]
    fn blocks_of_a_segment() {
        assert_eq!(blocks_of(0, &(0..1)), 1);
        assert_eq!(blocks_of(0, &(BLOCK - 1..BLOCK + 1)), 3);
        assert_eq!(blocks_of(0, &(0..SEGMENT)), u64::MAX);
        assert_eq!(blocks_of(1, &(0..SEGMENT + 1)), 1);
        assert_eq!(blocks_of(1, &(SEGMENT + BLOCK..9 * SEGMENT)), !1);
        assert_eq!(blocks_of(2, &(0..u64::MAX)), u64::MAX);
    }
}
