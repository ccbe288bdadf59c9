//! The operations that a job can ask for.

use std::fmt;

/// The operations that a job can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Read into one buffer at an offset, like pread(2).
    Read,
    /// Write one buffer at an offset, like pwrite(2).
    Write,
    /// Read into several buffers, like preadv(2).
    ReadVectored,
    /// Write several buffers, like pwritev(2).
    WriteVectored,
    /// Make data and metadata durable, like fsync(2).
    SyncAll,
    /// Make data durable, like fdatasync(2).
    SyncData,
    /// Wait until a file is ready, like poll(2).
    Poll,
    /// Nothing but the callback.
    Nop,
    /// Work of the program's own that may block.
    Blocking,
}

impl Operation {
    /// Whether the result counts bytes.
    pub(crate) fn transfers(self) -> bool {
        self.reads() || self.writes()
    }

    pub(crate) fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadVectored)
    }

    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Write | Self::WriteVectored)
    }

    /// Whether handing the operation on may keep the calling thread waiting: io_submit(2) returns
    /// when the file system has taken it over. Polls, and those that the kernel has no part in, are
    /// only put into a list.
    pub(crate) fn may_block(self) -> bool {
        !matches!(self, Self::Poll | Self::Nop | Self::Blocking)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadVectored => "vectored read",
            Self::WriteVectored => "vectored write",
            Self::SyncAll => "fsync",
            Self::SyncData => "fdatasync",
            Self::Poll => "poll",
            Self::Nop => "nop",
            Self::Blocking => "blocking call",
        })
    }
}
