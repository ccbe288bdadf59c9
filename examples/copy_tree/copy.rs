//! Copies files: what is read of a source is written to its target.

use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use blake3::{Hash, Hasher};
use reapool::{FileInfo, SourceFile, TargetFile};

use crate::roots::{FileId, Roots};
use crate::shared::attributes::{Attributes, NotKept};
use crate::shared::extended::Extended;

/// How all files are copied.
pub(crate) struct Copier {
    pub(crate) roots: Roots,
    /// Checksums are wanted.
    pub(crate) verify: bool,
}

/// What is to be said about a file that was copied.
pub(crate) struct Copied {
    /// The source.
    pub(crate) id: FileId,
    /// Of what was read, if it was wanted.
    pub(crate) hash: Option<Hash>,
    pub(crate) not_kept: Vec<NotKept>,
    /// The source has changed since it was opened.
    pub(crate) changed: bool,
}

impl Copier {
    pub(crate) fn copy(
        &self,
        source: &mut SourceFile,
        target: &mut TargetFile,
    ) -> io::Result<Copied> {
        let file = File::from(target.file().as_fd().try_clone_to_owned()?);
        let mut not_kept = Attributes::from(source.info().metadata()).keep(target, &file)?;
        match self.extended(source.info()) {
            Ok(extended) => not_kept.extend(extended.give(&file)),
            Err(error) => not_kept.push(NotKept::unlisted(error)),
        }
        let mut hasher = self.verify.then(Hasher::new);
        while let count @ 1.. = source.fill_buf()?.len() {
            let bytes = source.buffer();
            if let Some(hasher) = &mut hasher {
                hasher.update(bytes);
            }
            target.write_all(bytes)?;
            source.consume(count);
        }
        let file = source.info();
        let changed = target.position() != file.metadata().size
            || !is_unchanged(&self.roots.source_of(file.path()), file);
        let hash = hasher.map(|hasher| hasher.finalize());
        Ok(Copied { id: id(file), hash, not_kept, changed })
    }

    /// Those of the source, which the files layer has opened for itself.
    fn extended(&self, file: &FileInfo) -> io::Result<Extended> {
        Extended::of_file(&self.roots.open(file.path(), id(file))?)
    }
}

fn id(file: &FileInfo) -> FileId {
    (file.metadata().device, file.metadata().inode)
}

fn is_unchanged(path: &Path, file: &FileInfo) -> bool {
    let Ok(now) = fs::symlink_metadata(path) else { return false };
    (now.dev(), now.ino()) == id(file)
        && now.modified().is_ok_and(|modified| modified == file.metadata().modified)
}
