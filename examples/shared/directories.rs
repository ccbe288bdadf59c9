//! The directories of a tree that is made like another one.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use reapool::Links;

use super::attributes::{Attributes, NotKept};
use super::extended::Extended;
use super::screen::Screen;

/// The directories that were made or found, with the attributes of their sources. Each comes after
/// the one that it is in. All clones are the same.
#[derive(Clone)]
pub(crate) struct Directories {
    kept: Kept,
    made: Arc<Mutex<Vec<Made>>>,
}

/// What the directories have of their sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    PermissionsAndTimes,
    /// Besides, their owners, access control lists and extended attributes.
    All,
}

struct Made {
    path: PathBuf,
    attributes: Attributes,
    /// `None` if they are not kept.
    extended: Option<io::Result<Extended>>,
}

impl Directories {
    pub(crate) fn new(kept: Kept) -> Self {
        Self { kept, made: Arc::default() }
    }

    /// Makes a directory like another one, unless it is there. A symbolic link in the place of
    /// either is refused if so wanted: it may lead out of the tree. An error is about the path that
    /// comes with it.
    ///
    /// Permissions come at the end, as they may forbid writing into the directory.
    pub(crate) fn make(
        &self,
        source: &Path,
        target: &Path,
        links: Links,
    ) -> Result<(), (PathBuf, io::Error)> {
        let follows = links == Links::Follow;
        let found = if follows { fs::metadata(source) } else { fs::symlink_metadata(source) };
        let attributes = found.and_then(|found| match found.is_dir() {
            true => Attributes::of(&found),
            // It was one when it was listed.
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        let attributes = attributes.map_err(|error| (source.to_owned(), error))?;
        match DirBuilder::new().mode(0o700).create(target) {
            Ok(()) => {}
            Err(_) if target.is_dir() && (follows || !target.is_symlink()) => {}
            Err(error) => return Err((target.to_owned(), error)),
        }
        // An access control list would be for the files, too, that are made in it.
        let extended = (self.kept == Kept::All).then(|| Extended::of_path(source, links));
        let made = Made { path: target.to_owned(), attributes, extended };
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(made);
        Ok(())
    }

    /// Gives the directories what they keep, when nothing will be made in them any more.
    pub(crate) fn finish(&self, sync: bool, screen: &Screen) {
        let directories =
            std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        // From the inside out: a directory may not be entered any more afterwards.
        for mut made in directories.into_iter().rev() {
            if let Err(error) = made.finish(sync, screen) {
                screen.fail(&made.path, error);
            }
        }
    }
}

impl Made {
    fn finish(&mut self, sync: bool, screen: &Screen) -> io::Result<()> {
        let directory = File::open(&self.path)?;
        let not_kept = self.give_extended(&directory);
        let not_kept = not_kept.into_iter().chain(self.attributes.give(&directory));
        not_kept.for_each(|it| screen.fail(&self.path, it));
        if sync { directory.sync_all() } else { Ok(()) }
    }

    /// Gives owner and extended attributes: before the permissions, which both change.
    fn give_extended(&mut self, directory: &File) -> Vec<NotKept> {
        let Some(extended) = self.extended.take() else { return Vec::new() };
        let mut not_kept = Vec::from_iter(self.attributes.hand_over(directory));
        match extended {
            Ok(extended) => not_kept.extend(extended.give(directory)),
            Err(error) => not_kept.push(NotKept::unlisted(error)),
        }
        not_kept
    }
}
