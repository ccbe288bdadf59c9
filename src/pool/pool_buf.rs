//! A buffer that is returned to its pool when it is dropped.
//!
//! Safety: the memory belongs to this value alone. That of a slab does until the buffer returns the
//! id, as its last act; each buffer owns a share of the pool, which keeps the slab mapped until
//! then. That of an `AlignedBuf` does until it is dropped. All of the memory is initialised: the
//! system maps and allocates zeros, and only bytes are written.

#![expect(unsafe_code, reason = "reads and writes a part of a mapping")]

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::slice;
use std::sync::Arc;

use crate::buffer::aligned::AlignedBuf;
use crate::buffer::{IoBuf, IoBufMut};
use crate::pool::shared::PoolShared;
use crate::pool::slab::RawBuffer;

/// A buffer of a [`BufferPool`](crate::BufferPool), aligned to at least 4096 bytes. When it is
/// dropped, in any thread, it is returned to the pool.
///
/// It has a fixed [capacity](Self::capacity), as a rule the size of its class, and a length, and it
/// derefs to the bytes of that length. A read asks for the whole capacity, or for as much as
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
    memory: Memory,
    /// At most the capacity.
    len: usize,
    pool: Arc<PoolShared>,
}

enum Memory {
    /// A part of a slab.
    Slab(RawBuffer),
    /// Memory beyond the pool's capacity, from the system's allocator. Its own length has no
    /// meaning here.
    Extra(AlignedBuf),
}

impl PoolBuf {
    pub(crate) fn new(raw: RawBuffer, pool: Arc<PoolShared>) -> Self {
        Self { memory: Memory::Slab(raw), len: 0, pool }
    }

    /// A buffer beyond the pool's capacity, which the pool has counted.
    pub(super) fn extra(memory: AlignedBuf, pool: Arc<PoolShared>) -> Self {
        Self { memory: Memory::Extra(memory), len: 0, pool }
    }

    /// The size of its class in bytes. If it was
    /// [allocated](crate::BufferPool::acquire_or_allocate) beyond the pool's capacity, the length
    /// that was asked for, rounded up to a multiple of 4096. A read into the buffer asks for as
    /// much.
    #[must_use]
    pub fn capacity(&self) -> usize {
        match &self.memory {
            Memory::Slab(raw) => raw.size,
            Memory::Extra(memory) => memory.capacity(),
        }
    }

    fn start(&self) -> *mut u8 {
        match &self.memory {
            Memory::Slab(raw) => raw.memory.as_ptr(),
            Memory::Extra(memory) => memory.start(),
        }
    }

    /// Shortens the buffer to `len` bytes; does nothing if it is no longer than that. The capacity
    /// stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut buffer = reapool::BufferPool::builder().build()?.acquire(4096)?;
    /// buffer.append(b"hello\n");
    /// buffer.truncate(5);
    /// assert_eq!((&*buffer, buffer.capacity()), (&b"hello"[..], 4096));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Adds bytes at the end, as many as there is room for, and returns how many these are.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut buffer = reapool::BufferPool::builder().build()?.acquire(4096)?;
    /// assert_eq!(buffer.append(b"hello"), 5);
    /// assert_eq!(buffer.append(&[0; 5000]), 4091);
    /// assert!(buffer.starts_with(b"hello"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let old = self.len;
        let count = bytes.len().min(self.capacity() - old);
        self.len += count;
        self[old..].copy_from_slice(&bytes[..count]);
        count
    }

    /// Sets the length to `len`. Bytes that this adds are zero, whatever was read before.
    ///
    /// # Panics
    ///
    /// If `len` is more than the capacity.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut buffer = reapool::BufferPool::builder().build()?.acquire(4096)?;
    /// buffer.append(b"hello");
    /// buffer.resize(512); // whole blocks, for a direct write
    /// assert_eq!((buffer.len(), &buffer[4..6]), (512, &b"o\0"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
        // SAFETY: `len` is at most the capacity; the bytes are initialised, and stay allocated for
        // as long as this value has the memory; `self` is borrowed as long as the slice.
        unsafe { slice::from_raw_parts(self.start(), self.len) }
    }
}

impl DerefMut for PoolBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and `self`, the only owner of the memory, is borrowed
        // exclusively.
        unsafe { slice::from_raw_parts_mut(self.start(), self.len) }
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
        match &mut self.memory {
            Memory::Slab(raw) => self.pool.put(raw.id),
            Memory::Extra(memory) => {
                // It is freed before the pool counts it as returned.
                let bytes = memory.capacity();
                *memory = AlignedBuf::zeroed(0);
                self.pool.put_extra(bytes);
            }
        }
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
// leaks the slab. It leaks an `AlignedBuf` as well, which keeps this contract itself.
unsafe impl IoBuf for PoolBuf {
    fn stable_ptr(&self) -> *const u8 {
        self.start()
    }

    fn initialised(&self) -> usize {
        self.len
    }
}

// SAFETY: as above; the capacity is the size of that memory, and the buffer's own.
unsafe impl IoBufMut for PoolBuf {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.start()
    }

    fn capacity(&self) -> usize {
        self.capacity()
    }

    unsafe fn set_filled(&mut self, count: usize) {
        self.len = count;
    }
}
