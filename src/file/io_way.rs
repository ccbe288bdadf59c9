//! The ways of reads and writes that a file can be opened for.

/// How the file that is [opened](crate::OpenOptions::way) is read and written: with direct I/O or
/// through the page cache.
///
/// # Examples
///
/// ```
/// use std::io::ErrorKind;
/// use reapool::{FileHandle, IoWay};
///
/// // There is no direct I/O in /proc.
/// let open = |way| FileHandle::options().read(true).way(way).open("/proc/version");
/// assert_eq!(open(IoWay::Direct).unwrap_err().kind(), ErrorKind::InvalidInput);
/// assert!(open(IoWay::DirectOrBuffered)?.is_buffered());
/// assert!(!open(IoWay::Automatic)?.is_automatic());
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum IoWay {
    /// Through the page cache. This is right for data that is cached already, or will soon be read
    /// again.
    #[default]
    Buffered,
    /// With `O_DIRECT`, past the page cache, so that reads and writes are asynchronous. Opening
    /// fails with `EINVAL` if the file system has no direct I/O. As with open(2), a file that was
    /// to be created may be there then, and empty; [`DirectOrBuffered`](Self::DirectOrBuffered)
    /// doesn't fail.
    Direct,
    /// With `O_DIRECT` if the file system has direct I/O, else through the page cache.
    DirectOrBuffered,
    /// Each read by the way that suits it: what is in the page cache is copied from there, and the
    /// rest is read with `O_DIRECT`, as by [`open_automatic`](crate::FileHandle::open_automatic).
    /// All writes go through the page cache, as with [`Buffered`](Self::Buffered); reads see them.
    Automatic,
}
