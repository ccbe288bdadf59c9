//! The books: where jobs wait, which slots are free, who waits for room, and what threads have told
//! each other, all under one lock. Nothing in this folder wakes a worker, sends a job or enters the
//! kernel.
//!
//! Jobs wait in `backlog.rs`, and go into free slots in the order of `waiting.rs`. A slot is freed
//! when a job is finished (`books.rs`, which also has the jobs that were cancelled or overdue).
//! `slots.rs` has the jobs that are in slots, and `cancellable.rs` the deadlines of those that can
//! end there. By the flags in `flags.rs` threads know what others are about to do.
//!
//! These hold whenever nobody has the lock:
//!
//! - A job from outside callbacks is let in only while fewer than `depth + backlog` jobs are
//!   outstanding. A chain of jobs keeps its place as long as it lasts, so it counts against that.
//! - A slot is free, or one job occupies it from before its submission until its callback has
//!   returned.
//! - If a job waits beside a free slot, then the kernel is out of requests, or a filler is coming,
//!   or the reaper watches while callbacks are quick, or the thread that gave up the lock fills
//!   slots next, or no worker is idle: a busy worker fills slots at the end of its run.

pub(crate) mod backlog;
pub(crate) mod batch;
pub(crate) mod books;
pub(crate) mod cancellable;
pub(crate) mod counters;
mod flags;
pub(crate) mod limits;
pub(crate) mod refusal;
pub(crate) mod slots;
mod waiting;

use std::sync::PoisonError;
use std::task::{Context, Poll};

use crate::admission::batch::Batch;
use crate::admission::books::{Books, Then};
use crate::admission::counters::Outcome;
use crate::admission::limits::{Limits, Patience};
use crate::admission::refusal::Refusal;
use crate::engine::backend::Backend;
use crate::engine::operation::Operation;
use crate::job::Job;
use crate::job::task::Route;
use crate::sync::{Condvar, Mutex, MutexGuard, lock};
use crate::wait::limit::WaitLimit;
use crate::wait::room::LinePlace;
use crate::wait::{TaskWaker, wake};

/// The thread that fills slots. What it fills them with, it then hands on itself, which may take
/// time: it enters io_submit(2), and for a read of a buffered file it looks into the page cache and
/// copies the data that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filler {
    /// It is in a callback, which must not block. So it stops before the first transfer or sync.
    InCallback,
    /// It is in a call that may wait for the kernel, and is not to copy. So it stops before the
    /// first read of a buffered file, and leaves that to a worker.
    Caller,
    /// It is a worker between two callbacks. It stops after the first read of a buffered file.
    BetweenCallbacks,
}

impl Filler {
    /// Whether this thread leaves a job to others.
    fn leaves(self, operation: Operation, route: Route) -> bool {
        match self {
            Self::InCallback => operation.may_block(),
            Self::Caller => matches!(route, Route::LookInPageCache(_)),
            Self::BetweenCallbacks => false,
        }
    }
}

/// Whether slots were filled as far as possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Filled {
    AsFarAsPossible,
    /// Up to a job that does not share a submission with the write before it, which may keep the
    /// thread in the kernel.
    UpToWrite,
}

/// What is to be done when the end of a job has been written down and the lock has been given up.
pub(crate) struct AfterEnd {
    pub(crate) then: Then,
    /// Tasks to wake.
    pub(crate) woken: Vec<TaskWaker>,
}

/// The books, their lock, and the callers that wait for a change in them.
pub(crate) struct Admission {
    limits: Limits,
    books: Mutex<Books>,
    /// Callers wait here for room in the backlog.
    room: Condvar,
    /// Callers wait here until nothing is outstanding, or until the threads have been told to end.
    quiet: Condvar,
}

impl Admission {
    pub(crate) fn new(limits: Limits, backend: Backend) -> Self {
        let books = Mutex::new(Books::new(limits.depth, backend));
        Self { limits, books, room: Condvar::new(), quiet: Condvar::new() }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// Accepts jobs from outside callbacks into the backlog, as many as there is room for. The
    /// others stay in the iterator. `make` makes a job of each one that is accepted.
    pub(crate) fn accept_outside<J>(
        &self,
        books: &mut Books,
        jobs: &mut impl ExactSizeIterator<Item = J>,
        mut make: impl FnMut(J) -> Job,
    ) -> Result<(), Refusal> {
        if books.flags.is_closing() {
            return Err(Refusal::ShutDown);
        }
        let room = self.room(books);
        for job in jobs.take(room) {
            books.accept(make(job));
        }
        Ok(())
    }

    /// Accepts jobs from a callback: they are parked until slots are free. After the last callback
    /// a worker still runs other users' code, wakers and the panic handler's destructor: nobody
    /// would run the callbacks of jobs that this submits.
    #[inline]
    pub(crate) fn accept_parked<J>(
        &self,
        books: &mut Books,
        jobs: &mut impl ExactSizeIterator<Item = J>,
        mut make: impl FnMut(J) -> Job,
    ) -> Result<(), Refusal> {
        if books.flags.is_ending() {
            return Err(Refusal::ShutDown);
        }
        let most = self.limits.parked.saturating_add(self.limits.backlog);
        let room = most.saturating_sub(books.waiting.for_a_slot());
        for job in jobs.take(room) {
            books.accept(make(job));
        }
        if jobs.len() == 0 { Ok(()) } else { Err(Refusal::Full) }
    }

    /// Waits until the backlog has room or the dispatcher closes.
    pub(crate) fn wait_for_room<'a>(
        &'a self,
        mut books: MutexGuard<'a, Books>,
        patience: Patience,
    ) -> Result<MutexGuard<'a, Books>, Refusal> {
        while self.room(&books) == 0 && !books.flags.is_closing() {
            let Patience::Until(limit) = patience else { return Err(Refusal::Full) };
            books.room.thread_waits();
            let waited = limit.wait(&self.room, books);
            let timed_out = waited.is_err();
            books = waited.unwrap_or_else(|books| books);
            books.room.thread_came();
            if timed_out {
                return Err(Refusal::TimedOut);
            }
        }
        Ok(books)
    }

    /// Wakes the next caller that waits for room, if any is left. A caller does so that was woken
    /// for room and has taken its place.
    pub(crate) fn pass_room_on(&self, books: &mut Books) {
        let (room, is_last) = (self.room(books), books.outstanding() == 0);
        if books.room.pass_on(room, is_last) {
            self.room.notify_one();
        }
    }

    /// Wakes a caller that waits for room, but not for each job that ends: only when the backlog is
    /// half empty, or when half a backlog of jobs has ended without the backlog getting there. The
    /// latter happens if chains keep more than half of it filled.
    fn wake_for_room(&self, books: &mut Books) {
        let (room, is_last) = (self.room(books), books.outstanding() == 0);
        let most = self.limits.backlog as u64 / 2;
        let is_much = books.tally.counted() <= u64::from(self.limits.depth) + most;
        if books.room.job_ended(room, is_much, is_last, most) {
            self.room.notify_one();
        }
    }

    /// How many more jobs from outside callbacks are let in.
    pub(crate) fn room(&self, books: &Books) -> usize {
        let most = u64::from(self.limits.depth) + self.limits.backlog as u64;
        let room = most.saturating_sub(books.tally.counted());
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Moves jobs to be resumed and then waiting jobs into free slots, in order, and lists in the
    /// batch where they go. Before that, it expires overdue jobs, so that none of them
    /// enters the kernel.
    ///
    /// A write may keep its submitter in the kernel for as long as a file system or device likes.
    /// So the batch ends with it, and with others to the same file.
    pub(crate) fn fill_slots(
        &self,
        books: &mut Books,
        filler: Filler,
        batch: &mut Batch,
    ) -> Filled {
        books.expire_overdue();
        let Books { waiting, slots, flags, tally, cancellable, .. } = books;
        if flags.is_starved() {
            return Filled::AsFarAsPossible;
        }
        while slots.has_free()
            && let Some(next) = waiting.next()
        {
            let (head, route) = (next.head(), next.route());
            if filler.leaves(head.operation(), route) {
                break;
            }
            if batch.holds_up(&head.transfer, route) {
                return Filled::UpToWrite;
            }
            let Some((token, job)) = slots.take_free().zip(waiting.take_next()) else { break };
            let head = job.head();
            tally.count_start(head.operation(), route);
            if head.may_end_in_slot() {
                cancellable.begin(head, route, token);
            }
            if let Some(job) = batch.push(token, job, route) {
                slots.put(token, job);
            }
            if matches!(route, Route::LookInPageCache(_)) {
                break;
            }
        }
        Filled::AsFarAsPossible
    }

    /// Takes note of a job whose callback has returned, and frees its slot, if it had one.
    ///
    /// Returns what is to be done when the lock has been given up, if there is anything.
    #[inline]
    pub(crate) fn finish(
        &self,
        books: &mut Books,
        slot: Option<u64>,
        outcome: Outcome,
    ) -> Option<AfterEnd> {
        if let Some(token) = slot {
            books.slots.free(token);
            books.flags.ask_kernel_again();
        }
        books.tally.count_end(outcome);
        if books.outstanding() > 0 && !books.room.has_waiters() {
            return None;
        }
        Some(self.tell_who_waits(books))
    }

    /// Wakes those that wait for room or for the last job, when a job has ended.
    #[cold]
    fn tell_who_waits(&self, books: &mut Books) -> AfterEnd {
        if books.room.has_waiters() {
            self.wake_for_room(books);
        }
        if books.outstanding() == 0 {
            self.quiet.notify_all();
            let Books { room, quiet, .. } = books;
            room.line.wake_all_of(quiet);
        }
        AfterEnd { then: books.then(), woken: books.room.line.take_woken() }
    }

    /// Refuses jobs from outside callbacks from now on.
    pub(crate) fn close(&self) -> Then {
        let mut books = self.lock();
        books.flags.close();
        self.room.notify_all();
        books.room.line.wake_first(usize::MAX);
        let (woken, then) = (books.room.line.take_woken(), books.then());
        drop(books);
        wake(woken);
        then
    }

    /// Takes note that the threads have been told to end.
    pub(crate) fn threads_are_told(&self) {
        self.lock().flags.threads_are_told();
        self.quiet.notify_all();
    }

    /// Waits until the threads have been told to end, after the last job has.
    pub(crate) fn wait_until_threads_are_told(&self) {
        let mut books = self.lock();
        while !books.flags.are_threads_told() {
            books = self.quiet.wait(books).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ready when nothing is outstanding. Until then the task stands in the line of those that are
    /// woken when it is so.
    pub(crate) fn poll_quiet(&self, place: &mut LinePlace, context: &Context<'_>) -> Poll<()> {
        // Not under the lock, as it runs the executor's code.
        let waker = TaskWaker::of(context.waker());
        let mut books = self.lock();
        if books.outstanding() == 0 {
            let left = books.quiet.leave(place);
            drop(books);
            drop(left);
            return Poll::Ready(());
        }
        let stale = books.quiet.stand(place, waker);
        drop(books);
        drop(stale);
        Poll::Pending
    }

    /// Gives up the place of a task that waits no longer until nothing is outstanding.
    pub(crate) fn leave_quiet(&self, place: &mut LinePlace) {
        // The waker is dropped when the lock has been given up.
        let left = self.lock().quiet.leave(place);
        drop(left);
    }

    /// Waits until nothing is outstanding. False if the limit came first.
    pub(crate) fn wait_until_quiet(&self, limit: WaitLimit) -> bool {
        let mut books = self.lock();
        while books.outstanding() > 0 {
            match limit.wait(&self.quiet, books) {
                Ok(waited) => books = waited,
                Err(_) => return false,
            }
        }
        true
    }
}
