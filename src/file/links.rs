//! Whether files are opened through symbolic links.

/// Whether a symbolic link may stand in the place of a file.
///
/// # Examples
///
/// ```
/// use reapool::{FileHandle, FileKind, Links};
///
/// let directory = tempfile::tempdir()?;
/// let link = directory.path().join("link");
/// std::os::unix::fs::symlink("/proc/version", &link)?;
/// let open = |links| FileHandle::options().read(true).links(links).open(&link);
/// assert_eq!(open(Links::Follow)?.kind(), FileKind::Regular);
/// assert_eq!(open(Links::Refuse).unwrap_err().raw_os_error(), Some(libc::ELOOP));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Links {
    /// The file that it leads to is opened, as by open(2).
    #[default]
    Follow,
    /// A path whose last part is a link is an error, as with `O_NOFOLLOW`: of
    /// [`OpenOptions`](crate::OpenOptions) it is `ELOOP`, in a run of files
    /// [`FileErrorKind::Refused`](crate::FileErrorKind::Refused). The directories on its way may be
    /// links: [`FilesBuilder::beneath`](crate::FilesBuilder::beneath) is for these.
    Refuse,
}
