//! Why a file could not be opened.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::file::shown::Shown;

/// A file that could not be opened.
///
/// It is shown as one line, with the path, in which characters are escaped that a terminal would
/// obey. `?` turns it into an [`io::Error`] of the same kind, which is shown in the same way and
/// has this error inside.
///
/// # Examples
///
/// ```
/// let error = reapool::FileHandle::open_buffered("no/such/file").unwrap_err();
/// assert_eq!(error.source.kind(), std::io::ErrorKind::NotFound);
/// assert!(error.to_string().starts_with("open of no/such/file failed: No such file"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenError {
    /// The path, as it was given.
    pub path: PathBuf,
    /// The error of open(2), or of statx(2), by which the file is asked what it is. If
    /// [options](crate::OpenOptions) don't go together, it is of the kind
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) and says what to do.
    pub source: io::Error,
    /// What the error means with these options, where the system's words don't say it.
    explanation: Option<&'static str>,
}

impl OpenError {
    pub(super) fn new(path: &Path, source: io::Error, explanation: Option<&'static str>) -> Self {
        Self { path: path.to_owned(), source, explanation }
    }

    /// The kind of the system's error.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use reapool::FileHandle;
    ///
    /// let settings = match FileHandle::open_buffered("no/such/settings") {
    ///     Ok(file) => Some(file),
    ///     Err(error) if error.kind() == ErrorKind::NotFound => None,
    ///     Err(error) => Err(error)?,
    /// };
    /// assert!(settings.is_none());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// The number of the system's error, such as `EINVAL`.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        self.source.raw_os_error()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "open of {} failed: {}", Shown(&self.path), self.source)?;
        match self.explanation {
            Some(explanation) => write!(f, " ({explanation})"),
            None => Ok(()),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl From<OpenError> for io::Error {
    fn from(error: OpenError) -> Self {
        Self::new(error.kind(), error)
    }
}
