//! Files with zero bytes, which are no text.

use std::ops::ControlFlow;

use memchr::{memchr, memchr2, memrchr2};

/// What becomes of files that are no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryFiles {
    /// One with a match is named.
    Named,
    /// They are searched as if they were text.
    Text,
    /// They match nothing.
    Skipped,
}

/// A zero byte among so many of the first decides about the whole file. As many as grep reads
/// first.
pub(crate) const HEAD: u64 = 96 << 10;

/// How many bytes are copied at a time.
const PIECE: usize = 64 << 10;

/// Gives `search` the lines of a text in which zero bytes end lines, too, as grep sees such a text.
/// The pieces that it gets have newlines there.
pub(crate) fn in_pieces(
    mut lines: &[u8],
    mut search: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut copy = Vec::new();
    loop {
        let end = end_of_piece(lines);
        let piece = &lines[..end];
        if memchr(0, piece).is_some() {
            copy.clear();
            copy.extend(piece.iter().map(|&byte| if byte == 0 { b'\n' } else { byte }));
            search(&copy)?;
        } else {
            search(piece)?;
        }
        match lines.get(end + 1..) {
            Some(rest) => lines = rest,
            None => return ControlFlow::Continue(()),
        }
    }
}

/// The end of a line: of the last that fits into a piece. A longer piece is one line without zeros.
fn end_of_piece(lines: &[u8]) -> usize {
    if lines.len() <= PIECE {
        return lines.len();
    }
    let (piece, rest) = lines.split_at(PIECE);
    let last = memrchr2(b'\n', 0, piece);
    last.unwrap_or_else(|| PIECE + memchr2(b'\n', 0, rest).unwrap_or(rest.len()))
}
