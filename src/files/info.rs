//! A file as the user's callbacks see it: position in the input, path and metadata, and, if it was
//! read whole, its contents.
//!
//! Safety: a whole file is a buffer by the contract of the chunk inside, which it owns.

#![expect(unsafe_code, reason = "passes on the contract of the buffer inside")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::buffer::IoBuf;
use crate::file::metadata::Metadata;
use crate::files::chunk::Chunk;
use crate::files::paths::IndexedPath;

/// A file of a run, as the user's callbacks see it. Clones share one allocation.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// let run = Files::new(&dispatcher)?.stream(
///     ["Cargo.toml"],
///     |file| Vec::with_capacity(file.metadata().size as usize),
///     |bytes, chunk| bytes.extend_from_slice(&chunk),
///     |bytes, file| (file.clone(), bytes),
/// );
/// for result in run {
///     let (file, bytes) = result?.value;
///     assert_eq!(bytes, std::fs::read(file.path())?);
///     assert_eq!(file.index(), 0);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileInfo {
    facts: Arc<Facts>,
}

#[derive(Debug)]
struct Facts {
    index: u64,
    path: PathBuf,
    target: Option<PathBuf>,
    metadata: Metadata,
}

impl FileInfo {
    pub(crate) fn new(path: IndexedPath, metadata: Metadata) -> Self {
        let IndexedPath { index, path, target } = path;
        Self { facts: Arc::new(Facts { index, path, target, metadata }) }
    }

    /// The path and its position, copied only if somebody else keeps a clone.
    pub(crate) fn into_indexed_path(self) -> IndexedPath {
        let index = self.facts.index;
        let (path, target) = match Arc::try_unwrap(self.facts) {
            Ok(facts) => (facts.path, facts.target),
            Err(shared) => (shared.path.clone(), shared.target.clone()),
        };
        IndexedPath { index, path, target }
    }

    /// The path of the file that is made of it; empty if none is.
    pub(crate) fn target(&self) -> &Path {
        self.facts.target.as_deref().unwrap_or(Path::new(""))
    }

    /// Its position among the run's paths, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.facts.index
    }

    /// The path, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.facts.path
    }

    /// The file's metadata, as of when it was opened.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        &self.facts.metadata
    }
}

/// A file that has been read whole, as the callback given to [`Files::read`](crate::Files::read)
/// gets it. Its memory goes back when it is dropped. It can be the buffer of a
/// [`Job::write`](crate::Job::write), which writes the contents.
///
/// # Examples
///
/// ```
/// use reapool::{Dispatcher, Files};
///
/// let dispatcher = Dispatcher::new()?;
/// for result in Files::new(&dispatcher)?.read(["Cargo.toml"], |file| file) {
///     let file = result?.value;
///     assert_eq!(file.contents(), std::fs::read(file.path())?);
///     assert_eq!(file.contents().len() as u64, file.metadata().size);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WholeFile {
    info: FileInfo,
    /// `None` if it is empty.
    contents: Option<Chunk>,
}

impl WholeFile {
    pub(crate) fn new(info: FileInfo, contents: Option<Chunk>) -> Self {
        Self { info, contents }
    }

    /// The path, as it was given.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.info.path()
    }

    /// The file's metadata, as of when it was opened. Its size differs from the length of the
    /// contents for files in `/proc`, and may differ if the file was changed since.
    #[must_use]
    pub fn metadata(&self) -> &Metadata {
        self.info.metadata()
    }

    /// Path, metadata, and position among the run's paths.
    #[must_use]
    pub fn info(&self) -> &FileInfo {
        &self.info
    }

    /// All bytes of the file.
    ///
    /// # Examples
    ///
    /// ```
    /// use reapool::{Dispatcher, Files};
    ///
    /// let dispatcher = Dispatcher::new()?;
    /// let run = Files::new(&dispatcher)?.read(["Cargo.toml"], |file| {
    ///     std::str::from_utf8(file.contents()).map(|text| text.lines().count())
    /// });
    /// for result in run {
    ///     assert!(result?.value? > 50);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn contents(&self) -> &[u8] {
        self.contents.as_deref().unwrap_or_default()
    }
}

/// Its [contents](Self::contents).
impl AsRef<[u8]> for WholeFile {
    fn as_ref(&self) -> &[u8] {
        self.contents()
    }
}

// SAFETY: the chunk inside keeps this contract, and nothing changes it. Without one there are no
// bytes, at an address that is not null.
unsafe impl IoBuf for WholeFile {
    fn stable_ptr(&self) -> *const u8 {
        self.contents().as_ptr()
    }

    fn initialised(&self) -> usize {
        self.contents().len()
    }
}
