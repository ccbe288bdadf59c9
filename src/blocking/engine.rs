//! The engine for systems without native AIO: blocking threads perform the transfers, and the
//! waiter itself waits for the files that are polled.

use std::fs::File;
use std::io::{Read, Write};
use std::mem;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::request::{BlockingPool, BlockingRequest, ReplyTo};
use super::transfer::perform;
use crate::engine::backend::Backend;
use crate::engine::operation::Operation;
use crate::engine::{Engine, Errno, Event, Request, STOP};
use crate::sync::{Mutex, MutexGuard, lock};
use crate::sys::descriptor::{self, ppoll};

/// The time between two looks at the polls, if the waiter's list is too long for ppoll(2).
const LOOK_AGAIN: Duration = Duration::from_millis(2);

pub(crate) struct BlockingEngine {
    threads: Arc<BlockingPool>,
    state: Mutex<BlockingEngineState>,
    /// An eventfd that the waiter polls too. It is written to when the waiter sleeps and should not
    /// any more.
    wakeup: File,
    /// How many polls fit into the waiter's list. ppoll(2) takes as many entries as the process may
    /// have files; this is the limit at the time when the engine was made.
    polls_max: usize,
}

#[derive(Default)]
struct BlockingEngineState {
    /// The events that the waiter has not taken.
    events: Vec<Event>,
    /// The polls under way.
    polls: Vec<Request>,
    /// The tokens of polls that are to end.
    cancelled: Vec<u64>,
    /// The number of events for which the waiter sleeps. `None` if it is awake or has been woken.
    sleeps_for: Option<usize>,
    /// The waiter's list for ppoll(2): `wakeup` first, and then one entry for each of `polls`.
    list: Vec<libc::pollfd>,
}

impl BlockingEngine {
    pub(crate) fn new(threads: Arc<BlockingPool>) -> Result<Self, Errno> {
        let wakeup = File::from(descriptor::eventfd(0, 0).map_err(Errno::of)?);
        let polls_max = descriptor::limit().saturating_sub(1);
        Ok(Self { threads, state: Mutex::default(), wakeup, polls_max })
    }

    /// Adds an event, and wakes the waiter if there are as many as it sleeps for.
    fn add_event(&self, event: Event) {
        let mut state = lock(&self.state);
        state.events.push(event);
        let events = state.events.len();
        let wakes = state.sleeps_for.take_if(|least| events >= *least).is_some();
        drop(state);
        if wakes {
            self.wake_waiter();
        }
    }

    /// Adds as many of these polls as there is room for, wakes the waiter so that it waits for them
    /// too, and returns how many these are.
    fn add_polls(&self, polls: &[Request]) -> usize {
        let mut state = lock(&self.state);
        let count = polls.len().min(self.polls_max.saturating_sub(state.polls.len()));
        state.polls.extend(&polls[..count]);
        let wakes = state.sleeps_for.take().is_some();
        drop(state);
        if wakes {
            self.wake_waiter();
        }
        count
    }

    /// Wakes the waiter. The caller has taken `sleeps_for`, so no other thread does.
    fn wake_waiter(&self) {
        // The counter is never full: nobody writes again before the waiter has read it.
        let _ = (&self.wakeup).write_all(&1_u64.to_ne_bytes());
    }

    /// Sleeps until another thread wakes the waiter, a polled file is ready, or the deadline comes.
    /// Polls whose files are ready become events.
    fn sleep(
        &self,
        mut state: MutexGuard<'_, BlockingEngineState>,
        least: usize,
        deadline: Option<Instant>,
    ) -> Result<(), Errno> {
        let mut list = mem::take(&mut state.list);
        list.clear();
        list.push(pollfd(self.wakeup.as_raw_fd(), libc::POLLIN));
        list.extend(state.polls.iter().map(|poll| {
            // An event mask has 16 bits.
            pollfd(poll.transfer.fd, (poll.transfer.address as u16).cast_signed())
        }));
        state.sleeps_for = Some(least);
        drop(state);
        let answer = poll_all(&mut list, deadline);
        let mut state = lock(&self.state);
        if state.sleeps_for.take().is_none() {
            // Another thread took it, and writes to the eventfd or has done so.
            let _ = (&self.wakeup).read_exact(&mut [0; 8]);
        }
        // From the end: removing a poll moves those behind it. New polls are behind all of these.
        for index in (1..list.len()).rev() {
            if let Some(res) = polled(&list[index]) {
                let poll = state.polls.remove(index - 1);
                state.events.push(Event { token: poll.token, res });
            }
        }
        state.list = list;
        answer
    }
}

impl BlockingEngineState {
    /// Ends the cancelled polls that have not ended meanwhile.
    fn end_cancelled(&mut self) {
        for token in self.cancelled.drain(..) {
            if let Some(position) = self.polls.iter().position(|poll| poll.token == token) {
                self.polls.remove(position);
                self.events.push(Event { token, res: 0 });
            }
        }
    }
}

fn pollfd(fd: libc::c_int, events: libc::c_short) -> libc::pollfd {
    libc::pollfd { fd, events, revents: 0 }
}

/// The result of a poll, as an event has it, if the poll is over.
fn polled(entry: &libc::pollfd) -> Option<i64> {
    match entry.revents {
        0 => None,
        // The descriptor can't be used. AIO refuses such polls with this error.
        events if events & libc::POLLNVAL != 0 => Some(-i64::from(libc::EBADF)),
        events => Some(i64::from(events.cast_unsigned())),
    }
}

/// Waits until a file on the list is ready, or until the deadline. If the list has more entries
/// than the process may have descriptors now, the kernel doesn't take it whole. Then this waits for
/// the first entries, the eventfd among them, and looks at the others every now and then.
fn poll_all(list: &mut [libc::pollfd], deadline: Option<Instant>) -> Result<(), Errno> {
    match poll_until(list, deadline) {
        Err(Errno(libc::EINVAL)) => {}
        answer => return answer,
    }
    let most = descriptor::limit().clamp(1, list.len());
    let any_ready = |list: &[libc::pollfd]| list.iter().any(|entry| entry.revents != 0);
    loop {
        list.chunks_mut(most).try_for_each(|part| ppoll(part, Some(Duration::ZERO)))?;
        let now = Instant::now();
        if any_ready(list) || deadline.is_some_and(|deadline| deadline <= now) {
            return Ok(());
        }
        let next = now + LOOK_AGAIN;
        poll_until(&mut list[..most], Some(deadline.map_or(next, |deadline| deadline.min(next))))?;
        if any_ready(&list[..most]) {
            return Ok(());
        }
    }
}

/// ppoll(2), until the deadline at most.
fn poll_until(list: &mut [libc::pollfd], deadline: Option<Instant>) -> Result<(), Errno> {
    ppoll(list, deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())))
}

impl Engine for BlockingEngine {
    #[expect(unsafe_code, reason = "the contract of engines")]
    unsafe fn submit(&self, batch: &[Request]) -> Result<usize, Errno> {
        let is_poll = |request: &Request| request.transfer.operation == Operation::Poll;
        let polls = batch.iter().take_while(|request| is_poll(request)).count();
        if polls > 0 {
            return match self.add_polls(&batch[..polls]) {
                // Without room on the list, jobs wait as if the kernel had no request to spare.
                0 => Err(Errno(libc::EAGAIN)),
                count => Ok(count),
            };
        }
        let count = batch.iter().take_while(|request| !is_poll(request)).count();
        let blocking = |&request| BlockingRequest { request, done: 0, reply_to: ReplyTo::Engine };
        if self.threads.push(batch[..count].iter().map(blocking)) {
            return Ok(count);
        }
        // There is no thread, and none can be started. So the calling thread performs the first
        // transfer, as it would in io_submit(2) for a file system without asynchronous transfers.
        let Some(&Request { token, transfer, .. }) = batch.first() else { return Ok(0) };
        // SAFETY: by this method's contract, memory and file are valid until the event is returned,
        // and nobody else uses them.
        let res = unsafe { perform(&transfer) };
        self.add_event(Event { token, res });
        Ok(1)
    }

    fn cancel(&self, token: u64) -> bool {
        let mut state = lock(&self.state);
        if !state.polls.iter().any(|poll| poll.token == token) {
            return false;
        }
        // Left to the waiter, as its list has an entry for each of the polls.
        state.cancelled.push(token);
        let wakes = state.sleeps_for.take().is_some();
        drop(state);
        if wakes {
            self.wake_waiter();
        }
        true
    }

    fn wait(
        &self,
        events: &mut Vec<Event>,
        least: usize,
        limit: Option<Duration>,
    ) -> Result<(), Errno> {
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut failure = None;
        loop {
            let mut state = lock(&self.state);
            state.end_cancelled();
            let over = deadline.is_some_and(|deadline| deadline <= Instant::now());
            let enough = state.events.len() >= least.max(1);
            if let Some(errno) = failure.take_if(|_| state.events.is_empty()) {
                return Err(errno);
            }
            if enough || over || failure.is_some() {
                events.append(&mut state.events);
                return Ok(());
            }
            failure = self.sleep(state, least.max(1), deadline).err();
        }
    }

    fn wake(&self) -> Result<(), Errno> {
        self.add_event(Event { token: STOP, res: 0 });
        Ok(())
    }

    fn performed(&self, event: Event) {
        self.add_event(event);
    }

    fn backend(&self) -> Backend {
        Backend::BlockingThreads
    }
}
