//! Names: a temporary one for a file that is being made, and its own when it is complete.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{self, Path};

use tempfile::{Builder, PathPersistError, TempPath};

/// The bytes of a temporary name besides those of the name: two dots, six characters at random, and
/// the suffix.
const ADDED: usize = 2 + 6 + SUFFIX.len();

const SUFFIX: &str = ".partial";

/// The longest path that the system takes, in bytes. The zero byte at its end is counted there.
const PATH_MAX: usize = libc::PATH_MAX as usize - 1;

/// Names of at most so many bytes become part of the temporary name as they are. Every file system
/// takes the result.
const SHORT: usize = 80;

/// Where a file or link is to be in the end.
pub(crate) struct Place {
    pub(crate) path: path::PathBuf,
    pub(crate) overwrite: bool,
}

/// Something under a temporary name, which is removed when this is dropped.
pub(crate) struct Partial {
    path: TempPath,
    /// The directory that the path goes through if it would be too long otherwise.
    _directory: Option<File>,
}

impl Place {
    /// Makes something under a temporary name. `make` has to refuse a name that is taken.
    pub(crate) fn begin<T>(
        &self,
        make: impl FnMut(&Path) -> io::Result<T>,
    ) -> io::Result<(T, Partial)> {
        // Giving it its name would find this out, too, but then much work would be lost.
        if !self.overwrite && fs::symlink_metadata(&self.path).is_ok() {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        let prefix = prefix(self.path.file_name().unwrap_or_default());
        // The temporary path is absolute, so that it stays the same.
        let mut directory = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => path::absolute(parent)?,
            _ => path::absolute(".")?,
        };
        let mut opened = None;
        if directory.as_os_str().len() + 1 + prefix.len() + ADDED > PATH_MAX {
            let flags = libc::O_PATH | libc::O_DIRECTORY;
            // Not the absolute path, which may be too long by itself.
            let parent = self.path.parent().unwrap_or(Path::new("."));
            let found = OpenOptions::new().read(true).custom_flags(flags).open(parent)?;
            directory = format!("/proc/self/fd/{}", found.as_raw_fd()).into();
            opened = Some(found);
        }
        let made = Builder::new().prefix(&prefix).suffix(SUFFIX).make_in(directory, make)?;
        let (made, path) = made.into_parts();
        Ok((made, Partial { path, _directory: opened }))
    }

    /// Gives the complete file its name. If that fails, the file is removed.
    pub(crate) fn take(&self, partial: Partial) -> io::Result<()> {
        let Partial { path, _directory } = partial;
        let taken = if self.overwrite {
            path.persist(&self.path)
        } else {
            path.persist_noclobber(&self.path).or_else(|refused| self.take_reserved(refused))
        };
        taken.map_err(|failed| failed.error)
    }

    /// Gives the file its name where the file system can neither rename without replacing nor link:
    /// an empty file reserves the name, and is replaced.
    fn take_reserved(&self, refused: PathPersistError) -> Result<(), PathPersistError> {
        let PathPersistError { error, path } = refused;
        if !matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS | libc::EOPNOTSUPP)) {
            return Err(PathPersistError { error, path });
        }
        if let Err(error) = File::create_new(&self.path) {
            return Err(PathPersistError { error, path });
        }
        path.persist(&self.path).inspect_err(|_| drop(fs::remove_file(&self.path)))
    }
}

/// The beginning of the temporary name for a name. If the name is long, the temporary name is no
/// longer: the limit of the file system may be any number of bytes or of characters.
fn prefix(name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    let mut kept = bytes.len();
    if kept > SHORT {
        // From here on characters of UTF-8 begin, but for the bytes that continue one.
        let begins = |&place: &usize| bytes[place] & 0xc0 != 0x80;
        kept = (0..kept).rev().filter(begins).nth(ADDED - 1).unwrap_or(0);
    }
    [OsStr::new("."), OsStr::from_bytes(&bytes[..kept]), OsStr::new(".")].into_iter().collect()
}
