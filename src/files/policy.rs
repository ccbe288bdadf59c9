//! How files are read, and in which order their results come.

use std::fmt;

use crate::file::FileHandle;

/// How files are read: with direct I/O or through the page cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// With `O_DIRECT`, past the page cache. Where the file system has no direct I/O, through the
    /// page cache.
    Direct,
    /// Through the page cache.
    Buffered,
    /// Files that the page cache has are read through it, others with `O_DIRECT`. So a run over
    /// many files doesn't evict the pages that other programs use.
    /// [`small`](crate::FilesBuilder::small) makes an exception for small files.
    #[default]
    Automatic,
}

/// In which order results come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// As files are finished.
    #[default]
    Completion,
    /// As the paths came. A result that is finished early waits for those before it; at most
    /// [`results`](crate::FilesBuilder::results) of them wait. Such results must not keep memory of
    /// the run (a [`Chunk`](crate::Chunk), a [`WholeFile`](crate::WholeFile)): the files before
    /// them may be waiting for that memory.
    Input,
}

/// How a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// With `O_DIRECT`.
    Direct,
    /// Through the page cache, which had all of it.
    Cached,
    /// Through the page cache, where the read waited for the device, or where it can't be told
    /// whether it did.
    Buffered,
}

impl Access {
    pub(crate) fn of(file: &FileHandle) -> Self {
        if file.is_direct() { Self::Direct } else { Self::Buffered }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Cached => "cached",
            Self::Buffered => "buffered",
        })
    }
}
