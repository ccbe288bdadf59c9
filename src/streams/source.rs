//! A file that is read in order, and the way that its reads take.

use std::io;

use crate::file::FileHandle;
use crate::file::access::Access;
use crate::file::residency::CacheLook;

/// A file to read.
pub(crate) struct Source {
    pub(crate) file: FileHandle,
    pub(crate) sharing: Sharing,
    pub(crate) way: Way,
    /// Why the file is not read with direct I/O, if it should be.
    pub(crate) fallback: Option<io::Error>,
}

impl Source {
    /// The way of the data, as far as it is known before the reads.
    pub(crate) fn access(&self) -> Access {
        match self.way {
            Way::Cached(_) => Access::Cached,
            Way::Device => self.file.access(),
        }
    }

    /// Whether it is read with `O_DIRECT`, which can be switched off.
    pub(crate) fn can_be_switched(&self) -> bool {
        self.file.is_direct() && self.sharing == Sharing::Alone
    }

    /// Whether some of it may be read with direct I/O.
    pub(crate) fn may_be_direct(&self) -> bool {
        self.file.is_direct() || matches!(self.way, Way::Cached(AfterMiss::Direct(_)))
    }
}

/// Who uses an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// The stream alone, which may switch `O_DIRECT`.
    Alone,
    /// Others may, too. It stays open as it is.
    Shared,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the page cache, which is taken to have all of it, chunk by chunk as they are wanted.
    /// The first chunk that it has not is read as said, and so are all after it.
    Cached(AfterMiss),
    /// Each read may have to wait for the device, with `O_DIRECT` or without, as the file is open.
    Device,
}

/// How a file is read on of which the page cache has not all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AfterMiss {
    /// As what is missing is not to come through the page cache, a read looks first, in this way.
    Direct(CacheLook),
    PageCache,
}
