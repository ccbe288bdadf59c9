//! The contract of every contender: it is given paths, and answers with digests in their order.

use std::path::PathBuf;
use std::sync::Arc;

use blake3::Hash;

use crate::stop::Trouble;

/// The paths of all files. Every contender starts with these.
pub(super) type Paths = Arc<[PathBuf]>;

/// Puts digests that were found in any order into the order of the paths.
pub(super) fn in_order(
    found: impl IntoIterator<Item = (usize, Hash)>,
    count: usize,
) -> Result<Vec<Hash>, Trouble> {
    let mut digests = vec![None; count];
    for (index, digest) in found {
        digests[index] = Some(digest);
    }
    let missing = digests.iter().filter(|digest| digest.is_none()).count();
    let all: Option<Vec<_>> = digests.into_iter().collect();
    all.ok_or_else(|| Trouble::Failed(format!("{missing} of {count} files have no digest")))
}
