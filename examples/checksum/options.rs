//! The command line.

use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Usage: checksum [OPTIONS] [PATH...]

Prints the BLAKE3 checksum of every regular file under the paths, in the format of b3sum; without
a path, of those under the current directory. Symbolic links are followed if they are named as a
PATH, but not where they are met on the way.

Options:
      --buffered     Read through the page cache. The default is to read past it (O_DIRECT) where
                     the file system allows
      --depth N      Reads under way at a time, 1 to 256 [default: 64]
      --workers N    Threads that hash, 1 to 1024 [default: one for each CPU; with --buffered 16,
                     as they wait for the disk then]
      --chunk KIB    Size of a read, a multiple of 4 from 4 to 65536 [default: 256]
  -h, --help         Print this

Exit status: 0 if all went well, 1 if not, 2 for a mistake in the command line, 130 after Ctrl-C.
A second Ctrl-C doesn't wait for the reads under way.
";

pub(crate) struct Options {
    pub(crate) buffered: bool,
    pub(crate) depth: usize,
    pub(crate) workers: Option<usize>,
    /// In bytes.
    pub(crate) chunk: usize,
    pub(crate) paths: Vec<PathBuf>,
}

/// `None` if help was asked for.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut options =
        Options { buffered: false, depth: 64, workers: None, chunk: 256 << 10, paths: Vec::new() };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("buffered") => options.buffered = true,
            Long("depth") => {
                // Twice as many files are open, and most shells allow 1024 descriptors.
                options.depth = parser.value()?.parse_with(|text| within(text, 1, 256))?;
            }
            Long("workers") => {
                options.workers = Some(parser.value()?.parse_with(|text| within(text, 1, 1024))?);
            }
            Long("chunk") => {
                let kib = parser.value()?.parse_with(|text| within(text, 4, 65536))?;
                if !kib.is_multiple_of(4) {
                    return Err("--chunk takes a multiple of 4".into());
                }
                options.chunk = kib << 10;
            }
            Value(path) => options.paths.push(path.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    if options.paths.is_empty() {
        options.paths.push(".".into());
    }
    Ok(Some(options))
}

fn within(text: &str, min: usize, max: usize) -> Result<usize, String> {
    match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("not a number from {min} to {max}")),
    }
}
