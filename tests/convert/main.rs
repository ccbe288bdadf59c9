//! Files to files: each is read, transformed by a function that may wait, and written.
//!
//! The tests run side by side, each in a directory of its own, and count no descriptors but those
//! in it. Targets on a full disk are in `real`, those of a faulty file system in `faulty`.

mod contents;
mod ending;
mod failing;
mod killed;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod waiting;

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

use reapool::{SourceFile, TargetFile};

/// Writes each byte of the source plus one, chunk by chunk.
pub(crate) fn add_one(source: &mut SourceFile, target: &mut TargetFile) -> io::Result<u64> {
    let mut bytes = 0;
    loop {
        let chunk = source.fill_buf()?;
        if chunk.is_empty() {
            return Ok(bytes);
        }
        let next: Vec<u8> = chunk.iter().map(|byte| byte.wrapping_add(1)).collect();
        target.write_all(&next)?;
        source.consume(next.len());
        bytes += next.len() as u64;
    }
}

/// What `add_one` makes of these bytes.
pub(crate) fn one_more(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.wrapping_add(1)).collect()
}

/// Each path with one in another directory, of the same name.
pub(crate) fn pairs(paths: &[PathBuf], directory: &Path) -> Vec<(PathBuf, PathBuf)> {
    let target = |path: &PathBuf| directory.join(path.file_name().unwrap());
    paths.iter().map(|path| (path.clone(), target(path))).collect()
}

/// The names in a directory, in order.
pub(crate) fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}
