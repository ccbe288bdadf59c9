//! The value by which a job keeps its file open.

use crate::file::handle::FileHandle;

/// Keeps a job's file open. The job's callback gets it back.
pub(crate) trait FileOwner: Send {
    fn handle(&self) -> &FileHandle;
}

impl FileOwner for FileHandle {
    fn handle(&self) -> &FileHandle {
        self
    }
}
