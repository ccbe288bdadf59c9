//! Opens files that are read from their beginning to their end.

use std::error::Error;
use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use reapool::FileHandle;

/// Opens a regular file or a block device, with `O_DIRECT` where that is possible. Refuses others
/// without opening them: to open a pipe would wait for its other end.
pub(crate) fn open(path: &Path) -> Result<FileHandle, Box<dyn Error>> {
    // This finds the file and doesn't open it.
    let found = OpenOptions::new().read(true).custom_flags(libc::O_PATH).open(path)?;
    let kind = found.metadata()?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err("neither a regular file nor a block device".into());
    }
    // By this path it is the file that was found, and not one that has its name by now. It says
    // nothing to a user, so that only the reason of a failure is returned.
    let path = format!("/proc/self/fd/{}", found.as_raw_fd());
    Ok(FileHandle::open_direct_or_buffered(path).map_err(|error| error.source)?)
}

/// The size of a file that [`open`] opens; 0 of others.
pub(crate) fn size(path: &Path) -> u64 {
    open(path).and_then(|file| Ok(file.size()?)).unwrap_or(0)
}
