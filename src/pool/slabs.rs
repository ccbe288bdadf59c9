//! All slabs of a pool: what they are cut for, and how many bytes they are.
//!
//! New memory is mapped while the capacity allows it, as slabs that are there may be in use again
//! soon. After that a slab of another class all of whose buffers are home is cut anew, or unmapped
//! if the class needs slabs of another length.

use std::io;
use std::ops::Range;

use crate::pool::builder::HugePages;
use crate::pool::mapping::{HUGE_PAGE, Mapping};
use crate::pool::piece::{Home, Piece};
use crate::pool::slab::Slab;
use crate::pool::stats::PoolStats;

/// Why there is no buffer at once.
#[derive(Debug)]
pub(crate) enum Shortage {
    /// All that fit are out, and so is the capacity.
    Full,
    NoMemory(io::Error),
}

struct Class {
    /// Of its buffers, in bytes.
    size: usize,
    slab_len: usize,
    slabs: usize,
    /// The slabs with a buffer to take, in no order but that the last is the one to which a buffer
    /// came home last. Has room for all slabs of the class.
    ready: Vec<u32>,
}

pub(crate) struct Slabs {
    classes: Box<[Class]>,
    /// By number; slabs keep theirs.
    slabs: Vec<Option<Slab>>,
    vacant: Vec<u32>,
    /// Slabs from which nothing is taken.
    reserved: Vec<u32>,
    /// The length of all slabs whose buffers are all home.
    idle_bytes: usize,
    huge_pages: HugePages,
    pub(crate) tally: PoolStats,
}

/// How long the slabs of a class are.
pub(crate) fn slab_len(size: usize) -> usize {
    size.next_multiple_of(HUGE_PAGE)
}

impl Slabs {
    pub(crate) fn new(capacity: usize, sizes: &[usize], huge_pages: HugePages) -> Self {
        let class = |&size| Class { size, slab_len: slab_len(size), slabs: 0, ready: Vec::new() };
        Self {
            classes: sizes.iter().map(class).collect(),
            slabs: Vec::new(),
            vacant: Vec::new(),
            reserved: Vec::new(),
            idle_bytes: 0,
            huge_pages,
            tally: PoolStats { capacity, ..PoolStats::default() },
        }
    }

    /// Takes a buffer of the class that is home.
    pub(crate) fn take(&mut self, class: usize) -> Option<Piece> {
        let number = *self.classes[class].ready.last()?;
        self.tally.hits += 1;
        self.take_from(number)
    }

    /// Takes a buffer of the class, mapping memory for it or cutting an idle slab if need be.
    pub(crate) fn provide(&mut self, class: usize) -> Result<Piece, Shortage> {
        if let Some(piece) = self.take(class) {
            return Ok(piece);
        }
        let number = self.add(class)?;
        self.tally.misses += 1;
        Ok(self.take_from(number).expect("a new slab has all its buffers"))
    }

    fn take_from(&mut self, number: u32) -> Option<Piece> {
        let slab = self.slabs[number as usize].as_mut()?;
        let was_idle = slab.is_idle();
        let piece = slab.take(number)?;
        let (used_up, size, len) = (slab.is_used_up(), slab.size(), slab.mapping().len());
        self.tally.buffers_out += 1;
        self.tally.bytes_out += size;
        if was_idle {
            self.idle_bytes -= len;
        }
        if used_up {
            self.withdraw(number);
        }
        Some(piece)
    }

    pub(crate) fn put(&mut self, home: Home) {
        let slab = self.slab_mut(home.slab);
        slab.put(home);
        let (idle, reserved) = (slab.is_idle(), slab.reserved);
        let (size, len) = (slab.size(), slab.mapping().len());
        self.tally.buffers_out -= 1;
        self.tally.bytes_out -= size;
        if idle {
            self.idle_bytes += len;
        }
        if !reserved {
            self.offer(home.slab);
        }
    }

    /// Adds a slab to a class, if there is memory for it.
    fn add(&mut self, class: usize) -> Result<u32, Shortage> {
        let len = self.classes[class].slab_len;
        let room = self.tally.capacity - self.tally.mapped;
        let mut failure = None;
        if len <= room {
            match self.map(len) {
                Ok(mapping) => return self.settle(mapping, class),
                Err(error) => failure = Some(error),
            }
        }
        if let Some(number) = self.find_idle(|slab| slab.mapping().len() == len) {
            let mapping = self.remove(number).into_mapping();
            self.tally.recuts += 1;
            return self.settle(mapping, class);
        }
        if let Some(error) = failure {
            return Err(Shortage::NoMemory(error));
        }
        if room + self.idle_bytes < len {
            return Err(Shortage::Full);
        }
        while self.tally.capacity - self.tally.mapped < len && self.unmap_one().is_some() {}
        let mapping = self.map(len).map_err(Shortage::NoMemory)?;
        self.settle(mapping, class)
    }

    fn map(&mut self, len: usize) -> io::Result<Mapping> {
        let mapping = Mapping::new(len, self.huge_pages)?;
        self.tally.mapped += len;
        self.tally.maps += 1;
        if mapping.is_explicit() {
            self.tally.explicit_slabs += 1;
        } else if self.huge_pages == HugePages::Explicit {
            self.tally.explicit_fallbacks += 1;
        }
        Ok(mapping)
    }

    /// Under the lock, so that the bound holds for what is mapped and not only for what is counted.
    fn unmap(&mut self, mapping: Mapping) {
        self.tally.mapped -= mapping.len();
        self.tally.unmaps += 1;
        self.tally.explicit_slabs -= usize::from(mapping.is_explicit());
    }

    /// Cuts a mapping for a class, and offers it.
    fn settle(&mut self, mapping: Mapping, class: usize) -> Result<u32, Shortage> {
        let len = mapping.len();
        let slab = match Slab::cut(mapping, class, self.classes[class].size) {
            Ok(slab) => slab,
            Err((mapping, error)) => {
                self.unmap(mapping);
                return Err(Shortage::NoMemory(error));
            }
        };
        let number = self.vacant.pop().unwrap_or_else(|| {
            self.slabs.push(None);
            // The capacity has room for fewer than 2^32.
            self.slabs.len() as u32 - 1
        });
        self.slabs[number as usize] = Some(slab);
        self.tally.slabs += 1;
        self.idle_bytes += len;
        let class = &mut self.classes[class];
        class.slabs += 1;
        class.ready.reserve(class.slabs - class.ready.len());
        self.offer(number);
        Ok(number)
    }

    /// Unmaps one slab whose buffers are all home, and returns its length.
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
        self.withdraw(number);
        self.reserved.retain(|&reserved| reserved != number);
        let slab = self.slabs[number as usize].take().expect("only slabs that exist are removed");
        self.vacant.push(number);
        self.classes[slab.class()].slabs -= 1;
        self.idle_bytes -= slab.mapping().len();
        self.tally.slabs -= 1;
        slab
    }

    /// Takes one more slab of another class than this out of circulation: nothing more is taken
    /// from it, so that it becomes idle when what is out comes home. That with the fewest out.
    pub(crate) fn reserve_one(&mut self, class: usize) {
        let slabs = self.slabs.iter_mut().zip(0..);
        let candidates = slabs.filter_map(|(slab, number)| Some((slab.as_mut()?, number)));
        let candidates = candidates.filter(|(slab, _)| slab.class() != class && !slab.reserved);
        if let Some((slab, number)) = candidates.min_by_key(|(slab, _)| slab.buffers_out()) {
            slab.reserved = true;
            self.reserved.push(number);
            self.withdraw(number);
        }
    }

    /// Puts all slabs back into circulation.
    pub(crate) fn release_reserved(&mut self) {
        while let Some(number) = self.reserved.pop() {
            let slab = self.slab_mut(number);
            slab.reserved = false;
            if !slab.is_used_up() {
                self.offer(number);
            }
        }
    }

    /// Makes a slab the first to take from.
    fn offer(&mut self, number: u32) {
        let (class, rank) = {
            let slab = self.slab_mut(number);
            (slab.class(), slab.rank)
        };
        let ready = &mut self.classes[class].ready;
        let Some(rank) = rank else {
            ready.push(number);
            let last = ready.len() - 1;
            self.slab_mut(number).rank = Some(last);
            return;
        };
        let last = ready.len() - 1;
        if rank < last {
            ready.swap(rank, last);
            let other = ready[rank];
            self.slab_mut(other).rank = Some(rank);
            self.slab_mut(number).rank = Some(last);
        }
    }

    /// Takes a slab from its class's list, if it is there.
    fn withdraw(&mut self, number: u32) {
        let slab = self.slab_mut(number);
        let (class, Some(rank)) = (slab.class(), slab.rank.take()) else { return };
        let ready = &mut self.classes[class].ready;
        ready.swap_remove(rank);
        if let Some(&moved) = ready.get(rank) {
            self.slab_mut(moved).rank = Some(rank);
        }
    }

    fn slab_mut(&mut self, number: u32) -> &mut Slab {
        self.slabs[number as usize].as_mut().expect("a slab stays while it is listed or in use")
    }

    /// The addresses of all slabs.
    pub(crate) fn ranges(&self) -> Vec<Range<usize>> {
        let range = |slab: &Slab| {
            let start = slab.mapping().address();
            start..start + slab.mapping().len()
        };
        self.slabs.iter().flatten().map(range).collect()
    }
}
