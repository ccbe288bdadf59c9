//! How many files may be open at a time.

use nix::sys::resource::{Resource, getrlimit};

/// Descriptors that are left to everything else: the standard streams, the dispatcher's own, and
/// the directories that are being listed.
const SPARE: usize = 32;

/// How many files the process may deal with at a time if each takes so many descriptors. At least
/// one: if that is too many, an error will say so.
pub(crate) fn files_at_once(descriptors: usize) -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
    let limit = usize::try_from(soft).unwrap_or(usize::MAX);
    (limit.saturating_sub(SPARE) / descriptors).max(1)
}
