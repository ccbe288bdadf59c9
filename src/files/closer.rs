//! Files that are done with. Closing one may have to wait, as on a network: so the blocking threads
//! close them, several at a time.

use std::sync::Arc;

use crate::file::FileHandle;
use crate::job::Job;
use crate::pipeline::Pipeline;
use crate::sync::{Mutex, lock};

/// This many files are worth a job of their own, if no opener comes by.
const CLOSE_AT: usize = 16;

pub(crate) struct Closer {
    state: Mutex<State>,
    /// How many files may be open here.
    most: usize,
}

#[derive(Default)]
struct State {
    files: Vec<FileHandle>,
    /// How many files were taken to be closed, and are not closed yet.
    closing: usize,
}

impl Closer {
    /// For a run that may have `spare` files open beside those in progress.
    pub(crate) fn new(spare: usize) -> Self {
        Self { state: Mutex::new(State::default()), most: spare.min(2 * CLOSE_AT) }
    }

    /// Has a file closed; closes it here if no more may be open.
    pub(crate) fn close(self: &Arc<Self>, pipeline: &Pipeline, file: FileHandle) {
        let mut state = lock(&self.state);
        if state.files.len() + state.closing >= self.most {
            drop(state);
            return drop(file);
        }
        state.files.push(file);
        if state.files.len() < CLOSE_AT || state.closing > 0 {
            return;
        }
        let files = state.take_all();
        drop(state);
        let (own, count) = (Arc::clone(self), files.len());
        let job = Job::blocking(move || drop(files), move |()| own.closed(count));
        // If the dispatcher takes no more jobs, the files are closed with the job.
        let _ = pipeline.post(job);
    }

    /// Closes all files that are here; on a blocking thread.
    pub(crate) fn close_all(&self) {
        let files = lock(&self.state).take_all();
        let count = files.len();
        drop(files);
        self.closed(count);
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.state).files.is_empty()
    }

    fn closed(&self, count: usize) {
        lock(&self.state).closing -= count;
    }
}

impl State {
    fn take_all(&mut self) -> Vec<FileHandle> {
        self.closing += self.files.len();
        std::mem::take(&mut self.files)
    }
}
