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
use super::totals::Totals;

/// How often it looks: seldom enough to cost nothing, and often enough for a person.
const INTERVAL: Duration = Duration::from_millis(50);

/// A run that is watched.
pub(crate) struct Stage {
    stopper: FilesStopper,
    progress: FilesProgress,
    totals: Option<Totals>,
    /// What is done to the files, if the bar is to say so.
    what: &'static str,
}

impl Stage {
    pub(crate) fn of<T: 'static>(run: &FilesRun<T>) -> Self {
        Self { stopper: run.stopper(), progress: run.progress(), totals: None, what: "" }
    }

    /// The bar says how much of this is done.
    pub(crate) fn counted(self, totals: &Totals) -> Self {
        Self { totals: Some(totals.clone()), ..self }
    }

    /// The bar begins with this text.
    pub(crate) fn called(self, what: &'static str) -> Self {
        Self { what, ..self }
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
    pub(crate) fn start<T: 'static>(
        run: &FilesRun<T>,
        interrupt: &Interrupt,
        screen: &Screen,
        output: Option<&Output>,
    ) -> io::Result<Self> {
        Self::over(Stage::of(run), Vec::new(), interrupt, screen, output)
    }

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
    let snapshots = stages.iter().map(|stage| (stage, stage.progress.snapshot()));
    if let Some((stage, now)) = snapshots.into_iter().find(|(_, now)| !now.finished) {
        screen.show(stage.what, &now, stage.totals.as_ref().and_then(Totals::get));
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
