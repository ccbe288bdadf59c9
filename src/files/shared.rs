//! The parts of a `Files` that its runs share.

use std::sync::Arc;

use crate::file::filesystem::FileSystems;
use crate::file::history::ReadHistory;
use crate::files::convert::room::ConvertRoom;
use crate::files::opener::{Lookup, NoWaitOpener};
use crate::files::settings::{Policy, Settings};
use crate::files::stats::Counters;
use crate::pipeline::Pipeline;
use crate::pool::BufferPool;
use crate::streams::budget::Budget;
use crate::unwind::{Payload, catch};

pub(crate) struct FilesShared {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) settings: Settings,
    pub(super) budget: Arc<Budget>,
    pub(super) counters: Counters,
    pub(super) lookup: Lookup,
    pub(super) file_systems: FileSystems,
    /// For conversions.
    pub(super) room: ConvertRoom,
}

impl FilesShared {
    pub(crate) fn new(
        pipeline: Arc<Pipeline>,
        settings: Settings,
        pool: BufferPool,
        lookup: Lookup,
        room: ConvertRoom,
    ) -> Self {
        Self {
            budget: Budget::new(pool, Arc::clone(&pipeline)),
            counters: Counters::default(),
            file_systems: FileSystems::default(),
            lookup,
            room,
            pipeline,
            settings,
        }
    }

    /// The read history, if files are read by the policy that it is for.
    pub(crate) fn history(&self) -> Option<&ReadHistory> {
        self.settings.history.as_ref().filter(|_| self.settings.policy == Policy::Automatic)
    }

    pub(crate) fn no_wait_opener(&self) -> NoWaitOpener<'_> {
        NoWaitOpener::new(&self.lookup, &self.file_systems)
    }

    /// Runs the user's code and catches its panic.
    ///
    /// `None` in a child process that this code has forked, where the caller must return at once:
    /// locks may be held for ever, by threads that don't exist there. The value is leaked, as it
    /// and everything else is the parent's.
    pub(crate) fn run_user<R>(&self, user: impl FnOnce() -> R) -> Option<Result<R, Payload>> {
        let result = catch(user);
        if self.pipeline.is_forked() {
            std::mem::forget(result);
            return None;
        }
        Some(result)
    }
}
