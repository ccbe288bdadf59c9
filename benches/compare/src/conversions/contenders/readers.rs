//! Ways of reading one file in order.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use crc32fast::Hasher;
use reapool::{Chunk, Dispatcher, FileReader, Files};

type Read = Result<u32, Box<dyn std::error::Error>>;

pub(super) fn file_reader(path: &Path) -> Read {
    let dispatcher = Dispatcher::new()?;
    let reader = FileReader::builder(&dispatcher).open(path)?;
    Ok(checksum(reader)?)
}

pub(super) fn files_stream(path: &Path) -> Read {
    let dispatcher = Dispatcher::new()?;
    let files = Files::builder(&dispatcher).build()?;
    let mut run = files.stream(
        [path.to_owned()],
        |_| Hasher::new(),
        |hasher: &mut Hasher, chunk: Chunk| hasher.update(&chunk),
        |hasher: Hasher, _| hasher.finalize(),
    );
    let done = run.next().ok_or("there is no result")??;
    Ok(done.value)
}

pub(super) fn buf_reader(path: &Path, capacity: usize) -> Read {
    Ok(checksum(BufReader::with_capacity(capacity, File::open(path)?))?)
}

fn checksum(mut reader: impl BufRead) -> io::Result<u32> {
    let mut hasher = Hasher::new();
    loop {
        let bytes = reader.fill_buf()?;
        let count = bytes.len();
        if count == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(bytes);
        reader.consume(count);
    }
}
