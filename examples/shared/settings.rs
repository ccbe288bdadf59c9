//! Options that all programs have, and the dispatcher and the files layer that they describe.

use lexopt::{Arg, Parser, ValueExt};
use reapool::{Backend, BuildError, Dispatcher, Files, FilesBuilder, Order, Policy};

use super::backend::backend;

/// The text about these options in `--help`; a macro, as `concat!` takes no constants. A program
/// may have another text about the memory.
macro_rules! options_help {
    () => {
        options_help!(
            "      --memory MIB   Memory for what is being read, 4 to 1048576 [default: 64]
      --chunk KIB    Size of a read of a large file, a multiple of 4 from 4 to 65536, no more than
                     a quarter of the memory [default: 1024]
"
        )
    };
    ($memory:literal) => {
        concat!(include_str!("../shared/policy.txt"), $memory, include_str!("../shared/requests.txt"))
    };
}
pub(crate) use options_help;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    /// In bytes.
    pub(crate) memory: usize,
    /// In bytes.
    pub(crate) chunk: usize,
    depth: usize,
    workers: Option<usize>,
    backend: Backend,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::Automatic,
            memory: 64 << 20,
            chunk: 1 << 20,
            depth: 128,
            workers: None,
            backend: Backend::Aio,
            quiet: false,
            verbose: false,
        }
    }
}

/// The options' names, without the dashes.
const OPTIONS: [&str; 8] =
    ["policy", "memory", "chunk", "depth", "workers", "backend", "quiet", "verbose"];

/// The name of the option, if it is one of these.
pub(crate) fn name(argument: &Arg<'_>) -> Option<&'static str> {
    match argument {
        Arg::Short('q') => Some("quiet"),
        Arg::Long(long) => OPTIONS.into_iter().find(|option| option == long),
        _ => None,
    }
}

impl Settings {
    /// Sets the option of this [`name`] to the value that comes next.
    pub(crate) fn set(&mut self, name: &str, parser: &mut Parser) -> Result<(), lexopt::Error> {
        match name {
            "policy" => self.policy = parser.value()?.parse_with(policy)?,
            "memory" => self.memory = number(parser, 4, 1 << 20)? << 20,
            "chunk" => self.chunk = blocks(parser, "chunk")?,
            "depth" => self.depth = number(parser, 1, 4096)?,
            "workers" => self.workers = Some(number(parser, 1, 1024)?),
            "backend" => self.backend = parser.value()?.parse_with(backend)?,
            "quiet" => self.quiet = true,
            _ => self.verbose = true,
        }
        Ok(())
    }

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
        self.workers.unwrap_or_else(|| num_cpus::get().max(16))
    }

    pub(crate) fn dispatcher(&self) -> Result<Dispatcher, BuildError> {
        let builder = Dispatcher::builder().backend(self.backend).depth(self.depth);
        let mut builder = builder.converters(self.converters());
        if let Some(workers) = self.workers {
            builder = builder.workers(workers);
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

pub(crate) fn number(parser: &mut Parser, min: usize, max: usize) -> Result<usize, lexopt::Error> {
    parser.value()?.parse_with(|text| match text.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("not a number from {min} to {max}")),
    })
}

/// The size of a read in bytes, which the user gives in KiB: whole blocks, as for direct I/O.
pub(crate) fn blocks(parser: &mut Parser, option: &str) -> Result<usize, lexopt::Error> {
    let kib = number(parser, 4, 1 << 16)?;
    if !kib.is_multiple_of(4) {
        return Err(format!("--{option} takes a multiple of 4").into());
    }
    Ok(kib << 10)
}

fn policy(text: &str) -> Result<Policy, &'static str> {
    match text {
        "direct" => Ok(Policy::Direct),
        "buffered" => Ok(Policy::Buffered),
        "automatic" => Ok(Policy::Automatic),
        _ => Err("neither direct, buffered nor automatic"),
    }
}

pub(crate) fn order(text: &str) -> Result<Order, &'static str> {
    match text {
        "input" => Ok(Order::Input),
        "completion" => Ok(Order::Completion),
        _ => Err("neither input nor completion"),
    }
}
