//! What outlives a crash of the system.

/// How much of a written file is safe from a crash of the system before the writing counts as done.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use reapool::{Dispatcher, Durability, FileWriter};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let path = directory.path().join("order");
/// let builder = FileWriter::builder(&dispatcher).durability(Durability::Synced);
/// let mut writer = builder.replace(&path)?;
/// writer.write_all(b"three of them")?;
/// writer.finish()?;
/// // After a crash it is still there: now the order can be confirmed.
/// assert_eq!(std::fs::read(&path)?, b"three of them");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// For the kernel to have the data. After a crash of the system, some of it may be missing; a
    /// file that was replaced may be the old one, the new one, or, on some file systems, one of
    /// which contents are missing.
    #[default]
    Cached,
    /// For the device to have the data, and what it takes to find it in the file: fsync(2). A file
    /// that replaces another is the old one or the new one after a crash, and the new one as soon
    /// as it is finished: it is synced before it gets its name, and its directory afterwards.
    Synced,
}
