//! Inputs that a program may have to wait for: pipes, devices and the standard input.

use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};

/// The standard input, as a path.
pub(crate) const STDIN: &str = "-";

/// How long a reader waits before it looks for an interrupt, in milliseconds.
const INTERVAL: u16 = 50;

/// Whether the path stands for the standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == STDIN
}

/// Whether something can be read, or the end has come. Waits a moment for that.
pub(crate) fn is_ready(input: &impl AsFd) -> io::Result<bool> {
    let mut polled = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    match poll(&mut polled, INTERVAL) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
