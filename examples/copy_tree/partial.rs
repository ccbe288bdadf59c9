//! Names: a temporary one for a file that is being made, and its own when it is complete.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

/// How much of a name goes into the temporary one, in bytes. The temporary name has to fit into
/// 255.
const NAME_MAX: usize = 230;

/// Where a file or link is to be in the end.
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) overwrite: bool,
}

impl Place {
    /// Makes something under a temporary name, and removes it when the returned path is dropped.
    /// `make` has to refuse a name that is taken.
    pub(crate) fn begin<T>(
        &self,
        make: impl FnMut(&Path) -> io::Result<T>,
    ) -> io::Result<(T, TempPath)> {
        // Giving it its name would find this out, too, but then much work would be lost.
        if !self.overwrite && fs::symlink_metadata(&self.path).is_ok() {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let name = self.path.file_name().unwrap_or_default().as_bytes();
        let name = &name[..name.len().min(NAME_MAX)];
        let prefix = [b".", name, b"."].concat();
        let directory = self.path.parent().unwrap_or(Path::new(""));
        let made = Builder::new()
            .prefix(OsStr::from_bytes(&prefix))
            .suffix(".partial")
            .make_in(directory, make)?;
        Ok(made.into_parts())
    }

    /// Gives the complete file its name. If that fails, the file is removed.
    pub(crate) fn take(&self, partial: TempPath) -> io::Result<()> {
        let taken = if self.overwrite {
            partial.persist(&self.path)
        } else {
            partial.persist_noclobber(&self.path)
        };
        taken.map_err(|error| error.error)
    }
}
