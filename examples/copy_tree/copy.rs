//! Copies files: each chunk that is read of a file goes to its target.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};

use blake3::{Hash, Hasher};
use reapool::{Chunk, FileInfo};

use crate::attributes::NotKept;
use crate::partial::Place;
use crate::roots::Roots;
use crate::target::{Manner, Target};

/// How all files are copied.
pub(crate) struct Copier {
    pub(crate) roots: Roots,
    pub(crate) manner: Manner,
    pub(crate) overwrite: bool,
    /// Checksums are wanted.
    pub(crate) verify: bool,
}

/// A file that is being read.
pub(crate) struct Copying {
    /// The path of the source.
    source: PathBuf,
    target: Arc<Target>,
    hasher: Option<Hasher>,
    /// How many bytes have been read.
    total: u64,
    outcome: Receiver<io::Result<Vec<NotKept>>>,
}

/// A file that has been read. Its writes may be under way.
pub(crate) struct Copied {
    /// Comes when the target has its name. The sender is dropped if that will never be.
    outcome: Receiver<io::Result<Vec<NotKept>>>,
    hash: Option<Hash>,
    /// The source has changed since it was opened.
    changed: bool,
}

/// What is not as it should be about a file that was copied.
pub(crate) struct Remarks {
    pub(crate) not_kept: Vec<NotKept>,
    /// The source has changed since it was opened.
    pub(crate) changed: bool,
}

impl Copier {
    pub(crate) fn begin(&self, file: &FileInfo) -> io::Result<Copying> {
        let place = Place { path: self.roots.target_of(file.path()), overwrite: self.overwrite };
        let (sender, outcome) = sync_channel(1);
        let target = Target::create(self.manner.clone(), place, file.metadata(), sender)?;
        let source = self.roots.source_of(file.path());
        Ok(Copying { source, target, hasher: self.verify.then(Hasher::new), total: 0, outcome })
    }
}

impl Copying {
    pub(crate) fn chunk(&mut self, chunk: Chunk) -> ControlFlow<()> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&chunk);
        }
        self.total = chunk.offset() + chunk.len() as u64;
        if self.target.write(chunk) { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    pub(crate) fn finish(self, file: &FileInfo) -> Copied {
        let Self { source, target, hasher, total, outcome } = self;
        let changed = total != file.metadata().size || !is_unchanged(&source, file);
        target.finish(total);
        Copied { outcome, hash: hasher.map(|hasher| hasher.finalize()), changed }
    }
}

impl Copied {
    /// Blocks until the target has its name. Returns the checksum, if it was wanted, and what is to
    /// be said about the copy.
    pub(crate) fn wait(self) -> io::Result<(Option<Hash>, Remarks)> {
        let given_up = |_| Err(io::Error::other("given up because of an internal error"));
        let not_kept = self.outcome.recv().unwrap_or_else(given_up)?;
        Ok((self.hash, Remarks { not_kept, changed: self.changed }))
    }
}

fn is_unchanged(path: &Path, file: &FileInfo) -> bool {
    let Ok(now) = fs::symlink_metadata(path) else { return false };
    now.modified().is_ok_and(|modified| modified == file.metadata().modified)
}
