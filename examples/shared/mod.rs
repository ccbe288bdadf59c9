//! The parts that the programs have in common: settings, the terminal, the output, and how they are
//! stopped.

#![allow(dead_code, unused_imports, reason = "each program uses a part")]

pub(crate) mod attributes;
pub(crate) mod backend;
pub(crate) mod command_line;
pub(crate) mod count;
pub(crate) mod descriptors;
pub(crate) mod directories;
pub(crate) mod extended;
pub(crate) mod fallbacks;
pub(crate) mod input;
pub(crate) mod interrupt;
pub(crate) mod names;
pub(crate) mod nesting;
pub(crate) mod output;
pub(crate) mod readable;
pub(crate) mod screen;
pub(crate) mod settings;
pub(crate) mod signals;
pub(crate) mod sizes;
pub(crate) mod totals;
pub(crate) mod watch;

use std::error::Error;
use std::process::ExitCode;

/// Runs a program whose arguments have been parsed. Prints its help, or says what is wrong with the
/// arguments, or runs it and says why it failed. In that case its exit status is `failure`.
pub(crate) fn start<O>(
    program: &str,
    failure: u8,
    options: Result<O, clap::Error>,
    run: impl FnOnce(O) -> Result<u8, Box<dyn Error>>,
) -> ExitCode {
    let status = match options {
        Ok(options) => run(options).unwrap_or_else(|error| {
            screen::complain(program, format_args!("{}", with_source(&*error)));
            failure
        }),
        Err(error) => command_line::explain(program, failure, &error),
    };
    status.into()
}

/// An error, and what it came from.
pub(crate) fn with_source(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
