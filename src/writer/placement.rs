//! What becomes of a written file when it is complete.

use std::io;
use std::os::fd::AsFd;

use crate::file::FileHandle;
use crate::file::attributes::Attributes;
use crate::file::durability::Durability;
use crate::file::replacement::Replacement;
use crate::sys::descriptor::{set_len, sync};

/// Where a file is while it is written.
pub(crate) enum Placement {
    /// Under its name, or wherever its user has opened it.
    Open,
    /// Under a temporary name, which it has until it is complete.
    InPlaceOf(Replacement),
}

impl Placement {
    /// Completes the file. `len` is its length, if it was made longer ahead of its writes. Waits
    /// for the device.
    pub(crate) fn complete(
        self,
        file: &FileHandle,
        len: Option<u64>,
        attributes: Attributes,
        durability: Durability,
    ) -> io::Result<()> {
        if let Some(len) = len {
            set_len(file.as_fd(), len)?;
        }
        if let Self::InPlaceOf(replacement) = self {
            return replacement.with(attributes).commit(durability);
        }
        attributes.give_to(file.as_fd())?;
        match durability {
            Durability::Synced => sync(file.as_fd()),
            Durability::Cached => Ok(()),
        }
    }
}
