//! A file that was read whole.

use std::path::Path;

use crate::file::metadata::Metadata;
use crate::files::chunk::Chunk;
use crate::files::info::FileInfo;

/// A file that has been read whole, as the callback given to [`Files::read`](crate::Files::read)
/// gets it. Its memory goes back when it is dropped.
#[derive(Debug)]
pub struct WholeFile {
    info: FileInfo,
    contents: Contents,
}

/// The contents of a file, mostly its only chunk.
#[derive(Debug)]
pub(crate) enum Contents {
    Nothing,
    One(Chunk),
    /// The chunks of a file that was not as long as it said, copied together.
    Several(Vec<u8>),
}

impl WholeFile {
    pub(crate) fn new(info: FileInfo, contents: Contents) -> Self {
        Self { info, contents }
    }

    /// The path, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.info.path()
    }

    /// The file's metadata, as of when it was opened. Its size differs from the length of the
    /// contents for files in `/proc`, and may differ if the file was changed since.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        self.info.metadata()
    }

    /// Path, metadata, and position among the run's paths.
    #[must_use]
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// All bytes of the file.
    #[must_use]
    pub fn contents(&self) -> &[u8] {
        match &self.contents {
            Contents::Nothing => &[],
            Contents::One(chunk) => chunk,
            Contents::Several(all) => all,
        }
    }
}
