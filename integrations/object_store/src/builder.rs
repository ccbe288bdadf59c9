//! The settings of a store.

use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use reapool::{BufferPool, BuildError as DispatcherError, Dispatcher, PoolBuildError, ReadHistory};

use crate::memory;
use crate::objects::Objects;
use crate::reader::Reader;
use crate::stats::Counters;
use crate::store::LocalStore;

/// The sizes of the pool's buffers in KiB. All but the last divide the 2 MiB of a slab with little
/// left over. Those for ranges of 32, 64, 128 and 256 KiB have room for what is read around a range
/// that is not aligned.
const CLASSES: [usize; 9] = [16, 36, 72, 136, 292, 680, 1024, 2048, 4096];

/// Makes a [`LocalStore`].
///
/// # Examples
///
/// ```
/// use object_store::local::LocalFileSystem;
/// use reapool_object_store::LocalStore;
///
/// let directory = LocalFileSystem::new_with_prefix("src")?.with_automatic_cleanup(true);
/// let store = LocalStore::builder().local(directory).memory(64 << 20).open_files(100).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "it makes a store when it is built"]
pub struct LocalStoreBuilder {
    local: LocalFileSystem,
    memory: usize,
    extra_memory: usize,
    open_files: usize,
    depth: usize,
    remembered: u64,
}

impl LocalStoreBuilder {
    pub(crate) fn new() -> Self {
        Self {
            local: LocalFileSystem::new(),
            memory: 128 << 20,
            extra_memory: usize::MAX,
            open_files: 256,
            depth: 128,
            remembered: memory::usable() / 2,
        }
    }

    /// The file system whose objects are read, and which does everything else; by default
    /// [`LocalFileSystem::new`], whose root is `/`.
    pub fn local(mut self, local: LocalFileSystem) -> Self {
        self.local = local;
        self
    }

    /// The capacity of the pool that results are read into, in bytes; 128 MiB by default. Memory is
    /// mapped when it is first needed.
    pub fn memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// The most bytes of results beyond the pool at a time; without a limit by default. A read for
    /// which there is no memory is an error. It does not wait: what it would wait for may be kept
    /// by the task that waits.
    pub fn extra_memory(mut self, bytes: usize) -> Self {
        self.extra_memory = bytes;
        self
    }

    /// How many files are kept open between calls, each with two descriptors; 256 by default, at
    /// least 1.
    pub fn open_files(mut self, files: usize) -> Self {
        self.open_files = files;
        self
    }

    /// How many reads are in the kernel at a time; 128 by default. Further ones wait in line.
    pub fn depth(mut self, reads: usize) -> Self {
        self.depth = reads;
        self
    }

    /// How many bytes of what was read past the page cache are remembered; by default half of the
    /// memory that the process may use: the machine's, or the limit of the process's cgroup if that
    /// is less. What is read again while it is remembered is let into the page cache. With 0,
    /// nothing is: then only what others have brought there is read from it.
    pub fn remembered(mut self, bytes: u64) -> Self {
        self.remembered = bytes;
        self
    }

    /// Makes the store, and starts its threads.
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn build(self) -> Result<LocalStore, BuildError> {
        let dispatcher = Dispatcher::builder().depth(self.depth).shrink_depth(true);
        let dispatcher = dispatcher.build().map_err(BuildError::Dispatcher)?;
        let pool = BufferPool::builder().capacity(self.memory).extra(self.extra_memory);
        let pool = pool.classes(CLASSES.map(|kib| kib << 10));
        let pool = pool.build().map_err(BuildError::Pool)?;
        let open_files = NonZeroUsize::new(self.open_files).unwrap_or(NonZeroUsize::MIN);
        let counters = Arc::new(Counters::default());
        let history = ReadHistory::new(self.remembered);
        let reader = Reader::new(dispatcher, pool, history, Arc::clone(&counters));
        Ok(LocalStore::assemble(self.local, Objects::new(open_files), reader, counters))
    }
}

impl LocalStore {
    /// Begins to make a store.
    pub fn builder() -> LocalStoreBuilder {
        LocalStoreBuilder::new()
    }

    /// A store of the whole file system, as [`LocalFileSystem::new`]: the one to register for
    /// `file://`.
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn new() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// A store of what is below a directory, as [`LocalFileSystem::new_with_prefix`].
    ///
    /// # Errors
    ///
    /// [`BuildError`].
    pub fn new_with_prefix(prefix: impl AsRef<Path>) -> Result<Self, BuildError> {
        let local = LocalFileSystem::new_with_prefix(prefix).map_err(BuildError::Prefix)?;
        Self::builder().local(local).build()
    }
}

/// Why a store could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// The directory can't be found.
    Prefix(object_store::Error),
    /// The dispatcher can't be started.
    Dispatcher(DispatcherError),
    /// The pool can't be made.
    Pool(PoolBuildError),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefix(_) => "the directory of the store can't be found",
            Self::Dispatcher(_) => "the store's dispatcher can't be started",
            Self::Pool(_) => "the store's memory can't be had",
        })
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(match self {
            Self::Prefix(source) => source,
            Self::Dispatcher(source) => source,
            Self::Pool(source) => source,
        })
    }
}
