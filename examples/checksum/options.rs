//! The command line.

use std::path::PathBuf;

use clap::Parser;
use reapool::Order;

use crate::shared::settings::{Settings, order};

/// Prints BLAKE3 checksums of files, and of all regular files below directories, or checks them: as
/// b3sum does, which takes no directories.
///
/// Symbolic links are followed if they are named as a PATH, but not where they are met on the way.
#[derive(Parser)]
#[command(
    name = "checksum",
    version,
    mut_arg("workers", |workers| workers.visible_alias("num-threads")),
    mut_arg("quiet", |quiet| quiet
        .help("No progress bar; with --check, no OK for each file")
        .long_help("No progress bar, which otherwise is shown if standard error is a terminal; with \
            --check, no OK for each file")),
    after_help = "Of b3sum's options only --no-mmap is missing: files are not mapped here.\n\n\
        Exit status: 0 if all went well, 1 if a file could not be read or a checksum differs, 2 \
        for a mistake in the command line, 130 after Ctrl-C. A second Ctrl-C doesn't wait for the \
        reads under way. SIGTERM and SIGHUP do the same, with 143 and 129."
)]
pub(crate) struct Options {
    /// Files, directories, or with --check files of checksums; - or none is the standard input
    #[arg(value_name = "PATH", default_value = "-", hide_default_value = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Read checksums from the files, and check them
    ///
    /// The lines are those that are printed without --check, or with --tag. A line that is none of
    /// them counts as a checksum that differs.
    #[arg(short, long, conflicts_with_all = [
        "derive_key", "keyed", "length", "no_names", "order", "raw", "tag"
    ])]
    pub(crate) check: bool,
    /// Bytes of a checksum
    #[arg(short, long, value_name = "LEN", default_value_t = blake3::OUT_LEN as u64)]
    pub(crate) length: u64,
    /// Where the checksum begins in what BLAKE3 puts out, in bytes
    #[arg(long, default_value_t = 0)]
    pub(crate) seek: u64,
    /// Print no names
    #[arg(long)]
    pub(crate) no_names: bool,
    /// Print the bytes of the checksum of one file, and nothing else
    #[arg(long)]
    pub(crate) raw: bool,
    /// Print lines as BSD has them: BLAKE3 (PATH) = CHECKSUM
    #[arg(long)]
    pub(crate) tag: bool,
    /// Use the keyed mode, with a key of 32 bytes that is read from the standard input
    #[arg(long, requires = "paths")]
    pub(crate) keyed: bool,
    /// Use the mode that derives keys, with this context
    #[arg(long, value_name = "CONTEXT", conflicts_with = "keyed")]
    pub(crate) derive_key: Option<String>,
    /// In which order the lines come
    #[arg(long, value_parser = order(), default_value = "input")]
    pub(crate) order: Order,
    #[command(flatten)]
    pub(crate) settings: Settings,
}
