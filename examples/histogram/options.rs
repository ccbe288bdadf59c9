//! The command line.

use std::path::PathBuf;

use clap::Parser;
use reapool::Backend;

use crate::shared::backend::backend;
use crate::shared::sizes::{KIB, MIB, blocks, number};

/// Counts how often each byte occurs in files or block devices, and prints for each how many bits
/// of information there are in a byte (Shannon's entropy), its size, and how many different bytes
/// it has.
///
/// Files are read with O_DIRECT where that is possible.
#[derive(Parser)]
#[command(
    name = "histogram",
    version,
    after_help = "Exit status: 0 if all went well, 1 if not, 2 for a mistake in the command line, \
        130 after Ctrl-C. A second Ctrl-C doesn't wait for the reads under way. SIGTERM and SIGHUP \
        do the same, with 143 and 129."
)]
pub(crate) struct Options {
    /// Files or block devices
    #[arg(value_name = "FILE", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Print the counts, too
    #[arg(long)]
    pub(crate) counts: bool,
    /// Reads under way at a time, 1 to 4096
    #[arg(long, value_name = "N", value_parser = number(1..=4096), default_value = "32")]
    pub(crate) parts: usize,
    /// Size of a read, a multiple of 4K up to 64M
    ///
    /// Sizes are numbers of bytes, or have a suffix for a power of 1024, as 512K and 1MiB have.
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = blocks(4 * KIB..=64 * MIB),
        default_value = "256K"
    )]
    pub(crate) part: usize,
    /// Threads that count, 1 to 1024 [default: one for each CPU]
    #[arg(long, value_name = "N", value_parser = number(1..=1024))]
    pub(crate) workers: Option<usize>,
    /// No progress bar, which otherwise is shown if standard error is a terminal
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// How reads are performed
    #[arg(long, value_parser = backend(), default_value = "aio")]
    pub(crate) backend: Backend,
}
