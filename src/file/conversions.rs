//! Handles made from descriptors that are open already.

#![expect(unsafe_code, reason = "a handle that keeps nothing open")]

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use crate::file::handle::FileHandle;
use crate::file::metadata::{DirectIo, FileKind, Metadata};
use crate::sys::descriptor::status_flags;

impl FileHandle {
    /// Makes a handle that keeps nothing open.
    ///
    /// # Safety
    ///
    /// The handle and its clones are not used after the borrow.
    pub(crate) unsafe fn of_borrowed(fd: BorrowedFd<'_>) -> Self {
        let (raw, flags, facts) = ask(fd);
        Self::assemble((), raw, flags, facts)
    }

    fn keep<T: AsFd + Send + Sync + 'static>(owner: Arc<T>) -> Self {
        let (fd, flags, facts) = ask(owner.as_fd());
        Self::assemble(owner, fd, flags, facts)
    }
}

/// A descriptor's number, its flags, and what kind of file it refers to. If the kernel doesn't say,
/// the file is taken for one that may have to wait.
fn ask(fd: BorrowedFd<'_>) -> (RawFd, c_int, (FileKind, DirectIo)) {
    let flags = status_flags(fd).unwrap_or(0);
    let facts = match Metadata::of(fd) {
        Ok(metadata) => (metadata.kind, metadata.direct_io),
        Err(_) => (FileKind::Other, DirectIo::Unknown),
    };
    (fd.as_raw_fd(), flags, facts)
}

impl From<File> for FileHandle {
    fn from(file: File) -> Self {
        Self::from(OwnedFd::from(file))
    }
}

impl From<OwnedFd> for FileHandle {
    fn from(fd: OwnedFd) -> Self {
        let (raw, flags, facts) = ask(fd.as_fd());
        Self::assemble(fd, raw, flags, facts)
    }
}

impl<T: AsFd + Send + Sync + 'static> From<Arc<T>> for FileHandle {
    fn from(owner: Arc<T>) -> Self {
        Self::keep(owner)
    }
}

impl<T: AsFd + Send + Sync + 'static> From<&Arc<T>> for FileHandle {
    fn from(owner: &Arc<T>) -> Self {
        Self::keep(Arc::clone(owner))
    }
}

impl From<&FileHandle> for FileHandle {
    fn from(handle: &FileHandle) -> Self {
        handle.clone()
    }
}
