//! How much a writer writes at a time.

/// How much is written at a time, and how many writes are under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    block: usize,
    chunk: usize,
    under_way: usize,
}

impl Lengths {
    /// Writes are multiples of this, or of the file's alignment if that is larger.
    pub(crate) const BLOCK: usize = 4096;
    /// Of the first buffer: many files are small.
    const FIRST: usize = 64 << 10;

    pub(crate) fn new(block: usize, chunk: usize, behind: usize) -> Self {
        let chunk = chunk.next_multiple_of(block);
        Self { block, chunk, under_way: (behind / chunk).max(1) }
    }

    pub(crate) fn block(self) -> usize {
        self.block
    }

    pub(crate) fn first(self) -> usize {
        Self::FIRST.next_multiple_of(self.block).min(self.chunk)
    }

    pub(crate) fn chunk(self) -> usize {
        self.chunk
    }

    /// How many writes may be under way.
    pub(crate) fn under_way(self) -> usize {
        self.under_way
    }
}

#[cfg(test)]
mod tests {
    use super::Lengths;

    #[test]
    fn all_are_multiples_of_the_block_and_one_write_is_under_way_at_least() {
        for (block, chunk, behind, expected) in [
            (4096, 1 << 20, 4 << 20, (64 << 10, 1 << 20, 4)),
            (4096, 1, 0, (4096, 4096, 1)),
            (4096, 100_000, 250_000, (64 << 10, 102_400, 2)),
            (1 << 20, 1, 1, (1 << 20, 1 << 20, 1)),
        ] {
            let lengths = Lengths::new(block, chunk, behind);
            assert_eq!((lengths.first(), lengths.chunk(), lengths.under_way()), expected);
        }
    }
}
