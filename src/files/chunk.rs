//! A piece of a file's contents, as the user's functions get it.
//!
//! Safety: both contracts are passed on from the pool's buffer inside, of which a chunk shows a part.

#![expect(unsafe_code, reason = "implements the contracts of buffers for a part of one")]

use std::fmt;
use std::ops::Deref;

use crate::buffer::{IoBuf, IoBufMut};
use crate::files::budget::Lease;

/// A piece of a file: the bytes, and where in the file they are.
///
/// It derefs to the bytes. Its memory is the run's, and goes back when it is dropped; until then it
/// counts against [`memory`](crate::FilesBuilder::memory). So a chunk can be kept, sent to another
/// thread, or be the buffer of a [`Job::write`](crate::Job::write), and the run reads on as far as
/// the rest of its memory goes.
pub struct Chunk {
    lease: Lease,
    offset: u64,
}

impl Chunk {
    pub(crate) fn new(lease: Lease, offset: u64) -> Self {
        Self { lease, offset }
    }

    /// Where in the file it begins, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Makes it end after `len` bytes; does nothing if it is no longer than that.
    pub fn truncate(&mut self, len: usize) {
        self.lease.truncate(len);
    }

    /// Sets the length, with zeros for what is added: to write a whole number of blocks to a file
    /// that is open with `O_DIRECT`.
    ///
    /// # Panics
    ///
    /// If `len` is more than [`capacity`](Self::capacity).
    pub fn resize(&mut self, len: usize) {
        self.lease.resize(len);
    }

    /// How many bytes of memory it has: a multiple of 4096.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.lease.capacity()
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.lease
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("offset", &self.offset).field("len", &self.len()).finish()
    }
}

// SAFETY: the lease owns a buffer that keeps this contract, and is changed through the chunk only.
unsafe impl IoBuf for Chunk {
    fn stable_ptr(&self) -> *const u8 {
        self.lease.stable_ptr()
    }

    fn initialised(&self) -> usize {
        self.lease.initialised()
    }
}

// SAFETY: as above.
unsafe impl IoBuf for Lease {
    fn stable_ptr(&self) -> *const u8 {
        (**self).stable_ptr()
    }

    fn initialised(&self) -> usize {
        (**self).initialised()
    }
}

// SAFETY: as above.
unsafe impl IoBufMut for Lease {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        (**self).stable_mut_ptr()
    }

    fn capacity(&self) -> usize {
        IoBufMut::capacity(&**self)
    }

    unsafe fn set_filled(&mut self, count: usize) {
        // SAFETY: the caller keeps the same contract.
        unsafe { (**self).set_filled(count) };
    }
}
