//! Copies that share the blocks of their sources until one of both is written to (reflinks), where
//! the file system can do that.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::ioctl_ficlone;
use rustix::io::Errno;

use crate::options::Reflink;
use crate::own_file::{Manner, OwnFile};
use crate::roots::{FileId, Roots};
use crate::shared::attributes::{Attributes, NotKept};
use crate::shared::extended::Extended;
use crate::tree::Problem;

pub(crate) struct Cloner {
    reflink: Reflink,
    roots: Roots,
    manner: Manner,
    /// Devices whose files can't be cloned into the target.
    hopeless: Mutex<BTreeSet<u64>>,
    count: AtomicU64,
}

/// What came of a file.
pub(crate) enum Cloned {
    /// The copy is complete, but for these.
    Made(Vec<NotKept>),
    /// Its data has to be copied.
    Impossible,
}

impl Cloner {
    pub(crate) fn new(reflink: Reflink, roots: Roots, manner: Manner) -> Self {
        let (hopeless, count) = (Mutex::default(), AtomicU64::new(0));
        Self { reflink, roots, manner, hopeless, count }
    }

    /// How many files it has cloned.
    pub(crate) fn count(&self) -> u64 {
        // Relaxed: who asks has joined the threads that clone.
        self.count.load(Ordering::Relaxed)
    }

    /// Makes the target of a file that was found under this name, if it can be cloned.
    pub(crate) fn make(&self, name: &Path, target: &Path, id: FileId) -> Result<Cloned, Problem> {
        if self.reflink == Reflink::Never || self.hopeless().contains(&id.0) {
            return Ok(Cloned::Impossible);
        }
        let of_target = |error| (target.to_owned(), error);
        let source = match self.roots.open(name, id) {
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
                    self.hopeless().insert(id.0);
                }
                return Ok(Cloned::Impossible);
            }
            Err(error) => {
                let error = io::Error::from(error);
                return Err(of_target(io::Error::other(format!("can't be cloned: {error}"))));
            }
        }
        let not_kept = own.finish(&attributes).map_err(of_target)?;
        self.count.fetch_add(1, Ordering::Relaxed);
        Ok(Cloned::Made(not_kept))
    }

    fn hopeless(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.hopeless.lock().unwrap_or_else(PoisonError::into_inner)
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
