//! Tokens: numbers that come back with events. A token names a slot and the generation of its use.

/// The index of the slot that a token names.
pub(crate) fn index_of(token: u64) -> usize {
    (token & 0xffff_ffff) as usize
}

/// The generation of that slot's use.
pub(crate) fn generation_of(token: u64) -> u32 {
    (token >> 32) as u32
}

pub(crate) fn token_of(index: u32, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(index)
}
