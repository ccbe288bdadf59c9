//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use reapool::Backend;

use crate::shared::backend::backend;
use crate::shared::settings::{blocks, number};

pub(crate) const HELP: &str = "\
Usage: scrub [OPTIONS] PATH...

Reads files or block devices to the last byte, past the page cache where that is possible, and
prints for each how much could be read, and which bytes could not.

Options:
      --rate MIB       At most so many MiB a second, 1 to 1048576 [default: no bound]
      --chunk KIB      Size of a read, a multiple of 4 from 4 to 65536. Where one fails, each 4 KiB
                       of it are tried [default: 512]
      --depth N        Reads under way at a time, 1 to 4096 [default: 8]
      --status SECONDS Say on standard error how far it is, every so many seconds; 0 for never
                       [default: 10]
      --backend B      How reads are performed: aio (native AIO) or automatic, which is the same
                       here; threads are refused, as only the kernel tells an event loop of
                       completions [default: aio]
  -h, --help           Print this

SIGUSR1 asks for a status line too. Ctrl-C waits for the reads under way and says how far it came; a
second one doesn't wait.

Exit status: 0 if all could be read, 1 if not, 2 for a mistake in the command line, 130 after
Ctrl-C. SIGTERM and SIGHUP do the same as Ctrl-C, with 143 and 129.
";

pub(crate) struct Options {
    /// Bytes a second.
    pub(crate) rate: Option<u64>,
    pub(crate) chunk: usize,
    pub(crate) depth: usize,
    pub(crate) status: Option<Duration>,
    pub(crate) backend: Backend,
    pub(crate) paths: Vec<PathBuf>,
}

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut options = Options {
        rate: None,
        chunk: 512 << 10,
        depth: 8,
        status: Some(Duration::from_secs(10)),
        backend: Backend::Aio,
        paths: Vec::new(),
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("rate") => {
                options.rate = Some((number(&mut parser, 1, 1 << 20)? as u64) << 20);
            }
            Long("chunk") => options.chunk = blocks(&mut parser, "chunk")?,
            Long("depth") => options.depth = number(&mut parser, 1, 4096)?,
            Long("status") => {
                let seconds = number(&mut parser, 0, 1 << 20)? as u64;
                options.status = (seconds > 0).then(|| Duration::from_secs(seconds));
            }
            Long("backend") => options.backend = parser.value()?.parse_with(for_a_loop)?,
            Value(path) => options.paths.push(path.into()),
            _ => return Err(argument.unexpected()),
        }
    }
    if options.paths.is_empty() {
        return Err("no path was given".into());
    }
    Ok(Some(options))
}

fn for_a_loop(text: &str) -> Result<Backend, &'static str> {
    match backend(text)? {
        Backend::BlockingThreads => Err("an event loop can't have threads"),
        other => Ok(other),
    }
}
