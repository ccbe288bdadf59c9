//! Arrays as buffers: boxed and borrowed ones, whose bytes stay where they are.
//!
//! An array itself is no buffer: its bytes are moved together with it, into the job and on. There
//! the kernel would write to where they had been.
//!
//! ```
//! # use reapool::{FileHandle, Job};
//! # let file = FileHandle::open_buffered("Cargo.toml").unwrap();
//! let job: Job = Job::read(&file, Box::new([0; 8]), 0, |_| ());
//! ```
//!
//! ```compile_fail,E0277
//! # use reapool::{FileHandle, Job};
//! # let file = FileHandle::open_buffered("Cargo.toml").unwrap();
//! let job: Job = Job::read(&file, [0; 8], 0, |_| ());
//! ```
//!
//! Safety: each memory is that of a slice, and the argument is that of the slice in `mod.rs`.

#![expect(unsafe_code, reason = "the contract between buffers and the kernel")]

use crate::buffer::{IoBuf, IoBufMut};

// SAFETY: the heap block stays where it is while the box is moved, all of it is initialised, and it
// changes only through the box.
unsafe impl<const N: usize> IoBuf for Box<[u8; N]> {
    fn stable_ptr(&self) -> *const u8 {
        self.as_slice().as_ptr()
    }

    fn initialised(&self) -> usize {
        N
    }
}

// SAFETY: as above; the block is the box's own.
unsafe impl<const N: usize> IoBufMut for Box<[u8; N]> {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_slice().as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        N
    }

    /// The length of an array is fixed. Bytes after the first `count` keep their values.
    unsafe fn set_filled(&mut self, _count: usize) {}
}

// SAFETY: the array is not moved while it is borrowed, which is as long as its type is valid. A
// shared array of bytes is not changed meanwhile.
unsafe impl<const N: usize> IoBuf for &[u8; N] {
    fn stable_ptr(&self) -> *const u8 {
        self.as_slice().as_ptr()
    }

    fn initialised(&self) -> usize {
        N
    }
}

// SAFETY: as above, and it changes only through this value, which borrows it exclusively.
unsafe impl<const N: usize> IoBuf for &mut [u8; N] {
    fn stable_ptr(&self) -> *const u8 {
        self.as_slice().as_ptr()
    }

    fn initialised(&self) -> usize {
        N
    }
}

// SAFETY: as above; all of it is writable through an exclusive borrow.
unsafe impl<const N: usize> IoBufMut for &mut [u8; N] {
    fn stable_mut_ptr(&mut self) -> *mut u8 {
        self.as_mut_slice().as_mut_ptr()
    }

    fn capacity(&self) -> usize {
        N
    }

    /// The length of an array is fixed. Bytes after the first `count` keep their values.
    unsafe fn set_filled(&mut self, _count: usize) {}
}
