//! The items of the iterator that a run takes its pairs from.

use std::io;
use std::path::PathBuf;

use crate::files::entry::PathEntry;

/// An item of the iterator of [`Files::convert`](crate::Files::convert): the paths of a source and
/// of its target, or an error in the place of a pair.
///
/// The source is anything that is a [`PathEntry`]. Of a `Result`, of the source alone or of the
/// pair, the error becomes the result of this entry.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a pair of paths nor a `Result` with one",
    label = "the iterator has items that are no pairs",
    note = "turn each into `(source, target)` before, as with \
            `.map(|source| (source.clone(), source.with_extension(\"gz\")))`"
)]
pub trait PairEntry {
    /// The paths of source and target.
    ///
    /// # Errors
    ///
    /// Why there are none. That is the [source](crate::FileError::source) of this entry's error.
    fn into_pair(self) -> io::Result<(PathBuf, PathBuf)>;
}

impl<S: PathEntry, T: Into<PathBuf>> PairEntry for (S, T) {
    fn into_pair(self) -> io::Result<(PathBuf, PathBuf)> {
        Ok((self.0.into_path()?, self.1.into()))
    }
}

impl<P: PairEntry, E: Into<io::Error>> PairEntry for Result<P, E> {
    fn into_pair(self) -> io::Result<(PathBuf, PathBuf)> {
        self.map_err(Into::into)?.into_pair()
    }
}
