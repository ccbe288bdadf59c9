//! The standard output, written in large pieces without keeping its reader waiting.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::screen::Screen;

/// How many bytes are written at once, if so many are ready within a moment.
const PIECE: usize = 64 << 10;

/// Whether what was printed has arrived. A closed pipe is no failure: its reader has read enough.
pub(crate) fn has_arrived(printed: io::Result<()>) -> Result<bool, String> {
    match printed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(format!("standard output: {error}")),
    }
}

/// All clones are the same output.
#[derive(Clone)]
pub(crate) struct Output {
    screen: Screen,
    /// A terminal shows each line at once.
    is_terminal: bool,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// The first error. Nothing is written after it.
    error: Option<io::Error>,
}

impl Output {
    pub(crate) fn new(screen: &Screen) -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self { screen: screen.clone(), is_terminal, state: Arc::default() }
    }

    /// Writes the bytes that wait, unless another thread is writing. False if writing is no longer
    /// possible. For a thread that looks from time to time.
    pub(crate) fn refresh(&self) -> bool {
        match self.state.try_lock() {
            Ok(mut state) => {
                self.write_out(&mut state);
                state.error.is_none()
            }
            Err(_) => true,
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.state().error.is_some()
    }

    /// Says what is wrong with a file, after the lines of the files before it.
    pub(crate) fn fail(&self, path: &Path, reason: impl fmt::Display) {
        self.write_out(&mut self.state());
        self.screen.fail(path, reason);
    }

    /// Says something about a file that is no failure, after its lines.
    pub(crate) fn note(&self, path: &Path, what: impl fmt::Display) {
        self.write_out(&mut self.state());
        self.screen.note(path, what);
    }

    /// Writes the rest. Returns the first error, if there was one.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let mut state = self.state();
        self.write_out(&mut state);
        state.error.take().map_or(Ok(()), Err)
    }

    fn write_out(&self, state: &mut State) {
        if state.waiting.is_empty() {
            return;
        }
        if state.error.is_none() {
            let write = || {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&state.waiting)?;
                stdout.flush()
            };
            let is_mixed = self.is_terminal && self.screen.has_bar();
            let written = if is_mixed { self.screen.suspend(write) } else { write() };
            state.error = written.err();
        }
        state.waiting.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for &Output {
    /// Fails after the first error, with another one. [`Output::finish`] returns the first.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state();
        state.waiting.extend_from_slice(bytes);
        if self.is_terminal || state.waiting.len() >= PIECE {
            self.write_out(&mut state);
        }
        match &state.error {
            Some(error) => Err(error.kind().into()),
            None => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
