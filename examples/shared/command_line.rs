//! What the command lines of all programs have in common.

#![allow(dead_code, reason = "each program uses a part")]

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write};

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};

/// Exit status for a mistake in the command line.
pub(crate) const USAGE: u8 = 2;

const HELP: &str = "Usage: {usage}\n\n{about-with-newline}\n{all-args}{after-help}";

/// The options that the program was called with.
pub(crate) fn parse<O: Parser>() -> Result<O, clap::Error> {
    parse_from(env::args_os())
}

/// The options in these arguments. The first is the program's own name.
pub(crate) fn parse_from<O: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<O, clap::Error> {
    let mut command = command::<O>();
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    O::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Options that don't go together, or a value that only the program itself can judge.
pub(crate) fn mistake<O: Parser>(message: impl Display) -> clap::Error {
    command::<O>().error(ErrorKind::ValueValidation, message)
}

fn command<O: CommandFactory>() -> Command {
    // Of an option that is repeated the last one counts: an alias can have options.
    O::command().help_template(HELP).max_term_width(100).args_override_self(true)
}

/// Prints the help or the version, if the user asked for them, or else says what is wrong with the
/// command line. Returns the exit status, which is `failure` if the text can't be printed, unless
/// its reader has read enough.
pub(crate) fn explain(program: &str, failure: u8, error: &clap::Error) -> u8 {
    let text = error.to_string();
    if !error.use_stderr() {
        return print(program, failure, &text);
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    // If that fails, there is nobody to tell.
    let _ = write!(io::stderr(), "{program}: {text}");
    USAGE
}

/// Prints all that a program prints, and returns its exit status: `failure` if that can't be done.
/// Not with `println!`, which panics then.
pub(crate) fn print(program: &str, failure: u8, text: &str) -> u8 {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => 0,
        // The reader has closed the pipe: it has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{program}: standard output: {error}");
            failure
        }
    }
}
