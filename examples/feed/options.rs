//! The command line.

use reapool::Backend;

use crate::shared::backend::backend;
use crate::shared::descriptors::files_at_once;
use crate::shared::settings::number;

pub(crate) const HELP: &str = "\
Usage: feed [OPTIONS]

Reads paths from the standard input, one a line, and prints the BLAKE3 checksum of each file in the
format of b3sum, as soon as it is there: so not in the order of the paths. For pipes, sockets and
terminals that paths come from now and then: `inotifywait -m ... | feed`.

Options:
  -0, --null         Paths end with a zero byte instead of a line feed, as of `find -print0`
      --files N      How many files are open at a time, 1 to 1024, or fewer if the system lets the
                     program have no more [default: 64]
      --chunk KIB    How much of a file is read at a time, 4 to 65536 [default: 1024]
      --backend B    How reads are performed: aio (native AIO), threads (pread on threads), or
                     automatic (aio, or threads where the system has no AIO or forbids it)
                     [default: aio]
  -h, --help         Print this

Exit status: 0 if all went well, 1 if not, 2 for a mistake in the command line, 130 after Ctrl-C,
which lets the files that are open end. A second Ctrl-C doesn't wait for them. SIGTERM and SIGHUP do
the same, with 143 and 129.
";

pub(crate) struct Options {
    pub(crate) separator: u8,
    pub(crate) files: usize,
    /// In bytes.
    pub(crate) chunk: usize,
    pub(crate) backend: Backend,
}

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, ValueExt};

    let mut options =
        Options { separator: b'\n', files: 64, chunk: 1 << 20, backend: Backend::Aio };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Short('0') | Long("null") => options.separator = 0,
            Long("files") => options.files = number(&mut parser, 1, 1024)?,
            Long("chunk") => options.chunk = number(&mut parser, 4, 1 << 16)? << 10,
            Long("backend") => options.backend = parser.value()?.parse_with(backend)?,
            _ => return Err(argument.unexpected()),
        }
    }
    options.files = options.files.min(files_at_once(1));
    Ok(Some(options))
}
