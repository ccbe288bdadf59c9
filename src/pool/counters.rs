//! Counters of slabs and of the buffers that were taken from them. Nothing is decided by them.

use crate::pool::stats::PoolStats;

/// Each counts as the field of [`PoolStats`] with its name.
#[derive(Default)]
pub(crate) struct SlabCounters {
    pub(super) explicit_slabs: usize,
    pub(super) buffers_out: usize,
    pub(super) bytes_out: usize,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) maps: u64,
    pub(super) repurposed: u64,
    pub(super) unmaps: u64,
    pub(super) explicit_fallbacks: u64,
}

impl SlabCounters {
    /// A snapshot in which all other counters are 0.
    pub(crate) fn stats(&self) -> PoolStats {
        PoolStats {
            explicit_slabs: self.explicit_slabs,
            buffers_out: self.buffers_out,
            bytes_out: self.bytes_out,
            hits: self.hits,
            misses: self.misses,
            maps: self.maps,
            repurposed: self.repurposed,
            unmaps: self.unmaps,
            explicit_fallbacks: self.explicit_fallbacks,
            ..PoolStats::default()
        }
    }
}
