//! Makes files cold or warm: takes them out of the page cache, or reads them into it.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use crate::failure::{Failure, Result};

/// Pages that are not on the disk yet, or that another process has mapped, would stay. So the files
/// are written back first.
pub(crate) fn forget(files: &[PathBuf]) -> Result {
    for_each(files, |file| {
        file.sync_all()?;
        Ok(posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?)
    })
}

pub(crate) fn fill(files: &[PathBuf]) -> Result {
    let mut block = vec![0; 1 << 20];
    for_each(files, |file| {
        while file.read(&mut block)? > 0 {}
        Ok(())
    })
}

fn for_each(files: &[PathBuf], mut action: impl FnMut(&mut File) -> io::Result<()>) -> Result {
    for path in files {
        File::open(path)
            .and_then(|mut file| action(&mut file))
            .map_err(|error| Failure::at(path, error))?;
    }
    Ok(())
}
