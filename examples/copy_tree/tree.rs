//! Walks the source's tree, and makes its directories and symbolic links in the target.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use walkdir::{DirEntry, WalkDir};

use crate::attributes::Attributes;
use crate::partial::Place;
use crate::roots::Roots;
use crate::shared::screen::Screen;

/// The directories that were made or found, with the attributes of their sources. Each comes after
/// the one that it is in.
#[derive(Clone, Default)]
pub(crate) struct Directories(Arc<Mutex<Vec<(PathBuf, Attributes)>>>);

/// A path, and what is wrong with it.
type Problem = (PathBuf, io::Error);

/// An iterator over the names of the source's regular files. On the way it deals with entries that
/// are no files, and reports problems on the screen.
pub(crate) struct Tree {
    walk: walkdir::IntoIter,
    roots: Roots,
    overwrite: bool,
    directories: Directories,
    screen: Screen,
}

impl Tree {
    pub(crate) fn new(
        roots: Roots,
        overwrite: bool,
        directories: Directories,
        screen: Screen,
    ) -> Self {
        let walk = WalkDir::new(roots.source()).into_iter();
        Self { walk, roots, overwrite, directories, screen }
    }

    /// Returns the name of a file, by which it is read.
    fn visit(&mut self, entry: DirEntry) -> Result<Option<PathBuf>, Problem> {
        let kind = entry.file_type();
        let target = self.roots.target_of(&self.roots.name_of(entry.path()));
        // The source itself may be named by a symbolic link.
        if kind.is_dir() || entry.depth() == 0 {
            let made = self.make_directory(&target, entry.path());
            made.inspect_err(|_| self.walk.skip_current_dir())?;
        } else if kind.is_symlink() {
            let link = fs::read_link(entry.path()).map_err(|error| (entry.into_path(), error))?;
            self.make_link(&target, &link).map_err(|error| (target, error))?;
        } else if kind.is_file() {
            return Ok(Some(self.roots.name_of(entry.path())));
        } else {
            let reason = "left out: neither file, directory nor symbolic link";
            return Err((entry.into_path(), io::Error::other(reason)));
        }
        Ok(None)
    }

    fn make_link(&self, target: &Path, link: &Path) -> io::Result<()> {
        let place = Place { path: target.to_owned(), overwrite: self.overwrite };
        let ((), partial) = place.begin(|path| symlink(link, path))?;
        place.take(partial)
    }

    /// Permissions come at the end, as they may forbid writing into the directory.
    fn make_directory(&self, target: &Path, source: &Path) -> Result<(), Problem> {
        let is_root = target == self.roots.target();
        // The source itself may be named by a link. Another link has taken a directory's place.
        let found = if is_root { fs::metadata(source) } else { fs::symlink_metadata(source) };
        let attributes = found.and_then(|found| match found.is_dir() {
            true => Attributes::of(&found),
            false => Err(io::ErrorKind::NotADirectory.into()),
        });
        let attributes = attributes.map_err(|error| (source.to_owned(), error))?;
        match DirBuilder::new().mode(0o700).create(target) {
            Ok(()) => {}
            // A link to a directory may lead out of the target.
            Err(_) if target.is_dir() && (is_root || !target.is_symlink()) => {}
            Err(error) => return Err((target.to_owned(), error)),
        }
        let mut directories = self.directories.0.lock().unwrap_or_else(PoisonError::into_inner);
        directories.push((target.to_owned(), attributes));
        Ok(())
    }
}

impl Iterator for Tree {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        loop {
            match self.walk.next()? {
                Ok(entry) => match self.visit(entry) {
                    Ok(Some(file)) => return Some(file),
                    Ok(None) => {}
                    Err((path, error)) => self.screen.fail(&path, error),
                },
                Err(error) => {
                    let path = error.path().unwrap_or(self.roots.source()).to_owned();
                    let other = || io::Error::other("can't be listed");
                    self.screen.fail(&path, error.into_io_error().unwrap_or_else(other));
                }
            }
        }
    }
}

impl Directories {
    /// Gives the directories their permissions and times, when nothing will be made in them any
    /// more.
    pub(crate) fn finish(&self, sync: bool, screen: &Screen) {
        let directories =
            std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
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
