//! Engines perform operations asynchronously. This is the contract between the crate and an engine,
//! and the values that cross it.
//!
//! An engine is handed requests and gives back events. It knows no jobs, slots or threads. Every
//! engine keeps to this:
//!
//! - `submit` accepts a *prefix* of the batch. `Ok(n)` with `n >= 1` says that exactly the first
//!   `n` requests were accepted. An error says that none was, and that the first is the reason.
//! - Each accepted request yields exactly one event with its token, possibly before `submit` has
//!   returned.
//! - `wait` blocks until there are as many events as the caller asked for, or until its limit, if
//!   it gave one. One thread at a time calls it, the waiter; in an event loop it calls `take`
//!   instead.
//! - `ready` doesn't block, and its answer may be out of date.
//! - `wake` makes the waiter see [`STOP`]. It is called once, when nothing is outstanding.
//! - `close` is called once, by the waiter, after the last `wait`. No call follows it. The kernel
//!   may take its time to end what `close` returns, which may outlive the engine.

pub(crate) mod aio;
pub(crate) mod backend;
pub(crate) mod context;
pub(crate) mod errno;
#[cfg(all(test, not(loom)))]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod lent;
pub(crate) mod operation;
mod ring;

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use crate::engine::backend::Backend;
use crate::engine::context::Retired;
use crate::engine::operation::Operation;
use crate::sync::Instant;
pub(crate) use crate::sys::call::Errno;

/// The token of the event by which [`Engine::wake`] reaches the waiter. No slot ever has it.
pub(crate) const STOP: u64 = u64::MAX;

/// The index of the slot that a token names. The other half of the token tells the uses of the slot
/// apart: it is the generation.
pub(crate) fn index_of(token: u64) -> usize {
    (token & 0xffff_ffff) as usize
}

/// The token of the first use of a slot.
pub(crate) fn first_token(index: u32) -> u64 {
    u64::from(index)
}

/// The token of the next use of the slot that this token names.
pub(crate) fn next_token(token: u64) -> u64 {
    token.wrapping_add(1 << 32)
}

/// The most bytes that one read or write transfers: the kernel cuts longer ones to it. It is
/// `MAX_RW_COUNT` in the kernel's `include/linux/fs.h`, for pages of 4 KiB.
pub(crate) const TRANSFER_MAX: usize = 0x7fff_f000;

/// An operation with its file and memory, in the terms of an `iocb`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transfer {
    pub(crate) operation: Operation,
    pub(crate) fd: RawFd,
    /// The address of the buffer or of the array of buffers, with its provenance exposed; of a poll
    /// the event mask.
    pub(crate) address: u64,
    /// The number of bytes, or of elements of the array of buffers.
    pub(crate) length: u64,
    pub(crate) offset: u64,
    /// The answer is `EAGAIN` where the operation would have to wait.
    pub(crate) nowait: bool,
    /// It may raise SIGPIPE on the thread that performs or submits it: it writes to a pipe or
    /// socket.
    pub(crate) may_raise_sigpipe: bool,
}

impl Transfer {
    /// An operation without memory, at the beginning of its file.
    pub(crate) const fn new(operation: Operation, fd: RawFd) -> Self {
        Self {
            operation,
            fd,
            address: 0,
            length: 0,
            offset: 0,
            nowait: false,
            may_raise_sigpipe: false,
        }
    }

    /// A read of so many bytes into memory, which may wait.
    pub(crate) fn read(fd: RawFd, memory: *mut u8, length: usize, offset: u64) -> Self {
        let address = memory.expose_provenance() as u64;
        Self { address, length: length as u64, offset, ..Self::new(Operation::Read, fd) }
    }

    /// The rest of a plain read or write after its first `done` bytes.
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
    /// A thread that performs transfers does not begin this one later. The kernel is not told.
    pub(crate) deadline: Option<Instant>,
}

/// One completion: the token of its request, and the result as the kernel encodes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event {
    pub(crate) token: u64,
    pub(crate) res: i64,
}

/// Performs requests asynchronously. The module's documentation has the contract.
pub(crate) trait Engine: Send + Sync {
    /// Hands a batch over, and returns how many requests from its front were accepted.
    ///
    /// # Safety
    ///
    /// Each transfer describes a buffer, an array of buffers and an open file. They stay valid, and
    /// nobody else touches them, until `wait` or `take` has returned the event with the transfer's
    /// token. No token is in use by an earlier request whose event has not been returned.
    #[expect(unsafe_code, reason = "the engine takes memory that it can't check")]
    unsafe fn submit(&self, batch: &[Request]) -> Result<usize, Errno>;

    /// Asks for a poll to end although its event has not come. False, and nothing changed, if the
    /// poll is not in flight. Otherwise its completion follows, with any result. The caller keeps
    /// the token from being used for another request meanwhile. If the poll ends by itself, the
    /// engine may be closed before or during this call.
    fn cancel(&self, token: u64) -> bool;

    /// Blocks until `least` requests have completed, or until the limit, and appends the events
    /// that there are.
    fn wait(
        &self,
        events: &mut Vec<Event>,
        least: usize,
        limit: Option<Duration>,
    ) -> Result<(), Errno>;

    /// How many completions there are, if the engine knows without asking the kernel. Only the
    /// waiter calls this.
    fn ready(&self) -> Option<usize> {
        None
    }

    /// Appends the events that there are, at most `most`, and waits for none. The owner of an event
    /// loop, who is its waiter, takes them so.
    fn take(&self, _events: &mut Vec<Event>, _most: usize) -> Result<(), Errno> {
        unreachable!("only an engine that tells an event loop is asked");
    }

    /// Makes the waiter see an event with the token [`STOP`].
    fn wake(&self) -> Result<(), Errno>;

    /// Takes the result of a request that the engine gave to the blocking threads.
    fn performed(&self, _event: Event) {
        unreachable!("only an engine that gave it something is told");
    }

    /// The kind of engine that this is.
    fn backend(&self) -> Backend {
        Backend::Aio
    }

    /// Gives up the kernel's resources. The caller drops what this returns, which takes its time.
    fn close(&self) -> Option<Retired> {
        None
    }
}

/// The one decoder of `io_event.res`: it is signed, and a negative value is a negated error number.
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
        // A decoder of 32 bits gets these wrong, or one that takes small values for errors.
        assert_eq!(decode(100).unwrap(), 100);
        assert_eq!(decode(0x7fff_f000).unwrap(), 0x7fff_f000);
        assert_eq!(decode(0x1_0000_0000).unwrap(), 0x1_0000_0000);
        assert_eq!(decode(-5).unwrap_err().raw_os_error(), Some(libc::EIO));
        assert_eq!(decode(-22).unwrap_err().raw_os_error(), Some(libc::EINVAL));
        assert_eq!(decode(i64::MIN).unwrap_err().raw_os_error(), None);
    }
}
