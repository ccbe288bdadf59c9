//! Buffers of several sorts, with watched margins where there is room for some.
//!
//! Safety: each sort hands out memory of a buffer of the crate's or of the standard library's,
//! which keep the contract.

#![expect(unsafe_code, reason = "implements the contract of buffers")]

use reapool::{AlignedBuf, BufferPool, IoBuf, IoBufMut, PoolBuf};

use crate::dice::Dice;
use crate::stamp::BLOCK;

/// What is on both sides of the guarded bytes, and in front of what is to be overwritten.
const MARGIN: [u8; 64] = [0xd5; 64];

#[derive(Debug)]
pub(crate) enum Memory {
    Guarded(Guarded),
    Pooled(PoolBuf),
    Plain(Vec<u8>),
}

/// Bytes in the middle of an allocation.
#[derive(Debug)]
pub(crate) struct Guarded {
    memory: AlignedBuf,
    capacity: usize,
    len: usize,
}

impl Guarded {
    fn new(len: usize) -> Self {
        let mut memory = AlignedBuf::zeroed(BLOCK + len + BLOCK);
        memory[BLOCK - MARGIN.len()..BLOCK].copy_from_slice(&MARGIN);
        memory[BLOCK + len..][..MARGIN.len()].copy_from_slice(&MARGIN);
        Self { memory, capacity: len, len }
    }
}

impl Memory {
    /// At least `len` bytes, of which a write writes just these.
    pub(crate) fn any(dice: &mut Dice, pool: &BufferPool, len: usize, direct: bool) -> Self {
        match dice.below(3) {
            0 if !direct => Self::exactly(dice, len, direct),
            1 => match pool.try_acquire(len) {
                Ok(mut buffer) => {
                    buffer.resize(len);
                    Self::Pooled(buffer)
                }
                Err(_) => Self::Guarded(Guarded::new(len)),
            },
            _ => Self::Guarded(Guarded::new(len)),
        }
    }

    /// With no more room than that.
    pub(crate) fn exactly(dice: &mut Dice, len: usize, direct: bool) -> Self {
        if !direct && dice.one_in(2) {
            Self::Plain(vec![0; len])
        } else {
            Self::Guarded(Guarded::new(len))
        }
    }

    /// All that a write writes.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Guarded(Guarded { memory, len, .. }) => &mut memory[BLOCK..BLOCK + *len],
            Self::Pooled(buffer) => buffer,
            Self::Plain(buffer) => buffer,
        }
    }

    /// Puts something in front of each block that no file holds. A buffer of a pool has what is
    /// left of its last user, or zeroes.
    pub(crate) fn spoil(mut self) -> Self {
        for block in self.bytes_mut().chunks_mut(BLOCK) {
            let count = block.len().min(MARGIN.len());
            block[..count].copy_from_slice(&MARGIN[..count]);
        }
        self
    }

    /// Whether nothing beside the buffer has been written.
    pub(crate) fn is_intact(&self) -> bool {
        let Self::Guarded(Guarded { memory, capacity, .. }) = self else { return true };
        memory[BLOCK - MARGIN.len()..BLOCK] == MARGIN
            && memory[BLOCK + capacity..][..MARGIN.len()] == MARGIN
    }
}

// SAFETY: the memory of an `AlignedBuf` stays where it is when that is moved, all of it is
// initialised, and `len` bytes are within it behind the margin, as is the capacity.
unsafe impl IoBuf for Guarded {
    fn stable_ptr(&self) -> *const u8 {
        self.memory[BLOCK..].as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len
    }
}

// SAFETY: as above; the memory is the buffer's own.
unsafe impl IoBufMut for Guarded {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.memory[BLOCK..].as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    unsafe fn set_filled(&mut self, count: usize) {
        assert!(count <= self.capacity, "more was read than there is room for");
        self.len = count;
    }
}

// SAFETY: all is done by the buffer that there is, and which one that is doesn't change.
unsafe impl IoBuf for Memory {
    fn stable_ptr(&self) -> *const u8 {
        match self {
            Self::Guarded(buffer) => buffer.stable_ptr(),
            Self::Pooled(buffer) => buffer.stable_ptr(),
            Self::Plain(buffer) => buffer.stable_ptr(),
        }
    }

    fn initialised(&self) -> usize {
        match self {
            Self::Guarded(buffer) => buffer.initialised(),
            Self::Pooled(buffer) => buffer.initialised(),
            Self::Plain(buffer) => buffer.initialised(),
        }
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for Memory {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        match self {
            Self::Guarded(buffer) => buffer.stable_mut_ptr(),
            Self::Pooled(buffer) => buffer.stable_mut_ptr(),
            Self::Plain(buffer) => buffer.stable_mut_ptr(),
        }
    }

    fn capacity(&self) -> usize {
        match self {
            Self::Guarded(buffer) => buffer.capacity(),
            Self::Pooled(buffer) => IoBufMut::capacity(buffer),
            Self::Plain(buffer) => IoBufMut::capacity(buffer),
        }
    }

    unsafe fn set_filled(&mut self, count: usize) {
        match self {
            // SAFETY: the caller keeps the same contract.
            Self::Guarded(buffer) => unsafe { buffer.set_filled(count) },
            // SAFETY: as above.
            Self::Pooled(buffer) => unsafe { buffer.set_filled(count) },
            // SAFETY: as above.
            Self::Plain(buffer) => unsafe { buffer.set_filled(count) },
        }
    }
}
