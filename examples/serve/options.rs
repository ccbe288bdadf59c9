//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use reapool::Backend;

use crate::shared::backend::backend;
use crate::shared::settings::number;

pub(crate) const HELP: &str = "\
Usage: serve [OPTIONS] [DIRECTORY]

Serves the files below DIRECTORY, or the current one, over HTTP/1.1, with GET and HEAD; of a
directory its index.html. Knows conditional requests and ranges. What symbolic links inside lead to
outside is refused. The first line of the output is the address.

A connection is closed if no request comes within 10 seconds, or if the client takes nothing of an
answer for 30.

Options:
      --listen A       Address and port to listen on; a port of 0 is one that is free
                       [default: 127.0.0.1:8080]
      --connections N  How many clients are served at a time, 1 to 65536, or fewer if the system
                       doesn't let the program have enough files open [default: 256]
      --memory MIB     Memory for what is being read and sent, 4 to 1048576; clients wait while
                       others have all of it [default: 64]
      --depth N        Requests to the system under way at a time, 1 to 4096 [default: 128]
      --backend B      How reads are performed: aio (native AIO), threads (pread on threads), or
                       automatic (aio, or threads where the system has no AIO or forbids it)
                       [default: aio]
      --verbose        Say on standard error what was asked and what came of it
  -h, --help           Print this

Exit status: 0 after Ctrl-C, SIGTERM or SIGHUP, which wait for the answers under way (a second one
doesn't), 1 if it can't serve, 2 for a mistake in the command line.
";

pub(crate) struct Options {
    pub(crate) directory: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) connections: usize,
    /// In bytes.
    pub(crate) memory: usize,
    pub(crate) depth: usize,
    pub(crate) backend: Backend,
    pub(crate) verbose: bool,
}

/// `None` if the user asked for help.
pub(crate) fn parse_arguments() -> Result<Option<Options>, lexopt::Error> {
    use lexopt::prelude::{Long, Short, Value, ValueExt};

    let mut options = Options {
        directory: ".".into(),
        listen: ([127, 0, 0, 1], 8080).into(),
        connections: 256,
        memory: 64 << 20,
        depth: 128,
        backend: Backend::Aio,
        verbose: false,
    };
    let (mut parser, mut named) = (lexopt::Parser::from_env(), false);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("listen") => options.listen = parser.value()?.parse()?,
            Long("connections") => options.connections = number(&mut parser, 1, 1 << 16)?,
            Long("memory") => options.memory = number(&mut parser, 4, 1 << 20)? << 20,
            Long("depth") => options.depth = number(&mut parser, 1, 4096)?,
            Long("backend") => options.backend = parser.value()?.parse_with(backend)?,
            Long("verbose") => options.verbose = true,
            Value(directory) if !named => {
                options.directory = directory.into();
                named = true;
            }
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some(options))
}
