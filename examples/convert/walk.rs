//! Walks the files below what the user named.

use std::io;
use std::path::PathBuf;

use walkdir::{DirEntry, WalkDir};

use crate::roots::{Place, Root, Roots};
use crate::rule::{Decision, Reason, Rule};

/// What is on the way.
pub(crate) enum Found {
    /// A directory of the source, and the one for its targets.
    Directory {
        source: PathBuf,
        target: PathBuf,
    },
    /// A file to be converted.
    File {
        entry: DirEntry,
        target: PathBuf,
        identity: PathBuf,
    },
    LeftOut {
        path: PathBuf,
        reason: Reason,
        is_named: bool,
    },
    Problem {
        path: PathBuf,
        error: io::Error,
    },
}

/// All that is below the roots: by name in each directory, which is listed as a whole when it is
/// entered, so that no target is found that is made in it afterwards.
pub(crate) fn walk(roots: &Roots, rule: Rule) -> impl Iterator<Item = Found> + Send + use<> {
    let Roots { roots, place } = roots.clone();
    roots.into_iter().flat_map(move |root| {
        let place = place.clone();
        let entries = WalkDir::new(&root.path).sort_by_file_name().into_iter();
        entries.filter_map(move |entry| match entry {
            Ok(entry) => visit(&root, &place, rule, entry),
            Err(error) => {
                let path = error.path().unwrap_or(&root.path).to_owned();
                let other = || io::Error::other("can't be listed");
                Some(Found::Problem { path, error: error.into_io_error().unwrap_or_else(other) })
            }
        })
    })
}

/// The sizes of the files to be converted. Problems are reported when they are.
pub(crate) fn sizes(roots: &Roots, rule: Rule) -> impl Iterator<Item = u64> + Send + use<> {
    walk(roots, rule).filter_map(|found| match found {
        Found::File { entry, .. } => Some(entry.metadata().map_or(0, |metadata| metadata.len())),
        _ => None,
    })
}

fn visit(root: &Root, place: &Place, rule: Rule, entry: DirEntry) -> Option<Found> {
    let kind = entry.file_type();
    let is_named = entry.depth() == 0;
    if kind.is_dir() {
        let Place::Below(directory) = place else { return None };
        let target = root.below(directory, entry.path());
        // That of a root is there.
        return (!is_named).then(|| Found::Directory { source: entry.into_path(), target });
    }
    let decision = match kind {
        _ if kind.is_file() => rule.decide(entry.path()),
        _ if kind.is_symlink() => Decision::LeaveOut(Reason::Link),
        _ => Decision::LeaveOut(Reason::Special),
    };
    Some(match decision {
        Decision::Take(name) => {
            let target = root.target(place, entry.path(), &name);
            let identity = root.identity(place, &target);
            Found::File { entry, target, identity }
        }
        Decision::LeaveOut(reason) => Found::LeftOut { path: entry.into_path(), reason, is_named },
    })
}
