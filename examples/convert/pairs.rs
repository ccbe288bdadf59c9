//! The pairs of a source and a target, while the directories for the targets are made.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use blake3::Hash;
use reapool::Links;

use crate::roots::Roots;
use crate::rule::{Reason, Rule};
use crate::shared::directories::Directories;
use crate::shared::names::escaped;
use crate::shared::nesting::parent;
use crate::shared::screen::Screen;
use crate::walk::{Found, walk};

/// What is done on the way to the pairs, beside finding them.
#[derive(Clone)]
pub(crate) struct Manner {
    /// Each file that is left out is said.
    pub(crate) is_verbose: bool,
    /// Directories are made durable before there is a file in them.
    pub(crate) sync: bool,
    /// Targets replace what there is. So two sources must not have the same target.
    pub(crate) replaces: bool,
}

/// An iterator over pairs. It reports on the screen what can't be converted.
pub(crate) struct Pairs<W> {
    walk: W,
    manner: Manner,
    directories: Directories,
    screen: Screen,
    left_out: Arc<AtomicU64>,
    /// The checksums of the targets' paths, if none may come twice.
    targets: HashSet<Hash>,
    /// A directory for whose files there is no place.
    closed: Option<PathBuf>,
}

/// How many files were left out, so far.
#[derive(Clone)]
pub(crate) struct LeftOut(Arc<AtomicU64>);

impl LeftOut {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) fn pairs(
    roots: &Roots,
    rule: Rule,
    manner: Manner,
    directories: &Directories,
    screen: &Screen,
) -> (impl Iterator<Item = (PathBuf, PathBuf)> + Send + use<>, LeftOut) {
    let left_out = Arc::default();
    let pairs = Pairs {
        walk: walk(roots, rule),
        manner,
        directories: directories.clone(),
        screen: screen.clone(),
        left_out: Arc::clone(&left_out),
        targets: HashSet::new(),
        closed: None,
    };
    (pairs, LeftOut(left_out))
}

impl<W> Pairs<W> {
    fn visit(&mut self, found: Found) -> Option<(PathBuf, PathBuf)> {
        match found {
            Found::Directory { source, target } => {
                if !self.is_closed(&source) {
                    self.make_directory(source, &target);
                }
                None
            }
            Found::File { entry, target, identity } => {
                let source = entry.into_path();
                if self.is_closed(&source) {
                    return None;
                }
                if self.manner.replaces && !self.is_new(&identity) {
                    let target = escaped(&target).0;
                    self.screen.fail(&source, format_args!("{target} is another file's target"));
                    return None;
                }
                Some((source, target))
            }
            Found::LeftOut { path, reason, is_named } => {
                self.leave_out(&path, reason, is_named);
                None
            }
            Found::Problem { path, error } => {
                self.screen.fail(&path, error);
                None
            }
        }
    }

    fn is_closed(&self, source: &Path) -> bool {
        self.closed.as_ref().is_some_and(|closed| source.starts_with(closed))
    }

    fn is_new(&mut self, identity: &Path) -> bool {
        self.targets.insert(blake3::hash(identity.as_os_str().as_bytes()))
    }

    fn make_directory(&mut self, source: PathBuf, target: &Path) {
        let made = self.directories.make(&source, target, Links::Refuse);
        let made = made.and_then(|()| match self.manner.sync {
            true => sync(&parent(target)).map_err(|error| (target.to_owned(), error)),
            false => Ok(()),
        });
        if let Err((path, error)) = made {
            self.screen.fail(&path, error);
            self.closed = Some(source);
        }
    }

    /// Whoever names a file wants it to be converted.
    fn leave_out(&self, path: &Path, reason: Reason, is_named: bool) {
        self.left_out.fetch_add(1, Ordering::Relaxed);
        let reason = format_args!("left out: {}", reason.text());
        if is_named {
            self.screen.fail(path, reason);
        } else if self.manner.is_verbose {
            self.screen.note(path, reason);
        }
    }
}

impl<W: Iterator<Item = Found>> Iterator for Pairs<W> {
    type Item = (PathBuf, PathBuf);

    fn next(&mut self) -> Option<(PathBuf, PathBuf)> {
        loop {
            let found = self.walk.next()?;
            if let Some(pair) = self.visit(found) {
                return Some(pair);
            }
        }
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}
