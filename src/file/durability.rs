//! What outlives a crash of the system.

/// What the end of a file's writing waits for.
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
