//! Copies files: what is read of a source is written to its target.

use std::fs::{self, File};
use std::io::{self, BufRead, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use blake3::{Hash, Hasher};
use reapool::{FileInfo, SourceFile, TargetFile};

use crate::options::Fsync;
use crate::own_file::{Manner, OwnFile};
use crate::reflink::{Cloned, Cloner};
use crate::roots::{FileId, Roots};
use crate::segments::{Segments, has_holes};
use crate::shared::attributes::{Attributes, NotKept};
use crate::shared::extended::Extended;
use crate::shared::interrupt::Interrupt;
use crate::shared::totals::Totals;

/// A hole is hashed in such pieces.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// How all files are copied.
pub(crate) struct Copier {
    pub(crate) roots: Roots,
    pub(crate) manner: Manner,
    pub(crate) cloner: Arc<Cloner>,
    /// Checksums are wanted.
    pub(crate) verify: bool,
    /// Holes: the files layer counts what it reads.
    pub(crate) beside: Totals,
    pub(crate) interrupt: Interrupt,
}

/// What is to be said about a file that was copied.
pub(crate) struct Copied {
    /// The source.
    pub(crate) id: FileId,
    /// Of the copy, in bytes.
    pub(crate) len: u64,
    pub(crate) way: Way,
    /// Of what was read, if it was wanted.
    pub(crate) hash: Option<Hash>,
    pub(crate) not_kept: Vec<NotKept>,
    /// The source has changed since it was opened.
    pub(crate) changed: bool,
}

/// How a copy was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Copied,
    Cloned,
}

impl Copier {
    /// Errors that are not those of a read or a write are about the target.
    pub(crate) fn copy(
        &self,
        source: &mut SourceFile,
        target: &mut TargetFile,
    ) -> io::Result<Copied> {
        if self.manner.fsync != Fsync::None
            && let Some(cloned) = self.clone_synced(source.info(), target)?
        {
            return Ok(cloned);
        }
        let mut hasher = self.verify.then(Hasher::new);
        // The files layer has its own descriptor for itself.
        let again = self.roots.open(source.info().path(), id(source.info()));
        let attributes = Attributes::from(source.info().metadata());
        let (attributes, again) = match again {
            Ok(again) => (attributes.with(Extended::of_file(&again)), Some(again)),
            Err(error) => (attributes.with(Err(error)), None),
        };
        let again = again.filter(|again| has_holes(again) || attributes.are_lost_by_writing());
        let (not_kept, len) = match again {
            Some(again) => {
                target.discard();
                let own = OwnFile::create(target.path(), self.manner)?;
                let len = self.copy_segments(source, &again, own.file(), &mut hasher)?;
                (own.finish(&attributes)?, len)
            }
            None => {
                let file = File::from(target.file().as_fd().try_clone_to_owned()?);
                let not_kept = attributes.keep(target, &file)?;
                copy_all(source, target, &mut hasher)?;
                (not_kept, target.position())
            }
        };
        let file = source.info();
        let changed =
            len != file.metadata().size || !is_unchanged(&self.roots.source_of(file.path()), file);
        let hash = hasher.map(|hasher| hasher.finalize());
        Ok(Copied { id: id(file), len, way: Way::Copied, hash, not_kept, changed })
    }

    /// Clones a file that is synced. Others are cloned on the walk, and come here if they can't be.
    fn clone_synced(&self, file: &FileInfo, target: &mut TargetFile) -> io::Result<Option<Copied>> {
        let cloned = self.cloner.make(file.path(), target.path(), id(file));
        match cloned.map_err(|(_, error)| error)? {
            Cloned::Impossible => Ok(None),
            Cloned::Made(not_kept) => {
                target.discard();
                let (id, len) = (id(file), file.metadata().size);
                self.beside.add_bytes(len);
                let (way, hash, changed) = (Way::Cloned, None, false);
                Ok(Some(Copied { id, len, way, hash, not_kept, changed }))
            }
        }
    }

    /// Copies what is no hole, and returns the length of the copy.
    fn copy_segments(
        &self,
        source: &mut SourceFile,
        again: &File,
        own: &File,
        hasher: &mut Option<Hasher>,
    ) -> io::Result<u64> {
        let mut len = source.info().metadata().size;
        let mut at = 0;
        for segment in Segments::of(again, len) {
            let segment = segment?;
            self.pass_hole(at..segment.start, hasher)?;
            at = copy_segment(source, own, segment.clone(), hasher)?;
            if at < segment.end {
                // It has become shorter.
                len = at;
                break;
            }
        }
        self.pass_hole(at..len, hasher)?;
        own.set_len(len)?;
        Ok(len)
    }

    fn pass_hole(&self, hole: Range<u64>, hasher: &mut Option<Hasher>) -> io::Result<()> {
        let mut left = hole.end - hole.start;
        let Some(hasher) = hasher else {
            self.beside.add_bytes(left);
            return Ok(());
        };
        while left > 0 {
            // A hole may be larger than any disk.
            if self.interrupt.has_come() {
                return Err(io::ErrorKind::Interrupted.into());
            }
            let piece = left.min(ZEROS.len() as u64);
            hasher.update(&ZEROS[..piece as usize]);
            self.beside.add_bytes(piece);
            left -= piece;
        }
        Ok(())
    }
}

fn copy_all(
    source: &mut SourceFile,
    target: &mut TargetFile,
    hasher: &mut Option<Hasher>,
) -> io::Result<()> {
    while let count @ 1.. = source.fill_buf()?.len() {
        let bytes = source.buffer();
        if let Some(hasher) = hasher {
            hasher.update(bytes);
        }
        target.write_all(bytes)?;
        source.consume(count);
    }
    Ok(())
}

/// Returns the end of what was copied, which is that of the source if this is shorter.
fn copy_segment(
    source: &mut SourceFile,
    own: &File,
    segment: Range<u64>,
    hasher: &mut Option<Hasher>,
) -> io::Result<u64> {
    source.seek(SeekFrom::Start(segment.start))?;
    let mut at = segment.start;
    while at < segment.end {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let left = usize::try_from(segment.end - at).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(left)];
        if let Some(hasher) = hasher {
            hasher.update(bytes);
        }
        own.write_all_at(bytes, at)?;
        let count = bytes.len();
        source.consume(count);
        at += count as u64;
    }
    Ok(at)
}

fn id(file: &FileInfo) -> FileId {
    (file.metadata().device, file.metadata().inode)
}

fn is_unchanged(path: &Path, file: &FileInfo) -> bool {
    let Ok(now) = fs::symlink_metadata(path) else { return false };
    (now.dev(), now.ino()) == id(file)
        && now.modified().is_ok_and(|modified| modified == file.metadata().modified)
}
