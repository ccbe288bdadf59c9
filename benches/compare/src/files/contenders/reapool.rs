//! The crate itself, as a user writes it.

use std::error::Error;
use std::path::PathBuf;

use blake3::{Hash, Hasher};
use reapool::{Chunk, Dispatcher, Files, Policy};

/// The digests of all files, in the order of their paths.
pub(super) fn digests<P>(paths: P, policy: Policy) -> Result<Vec<Hash>, Box<dyn Error>>
where
    P: ExactSizeIterator<Item = PathBuf> + Send + 'static,
{
    let dispatcher = Dispatcher::new()?;
    let files = Files::builder(&dispatcher).policy(policy).build()?;
    let mut digests = vec![Hash::from_bytes([0; 32]); paths.len()];
    let run = files.stream(
        paths,
        |_| Hasher::new(),
        |hasher: &mut Hasher, chunk: Chunk| {
            hasher.update(&chunk);
        },
        |hasher: Hasher, _| hasher.finalize(),
    );
    for done in run {
        let done = done?;
        digests[done.index as usize] = done.value;
    }
    Ok(digests)
}
