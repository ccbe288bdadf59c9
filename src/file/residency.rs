//! How a read finds out whether the page cache has its data.

/// How a read finds out, without waiting, whether the page cache has its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheLook {
    /// It tries. Linux then begins to read from the device what is missing, which is right where
    /// the data comes through the page cache anyway.
    Try,
    /// It asks first, as what is missing is not to come through the page cache. Where the kernel
    /// doesn't tell, it tries the first byte and the last, for which Linux may begin to read some
    /// pages.
    Ask,
    /// It tries the first byte and the last, as the kernel's answer is wrong for this file.
    TryEnds,
}
