//! What a run does with its files, as far as opening and reading them depends on it.

use std::sync::Arc;

use crate::files::shared::FilesShared;
use crate::pipeline::Pipeline;
use crate::streams::budget::Budget;
use crate::wait::waiting_threads::Wait;

/// What a run does with each of its files.
pub(crate) trait Consumer: Send + Sync + 'static {
    /// What it makes of a file.
    type Output: Send + 'static;

    /// How many descriptors a file in progress has, at most.
    const DESCRIPTORS: usize = 1;

    /// The memory for the first reads of files.
    fn first_reads(shared: &FilesShared) -> &Arc<Budget> {
        &shared.budget
    }

    /// Lets the calling thread wait for results of such a run, as long as the value exists; `None`
    /// if it must not.
    fn may_wait(pipeline: &Pipeline) -> Option<Wait<'_>> {
        pipeline.wait_for_jobs()
    }

    /// How many bytes of a file of this size one read asks for, if `usual` is the size of a chunk.
    /// If the file is too large, the error is the largest size that is allowed.
    fn request_len(&self, size: u64, usual: usize) -> Result<usize, usize>;
}
