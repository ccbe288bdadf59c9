//! Ctrl-C, and the signal that `kill` sends: the first asks for an end, the second makes it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Whether a signal has come. Clones tell the same.
#[derive(Clone)]
pub(crate) struct Interrupt {
    /// 0 before.
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// From now on, for good.
    pub(crate) fn listen() -> io::Result<Self> {
        let once = Arc::new(AtomicBool::new(false));
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM] {
            // In this order the second signal finds the flag set.
            flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&once))?;
            flag::register(number, Arc::clone(&once))?;
            flag::register_usize(number, Arc::clone(&signal), number.unsigned_abs() as usize)?;
        }
        Ok(Self { signal })
    }

    pub(crate) fn has_come(&self) -> bool {
        self.status().is_some()
    }

    /// The exit status of a program that the signal ended: 128 and its number.
    pub(crate) fn status(&self) -> Option<u8> {
        // Relaxed: nothing else is read on the strength of it.
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }
}
