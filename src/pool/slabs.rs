//! All slabs of a pool: which classes they are cut for, and how many bytes they have.
//!
//! As long as the capacity allows it, a class that needs a slab gets new memory, because the slabs
//! that are there may soon be used again. After that an idle slab of another class is cut again, or
//! unmapped if the two classes have slabs of different lengths.

use std::io;
use std::ops::Range;

use crate::pool::mapping::{HugePages, Mapping};
use crate::pool::slab::{BufferId, RawBuffer, Slab};
use crate::pool::stats::PoolStats;

/// Why there is no buffer at once.
#[derive(Debug)]
pub(crate) enum Shortage {
    /// No buffer that fits is free, and the capacity has no room for a slab.
    Full,
    NoMemory(io::Error),
}

struct Class {
    buffer_size: usize,
    slab_len: usize,
    slab_count: usize,
    /// The numbers of the slabs to take from. The last is the one to which a buffer was returned
    /// last; the others are in no order. It has room for all slabs of the class.
    ready: Vec<u32>,
}

pub(crate) struct Slabs {
    capacity: usize,
    /// Bytes mapped now: at most the capacity.
    mapped: usize,
    classes: Box<[Class]>,
    /// By number. A slab keeps its number.
    slabs: Vec<Option<Slab>>,
    /// The numbers that no slab has.
    vacant: Vec<u32>,
    /// The numbers of the slabs from which nothing is taken.
    draining: Vec<u32>,
    /// The length of all idle slabs together.
    idle_bytes: usize,
    huge_pages: HugePages,
    /// Slabs of buffers up to this size are in ordinary pages.
    ordinary_up_to: usize,
    /// Nothing is decided by them. Those of waiting threads are 0, as are the fields that `stats`
    /// fills in.
    counters: PoolStats,
}

impl Slabs {
    pub(crate) fn new(capacity: usize, sizes: &[usize], huge_pages: HugePages) -> Self {
        let class = |&buffer_size| {
            let slab_len = Slab::len_for(buffer_size);
            Class { buffer_size, slab_len, slab_count: 0, ready: Vec::new() }
        };
        Self {
            capacity,
            mapped: 0,
            classes: sizes.iter().map(class).collect(),
            slabs: Vec::new(),
            vacant: Vec::new(),
            draining: Vec::new(),
            idle_bytes: 0,
            huge_pages,
            ordinary_up_to: 0,
            counters: PoolStats::default(),
        }
    }

    /// The same, but with ordinary pages for buffers up to this size.
    pub(crate) fn ordinary_up_to(self, size: usize) -> Self {
        Self { ordinary_up_to: size, ..self }
    }

    /// Takes a free buffer of the class.
    pub(crate) fn take(&mut self, class: usize) -> Option<RawBuffer> {
        let number = *self.classes[class].ready.last()?;
        self.counters.hits += 1;
        self.take_from(number)
    }

    /// Takes a buffer of the class. If none is free, maps memory or cuts an idle slab for it.
    pub(crate) fn provide(&mut self, class: usize) -> Result<RawBuffer, Shortage> {
        if let Some(buffer) = self.take(class) {
            return Ok(buffer);
        }
        let number = self.add_slab(class)?;
        self.counters.misses += 1;
        Ok(self.take_from(number).expect("a new slab has all its buffers"))
    }

    fn take_from(&mut self, number: u32) -> Option<RawBuffer> {
        let slab = self.slabs[number as usize].as_mut()?;
        let was_idle = slab.is_idle();
        let buffer = slab.take(number)?;
        let (used_up, len) = (slab.is_used_up(), slab.mapping().len());
        self.counters.buffers_out += 1;
        self.counters.bytes_out += buffer.size;
        if was_idle {
            self.idle_bytes -= len;
        }
        if used_up {
            self.unlist(number);
        }
        Some(buffer)
    }

    pub(crate) fn put(&mut self, id: BufferId) {
        let slab = self.slab_mut(id.slab);
        slab.put(id);
        let (idle, draining) = (slab.is_idle(), slab.draining);
        let (size, len) = (slab.size(), slab.mapping().len());
        self.counters.buffers_out -= 1;
        self.counters.bytes_out -= size;
        if idle {
            self.idle_bytes += len;
        }
        if !draining {
            self.list(id.slab);
        }
    }

    /// Adds a slab to a class, if there is memory for it.
    fn add_slab(&mut self, class: usize) -> Result<u32, Shortage> {
        let len = self.classes[class].slab_len;
        let mut failure = None;
        if len <= self.room() {
            match self.map(len, class) {
                Ok(mapping) => return self.cut(mapping, class),
                Err(error) => failure = Some(error),
            }
        }
        if let Some(number) = self.find_idle(|slab| slab.mapping().len() == len) {
            let mapping = self.remove(number).into_mapping();
            self.counters.repurposed += 1;
            return self.cut(mapping, class);
        }
        if let Some(error) = failure {
            // Idle slabs of other lengths may have the memory that the system lacks.
            while self.unmap_one().is_some() {
                if let Ok(mapping) = self.map(len, class) {
                    return self.cut(mapping, class);
                }
            }
            return Err(Shortage::NoMemory(error));
        }
        if self.room() + self.idle_bytes < len {
            return Err(Shortage::Full);
        }
        while self.room() < len && self.unmap_one().is_some() {}
        let mapping = self.map(len, class).map_err(Shortage::NoMemory)?;
        self.cut(mapping, class)
    }

    /// How many bytes may still be mapped.
    fn room(&self) -> usize {
        self.capacity - self.mapped
    }

    /// Maps a slab that is to be cut for the class.
    fn map(&mut self, len: usize, class: usize) -> io::Result<Mapping> {
        let is_ordinary = self.classes[class].buffer_size <= self.ordinary_up_to;
        let huge_pages = if is_ordinary { HugePages::Off } else { self.huge_pages };
        let mapping = Mapping::new(len, huge_pages)?;
        self.mapped += len;
        self.counters.maps += 1;
        if mapping.is_explicit() {
            self.counters.explicit_slabs += 1;
        } else if huge_pages == HugePages::Explicit {
            self.counters.explicit_fallbacks += 1;
        }
        Ok(mapping)
    }

    /// Unmaps before the lock is released. So the capacity bounds the bytes that are mapped, and
    /// not only those that are counted.
    fn unmap(&mut self, mapping: Mapping) {
        self.mapped -= mapping.len();
        self.counters.unmaps += 1;
        self.counters.explicit_slabs -= usize::from(mapping.is_explicit());
    }

    /// Cuts a mapping into a slab of the class, and lists it. Returns its number.
    fn cut(&mut self, mapping: Mapping, class: usize) -> Result<u32, Shortage> {
        let len = mapping.len();
        let slab = match Slab::cut(mapping, class, self.classes[class].buffer_size) {
            Ok(slab) => slab,
            Err((mapping, error)) => {
                self.unmap(mapping);
                return Err(Shortage::NoMemory(error));
            }
        };
        let number = self.vacant.pop().unwrap_or_else(|| {
            self.slabs.push(None);
            // The capacity has room for fewer than 2^32 slabs.
            self.slabs.len() as u32 - 1
        });
        self.slabs[number as usize] = Some(slab);
        self.idle_bytes += len;
        let class = &mut self.classes[class];
        class.slab_count += 1;
        class.ready.reserve(class.slab_count - class.ready.len());
        self.list(number);
        Ok(number)
    }

    /// Unmaps one idle slab, and returns its length.
    pub(crate) fn unmap_one(&mut self) -> Option<usize> {
        let number = self.find_idle(|_| true)?;
        let mapping = self.remove(number).into_mapping();
        let len = mapping.len();
        self.unmap(mapping);
        Some(len)
    }

    fn find_idle(&self, fits: impl Fn(&Slab) -> bool) -> Option<u32> {
        if self.idle_bytes == 0 {
            return None;
        }
        let fits =
            |slab: &Option<Slab>| slab.as_ref().is_some_and(|slab| slab.is_idle() && fits(slab));
        self.slabs.iter().position(fits).map(|number| number as u32)
    }

    /// Takes an idle slab out of the pool.
    fn remove(&mut self, number: u32) -> Slab {
        self.unlist(number);
        self.draining.retain(|&draining| draining != number);
        let slab = self.slabs[number as usize].take().expect("only slabs that exist are removed");
        self.vacant.push(number);
        self.classes[slab.class].slab_count -= 1;
        self.idle_bytes -= slab.mapping().len();
        slab
    }

    /// Drains one more slab that was cut for another class than this: no buffer is taken from it,
    /// so it becomes idle when those that are out have been returned. It is the slab with the
    /// fewest buffers out.
    pub(crate) fn drain_one(&mut self, class: usize) {
        let slabs = self.slabs.iter_mut().zip(0..);
        let candidates = slabs.filter_map(|(slab, number)| Some((slab.as_mut()?, number)));
        let candidates = candidates.filter(|(slab, _)| slab.class != class && !slab.draining);
        if let Some((slab, number)) = candidates.min_by_key(|(slab, _)| slab.buffers_out()) {
            slab.draining = true;
            self.draining.push(number);
            self.unlist(number);
        }
    }

    /// Lets buffers be taken from all slabs again.
    pub(crate) fn stop_draining(&mut self) {
        while let Some(number) = self.draining.pop() {
            let slab = self.slab_mut(number);
            slab.draining = false;
            if !slab.is_used_up() {
                self.list(number);
            }
        }
    }

    /// Makes a slab the first of its class to take from.
    fn list(&mut self, number: u32) {
        let slab = self.slab_mut(number);
        let (class, listed_at) = (slab.class, slab.ready_index);
        let ready = &mut self.classes[class].ready;
        if ready.last() == Some(&number) {
            return;
        }
        let index = listed_at.unwrap_or_else(|| {
            ready.push(number);
            ready.len() - 1
        });
        let last = ready.len() - 1;
        ready.swap(index, last);
        let moved = ready[index];
        self.slab_mut(moved).ready_index = Some(index);
        self.slab_mut(number).ready_index = Some(last);
    }

    /// Takes a slab off its class's list, if it is there.
    fn unlist(&mut self, number: u32) {
        let slab = self.slab_mut(number);
        let (class, Some(index)) = (slab.class, slab.ready_index) else { return };
        slab.ready_index = None;
        let ready = &mut self.classes[class].ready;
        ready.swap_remove(index);
        if let Some(&moved) = ready.get(index) {
            self.slab_mut(moved).ready_index = Some(index);
        }
    }

    fn slab_mut(&mut self, number: u32) -> &mut Slab {
        self.slabs[number as usize].as_mut().expect("a slab stays while it is listed or in use")
    }

    /// How many slabs are mapped now.
    pub(crate) fn count(&self) -> usize {
        self.slabs.len() - self.vacant.len()
    }

    /// The addresses of all slabs.
    pub(crate) fn ranges(&self) -> Vec<Range<usize>> {
        let range = |slab: &Slab| {
            let start = slab.mapping().address();
            start..start + slab.mapping().len()
        };
        self.slabs.iter().flatten().map(range).collect()
    }

    /// The counters of slabs and buffers. Those of waiting threads are 0.
    pub(crate) fn stats(&self) -> PoolStats {
        let (capacity, mapped, slabs) = (self.capacity, self.mapped, self.count());
        PoolStats { capacity, mapped, slabs, ..self.counters }
    }
}
