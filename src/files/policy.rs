//! How files are read, and in which order their results come.

use std::fmt;

/// Which way files are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Policy {
    /// With `O_DIRECT`, past the page cache; through it where the file system has no direct I/O.
    Direct,
    /// Through the page cache.
    Buffered,
    /// Through the page cache what is in it already, with `O_DIRECT` what is not, so that reading
    /// through many files doesn't drive out what others use. [`small`](crate::FilesBuilder::small)
    /// makes an exception for small files.
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
    /// As the paths came. Files that are finished early wait for those before them, as many as
    /// [`results`](crate::FilesBuilder::results) allows. They must not keep memory of the run (a
    /// [`Chunk`](crate::Chunk), a [`WholeFile`](crate::WholeFile)), which those before them may be
    /// waiting for.
    Input,
}

/// Which way a file was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// With `O_DIRECT`.
    Direct,
    /// Through the page cache, which had all of it.
    Cached,
    /// Through the page cache, waiting for the device, or with nothing to wait for that can be told.
    Buffered,
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
