//! The ways by which a file's data is read and written.

use std::fmt;

/// The way by which data was read or written.
///
/// # Examples
///
/// ```
/// use reapool::{Access, Dispatcher, Files, Policy};
///
/// let dispatcher = Dispatcher::new()?;
/// let files = Files::builder(&dispatcher).policy(Policy::Buffered).build()?;
/// for result in files.read(["Cargo.toml", "README.md"], |file| file.contents().len()) {
///     let access = result?.access;
///     assert!(matches!(access, Access::Cached | Access::Buffered), "{access}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// With `O_DIRECT`.
    Direct,
    /// Through the page cache, which had all of it.
    Cached,
    /// Through the page cache, where a thread waited for the device, or where it can't be told
    /// whether it did.
    Buffered,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct",
            Self::Cached => "cached",
            Self::Buffered => "buffered",
        })
    }
}
