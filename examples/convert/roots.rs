//! The files and directories that the user named, and where what is made of them goes.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::shared::nesting;
use crate::shared::screen::Screen;

/// A file or a directory that the user named.
#[derive(Clone)]
pub(crate) struct Root {
    pub(crate) path: PathBuf,
    /// The same without links on the way.
    canonical: PathBuf,
    pub(crate) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
}

/// Where targets are.
#[derive(Clone)]
pub(crate) enum Place {
    /// Each beside its source.
    BesideSource,
    /// In this directory, as their sources are in the directories that the user named.
    Below(PathBuf),
}

#[derive(Clone)]
pub(crate) struct Roots {
    pub(crate) roots: Vec<Root>,
    pub(crate) place: Place,
}

impl Roots {
    /// Finds what the user named, and makes the directory for the targets, if there is to be one.
    /// Paths that can't be converted are reported on the screen.
    pub(crate) fn new(paths: Vec<PathBuf>, place: Place, screen: &Screen) -> Result<Self, String> {
        let report = |(path, error): (PathBuf, io::Error)| screen.fail(&path, error);
        let found = paths.into_iter().map(Root::find);
        let roots = found.filter_map(|root| root.map_err(report).ok()).collect();
        let roots = without_repetition(roots);
        if let Place::Below(directory) = &place {
            let is_directory = |root: &&Root| root.kind == Kind::Directory;
            for root in roots.iter().filter(is_directory) {
                nesting::check(&root.canonical, directory)?;
            }
            if !directory.is_dir() {
                fs::create_dir(directory).map_err(|error| nesting::say(directory, &error))?;
            }
        }
        Ok(Self { roots, place })
    }
}

impl Root {
    fn find(path: PathBuf) -> Result<Self, (PathBuf, io::Error)> {
        let look = || {
            let found = fs::symlink_metadata(&path)?.file_type();
            let kind = match found {
                _ if found.is_file() => Kind::File,
                _ if found.is_dir() => Kind::Directory,
                _ if found.is_symlink() => return Err(io::Error::other("a symbolic link")),
                _ => return Err(io::Error::other("neither file nor directory")),
            };
            Ok((fs::canonicalize(&path)?, kind))
        };
        match look() {
            Ok((canonical, kind)) => Ok(Self { path, canonical, kind }),
            Err(error) => Err((path, error)),
        }
    }

    /// The path of the target with this name that is made of a source in this root.
    pub(crate) fn target(&self, place: &Place, source: &Path, name: &OsStr) -> PathBuf {
        match place {
            Place::BesideSource => source.with_file_name(name),
            Place::Below(directory) => self.below(directory, source).with_file_name(name),
        }
    }

    /// What is in the root as a path in another directory.
    pub(crate) fn below(&self, directory: &Path, path: &Path) -> PathBuf {
        let root = match self.kind {
            Kind::Directory => Some(&*self.path),
            Kind::File => self.path.parent(),
        };
        let below = root.and_then(|root| path.strip_prefix(root).ok());
        directory.join(below.expect("the walk doesn't leave the root"))
    }

    /// The same for each path that leads to a target, whatever it was called.
    pub(crate) fn identity(&self, place: &Place, target: &Path) -> PathBuf {
        match (place, self.kind) {
            (Place::Below(_), _) => target.to_owned(),
            (Place::BesideSource, Kind::Directory) => self.below(&self.canonical, target),
            (Place::BesideSource, Kind::File) => {
                self.canonical.with_file_name(target.file_name().unwrap_or_default())
            }
        }
    }
}

/// A file that is named twice, or is in a directory that is named too, is converted once. A
/// directory that is listed while files are made in it would show unfinished ones.
fn without_repetition(roots: Vec<Root>) -> Vec<Root> {
    let directories = roots.iter().filter(|root| root.kind == Kind::Directory);
    let directories: HashSet<PathBuf> = directories.map(|root| root.canonical.clone()).collect();
    let mut seen = HashSet::new();
    let is_first = |root: &Root| {
        let mut above = root.canonical.ancestors().skip(1);
        !above.any(|above| directories.contains(above)) && seen.insert(root.canonical.clone())
    };
    let mut roots = roots;
    roots.retain(is_first);
    roots
}
