//! The directories of a tree that is made like another one.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use reapool::Links;

use super::attributes::Attributes;
use super::extended::Extended;
use super::screen::Screen;

/// The directories that were made or found, with the attributes of their sources. Each comes after
/// the one that it is in. All clones are the same.
#[derive(Clone)]
pub(crate) struct Directories {
    kept: Kept,
    made: Arc<Mutex<Vec<(PathBuf, Attributes)>>>,
}

/// What the directories have of their sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    PermissionsAndTimes,
    /// Besides, their owners, access control lists and extended attributes.
    All,
}

impl Directories {
    pub(crate) fn new(kept: Kept) -> Self {
        Self { kept, made: Arc::default() }
    }

    /// Makes a directory like another one, unless it is there. A symbolic link in the place of
    /// either is refused if so wanted: it may lead out of the tree. An error is about the path that
    /// comes with it.
    ///
    /// Attributes come at the end: permissions may forbid writing into the directory, and an access
    /// control list may be passed on to what is made in it.
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
        let attributes = match self.kept {
            Kept::PermissionsAndTimes => attributes,
            Kept::All => attributes.with(Extended::of_path(source, links)),
        };
        let mut directories = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        directories.push((target.to_owned(), attributes));
        Ok(())
    }

    /// Gives the directories what they keep, when nothing will be made in them any more.
    pub(crate) fn finish(&self, sync: bool, screen: &Screen) {
        let directories =
            std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        // From the inside out: a directory may not be entered any more afterwards.
        for (path, attributes) in directories.into_iter().rev() {
            if let Err(error) = finish(&path, &attributes, sync, screen) {
                screen.fail(&path, error);
            }
        }
    }
}

fn finish(path: &Path, attributes: &Attributes, sync: bool, screen: &Screen) -> io::Result<()> {
    let directory = File::open(path)?;
    attributes.give(&directory).iter().for_each(|not_kept| screen.fail(path, not_kept));
    if sync { directory.sync_all() } else { Ok(()) }
}
