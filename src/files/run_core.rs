//! The parts of one run that all threads share which work on it.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::engine::operation::Operation;
use crate::file::FileHandle;
use crate::files::consumer::Consumer;
use crate::files::error::{Failure, FileError, FileErrorKind, FileOperation};
use crate::files::open::Begun;
use crate::files::paths::{IndexedPath, PathIterator, Paths};
use crate::files::progress::{Counts, FilesProgress, Listing};
use crate::files::results::Results;
use crate::files::run::{FileResult, RunControl};
use crate::files::scheduler::event::{EndedBy, Event, Step, Steps};
use crate::files::scheduler::{Bounds, Scheduler};
use crate::files::shared::FilesShared;
use crate::job::Job;
use crate::streams::error::Halt;
use crate::sync::{Condvar, Mutex, lock};
use crate::unwind::{self, Payload, discard};

/// A worker goes on for this long, with one file or several, before other jobs have their turn.
pub(crate) const TIME_SLICE: Duration = Duration::from_millis(1);

/// Makes the job that carries out a step. It is given to the run, as the code behind it uses this
/// file.
pub(crate) type JobFor<C> = fn(Arc<RunCore<C>>, Step) -> Job;

pub(crate) struct RunCore<C: Consumer> {
    pub(super) shared: Arc<FilesShared>,
    pub(super) consumer: C,
    pub(super) scheduler: Mutex<Scheduler>,
    pub(super) counts: Arc<Counts>,
    pub(super) paths: Paths,
    /// Files that were opened, for a worker to begin with.
    pub(super) opened: Mutex<Vec<Result<Begun, FileError>>>,
    /// The thread that stands by waits here, with the scheduler's lock.
    pub(super) stand_by: Condvar,
    /// Files that are done with.
    to_close: Mutex<Vec<FileHandle>>,
    results: Results<C::Output>,
    /// Why no more files are read. The first reason stays.
    halt: OnceLock<Halt>,
    job_for: JobFor<C>,
}

impl<C: Consumer> RunCore<C> {
    pub(crate) fn start(
        shared: Arc<FilesShared>,
        paths: PathIterator,
        consumer: C,
        job_for: JobFor<C>,
    ) -> Arc<Self> {
        let settings = &shared.settings;
        let bounds = Bounds {
            descriptors: C::DESCRIPTORS,
            files: settings.files_at_once,
            results: settings.results,
            open_files: settings.open_files.max(C::DESCRIPTORS),
            inline_steps: shared.pipeline.wakeups().workers().sleepers().workers(),
            openers: shared.pipeline.launcher().blocking().limit(),
        };
        let core = Arc::new(Self {
            consumer,
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
        core.tell(Event::Begun);
        core
    }

    /// Asks the scheduler something, or tells it several things at once, under its lock.
    pub(crate) fn schedule<R>(&self, change: impl FnOnce(&mut Scheduler) -> R) -> R {
        change(&mut lock(&self.scheduler))
    }

    /// Tells the scheduler what has happened, and begins the steps that may be begun then.
    pub(crate) fn tell(self: &Arc<Self>, event: Event) {
        let steps = self.schedule(|scheduler| scheduler.on(event));
        self.begin(steps);
    }

    pub(crate) fn begin(self: &Arc<Self>, steps: Steps) {
        if steps.is_empty() {
            return;
        }
        self.check_shutdown();
        for step in steps {
            if step == Step::Finish && lock(&self.to_close).is_empty() {
                self.finish();
                continue;
            }
            let job = (self.job_for)(Arc::clone(self), step);
            if self.shared.pipeline.post(job).is_err() {
                self.never_begun(step);
            }
        }
    }

    /// The dispatcher has not taken the job of a step, and takes no more jobs.
    fn never_begun(self: &Arc<Self>, step: Step) {
        self.tell(Event::NeverBegun(step));
        self.shut_down();
        match step {
            Step::Close => self.close_files(),
            Step::Finish => self.finish(),
            _ => {}
        }
    }

    /// The run has ended.
    pub(crate) fn finish(&self) {
        self.counts.finish();
        self.stand_by.notify_one();
        // Before the user hears of the end, who may then wait for a thread that feeds the iterator.
        self.paths.close();
        self.results.close();
    }

    /// A file has its result.
    pub(crate) fn deliver(self: &Arc<Self>, by: EndedBy, result: FileResult<C::Output>) {
        if !matches!(&result, Err(error) if error.ends_listing()) {
            self.counts.add_end(result.is_ok());
        }
        let unwanted = self.results.put(result);
        self.tell(Event::FileEnded(by));
        let _ = self.drop_user(unwanted, 0);
    }

    /// Has a file closed by a blocking thread, once its end is told: that may have to wait.
    pub(crate) fn close(&self, file: FileHandle) {
        self.schedule(|scheduler| {
            lock(&self.to_close).push(file);
            scheduler.add_to_close();
        });
    }

    /// Closes files one by one: if one takes its time, another thread may go on with the others.
    pub(crate) fn close_files(self: &Arc<Self>) {
        let next = || lock(&self.to_close).pop();
        while let Some(file) = next() {
            self.tell(Event::Closing);
            drop(file);
            self.tell(Event::Closed);
        }
    }

    /// A file has failed of which nothing was read.
    pub(crate) fn fail(self: &Arc<Self>, file: IndexedPath, failure: Failure) {
        self.deliver(EndedBy::Other, Err(failure.of(file, 0)));
    }

    /// Drops a value of the user, whose destructor may panic. `None` in a child process that it has
    /// forked, where the caller must return at once.
    #[must_use]
    pub(crate) fn drop_user<T>(&self, value: T, offset: u64) -> Option<()> {
        if let Err(payload) = self.shared.run_user(|| drop(value))? {
            self.panicked(payload, FileOperation::Callback, offset);
        }
        Some(())
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
    pub(crate) fn end_listing(self: &Arc<Self>, reason: Listing) {
        // Under the lock: the run may end as soon as the scheduler knows.
        let steps = self.schedule(|scheduler| {
            if scheduler.next_index().is_some() {
                self.counts.end_listing(reason);
            }
            scheduler.on(Event::ListingEnded)
        });
        self.begin(steps);
    }

    /// The iterator had an error in the place of a path, which is a result, unless no more paths
    /// are taken by now. `None` in a child process that the error's destructor has forked, where
    /// the caller must return at once.
    #[must_use]
    pub(crate) fn entry_failed(self: &Arc<Self>, error: io::Error) -> Option<()> {
        let count = || self.counts.add_found();
        let Some(index) = self.schedule(|scheduler| scheduler.listed_error(count)) else {
            return self.drop_user(error, 0);
        };
        let failure = Failure::io(FileOperation::List, error);
        self.fail(IndexedPath::none(index), failure);
        Some(())
    }

    /// The iterator of paths panicked, which has a result in the place of the next path, unless the
    /// listing had ended before.
    pub(crate) fn listing_panicked(self: &Arc<Self>, payload: Payload) {
        let failure = self.panicked(payload, FileOperation::List, 0);
        let ended = self.schedule(|scheduler| {
            let index = scheduler.next_index()?;
            self.counts.end_listing(Listing::Panicked);
            Some((index, scheduler.on(Event::ListingPanicked)))
        });
        if let Some((index, steps)) = ended {
            self.begin(steps);
            self.fail(IndexedPath::none(index), failure);
        }
    }

    /// Halts the run if the dispatcher is being shut down, as that waits for files in progress
    /// only.
    pub(crate) fn check_shutdown(self: &Arc<Self>) {
        if self.shared.pipeline.is_closing() {
            self.shut_down();
        }
    }

    /// The dispatcher takes no more jobs.
    fn shut_down(self: &Arc<Self>) {
        let halt = *self.halt.get_or_init(|| Halt::ShutDown);
        self.end_listing(Listing::ShutDown);
        self.end_waiting_files(halt);
    }

    /// The user wants no more files.
    fn halt_quietly(self: &Arc<Self>) {
        let halt = *self.halt.get_or_init(|| Halt::Stopped);
        self.end_listing(Listing::Stopped);
        self.end_waiting_files(halt);
    }

    /// Files that nobody has opened, and those that wait for memory, have their results now.
    fn end_waiting_files(self: &Arc<Self>, halt: Halt) {
        for file in self.schedule(Scheduler::drain) {
            self.fail(file, Failure::halted(halt, FileOperation::Open));
        }
        self.shared.budget.abandon_halted();
    }
}

/// A forked child returns from each at once: locks may be held for ever, by threads that don't
/// exist there.
impl<C: Consumer> RunControl<C::Output> for RunCore<C> {
    fn take_results(self: Arc<Self>) -> Option<VecDeque<FileResult<C::Output>>> {
        if self.shared.pipeline.is_forked() {
            return Some(VecDeque::new());
        }
        self.check_shutdown();
        match C::may_wait(&self.shared.pipeline) {
            Some(_waiting) => Some(self.results.take()),
            None => self.results.take_ready(),
        }
    }

    fn poll_results(
        self: Arc<Self>,
        context: &mut Context<'_>,
    ) -> Poll<VecDeque<FileResult<C::Output>>> {
        if self.shared.pipeline.is_forked() {
            return Poll::Ready(VecDeque::new());
        }
        self.check_shutdown();
        self.results.poll(context.waker())
    }

    fn forget_task(&self) {
        if !self.shared.pipeline.is_forked() {
            drop(self.results.forget_task());
        }
    }

    fn results_taken(self: Arc<Self>, count: usize) {
        if !self.shared.pipeline.is_forked() {
            self.tell(Event::ResultsTaken(count));
        }
    }

    fn stop(self: Arc<Self>) {
        if !self.shared.pipeline.is_forked() {
            self.halt_quietly();
        }
    }

    fn abandon(self: Arc<Self>) {
        if !self.shared.pipeline.is_forked() {
            self.halt_quietly();
            let _ =
                self.results.abandon().into_iter().try_for_each(|result| self.drop_user(result, 0));
        }
    }

    fn progress(&self) -> FilesProgress {
        FilesProgress::of(Arc::clone(&self.counts))
    }
}
