//! Reads of a range: the bytes that the user asked for, within those that alignment requires.
//!
//! Safety: as in `target.rs`. The address is given out only as a number for a request, and nothing
//! touches the buffer until the request's event has been reaped. A range that was read is itself a
//! buffer, by the contract of the one inside.

#![expect(unsafe_code, reason = "hands a buffer to the kernel and takes its byte count")]

use std::fmt;
use std::ops::{Deref, Range};

use crate::buffer::{IoBuf, IoBufMut};
use crate::engine::TRANSFER_MAX;
use crate::job::target::{Region, Target, expose};

/// The bytes that [`Job::read_range`](crate::Job::read_range) was asked for, within the buffer that
/// they were read into.
///
/// It derefs to these bytes, and is `AsRef<[u8]>`: `bytes::Bytes::from_owner` takes it as it is,
/// and copies nothing. It can be the buffer of a [`Job::write`](crate::Job::write), which writes
/// these bytes.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, FileHandle, Job};
///
/// let dispatcher = Dispatcher::new()?;
/// let file = FileHandle::open_buffered("Cargo.toml")?;
/// let ends = file.size()?;
/// let job = Job::read_range(&file, vec![0; 100], ends - 3, 100, |done| done.buffer);
/// let tail = dispatcher.spawn(job)?.join()?;
/// assert_eq!(tail.len(), 3, "the file is over");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Ranged<B> {
    buffer: B,
    range: Range<usize>,
}

impl<B> Ranged<B> {
    /// The buffer itself, for another job. The bytes around the range are of the file too.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// let job = Job::read_range(&file, AlignedBuf::zeroed(4096), 1, 7, |done| done.buffer);
    /// let first = dispatcher.run(job)?;
    /// let job = Job::read_range(&file, first.into_inner(), 10, 4, |done| done.buffer);
    /// assert_eq!(&*dispatcher.run(job)?, b"name");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_inner(self) -> B {
        self.buffer
    }

    /// Where in the buffer the bytes are. It is empty if none were read.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{AlignedBuf, Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_direct_or_buffered("Cargo.toml")?;
    /// let job = Job::read_range(&file, AlignedBuf::zeroed(4096), 1, 7, |done| done.buffer);
    /// let ranged = dispatcher.run(job)?;
    /// // On a direct file the read began before the range.
    /// let start = (1 - file.span(1, 7).start) as usize;
    /// assert_eq!(ranged.range(), start..start + 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// The buffer itself, and where in it the bytes are.
    ///
    /// # Examples
    ///
    /// A range of a buffered file begins where its buffer does, so that cutting the rest off gives
    /// a plain vector:
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let job = Job::read_range(&file, vec![0; 100], 1, 7, |done| done.buffer.into_parts());
    /// let (mut buffer, range) = dispatcher.spawn(job)?.join()?;
    /// assert_eq!(range, 0..7);
    /// buffer.truncate(range.end);
    /// assert_eq!(buffer, b"package");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn into_parts(self) -> (B, Range<usize>) {
        (self.buffer, self.range)
    }
}

impl<B: IoBuf> AsRef<[u8]> for Ranged<B> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<B: IoBuf> Deref for Ranged<B> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.buffer.as_bytes().get(self.range.clone()).unwrap_or_default()
    }
}

// SAFETY: the buffer inside keeps this contract, and these are some of its initialised bytes. They
// are always the same: nothing changes the buffer or the range while it is in here.
unsafe impl<B: IoBuf> IoBuf for Ranged<B> {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}

impl<B> fmt::Debug for Ranged<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ranged").field("range", &self.range).finish_non_exhaustive()
    }
}

/// One buffer that is read into for the sake of a range.
pub(crate) struct ReadRange<B> {
    buffer: B,
    /// The number of bytes that are read.
    span: usize,
    /// The bytes among them that the user asked for.
    wanted: Range<usize>,
}

impl<B: IoBufMut> ReadRange<B> {
    pub(crate) fn new(buffer: B, span: u64, skip: usize, len: usize) -> Self {
        // A span that doesn't fit an address is more than any buffer has.
        let span = usize::try_from(span).unwrap_or(usize::MAX);
        Self { buffer, span, wanted: skip..skip.saturating_add(len) }
    }
}

impl<B: IoBufMut> Target for ReadRange<B> {
    type Buffer = Ranged<B>;

    const IS_RANGE: bool = true;

    fn region(&mut self) -> Region {
        // Before `capacity`, as the contract of `IoBufMut` begins with the pointer.
        let address = expose(self.buffer.stable_mut_ptr());
        let (capacity, span) = (self.buffer.capacity(), self.span);
        assert!(
            span <= capacity,
            "the buffer has {capacity} bytes, and {span} have to be read for this range: see \
             FileHandle::span"
        );
        Region { address, length: span.min(TRANSFER_MAX) as u64, requested: span }
    }

    fn into_buffer(mut self, filled: Option<usize>) -> Ranged<B> {
        let Some(count) = filled else { return Ranged { buffer: self.buffer, range: 0..0 } };
        assert!(count <= self.span, "the kernel read more than was asked for");
        // SAFETY: `count` is at most the span, which is at most `capacity`, and the kernel has
        // written these bytes.
        unsafe { self.buffer.set_filled(count) };
        let range = self.wanted.start.min(count)..self.wanted.end.min(count);
        Ranged { buffer: self.buffer, range }
    }
}
