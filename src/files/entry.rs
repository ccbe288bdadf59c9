//! The items of the iterator that a run takes its paths from.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::DirEntry;
use std::io;
use std::path::{Path, PathBuf};

/// An item of the iterator that a run of [`Files`](crate::Files) takes its paths from: a path, or
/// an error in the place of one.
///
/// What is as good as a path is an entry, owned or borrowed, and so is a [`DirEntry`] of
/// [`read_dir`](std::fs::read_dir). Of a `Result` the error becomes the result of this entry, and
/// the run goes on with the next: so nothing that a walk through directories could not list is
/// overlooked. Its error may be an [`io::Error`] or whatever becomes one, such as that of the crate
/// walkdir.
///
/// # Examples
///
/// A walk whose errors are results, among those of the files:
///
/// ```
/// use reapool::{Dispatcher, FileOperation, Files};
/// use walkdir::{DirEntry, WalkDir};
///
/// let dispatcher = Dispatcher::new()?;
/// let walk = ["src/buffer", "no/such/directory"].into_iter().flat_map(WalkDir::new);
/// let paths = walk
///     .filter(|entry| entry.as_ref().map_or(true, |entry| entry.file_type().is_file()))
///     .map(|entry| entry.map(DirEntry::into_path));
/// let run = Files::new(&dispatcher)?.read(paths, |file| file.contents().len());
/// let errors: Vec<_> = run.filter_map(Result::err).collect();
/// assert_eq!(errors.len(), 1);
/// assert_eq!(errors[0].operation, FileOperation::List);
/// assert_eq!(errors[0].source.kind(), std::io::ErrorKind::NotFound);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a path nor a `Result` with one",
    label = "the iterator has items that are no paths",
    note = "turn each into a path before, as with `.map(PathBuf::from)` or `.map(|it| it.into_path())`",
    note = "of a `Result`, the error has to become an `io::Error`: `.map_err(io::Error::other)`"
)]
pub trait PathEntry {
    /// The path.
    ///
    /// # Errors
    ///
    /// Why there is none. That is the [source](crate::FileError::source) of this entry's error.
    fn into_path(self) -> io::Result<PathBuf>;
}

impl PathEntry for PathBuf {
    fn into_path(self) -> io::Result<PathBuf> {
        Ok(self)
    }
}

impl PathEntry for OsString {
    fn into_path(self) -> io::Result<PathBuf> {
        Ok(self.into())
    }
}

impl PathEntry for String {
    fn into_path(self) -> io::Result<PathBuf> {
        Ok(self.into())
    }
}

impl PathEntry for Box<Path> {
    fn into_path(self) -> io::Result<PathBuf> {
        Ok(self.into())
    }
}

impl PathEntry for Cow<'_, Path> {
    fn into_path(self) -> io::Result<PathBuf> {
        Ok(self.into())
    }
}

impl<T: AsRef<OsStr> + ?Sized> PathEntry for &T {
    fn into_path(self) -> io::Result<PathBuf> {
        Ok(self.into())
    }
}

impl PathEntry for DirEntry {
    fn into_path(self) -> io::Result<PathBuf> {
        Ok(self.path())
    }
}

impl<T: PathEntry, E: Into<io::Error>> PathEntry for Result<T, E> {
    fn into_path(self) -> io::Result<PathBuf> {
        self.map_err(Into::into)?.into_path()
    }
}
