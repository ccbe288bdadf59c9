//! A chunk of a file's contents, as the user's callbacks get it.
//!
//! Safety: the contract is that of the pool's buffer inside, which the chunk owns.

#![expect(unsafe_code, reason = "passes on the contract of the buffer inside")]

use std::fmt;
use std::ops::Deref;

use crate::buffer::IoBuf;
use crate::pool::pool_buf::PoolBuf;

/// A chunk of a file: the bytes, and where in the file they are.
///
/// It derefs to the bytes. Its memory belongs to the run and goes back when the chunk is dropped;
/// until then it counts against [`memory`](crate::FilesBuilder::memory). A chunk can be kept, sent
/// to another thread, or be the buffer of a [`Job::write`](crate::Job::write); meanwhile the run
/// reads on with the rest of its memory.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let run = Files::new(&dispatcher)?.stream(
///     ["Cargo.toml"],
///     |_file| Vec::new(),
///     |kept, chunk| kept.push(chunk),
///     |kept, _file| kept,
/// );
/// for result in run {
///     let chunks = result?.value;
///     assert!(chunks[0].starts_with(b"[package]"));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Chunk {
    buffer: PoolBuf,
    offset: u64,
}

impl Chunk {
    pub(crate) fn new(buffer: PoolBuf, offset: u64) -> Self {
        Self { buffer, offset }
    }

    /// The offset in the file at which it begins, in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let mut run = Files::new(&dispatcher)?.stream(
    ///     ["Cargo.toml"],
    ///     |_file| None,
    ///     |last, chunk| {
    ///         if let Some(at) = chunk.iter().rposition(|&byte| byte == b'\n') {
    ///             *last = Some(chunk.offset() + at as u64);
    ///         }
    ///     },
    ///     |last, _file| last,
    /// );
    /// let done = run.next().unwrap()?;
    /// assert_eq!(done.value, Some(done.size - 1), "it ends with a new line");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Shortens it to `len` bytes; does nothing if it is no longer than that.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::ops::ControlFlow;
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let mut run = Files::new(&dispatcher)?.stream(
    ///     ["Cargo.toml"],
    ///     |_file| None,
    ///     |header, mut chunk| {
    ///         chunk.truncate(9);
    ///         *header = Some(chunk);
    ///         ControlFlow::Break(())
    ///     },
    ///     |header, _file| header,
    /// );
    /// assert_eq!(run.next().unwrap()?.value.as_deref(), Some(&b"[package]"[..]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn truncate(&mut self, len: usize) {
        self.buffer.truncate(len);
    }

    /// Sets the length; bytes that are added are zero. With it, a whole number of blocks can be
    /// written to a file that is open with `O_DIRECT`.
    ///
    /// # Panics
    ///
    /// If `len` is more than [`capacity`](Self::capacity).
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let mut run = Files::new(&dispatcher)?.stream(
    ///     ["Cargo.toml"],
    ///     |_file| Vec::new(),
    ///     |blocks, mut chunk| {
    ///         chunk.resize(chunk.len().next_multiple_of(4096));
    ///         blocks.push(chunk);
    ///     },
    ///     |blocks, _file| blocks,
    /// );
    /// let done = run.next().unwrap()?;
    /// let len: usize = done.value.iter().map(|chunk| chunk.len()).sum();
    /// assert_eq!(len as u64, done.size.next_multiple_of(4096));
    /// assert_eq!(done.value.last().unwrap().last(), Some(&0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resize(&mut self, len: usize) {
        self.buffer.resize(len);
    }

    /// The size of its memory in bytes: a multiple of 4096.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer
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

// SAFETY: the buffer inside keeps this contract, and only the chunk changes it.
unsafe impl IoBuf for Chunk {
    fn stable_ptr(&self) -> *const u8 {
        self.buffer.stable_ptr()
    }

    fn initialised(&self) -> usize {
        self.buffer.initialised()
    }
}
