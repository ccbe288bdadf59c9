//! One mapping, cut into buffers of one size.

use std::io;

use crate::pool::mapping::Mapping;
use crate::pool::piece::{Home, Piece};

pub(crate) struct Slab {
    mapping: Mapping,
    class: usize,
    /// Of each buffer, in bytes.
    size: usize,
    /// How many buffers it is cut into.
    count: usize,
    /// The numbers of the buffers that are home; the one that came last is at the end, and the
    /// first to go, as it may still be in a cache. Has room for all.
    home: Vec<u32>,
    /// Where it is in its class's list of slabs to take from, if it is.
    pub(crate) rank: Option<usize>,
    /// Nothing is taken from it: somebody waits for the whole of it.
    pub(crate) reserved: bool,
}

impl Slab {
    /// Gives the mapping back if there is no memory for the list of its buffers.
    pub(crate) fn cut(
        mapping: Mapping,
        class: usize,
        size: usize,
    ) -> Result<Self, (Mapping, io::Error)> {
        let count = mapping.len() / size;
        let mut home = Vec::new();
        if home.try_reserve_exact(count).is_err() {
            return Err((mapping, io::ErrorKind::OutOfMemory.into()));
        }
        // Slabs are of 2 MiB, or of one buffer. The first goes first.
        home.extend((0..count as u32).rev());
        Ok(Self { mapping, class, size, count, home, rank: None, reserved: false })
    }

    /// Takes the buffer that came home last.
    pub(crate) fn take(&mut self, number: u32) -> Option<Piece> {
        let place = self.home.pop()?;
        let memory = self.mapping.at(place as usize * self.size);
        Some(Piece { memory, home: Home { slab: number, place } })
    }

    pub(crate) fn put(&mut self, home: Home) {
        debug_assert!(!self.home.contains(&home.place) && (home.place as usize) < self.count);
        self.home.push(home.place);
    }

    /// Gives up the memory; all of its buffers are home.
    pub(crate) fn into_mapping(self) -> Mapping {
        assert!(self.is_idle(), "the memory of a buffer that is out stays");
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
        self.count - self.home.len()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.buffers_out() == 0
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.home.is_empty()
    }
}
