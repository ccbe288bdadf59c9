//! The standard error, for what the program says beside its results.

use std::fmt;
use std::io::{self, Write};

/// Writes to the standard error. A failure is ignored: there is no other place to report it.
pub(crate) fn complain(message: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Says that a test can't test something here. With `REAPOOL_NO_SKIP` set that is a failure.
#[cfg(test)]
pub(crate) fn skipped(what: fmt::Arguments<'_>) {
    assert!(std::env::var_os("REAPOOL_NO_SKIP").is_none(), "may not be skipped here: {what}");
    complain(format_args!("SKIPPED: {what}"));
}
