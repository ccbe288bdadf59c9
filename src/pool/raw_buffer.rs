//! A buffer as its slab hands it out: memory without an owner yet.
//!
//! Safety: a slab makes a raw buffer when it hands out one of its buffers. Until that buffer's id
//! comes back to the slab, no other raw buffer has the same memory.

#![expect(unsafe_code, reason = "memory with one owner at a time, in whichever thread")]

use std::ptr::NonNull;

/// Which buffer it is: the number of its slab, and its index in that slab.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BufferId {
    pub(super) slab: u32,
    pub(super) index: u32,
}

pub(crate) struct RawBuffer {
    pub(super) memory: NonNull<u8>,
    /// In bytes.
    pub(super) size: usize,
    pub(super) id: BufferId,
}

// SAFETY: plain bytes belong to no thread, and no other raw buffer has the same ones.
unsafe impl Send for RawBuffer {}
// SAFETY: a shared reference shows the address, and gives access to no byte.
unsafe impl Sync for RawBuffer {}
