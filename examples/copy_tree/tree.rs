//! Walks the source's tree.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::roots::Roots;
use crate::shared::screen::Screen;

/// A path, and what is wrong with it.
pub(crate) type Problem = (PathBuf, io::Error);

/// What is done about the entries of a tree, each with its path in the target.
pub(crate) trait Visitor {
    /// No other entry is wanted.
    fn has_ended(&self) -> bool;

    /// After an error, what is in the directory is left out.
    fn visit_directory(&mut self, source: &Path, target: &Path) -> Result<(), Problem>;

    /// Visits a file or a symbolic link.
    fn visit_file(
        &mut self,
        source: &Path,
        target: &Path,
        found: &Metadata,
    ) -> Result<Next, Problem>;
}

/// What is to be done about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    /// It is to be read, and what is read to be written.
    CopyData,
}

/// An iterator over the names of the files whose data are to be copied. On the way the visitor
/// deals with all other entries. Problems are reported on the screen.
pub(crate) struct Tree<V> {
    walk: walkdir::IntoIter,
    roots: Roots,
    screen: Screen,
    visitor: V,
}

impl<V: Visitor> Tree<V> {
    pub(crate) fn new(roots: Roots, screen: Screen, visitor: V) -> Self {
        Self { walk: WalkDir::new(roots.source()).into_iter(), roots, screen, visitor }
    }

    /// Goes through all that is left, and returns the visitor.
    pub(crate) fn finish(mut self) -> V {
        self.by_ref().for_each(drop);
        self.visitor
    }

    /// Returns the name of a file, by which it is read.
    fn visit(&mut self, entry: DirEntry) -> Result<Option<PathBuf>, Problem> {
        let kind = entry.file_type();
        let name = self.roots.name_of(entry.path());
        let target = self.roots.target_of(&name);
        // The source itself may be named by a symbolic link.
        if kind.is_dir() || entry.depth() == 0 {
            let made = self.visitor.visit_directory(entry.path(), &target);
            made.inspect_err(|_| self.walk.skip_current_dir())?;
        } else if kind.is_symlink() || kind.is_file() {
            let found = entry.metadata().map_err(|error| (entry.path().into(), plain(error)))?;
            let next = self.visitor.visit_file(entry.path(), &target, &found)?;
            return Ok((next == Next::CopyData).then_some(name));
        } else {
            let reason = "left out: neither file, directory nor symbolic link";
            return Err((entry.into_path(), io::Error::other(reason)));
        }
        Ok(None)
    }
}

impl<V: Visitor> Iterator for Tree<V> {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        while !self.visitor.has_ended() {
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
        None
    }
}

/// The source's regular files. Problems are reported when the files are copied.
pub(crate) fn files_below(roots: &Roots) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = WalkDir::new(roots.source()).into_iter().filter_map(Result::ok);
    entries.filter(|entry| entry.file_type().is_file()).map(DirEntry::into_path)
}

/// The system's error, without the path.
fn plain(error: walkdir::Error) -> io::Error {
    error.into_io_error().unwrap_or_else(|| io::Error::other("can't be listed"))
}
