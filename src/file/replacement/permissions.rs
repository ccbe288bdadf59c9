//! The permissions of a file that is replaced, for the one that takes its place.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::fchown;

use crate::file::metadata::Metadata;
use crate::sys::descriptor::set_mode;

const SET_ID: u32 = libc::S_ISUID | libc::S_ISGID;

/// Who may do what with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Permissions {
    mode: u32,
    uid: u32,
    gid: u32,
}

impl Permissions {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self { mode: metadata.mode, uid: metadata.uid, gid: metadata.gid }
    }

    /// Gives them to a file, which nobody but its owner may use until then. It keeps an owner or a
    /// group that this process may not change, and then its mode has no set-id bits, and what the
    /// group may is no more than what others may.
    pub(super) fn give_to(self, file: BorrowedFd<'_>) -> io::Result<()> {
        let own = Self::of(&Metadata::of(file)?);
        // The group first: an owner may change it, who is another afterwards.
        let has_group = own.gid == self.gid || is_allowed(fchown(file, None, Some(self.gid)))?;
        let has_owner = own.uid == self.uid || is_allowed(fchown(file, Some(self.uid), None))?;
        let mode = self.mode_for(has_owner, has_group);
        // Another owner or group takes set-id bits away.
        if (own.mode, own.uid, own.gid) != (mode, self.uid, self.gid) {
            set_mode(file, mode)?;
        }
        Ok(())
    }

    fn mode_for(self, has_owner: bool, has_group: bool) -> u32 {
        let mut mode = self.mode;
        if !has_owner || !has_group {
            mode &= !SET_ID;
        }
        if !has_group {
            mode &= !libc::S_IRWXG | (mode & libc::S_IRWXO) << 3;
        }
        mode
    }
}

/// Whether the owner or group was changed. It may not be this process's to change, or be unknown in
/// its user namespace, or the file system may have none.
fn is_allowed(changed: io::Result<()>) -> io::Result<bool> {
    match changed {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(libc::EPERM | libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP) => Ok(false),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::Permissions;

    #[test]
    fn what_was_for_an_owner_or_group_is_not_for_another() {
        for (mode, owner_only_lost, group_lost) in [
            (0o640, 0o640, 0o600),
            (0o6755, 0o755, 0o755),
            (0o2775, 0o775, 0o755),
            (0o4711, 0o711, 0o711),
            (0o1604, 0o1604, 0o1604),
        ] {
            let permissions = Permissions { mode, uid: 1, gid: 2 };
            assert_eq!(permissions.mode_for(true, true), mode);
            assert_eq!(permissions.mode_for(false, true), owner_only_lost);
            assert_eq!(permissions.mode_for(true, false), group_lost);
            assert_eq!(permissions.mode_for(false, false), group_lost);
        }
    }
}
