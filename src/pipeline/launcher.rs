//! Hands jobs from their slots to the kernel (and handles io_submit's answers, also `EAGAIN`), to
//! a blocking thread, or to the workers.
//!
//! Safety: the one place that calls [`Engine::submit`], and one of two that have transfers
//! performed without it. The slots keep what the requests describe.

#![expect(unsafe_code, reason = "gives the kernel access to jobs' buffers")]

use std::mem;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::sync::channel::Sender;

use super::wakeups::Wakeups;
use super::wakeups::hints::SenderNext;
use crate::admission::Admission;
use crate::admission::batch::{Batch, CacheRequest};
use crate::admission::counters::Counters;
use crate::blocking::{
    BlockingPool, BlockingRequest, CacheRead, Errand, ReplyTo, ThreadPool, read_cached,
};
use crate::engine::backend::Backend;
use crate::engine::errno::{SubmitAction, submit_action};
use crate::engine::operation::Operation;
use crate::engine::{Engine, Errno, Event, Request};
use crate::job::completed::Completed;
use crate::job::stopped::CancelReason;
use crate::job::task::Route;
use crate::sync::{Instant, Mutex, lock, thread};

/// How often a kernel is asked again that has no request left although this dispatcher uses none.
/// Then the first job ends with the kernel's error.
const TRIES_WHEN_ALONE: u32 = 8;

/// Why a job is in its slot.
const NOT_HANDED_ON: &str = "a job that was not handed on is in its slot";

pub(crate) struct Launcher {
    pub(super) engine: Box<dyn Engine>,
    pub(super) blocking: Arc<BlockingPool>,
    pub(super) converters: Arc<ThreadPool<Errand>>,
    /// For jobs that the reaper doesn't see. It is taken away when the threads are told to end. The
    /// channel is then disconnected as soon as the reaper has dropped its own sender.
    completed: Mutex<Option<Sender<Completed>>>,
    pub(super) counters: Arc<Counters>,
    pub(super) wakeups: Wakeups,
}

/// The outcome of a look into the page cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// All data was there, and the job is on its way to its callback.
    Hit,
    /// A blocking thread has the job, or, if its file is automatic, the kernel.
    Miss,
}

impl Launcher {
    pub(super) fn new(
        engine: Box<dyn Engine>,
        (blocking, converters): (Arc<BlockingPool>, Arc<ThreadPool<Errand>>),
        completed: Sender<Completed>,
        counters: Arc<Counters>,
        wakeups: Wakeups,
    ) -> Self {
        let completed = Mutex::new(Some(completed));
        Self { engine, blocking, converters, completed, counters, wakeups }
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.engine
    }

    pub(crate) fn blocking(&self) -> &BlockingPool {
        &self.blocking
    }

    pub(crate) fn converters(&self) -> &ThreadPool<Errand> {
        &self.converters
    }

    /// Waits for the threads of both pools to end. They have been told to.
    pub(crate) fn join_threads(&self) {
        self.blocking.join();
        self.converters.join();
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Hands on jobs that have just been put into slots, except a read that is to be looked for in
    /// the page cache. `next` says what the calling thread does after the whole batch.
    pub(super) fn launch(&self, admission: &Admission, batch: &mut Batch, next: SenderNext) {
        // A submission may take its time, as may copying. So nobody can rely on a worker that does
        // either next to take a job soon.
        let is_quick = batch.requests.is_empty() && batch.look.is_none();
        let next = if is_quick { next } else { SenderNext::Other };
        self.start_blocking(admission, &batch.blocking, next);
        if !batch.ready.is_empty() {
            self.send(admission, batch.ready.drain(..), next);
        }
        self.submit(admission, &batch.requests);
    }

    /// Looks into the page cache for the data of a read.
    pub(super) fn look(&self, admission: &Admission, request: CacheRequest) -> Look {
        let CacheRequest { mut read, look } = request;
        let head = read.job.head();
        // SAFETY: the transfer describes the memory and the file of this job, which is here and
        // nowhere else.
        let done =
            match unsafe { read_cached(&head.transfer, head.progress.rest(), look, u64::MAX) } {
                CacheRead::Hit(count) => {
                    self.counters.cached.fetch_add(1, Ordering::Relaxed);
                    read.res = count as i64;
                    read.job.found_in_cache();
                    self.send(admission, [read], SenderNext::TakesOne);
                    return Look::Hit;
                }
                CacheRead::Miss(done) => done,
                CacheRead::Unsupported => {
                    read.job.mark_nowait_unsupported();
                    0
                }
            };
        read.job.missed_in_cache(done);
        let Completed { token, job, .. } = read;
        let (request, route) = (job.head().request(token), job.route());
        let mut books = admission.lock();
        books.slots_mut().put(token, job);
        match route {
            Route::Engine => {
                self.counters.automatic_direct.fetch_add(1, Ordering::Relaxed);
                // First, as the submission may take its time.
                self.wakeups.wake_filler(books);
                self.submit(admission, &[request]);
            }
            _ => {
                drop(books);
                let rest = BlockingRequest { request, done, reply_to: ReplyTo::Workers };
                self.start_blocking(admission, &[rest], SenderNext::TakesOne);
            }
        }
        Look::Miss
    }

    /// Hands jobs to the blocking threads.
    fn start_blocking(
        &self,
        admission: &Admission,
        requests: &[BlockingRequest],
        next: SenderNext,
    ) {
        if requests.is_empty() {
            return;
        }
        if self.blocking.push(requests.iter().copied()) {
            self.end_if_overdue(admission, requests.iter().map(|request| &request.request));
            return;
        }
        // There is no blocking thread: a worker does the work, and the engine performs a transfer.
        for BlockingRequest { request, .. } in requests {
            if request.transfer.operation == Operation::Blocking {
                self.send(admission, [self.take_own(admission, request.token, 0)], next);
            } else {
                self.submit(admission, slice::from_ref(request));
            }
        }
    }

    /// Submits a batch whose jobs are in their slots. Each ends in the kernel, at a worker with the
    /// kernel's error, or back in the backlog.
    ///
    /// Once the kernel has accepted a request, its job and slot are not touched here. The job may
    /// have completed, its callback may have run, and the slot may have been used again.
    fn submit(&self, admission: &Admission, batch: &[Request]) {
        let mut rest = batch;
        let mut tries = 0;
        let mut was_refused = false;
        while !rest.is_empty() {
            self.counters.submit_calls.fetch_add(1, Ordering::Relaxed);
            // This is counted first, as the reaper may count a completion before the call returns.
            self.counters.submitted(rest);
            // SAFETY: each request describes the job that `fill_slots` or `look` put into the slot
            // with this token. The slot keeps it, and with it buffer and file, until the engine's
            // waiter (the reaper, or the owner of an event loop) takes it out on the event with the
            // token. Nobody else takes it: `put_back` and `fail_first` only do so for requests that
            // were not accepted. A thread that cancels a poll, or a request that waits for a thread
            // of the engine's, leaves the job there for the event. While the job is in the slot,
            // nobody accesses what the request describes: others mark the job as cancelled, or read
            // its operation and progress. A token names one use of a slot, and the next use begins
            // only after the job has been taken out, so the token is not in use.
            let answer = unsafe { self.engine.submit(rest) };
            let accepted = *answer.as_ref().unwrap_or(&0);
            self.counters.taken_back(&rest[accepted..]);
            if accepted > 0 && mem::take(&mut was_refused) {
                // Other threads' jobs may have been put back meanwhile, for as long as these
                // requests take. They are not to wait for polls, which may take for ever.
                self.wakeups.wake_filler(admission.lock());
            }
            was_refused |= accepted == 0;
            match answer.map_err(|errno| (submit_action(errno), errno)) {
                Ok(0) | Err((SubmitAction::Park, _)) => {
                    if self.put_back(admission, rest) {
                        return;
                    }
                    tries += 1;
                    if tries > TRIES_WHEN_ALONE {
                        tries = 0;
                        rest = self.fail_first(admission, rest, Errno(libc::EAGAIN));
                    } else {
                        thread::yield_now();
                    }
                }
                Ok(accepted) => {
                    tries = 0;
                    if self.engine.backend() == Backend::BlockingThreads {
                        self.end_if_overdue(admission, &rest[..accepted]);
                    }
                    rest = &rest[accepted..];
                }
                Err((SubmitAction::Retry, _)) => {}
                Err((SubmitAction::FailFirst, errno)) => {
                    tries = 0;
                    rest = self.fail_first(admission, rest, errno);
                }
            }
        }
    }

    /// Ends the first job with the kernel's error, and returns the other requests.
    fn fail_first<'a>(
        &self,
        admission: &Admission,
        rest: &'a [Request],
        errno: Errno,
    ) -> &'a [Request] {
        let Some((first, others)) = rest.split_first() else { return rest };
        let res = -i64::from(errno.0);
        self.deliver(admission, self.take_own(admission, first.token, res));
        others
    }

    /// Puts jobs back into the backlog that the kernel has no request for: it is asked again after
    /// the next completion. If no other slot is occupied, none will come; then this does nothing
    /// and returns false. See "A starved kernel" in `README.md`.
    pub(super) fn put_back(&self, admission: &Admission, rest: &[Request]) -> bool {
        let mut books = admission.lock();
        if books.slots().occupied() + books.waiting().resumed() == rest.len() {
            return false;
        }
        // The last first, so that they are in order again at the head of the backlog.
        for request in rest.iter().rev() {
            let job = books.slots_mut().take(request.token).expect(NOT_HANDED_ON);
            books.put_back(request.token, job);
        }
        let ended_early = self.wakeups.expire_overdue(&mut books);
        // Somebody has to be awake to ask the kernel again.
        self.wakeups.wake_filler(books);
        if ended_early {
            self.wakeups.for_ended_early(admission);
        }
        true
    }

    /// Sends a job to the workers in place of the reaper, which has not seen it.
    pub(super) fn deliver(&self, admission: &Admission, completed: Completed) {
        self.send(admission, [completed], SenderNext::Other);
    }

    /// Puts jobs on the channel, and wakes somebody for them.
    fn send(
        &self,
        admission: &Admission,
        jobs: impl IntoIterator<Item = Completed>,
        next: SenderNext,
    ) {
        let sender = lock(&self.completed);
        let to_workers = sender.as_ref().expect("a job is outstanding, so the threads go on");
        let mut count = 0;
        for completed in jobs {
            assert!(to_workers.try_send(completed).is_ok(), "the channel has room for every slot");
            count += 1;
        }
        drop(sender);
        self.wakeups.for_sent(admission, count, next);
    }

    /// Takes a job out of its slot that no other thread knows of. Returns it with its result.
    pub(super) fn take_own(&self, admission: &Admission, token: u64, res: i64) -> Completed {
        let job = admission.lock().slots_mut().take(token).expect(NOT_HANDED_ON);
        Completed { token, res, job }
    }

    /// Takes the jobs of these events out of their slots. The engine's waiter calls this for all
    /// that it has reaped. An event that belongs to no request in flight is counted and ignored.
    pub(crate) fn reaped(
        &self,
        admission: &Admission,
        events: &mut Vec<Event>,
        completed: &mut Vec<Completed>,
    ) {
        completed.reserve(events.len());
        let mut books = admission.lock();
        for Event { token, res } in events.drain(..) {
            match books.slots_mut().take(token) {
                Some(job) => completed.push(Completed { token, res, job }),
                None => self.counters.strayed(),
            }
        }
        drop(books);
        self.counters.polled(completed.iter().map(|completed| &completed.job));
    }

    /// Ends a request that no blocking thread has begun.
    pub(super) fn end_unbegun(
        &self,
        admission: &Admission,
        request: &BlockingRequest,
        reason: CancelReason,
    ) {
        let (token, res) = (request.request.token, reason.res());
        match request.reply_to {
            ReplyTo::Engine => self.engine.performed(Event { token, res }),
            ReplyTo::Workers => self.deliver(admission, self.take_own(admission, token, res)),
        }
    }

    /// Ends what is overdue by now, if one of these requests is, which were just queued for the
    /// blocking threads. The books may have had somebody look for it before it was in the queue.
    fn end_if_overdue<'a>(
        &self,
        admission: &Admission,
        queued: impl IntoIterator<Item = &'a Request>,
    ) {
        let mut deadlines = queued.into_iter().filter_map(|request| request.deadline);
        if deadlines.any(|deadline| deadline <= Instant::now()) {
            self.end_overdue(admission);
        }
    }

    /// Ends all jobs that wait for a blocking thread and are overdue. It is not left to these
    /// threads, which may be busy for as long as they like.
    pub(super) fn end_overdue(&self, admission: &Admission) {
        for request in self.blocking.take_overdue(Instant::now()) {
            admission.lock().tally_mut().count_cancelled(CancelReason::TimedOut);
            self.end_unbegun(admission, &request, CancelReason::TimedOut);
        }
    }

    /// Gives up the sender, so that the workers end after the jobs that are on the channel, and
    /// tells the threads of both pools to end.
    pub(super) fn stop(&self) {
        lock(&self.completed).take();
        self.blocking.dismiss();
        self.converters.dismiss();
    }
}
