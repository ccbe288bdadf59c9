//! The bytes of one range: a slice of a buffer that several ranges may share.
//!
//! Safety: nobody changes the buffer, which all of them keep where it is.

#![expect(unsafe_code, reason = "passes on the contract of the buffer inside")]

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::buffer::IoBuf;
use crate::job::ranged::Ranged;
use crate::pool::pool_buf::PoolBuf;

/// The bytes of one of several [ranges](crate::ReadRanges), in the buffer that they were read into.
///
/// It derefs to the bytes, and is `AsRef<[u8]>`: `bytes::Bytes::from_owner` takes it as it is. A
/// clone shares the buffer, which is returned to its pool when the last one is dropped. It can be
/// the buffer of a [`Job::write`](crate::Job::write).
///
/// # Examples
///
/// ```
/// use reapool::{BufferPool, Dispatcher, FileHandle, ReadRanges};
///
/// let dispatcher = Dispatcher::new()?;
/// let pool = BufferPool::builder().build()?;
/// let file = FileHandle::open_buffered("Cargo.toml")?;
/// let results = ReadRanges::new(&file, [1..8, 10..14]).spawn(&dispatcher, &pool)?.join()??;
/// let name = bytes::Bytes::from_owner(results[1].clone());
/// drop(results);
/// assert_eq!((&name[..], pool.stats().buffers_out), (&b"name"[..], 1));
/// drop(name);
/// assert_eq!(pool.stats().buffers_out, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct RangeBytes {
    /// `None` if there are no bytes.
    buffer: Option<Arc<Ranged<PoolBuf>>>,
    /// Among the bytes of the read.
    range: Range<usize>,
}

impl RangeBytes {
    /// A part of what a read got. Bytes that it did not get are not in it.
    pub(super) fn new(buffer: &Arc<Ranged<PoolBuf>>, range: Range<usize>) -> Self {
        let range = range.start.min(buffer.len())..range.end.min(buffer.len());
        let buffer = (!range.is_empty()).then(|| Arc::clone(buffer));
        Self { buffer, range }
    }
}

impl Deref for RangeBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.buffer.as_ref().map_or(&[], |buffer| &buffer[self.range.clone()])
    }
}

impl AsRef<[u8]> for RangeBytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

// SAFETY: the buffer stays where it is as long as this owner of it exists, also when that is moved,
// and to leak the owner is to leak the buffer. Owners share it, and none of them can change it.
unsafe impl IoBuf for RangeBytes {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}

impl fmt::Debug for RangeBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeBytes").field("len", &self.len()).finish_non_exhaustive()
    }
}
