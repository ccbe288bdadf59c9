//! The memory of a read history: data that was read past the page cache, and is let in if it is
//! read again within a while. It is a pure state, and asks no system.
//!
//! A direct read leaves the page cache as it was, which is right for data that is read once. Of
//! data that is read again, each further read would wait for the device. So what was read directly
//! is remembered, as the list of evicted pages is in 2Q (Johnson and Shasha, VLDB 1994): a first
//! read is a scan, a second one is use. What is remembered is bounded, and the oldest is forgotten.
//! Data that is read in turns and would not fit is forgotten before its turn comes, and so does not
//! drive other data out of the page cache.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use crate::file::metadata::FileId;

/// Reads are remembered by blocks of this size, and blocks by segments of 64.
const BLOCK: u64 = 4 << 10;
const SEGMENT: u64 = 64 * BLOCK;

/// Longer reads are not remembered.
const LONGEST: u64 = 1 << 30;

/// No more segments and files than this are remembered: 64 GiB if all of each segment was read.
const PIECES: usize = 1 << 18;

/// Whether data was read before, as far as is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is remembered from now on.
    First,
    /// It is forgotten, as it will be in the page cache; but not the blocks that it has in part.
    Again,
}

/// A segment of a file by its number, or a file as a whole.
type Key = (FileId, Option<u64>);

pub(crate) struct Remembered {
    pieces: HashMap<Key, Piece>,
    /// All pieces, in the order in which they were first read, and some that are forgotten.
    order: VecDeque<(Key, u64)>,
    /// The number of the next piece.
    next: u64,
    /// How many blocks are remembered, and how many may be.
    blocks: u64,
    most: u64,
}

struct Piece {
    blocks: Blocks,
    number: u64,
}

/// The blocks of a piece that are remembered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blocks {
    /// Of a segment, a bit for each.
    Some(u64),
    /// Of a file, all; this is how many.
    All(u64),
}

impl Blocks {
    const NONE: Self = Self::Some(0);

    fn count(self) -> u64 {
        match self {
            Self::Some(bits) => bits.count_ones().into(),
            Self::All(count) => count,
        }
    }

    /// Which of these are left without those.
    fn without(self, others: Self) -> Self {
        match (self, others) {
            (Self::Some(bits), Self::Some(others)) => Self::Some(bits & !others),
            _ => Self::NONE,
        }
    }

    fn with(self, others: Self) -> Self {
        match (self, others) {
            (Self::Some(bits), Self::Some(others)) => Self::Some(bits | others),
            _ => others,
        }
    }
}

impl Remembered {
    /// Remembers so many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let (pieces, order) = (HashMap::new(), VecDeque::new());
        Self { pieces, order, next: 0, blocks: 0, most: bytes / BLOCK }
    }

    /// How many bytes are remembered, and how many may be.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.blocks * BLOCK, self.most.saturating_mul(BLOCK))
    }

    /// Takes note of a read of this range.
    pub(crate) fn touch(&mut self, file: FileId, range: Range<u64>) -> Seen {
        // What is longer than all that is remembered would drive itself out.
        let longest = LONGEST.min(self.bytes().1);
        // No file has an offset beyond this.
        let is_odd = range.is_empty() || range.end > i64::MAX as u64;
        if is_odd || range.end - range.start > longest {
            return Seen::First;
        }
        let segments = || range.start / SEGMENT..range.end.div_ceil(SEGMENT);
        let key = |number| (file, Some(number));
        let is_known = |number| {
            let wanted = Blocks::Some(blocks_of(number, &range));
            self.pieces
                .get(&key(number))
                .is_some_and(|piece| piece.blocks.with(wanted) == piece.blocks)
        };
        if segments().all(is_known) {
            // Not those at its ends: the next read may begin in the same block.
            let within = range.start.div_ceil(BLOCK) * BLOCK..range.end / BLOCK * BLOCK;
            for number in segments() {
                self.forget(key(number), Blocks::Some(blocks_of(number, &within)));
            }
            return Seen::Again;
        }
        for number in segments() {
            self.remember(key(number), Blocks::Some(blocks_of(number, &range)));
        }
        Seen::First
    }

    /// Whether a file of this size was read whole; if so, it is forgotten.
    pub(crate) fn forget_whole(&mut self, file: FileId, size: u64) -> bool {
        let (key, all) = ((file, None), Blocks::All(size.div_ceil(BLOCK)));
        let is_known = self.pieces.get(&key).is_some_and(|piece| piece.blocks == all);
        self.forget(key, all);
        is_known
    }

    /// A file of this size was read whole.
    pub(crate) fn remember_whole(&mut self, file: FileId, size: u64) {
        let blocks = size.div_ceil(BLOCK);
        // One that is more than all that is remembered would drive out everything else.
        if (1..=self.most).contains(&blocks) {
            self.remember((file, None), Blocks::All(blocks));
        }
    }

    fn remember(&mut self, key: Key, blocks: Blocks) {
        let piece = match self.pieces.entry(key) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.next += 1;
                self.order.push_back((key, self.next));
                entry.insert(Piece { blocks: Blocks::NONE, number: self.next })
            }
        };
        self.blocks -= piece.blocks.count();
        piece.blocks = piece.blocks.with(blocks);
        self.blocks += piece.blocks.count();
        while self.blocks > self.most || self.pieces.len() > PIECES {
            self.forget_oldest();
        }
    }

    fn forget(&mut self, key: Key, blocks: Blocks) {
        let Entry::Occupied(mut entry) = self.pieces.entry(key) else { return };
        let rest = entry.get().blocks.without(blocks);
        self.blocks -= entry.get().blocks.count() - rest.count();
        entry.get_mut().blocks = rest;
        if rest == Blocks::NONE {
            entry.remove();
        }
        // The order has no more than the pieces that are remembered, and as many besides.
        if self.order.len() > 2 * self.pieces.len() + 16 {
            let pieces = &self.pieces;
            self.order.retain(|(key, number)| is_current(pieces, key, *number));
        }
    }

    fn forget_oldest(&mut self) {
        let Some((key, number)) = self.order.pop_front() else { return };
        if is_current(&self.pieces, &key, number) {
            self.forget(key, Blocks::Some(u64::MAX));
        }
    }
}

fn is_current(pieces: &HashMap<Key, Piece>, key: &Key, number: u64) -> bool {
    pieces.get(key).is_some_and(|piece| piece.number == number)
}

/// The blocks of a segment that have a part of this range.
fn blocks_of(number: u64, range: &Range<u64>) -> u64 {
    let start = number * SEGMENT;
    let first = range.start.saturating_sub(start) / BLOCK;
    let end = range.end.saturating_sub(start).min(SEGMENT).div_ceil(BLOCK);
    let below = |bit: u64| if bit >= 64 { u64::MAX } else { (1 << bit) - 1 };
    if first < end { below(end) & !below(first) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, LONGEST, Remembered, SEGMENT, Seen, blocks_of};

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
            let segments = remembered.pieces.len();
            assert!(segments as u64 <= 10 * MIB / BLOCK);
            assert!(remembered.order.len() <= 2 * segments + 17);
        }
        let counted = remembered.pieces.values().map(|piece| piece.blocks.count());
        assert_eq!(counted.sum::<u64>(), remembered.blocks);
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
    fn a_file_is_remembered_as_it_was_whatever_its_size() {
        let mut remembered = Remembered::new(8 << 30);
        for size in [1, BLOCK, 5 * LONGEST + 5] {
            assert!(!remembered.forget_whole(FILE, size));
            remembered.remember_whole(FILE, size);
            assert_eq!(remembered.blocks, size.div_ceil(BLOCK));
            assert!(!remembered.forget_whole((1, 3), size));
            assert!(remembered.forget_whole(FILE, size));
            assert!(!remembered.forget_whole(FILE, size), "it is cached now");
        }
        // It has grown.
        remembered.remember_whole(FILE, MIB);
        assert!(!remembered.forget_whole(FILE, 2 * MIB));
        remembered.remember_whole(FILE, 2 * MIB);
        assert!(remembered.forget_whole(FILE, 2 * MIB));
        assert_eq!((remembered.blocks, remembered.pieces.len()), (0, 0));
    }

    #[test]
    fn a_file_that_is_too_large_drives_nothing_out() {
        let mut remembered = Remembered::new(10 * MIB);
        assert_eq!(remembered.touch(FILE, 0..MIB), Seen::First);
        remembered.remember_whole((1, 3), 3 * MIB);
        for size in [0, 10 * MIB + 1, u64::MAX] {
            remembered.remember_whole((1, 4), size);
            assert!(!remembered.forget_whole((1, 4), size), "{size}");
        }
        assert!(remembered.forget_whole((1, 3), 3 * MIB));
        assert_eq!(remembered.touch(FILE, 0..MIB), Seen::Again);
        // The oldest goes first.
        remembered.remember_whole((1, 5), 6 * MIB);
        remembered.remember_whole((1, 6), 6 * MIB);
        assert!(!remembered.forget_whole((1, 5), 6 * MIB));
        assert!(remembered.forget_whole((1, 6), 6 * MIB));
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
