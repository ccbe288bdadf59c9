//! Why a file could not be read, and why a files layer not be made.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::file::shown::Shown;
use crate::pool::error::PoolBuildError;

/// What was being done with a file when it failed.
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
    /// The user's own function.
    Callback,
}

impl fmt::Display for FileOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::List => "list",
            Self::Open => "open",
            Self::Stat => "stat",
            Self::Read => "read",
            Self::Callback => "process",
        })
    }
}

/// The kinds of [`FileError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// The system said no; the source says what.
    Io,
    /// A directory, pipe, socket or character device: nothing with contents that end.
    NotAFile,
    /// Larger than [`whole_limit`](crate::FilesBuilder::whole_limit), and asked for whole.
    TooLarge,
    /// One of the user's functions panicked; the payload went to the dispatcher's panic handler.
    Panicked,
    /// The run was stopped while the file was being read.
    Stopped,
    /// The dispatcher was shut down meanwhile.
    ShutDown,
}

/// A file that could not be read to its end: which, at what, where, and why. It concerns that file
/// alone.
///
/// Shown, it is one line: what in the path's name a terminal would obey, or would end the line, is
/// escaped.
#[derive(Debug)]
#[non_exhaustive]
pub struct FileError {
    /// The file's position among the run's paths, from 0.
    pub index: u64,
    /// The path, as it was given.
    pub path: PathBuf,
    /// What was tried.
    pub operation: FileOperation,
    /// How many bytes from the file's beginning had been handed on by then.
    pub offset: u64,
    /// The reason.
    pub source: io::Error,
    pub(crate) kind: FileErrorKind,
}

impl FileError {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> FileErrorKind {
        self.kind
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Shown(&self.path), self.operation)?;
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

/// Why a [`FilesBuilder`](crate::FilesBuilder) could not build.
#[derive(Debug)]
#[non_exhaustive]
pub enum FilesError {
    /// A setting makes no sense.
    InvalidConfig {
        /// Which.
        setting: &'static str,
        /// What it was set to.
        value: usize,
        /// Why it can't be that.
        reason: String,
    },
    /// No pool of buffers could be made for the memory that was granted.
    Pool(PoolBuildError),
}

impl fmt::Display for FilesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidConfig { setting, value, reason } => {
                write!(f, "{setting} can't be {value}: {reason}")
            }
            Self::Pool(_) => f.write_str("the pool of buffers could not be made"),
        }
    }
}

impl Error for FilesError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidConfig { .. } => None,
            Self::Pool(source) => Some(source),
        }
    }
}
