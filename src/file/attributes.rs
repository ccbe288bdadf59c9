//! Permissions and times that a file gets when all of it is written: a write would change them.

use std::fs::{FileTimes, Permissions};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::PermissionsExt;

use crate::sys::descriptor::{set_mode, set_times};

/// What a file gets when it is complete.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    permissions: Option<Permissions>,
    times: Option<FileTimes>,
}

impl Attributes {
    pub(crate) fn set_permissions(&mut self, permissions: Permissions) {
        self.permissions = Some(permissions);
    }

    pub(crate) fn set_times(&mut self, times: FileTimes) {
        self.times = Some(times);
    }

    pub(crate) fn have_permissions(&self) -> bool {
        self.permissions.is_some()
    }

    /// Gives them to the file: the times last, as they tell of what was before.
    pub(crate) fn give_to(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        if let Some(permissions) = &self.permissions {
            set_mode(file, permissions.mode())?;
        }
        self.times.map_or(Ok(()), |times| set_times(file, times))
    }
}
