//! The run, as a function's files know it.

use std::io;

use crate::files::consumer::Consumer;
use crate::files::progress::Counts;
use crate::files::run_core::RunCore;
use crate::streams::error::Halt;
use crate::sync::Arc;

/// The run whose function has a file.
pub(crate) trait RunWatch: Send + Sync {
    fn counts(&self) -> &Counts;

    /// An error if no files are to be read on.
    fn check(self: Arc<Self>) -> io::Result<()>;
}

impl<C: Consumer> RunWatch for RunCore<C> {
    fn counts(&self) -> &Counts {
        &self.counts
    }

    fn check(self: Arc<Self>) -> io::Result<()> {
        if self.shared.pipeline.is_forked() {
            // Locks may be held for ever. The reader refuses.
            return Ok(());
        }
        self.check_shutdown();
        match self.halted() {
            None => Ok(()),
            Some(Halt::Stopped) => Err(io::Error::other("the run was stopped")),
            Some(Halt::ShutDown) => Err(io::Error::other("the dispatcher was shut down")),
        }
    }
}
