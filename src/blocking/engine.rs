//! The engine for systems without native AIO: the blocking lane's threads perform transfers, and the
//! waiter itself waits for what is polled.

use std::fs::File;
use std::io::{Read, Write};
use std::mem;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::pool::BlockingPool;
use super::request::{BlockingRequest, ReplyTo};
use crate::engine::backend::Backend;
use crate::engine::operation::Operation;
use crate::engine::{Engine, Errno, Event, Request, STOP};
use crate::sys::descriptor::{self, ppoll};

/// How long what is polled for may be there before it is noticed, where the list is too long to be
/// waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

pub(crate) struct BlockingEngine {
    threads: Arc<BlockingPool>,
    state: Mutex<State>,
    /// An eventfd that the waiter polls. Written to when it sleeps and has no reason to any more.
    bell: File,
    /// How many polls fit into the waiter's list: ppoll(2) takes as many entries as the process may
    /// have files; as of when it was made.
    polls_max: usize,
}

#[derive(Default)]
struct State {
    /// What has been done.
    events: Vec<Event>,
    /// What is polled for.
    polls: Vec<Request>,
    /// Polls that are to end.
    cancelled: Vec<u64>,
    /// For how many events the waiter sleeps, while it does; nobody has rung the bell.
    least: Option<usize>,
    /// The waiter's list for ppoll: the bell, and then as `polls`.
    list: Vec<libc::pollfd>,
}

impl BlockingEngine {
    pub(crate) fn new(threads: Arc<BlockingPool>) -> Result<Self, Errno> {
        let bell = File::from(descriptor::eventfd(0, 0).map_err(Errno::of)?);
        let polls_max = descriptor::limit().saturating_sub(1);
        Ok(Self { threads, state: Mutex::default(), bell, polls_max })
    }

    /// Adds to the events or the polls, and wakes the waiter if it has reason to.
    fn add(&self, add: impl FnOnce(&mut State), polls: bool) {
        let mut state = self.lock();
        add(&mut state);
        let events = state.events.len();
        let ring = state.least.take_if(|least| polls || events >= *least).is_some();
        drop(state);
        if ring {
            self.ring();
        }
    }

    fn ring(&self) {
        // It is never full: nobody rings again before the waiter has heard it.
        let _ = (&self.bell).write_all(&1_u64.to_ne_bytes());
    }

    /// Sleeps until the bell rings, something polled for is there, or the deadline comes. What is
    /// there becomes events.
    fn sleep(
        &self,
        mut state: MutexGuard<'_, State>,
        least: usize,
        deadline: Option<Instant>,
    ) -> Result<(), Errno> {
        let mut list = mem::take(&mut state.list);
        list.clear();
        list.push(pollfd(self.bell.as_raw_fd(), libc::POLLIN));
        list.extend(state.polls.iter().map(|poll| {
            // An event mask has 16 bits.
            pollfd(poll.transfer.fd, (poll.transfer.address as u16).cast_signed())
        }));
        state.least = Some(least);
        drop(state);
        let answer = poll_all(&mut list, deadline);
        let mut state = self.lock();
        if state.least.take().is_none() {
            // Somebody rings, or has, now that there is reason to.
            self.hear();
        }
        // From the end: removing one moves those behind it. New ones are behind all of these.
        for index in (1..list.len()).rev() {
            if let Some(res) = polled(&list[index]) {
                let poll = state.polls.remove(index - 1);
                state.events.push(Event { token: poll.token, res });
            }
        }
        state.list = list;
        answer
    }

    /// Waits for the bell, which has been rung or is about to be.
    fn hear(&self) {
        let _ = (&self.bell).read_exact(&mut [0; 8]);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Adds as many polls as there is room for, and returns how many these are.
    fn add_polls(&mut self, polls: &[Request], most: usize) -> usize {
        let count = polls.len().min(most.saturating_sub(self.polls.len()));
        self.polls.extend(&polls[..count]);
        count
    }
}

impl State {
    /// Ends the polls that are to, unless they have ended meanwhile.
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

/// The result of a poll, as an event has it, if it is over.
fn polled(entry: &libc::pollfd) -> Option<i64> {
    match entry.revents {
        0 => None,
        // Not a descriptor that can be used: AIO refuses it.
        events if events & libc::POLLNVAL != 0 => Some(-i64::from(libc::EBADF)),
        events => Some(i64::from(events.cast_unsigned())),
    }
}

/// Waits until something on a list is there, or until the deadline. If the process may have fewer
/// descriptors now than there are entries, the kernel doesn't take them at once: the bell, which is
/// the first, is waited for, and the others are looked at every now and then.
fn poll_all(list: &mut [libc::pollfd], deadline: Option<Instant>) -> Result<(), Errno> {
    match poll_until(list, deadline) {
        Err(Errno(libc::EINVAL)) => {}
        answer => return answer,
    }
    let most = descriptor::limit().clamp(1, list.len());
    let is_there = |list: &[libc::pollfd]| list.iter().any(|entry| entry.revents != 0);
    loop {
        list.chunks_mut(most).try_for_each(|part| ppoll(part, Some(Duration::ZERO)))?;
        let now = Instant::now();
        if is_there(list) || deadline.is_some_and(|deadline| deadline <= now) {
            return Ok(());
        }
        let next = now + LOOK_AGAIN;
        poll_until(&mut list[..most], Some(deadline.map_or(next, |deadline| deadline.min(next))))?;
        if is_there(&list[..most]) {
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
        let mut count = batch.iter().take_while(|request| is_poll(request)).count();
        let taken = if count > 0 {
            self.add(|state| count = state.add_polls(&batch[..count], self.polls_max), true);
            count > 0
        } else {
            count = batch.iter().take_while(|request| !is_poll(request)).count();
            let blocking =
                |&request| BlockingRequest { request, done: 0, reply_to: ReplyTo::Engine };
            self.threads.push(batch[..count].iter().map(blocking))
        };
        // Without a thread, or room on the list, requests wait as if the kernel had none to spare.
        if taken { Ok(count) } else { Err(Errno(libc::EAGAIN)) }
    }

    fn cancel(&self, token: u64) -> bool {
        let mut state = self.lock();
        if !state.polls.iter().any(|poll| poll.token == token) {
            return false;
        }
        // Left to the waiter, as its list is as the polls are.
        state.cancelled.push(token);
        let ring = state.least.take().is_some();
        drop(state);
        if ring {
            self.ring();
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
            let mut state = self.lock();
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
        self.add(|state| state.events.push(Event { token: STOP, res: 0 }), false);
        Ok(())
    }

    fn performed(&self, event: Event) {
        self.add(|state| state.events.push(event), false);
    }

    fn backend(&self) -> Backend {
        Backend::BlockingThreads
    }
}
