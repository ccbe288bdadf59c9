//! The seam behind which operations are performed, and the values that cross it.
//!
//! An engine is handed requests and gives back events; it knows nothing of jobs, slots or threads.
//! What every engine keeps to:
//!
//! - `submit` takes a *prefix* of the batch: `Ok(n)` with `n >= 1` says that exactly the first `n`
//!   were accepted, an error that none was and that the first is the reason.
//! - Each accepted request yields exactly one event with its token, possibly before `submit` has
//!   returned.
//! - `wait`, or in an event loop `take`, is called by one thread at a time, the waiter. It blocks
//!   until there are as many events as it was asked for, or until the limit, if it was given one.
//! - `ready` doesn't block; what it says may be out of date.
//! - `wake` makes the waiter see [`STOP`] once. It is called when nothing is outstanding.
//! - `close` is called once, by the waiter, after the last `wait`; no call follows it. What it returns
//!   is the kernel's to end, and may outlive the engine.

mod aio;
pub(crate) mod backend;
mod context;
#[cfg(test)]
pub(crate) mod device;
mod errno;
#[cfg(all(test, not(loom)))]
pub(crate) mod fake;
pub(crate) mod operation;
mod ring;
pub(crate) mod token;

pub(crate) use aio::Aio;
pub(crate) use context::Retired;
pub(crate) use errno::{SetupFailure, SubmitAction, setup_failure, submit_action};

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::engine::backend::Backend;
use crate::engine::operation::Operation;
pub(crate) use crate::sys::aio::Errno;

/// The token of the event by which [`Engine::wake`] reaches the waiter; no slot ever has it.
pub(crate) const STOP: u64 = u64::MAX;

/// The most bytes that one read or write transfers; the kernel cuts longer ones to it.
/// `MAX_RW_COUNT` in the kernel's `include/linux/fs.h`, for pages of 4 KiB.
pub(crate) const TRANSFER_MAX: usize = 0x7fff_f000;

/// What an operation needs of the kernel, in the terms of an `iocb`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    pub(crate) operation: Operation,
    pub(crate) fd: RawFd,
    /// Address of the buffer or of the array of buffers (provenance exposed); the event mask of a
    /// poll.
    pub(crate) address: u64,
    /// Bytes, or elements of the array of buffers.
    pub(crate) length: u64,
    pub(crate) offset: u64,
    /// Answer `EAGAIN` where the operation would have to wait.
    pub(crate) nowait: bool,
}

impl Transfer {
    /// What is left of a plain read or write after so many bytes.
    pub(crate) fn after(&self, done: usize) -> Self {
        let done = done as u64;
        let (address, length) = (self.address + done, self.length - done);
        Self { address, length, offset: self.offset.saturating_add(done), ..*self }
    }
}

/// A transfer with the token under which its event comes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) token: u64,
    pub(crate) transfer: Transfer,
}

/// One completion: the token of its request, and the result as the kernel encodes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) token: u64,
    pub(crate) res: i64,
}

/// Performs requests asynchronously; the module's documentation has the contract.
pub(crate) trait Engine: Send + Sync {
    /// Hands a batch over and returns how many of it were accepted, from the front.
    ///
    /// # Safety
    ///
    /// What each transfer describes stays valid, and is touched by nobody else, until the event
    /// with its token has been returned by `wait` or `take`: the buffer, the array of buffers, and the open
    /// file. No token is in use by an earlier request that has not been returned.
    #[expect(unsafe_code, reason = "the engine takes memory that it can't check")]
    unsafe fn submit(&self, batch: &[Request]) -> Result<usize, Errno>;

    /// Asks for a poll to end without its event having come. False, and nothing changed, if it is not
    /// in flight. Otherwise its completion follows, with whatever result. The caller keeps the
    /// token from being used for another request meanwhile.
    fn cancel(&self, token: u64) -> bool;

    /// Blocks until `least` requests have completed, or until the limit, and appends what there is to
    /// `events`.
    fn wait(
        &self,
        events: &mut Vec<Event>,
        least: usize,
        limit: Option<Duration>,
    ) -> Result<(), Errno>;

    /// How many completions there are, if that can be told without asking the kernel. Called by the
    /// waiter only.
    fn ready(&self) -> Option<usize> {
        None
    }

    /// Appends completions that there are to `events`, at most so many, and waits for none: how the
    /// owner of an event loop takes them, who then is the waiter.
    fn take(&self, _events: &mut Vec<Event>, _most: usize) -> Result<(), Errno> {
        unreachable!("only an engine that tells an event loop is asked");
    }

    /// Makes the waiter see an event with the token [`STOP`].
    fn wake(&self) -> Result<(), Errno>;

    /// Takes the result of a request that the engine gave to the blocking lane.
    fn performed(&self, _event: Event) {
        unreachable!("only an engine that gave it something is told");
    }

    /// What kind of engine this is.
    fn backend(&self) -> Backend {
        Backend::Aio
    }

    /// Gives up the kernel's resources: what has to be dropped then, and takes its time.
    fn close(&self) -> Option<Retired> {
        None
    }
}

/// The one decoder of `io_event.res`: signed, a negative value is a negated error number.
pub(crate) fn decode(res: i64) -> io::Result<usize> {
    match usize::try_from(res) {
        Ok(count) => Ok(count),
        Err(_) => match i32::try_from(res.unsigned_abs()) {
            Ok(errno) => Err(io::Error::from_raw_os_error(errno)),
            Err(_) => Err(io::Error::other(format!("result {res} is no error number"))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn results_are_signed() {
        assert_eq!(decode(0).unwrap(), 0);
        assert_eq!(decode(4096).unwrap(), 4096);
        // Counts that a reader of 32 bits, or one that takes small values for errors, gets wrong.
        assert_eq!(decode(100).unwrap(), 100);
        assert_eq!(decode(0x7fff_f000).unwrap(), 0x7fff_f000);
        assert_eq!(decode(0x1_0000_0000).unwrap(), 0x1_0000_0000);
        assert_eq!(decode(-5).unwrap_err().raw_os_error(), Some(libc::EIO));
        assert_eq!(decode(-22).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert_eq!(decode(i64::MIN).unwrap_err().raw_os_error(), None);
    }
}
