//! The standard error, for what the program says beside its results.

use std::fmt;
use std::io::{self, Write};

/// Writes to the standard error. A failure is ignored: there is no other place to report it.
pub(crate) fn complain(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{message}");
}
