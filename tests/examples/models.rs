//! The programs of the machine that the examples resemble.
//!
//! Their versions differ in details, or they are missing. So every test computes by itself the
//! output that they are documented to have, and compares with that. With `REAPOOL_COMPARE` set, it
//! compares with the programs, too. The gate does so, where their versions are known.

use std::process::Command;

/// The program, if it is to be compared with. Then it has to be there.
pub(crate) fn model(program: &str) -> Option<Command> {
    std::env::var_os("REAPOOL_COMPARE").map(|_| Command::new(program))
}
