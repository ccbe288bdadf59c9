//! The first signal that asks the program to end is noted, and the second ends it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::flag;

use super::signals;

/// Whether a signal has come. All clones tell the same.
#[derive(Clone)]
pub(crate) struct Interrupt {
    /// The signal's number; 0 before it has come.
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// Begins to listen, for the rest of the program's life.
    pub(crate) fn listen() -> io::Result<Self> {
        let once = Arc::new(AtomicBool::new(false));
        let signal = Arc::new(AtomicUsize::new(0));
        for number in signals::ending() {
            // This comes first: a signal between these calls is noted, too.
            flag::register_usize(number, Arc::clone(&signal), number.unsigned_abs() as usize)?;
            // In this order the second signal finds the flag set.
            flag::register_conditional_shutdown(number, 128 + number, Arc::clone(&once))?;
            flag::register(number, Arc::clone(&once))?;
        }
        Ok(Self { signal })
    }

    pub(crate) fn has_come(&self) -> bool {
        self.status().is_some()
    }

    /// The exit status of a program that the signal ended: 128 and its number.
    pub(crate) fn status(&self) -> Option<u8> {
        // Relaxed: no other read depends on this value.
        match self.signal.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(128 + signal as u8),
        }
    }
}
