//! What becomes of a file that has a new one's name already.

/// Whether a file that is complete replaces another of its name.
///
/// # Examples
///
/// ```
/// use std::io::{ErrorKind, Write};
/// use reapool::{Dispatcher, Existing, FileWriter};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let path = directory.path().join("report");
/// std::fs::write(&path, "old")?;
/// let builder = FileWriter::builder(&dispatcher);
/// let error = builder.clone().existing(Existing::Refuse).replace(&path).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::AlreadyExists);
///
/// let mut writer = builder.existing(Existing::Replace).replace(&path)?;
/// writer.write_all(b"new")?;
/// writer.finish()?;
/// assert_eq!(std::fs::read(&path)?, b"new");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Existing {
    /// The new file takes its place.
    #[default]
    Replace,
    /// It stays, and the new file is an error of the kind
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists): at once if it is there at the
    /// beginning, or at the end. Whatever others do meanwhile, no file is replaced.
    Refuse,
}
