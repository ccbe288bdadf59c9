//! What keeps a job's file open.

use super::FileHandle;

/// What a job keeps its file open by. Its callback gets it back.
pub(crate) trait FileOwner: Send {
    fn handle(&self) -> &FileHandle;
}

impl FileOwner for FileHandle {
    fn handle(&self) -> &FileHandle {
        self
    }
}
