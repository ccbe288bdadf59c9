//! Options that the programs over the files layer have, and the dispatcher and the layer that they
//! describe.

use clap::builder::{EnumValueParser, TypedValueParser};
use clap::{Args, ValueEnum};
use reapool::{Backend, BuildError, Dispatcher, Files, FilesBuilder, Order, Policy};

use super::backend::backend;
use super::sizes::{KIB, MIB, TIB, blocks, number, size};

// No documentation here: it would become the program's.
#[derive(Args, Clone)]
#[command(next_help_heading = "Reading")]
pub(crate) struct Settings {
    /// How files are read
    ///
    /// Where direct I/O is refused, the page cache is used instead, and said so at the end (of
    /// automatic with --verbose).
    #[arg(long, value_parser = policy(), default_value = "automatic")]
    pub(crate) policy: Policy,
    /// Memory for what is being read, 4M to 1T
    ///
    /// Sizes are numbers of bytes, or have a suffix for a power of 1024, as 512K, 64M and 1GiB
    /// have.
    #[arg(long, value_name = "SIZE", value_parser = size(4 * MIB..=TIB), default_value = "64M")]
    pub(crate) memory: usize,
    /// Size of a read of a large file, a multiple of 4K up to 64M
    ///
    /// No more than a quarter of the memory is used.
    #[arg(long, value_name = "SIZE", value_parser = blocks(4 * KIB..=64 * MIB), default_value = "1M")]
    pub(crate) chunk: usize,
    /// Requests to the system under way at a time, 1 to 4096
    #[arg(long, value_name = "N", value_parser = number(1..=4096), default_value = "128")]
    depth: usize,
    /// Threads that process what was read, up to 1024; 0 for one for each CPU
    #[arg(long, value_name = "N", value_parser = number(0..=1024), default_value = "0")]
    workers: usize,
    /// How requests are performed
    #[arg(long, value_parser = backend(), default_value = "aio")]
    backend: Backend,
    /// No progress bar, which otherwise is shown if standard error is a terminal
    #[arg(short, long, help_heading = "Messages")]
    pub(crate) quiet: bool,
    /// Say more at the end
    #[arg(long, help_heading = "Messages")]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum PolicyName {
    /// With O_DIRECT, past the page cache
    Direct,
    /// Through the page cache
    Buffered,
    /// What is large and not cached is read directly
    Automatic,
}

#[derive(Clone, Copy, ValueEnum)]
enum OrderName {
    /// Of the paths, and by name below them
    Input,
    /// As files are done
    Completion,
}

fn policy() -> impl TypedValueParser<Value = Policy> {
    EnumValueParser::<PolicyName>::new().map(|name| match name {
        PolicyName::Direct => Policy::Direct,
        PolicyName::Buffered => Policy::Buffered,
        PolicyName::Automatic => Policy::Automatic,
    })
}

/// Parses the name of an order of files.
pub(crate) fn order() -> impl TypedValueParser<Value = Order> {
    EnumValueParser::<OrderName>::new().map(|name| match name {
        OrderName::Input => Order::Input,
        OrderName::Completion => Order::Completion,
    })
}

impl Settings {
    /// The same settings with so many bytes of memory.
    pub(crate) fn with_memory(&self, memory: usize) -> Self {
        Self { memory, ..self.clone() }
    }

    /// The same settings with at least so many requests under way at a time.
    pub(crate) fn with_depth_from(&self, least: usize) -> Self {
        Self { depth: self.depth.max(least), ..self.clone() }
    }

    /// How many threads may make files of files. With `--workers`, there are no more than of these.
    pub(crate) fn converters(&self) -> usize {
        if self.workers > 0 { self.workers } else { num_cpus::get().max(16) }
    }

    pub(crate) fn dispatcher(&self) -> Result<Dispatcher, BuildError> {
        let builder = Dispatcher::builder().backend(self.backend).depth(self.depth);
        let mut builder = builder.converters(self.converters());
        if self.workers > 0 {
            builder = builder.workers(self.workers);
        }
        builder.build()
    }

    /// A builder of the files layer with these settings.
    pub(crate) fn files(&self, dispatcher: &Dispatcher) -> FilesBuilder {
        let chunk = self.chunk.min(self.memory / 4);
        Files::builder(dispatcher)
            .policy(self.policy)
            .memory(self.memory)
            .chunk(chunk)
            // No file is read whole, so buffers of that size are not needed.
            .whole_limit(chunk)
    }
}
