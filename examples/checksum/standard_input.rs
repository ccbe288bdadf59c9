//! The standard input, which is `-` among the paths.

use std::collections::VecDeque;
use std::io::{self, Read, Stdin};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shared::input::{is_ready, is_stdin};
use crate::shared::interrupt::Interrupt;

/// Reads the standard input, and fails when the user interrupts: else it would wait for a terminal
/// or a pipe for ever.
pub(crate) struct StandardInput {
    stdin: Stdin,
    interrupt: Interrupt,
}

impl StandardInput {
    pub(crate) fn new(interrupt: &Interrupt) -> Self {
        Self { stdin: io::stdin(), interrupt: interrupt.clone() }
    }
}

impl Read for StandardInput {
    /// The buffer has to be a large one: the input keeps what has no room in a small one, where
    /// poll(2) doesn't see it.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.interrupt.has_come() {
                return Err(io::Error::other("interrupted"));
            }
            if is_ready(&self.stdin)? {
                return self.stdin.read(buffer);
            }
        }
    }
}

/// Where the standard input is among paths: how many others come before it, for each time that it
/// is named. All clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Places(Arc<Mutex<VecDeque<u64>>>);

impl Places {
    /// The other paths. The places are noted as the iterator comes to them.
    pub(crate) fn note<I>(&self, paths: I) -> impl Iterator<Item = PathBuf> + use<I>
    where
        I: Iterator<Item = PathBuf>,
    {
        let (places, mut before) = (self.clone(), 0);
        paths.filter(move |path| {
            let is_meant = is_stdin(path);
            if is_meant {
                places.lock().push_back(before);
            } else {
                before += 1;
            }
            !is_meant
        })
    }

    /// Takes the next place if no more than so many paths come before it.
    pub(crate) fn take(&self, before: u64) -> bool {
        let mut places = self.lock();
        let is_next = places.front().is_some_and(|place| *place <= before);
        is_next && places.pop_front().is_some()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
