//! What came of a pair.

use std::path::PathBuf;

/// A file that was converted: the value of a result of [`Files::convert`](crate::Files::convert).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Converted<T> {
    /// The value that the function returned.
    pub value: T,
    /// The path of the target, as it was given.
    pub target: PathBuf,
    /// How many bytes the target has. `None` if the function has
    /// [discarded](crate::TargetFile::discard) it.
    pub written: Option<u64>,
}
