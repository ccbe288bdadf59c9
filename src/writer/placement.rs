//! What becomes of a written file when it is complete.

use std::io;
use std::os::fd::AsFd;

use crate::file::FileHandle;
use crate::sys::descriptor::{set_len, sync_all};
use crate::writer::settings::Durability;

/// Where a file is while it is written.
pub(crate) enum Placement {
    /// Under its name, or wherever its user has opened it.
    Open,
}

impl Placement {
    /// Completes the file. `len` is its length, if it was made longer ahead of its writes. Waits
    /// for the device.
    pub(crate) fn complete(
        self,
        file: &FileHandle,
        len: Option<u64>,
        durability: Durability,
    ) -> io::Result<()> {
        if let Some(len) = len {
            set_len(file.as_fd(), len)?;
        }
        if durability == Durability::Synced {
            sync_all(file.as_fd())?;
        }
        match self {
            Self::Open => Ok(()),
        }
    }
}
