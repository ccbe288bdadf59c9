//! A buffer that is returned to its pool when it is dropped.
//!
//! Safety: the memory of the raw buffer belongs to this value alone until it returns the id, as its
//! last act. Each buffer owns a share of the pool, which keeps the slab mapped until then. All of
//! the memory is initialised: the system maps zeros, and only bytes are written.

#![expect(unsafe_code, reason = "reads and writes a part of a mapping")]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::slice;
use std::sync::Arc;

use crate::buffer::{IoBuf, IoBufMut};
use crate::pool::shared::PoolShared;
use crate::pool::slab::RawBuffer;

/// A buffer of a [`BufferPool`](crate::BufferPool), aligned to at least 4096 bytes. When it is
/// dropped, in any thread, it is returned to the pool.
///
/// It has a fixed capacity, which is the size of its class, and a length, and it derefs to the
/// bytes of that length. A read asks for the whole capacity, or for as much as
/// [`Job::limit`](crate::Job::limit) says, and sets the length to the number of bytes that it got.
/// A write writes the bytes of the length.
///
/// A buffer that was just acquired has length 0. Making it longer never shows bytes that an earlier
/// user left in it: [`resize`](Self::resize) fills up with zeros.
///
/// A buffer keeps its memory after the pool has been dropped. A leaked buffer keeps its slab mapped
/// for good, so that the pool has less to give; it does no other harm.
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
    raw: RawBuffer,
    /// At most the capacity, which is the raw buffer's size.
    len: usize,
    pool: Arc<PoolShared>,
}

impl PoolBuf {
    pub(crate) fn new(raw: RawBuffer, pool: Arc<PoolShared>) -> Self {
        Self { raw, len: 0, pool }
    }

    /// The size of its class in bytes. A read into the buffer asks for as much.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.raw.size
    }

    /// Shortens the buffer to `len` bytes; does nothing if it is no longer than that. The capacity
    /// stays as it is.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Sets the length to `len`. Bytes that this adds are zero, whatever was read before.
    ///
    /// # Panics
    ///
    /// If `len` is more than the capacity.
    pub fn resize(&mut self, len: usize) {
        assert!(len <= self.capacity(), "{len} bytes in a buffer of {}", self.capacity());
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
        // SAFETY: `len` is at most the raw buffer's size; the bytes are initialised, and mapped for
        // as long as this value has the raw buffer; `self` is borrowed as long as the slice.
        unsafe { slice::from_raw_parts(self.raw.memory.as_ptr(), self.len) }
    }
}

impl DerefMut for PoolBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and `self`, the only owner of the memory, is borrowed
        // exclusively.
        unsafe { slice::from_raw_parts_mut(self.raw.memory.as_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for PoolBuf {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for PoolBuf {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl Drop for PoolBuf {
    fn drop(&mut self) {
        self.pool.put(self.raw.id);
    }
}

impl fmt::Debug for PoolBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolBuf")
            .field("len", &self.len)
            .field("capacity", &self.capacity())
            .finish_non_exhaustive()
    }
}

// SAFETY: the memory stays where it is while its owner is moved, and changes only through it; all
// of it is initialised. A slab is not unmapped before the buffer is dropped, so leaking the buffer
// leaks the slab.
unsafe impl IoBuf for PoolBuf {
    fn stable_ptr(&self) -> *const u8 {
        self.raw.memory.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len
    }
}

// SAFETY: as above; the capacity is the raw buffer's size.
unsafe impl IoBufMut for PoolBuf {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.raw.memory.as_ptr()
    }

    fn capacity(&self) -> usize {
        self.raw.size
    }

    unsafe fn set_filled(&mut self, count: usize) {
        self.len = count;
    }
}
