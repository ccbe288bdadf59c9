//! The command line.

use std::path::PathBuf;

use reapool::Backend;

use crate::shared::backend::backend;
use crate::shared::settings::{blocks, number};

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
      --backend B  How reads are performed: aio (native AIO), threads (pread on threads), or
                   automatic (aio, or threads where the system has no AIO or forbids it)
                   [default: aio]
  -h, --help       Print this

Exit status: 0 if all went well, 1 if not, 2 for a mistake in the command line, 130 after Ctrl-C.
A second Ctrl-C doesn't wait for the reads under way. SIGTERM and SIGHUP do the same, with 143 and
129.
";

pub(crate) struct Options {
    pub(crate) counts: bool,
    pub(crate) parts: usize,
    /// In bytes.
    pub(crate) part: usize,
    pub(crate) workers: Option<usize>,
    pub(crate) backend: Backend,
    pub(crate) paths: Vec<PathBuf>,
}

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut options = Options {
        counts: false,
        parts: 32,
        part: 256 << 10,
        workers: None,
        backend: Backend::Aio,
        paths: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("counts") => options.counts = true,
            Long("parts") => options.parts = number(&mut parser, 1, 4096)?,
            Long("part") => options.part = blocks(&mut parser, "part")?,
            Long("workers") => options.workers = Some(number(&mut parser, 1, 1024)?),
            Long("backend") => options.backend = parser.value()?.parse_with(backend)?,
            Value(path) => options.paths.push(path.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    if options.paths.is_empty() {
        return Err("no file is named".into());
    }
    Ok(Some(options))
}
