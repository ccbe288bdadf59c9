//! What came of a pair.

use std::path::PathBuf;

/// A file that was converted: the value of a result of [`Files::convert`](crate::Files::convert).
///
/// # Examples
///
/// ```
/// use std::io;
/// use reapool::{Dispatcher, Files};
///
/// let (directory, dispatcher) = (tempfile::tempdir()?, Dispatcher::new()?);
/// let target = directory.path().join("copy");
/// let pairs = [("Cargo.toml", target.clone())];
/// for result in Files::new(&dispatcher)?.convert(pairs, io::copy) {
///     let converted = result?.value;
///     assert_eq!(converted.target, target);
///     assert_eq!(converted.written, Some(converted.value), "what `io::copy` has returned");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
