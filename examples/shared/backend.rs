//! The option `--backend`, which every program that builds a dispatcher has.

use clap::ValueEnum;
use clap::builder::{EnumValueParser, TypedValueParser};
use reapool::Backend;

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    /// Native AIO
    Aio,
    /// System calls like pread(2), on threads
    Threads,
    /// AIO, or threads where the system has no AIO or forbids it
    Automatic,
}

/// Parses the name of a backend.
pub(crate) fn backend() -> impl TypedValueParser<Value = Backend> {
    EnumValueParser::<Name>::new().map(|name| match name {
        Name::Aio => Backend::Aio,
        Name::Threads => Backend::BlockingThreads,
        Name::Automatic => Backend::Automatic,
    })
}
