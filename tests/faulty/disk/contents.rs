//! What is in a file: bytes that follow from the offset, and what was written over them.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::support::contents;

const BLOCK: u64 = 4096;

/// The bytes that a file with this seed is made with. Those of seed 0 are [`contents`].
pub(crate) fn bytes(seed: u64, range: Range<u64>) -> Vec<u8> {
    contents(range.start + seed..range.end + seed)
}

pub(super) struct Contents {
    seed: u64,
    len: u64,
    /// Up to here the bytes follow from the offset; behind it they are zeros, but for what was
    /// written.
    known: u64,
    written: BTreeMap<u64, Box<[u8]>>,
}

impl Contents {
    pub(super) fn new(seed: u64, len: u64) -> Self {
        Self { seed, len, known: len, written: BTreeMap::new() }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn read(&self, offset: u64, count: usize) -> Vec<u8> {
        let end = self.len.min(offset.saturating_add(count as u64));
        let mut found = Vec::new();
        let mut at = offset;
        while at < end {
            let (block, within) = (at / BLOCK, (at % BLOCK) as usize);
            let part = (BLOCK - at % BLOCK).min(end - at) as usize;
            match self.written.get(&block) {
                Some(bytes) => found.extend_from_slice(&bytes[within..within + part]),
                None => found.extend(self.original(at..at + part as u64)),
            }
            at += part as u64;
        }
        found
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        let mut left = bytes;
        let mut at = offset;
        while !left.is_empty() {
            let (block, within) = (at / BLOCK, (at % BLOCK) as usize);
            let part = left.len().min(BLOCK as usize - within);
            let original = self.original(block * BLOCK..(block + 1) * BLOCK);
            let found = self.written.entry(block).or_insert_with(|| original.into());
            found[within..within + part].copy_from_slice(&left[..part]);
            left = &left[part..];
            at += part as u64;
        }
        self.len = self.len.max(at);
    }

    pub(super) fn set_len(&mut self, len: u64) {
        // What is cut off reads as zeros if the file grows again.
        self.known = self.known.min(len);
        self.written.retain(|block, _| block * BLOCK < len);
        if let Some(last) = self.written.get_mut(&(len / BLOCK)) {
            last[(len % BLOCK) as usize..].fill(0);
        }
        self.len = len;
    }

    fn original(&self, range: Range<u64>) -> Vec<u8> {
        let zeros = range.end.saturating_sub(range.start.max(self.known));
        let mut found = bytes(self.seed, range.start..range.end.min(self.known));
        found.resize(found.len() + zeros as usize, 0);
        found
    }
}
