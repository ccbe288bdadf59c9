//! A buffer for direct I/O: aligned, and zeroed when it is made.
//!
//! Safety: one allocation, made and freed here with the same layout. All of it is initialised from
//! the start, because it is allocated zeroed.

#![expect(unsafe_code, reason = "allocates with an alignment")]

use std::alloc::{self, Layout};
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::slice;

use crate::buffer::{IoBuf, IoBufMut};

/// A buffer whose address is a multiple of its alignment, as files opened with `O_DIRECT` need it.
///
/// It has a fixed capacity and a length, like a vector, and derefs to the bytes of that length. A
/// read asks for the whole capacity, and sets the length to the number of bytes that it got. A
/// write writes the bytes of the length.
///
/// Use it again: the callback gets it back, for the next job. Page faults in fresh memory, and
/// clearing it, cost more than the read.
///
/// # Examples
///
/// ```
/// use reapool::AlignedBuf;
///
/// let mut buffer = AlignedBuf::zeroed(8192);
/// assert_eq!(buffer.as_ptr().addr() % AlignedBuf::DEFAULT_ALIGNMENT, 0);
/// buffer[..5].copy_from_slice(b"hello");
/// buffer.truncate(5);
/// assert_eq!(&*buffer, b"hello");
/// assert_eq!(buffer.capacity(), 8192);
/// ```
pub struct AlignedBuf {
    /// The allocation. It is dangling, but aligned, if the layout's size is zero.
    memory: NonNull<u8>,
    layout: Layout,
    /// At most the layout's size.
    len: usize,
}

// SAFETY: the memory is owned like that of a boxed slice, and plain bytes belong to no thread.
unsafe impl Send for AlignedBuf {}
// SAFETY: a shared reference gives only shared access to the bytes.
unsafe impl Sync for AlignedBuf {}

impl AlignedBuf {
    /// The alignment of [`zeroed`](Self::zeroed), in bytes: enough for every block size that Linux
    /// supports for direct I/O on 4 KiB pages.
    pub const DEFAULT_ALIGNMENT: usize = 4096;

    /// Allocates `len` zero bytes at a multiple of 4096.
    ///
    /// # Panics
    ///
    /// If `len` rounded up to the alignment is more than `isize::MAX`. As with `Vec`, the process
    /// aborts if there is not enough memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = reapool::AlignedBuf::zeroed(10_000);
    /// assert_eq!((buffer.len(), buffer.as_ptr().addr() % 4096), (10_000, 0));
    /// assert!(buffer.iter().all(|&byte| byte == 0));
    /// ```
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        Self::with_alignment(len, Self::DEFAULT_ALIGNMENT)
    }

    /// Allocates `len` zero bytes at a multiple of `alignment`.
    ///
    /// # Panics
    ///
    /// If `alignment` is not a power of two, or if `len` rounded up to it is more than
    /// `isize::MAX`. As with `Vec`, the process aborts if there is not enough memory.
    ///
    /// # Examples
    ///
    /// ```
    /// let buffer = reapool::AlignedBuf::with_alignment(512, 512);
    /// assert_eq!(buffer.len(), 512);
    /// ```
    #[must_use]
    pub fn with_alignment(len: usize, alignment: usize) -> Self {
        let layout = Layout::from_size_align(len, alignment)
            .expect("the alignment is a power of two and the length fits in memory");
        Self::allocate(layout).unwrap_or_else(|| alloc::handle_alloc_error(layout))
    }

    /// Copies bytes into a new buffer, at a multiple of 4096. Its capacity is their number rounded
    /// up to 4096, so that [`resize`](Self::resize) can fill up the last block of a direct write.
    ///
    /// The process aborts if there is not enough memory.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::AlignedBuf;
    ///
    /// let mut buffer = AlignedBuf::from_slice(b"hello");
    /// assert_eq!((&*buffer, buffer.capacity()), (&b"hello"[..], 4096));
    /// buffer.resize(512);
    /// assert_eq!(buffer[4..6], [b'o', 0]);
    /// ```
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut buffer = Self::zeroed(bytes.len().next_multiple_of(Self::DEFAULT_ALIGNMENT));
        buffer.truncate(bytes.len());
        buffer.copy_from_slice(bytes);
        buffer
    }

    /// Allocates zero bytes. `None` if there is not enough memory.
    pub(crate) fn allocate(layout: Layout) -> Option<Self> {
        let len = layout.size();
        let memory = if len == 0 {
            // No memory has this address, which is aligned and not null.
            ptr::without_provenance_mut(layout.align())
        } else {
            // SAFETY: the layout's size is not zero.
            unsafe { alloc::alloc_zeroed(layout) }
        };
        NonNull::new(memory).map(|memory| Self { memory, layout, len })
    }

    /// The size of the allocation in bytes. A read into the buffer asks for as much.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.layout.size()
    }

    /// The first byte of the allocation. Whoever writes there has the buffer to itself.
    pub(crate) fn start(&self) -> *mut u8 {
        self.memory.as_ptr()
    }

    /// The address is a multiple of this, in bytes.
    #[must_use]
    pub fn alignment(&self) -> usize {
        self.layout.align()
    }

    /// Shortens the buffer to `len` bytes; does nothing if it is no longer than that. The capacity
    /// stays as it is.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut buffer = reapool::AlignedBuf::zeroed(4096);
    /// buffer.truncate(512);
    /// buffer.truncate(1000);
    /// assert_eq!((buffer.len(), buffer.capacity()), (512, 4096));
    /// ```
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Sets the length to `len`. Bytes that this adds are zero, whatever an earlier read left
    /// there.
    ///
    /// # Panics
    ///
    /// If `len` is more than the capacity.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut buffer = reapool::AlignedBuf::zeroed(4096);
    /// buffer.fill(7);
    /// buffer.truncate(1);
    /// buffer.resize(2);
    /// assert_eq!(&*buffer, [7, 0]);
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

impl Deref for AlignedBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `len` bytes of the allocation are all initialised, as it was allocated zeroed and
        // only bytes are written. `self` is borrowed as long as the slice.
        unsafe { slice::from_raw_parts(self.memory.as_ptr(), self.len) }
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.memory.as_ptr(), self.len) }
    }
}

impl AsRef<[u8]> for AlignedBuf {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl AsMut<[u8]> for AlignedBuf {
    fn as_mut(&mut self) -> &mut [u8] {
        self
    }
}

/// A copy, as of [`AlignedBuf::from_slice`].
impl From<&[u8]> for AlignedBuf {
    fn from(bytes: &[u8]) -> Self {
        Self::from_slice(bytes)
    }
}

impl Drop for AlignedBuf {
    fn drop(&mut self) {
        if self.layout.size() != 0 {
            // SAFETY: allocated in `allocate` with this layout, and not freed before.
            unsafe { alloc::dealloc(self.memory.as_ptr(), self.layout) };
        }
    }
}

impl fmt::Debug for AlignedBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedBuf")
            .field("len", &self.len)
            .field("capacity", &self.capacity())
            .field("alignment", &self.alignment())
            .finish_non_exhaustive()
    }
}

// SAFETY: the allocation stays where it is while its owner is moved, and changes only through it.
// All of it is initialised.
unsafe impl IoBuf for AlignedBuf {
    fn stable_ptr(&self) -> *const u8 {
        self.memory.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len
    }
}

// SAFETY: as above. The capacity is the size of the allocation.
unsafe impl IoBufMut for AlignedBuf {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.memory.as_ptr()
    }

    fn capacity(&self) -> usize {
        self.layout.size()
    }

    unsafe fn set_filled(&mut self, count: usize) {
        self.len = count;
    }
}

#[cfg(test)]
mod tests {
    use super::AlignedBuf;

    #[test]
    fn every_length_is_aligned_and_zero() {
        for alignment in [1, 2, 512, 4096, 1 << 21] {
            for len in [0, 1, 511, 512, 513, 4096, 10_000] {
                let buffer = AlignedBuf::with_alignment(len, alignment);
                assert_eq!(buffer.as_ptr().addr() % alignment, 0);
                assert_eq!((buffer.len(), buffer.capacity()), (len, len));
                assert!(buffer.iter().all(|&byte| byte == 0));
            }
        }
    }

    #[test]
    fn a_copy_has_room_for_its_last_block() {
        for (len, capacity) in [(0, 0), (1, 4096), (4096, 4096), (4097, 8192)] {
            let bytes: Vec<u8> = (0..len).map(|index| index as u8 | 1).collect();
            let mut buffer = AlignedBuf::from(&bytes[..]);
            assert_eq!((&*buffer, buffer.capacity()), (&bytes[..], capacity));
            buffer.resize(capacity);
            assert!(buffer[len..].iter().all(|&byte| byte == 0));
        }
    }

    #[test]
    fn growing_shows_nothing_old() {
        let mut buffer = AlignedBuf::zeroed(100);
        buffer.fill(0xff);
        buffer.truncate(10);
        buffer.resize(100);
        assert!(buffer[..10].iter().all(|&byte| byte == 0xff));
        assert!(buffer[10..].iter().all(|&byte| byte == 0));
    }

    #[test]
    #[should_panic(expected = "5 bytes in a buffer of 4")]
    fn growing_stops_at_the_capacity() {
        AlignedBuf::zeroed(4).resize(5);
    }
}
