//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{EnumValueParser, TypedValueParser};
use clap::{Parser, ValueEnum};
use reapool::Backend;

use crate::shared::sizes::{KIB, MIB, TIB, blocks, number, size};

/// Reads files or block devices to the last byte, past the page cache where that is possible, and
/// prints for each how much could be read, and which bytes could not.
#[derive(Parser)]
#[command(
    name = "scrub",
    version,
    after_help = "SIGUSR1 asks for a status line too. Ctrl-C waits for the reads under way and \
        says how far it came; a second one doesn't wait.\n\n\
        Exit status: 0 if all could be read, 1 if not, 2 for a mistake in the command line, 130 \
        after Ctrl-C. SIGTERM and SIGHUP do the same as Ctrl-C, with 143 and 129."
)]
pub(crate) struct Options {
    /// Files or block devices
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// At most so many bytes a second, 1M to 1T [default: no bound]
    ///
    /// Sizes are numbers of bytes, or have a suffix for a power of 1024, as 512K and 1MiB have.
    #[arg(long, value_name = "SIZE", value_parser = size(MIB..=TIB))]
    rate: Option<usize>,
    /// Size of a read, a multiple of 4K up to 64M
    ///
    /// Where one fails, each 4 KiB of it are tried.
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = blocks(4 * KIB..=64 * MIB),
        default_value = "512K"
    )]
    pub(crate) chunk: usize,
    /// Reads under way at a time, 1 to 4096
    #[arg(long, value_name = "N", value_parser = number(1..=4096), default_value = "8")]
    pub(crate) depth: usize,
    /// Say on standard error how far it is, every so many seconds; 0 for never
    #[arg(long, value_name = "SECONDS", value_parser = number(0..=1 << 20), default_value = "10")]
    status: usize,
    /// How reads are performed
    ///
    /// Threads are refused, as only the kernel tells an event loop of completions.
    #[arg(long, value_parser = backend(), default_value = "aio")]
    pub(crate) backend: Backend,
}

impl Options {
    /// Bytes a second.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.rate.map(|rate| rate as u64)
    }

    /// How often the user is told how far it is.
    pub(crate) fn status(&self) -> Option<Duration> {
        (self.status > 0).then(|| Duration::from_secs(self.status as u64))
    }
}

/// The backends that an event loop can have.
#[derive(Clone, Copy, ValueEnum)]
enum LoopBackend {
    /// Native AIO
    Aio,
    /// The same here
    Automatic,
}

fn backend() -> impl TypedValueParser<Value = Backend> {
    EnumValueParser::<LoopBackend>::new().map(|name| match name {
        LoopBackend::Aio => Backend::Aio,
        LoopBackend::Automatic => Backend::Automatic,
    })
}
