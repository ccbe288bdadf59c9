//! The files under the paths that the user named.

use std::fs;
use std::io;
use std::iter;
use std::path::PathBuf;

use walkdir::WalkDir;

use crate::shared::input::is_stdin;
use crate::shared::screen::Screen;

type Paths = Box<dyn Iterator<Item = PathBuf> + Send>;

/// The files, in the order of the paths, and by name below each. Directories that can't be listed
/// are reported on the screen.
pub(crate) fn paths(
    named: Vec<PathBuf>,
    screen: Screen,
) -> impl Iterator<Item = PathBuf> + Send + 'static {
    named.into_iter().flat_map(move |path| -> Paths {
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() && !is_stdin(&path) => {
                Box::new(walk(path, screen.clone()))
            }
            // If it doesn't exist, or is no file, opening it says so.
            _ => Box::new(iter::once(path)),
        }
    })
}

fn walk(root: PathBuf, screen: Screen) -> impl Iterator<Item = PathBuf> + Send {
    WalkDir::new(&root).sort_by_file_name().into_iter().filter_map(move |entry| match entry {
        Ok(entry) => entry.file_type().is_file().then(|| entry.into_path()),
        Err(error) => {
            let path = error.path().unwrap_or(&root).to_owned();
            let loops = || io::Error::other("leads back to a directory above");
            screen.fail(&path, error.into_io_error().unwrap_or_else(loops));
            None
        }
    })
}
