//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use reapool::Backend;

use crate::shared::backend::backend;
use crate::shared::sizes::{MIB, TIB, number, size};

/// Serves the files below DIRECTORY over HTTP/1.1, with GET and HEAD; of a directory its
/// index.html.
///
/// Knows conditional requests and ranges. What symbolic links inside lead to outside is refused.
/// The first line of the output is the address. A connection is closed if no request comes within
/// 10 seconds, or if the client takes nothing of an answer for 30.
#[derive(Parser)]
#[command(
    name = "serve",
    version,
    after_help = "Exit status: 0 after Ctrl-C, SIGTERM or SIGHUP, which wait for the answers under \
        way (a second one doesn't), 1 if it can't serve, 2 for a mistake in the command line."
)]
pub(crate) struct Options {
    /// The directory that is served
    #[arg(default_value = ".")]
    pub(crate) directory: PathBuf,
    /// Address and port to listen on; a port of 0 is one that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// How many clients are served at a time, 1 to 65536
    ///
    /// They are fewer if the system doesn't let the program have enough files open.
    #[arg(long, value_name = "N", value_parser = number(1..=1 << 16), default_value = "256")]
    pub(crate) connections: usize,
    /// Memory for what is being read and sent, 4M to 1T
    ///
    /// Clients wait while others have all of it. Sizes are numbers of bytes, or have a suffix for
    /// a power of 1024, as 512K, 64M and 1GiB have.
    #[arg(long, value_name = "SIZE", value_parser = size(4 * MIB..=TIB), default_value = "64M")]
    pub(crate) memory: usize,
    /// Requests to the system under way at a time, 1 to 4096
    #[arg(long, value_name = "N", value_parser = number(1..=4096), default_value = "128")]
    pub(crate) depth: usize,
    /// How reads are performed
    #[arg(long, value_parser = backend(), default_value = "aio")]
    pub(crate) backend: Backend,
    /// Say on standard error what was asked and what came of it
    #[arg(long)]
    pub(crate) verbose: bool,
}
