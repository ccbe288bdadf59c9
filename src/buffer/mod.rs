//! The contract of a job's buffer: memory that stays where it is while its owner is moved.
//!
//! Safety: each implementation here argues that its memory is stable, and that safe code sees no
//! byte that was not initialised.

#![expect(unsafe_code, reason = "the contract between buffers and the kernel")]

pub(crate) mod aligned;
mod arrays;
#[cfg(feature = "bytes")]
mod bytes;
mod text;

use std::slice;
use std::sync::Arc;

/// Memory that the kernel may read while a job is in flight, for writes.
///
/// These are such memory:
///
/// | buffer | for | note |
/// |---|---|---|
/// | `Vec<u8>`, [`AlignedBuf`](crate::AlignedBuf), [`PoolBuf`](crate::PoolBuf) | reads and writes | a read fills the capacity and sets the length |
/// | `Box<[u8]>`, `Box<[u8; N]>` | reads and writes | a read fills the front |
/// | `&mut [u8]`, `&mut [u8; N]` | reads and writes | in a [scope](crate::Scope), unless it borrows for ever |
/// | `String`, `Arc<[u8]>` | writes | |
/// | `&[u8]`, `&[u8; N]`, `&str` | writes | literals anywhere, others in a scope |
/// | [`Chunk`](crate::Chunk), [`WholeFile`](crate::WholeFile) | writes | what a run of [`Files`](crate::Files) read |
/// | [`Ranged`](crate::Ranged), [`RangeBytes`](crate::RangeBytes) | writes | what a read of a range, or of many, got |
/// | `Bytes` | writes | with the feature `bytes` |
/// | `BytesMut` | reads and writes | with the feature `bytes`; as a vector |
///
/// An array itself is none, as its bytes are moved with it: box it.
///
/// # Examples
///
/// What one job read, the next one writes, without a copy:
///
/// ```
/// use reapool::{Dispatcher, FileHandle, Job};
///
/// let (dispatcher, manifest) = (Dispatcher::new()?, FileHandle::open_buffered("Cargo.toml")?);
/// let copy = FileHandle::from(tempfile::tempfile()?);
/// let read = Job::read_range(&manifest, vec![0; 100], 1, 7, |done| done.buffer);
/// let range = dispatcher.spawn(read)?.join()?;
/// let write = Job::write(&copy, range, 0, |done| done.into_success().map(|(_, range)| range));
/// assert_eq!(&*dispatcher.spawn(write)?.join()??, b"package");
/// let line = Job::write(&copy, " = [\"reapool\"]\n", 7, |done| done.result);
/// dispatcher.spawn(line)?.join()??;
/// assert_eq!(copy.size()?, 22);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Safety
///
/// From the first call of [`stable_ptr`](Self::stable_ptr) until the value is next accessed, other
/// than by moving it:
///
/// - `stable_ptr` and [`initialised`](Self::initialised) return the same values each time, on any
///   thread, also after the value has been moved;
/// - [`as_bytes`](Self::as_bytes), where it is not the provided one, returns just these bytes;
/// - `stable_ptr` is not null, and the `initialised` bytes from there on are initialised, in one
///   allocation, and changed only through this value (memory that several owners share is never
///   changed);
/// - leaking the value leaks that memory, or, if the value borrows it, the memory stays as it is
///   for as long as the value's type is valid. ([`Job`](crate::Job) takes only values that borrow
///   nothing, [`ScopedJob`](crate::ScopedJob) also values that borrow.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the buffer of a job",
    label = "not memory that stays where it is",
    note = "take a `Vec<u8>`, an `AlignedBuf` or a `PoolBuf`, or box an array: `Box::new([0; 4096])`",
    note = "to lend a buffer of your own, take a `ScopedJob` in `dispatcher.scope(|scope| ..)`, and \
            lend a slice: `&buffer[..]`, or `&mut buffer[..]` for a read",
    note = "the documentation of `reapool::IoBuf` has a table of all buffers"
)]
pub unsafe trait IoBuf: Send {
    /// The first byte.
    fn stable_ptr(&self) -> *const u8;

    /// How many bytes from there on are initialised. A write writes as many.
    fn initialised(&self) -> usize;

    /// The initialised bytes.
    fn as_bytes(&self) -> &[u8] {
        // SAFETY: by the contract the pointer is not null, and that many bytes from it on are
        // initialised, in one allocation, and don't change while `self` is borrowed.
        unsafe { slice::from_raw_parts(self.stable_ptr(), self.initialised()) }
    }
}

/// Memory that the kernel may write while a job is in flight, for reads.
///
/// # Safety
///
/// As for [`IoBuf`], and from the first call of [`stable_mut_ptr`](Self::stable_mut_ptr) until the
/// value is next accessed, other than by moving it:
///
/// - `stable_mut_ptr` is the address that `stable_ptr` returns, and
///   [`capacity`](Self::capacity) never changes and is at least `initialised`;
/// - the `capacity` bytes from there on are allocated and writable, and nothing else reads or
///   writes them.
///
/// # Examples
///
/// A buffer of a program's own:
///
/// ```
/// use reapool::{Dispatcher, IoBuf, IoBufMut, Job};
///
/// /// A block on the heap, and how much of it was read.
/// struct Block {
///     bytes: Box<[u8; 512]>,
///     len: usize,
/// }
///
/// // SAFETY: the block stays where it is while the box is moved. All of it is initialised, and it
/// // changes only through this value.
/// unsafe impl IoBuf for Block {
///     fn stable_ptr(&self) -> *const u8 {
///         self.bytes.as_ptr()
///     }
///
///     fn initialised(&self) -> usize {
///         self.len
///     }
/// }
///
/// // SAFETY: as above; the block has 512 bytes, all of them the box's own.
/// unsafe impl IoBufMut for Block {
///     fn stable_mut_ptr(&mut self) -> *mut u8 {
///         self.bytes.as_mut_ptr()
///     }
///
///     fn capacity(&self) -> usize {
///         self.bytes.len()
///     }
///
///     unsafe fn set_filled(&mut self, count: usize) {
///         self.len = count;
///     }
/// }
///
/// let dispatcher = Dispatcher::new()?;
/// let file = std::fs::File::open("Cargo.toml")?;
/// let block = Block { bytes: Box::new([0; 512]), len: 0 };
/// let (count, block) = dispatcher.run(Job::read(file, block, 0, |done| done.into_success()))??;
/// assert_eq!((count, block.len), (512, 512));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the buffer of a read",
    label = "not memory that a read may write",
    note = "take a `Vec<u8>`, an `AlignedBuf` or a `PoolBuf`, or box an array: `Box::new([0; 4096])`",
    note = "to lend a buffer of your own, take a `ScopedJob` in `dispatcher.scope(|scope| ..)`, and \
            lend a slice: `&mut buffer[..]`",
    note = "the documentation of `reapool::IoBuf` has a table of all buffers"
)]
pub unsafe trait IoBufMut: IoBuf {
    /// The first byte, for writing.
    fn stable_mut_ptr(&mut self) -> *mut u8;

    /// How many bytes from there on may be written. A read asks for as many.
    fn capacity(&self) -> usize;

    /// Tells the buffer that a read put `count` bytes at its front, which are its contents now.
    ///
    /// # Safety
    ///
    /// - `count` is at most `capacity`.
    /// - The first `count` bytes are initialised.
    unsafe fn set_filled(&mut self, count: usize);
}

// SAFETY: the heap block of a vector stays where it is while the vector is moved, and changes only
// through it; `len` of its bytes are initialised.
unsafe impl IoBuf for Vec<u8> {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above; the block has `capacity` bytes, all of them the vector's own.
unsafe impl IoBufMut for Vec<u8> {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        self.capacity()
    }

    unsafe fn set_filled(&mut self, count: usize) {
        // SAFETY: the caller has at most `capacity` bytes, and these are initialised.
        unsafe { self.set_len(count) };
    }
}

// SAFETY: the heap block stays where it is while the box is moved, all of it is initialised, and it
// changes only through the box.
unsafe impl IoBuf for Box<[u8]> {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above; the block is the box's own.
unsafe impl IoBufMut for Box<[u8]> {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        self.len()
    }

    /// The length of a boxed slice is fixed. Bytes after the first `count` keep their values.
    unsafe fn set_filled(&mut self, _count: usize) {}
}

// SAFETY: the slice is not moved while it is borrowed, which is as long as its type is valid. A
// shared slice of bytes is not changed meanwhile.
unsafe impl IoBuf for &[u8] {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above, and it changes only through this value, which borrows it exclusively.
unsafe impl IoBuf for &mut [u8] {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}

// SAFETY: as above; all of it is writable through an exclusive borrow.
unsafe impl IoBufMut for &mut [u8] {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        self.len()
    }

    /// The length of a slice is fixed. Bytes after the first `count` keep their values.
    unsafe fn set_filled(&mut self, _count: usize) {}
}

// SAFETY: the shared block stays where it is as long as this owner exists, also when it is moved.
// While there is another owner, there is no mutable access; without one, only through this value.
unsafe impl IoBuf for Arc<[u8]> {
    fn stable_ptr(&self) -> *const u8 {
        self.as_ptr()
    }

    fn initialised(&self) -> usize {
        self.len()
    }
}
