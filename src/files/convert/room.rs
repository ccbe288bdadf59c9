//! The memory of conversions. Which thread waits for which part of it is decided here, so that no
//! two wait for each other.
//!
//! A file has memory from three places, one after the other:
//!
//! - Its first chunk is read into memory for the beginnings of files, before a converter has it.
//!   Files that wait for a converter may use up all of it. No other run takes from it: a function
//!   may wait for such a run.
//! - The converters' reads have memory that only they take. A function that waits for a chunk has
//!   none of it, and files that wait for a converter can't hold it up.
//! - So have their writes. A function fills at most one buffer at a time. There is one more than
//!   there are converters, so if one waits, a buffer is being written and comes back.
//!
//! So a function that waits for a chunk may keep a buffer that it fills, and one that waits for a
//! buffer may keep a chunk.

use std::io;
use std::sync::Arc;

use crate::file::durability::Durability;
use crate::file::io_way::IoWay;
use crate::files::convert::directory_syncs::DirectorySyncs;
use crate::files::convert::targets::Targets;
use crate::files::error::FilesError;
use crate::files::info::FileInfo;
use crate::files::settings::{Policy, Settings};
use crate::pipeline::Pipeline;
use crate::pool::BufferPool;
use crate::pool::error::PoolBuildError;
use crate::reader::FileReader;
use crate::streams::budget::Budget;
use crate::streams::sizes::{Sizes, invalid};
use crate::writer::FileWriter;
use crate::writer::builder::FileWriterBuilder;

/// The least chunk, and how many chunks a converter has at least to read, and to write.
const LEAST: usize = 16 << 10;
const CHUNKS: usize = 2;

/// Beginnings have two parts of the memory, reads one, and writes one.
const PARTS: usize = 4;

const MEMORY: usize = 64 << 20;

/// What the memory of each is rounded up to.
const SLAB: usize = 2 << 20;

/// Targets of files of this size, in bytes, that are synced are written directly if the policy is
/// automatic: they wait for the device anyway, and as direct reads do, that spares the page cache.
const LARGE: u64 = 8 << 20;

pub(crate) struct ConvertRoom {
    beginnings: Arc<Budget>,
    reads: Arc<Budget>,
    writer: FileWriterBuilder,
    targets: Targets,
    chunk: usize,
    /// How many bytes of a file are read ahead, and how many are written behind.
    ahead: usize,
    policy: Policy,
    directory_syncs: DirectorySyncs,
}

impl ConvertRoom {
    pub(crate) fn new(pipeline: &Arc<Pipeline>, settings: &Settings) -> Result<Self, FilesError> {
        let converters = pipeline.launcher().converters().limit();
        let least = LEAST * CHUNKS * PARTS * converters;
        let targets = settings.targets.clone();
        let memory = targets.memory.unwrap_or(MEMORY.max(least));
        let failed = |reason| {
            let setting = "memory of targets";
            FilesError::InvalidConfig { setting, value: memory, reason }
        };
        if memory < least {
            let reason = format!("{converters} converters take at least {least}");
            return Err(failed(reason));
        }
        // The largest power of two of which there are enough.
        let most = 1 << (memory / PARTS / CHUNKS / converters).ilog2();
        let chunk = settings.chunk.min(most);
        let count = memory / PARTS / chunk;
        let pool = || BufferPool::builder().holding([(chunk, count)]).build();
        let made = pool().and_then(|reads| Ok((reads, pool()?, beginnings(memory / 2, chunk)?)));
        let (reads, writes, beginnings) = made.map_err(|error| failed(error.to_string()))?;
        // Functions get memory in the order in which they ask. One that waits for a chunk has none,
        // so those that have some go on, and give them back.
        let ahead = settings.read_ahead.min(count / 2 * chunk).max(chunk);
        let writer = FileWriterBuilder::new(pipeline)
            .chunk(chunk)
            .write_behind(ahead)
            .mode(targets.mode)
            .durability(targets.durability)
            .existing(targets.existing)
            .sharing(writes);
        let reads = Budget::new(reads, Arc::clone(pipeline));
        let beginnings = Budget::new(beginnings, Arc::clone(pipeline));
        let (policy, directory_syncs) = (settings.policy, DirectorySyncs::default());
        Ok(Self { beginnings, reads, writer, targets, chunk, ahead, policy, directory_syncs })
    }

    pub(crate) fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The memory of files that wait for a converter.
    pub(crate) fn beginnings(&self) -> &Arc<Budget> {
        &self.beginnings
    }

    /// The sizes of the first read of a file, whose reads are multiples of this block.
    pub(crate) fn first_sizes(&self, block: usize) -> io::Result<Sizes> {
        let largest = self.beginnings.largest() / block * block;
        Sizes::checked(block, self.chunk.next_multiple_of(block).min(largest))
    }

    pub(crate) fn directory_syncs(&self) -> &DirectorySyncs {
        &self.directory_syncs
    }

    /// Has the file read ahead, as far as a converter may.
    pub(crate) fn read_ahead(&self, reader: &FileReader, block: usize) -> io::Result<()> {
        let largest = self.reads.largest() / block * block;
        if largest == 0 {
            return Err(invalid("direct I/O on it takes larger blocks than `chunk`"));
        }
        let sizes = Sizes::checked(block, self.chunk.min(largest))?;
        reader.go_on_with(&self.reads, sizes, self.ahead);
        Ok(())
    }

    /// Begins to write the target of a file.
    pub(crate) fn begin_target(&self, info: &FileInfo, size: u64) -> io::Result<FileWriter> {
        let is_direct = match self.policy {
            Policy::Direct => true,
            Policy::Buffered => false,
            Policy::Automatic => size >= LARGE && self.targets.durability == Durability::Synced,
        };
        let way = if is_direct { IoWay::DirectOrBuffered } else { IoWay::Buffered };
        let expected = if is_direct { size } else { 0 };
        self.writer.clone().way(way).expected_len(expected).replace(info.target())
    }
}

/// Buffers from one block, for the smallest files, up to a chunk.
fn beginnings(bytes: usize, chunk: usize) -> Result<BufferPool, PoolBuildError> {
    let smaller = (12..30).step_by(2).map(|bits| 1 << bits).filter(|&size| size < chunk);
    let capacity = bytes.next_multiple_of(SLAB).max(chunk);
    BufferPool::builder().capacity(capacity).classes(smaller.chain([chunk])).build()
}
