//! The files under the paths that the user named, except those that are ignored.

use std::error::Error;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::shared::screen::Screen;

type Paths = Box<dyn Iterator<Item = PathBuf> + Send>;

/// Which files are left out below directories.
#[derive(Clone, Copy)]
pub(crate) struct Filters {
    pub(crate) no_ignore: bool,
    pub(crate) hidden: bool,
    /// The directory is the current one, and its files are named without it.
    pub(crate) is_implicit: bool,
}

/// The files, in the order of the paths, and by name below each. Paths that the user named are not
/// ignored. Directories that can't be listed are reported on the screen.
pub(crate) fn paths(
    named: Vec<PathBuf>,
    filters: Filters,
    screen: Screen,
) -> impl Iterator<Item = PathBuf> + Send + 'static {
    named.into_iter().flat_map(move |path| -> Paths {
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => Box::new(walk(path, filters, screen.clone())),
            // If it doesn't exist, or is no file, opening it says so.
            _ => Box::new(iter::once(path)),
        }
    })
}

fn walk(root: PathBuf, filters: Filters, screen: Screen) -> impl Iterator<Item = PathBuf> + Send {
    let walk = WalkBuilder::new(&root)
        .standard_filters(!filters.no_ignore)
        .hidden(!filters.hidden)
        // Otherwise it could grow as long as its lines are found in it.
        .skip_stdout(true)
        .sort_by_file_name(Ord::cmp)
        .build();
    walk.filter_map(move |entry| match entry {
        Ok(entry) => {
            if let Some(error) = entry.error() {
                complain(error, &screen);
            }
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            is_file.then(|| match entry.path().strip_prefix("./") {
                Ok(path) if filters.is_implicit => path.to_owned(),
                _ => entry.into_path(),
            })
        }
        Err(error) => {
            screen.fail(path_of(&error).unwrap_or(&root), reason(&error));
            None
        }
    })
}

/// Says what is wrong with a file of rules that exclude others. The rules that are well-formed hold
/// nevertheless, so this is no failure.
fn complain(error: &ignore::Error, screen: &Screen) {
    match error {
        ignore::Error::Partial(errors) => errors.iter().for_each(|it| complain(it, screen)),
        error => screen.warn(format_args!("{error}")),
    }
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        _ => None,
    }
}

/// The system's message, without the text around it.
fn reason(error: &ignore::Error) -> String {
    let Some(mut reason) = error.io_error().map(|error| error as &dyn Error) else {
        return error.to_string();
    };
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}
