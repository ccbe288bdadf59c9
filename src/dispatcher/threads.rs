//! Starting a dispatcher's threads: named, with signals blocked, and all of them running before their
//! dispatcher is handed out.
//!
//! Who has it may take from the process at once what a thread needs for its first steps, by a limit or a
//! filter of system calls. Rust aborts the process if a thread can't have the stack for its signal
//! handlers.

use std::convert::Infallible;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::dispatcher::error::{BuildError, BuildFailure};
use crate::sync::thread::{self, JoinHandle};
use crate::sys::signals;

/// Starts threads, and waits for them to run.
pub(crate) struct Threads {
    /// A clone for each that doesn't run yet.
    coming: Sender<Infallible>,
    all_run: Receiver<Infallible>,
}

impl Threads {
    pub(crate) fn new() -> Self {
        let (coming, all_run) = bounded(0);
        Self { coming, all_run }
    }

    /// Starts one with this name.
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

    /// Waits until all that were started run.
    pub(crate) fn wait(self) {
        drop(self.coming);
        // Nothing is ever sent: disconnected when the last clone is gone.
        let _ = self.all_run.recv();
    }
}
