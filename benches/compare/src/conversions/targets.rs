//! The targets: their place is cleared before each turn, and they are checked after it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use blake3::{Hash, Hasher};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use walkdir::WalkDir;

use super::pair::Pair;
use super::unsynced;
use super::workload::Workload;
use crate::file_runs::tree::{Tree, free, make_directories};
use crate::stop::{Trouble, failed};

/// The place for the targets of a tree.
pub(super) struct Targets<'a> {
    pub(super) tree: &'a Tree,
    pub(super) workload: Workload,
    pub(super) root: PathBuf,
}

impl<'a> Targets<'a> {
    pub(super) fn of(tree: &'a Tree, workload: Workload) -> Self {
        Self { tree, workload, root: tree.beside("targets") }
    }

    /// Takes all targets away. What is left is the directories that they come into.
    pub(super) fn clear(&self) -> Result<(), Trouble> {
        let cleared = match put_aside(&self.root, self.tree.bytes) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => make_directories(&self.root),
        };
        cleared.map_err(failed("clearing the targets"))
    }

    /// Every source has its target, with the right contents, and there is nothing else.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        let Tree { root, paths, digests, .. } = self.tree;
        let each = paths.par_iter().zip(digests);
        each.try_for_each(|(source, expected)| {
            let target = Pair::of(source, root, &self.root, self.workload).target;
            let found = self.digest(&target).map_err(failed(target.display()))?;
            if found == *expected {
                return Ok(());
            }
            let what = format!("{} has other contents than its source", target.display());
            Err(Trouble::Failed(what))
        })?;
        let entries = WalkDir::new(&self.root).into_iter().filter_map(Result::ok);
        let mut files = entries.filter(|entry| entry.file_type().is_file());
        let count = files.by_ref().count();
        if count == paths.len() {
            return Ok(());
        }
        Err(Trouble::Failed(format!("{count} files were left for {} sources", paths.len())))
    }

    /// The digest of what a target was made of.
    fn digest(&self, target: &PathBuf) -> io::Result<Hash> {
        let (mut file, mut hasher) = (File::open(target)?, Hasher::new());
        if self.workload == Workload::Sync {
            // Before Linux 6.5, nobody can tell.
            let pages = unsynced::pages(&file).unwrap_or(0);
            if pages > 0 {
                return Err(io::Error::other(format!("{pages} pages were not synced")));
            }
        }
        if self.workload == Workload::Compress {
            io::copy(&mut zstd::Decoder::new(file)?, &mut hasher)?;
        } else {
            let mut buffer = vec![0; 1 << 18];
            loop {
                match file.read(&mut buffer)? {
                    0 => break,
                    count => hasher.update(&buffer[..count]),
                };
            }
        }
        Ok(hasher.finalize())
    }
}

/// Puts a directory, of about so many bytes, aside in its own. It is removed if the disk would have
/// room for few others.
///
/// For some minutes, ext4 gives no file the inode of one that was removed, and whenever it creates
/// a file it looks at each such inode that it passes (`recently_deleted` in fs/ext4/ialloc.c). So a
/// turn would pay for what was removed before it: a fifth of its CPU time, and more after larger
/// turns.
fn put_aside(directory: &Path, bytes: u64) -> io::Result<()> {
    if free(directory)? < bytes.saturating_mul(4) {
        return fs::remove_dir_all(directory);
    }
    let place = tempfile::tempdir_in(directory.parent().unwrap_or(directory))?;
    fs::rename(directory, place.keep())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::put_aside;

    #[test]
    fn directories_are_kept_if_there_is_room() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("targets");
        for (bytes, kept) in [(1, 1), (1, 2), (u64::MAX, 2)] {
            fs::create_dir(&directory).unwrap();
            put_aside(&directory, bytes).unwrap();
            assert!(!directory.exists());
            assert_eq!(fs::read_dir(parent.path()).unwrap().count(), kept);
        }
        assert!(put_aside(&directory, 1).is_err());
    }
}
