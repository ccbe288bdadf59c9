//! Reads on the calling thread: from the page cache, or not at all, or with waiting for the device.
//!
//! Safety: the buffer is borrowed exclusively for the time of the system calls.

#![expect(unsafe_code, reason = "gives the kernel a buffer, and takes its byte count")]

use std::io;

use crate::blocking::transfer::{CacheRead, perform, read_cached};
use crate::buffer::IoBufMut;
use crate::engine::{TRANSFER_MAX, Transfer, decode};
use crate::file::FileHandle;
use crate::file::residency::CacheLook;

impl FileHandle {
    /// Reads up to `len` bytes, no more than the buffer's capacity, if all of them are in the page
    /// cache: on the calling thread, without a job, and without waiting for a device. Returns the
    /// number of bytes, which is less than `len` if the file ends before.
    ///
    /// `None` says that a job is needed: something is not cached, or the file is not read through
    /// the page cache (it [is direct](Self::is_direct), a pipe, or on a file system that can't
    /// tell), or the read fails. The job then tells why. The buffer's contents are unspecified
    /// after that, and its length is as before.
    ///
    /// For data that is likely to be cached, this saves the hand-off to another thread. It can be
    /// called in callbacks. It copies the data, so that a long range takes its time.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, FileHandle, Job};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let file = FileHandle::open_buffered("Cargo.toml")?;
    /// let mut buffer = Vec::with_capacity(9);
    /// if file.read_cached(&mut buffer, 9, 0).is_none() {
    ///     let job = Job::read(&file, buffer, 0, |done| done.into_success());
    ///     buffer = dispatcher.spawn(job)?.join()??.1;
    /// }
    /// assert_eq!(buffer, b"[package]");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn read_cached<B: IoBufMut>(
        &self,
        buffer: &mut B,
        len: usize,
        offset: u64,
    ) -> Option<usize> {
        read_cached_until(self, self.cache_look()?, buffer, len, offset, u64::MAX)
    }
}

/// Reads as [`FileHandle::read_cached`] does, but looks no further than `end`, where the file is
/// taken to end: that saves a system call if it does. It finds out by `look` whether there is
/// something to read; a file that is read directly has nothing.
pub(crate) fn read_cached_until<B: IoBufMut>(
    file: &FileHandle,
    look: CacheLook,
    buffer: &mut B,
    len: usize,
    offset: u64,
    end: u64,
) -> Option<usize> {
    file.cache_look()?;
    // Before `capacity`, as the contract of `IoBufMut` begins with the pointer.
    let memory = buffer.stable_mut_ptr();
    let len = len.min(buffer.capacity());
    if len > TRANSFER_MAX {
        return None;
    }
    let transfer = Transfer::read(file.raw_fd(), memory, len, offset);
    // SAFETY: the kernel writes at most `len` bytes, which is at most the capacity, and the buffer
    // is borrowed exclusively meanwhile; the handle keeps the file open.
    let count = match unsafe { read_cached(&transfer, len, look, end) } {
        CacheRead::Hit(count) => count,
        CacheRead::Miss(_) => return None,
        CacheRead::Unsupported => {
            file.mark_nowait_unsupported();
            return None;
        }
    };
    // SAFETY: the kernel has written these, at most `capacity`.
    unsafe { buffer.set_filled(count) };
    Some(count)
}

/// Reads from `offset` on until the buffer has `len` bytes, no more than its capacity, or to the
/// end of the file. It waits for the device, so it is for blocking threads. Before each read it
/// asks whether to go on, with the number of bytes that are there, which becomes the buffer's
/// length.
pub(crate) fn read_waiting<B: IoBufMut>(
    file: &FileHandle,
    buffer: &mut B,
    len: usize,
    offset: u64,
    goes_on: impl Fn(usize) -> bool,
) -> io::Result<usize> {
    let memory = buffer.stable_mut_ptr();
    let len = len.min(buffer.capacity());
    let mut filled = 0;
    while filled < len && goes_on(filled) {
        // SAFETY: `filled` is less than the capacity, so the pointer stays in the buffer.
        let rest = unsafe { memory.add(filled) };
        let most = (len - filled).min(TRANSFER_MAX);
        let transfer = Transfer::read(file.raw_fd(), rest, most, offset + filled as u64);
        // SAFETY: the buffer has at least `most` bytes behind this pointer, and is borrowed
        // exclusively meanwhile; the handle keeps the file open.
        match decode(unsafe { perform(&transfer) })? {
            0 => break,
            count => filled += count,
        }
    }
    // SAFETY: the kernel has written these, at most `capacity`.
    unsafe { buffer.set_filled(filled) };
    Ok(filled)
}
