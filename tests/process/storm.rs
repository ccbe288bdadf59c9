//! A storm of signals whose handler does next to nothing, and which interrupt system calls.

#![expect(unsafe_code, reason = "handles a signal, and sends it")]

use std::mem::MaybeUninit;
use std::process;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crate::support::eventually;

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn handle(_signal: libc::c_int) {
    // An atomic addition is all that happens here, which a handler may do.
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

/// Handles SIGUSR1 such that it interrupts system calls.
fn install_handler() {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all of the structure's fields are integers, sets of bits and nullable pointers, for
    // which zero is a valid value; a zero mask is the empty set.
    let action = unsafe { action.assume_init_mut() };
    action.sa_sigaction = handle as *const () as libc::sighandler_t;
    action.sa_flags = 0;
    // SAFETY: the action is initialised, its handler is a function of the type that these flags ask
    // for and async-signal-safe, and the old action isn't asked for.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, action, ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Sends signals to the process, and to each thread of it, until told to stop.
fn blow(stop: &AtomicBool) {
    let process = process::id().cast_signed();
    while !stop.load(Ordering::SeqCst) {
        // SAFETY: a system call without pointers; the signal's handler is installed.
        assert_eq!(unsafe { libc::kill(process, libc::SIGUSR1) }, 0);
        for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
            let thread: libc::pid_t = task.file_name().to_str().unwrap().parse().unwrap();
            // The result is ignored: the thread may have ended.
            // SAFETY: as above.
            unsafe { libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGUSR1) };
        }
    }
}

/// It blows from `begin` to `end`, or until it is dropped.
pub(crate) struct Storm {
    stop: Arc<AtomicBool>,
    sender: Option<JoinHandle<()>>,
}

impl Storm {
    /// Begins, and waits until signals arrive.
    pub(crate) fn begin() -> Self {
        install_handler();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let sender = Some(thread::spawn(move || blow(&stopped)));
        let before = HANDLED.load(Ordering::SeqCst);
        eventually("signals arrive", || HANDLED.load(Ordering::SeqCst) > before);
        Self { stop, sender }
    }

    pub(crate) fn end(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.sender.take().unwrap().join().unwrap();
    }
}

impl Drop for Storm {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}
