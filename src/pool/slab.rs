//! One mapping, cut into buffers of one size.

use std::io;

use crate::pool::mapping::{HUGE_PAGE, Mapping};
use crate::pool::raw_buffer::{BufferId, RawBuffer};

pub(crate) struct Slab {
    mapping: Mapping,
    class: usize,
    /// Of each buffer, in bytes.
    size: usize,
    /// How many buffers the mapping is cut into.
    count: usize,
    /// The indexes of the free buffers. It has room for all of them. The one that was returned last
    /// is taken first, as it may still be in a cache.
    free: Vec<u32>,
    /// Where the slab is in its class's list of ready slabs, if it is listed.
    ready_index: Option<usize>,
    /// No buffer is taken, because a thread waits for the whole slab.
    draining: bool,
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

    pub(crate) fn class(&self) -> usize {
        self.class
    }

    /// Of each buffer, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn mapping(&self) -> &Mapping {
        &self.mapping
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

    pub(crate) fn is_draining(&self) -> bool {
        self.draining
    }

    pub(crate) fn set_draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    pub(crate) fn ready_index(&self) -> Option<usize> {
        self.ready_index
    }

    pub(crate) fn set_ready_index(&mut self, index: Option<usize>) {
        self.ready_index = index;
    }
}
