//! One turn of an event loop's owner: takes what it was told of, runs the callbacks, fills slots.

use std::io;
use std::sync::atomic::Ordering;

use crate::admission::{Cached, State};
use crate::engine::token::index_of;
use crate::engine::{Errno, Event};
use crate::pipeline::doorbell::Doorbell;
use crate::pipeline::worker;
use crate::pipeline::{Completed, Pipeline};
use crate::sync::MutexGuard;

impl Pipeline {
    /// Takes no more completions than were counted, nor than `most`, and runs their callbacks. Returns
    /// how many ran.
    pub(super) fn turn(&self, doorbell: &Doorbell, most: usize) -> io::Result<usize> {
        // First: the counter is shared with the parent.
        if self.is_forked() {
            return Err(forked());
        }
        doorbell.own_here();
        // There is a job in each slot, and a call to fill slots, at most: what has been counted besides
        // was by somebody else.
        let told = doorbell.hear()?.min(u64::from(self.admission.limits().depth) + 1);
        let mut state = self.admission.lock();
        state.give_up_overdue();
        if told == 0 && !state.early.is_waiting() {
            state.tell_deadline();
            return Ok(0);
        }
        let finished = state.tally.finished;
        drop(state);
        let mut turn = Turn { pipeline: self, doorbell, told, since_fill: 0 };
        let mut result = Ok(());
        self.as_worker(|| result = turn.take(most));
        if self.is_forked() {
            return Err(forked());
        }
        turn.fill(most);
        drop(turn);
        result?;
        let ran = self.admission.lock().tally.finished - finished;
        Ok(usize::try_from(ran).unwrap_or(usize::MAX))
    }

    /// Calls the owner to fill slots if need be, as `summon` calls a worker.
    pub(crate) fn summon_owner(&self, doorbell: &Doorbell, mut state: MutexGuard<'_, State>) {
        let wanted = !doorbell.is_attended() && self.needs_owner(&state);
        state.summoned |= wanted;
        drop(state);
        if wanted {
            doorbell.tell(1);
        }
    }

    /// Whether the owner is to be called: for what waits beside free slots, for what ended without
    /// having been done, or to hear of an earlier deadline. If the kernel had no request left, it is
    /// enough that one is completed; but that of a poll may be long in coming.
    fn needs_owner(&self, state: &State) -> bool {
        let free = state.free_slots() + state.resumed();
        let occupied = self.admission.limits().depth as usize - free;
        let only_polls = || self.counters.polls() >= occupied as u64;
        let is_wanted = state.can_fill() || state.is_starved() && only_polls();
        let is_early = state.early.is_waiting() || state.has_earlier_deadline();
        !state.summoned && (is_wanted || is_early)
    }
}

fn forked() -> io::Error {
    let message = "this process was forked from the one that made the dispatcher: make one here";
    io::Error::new(io::ErrorKind::Unsupported, message)
}

/// When it is dropped, what was counted and not taken is counted again.
struct Turn<'a> {
    pipeline: &'a Pipeline,
    doorbell: &'a Doorbell,
    /// Counted and not taken.
    told: u64,
    /// Callbacks since slots were last filled.
    since_fill: usize,
}

impl Turn<'_> {
    fn take(&mut self, most: usize) -> io::Result<()> {
        let kernel_first = self.doorbell.begin_turn();
        self.answer_call();
        // Every other time last, for the same reason.
        let late = self.pipeline.admission.lock().early.len().min(most);
        let early = if kernel_first { 0 } else { self.take_early(late) };
        let mut most = most - early;
        let allowed = usize::try_from(self.told).unwrap_or(usize::MAX).min(most);
        self.told -= allowed as u64;
        let mut left = allowed;
        let mut taken = Ok(());
        for kernel in [kernel_first, !kernel_first] {
            if kernel {
                taken = self.take_from_kernel(&mut left);
            } else {
                self.take_from_channel(&mut left);
            }
        }
        most -= allowed - left;
        if kernel_first && !self.pipeline.is_forked() {
            self.take_early(late.min(most));
        }
        match &taken {
            Err(_) => self.told += left as u64,
            // There was no more: somebody else has written to the counter.
            Ok(()) if left > 0 => self.told = 0,
            Ok(()) => {}
        }
        match taken {
            Err(Errno(errno)) if errno != libc::EINTR => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(()),
        }
    }

    /// Takes the call to fill slots, if there was one: that is done at the end of every turn.
    fn answer_call(&mut self) {
        let mut state = self.pipeline.admission.lock();
        // If nothing has been counted, neither has the call, yet.
        if state.summoned && self.told > 0 {
            state.summoned = false;
            state.starved = false;
            self.told -= 1;
        }
    }

    /// Runs the callbacks of jobs that ended without having been done, and has late polls ended.
    /// Returns how often it has looked, `most` times at most.
    fn take_early(&mut self, most: usize) -> usize {
        let looks = |_: &usize| worker::end_early(self.pipeline);
        (0..most).take_while(looks).count()
    }

    fn take_from_channel(&mut self, left: &mut usize) {
        while *left > 0 && !self.pipeline.is_forked() {
            let Ok(completed) = self.pipeline.parcels.try_recv() else { break };
            *left -= 1;
            self.end(completed);
        }
    }

    fn take_from_kernel(&mut self, left: &mut usize) -> Result<(), Errno> {
        let mut events = Vec::new();
        while *left > 0 && !self.pipeline.is_forked() {
            self.pipeline.counters.reap_calls.fetch_add(1, Ordering::Relaxed);
            self.pipeline.engine.take(&mut events, *left)?;
            if events.is_empty() {
                break;
            }
            *left -= events.len();
            self.pipeline.counters.harvested(events.len());
            for event in events.drain(..) {
                self.complete(event);
                if self.pipeline.is_forked() {
                    // The callback forked, and this is the child: the others are the parent's.
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn complete(&mut self, event: Event) {
        match self.pipeline.slots.take(event.token) {
            Some(job) => {
                self.pipeline.counters.polled(&job);
                self.end(Completed { index: index_of(event.token) as u32, res: event.res, job });
            }
            None => self.pipeline.counters.strayed(),
        }
    }

    /// Runs a callback. What many of them submit isn't kept from the device until all have run.
    fn end(&mut self, completed: Completed) {
        worker::end(self.pipeline, completed);
        self.since_fill += 1;
        if self.since_fill >= worker::run_limit(self.pipeline.admission.limits().depth, 1, 0)
            && !self.pipeline.is_forked()
        {
            self.since_fill = 0;
            self.pipeline.flush();
        }
    }

    /// Fills slots, and looks into the page cache for as many reads as there may be callbacks.
    fn fill(&self, most: usize) {
        for _ in 0..most.max(1) {
            let state = self.pipeline.admission.lock();
            if !state.can_fill() {
                break;
            }
            self.pipeline.move_on(state, Cached::TakeOne);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.pipeline.is_forked() {
            return;
        }
        let mut state = self.pipeline.admission.lock();
        self.doorbell.end_turn();
        state.tell_deadline();
        if self.pipeline.needs_owner(&state) {
            state.summoned = true;
            self.told += 1;
        }
        drop(state);
        self.doorbell.put_back(self.told);
    }
}
