//! Errors: of one file, and of building a `Files`.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::file::shown::Shown;
use crate::files::paths::IndexedPath;
use crate::streams::error::{Halt, StreamError};

/// The operation on a file that failed.
///
/// # Examples
///
/// ```
/// use std::io;
/// use reapool::{Dispatcher, FileOperation, Files, Order};
///
/// let dispatcher = Dispatcher::new()?;
/// let files = Files::builder(&dispatcher).order(Order::Input).build()?;
/// let target = "no/such/directory/copy";
/// let run = files.convert([("gone", target), ("Cargo.toml", target)], io::copy);
/// let operations = run.filter_map(Result::err).map(|error| error.operation);
/// assert!(operations.eq([FileOperation::Open, FileOperation::Create]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileOperation {
    /// Taking the next path from the user's iterator.
    List,
    /// open(2).
    Open,
    /// statx(2).
    Stat,
    /// Reading its contents.
    Read,
    /// Running the user's callback.
    Callback,
    /// Creating the target of a conversion.
    Create,
    /// Writing the target: its contents, or what gives it its name.
    Write,
    /// Waiting for the run's next result.
    Take,
}

impl fmt::Display for FileOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Open => "open",
            Self::Stat => "stat",
            Self::Read => "read",
            Self::Callback => "process",
            Self::Create => "create",
            Self::Write => "write",
            Self::Take => "take",
        })
    }
}

/// The kinds of [`FileError`].
///
/// # Examples
///
/// ```
/// use std::path::Path;
/// use reapool::{Dispatcher, FileErrorKind, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let run = Files::new(&dispatcher)?.read(["Cargo.toml", "src", "gone"], |_file| ());
/// let mut failed = Vec::new();
/// for error in run.filter_map(Result::err) {
///     match error.kind() {
///         FileErrorKind::NotAFile => {} // there may be directories among the paths
///         _ => failed.push(error.path),
///     }
/// }
/// assert_eq!(failed, [Path::new("gone")]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// A system call failed, or the iterator had an error in the place of a path. The source is
    /// that error.
    Io,
    /// A directory, pipe, socket or character device: nothing with contents that end.
    NotAFile,
    /// A symbolic link, or outside of a directory, which [`links`](crate::FilesBuilder::links) or
    /// [`beneath`](crate::FilesBuilder::beneath) refuses.
    Refused,
    /// Larger than [`whole_limit`](crate::FilesBuilder::whole_limit), and asked for whole.
    TooLarge,
    /// One of the user's callbacks panicked; the payload went to the dispatcher's panic handler.
    Panicked,
    /// The run was stopped before the file was finished.
    Stopped,
    /// The dispatcher was shut down before the file was finished.
    ShutDown,
    /// The calling thread can't wait for the run's next result: it is in a callback, and nobody
    /// would be left to read the files ([`FilesRun`](crate::FilesRun#in-a-callback)). This concerns
    /// no file: the path is empty, and the index is `u64::MAX`.
    InCallback,
}

/// A file that could not be read to its end: which, at what, where, and why. It concerns that file
/// alone.
///
/// Its `Display` is one line: characters of the path that a terminal would obey, or that would end
/// the line, are escaped. `?` turns it into an [`io::Error`] of the same kind, which is shown in
/// the same way and has this error inside.
///
/// # Examples
///
/// ```
/// use std::io;
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new().map_err(io::Error::other)?;
/// let run = Files::new(&dispatcher).map_err(io::Error::other)?.read(["gone"], |_file| ());
/// let read = || -> io::Result<()> {
///     for result in run {
///         result?;
///     }
///     Ok(())
/// };
/// let error = read().unwrap_err();
/// assert_eq!(error.kind(), io::ErrorKind::NotFound);
/// assert!(error.to_string().starts_with("gone: open: No such file"));
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct FileError {
    /// The file's position among the run's paths, from 0.
    pub index: u64,
    /// The path, as it was given. It is empty if the iterator had an error in its place.
    pub path: PathBuf,
    /// The path of the file that was to be made of it, if it was to be
    /// [converted](crate::Files::convert).
    pub target: Option<PathBuf>,
    /// The operation that failed.
    pub operation: FileOperation,
    /// How many bytes, from the file's beginning, the user's callbacks had got by then.
    pub offset: u64,
    /// The reason.
    pub source: io::Error,
    pub(crate) kind: FileErrorKind,
}

impl FileError {
    /// The calling thread can't wait for results.
    pub(crate) fn in_callback() -> Self {
        let reason = "no other worker or blocking thread of the dispatcher would be left to read \
                      files, as this one is in a callback: take the results in a thread of your \
                      own, or give the dispatcher more workers or blocking threads";
        let failure =
            Failure::new(FileOperation::Take, FileErrorKind::InCallback, io::Error::other(reason));
        failure.of(IndexedPath::none(u64::MAX), 0)
    }

    /// Whether the iterator of paths panicked. This is the error of no entry that was found.
    pub(crate) fn ends_listing(&self) -> bool {
        self.operation == FileOperation::List && self.kind == FileErrorKind::Panicked
    }

    /// The kind of this failure.
    #[must_use]
    pub fn kind(&self) -> FileErrorKind {
        self.kind
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ends_listing() {
            return write!(f, "no more than {} paths were listed: {}", self.index, self.source);
        }
        if !self.path.as_os_str().is_empty() {
            write!(f, "{}: ", Shown(&self.path))?;
        }
        write!(f, "{}", self.operation)?;
        if matches!(self.operation, FileOperation::Read | FileOperation::Callback) {
            write!(f, " at offset {}", self.offset)?;
        }
        write!(f, ": {}", self.source)
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        Self::new(error.source.kind(), error)
    }
}

/// Why a file failed. Only [`Failure::of`] makes a [`FileError`] of it.
#[derive(Debug)]
pub(crate) struct Failure {
    operation: FileOperation,
    kind: FileErrorKind,
    source: io::Error,
}

impl Failure {
    pub(crate) fn new(operation: FileOperation, kind: FileErrorKind, source: io::Error) -> Self {
        Self { operation, kind, source }
    }

    /// A system call failed.
    pub(crate) fn io(operation: FileOperation, source: io::Error) -> Self {
        Self::new(operation, FileErrorKind::Io, source)
    }

    /// A file of `size` bytes is not read whole.
    pub(crate) fn too_large(size: u64, limit: usize) -> Self {
        let message = format!("of {size} bytes, it is larger than whole_limit, {limit}: stream it");
        let source = io::Error::new(io::ErrorKind::FileTooLarge, message);
        Self::new(FileOperation::Read, FileErrorKind::TooLarge, source)
    }

    /// The run was halted before the operation was done.
    pub(crate) fn halted(halt: Halt, operation: FileOperation) -> Self {
        let (kind, reason) = match halt {
            Halt::Stopped => (FileErrorKind::Stopped, "the run was stopped"),
            Halt::ShutDown => (FileErrorKind::ShutDown, "the dispatcher was shut down"),
        };
        Self::new(operation, kind, io::Error::other(reason))
    }

    /// Reading can't go on.
    pub(crate) fn of_stream(error: StreamError) -> Self {
        match error {
            StreamError::Io(source) => Self::io(FileOperation::Read, source),
            StreamError::Halted(halt) => Self::halted(halt, FileOperation::Read),
        }
    }

    /// The error of this file, of which the callbacks consumed `offset` bytes.
    pub(crate) fn of(self, file: IndexedPath, offset: u64) -> FileError {
        let Self { operation, kind, source } = self;
        let IndexedPath { index, path, target } = file;
        FileError { index, path, target, operation, offset, source, kind }
    }
}

/// Why a [`FilesBuilder`](crate::FilesBuilder) could not build.
#[derive(Debug)]
#[non_exhaustive]
pub enum FilesError {
    /// A setting makes no sense.
    InvalidConfig {
        /// The name of the setting.
        setting: &'static str,
        /// Its value.
        value: usize,
        /// Why it can't have that value.
        reason: String,
    },
    /// Paths can't be kept below the directory of [`beneath`](crate::FilesBuilder::beneath).
    Beneath {
        /// The directory.
        path: PathBuf,
        /// Why it can't be opened, or why the kernel doesn't keep paths below it.
        source: io::Error,
    },
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidConfig { setting, value, reason } => {
                write!(f, "{setting} can't be {value}: {reason}")
            }
            Self::Beneath { path, .. } => {
                write!(f, "paths can't be kept beneath {}", Shown(path))
            }
        }
    }
}

impl Error for FilesError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidConfig { .. } => None,
            Self::Beneath { source, .. } => Some(source),
        }
    }
}
