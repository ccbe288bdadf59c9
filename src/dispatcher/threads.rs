//! Starts a dispatcher's threads: named, with signals blocked, and all of them running before the
//! dispatcher is handed out.
//!
//! A caller that has the dispatcher may at once put a limit or a filter of system calls on the
//! process. This can take away what a thread needs for its first steps: Rust aborts the process if
//! a thread can't have the stack for its signal handlers.

use std::convert::Infallible;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::dispatcher::error::{BuildError, BuildFailure};
use crate::sync::thread::{self, JoinHandle};
use crate::sys::signals;

/// Starts threads, and waits for them to run.
pub(crate) struct Threads {
    /// Each thread that doesn't run yet has a clone.
    coming: Sender<Infallible>,
    all_run: Receiver<Infallible>,
}

impl Threads {
    pub(crate) fn new() -> Self {
        let (coming, all_run) = bounded(0);
        Self { coming, all_run }
    }

    /// Starts a thread with this name.
    pub(crate) fn start(
        &self,
        name: String,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<JoinHandle<()>, BuildError> {
        let builder = thread::Builder::new().name(name.clone());
        let coming = self.coming.clone();
        let run = move || {
            drop(coming);
            run();
        };
        signals::blocked_during(|| builder.spawn(run))
            .map_err(|source| BuildError(BuildFailure::Thread { name, source }))
    }

    /// Waits until all threads that were started run.
    pub(crate) fn wait(self) {
        drop(self.coming);
        // Nothing is ever sent. The channel is disconnected when the last clone is gone.
        let _ = self.all_run.recv();
    }
}
