//! What is done about a file when its target has its name.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use blake3::Hash;
use reapool::{
    Converted, FileError, FileErrorKind, FileHandle, FileOperation, Metadata, Processed,
};

use crate::converter::Made;
use crate::shared::attributes::{Attributes, NotKept};
use crate::shared::fallbacks::Fallbacks;
use crate::shared::names::{escaped, reason};
use crate::shared::screen::Screen;

/// Whether a source goes when there is a target in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    Keep,
    Remove,
}

/// All clones are the same.
#[derive(Clone)]
pub(crate) struct Settler {
    screen: Screen,
    sources: Sources,
    tally: Arc<Tally>,
    fallbacks: Arc<Mutex<Fallbacks>>,
}

/// What was done, so far.
#[derive(Default)]
struct Tally {
    files: AtomicU64,
    read: AtomicU64,
    written: AtomicU64,
}

/// A source and its target, which is complete.
pub(crate) struct Pair {
    source: PathBuf,
    pub(crate) target: PathBuf,
    /// The source's, when it was opened.
    metadata: Metadata,
    /// Device and number of the target.
    target_id: (u64, u64),
    /// The target has the source's permissions and times.
    has_attributes: bool,
    /// Of the data, decompressed.
    pub(crate) hash: Option<Hash>,
}

/// What is in the source's place by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Now {
    Unchanged,
    /// The target: it was to be made in the place of the source.
    Target,
    Changed,
}

impl Settler {
    pub(crate) fn new(screen: &Screen, sources: Sources) -> Self {
        let (tally, fallbacks) = (Arc::default(), Arc::default());
        Self { screen: screen.clone(), sources, tally, fallbacks }
    }

    /// Takes a result, gives the target the source's attributes, and says what went wrong. `None`
    /// if there is no target.
    pub(crate) fn take(
        &self,
        result: Result<Processed<Converted<Made>>, FileError>,
    ) -> Option<Pair> {
        let done = match result {
            Ok(done) => done,
            Err(error) => {
                self.fail(&error);
                return None;
            }
        };
        self.fallbacks.lock().unwrap_or_else(PoisonError::into_inner).count(&done);
        let Processed { path, value, bytes, .. } = done;
        let Converted { value: Made { file, metadata, hash }, target, written, .. } = value;
        self.tally.add(bytes, written.unwrap_or(0));
        let attributes = give_attributes(&metadata, &file).and_then(|not_kept| {
            not_kept.iter().for_each(|what| self.screen.fail(&target, what));
            Ok((not_kept.is_empty(), file.metadata()?))
        });
        match attributes {
            Ok((has_attributes, made)) => Some(Pair {
                source: path,
                target,
                metadata,
                target_id: (made.device, made.inode),
                has_attributes,
                hash,
            }),
            Err(error) => {
                self.screen.fail(&target, error);
                None
            }
        }
    }

    fn fail(&self, error: &FileError) {
        let is_end = error.kind() == FileErrorKind::Stopped
            || error.source.kind() == io::ErrorKind::Interrupted;
        if is_end {
            return;
        }
        let is_there = matches!(error.operation, FileOperation::Create | FileOperation::Write)
            && error.source.kind() == io::ErrorKind::AlreadyExists;
        match &error.target {
            Some(target) if is_there => {
                let target = escaped(target).0;
                let reason = format_args!("{target} is there already (--force replaces it)");
                self.screen.fail(&error.path, reason);
            }
            _ => self.screen.fail(&error.path, reason(error)),
        }
    }

    /// Ends with a pair whose target is as it should be: the source goes, if that is wanted and the
    /// target has all of it.
    pub(crate) fn conclude(&self, pair: &Pair) {
        let now = pair.now();
        if now == Now::Changed {
            self.screen.fail(&pair.source, "changed while it was being converted");
            return;
        }
        let goes = self.sources == Sources::Remove && now == Now::Unchanged && pair.has_attributes;
        if goes && let Err(error) = fs::remove_file(&pair.source) {
            self.screen.fail(&pair.source, format_args!("could not be removed: {error}"));
        }
    }

    /// How many files were converted, and the bytes that were read and written.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let Tally { files, read, written } = &*self.tally;
        let [files, read, written] =
            [files, read, written].map(|count| count.load(Ordering::Relaxed));
        (files, read, written)
    }

    /// Runs a function on the counts of files that were not read directly, though they should.
    pub(crate) fn with_fallbacks(&self, function: impl FnOnce(&Fallbacks)) {
        function(&self.fallbacks.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Tally {
    fn add(&self, read: u64, written: u64) {
        self.files.fetch_add(1, Ordering::Relaxed);
        self.read.fetch_add(read, Ordering::Relaxed);
        self.written.fetch_add(written, Ordering::Relaxed);
    }
}

impl Pair {
    /// Links that have taken the place of the source are not followed.
    fn now(&self) -> Now {
        let Ok(found) = fs::symlink_metadata(&self.source) else { return Now::Changed };
        let (id, then) = ((found.dev(), found.ino()), &self.metadata);
        if id == self.target_id {
            return Now::Target;
        }
        let is_same = id == (then.device, then.inode)
            && found.len() == then.size
            && found.modified().is_ok_and(|modified| modified == then.modified);
        if is_same { Now::Unchanged } else { Now::Changed }
    }
}

/// Gives a target what its source has.
///
/// The target has its name by now. Before, the library gives it the permissions of the file that it
/// replaces, and writes what is left, which changes its times.
fn give_attributes(metadata: &Metadata, target: &FileHandle) -> io::Result<Vec<NotKept>> {
    let target = File::from(target.as_fd().try_clone_to_owned()?);
    Ok(Attributes::from(metadata).give_owner(&target)?.give(&target))
}
