//! A thread that looks after a run from time to time. While the main thread waits for results, it
//! draws the bar, writes the output that waits, and stops the run if the user wants that.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use reapool::{FilesProgress, FilesRun, FilesStopper};

use super::interrupt::Interrupt;
use super::output::Output;
use super::screen::Screen;
use super::totals::{Amount, Progress, Totals};

/// How often it looks: seldom enough to cost nothing, and often enough for a person.
const INTERVAL: Duration = Duration::from_millis(50);

/// A run that is watched.
pub(crate) struct Stage {
    stopper: FilesStopper,
    progress: FilesProgress,
    totals: Option<Totals>,
    /// What is done of that without the run.
    beside: Totals,
    /// What is done to the files.
    what: &'static str,
}

impl Stage {
    pub(crate) fn of<T: 'static>(run: &FilesRun<T>, what: &'static str) -> Self {
        let (stopper, progress) = (run.stopper(), run.progress());
        Self { stopper, progress, totals: None, beside: Totals::default(), what }
    }

    /// The bar says how much of this is done.
    pub(crate) fn counted(self, totals: Option<&Totals>) -> Self {
        Self { totals: totals.cloned(), ..self }
    }

    /// The bar takes this for done, too.
    pub(crate) fn beside(self, done: &Totals) -> Self {
        Self { beside: done.clone(), ..self }
    }
}

/// Ends the thread when dropped.
pub(crate) struct Watch {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Of the first run.
    progress: FilesProgress,
}

impl Watch {
    /// Looks after several runs, of which each works on what comes out of the one before. The bar
    /// is that of the first that has not finished.
    pub(crate) fn over(
        first: Stage,
        others: Vec<Stage>,
        interrupt: &Interrupt,
        screen: &Screen,
        output: Option<&Output>,
    ) -> io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let progress = first.progress.clone();
        let stages: Vec<Stage> = [first].into_iter().chain(others).collect();
        let (interrupt, screen, output) = (interrupt.clone(), screen.clone(), output.cloned());
        let look = move || {
            while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let is_wanted = output.as_ref().is_none_or(Output::refresh);
                if !is_wanted || interrupt.has_come() {
                    stages.iter().for_each(|stage| stage.stopper.stop());
                }
                if screen.has_bar() {
                    show(&stages, &screen);
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

fn show(stages: &[Stage], screen: &Screen) {
    // What has been written, once that is known.
    let mut written = None;
    for stage in stages {
        let now = stage.progress.snapshot();
        if now.finished {
            written = Some(Amount { files: now.done, bytes: now.written });
            continue;
        }
        let beside = stage.beside.so_far();
        let files = now.done + now.failed + beside.files;
        let done = Amount { files, bytes: now.bytes + beside.bytes };
        let total = stage.totals.as_ref().map_or(written, Totals::get);
        let (bytes_per_second, elapsed) = (now.bytes_per_second, now.elapsed);
        return screen.show(stage.what, &Progress { done, bytes_per_second, elapsed, total });
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
