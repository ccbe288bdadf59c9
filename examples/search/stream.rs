//! The search of pipes, devices and the standard input, whose lines are printed as they come.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use tempfile::SpooledTempFile;

use crate::scan::{Outcome, Scan};
use crate::shared::input::{is_ready, is_stdin};
use crate::shared::interrupt::Interrupt;

/// How many bytes are read at a time: what a pipe holds.
const PIECE: usize = 64 << 10;

/// Opens a path, or takes the standard input. Doesn't wait for the other end of a pipe.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if is_stdin(path) {
        return Ok(io::stdin().as_fd().try_clone_to_owned()?.into());
    }
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)
}

/// Searches to the end of the input, or until the user interrupts. `print` gets the lines that are
/// there after each read, and whether there are any, even if nothing of them is printed. Adds to
/// `len` how many bytes were read.
pub(crate) fn search(
    mut input: &File,
    mut scan: Scan,
    interrupt: &Interrupt,
    len: &mut u64,
    mut print: impl FnMut(SpooledTempFile, bool) -> io::Result<ControlFlow<()>>,
) -> io::Result<Outcome> {
    let mut bytes = vec![0; PIECE];
    while !interrupt.has_come() {
        if !is_ready(&input)? {
            continue;
        }
        let count = match input.read(&mut bytes) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if is_passing(error.kind()) => continue,
            Err(error) => return Err(error),
        };
        *len += count as u64;
        let flow = scan.chunk(&bytes[..count]);
        let (lines, has_lines) = scan.take_lines()?;
        if print(lines, has_lines)?.is_break() || flow.is_break() {
            break;
        }
    }
    scan.finish()
}

fn is_passing(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Interrupted | ErrorKind::WouldBlock)
}
