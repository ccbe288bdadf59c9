//! Files that are done with. Closing one may have to wait, as where it is on a network: so the
//! threads that opened them do it, several at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::file::FileHandle;
use crate::files::fold::Fold;
use crate::files::work::Work;
use crate::job::Job;

/// So many files are worth a task of their own, if no opener comes by.
const HANDFUL: usize = 16;

pub(crate) struct Closer {
    state: Mutex<State>,
    /// How many may be left open.
    most: usize,
}

#[derive(Default)]
struct State {
    left: Vec<FileHandle>,
    /// How many are in a task and not closed yet.
    handed_over: usize,
}

impl Closer {
    /// For a run that may have so many files open beside those in progress.
    pub(crate) fn new(spare: usize) -> Self {
        Self { state: Mutex::new(State::default()), most: spare.min(2 * HANDFUL) }
    }

    /// Leaves a file to be closed, or closes it if no more may be left. What has become enough for
    /// a task comes back.
    fn leave(&self, file: FileHandle) -> Vec<FileHandle> {
        let mut state = self.lock();
        if state.left.len() + state.handed_over >= self.most {
            drop(state);
            drop(file);
            return Vec::new();
        }
        state.left.push(file);
        if state.left.len() < HANDFUL || state.handed_over > 0 {
            return Vec::new();
        }
        state.hand_over()
    }

    /// So many that were handed over are closed.
    fn closed(&self, files: usize) {
        self.lock().handed_over -= files;
    }

    /// Closes what has been left.
    pub(crate) fn close(&self) {
        let files = self.lock().hand_over();
        let count = files.len();
        drop(files);
        self.closed(count);
    }

    fn is_empty(&self) -> bool {
        self.lock().left.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hand_over(&mut self) -> Vec<FileHandle> {
        self.handed_over += self.left.len();
        std::mem::take(&mut self.left)
    }
}

impl<F: Fold> Work<F> {
    /// Has a file closed.
    pub(crate) fn close_file(self: &Arc<Self>, file: FileHandle) {
        let enough = self.closer.leave(file);
        if !enough.is_empty() {
            let own = Arc::clone(self);
            let count = enough.len();
            let job = Job::blocking(move || drop(enough), move |()| own.closer.closed(count));
            // If nobody can do it any more, the files are closed with the job.
            let _ = self.layer.pipeline.post(job);
        }
    }

    /// Has the last files closed, and then tells whoever waits that all is done.
    pub(crate) fn close_last(self: &Arc<Self>) {
        if self.closer.is_empty() {
            return self.finish();
        }
        let (own, later) = (Arc::clone(self), Arc::clone(self));
        let job = Job::blocking(move || own.closer.close(), move |()| later.finish());
        if self.layer.pipeline.post(job).is_err() {
            self.finish();
        }
    }
}
