//! Reads and digests a file in pieces.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use blake3::{Hash, Hasher};

use crate::stop::{Trouble, failed};

/// The length of a read of a large file.
pub(super) const PIECE: usize = 1 << 20;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads a file piece by piece through the buffer of this thread.
pub(super) fn digest(path: &Path) -> Result<Hash, Trouble> {
    let read = || -> io::Result<Hash> {
        BUFFER.with_borrow_mut(|buffer| {
            buffer.resize(PIECE, 0);
            let (mut file, mut hasher) = (File::open(path)?, Hasher::new());
            loop {
                match file.read(buffer)? {
                    0 => return Ok(hasher.finalize()),
                    count => hasher.update(&buffer[..count]),
                };
            }
        })
    };
    read().map_err(failed(path.display()))
}
