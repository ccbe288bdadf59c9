//! The command line.

use std::path::PathBuf;

use crate::shared::settings::number;

pub(crate) const HELP: &str = "\
Usage: histogram [OPTIONS] FILE...

Counts how often each byte occurs in files or block devices, and prints for each how many bits of
information there are in a byte (Shannon's entropy), its size, and how many different bytes it has.
Files are read with O_DIRECT where that is possible.

Options:
      --counts     Print the counts, too
      --parts N    Reads under way at a time, 1 to 4096 [default: 32]
      --part KIB   Size of a read, a multiple of 4 from 4 to 65536 [default: 256]
      --workers N  Threads that count, 1 to 1024 [default: one for each CPU]
  -h, --help       Print this

Exit status: 0 if all went well, 1 if not, 2 for a mistake in the command line, 130 after Ctrl-C.
A second Ctrl-C doesn't wait for the reads under way.
";

pub(crate) struct Options {
    pub(crate) counts: bool,
    pub(crate) parts: usize,
    /// In bytes.
    pub(crate) part: usize,
    pub(crate) workers: Option<usize>,
    pub(crate) paths: Vec<PathBuf>,
}

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value};

    let mut options =
        Options { counts: false, parts: 32, part: 256 << 10, workers: None, paths: Vec::new() };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("counts") => options.counts = true,
            Long("parts") => options.parts = number(&mut parser, 1, 4096)?,
            Long("part") => {
                let kib = number(&mut parser, 4, 1 << 16)?;
                if !kib.is_multiple_of(4) {
                    return Err("--part takes a multiple of 4".into());
                }
                options.part = kib << 10;
            }
            Long("workers") => options.workers = Some(number(&mut parser, 1, 1024)?),
            Value(path) => options.paths.push(path.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    if options.paths.is_empty() {
        return Err("no file is named".into());
    }
    Ok(Some(options))
}
