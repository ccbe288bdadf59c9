//! Copies that share the blocks of their sources until one of both is written to (reflinks), where
//! the file system can do that.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::ioctl_ficlone;
use rustix::io::Errno;

use crate::options::Reflink;
use crate::own_file::{Manner, OwnFile};
use crate::roots::Roots;
use crate::shared::attributes::{Attributes, NotKept};
use crate::shared::extended::Extended;
use crate::tree::Problem;

/// Clones files one after the other: that takes no longer than to create them.
pub(crate) struct Cloner {
    reflink: Reflink,
    roots: Roots,
    manner: Manner,
    /// Devices whose files can't be cloned into the target.
    hopeless: BTreeSet<u64>,
    count: Arc<AtomicU64>,
}

/// What came of a file.
pub(crate) enum Cloned {
    /// The copy is complete, but for these.
    Made(Vec<NotKept>),
    /// Its data has to be copied.
    Impossible,
}

impl Cloner {
    /// Adds what it has cloned to the count.
    pub(crate) fn new(
        reflink: Reflink,
        roots: Roots,
        manner: Manner,
        count: Arc<AtomicU64>,
    ) -> Self {
        Self { reflink, roots, manner, hopeless: BTreeSet::new(), count }
    }

    /// Makes the target of a file that was found under this name, if it can be cloned.
    pub(crate) fn clone(
        &mut self,
        name: &Path,
        target: &Path,
        found: &Metadata,
    ) -> Result<Cloned, Problem> {
        if self.reflink == Reflink::Never || self.hopeless.contains(&found.dev()) {
            return Ok(Cloned::Impossible);
        }
        let of_target = |error| (target.to_owned(), error);
        let source = match self.roots.open(name, (found.dev(), found.ino())) {
            Ok(source) => source,
            // The files layer finds out, too.
            Err(_) if self.reflink == Reflink::Auto => return Ok(Cloned::Impossible),
            Err(error) => return Err((self.roots.source_of(name), error)),
        };
        let attributes =
            attributes(&source).map_err(|error| (self.roots.source_of(name), error))?;
        let own = OwnFile::create(target, self.manner).map_err(of_target)?;
        match ioctl_ficlone(own.file(), &source) {
            Ok(()) => {}
            Err(error) if self.reflink == Reflink::Auto => {
                if is_of_file_system(error) {
                    self.hopeless.insert(found.dev());
                }
                return Ok(Cloned::Impossible);
            }
            Err(error) => {
                let error = io::Error::from(error);
                return Err(of_target(io::Error::other(format!("can't be cloned: {error}"))));
            }
        }
        let not_kept = own.finish(&attributes).map_err(of_target)?;
        // Relaxed: who reads it has joined this thread.
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(Cloned::Made(not_kept))
    }
}

/// Those of a file that is going to be cloned: if it is written to meanwhile, it has a later time
/// than the copy, as if it was written to afterwards.
fn attributes(source: &File) -> io::Result<Attributes> {
    Ok(Attributes::of(&source.metadata()?)?.with(Extended::of_file(source)))
}

/// Whether no other file can be cloned either. Some can't by themselves, such as swap files.
fn is_of_file_system(error: Errno) -> bool {
    [Errno::OPNOTSUPP, Errno::XDEV, Errno::NOTTY, Errno::NOSYS].contains(&error)
}
