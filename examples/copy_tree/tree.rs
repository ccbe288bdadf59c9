//! Walks the source's tree, and makes its directories and symbolic links in the target.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use reapool::Links;
use walkdir::{DirEntry, WalkDir};

use crate::hard_links::{HardLinks, Name};
use crate::link::Link;
use crate::partial::Place;
use crate::roots::Roots;
use crate::shared::directories::Directories;
use crate::shared::screen::Screen;

/// A path, and what is wrong with it.
type Problem = (PathBuf, io::Error);

/// An iterator over the names of the source's regular files. On the way it deals with entries that
/// are no files, and reports problems on the screen.
pub(crate) struct Tree {
    walk: walkdir::IntoIter,
    roots: Roots,
    overwrite: bool,
    directories: Directories,
    hard_links: HardLinks,
    screen: Screen,
}

impl Tree {
    pub(crate) fn new(
        roots: Roots,
        overwrite: bool,
        directories: Directories,
        hard_links: HardLinks,
        screen: Screen,
    ) -> Self {
        let walk = WalkDir::new(roots.source()).into_iter();
        Self { walk, roots, overwrite, directories, hard_links, screen }
    }

    /// Returns the name of a file, by which it is read.
    fn visit(&mut self, entry: DirEntry) -> Result<Option<PathBuf>, Problem> {
        let kind = entry.file_type();
        let target = self.roots.target_of(&self.roots.name_of(entry.path()));
        // The source itself may be named by a symbolic link.
        if kind.is_dir() || entry.depth() == 0 {
            let made = self.make_directory(&target, entry.path());
            made.inspect_err(|_| self.walk.skip_current_dir())?;
        } else if kind.is_symlink() || kind.is_file() {
            return self.visit_file(entry, target);
        } else {
            let reason = "left out: neither file, directory nor symbolic link";
            return Err((entry.into_path(), io::Error::other(reason)));
        }
        Ok(None)
    }

    /// The same for a file or a link, which may have several names.
    fn visit_file(&self, entry: DirEntry, target: PathBuf) -> Result<Option<PathBuf>, Problem> {
        let of_source = |error| (entry.path().to_owned(), error);
        let found = entry.metadata().map_err(|error| of_source(plain(error)))?;
        match self.hard_links.add(&found, &target) {
            Name::LinkLater => return Ok(None),
            Name::Copy if found.is_file() => return Ok(Some(self.roots.name_of(entry.path()))),
            Name::Copy => {}
        }
        let link = Link::read(entry.path()).map_err(of_source)?;
        let place = Place { path: target.clone(), overwrite: self.overwrite };
        match link.make(&place) {
            Ok(not_kept) => not_kept.iter().for_each(|it| self.screen.fail(&target, it)),
            Err(error) => return Err((target, error)),
        }
        self.hard_links.made((found.dev(), found.ino()));
        Ok(None)
    }

    fn make_directory(&self, target: &Path, source: &Path) -> Result<(), Problem> {
        // The roots themselves may be named by links.
        let links = if target == self.roots.target() { Links::Follow } else { Links::Refuse };
        self.directories.make(source, target, links)
    }
}

/// The source's regular files. Problems are reported when the files are copied.
pub(crate) fn files_below(roots: &Roots) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = WalkDir::new(roots.source()).into_iter().filter_map(Result::ok);
    entries.filter(|entry| entry.file_type().is_file()).map(DirEntry::into_path)
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
                    self.screen.fail(&path, plain(error));
                }
            }
        }
    }
}

/// The system's error, without the path.
fn plain(error: walkdir::Error) -> io::Error {
    error.into_io_error().unwrap_or_else(|| io::Error::other("can't be listed"))
}
