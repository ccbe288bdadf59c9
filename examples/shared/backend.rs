//! The option `--backend`, which every program that builds a dispatcher has.

use reapool::Backend;

/// The backend of this name.
pub(crate) fn backend(text: &str) -> Result<Backend, &'static str> {
    match text {
        "aio" => Ok(Backend::Aio),
        "threads" => Ok(Backend::BlockingThreads),
        "automatic" => Ok(Backend::Automatic),
        _ => Err("neither aio, threads nor automatic"),
    }
}
