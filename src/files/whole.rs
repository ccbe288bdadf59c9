//! A file with all its contents.

use std::path::Path;

use crate::file::metadata::Metadata;
use crate::files::fold::Contents;
use crate::files::info::FileInfo;

/// A file that has been read whole, as the function given to [`Files::read`](crate::Files::read)
/// gets it. Its memory goes back when it is dropped.
#[derive(Debug)]
pub struct WholeFile {
    info: FileInfo,
    contents: Contents,
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

    /// What the file system said of the file when it had been opened. Its size may differ from the
    /// length of the contents if the file was changed meanwhile, and does in `/proc`.
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
