//! A buffer that goes back to its pool.
//!
//! Safety: the piece of memory is this buffer's alone until its home is given back, which is the
//! last thing that the buffer does; the pool, which every buffer owns a share of, keeps the slab
//! mapped as long. All of it is initialised: the system maps zeros, and only bytes are written.

#![expect(unsafe_code, reason = "reads and writes a part of a mapping")]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::slice;
use std::sync::Arc;

use crate::buffer::{IoBuf, IoBufMut};
use crate::pool::piece::Piece;
use crate::pool::shared::Shared;

/// A buffer of a [`BufferPool`](crate::BufferPool), aligned to at least 4096. When dropped, in
/// whichever thread, it goes back.
///
/// It has a fixed capacity, that of its class, and a length, and derefs to the bytes of that
/// length. A read asks for the whole capacity, or for what [`Job::limit`](crate::Job::limit) says,
/// and sets the length to what it got; a write writes the length.
///
/// A buffer that was just acquired has length 0, and no way of making it longer shows what an
/// earlier user left in it: [`resize`](Self::resize) fills up with zeros.
///
/// It keeps its memory after the pool has been dropped. One that is leaked keeps its slab mapped
/// for good, so that the pool has less to give; nothing else comes of it.
///
/// # Examples
///
/// ```
/// use reapool::BufferPool;
///
/// let pool = BufferPool::builder().build()?;
/// let mut buffer = pool.acquire(5000)?;
/// assert_eq!((buffer.len(), buffer.capacity()), (0, 64 << 10));
/// buffer.resize(8192);
/// buffer[..5].copy_from_slice(b"hello");
/// buffer.truncate(5);
/// assert_eq!(&*buffer, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct PoolBuf {
    piece: Piece,
    capacity: usize,
    /// At most the capacity.
    len: usize,
    pool: Arc<Shared>,
}

impl PoolBuf {
    pub(crate) fn new(piece: Piece, capacity: usize, pool: Arc<Shared>) -> Self {
        Self { piece, capacity, len: 0, pool }
    }

    /// The size of its class in bytes: what a read into it asks for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Shortens the buffer to `len` bytes; does nothing if it is no longer than that. The capacity
    /// stays.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Sets the length to `len`; bytes that this adds are zero, never what was read before.
    ///
    /// # Panics
    ///
    /// If `len` is more than the capacity.
    pub fn resize(&mut self, len: usize) {
        assert!(len <= self.capacity, "{len} bytes in a buffer of {}", self.capacity);
        let old = self.len;
        self.len = len;
        if len > old {
            self[old..].fill(0);
        }
    }
}

impl Deref for PoolBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: at most `capacity` bytes, which are the piece's size, initialised, and mapped as
        // long as the buffer has its piece; `self` is borrowed as long as the slice.
        unsafe { slice::from_raw_parts(self.piece.memory.as_ptr(), self.len) }
    }
}

impl DerefMut for PoolBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and `self`, the piece's only owner, is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.piece.memory.as_ptr(), self.len) }
    }
}

impl Drop for PoolBuf {
    fn drop(&mut self) {
        self.pool.put(self.piece.home);
    }
}

impl fmt::Debug for PoolBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuf")
            .field("len", &self.len)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

// SAFETY: the piece stays where it is while its owner is moved, and changes only through it; all of
// it is initialised. A slab is not unmapped before the buffer is dropped, so leaking the buffer
// leaks the slab.
unsafe impl IoBuf for PoolBuf {
    fn stable_ptr(&self) -> *const u8 {
        self.piece.memory.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len
    }
}

// SAFETY: as above; the capacity is the size of the piece.
unsafe impl IoBufMut for PoolBuf {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.piece.memory.as_ptr()
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    unsafe fn set_filled(&mut self, count: usize) {
        self.len = count;
    }
}
