//! A source, and the target that is made of it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::workload::Workload;

#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) source: PathBuf,
    pub(super) target: PathBuf,
}

impl Pair {
    /// The pair of a source below `root` with a target at the same place below `targets`.
    pub(super) fn of(source: &Path, root: &Path, targets: &Path, workload: Workload) -> Self {
        let mut target = targets.join(source.strip_prefix(root).unwrap_or(source)).into_os_string();
        if workload == Workload::Compress {
            target.push(".zst");
        }
        Self { source: source.to_owned(), target: target.into() }
    }

    /// The name of the target until it is complete.
    pub(super) fn temporary(&self) -> PathBuf {
        let mut name = OsString::from(".");
        name.push(self.target.file_name().unwrap_or_default());
        name.push(".tmp");
        self.target.with_file_name(name)
    }

    pub(super) fn directory(&self) -> &Path {
        self.target.parent().unwrap_or(Path::new("."))
    }

    /// Gives the complete target its name.
    pub(super) fn commit(&self, workload: Workload) -> io::Result<()> {
        fs::rename(self.temporary(), &self.target)?;
        if workload == Workload::Sync {
            File::open(self.directory())?.sync_all()?;
        }
        Ok(())
    }
}
