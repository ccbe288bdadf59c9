//! Threads that handle no signals but those that report their own faults, and calls that raise no
//! SIGPIPE.
//!
//! Safety: the calls are on local signal sets.

#![expect(unsafe_code, reason = "changes the calling thread's signal mask")]

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

/// The signals that a faulty instruction or `abort` raises on the thread itself.
const FATAL: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGABRT,
    libc::SIGTRAP,
    libc::SIGSYS,
];

/// Runs `spawn` with all signals but the fatal ones blocked. A new thread inherits the mask, so at
/// no moment can a blocked signal reach it.
pub(crate) fn blocked_during<R>(spawn: impl FnOnce() -> R) -> R {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigfillset initialises the set behind the pointer, a live local.
    unsafe { libc::sigfillset(set.as_mut_ptr()) };
    for signal in FATAL {
        // SAFETY: the set is initialised, and the numbers are valid signals.
        unsafe { libc::sigdelset(set.as_mut_ptr(), signal) };
    }
    let _restore = Restore::block(&set);
    spawn()
}

/// Runs `write` so that SIGPIPE is not raised: writes to a pipe or socket that nobody reads end
/// with `EPIPE` alone.
///
/// The kernel sends this signal to the writing thread. The signal is blocked meanwhile and taken
/// off the thread afterwards. Where it is blocked already, such as on workers, it stays there
/// unnoticed.
pub(crate) fn without_sigpipe<R>(write: impl FnOnce() -> R) -> R {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set behind the pointer, a live local.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the set is initialised, and the number is a valid signal.
    unsafe { libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE) };
    let restore = Restore::block(&set);
    // SAFETY: the set was written by the call in `block`.
    let was_blocked = unsafe { libc::sigismember(restore.0.as_ptr(), libc::SIGPIPE) } == 1;
    let result = write();
    if !was_blocked {
        // None was waiting before, as it would have been delivered. Only a signal that another
        // process sends just now can be taken along.
        let no_time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointers are to an initialised set and a time, both live locals. Nothing else
        // is asked for. An interrupted call is repeated; other errors say that no signal waits.
        while unsafe { libc::sigtimedwait(set.as_ptr(), ptr::null_mut(), &raw const no_time) } < 0
            && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
        {}
    }
    result
}

/// The calling thread's earlier mask. Dropping it sets the mask again, also when `spawn` panics.
struct Restore(MaybeUninit<libc::sigset_t>);

impl Restore {
    fn block(set: &MaybeUninit<libc::sigset_t>) -> Self {
        let mut before = MaybeUninit::uninit();
        // SAFETY: both pointers are to live sets. The first is initialised, the second is written.
        // With SIG_BLOCK and valid sets the call can't fail (pthread_sigmask(3)).
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), before.as_mut_ptr()) };
        Self(before)
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        // SAFETY: the set was written by the call in `block`. The old mask isn't asked for.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, self.0.as_ptr(), ptr::null_mut()) };
    }
}
