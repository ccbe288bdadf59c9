//! A file that is being read: its reads, ahead of the user's functions, which get its chunks in
//! order and one at a time.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::file::FileHandle;
use crate::files::budget::{Hungry, Lease, Refusal, Turn};
use crate::files::ending::Failure;
use crate::files::error::{FileError, FileErrorKind, FileOperation};
use crate::files::fold::Fold;
use crate::files::info::FileInfo;
use crate::files::open::Opened;
use crate::files::pull::too_large;
use crate::files::residency::{self, OnMiss};
use crate::files::stats::Counters;
use crate::files::window::{Arrival, Part, Window};
use crate::files::work::Work;
use crate::job::Job;
use crate::job::completion::Completion;

/// What is in the page cache is read in pieces of so many bytes at most, which stay in a core's cache
/// until the user's function has seen them.
const CACHED_CHUNK: usize = 256 << 10;

pub(crate) struct Stream<F: Fold> {
    pub(super) work: Arc<Work<F>>,
    pub(super) info: FileInfo,
    /// When it was opened; of a block device, its capacity.
    pub(super) size: u64,
    pub(super) inner: Mutex<Inner<F>>,
}

pub(super) struct Inner<F: Fold> {
    /// Dropped at the end.
    pub(super) file: Option<FileHandle>,
    pub(super) fallback: Option<io::Error>,
    /// As far as is known, all of it is in the page cache: it is read when it is wanted, not ahead.
    pub(super) cached: bool,
    pub(super) window: Window<Lease>,
    /// It stands in the line for memory, or was called from there.
    pub(super) hungry: bool,
    /// Somebody runs the user's functions, or is going to.
    pub(super) busy: bool,
    /// Away while the user's functions run.
    pub(super) state: Option<F::State>,
    /// What came of it, until the last read is back.
    pub(super) outcome: Option<Result<F::Output, Failure>>,
    pub(super) settled: bool,
}

pub(super) type Guard<'a, F> = MutexGuard<'a, Inner<F>>;

impl<F: Fold> Stream<F> {
    /// Begins to read a file.
    pub(crate) fn start(work: &Arc<Work<F>>, opened: Opened) {
        if let Some(stream) = Self::new(work, opened) {
            let mut inner = stream.lock();
            let lost = stream.read_ahead(&mut inner, Turn::Last);
            let ready = inner.window.has_next();
            stream.settle(inner);
            drop(lost);
            if ready {
                stream.step_elsewhere();
            }
        }
    }

    /// Begins with a file whose first read has been done. The caller is to have it step.
    pub(crate) fn start_with(
        work: &Arc<Work<F>>,
        opened: Opened,
        first: Arrival<Lease>,
    ) -> Option<Arc<Self>> {
        let stream = Self::new(work, opened)?;
        let mut inner = stream.lock();
        inner.window.ask(first.part);
        inner.window.arrive(first);
        drop(inner);
        Some(stream)
    }

    fn new(work: &Arc<Work<F>>, opened: Opened) -> Option<Arc<Self>> {
        work.layer.counters.add_access(opened.access());
        let Opened { file, info, fallback, size, cached } = opened;
        let settings = &work.layer.settings;
        let usual = if cached { settings.chunk.min(CACHED_CHUNK) } else { settings.chunk };
        let piece = match work.fold.piece(size, usual) {
            Ok(piece) => piece,
            Err(limit) => {
                let (index, path, kind) = (info.index(), info.into_path(), FileErrorKind::TooLarge);
                let (operation, source) = (FileOperation::Read, too_large(size, limit));
                work.put_error(FileError { index, path, operation, offset: 0, source, kind });
                work.more();
                return None;
            }
        };
        let inner = Inner {
            file: Some(file),
            fallback,
            cached,
            window: Window::new(size, piece, settings.read_ahead),
            hungry: false,
            busy: false,
            state: None,
            outcome: None,
            settled: false,
        };
        Some(Arc::new(Self { work: Arc::clone(work), info, size, inner: Mutex::new(inner) }))
    }

    /// Asks for all that may be asked for. What could not be asked for comes back, to be dropped
    /// without the lock.
    #[must_use]
    pub(super) fn read_ahead(
        self: &Arc<Self>,
        inner: &mut Inner<F>,
        mut turn: Turn,
    ) -> Option<Job> {
        if inner.hungry && turn == Turn::Last {
            return None;
        }
        inner.hungry = false;
        if inner.outcome.is_some() {
            return None;
        }
        let layer = &self.work.layer;
        while let (Some(part), Some(file)) = (inner.window.next(), &inner.file) {
            if inner.cached && inner.window.has_next() {
                return None;
            }
            let hungry = || Arc::clone(self) as Arc<dyn Hungry>;
            let mut lease = match layer.budget.lease(part.len, turn, hungry) {
                Ok(Some(lease)) => lease,
                Ok(None) => {
                    inner.hungry = true;
                    Counters::add(&layer.counters.memory_waits);
                    return None;
                }
                Err(Refusal::Pool(error)) => {
                    inner.fail(FileOperation::Read, FileErrorKind::Io, error);
                    return None;
                }
                Err(Refusal::Halted) => {
                    let (kind, reason) = self.halt_reason();
                    inner.fail(FileOperation::Read, kind, reason);
                    return None;
                }
            };
            turn = Turn::Last;
            if inner.cached {
                let read =
                    residency::read(file.as_fd(), &mut lease, part.len, part.offset, OnMiss::Fail);
                let all =
                    |&count: &usize| count == part.len || part.offset + count as u64 == self.size;
                if let Some(count) = read.ok().filter(all) {
                    inner.window.ask(part);
                    inner.window.arrive(Arrival { part, result: Ok((count, lease)) });
                    return None;
                }
                inner.cached = false;
            }
            let own = Arc::clone(self);
            let callback = move |done| own.arrived(part, done);
            let job = Job::read(file, lease, part.offset, callback).limit(part.len);
            match layer.pipeline.post(job) {
                Ok(()) => inner.window.ask(part),
                Err(job) => {
                    let (kind, reason) = self.halt_reason();
                    inner.fail(FileOperation::Read, kind, reason);
                    return Some(job);
                }
            }
        }
        None
    }

    /// The callback of each read.
    fn arrived(self: Arc<Self>, part: Part, done: Completion<Lease>) {
        let Completion { buffer, result, file, .. } = done;
        // It may be the last: another file is opened in its place before this returns.
        drop(file);
        let arrival = Arrival { part, result: result.map(|count| (count, buffer)) };
        let mut inner = self.lock();
        let stale = inner.window.arrive(arrival);
        let lost = self.read_ahead(&mut inner, Turn::Last);
        self.go_on(inner);
        drop((stale, lost));
    }

    /// Hands on the next chunk, if it has come.
    pub(crate) fn step(self: &Arc<Self>) {
        let mut inner = self.lock();
        inner.busy = false;
        let lost = self.read_ahead(&mut inner, Turn::Last);
        self.go_on(inner);
        drop(lost);
    }

    /// Has somebody else do that: between two chunks of one file others' jobs have their turn.
    pub(crate) fn step_elsewhere(self: Arc<Self>) {
        self.lock().busy = true;
        let own = Arc::clone(&self);
        if self.work.layer.pipeline.post(Job::nop(move || own.step())).is_err() {
            let mut inner = self.lock();
            inner.busy = false;
            self.give_up(inner);
        }
    }

    pub(super) fn lock(&self) -> Guard<'_, F> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Fold> Hungry for Stream<F> {
    fn feed(self: Arc<Self>) {
        let mut inner = self.lock();
        let before = inner.window.in_flight();
        let lost = self.read_ahead(&mut inner, Turn::First);
        let served = inner.window.in_flight() > before || !inner.hungry;
        self.go_on(inner);
        drop(lost);
        if served {
            // There may be memory for the next, too.
            self.work.layer.budget.call_next();
        }
    }

    fn is_halted(&self) -> bool {
        self.work.halted().is_some()
    }

    fn abandon(self: Arc<Self>) {
        self.give_up(self.lock());
    }
}
