//! What becomes of a written file when it is complete.

use std::io;
use std::os::fd::AsFd;

use crate::file::FileHandle;
use crate::file::attributes::Attributes;
use crate::file::durability::Durability;
use crate::file::replacement::{Renamed, Replacement};
use crate::sys::descriptor::{set_len, sync};

/// The end of a file of which all is written, to be carried out by a thread that may block.
pub(crate) struct Completion {
    pub(super) placement: Placement,
    pub(super) file: FileHandle,
    /// The file's length, if it was made longer ahead of its writes.
    pub(super) len: Option<u64>,
    pub(super) attributes: Attributes,
}

impl Completion {
    /// Completes the file. Waits for the device.
    pub(crate) fn carry_out(self) -> io::Result<()> {
        self.take_name()?.map_or(Ok(()), Renamed::sync)
    }

    /// The same, but the directory of a file that has a new name is still to be synced, if that is
    /// asked for.
    pub(crate) fn take_name(self) -> io::Result<Option<Renamed>> {
        let Self { placement, file, len, attributes } = self;
        if let Some(len) = len {
            set_len(file.as_fd(), len)?;
        }
        let durability = match placement {
            Placement::InPlaceOf(replacement) => return replacement.with(attributes).take_name(),
            Placement::Open(durability) => durability,
        };
        attributes.give_to(file.as_fd())?;
        match durability {
            Durability::Synced => sync(file.as_fd()).map(|()| None),
            Durability::Cached => Ok(None),
        }
    }
}

/// Where a file is while it is written.
pub(crate) enum Placement {
    /// Under its name, or wherever its user has opened it. It is to be synced or not.
    Open(Durability),
    /// In its directory, without its name until it is complete.
    InPlaceOf(Replacement),
}
