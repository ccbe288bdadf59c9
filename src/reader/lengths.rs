//! How much a reader reads at a time, and how far ahead. It begins small, for those who want a few
//! bytes here and there, and grows with those who read on.

use crate::streams::sizes::Sizes;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    sizes: Sizes,
    /// Of a read, in bytes.
    len: usize,
    /// How many reads are under way at a time.
    reads: usize,
    most_reads: usize,
}

impl Lengths {
    /// For so many bytes that are read ahead.
    pub(crate) fn new(sizes: Sizes, ahead: usize) -> Self {
        Self { sizes, len: sizes.first(), reads: 1, most_reads: sizes.chunks_in(ahead) }
    }

    /// The same for a file that is likely to be read from its beginning to its end: it does not
    /// begin small.
    pub(crate) fn of_whole(sizes: Sizes, ahead: usize, len: usize) -> Self {
        let most_reads = sizes.chunks_in(ahead);
        Self { sizes, len: len.min(sizes.chunk()), reads: most_reads, most_reads }
    }

    pub(crate) fn block(self) -> usize {
        self.sizes.block()
    }

    /// How many buffers there are at a time: with the one that the user has, and a longer one while
    /// reads grow.
    pub(crate) fn buffers(self) -> usize {
        self.most_reads.saturating_add(2)
    }

    /// How many bytes a read asks for, and how many are read ahead.
    pub(crate) fn now(self) -> (usize, usize) {
        (self.len, self.len * self.reads)
    }

    pub(crate) fn grow(&mut self) {
        self.len = (self.len * 2).min(self.sizes.chunk());
        self.reads = (self.reads * 2).min(self.most_reads);
    }

    pub(crate) fn begin_small(&mut self) {
        (self.len, self.reads) = (self.sizes.first(), 1);
    }
}

#[cfg(test)]
mod tests {
    use super::Lengths;
    use crate::streams::sizes::Sizes;

    #[test]
    fn they_begin_small_and_grow_up_to_the_chunk() {
        let mut lengths = Lengths::new(Sizes::before(1 << 20).unwrap(), 4 << 20);
        assert_eq!((lengths.sizes.chunk(), lengths.buffers()), (1 << 20, 6));
        for (len, reads) in [(64, 1), (128, 2), (256, 4), (512, 4), (1024, 4), (1024, 4_usize)] {
            assert_eq!(lengths.now(), (len << 10, (len << 10) * reads));
            lengths.grow();
        }
        lengths.begin_small();
        assert_eq!(lengths.now(), (64 << 10, 64 << 10));
    }

    #[test]
    fn they_are_multiples_of_the_block_and_no_longer_than_the_chunk() {
        for (block, chunk, ahead, now) in [
            (4096, 1, 0, (4096, 4096)),
            (4096, 5000, 1 << 20, (8192, 2 * 8192)),
            (1 << 20, 4096, 4096, (1 << 20, 1 << 20)),
        ] {
            let mut lengths = Lengths::new(Sizes::checked(block, chunk).unwrap(), ahead);
            lengths.grow();
            assert_eq!(lengths.now(), now);
        }
    }
}
