//! The alignment that direct I/O needs.

use std::ops::Range;

/// The alignment that transfers of a file need, in bytes. It is 1 for files that go through the
/// page cache, as these need none.
///
/// # Examples
///
/// ```
/// use reapool::{AlignedBuf, FileHandle};
///
/// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
/// let alignment = file.alignment();
/// let buffer = AlignedBuf::with_alignment(1 << 16, alignment.memory);
/// assert_eq!(buffer.len() as u64 % alignment.offset, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Alignment {
    /// A buffer's address must be a multiple of this.
    pub memory: usize,
    /// Offset and length of a transfer must be multiples of this.
    pub offset: u64,
}

impl Alignment {
    /// The alignment of files that go through the page cache.
    pub(crate) const NONE: Self = Self { memory: 1, offset: 1 };

    /// Enough for every block size that Linux supports for direct I/O on 4 KiB pages.
    pub(crate) const SAFE: Self = Self { memory: 4096, offset: 4096 };

    /// The aligned range that must be read to get `len` bytes from `offset` on.
    pub(crate) fn span(self, offset: u64, len: usize) -> Range<u64> {
        let unit = self.offset.max(1);
        let start = offset - offset % unit;
        let end = offset.saturating_add(len as u64).checked_next_multiple_of(unit);
        // No bytes need no read. A range that ends beyond all files can't be read whole anyway.
        start..if len == 0 { start } else { end.unwrap_or(u64::MAX) }
    }

    /// Whether a transfer has this alignment: its offset, and its buffer's address and length.
    pub(crate) fn holds(self, offset: u64, address: u64, length: u64) -> bool {
        let is_multiple = |value: u64| value.is_multiple_of(self.offset.max(1));
        is_multiple(offset)
            && is_multiple(length)
            && address.is_multiple_of(self.memory.max(1) as u64)
    }

    /// Moved on by multiples of so many bytes, a transfer keeps both buffer and offset aligned.
    /// This is the least common multiple.
    pub(crate) fn step(self) -> usize {
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let (mut divisor, mut rest) = (self.memory.max(1), offset.max(1));
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        (self.memory.max(1) / divisor).saturating_mul(offset.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::Alignment;

    #[test]
    fn a_span_is_aligned_and_no_larger_than_it_has_to_be() {
        let alignment = Alignment { memory: 4, offset: 512 };
        for (offset, len, span) in [
            (0, 512, 0..512),
            (1, 511, 0..512),
            (1, 512, 0..1024),
            (511, 1, 0..512),
            (512, 1, 512..1024),
            (700, 0, 512..512),
            (u64::MAX, 1, u64::MAX - 511..u64::MAX),
        ] {
            assert_eq!(alignment.span(offset, len), span, "{offset} {len}");
        }
        assert_eq!(Alignment::NONE.span(700, 100), 700..800);
    }

    #[test]
    fn a_step_is_a_multiple_of_both() {
        for (memory, offset, step) in [
            (1, 1, 1),
            (512, 512, 512),
            (4, 512, 512),
            (4096, 512, 4096),
            (512, 12288, 12288),
            (8, 12, 24),
        ] {
            assert_eq!(Alignment { memory, offset }.step(), step);
        }
    }
}
