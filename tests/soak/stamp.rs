//! What a block holds: which one it is, of which file, and how often it has been written.

use std::fmt;

use crate::dice::mix;

pub(crate) const BLOCK: usize = 4096;

const MAGIC: u64 = u64::from_le_bytes(*b"reapool\n");
const WORD: usize = size_of::<u64>();

/// Names one state of one block. All bytes of the block follow from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) file: u64,
    pub(crate) block: u64,
    pub(crate) generation: u64,
}

impl Stamp {
    /// The whole block.
    pub(crate) fn image(self) -> [u8; BLOCK] {
        let mut image = [0; BLOCK];
        self.fill(&mut image);
        image
    }

    /// The first bytes of the block: as many as there is room for.
    pub(crate) fn fill(self, room: &mut [u8]) {
        let salt = mix(self.file ^ mix(self.block ^ mix(self.generation)));
        for (index, word) in room.chunks_mut(WORD).enumerate() {
            let value = match index {
                0 => MAGIC,
                1 => self.file,
                2 => self.block,
                3 => self.generation,
                // One multiplication: it is made and compared hundreds of thousands of times a
                // second.
                _ => (salt + index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt,
            };
            word.copy_from_slice(&value.to_le_bytes()[..word.len()]);
        }
    }

    /// Whose block this is, if it says so.
    pub(crate) fn of(block: &[u8]) -> Option<Self> {
        let word = |index: usize| {
            let bytes = block.get(index * WORD..(index + 1) * WORD)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        (word(0)? == MAGIC).then_some(())?;
        Some(Self { file: word(1)?, block: word(2)?, generation: word(3)? })
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, block, generation } = self;
        write!(f, "file {file}, block {block}, generation {generation}")
    }
}
