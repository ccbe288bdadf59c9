//! What all threads that work on a run share.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::engine::operation::Operation;
use crate::files::Layer;
use crate::files::closer::Closer;
use crate::files::desk::{Bounds, Desk, Task};
use crate::files::error::{FileError, FileErrorKind, FileOperation};
use crate::files::fold::Fold;
use crate::files::outbox::{FileResult, Outbox};
use crate::files::progress::{Counts, FilesProgress};
use crate::files::run::Shift;
use crate::files::source::{Item, Paths, Source};
use crate::job::Job;
use crate::unwind::{self, Payload, catch, discard};

/// A worker goes on for so long, with one file or several, before others' jobs have their turn.
pub(crate) const TURN: Duration = Duration::from_millis(1);

/// Values of `Work::halted`.
const GOING: u8 = 0;
const STOPPED: u8 = 1;
const SHUT_DOWN: u8 = 2;

pub(crate) struct Work<F: Fold> {
    pub(crate) layer: Arc<Layer>,
    pub(crate) fold: F,
    pub(crate) desk: Desk,
    pub(crate) counts: Arc<Counts>,
    pub(crate) closer: Closer,
    source: Source,
    outbox: Outbox<F::Output>,
    halted: AtomicU8,
}

impl<F: Fold> Work<F> {
    pub(crate) fn start(layer: Arc<Layer>, paths: Paths, fold: F) -> Arc<Self> {
        let settings = &layer.settings;
        let bounds = Bounds {
            files: settings.files_at_once,
            results: settings.results,
            pullers: layer.pipeline.sleepers.workers(),
            openers: layer.pipeline.blocking.limit(),
        };
        let work = Arc::new(Self {
            fold,
            desk: Desk::new(bounds),
            counts: Arc::new(Counts::new()),
            closer: Closer::new(settings.open_files - settings.files_at_once),
            source: Source::new(paths),
            outbox: Outbox::new(settings.order, settings.results),
            halted: AtomicU8::new(GOING),
            layer,
        });
        work.more();
        work
    }

    /// Begins what may be begun: called whenever that may have become more.
    pub(crate) fn more(self: &Arc<Self>) {
        self.look_for_shutdown();
        while let Some(task) = self.desk.next_task() {
            let (own, later) = (Arc::clone(self), Arc::clone(self));
            let job = match task {
                Task::Pull => Job::nop(move || own.pull()),
                Task::Open => {
                    Job::blocking(move || own.open_some(), move |batch| later.opened(batch))
                }
                Task::List => {
                    let list_and_open = move || {
                        own.list();
                        own.open_some()
                    };
                    Job::blocking(list_and_open, move |batch| later.opened(batch))
                }
            };
            if self.layer.pipeline.post(job).is_err() {
                self.desk.never_begun(task);
                self.shut_down();
            }
        }
        self.close_if_done();
    }

    fn close_if_done(self: &Arc<Self>) {
        if self.desk.close() {
            self.close_last();
        }
    }

    /// All is done, and no file is open any more.
    pub(crate) fn finish(&self) {
        self.counts.finish();
        self.outbox.close();
    }

    /// Asks the user's iterator for paths as long as there is room; on a blocking thread. Each is
    /// begun, by others, before the next is asked for: that may be long in coming, and wait for the
    /// result of the one before.
    fn list(self: &Arc<Self>) {
        while self.desk.goes_on_listing() {
            let item = self.source.next();
            if self.layer.pipeline.is_forked() {
                // Locks may be held for ever, by threads that don't exist here.
                return;
            }
            match item {
                Item::Path(path) => {
                    if !self.desk.bring(path, || self.counts.add_found()) {
                        self.look_for_shutdown();
                        continue;
                    }
                }
                Item::End => {
                    self.desk.end(false);
                }
                Item::Panicked(payload) => {
                    let reason = self.panicked(payload, 0);
                    self.stop_listing(FileErrorKind::Panicked, reason);
                }
            }
            self.more();
        }
        self.desk.listed();
    }

    /// Reports a panic of the user's code, and makes an error of it.
    pub(crate) fn panicked(&self, payload: Payload, offset: u64) -> io::Error {
        self.layer.pipeline.panics.report(&payload, Operation::Read, offset);
        let message = match unwind::message(&*payload) {
            Some(text) => format!("the function for it panicked: {text}"),
            None => "the function for it panicked".into(),
        };
        discard(payload);
        io::Error::other(message)
    }

    /// Why files are not to be read on, if they aren't.
    pub(crate) fn halted(&self) -> Option<(FileErrorKind, io::Error)> {
        let (kind, reason) = match self.halted.load(Ordering::Acquire) {
            GOING => return None,
            STOPPED => (FileErrorKind::Stopped, "the run was stopped"),
            _ => (FileErrorKind::ShutDown, "the dispatcher was shut down"),
        };
        Some((kind, io::Error::other(reason)))
    }

    /// A file has its result.
    pub(crate) fn put(&self, index: u64, result: FileResult<F::Output>) {
        self.put_and(index, result, |desk| desk.finished(1));
    }

    /// The same, and tells the desk.
    pub(crate) fn put_and(
        &self,
        index: u64,
        result: FileResult<F::Output>,
        tell: impl FnOnce(&Desk),
    ) {
        self.counts.add_end(result.is_ok());
        let unwanted = self.outbox.put(index, result);
        tell(&self.desk);
        self.drop_results(unwanted);
    }

    /// Drops what nobody wants: users' values, whose destructors may panic.
    fn drop_results(&self, results: impl IntoIterator<Item = FileResult<F::Output>>) {
        for result in results {
            if let Err(payload) = catch(|| drop(result)) {
                self.panicked(payload, 0);
            }
        }
    }

    pub(crate) fn put_error(&self, error: FileError) {
        self.put(error.index, Err(error));
    }

    /// Takes no more paths, for a reason that is a result of its own.
    fn stop_listing(&self, kind: FileErrorKind, source: io::Error) {
        if let Some(index) = self.desk.end(true) {
            let (path, operation) = (PathBuf::new(), FileOperation::List);
            let error = FileError { index, path, operation, offset: 0, source, kind };
            let unwanted = self.outbox.put(index, Err(error));
            self.desk.finished(1);
            self.drop_results(unwanted);
        }
    }

    /// Ends the run if the dispatcher is being shut down, which waits for what is in progress only.
    pub(crate) fn look_for_shutdown(&self) {
        if self.layer.pipeline.is_closing() {
            self.shut_down();
        }
    }

    /// The dispatcher takes no more jobs.
    fn shut_down(&self) {
        let reason = io::Error::other("the dispatcher was shut down before all was listed");
        self.halt(SHUT_DOWN);
        self.stop_listing(FileErrorKind::ShutDown, reason);
        self.end_those_that_wait();
    }

    /// The user wants no more.
    fn stop_quietly(&self) {
        self.halt(STOPPED);
        self.desk.end(false);
        self.end_those_that_wait();
    }

    /// Has files in progress end. The first reason stays.
    fn halt(&self, reason: u8) {
        let _ = self.halted.compare_exchange(GOING, reason, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Files that nobody has opened, and those that wait for memory, have their result now.
    fn end_those_that_wait(&self) {
        for path in self.desk.drain() {
            let (kind, source) = self.halted().expect("the run is over before its time");
            self.put_error(path.failed(FileOperation::Open, kind, source));
        }
        self.layer.budget.abandon_halted();
    }
}

impl<F: Fold> Shift<F::Output> for Work<F> {
    fn take(self: Arc<Self>) -> VecDeque<FileResult<F::Output>> {
        if self.layer.pipeline.is_forked() {
            // Locks may be held for ever, by threads that don't exist here.
            return VecDeque::new();
        }
        self.look_for_shutdown();
        self.close_if_done();
        self.outbox.take()
    }

    fn taken(self: Arc<Self>, count: usize) {
        if !self.layer.pipeline.is_forked() {
            self.desk.taken(count);
            self.more();
        }
    }

    fn stop(self: Arc<Self>) {
        if !self.layer.pipeline.is_forked() {
            self.stop_quietly();
            self.more();
        }
    }

    fn abandon(self: Arc<Self>) {
        if !self.layer.pipeline.is_forked() {
            self.stop_quietly();
            self.drop_results(self.outbox.abandon());
            self.more();
        }
    }

    fn progress(&self) -> FilesProgress {
        FilesProgress::of(Arc::clone(&self.counts))
    }
}
