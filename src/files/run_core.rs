//! The parts of one run that all threads share which work on it.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::files::error::{Failure, FileError, FileErrorKind, FileOperation};
use crate::files::fold::Fold;
use crate::files::open::Begun;
use crate::files::paths::{IndexedPath, PathIterator, Paths};
use crate::files::progress::{Counts, FilesProgress, Listing};
use crate::files::results::Results;
use crate::files::run::{FileResult, RunControl};
use crate::files::scheduler::{Bounds, EndedBy, Scheduler, Step};
use crate::files::shared::FilesShared;
use crate::job::Job;
use crate::streams::error::Halt;
use crate::sync::{Condvar, Mutex, lock};
use crate::unwind::{self, Payload, catch, discard};

/// A worker goes on for this long, with one file or several, before other jobs have their turn.
pub(crate) const TIME_SLICE: Duration = Duration::from_millis(1);

/// Makes the job that carries out a step. It is given to the run, as the code behind it uses this
/// file.
pub(crate) type JobFor<F> = fn(Arc<RunCore<F>>, Step) -> Job;

pub(crate) struct RunCore<F: Fold> {
    pub(super) shared: Arc<FilesShared>,
    pub(super) fold: F,
    pub(super) scheduler: Mutex<Scheduler>,
    pub(super) counts: Arc<Counts>,
    pub(super) paths: Paths,
    /// Files that were opened, for a worker to begin with.
    pub(super) opened: Mutex<Vec<Result<Begun, FileError>>>,
    /// The thread that stands by waits here, with the scheduler's lock.
    pub(super) stand_by: Condvar,
    /// Files that are done with.
    to_close: Mutex<Vec<FileHandle>>,
    results: Results<F::Output>,
    /// Why no more files are read. The first reason stays.
    halt: OnceLock<Halt>,
    job_for: JobFor<F>,
}

impl<F: Fold> RunCore<F> {
    pub(crate) fn start(
        shared: Arc<FilesShared>,
        paths: PathIterator,
        fold: F,
        job_for: JobFor<F>,
    ) -> Arc<Self> {
        let settings = &shared.settings;
        let bounds = Bounds {
            files: settings.files_at_once,
            results: settings.results,
            open_files: settings.open_files,
            inline_steps: shared.pipeline.wakeups().workers().sleepers().workers(),
            openers: shared.pipeline.launcher().blocking().limit(),
        };
        let core = Arc::new(Self {
            fold,
            scheduler: Mutex::new(Scheduler::new(bounds)),
            counts: Arc::new(Counts::new()),
            paths: Paths::new(paths),
            opened: Mutex::default(),
            stand_by: Condvar::new(),
            to_close: Mutex::default(),
            results: Results::new(settings.order, settings.results),
            halt: OnceLock::new(),
            job_for,
            shared,
        });
        core.begin_steps();
        core
    }

    /// Asks or tells the scheduler something, under its lock.
    pub(crate) fn schedule<R>(&self, change: impl FnOnce(&mut Scheduler) -> R) -> R {
        change(&mut lock(&self.scheduler))
    }

    /// Begins all steps that may be begun. Called whenever there may be more of them: after a file
    /// has ended, a result was taken, or a step is over.
    pub(crate) fn begin_steps(self: &Arc<Self>) {
        self.check_shutdown();
        while let Some(step) = self.schedule(Scheduler::next_step) {
            let job = (self.job_for)(Arc::clone(self), step);
            if self.shared.pipeline.post(job).is_err() {
                self.schedule(|scheduler| scheduler.never_begun(step));
                self.shut_down();
                if step == Step::Close {
                    self.close_files();
                }
            }
        }
        self.finish_if_done();
    }

    /// Once all files have their results: has the last files closed, and then ends the run.
    fn finish_if_done(self: &Arc<Self>) {
        if !self.schedule(Scheduler::finish) {
            return;
        }
        if lock(&self.to_close).is_empty() {
            return self.finish();
        }
        let (closes, later) = (Arc::clone(self), Arc::clone(self));
        let job = Job::blocking(move || closes.close_files(), move |()| later.finish());
        if self.shared.pipeline.post(job).is_err() {
            self.finish();
        }
    }

    fn finish(&self) {
        self.counts.finish();
        self.stand_by.notify_one();
        // Before the user hears of the end, who may then wait for a thread that feeds the iterator.
        self.paths.close();
        self.results.close();
    }

    /// A file has its result.
    pub(crate) fn deliver(&self, by: EndedBy, result: FileResult<F::Output>) {
        // The error of the listing is none of a file that was found.
        if !matches!(&result, Err(FileError { operation: FileOperation::List, .. })) {
            self.counts.add_end(result.is_ok());
        }
        let unwanted = self.results.put(result);
        self.schedule(|scheduler| scheduler.file_ended(by));
        self.drop_user(unwanted, 0);
    }

    /// Has a file closed by a blocking thread, when steps are begun next: that may have to wait.
    pub(crate) fn close(&self, file: FileHandle) {
        self.schedule(|scheduler| {
            scheduler.closes.add();
            lock(&self.to_close).push(file);
        });
    }

    /// Closes files one by one: if one takes its time, another thread may go on with the others.
    pub(crate) fn close_files(&self) {
        let next = || lock(&self.to_close).pop();
        while let Some(file) = next() {
            self.schedule(|scheduler| scheduler.closes.begin());
            drop(file);
            self.schedule(|scheduler| scheduler.closes.done());
        }
    }

    /// A file has failed of which nothing was read.
    pub(crate) fn fail(&self, file: IndexedPath, failure: Failure) {
        self.deliver(EndedBy::Other, Err(failure.of(file, 0)));
    }

    /// Drops a value of the user, whose destructor may panic.
    pub(crate) fn drop_user<T>(&self, value: T, offset: u64) {
        if let Err(payload) = catch(|| drop(value)) {
            self.panicked(payload, FileOperation::Callback, offset);
        }
    }

    /// Reports a panic of the user's code.
    pub(crate) fn panicked(
        &self,
        payload: Payload,
        operation: FileOperation,
        offset: u64,
    ) -> Failure {
        self.shared.pipeline.panics().report(&payload, Operation::Read, offset);
        let code = match operation {
            FileOperation::List => "the iterator of paths",
            _ => "the callback",
        };
        let text = unwind::message(&*payload).map(|text| format!(": {text}"));
        let message = format!("{code} panicked{}", text.unwrap_or_default());
        discard(payload);
        Failure::new(operation, FileErrorKind::Panicked, io::Error::other(message))
    }

    /// Why files are not to be read on, if they aren't.
    pub(crate) fn halted(&self) -> Option<Halt> {
        self.halt.get().copied()
    }

    /// Takes no more paths. The first reason stays.
    pub(crate) fn end_listing(&self, reason: Listing) {
        // Under the lock: the run may end as soon as the scheduler knows.
        self.schedule(|scheduler| {
            if scheduler.end_listing() {
                self.counts.end_listing(reason);
            }
        });
    }

    /// The iterator of paths panicked, which has a result in the place of the next path.
    pub(crate) fn listing_panicked(&self, payload: Payload) {
        let failure = self.panicked(payload, FileOperation::List, 0);
        let index = self.schedule(|scheduler| {
            let index = scheduler.end_listing_with_result()?;
            self.counts.end_listing(Listing::Panicked);
            Some(index)
        });
        if let Some(index) = index {
            self.fail(IndexedPath { index, path: PathBuf::new() }, failure);
        }
    }

    /// Halts the run if the dispatcher is being shut down, as that waits for files in progress
    /// only.
    pub(crate) fn check_shutdown(&self) {
        if self.shared.pipeline.is_closing() {
            self.shut_down();
        }
    }

    /// The dispatcher takes no more jobs.
    fn shut_down(&self) {
        let halt = *self.halt.get_or_init(|| Halt::ShutDown);
        self.end_listing(Listing::ShutDown);
        self.end_waiting_files(halt);
    }

    /// The user wants no more files.
    fn halt_quietly(&self) {
        let halt = *self.halt.get_or_init(|| Halt::Stopped);
        self.end_listing(Listing::Stopped);
        self.end_waiting_files(halt);
    }

    /// Files that nobody has opened, and those that wait for memory, have their results now.
    fn end_waiting_files(&self, halt: Halt) {
        for file in self.schedule(Scheduler::drain) {
            self.fail(file, Failure::halted(halt, FileOperation::Open));
        }
        self.shared.budget.abandon_halted();
    }
}

/// A forked child returns from each at once: locks may be held for ever, by threads that don't
/// exist there.
impl<F: Fold> RunControl<F::Output> for RunCore<F> {
    fn take_results(self: Arc<Self>) -> Option<VecDeque<FileResult<F::Output>>> {
        if self.shared.pipeline.is_forked() {
            return Some(VecDeque::new());
        }
        self.check_shutdown();
        self.finish_if_done();
        match self.shared.pipeline.wait_for_results() {
            Some(_waiting) => Some(self.results.take()),
            None => self.results.take_ready(),
        }
    }

    fn results_taken(self: Arc<Self>, count: usize) {
        if !self.shared.pipeline.is_forked() {
            self.schedule(|scheduler| scheduler.results_taken(count));
            self.begin_steps();
        }
    }

    fn stop(self: Arc<Self>) {
        if !self.shared.pipeline.is_forked() {
            self.halt_quietly();
            self.begin_steps();
        }
    }

    fn abandon(self: Arc<Self>) {
        if !self.shared.pipeline.is_forked() {
            self.halt_quietly();
            self.results.abandon().into_iter().for_each(|result| self.drop_user(result, 0));
            self.begin_steps();
        }
    }

    fn progress(&self) -> FilesProgress {
        FilesProgress::of(Arc::clone(&self.counts))
    }
}
