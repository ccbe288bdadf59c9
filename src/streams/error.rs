//! Why a stream can't go on.

use std::io;

/// Why nobody wants a stream any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// The user stopped it.
    Stopped,
    /// The dispatcher takes no more jobs.
    ShutDown,
}

/// Why a stream can't go on.
#[derive(Debug)]
pub(crate) enum StreamError {
    /// The system has no memory for it, or a read failed.
    Io(io::Error),
    Halted(Halt),
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
