//! Threads that read and digest: a single one, and rayon's.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use blake3::Hash;
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::contract::Paths;
use super::piece;
use crate::stop::{Trouble, failed};

thread_local! {
    static CONTENTS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads all of a file at once, as `fs::read` does, but into memory that this thread uses again.
pub(super) fn whole(path: &Path) -> Result<Hash, Trouble> {
    CONTENTS.with_borrow_mut(|contents| {
        contents.clear();
        let read = File::open(path).and_then(|mut file| file.read_to_end(contents));
        read.map_err(failed(path.display()))?;
        Ok(blake3::hash(contents))
    })
}

pub(super) use piece::digest as in_pieces;

/// Digests one file after the other.
pub(super) fn one(paths: &Paths) -> Result<Vec<Hash>, Trouble> {
    paths.iter().map(|path| in_pieces(path)).collect()
}

/// A parallel iterator in a pool of `count` threads.
pub(super) fn rayon(
    paths: &Paths,
    count: usize,
    digest: fn(&Path) -> Result<Hash, Trouble>,
) -> Result<Vec<Hash>, Trouble> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(count);
    let pool = builder.build().map_err(failed("thread pool"))?;
    // Sizes differ much, so each file is a part of its own that another thread can take over.
    let each = || paths.par_iter().with_max_len(1).map(|path| digest(path)).collect();
    pool.install(each)
}
