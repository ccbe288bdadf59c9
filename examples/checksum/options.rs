//! The command line.

use std::path::PathBuf;

use clap::Parser;
use reapool::Order;

use crate::shared::settings::{Settings, order};

/// Prints the BLAKE3 checksum of every regular file under the paths, in the format of b3sum.
///
/// Symbolic links are followed if they are named as a PATH, but not where they are met on the way.
#[derive(Parser)]
#[command(
    name = "checksum",
    version,
    after_help = "Exit status: 0 if all went well, 1 if not, 2 for a mistake in the command line, \
        130 after Ctrl-C. A second Ctrl-C doesn't wait for the reads under way. SIGTERM and SIGHUP \
        do the same, with 143 and 129."
)]
pub(crate) struct Options {
    /// Files, and directories whose files are read
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// In which order the lines come
    #[arg(long, value_parser = order(), default_value = "input")]
    pub(crate) order: Order,
    #[command(flatten)]
    pub(crate) settings: Settings,
}
