//! One mapping, cut into buffers of one size, and a buffer as it hands it out: memory without an
//! owner yet.
//!
//! Safety: a slab makes a raw buffer when it hands out one of its buffers. Until that buffer's id
//! comes back to the slab, no other raw buffer has the same memory.

#![expect(unsafe_code, reason = "memory with one owner at a time, in whichever thread")]

use std::io;
use std::ptr::NonNull;

use crate::pool::mapping::{HUGE_PAGE, Mapping};

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

pub(crate) struct Slab {
    mapping: Mapping,
    pub(super) class: usize,
    /// Of each buffer, in bytes.
    size: usize,
    /// How many buffers the mapping is cut into.
    count: usize,
    /// The indexes of the free buffers. It has room for all of them. The one that was returned last
    /// is taken first, as it may still be in a cache.
    free: Vec<u32>,
    /// Where the slab is in its class's list of ready slabs, if it is listed.
    pub(super) ready_index: Option<usize>,
    /// No buffer is taken, because a thread waits for the whole slab.
    pub(super) draining: bool,
}

impl Slab {
    /// The length of slabs for buffers of this size.
    pub(crate) fn len_for(buffer_size: usize) -> usize {
        buffer_size.next_multiple_of(HUGE_PAGE)
    }

    /// Gives the mapping back if there is no memory for the list of its buffers.
    pub(crate) fn cut(
        mapping: Mapping,
        class: usize,
        size: usize,
    ) -> Result<Self, (Mapping, io::Error)> {
        let count = mapping.len() / size;
        let mut free = Vec::new();
        if free.try_reserve_exact(count).is_err() {
            return Err((mapping, io::ErrorKind::OutOfMemory.into()));
        }
        // A slab has 2 MiB or a single buffer, so the indexes fit. The first buffer is taken first.
        free.extend((0..count as u32).rev());
        Ok(Self { mapping, class, size, count, free, ready_index: None, draining: false })
    }

    /// Takes the free buffer that was returned last. `number` is the slab's own.
    pub(crate) fn take(&mut self, number: u32) -> Option<RawBuffer> {
        let index = self.free.pop()?;
        let memory = self.mapping.at(index as usize * self.size);
        Some(RawBuffer { memory, size: self.size, id: BufferId { slab: number, index } })
    }

    pub(crate) fn put(&mut self, id: BufferId) {
        debug_assert!(!self.free.contains(&id.index) && (id.index as usize) < self.count);
        self.free.push(id.index);
    }

    /// Gives up the memory. All buffers are free.
    pub(crate) fn into_mapping(self) -> Mapping {
        assert!(self.is_idle(), "memory stays mapped while one of its buffers is out");
        self.mapping
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Of each buffer, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn buffers_out(&self) -> usize {
        self.count - self.free.len()
    }

    /// Whether all of its buffers are free.
    pub(crate) fn is_idle(&self) -> bool {
        self.buffers_out() == 0
    }

    /// Whether none of its buffers is free.
    pub(crate) fn is_used_up(&self) -> bool {
        self.free.is_empty()
    }
}
