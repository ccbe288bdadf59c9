//! The part of a slab that a buffer is.
//!
//! Safety: a piece is made when a slab hands out one of its buffers, and until that buffer's home
//! is given back there is no other piece of the same memory.

#![expect(unsafe_code, reason = "memory with one owner at a time, whichever thread that is in")]

use std::ptr::NonNull;

/// Where a buffer belongs: the number of its slab, and its own in that.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Home {
    pub(crate) slab: u32,
    pub(crate) place: u32,
}

pub(crate) struct Piece {
    pub(crate) memory: NonNull<u8>,
    pub(crate) home: Home,
}

// SAFETY: plain bytes know no thread, and nobody else has a piece of them.
unsafe impl Send for Piece {}
// SAFETY: a shared piece tells its address, and gives access to nothing.
unsafe impl Sync for Piece {}
