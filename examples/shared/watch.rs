//! A thread that looks after a run from time to time. While the main thread waits for results, it
//! draws the bar, writes the output that waits, and stops the run if the user wants that.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use reapool::{FilesProgress, FilesRun};

use super::interrupt::Interrupt;
use super::output::Output;
use super::screen::Screen;

/// How often it looks: seldom enough to cost nothing, and often enough for a person.
const INTERVAL: Duration = Duration::from_millis(50);

/// Ends the thread when dropped.
pub(crate) struct Watch {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    progress: FilesProgress,
}

impl Watch {
    pub(crate) fn start<T: 'static>(
        run: &FilesRun<T>,
        interrupt: &Interrupt,
        screen: &Screen,
        output: Option<&Output>,
    ) -> io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let (stopper, progress) = (run.stopper(), run.progress());
        let own = progress.clone();
        let (interrupt, screen, output) = (interrupt.clone(), screen.clone(), output.cloned());
        let look = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let is_wanted = output.as_ref().is_none_or(Output::refresh);
                if !is_wanted || interrupt.has_come() {
                    stopper.stop();
                }
                if screen.has_bar() {
                    screen.show(&own.snapshot());
                }
            }
            screen.clear();
        };
        let thread = thread::Builder::new().name("watch".to_owned()).spawn(look)?;
        Ok(Self { end: Some(end), thread: Some(thread), progress })
    }

    pub(crate) fn progress(&self) -> &FilesProgress {
        &self.progress
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // It has no reason to panic; if it did, its message has been printed.
            let _ = thread.join();
        }
    }
}
