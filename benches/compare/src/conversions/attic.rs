//! The targets of turns that are over. They stay until the end, if the disk has room for them.
//!
//! For some minutes, ext4 gives no file the inode of one that was removed, and whenever it creates
//! a file it looks at each such inode that it passes (`recently_deleted` in fs/ext4/ialloc.c). So a
//! turn would pay for what was removed before it: a fifth of its CPU time, and more after larger
//! turns.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;

use crate::file_runs::tree::free;
use crate::fixture;
use crate::options::Options;
use crate::stop::Trouble;

/// A directory on the disk of the comparison, which is removed with everything in it when this is
/// dropped.
pub(super) struct Attic {
    directory: TempDir,
    count: AtomicU64,
}

impl Attic {
    pub(super) fn new(options: &Options) -> Result<Self, Trouble> {
        Self::below(&fixture::disk_directory(options)?)
    }

    pub(super) fn below(parent: &Path) -> Result<Self, Trouble> {
        Ok(Self { directory: fixture::directory_in(parent)?, count: AtomicU64::new(0) })
    }

    /// Takes a directory, of about so many bytes, from its place. It is removed if the disk would
    /// have room for few others.
    pub(super) fn take(&self, directory: &Path, bytes: u64) -> io::Result<()> {
        if free(self.directory.path())? < bytes.saturating_mul(4) {
            return fs::remove_dir_all(directory);
        }
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        fs::rename(directory, self.directory.path().join(number.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Attic;

    #[test]
    fn directories_are_kept_if_there_is_room() {
        let place = tempfile::tempdir().unwrap();
        let attic = Attic::below(&std::env::temp_dir()).unwrap();
        for (bytes, kept) in [(1, 1), (1, 2), (u64::MAX, 2)] {
            let directory = place.path().join("targets");
            fs::create_dir(&directory).unwrap();
            attic.take(&directory, bytes).unwrap();
            assert!(!directory.exists());
            assert_eq!(fs::read_dir(attic.directory.path()).unwrap().count(), kept);
        }
        assert!(attic.take(&place.path().join("targets"), 1).is_err());
    }
}
