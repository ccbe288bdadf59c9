//! The command line.

use clap::Parser;
use reapool::Backend;

use crate::shared::backend::backend;
use crate::shared::descriptors::files_at_once;
use crate::shared::sizes::{KIB, MIB, number, size};

/// Reads paths from the standard input, one a line, and prints the BLAKE3 checksum of each file in
/// the format of b3sum, as soon as it is there: so not in the order of the paths.
///
/// For pipes, sockets and terminals that paths come from now and then: `inotifywait -m ... | feed`.
#[derive(Parser)]
#[command(
    name = "feed",
    version,
    after_help = "Exit status: 0 if all went well, 1 if not, 2 for a mistake in the command line, \
        130 after Ctrl-C, which lets the files that are open end. A second Ctrl-C doesn't wait for \
        them. SIGTERM and SIGHUP do the same, with 143 and 129."
)]
pub(crate) struct Options {
    /// Paths end with a zero byte instead of a line feed, as of `find -print0`
    #[arg(short = '0', long)]
    null: bool,
    /// How many files are open at a time, 1 to 1024
    ///
    /// They are fewer if the system lets the program have no more open.
    #[arg(long, value_name = "N", value_parser = number(1..=1024), default_value = "64")]
    files: usize,
    /// How much of a file is read at a time, 4K to 64M
    ///
    /// Sizes are numbers of bytes, or have a suffix for a power of 1024, as 512K and 1MiB have.
    #[arg(long, value_name = "SIZE", value_parser = size(4 * KIB..=64 * MIB), default_value = "1M")]
    pub(crate) chunk: usize,
    /// How reads are performed
    #[arg(long, value_parser = backend(), default_value = "aio")]
    pub(crate) backend: Backend,
}

impl Options {
    /// The byte between paths.
    pub(crate) fn separator(&self) -> u8 {
        if self.null { 0 } else { b'\n' }
    }

    /// How many files may be open at a time.
    pub(crate) fn files_at_once(&self) -> usize {
        self.files.min(files_at_once(1))
    }
}
