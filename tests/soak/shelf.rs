//! Files whose every block is known: who reads or writes it now, and what it holds.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};

use reapool::{AlignedBuf, FileHandle};

use crate::dice::Dice;
use crate::stamp::{BLOCK, Stamp};

/// One file or device.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) name: &'static str,
    number: u64,
    file: FileHandle,
    /// Whether operations on it may fail.
    pub(crate) is_faulty: bool,
    /// Whether there may be zeros in the place of what was written.
    has_holes: bool,
    blocks: Mutex<Vec<Block>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Block {
    /// The generation that the last write was to bring.
    latest: u64,
    holds: Holds,
    readers: usize,
    is_written: bool,
}

/// What a block holds, in generations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Holds {
    /// What was written last.
    #[default]
    Latest,
    /// A write failed: each byte is of the latest or of this one.
    LatestOr(u64),
    /// Several writes failed, or the file was cut.
    Anything,
}

/// What a file's operations may meet with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Faults {
    None,
    Errors,
    /// Also short transfers, which the kernel takes for the end of the file. Where a direct read(2)
    /// falls short it reads the rest through the page cache (`generic_file_read_iter` in its
    /// `mm/filemap.c`), and fills up with zeros; and after a write behind that end that fails, it
    /// cuts the file off there (`fuse_do_truncate` in `fs/fuse/file.c`).
    Short,
    /// And the file ends elsewhere.
    Cuts,
}

/// What somebody wants with some blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Read,
    Write,
}

/// Some blocks of a shelf, while they are read or written. Nobody else writes them meanwhile.
/// Dropped by a write that has not said how it ended, it is not known what they hold.
#[derive(Debug)]
pub(crate) struct Span {
    shelf: Arc<Shelf>,
    blocks: Range<usize>,
    purpose: Purpose,
    /// Of a write: what the blocks hold now has been noted.
    is_settled: bool,
}

impl Shelf {
    /// Fills a file.
    pub(crate) fn fill(
        name: &'static str,
        number: u64,
        file: File,
        blocks: usize,
        faults: Faults,
    ) -> io::Result<Self> {
        const AT_ONCE: usize = 64;
        let mut buffer = AlignedBuf::zeroed(AT_ONCE * BLOCK);
        for first in (0..blocks).step_by(AT_ONCE) {
            let count = AT_ONCE.min(blocks - first);
            for (index, room) in buffer[..count * BLOCK].chunks_mut(BLOCK).enumerate() {
                Stamp { file: number, block: (first + index) as u64, generation: 0 }.fill(room);
            }
            file.write_all_at(&buffer[..count * BLOCK], (first * BLOCK) as u64)?;
        }
        let blocks = Mutex::new(vec![Block::default(); blocks]);
        let is_faulty = faults != Faults::None;
        let has_holes = matches!(faults, Faults::Short | Faults::Cuts);
        Ok(Self { name, number, file: file.into(), is_faulty, has_holes, blocks })
    }

    pub(crate) fn file(&self) -> &FileHandle {
        &self.file
    }

    /// Up to `most` blocks that nobody uses in a way that is in the way; `None` if there are none
    /// where the dice have it.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        dice: &mut Dice,
        purpose: Purpose,
        most: usize,
    ) -> Option<Span> {
        let mut blocks = self.blocks.lock().unwrap();
        let first = dice.below(blocks.len());
        let most = dice.between(1, most);
        let is_free = |block: &Block| match purpose {
            Purpose::Read => !block.is_written,
            Purpose::Write => !block.is_written && block.readers == 0,
        };
        let count = blocks[first..].iter().take(most).take_while(|block| is_free(block)).count();
        let span = first..first + count;
        for block in &mut blocks[span.clone()] {
            match purpose {
                Purpose::Read => block.readers += 1,
                Purpose::Write => {
                    block.is_written = true;
                    block.latest += 1;
                }
            }
        }
        (count > 0).then(|| Span {
            shelf: Arc::clone(self),
            blocks: span,
            purpose,
            is_settled: false,
        })
    }

    /// What this block holds, or will when it has been written.
    fn stamp(&self, block: usize, generation: u64) -> Stamp {
        Stamp { file: self.number, block: block as u64, generation }
    }
}

impl Span {
    pub(crate) fn shelf(&self) -> &Arc<Shelf> {
        &self.shelf
    }

    pub(crate) fn offset(&self) -> u64 {
        (self.blocks.start * BLOCK) as u64
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.len() * BLOCK
    }

    /// Puts in what is to be written from a block of the span on.
    pub(crate) fn fill(&self, room: &mut [u8], skip: usize) {
        let blocks = self.shelf.blocks.lock().unwrap();
        for (block, room) in self.blocks.clone().skip(skip).zip(room.chunks_mut(BLOCK)) {
            self.shelf.stamp(block, blocks[block].latest).fill(room);
        }
    }

    /// A write has ended: so many bytes were written from the front on, of the others it is known,
    /// or not, that nothing was.
    pub(crate) fn settle(&mut self, count: usize, others_are_untouched: bool) {
        let mut blocks = self.shelf.blocks.lock().unwrap();
        for (index, block) in blocks[self.blocks.clone()].iter_mut().enumerate() {
            let before = block.latest - 1;
            if count >= (index + 1) * BLOCK {
                block.holds = Holds::Latest;
            } else if count <= index * BLOCK && others_are_untouched {
                // Back to what there was. The generation is used again for the same bytes.
                block.latest = before;
            } else if block.holds == Holds::Latest {
                block.holds = Holds::LatestOr(before);
            } else {
                block.holds = Holds::Anything;
            }
        }
        self.is_settled = true;
    }

    /// After a write, goes on as a read of the same blocks: nobody gets in between.
    pub(crate) fn into_read(mut self) -> Self {
        assert!(self.is_settled);
        for block in &mut self.shelf.blocks.lock().unwrap()[self.blocks.clone()] {
            block.is_written = false;
            block.readers += 1;
        }
        self.purpose = Purpose::Read;
        self
    }

    /// Whether these bytes, read from this offset on, are what the blocks hold.
    pub(crate) fn check(&self, offset: u64, bytes: &[u8]) -> Result<(), String> {
        let mut rest = bytes;
        let mut offset = offset as usize;
        while !rest.is_empty() {
            let (block, skip) = (offset / BLOCK, offset % BLOCK);
            let (part, others) = rest.split_at(rest.len().min(BLOCK - skip));
            assert!(self.blocks.contains(&block), "more was read than was reserved");
            self.check_block(block, skip, part)?;
            (rest, offset) = (others, offset + part.len());
        }
        Ok(())
    }

    fn check_block(&self, block: usize, skip: usize, part: &[u8]) -> Result<(), String> {
        let Block { latest, holds, .. } = self.shelf.blocks.lock().unwrap()[block];
        let image = |generation| self.shelf.stamp(block, generation).image();
        let new = image(latest);
        let new = &new[skip..skip + part.len()];
        let is_good = match holds {
            Holds::Latest => part == new,
            Holds::LatestOr(before) => {
                let old = image(before);
                let both = new.iter().zip(&old[skip..]);
                part == new
                    || part.iter().zip(both).all(|(byte, (new, old))| {
                        byte == new || byte == old || self.shelf.has_holes && *byte == 0
                    })
            }
            Holds::Anything => true,
        };
        let is_cut = || part.iter().zip(new).all(|(byte, new)| byte == new || *byte == 0);
        if is_good || self.shelf.has_holes && is_cut() {
            return Ok(());
        }
        let differs = part.iter().zip(new).position(|(left, right)| left != right).unwrap_or(0);
        let found = match Stamp::of(part).filter(|_| skip == 0) {
            Some(stamp) => stamp.to_string(),
            None => format!("{:02x?}...", &part[differs..part.len().min(differs + 16)]),
        };
        let expected = self.shelf.stamp(block, latest);
        Err(format!(
            "{}: {expected} ({holds:?}) differs from byte {} on, and is {found}",
            self.shelf.name,
            skip + differs
        ))
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        if self.purpose == Purpose::Write && !self.is_settled {
            self.settle(0, false);
        }
        for block in &mut self.shelf.blocks.lock().unwrap()[self.blocks.clone()] {
            match self.purpose {
                Purpose::Read => block.readers -= 1,
                Purpose::Write => block.is_written = false,
            }
        }
    }
}
