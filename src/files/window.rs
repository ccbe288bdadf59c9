//! Which parts of a file have been asked for, have come, and have been handed on: its reads, in
//! numbers.
//!
//! Reads are asked for from the front to the back, a window of them at a time, come in any order,
//! and are handed on from the front. A read asks for more than is left of the file, so that the one
//! that gets the last byte is short, which shows that nothing follows. If one is short elsewhere,
//! the file is not what it was: everything behind is dropped, and from there on one read is asked
//! for after the other.

use std::collections::BTreeMap;
use std::io;

use crate::files::builder::BLOCK;

/// A read: what was asked for. Those of an earlier epoch are of no use any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) epoch: u32,
    pub(crate) offset: u64,
    pub(crate) len: usize,
}

/// What has become of one.
#[derive(Debug)]
pub(crate) struct Arrival<B> {
    pub(crate) part: Part,
    /// How many bytes, and the buffer with them.
    pub(crate) result: io::Result<(usize, B)>,
}

/// What follows after a part was handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Others do.
    More,
    /// Nothing: this was the end of the file.
    End,
    /// The file is not what it was; what comes next has to be read anew.
    Anew,
}

#[derive(Debug)]
pub(crate) struct Window<B> {
    /// As it was when the file was opened.
    size: u64,
    /// How many bytes a read asks for.
    piece: usize,
    /// How many bytes may be asked for and not handed on.
    ahead: u64,
    /// Up to where has been asked for.
    asked: u64,
    /// Up to where has been handed on.
    passed: u64,
    epoch: u32,
    in_flight: usize,
    arrived: BTreeMap<u64, Arrival<B>>,
    /// The size says nothing any more.
    careful: bool,
}

impl<B> Window<B> {
    pub(crate) fn new(size: u64, piece: usize, ahead: usize) -> Self {
        Self {
            size,
            piece,
            ahead: ahead.max(piece) as u64,
            asked: 0,
            passed: 0,
            epoch: 0,
            in_flight: 0,
            arrived: BTreeMap::new(),
            careful: false,
        }
    }

    /// Up to where the file has been handed on.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The next read that may be asked for.
    pub(crate) fn next(&self) -> Option<Part> {
        if self.asked == self.passed {
            // Nothing is under way: whatever the size says, this shows what is there.
        } else if self.careful || self.asked > self.size || self.asked - self.passed >= self.ahead {
            return None;
        }
        let rest = self.size.saturating_sub(self.asked);
        let enough = (rest / BLOCK as u64 + 1) * BLOCK as u64;
        let beyond = self.careful || self.asked > self.size;
        let len = if beyond { self.piece } else { self.piece.min(clamped(enough)) };
        Some(Part { epoch: self.epoch, offset: self.asked, len })
    }

    /// A read was asked for: the one that `next` named.
    pub(crate) fn ask(&mut self, part: Part) {
        self.asked = part.offset + part.len as u64;
        self.in_flight += 1;
    }

    /// A read has come back. What is of no use comes back to be dropped.
    pub(crate) fn arrive(&mut self, arrival: Arrival<B>) -> Option<Arrival<B>> {
        self.in_flight -= 1;
        if arrival.part.epoch == self.epoch {
            self.arrived.insert(arrival.part.offset, arrival);
            return None;
        }
        Some(arrival)
    }

    /// The part that is to be handed on next, if it has come.
    pub(crate) fn take(&mut self) -> Option<Arrival<B>> {
        self.arrived.remove(&self.passed)
    }

    pub(crate) fn has_next(&self) -> bool {
        self.arrived.contains_key(&self.passed)
    }

    /// Whether nothing follows a part of so many bytes, as far as that is known.
    pub(crate) fn is_last(&self, part: Part, count: usize) -> bool {
        let end = part.offset + count as u64;
        // Behind the size, what a read sees is the end of a file that grows. Of one that doesn't tell
        // its size, a short read says nothing.
        count < part.len && (end == self.size || self.size > 0 && end > self.size)
    }

    /// So many bytes of the part taken last have been handed on.
    pub(crate) fn pass(&mut self, part: Part, count: usize) -> Next {
        let last = self.is_last(part, count);
        self.passed = part.offset + count as u64;
        if count == 0 || last {
            Next::End
        } else if count < part.len {
            Next::Anew
        } else {
            // Beyond its size: it has grown.
            self.careful |= self.passed > self.size;
            Next::More
        }
    }

    /// Drops what was read ahead, and has everything behind what was handed on read anew. Gives back
    /// what came.
    pub(crate) fn restart(&mut self) -> BTreeMap<u64, Arrival<B>> {
        self.epoch += 1;
        self.asked = self.passed;
        self.careful = true;
        std::mem::take(&mut self.arrived)
    }

    /// Nothing more is wanted. Gives back what came.
    pub(crate) fn close(&mut self) -> BTreeMap<u64, Arrival<B>> {
        self.epoch += 1;
        std::mem::take(&mut self.arrived)
    }
}

fn clamped(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Arrival, BLOCK, Next, Part, Window};

    const PIECE: usize = 4 * BLOCK;

    /// Asks for all that may be asked for.
    fn ask_all(window: &mut Window<()>) -> Vec<Part> {
        std::iter::from_fn(|| window.next().inspect(|&part| window.ask(part))).collect()
    }

    fn lens(parts: &[Part]) -> Vec<(u64, usize)> {
        parts.iter().map(|part| (part.offset, part.len)).collect()
    }

    /// Reads a file of `actual` bytes that said that it had `size`, and returns what was handed on,
    /// in reads that come back last first.
    fn read_through(size: u64, actual: u64, ahead: usize) -> (u64, usize) {
        let mut window = Window::new(size, PIECE, ahead);
        let (mut pending, mut reads) = (Vec::new(), 0);
        loop {
            pending.extend(ask_all(&mut window));
            let part: Part = pending.pop().expect("something is under way");
            reads += 1;
            let count = actual.saturating_sub(part.offset).min(part.len as u64) as usize;
            window.arrive(Arrival { part, result: Ok((count, ())) });
            while let Some(Arrival { part, result }) = window.take() {
                assert_eq!(part.offset, window.passed(), "in order");
                match window.pass(part, result.unwrap().0) {
                    Next::More => {}
                    Next::End => return (window.passed(), reads),
                    Next::Anew => drop(window.restart()),
                }
            }
        }
    }

    #[test]
    fn a_read_sees_the_end_of_a_small_file() {
        for size in [0, 1, 4095, 4096, 4097, PIECE as u64 - 1] {
            assert_eq!(read_through(size, size, PIECE), (size, 1), "{size}");
        }
        let size = PIECE as u64;
        assert_eq!(
            read_through(size, size, PIECE),
            (size, 2),
            "one that fills a piece needs another"
        );
    }

    #[test]
    fn all_is_handed_on_whatever_the_size_said() {
        let piece = PIECE as u64;
        let sizes = [0, 1, 4096, piece - 1, piece, piece + 1, 3 * piece, 10 * piece + 77];
        for said in sizes {
            for actual in sizes {
                for ahead in [0, PIECE, 3 * PIECE, 100 * PIECE] {
                    let (passed, _) = read_through(said, actual, ahead);
                    // One that has grown to more than was asked for is read on to its new end; one
                    // whose size is what it said ends there.
                    assert_eq!(passed, actual, "said {said}, ahead {ahead}");
                }
            }
        }
    }

    #[test]
    fn no_more_is_asked_for_than_the_window_takes() {
        let mut window = Window::new(100 * PIECE as u64, PIECE, 3 * PIECE);
        let piece = PIECE as u64;
        assert_eq!(lens(&ask_all(&mut window)), [(0, PIECE), (piece, PIECE), (2 * piece, PIECE)]);
        let first = Part { epoch: 0, offset: 0, len: PIECE };
        window.arrive(Arrival { part: first, result: Ok((PIECE, ())) });
        assert!(window.next().is_none(), "it has come, and is not handed on yet");
        let taken = window.take().unwrap();
        assert!(window.next().is_none(), "being handed on");
        assert_eq!(window.pass(taken.part, PIECE), Next::More);
        assert_eq!(lens(&ask_all(&mut window)), [(3 * piece, PIECE)]);
    }

    #[test]
    fn what_was_asked_before_a_restart_is_of_no_use() {
        let mut window = Window::new(10 * PIECE as u64, PIECE, 2 * PIECE);
        let asked = ask_all(&mut window);
        window.arrive(Arrival { part: asked[0], result: Ok((BLOCK, ())) });
        let taken = window.take().unwrap();
        assert_eq!(window.pass(taken.part, BLOCK), Next::Anew);
        assert!(window.restart().is_empty());
        assert!(window.arrive(Arrival { part: asked[1], result: Ok((PIECE, ())) }).is_some());
        assert_eq!(lens(&ask_all(&mut window)), [(BLOCK as u64, PIECE)], "one after the other");
    }
}
