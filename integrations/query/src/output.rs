//! The standard output, which may be closed, and the standard error, which never matters.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use crate::failure::{Failure, Result};

/// Prints a line, or several, on the standard output.
pub(crate) fn print(text: impl Display) -> Result {
    // In one piece: the standard output would write line by line.
    let text = format!("{text}\n");
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::OutputClosed),
        Err(error) => Err(Failure::Failed(format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Tells the user something on the standard error.
pub(crate) fn say(text: impl Display) {
    // There is nobody to tell if this fails.
    let _ = writeln!(io::stderr().lock(), "{text}");
}
