//! The command line of programs that have no option but `--backend`.

#[path = "backend.rs"]
mod backend;

use std::ffi::OsString;

use lexopt::prelude::{Long, Short, Value, ValueExt};
use reapool::Backend;

/// The backend and the other arguments. `None` if the user asked for help.
pub(crate) fn parse() -> Result<Option<(Backend, Vec<OsString>)>, lexopt::Error> {
    let (mut backend, mut values) = (Backend::Aio, Vec::<OsString>::new());
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(None),
            Long("backend") => backend = parser.value()?.parse_with(backend::backend)?,
            Value(value) => values.push(value),
            _ => return Err(argument.unexpected()),
        }
    }
    Ok(Some((backend, values)))
}
