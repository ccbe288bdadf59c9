//! A target that the program makes by itself. The files layer writes from the beginning to the end,
//! and gives attributes that a write takes away too soon.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::options::Fsync;
use crate::partial::{Partial, Place};
use crate::shared::attributes::{Attributes, NotKept};
use crate::shared::nesting::parent;

/// How targets are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) overwrite: bool,
    pub(crate) fsync: Fsync,
}

/// A file under a temporary name, which is removed when this is dropped.
pub(crate) struct OwnFile {
    file: File,
    partial: Partial,
    place: Place,
    fsync: Fsync,
}

impl OwnFile {
    /// Nobody else is to use it until it is complete.
    pub(crate) fn create(target: &Path, manner: Manner) -> io::Result<Self> {
        let Manner { overwrite, fsync } = manner;
        let place = Place { path: target.to_owned(), overwrite };
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let (file, partial) = place.begin(|path| options.open(path))?;
        Ok(Self { file, partial, place, fsync })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its attributes and its name. The result is what it could not be given.
    pub(crate) fn finish(self, attributes: &Attributes) -> io::Result<Vec<NotKept>> {
        let Self { file, partial, place, fsync } = self;
        check_replaceable(&place.path)?;
        let not_kept = attributes.give(&file);
        if fsync != Fsync::None {
            file.sync_all()?;
        }
        place.take(partial)?;
        if fsync != Fsync::None {
            File::open(parent(&place.path))?.sync_all()?;
        }
        Ok(not_kept)
    }
}

/// As the files layer, this replaces files and links only. A directory refuses by itself.
pub(crate) fn check_replaceable(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path).map(|found| found.file_type()) {
        Ok(kind) if !kind.is_file() && !kind.is_symlink() && !kind.is_dir() => {
            Err(io::Error::new(io::ErrorKind::InvalidInput, "only regular files are replaced"))
        }
        _ => Ok(()),
    }
}
