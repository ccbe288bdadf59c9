//! One turn of an event loop's owner: takes what the doorbell counted, runs the callbacks, fills
//! slots.

use std::io;
use std::mem;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use crate::admission::Filler;
use crate::engine::Errno;
use crate::job::completed::Completed;
use crate::pipeline::Pipeline;
use crate::pipeline::callback::{end, end_one_early, run_limit};
use crate::pipeline::wakeups::doorbell::{Doorbell, First};
use crate::wait::worker_mark::Role;

/// Takes no more completed jobs than were counted, and no more than `most`, and runs their
/// callbacks. Returns how many ran.
pub(super) fn run(pipeline: &Pipeline, most: usize) -> io::Result<usize> {
    // This comes first, as a forked child shares the counter with its parent.
    if pipeline.is_forked() {
        return Err(forked());
    }
    let doorbell = pipeline.wakeups().owner().doorbell();
    doorbell.become_owner();
    // There can be a job in each slot, and one wake-up to fill slots. If more has been counted,
    // somebody else has written to the counter.
    let depth = pipeline.admission().limits().depth;
    let counted = doorbell.take()?.min(u64::from(depth) + 1);
    let mut books = pipeline.admission().lock();
    books.expire_overdue();
    if counted == 0 && books.ended_early() == 0 {
        let next = books.next_deadline();
        books.flags_mut().tell_deadline(next);
        return Ok(0);
    }
    let finished = books.tally().finished;
    drop(books);
    let mut turn = Turn { pipeline, doorbell, counted, since_fill: 0 };
    let mut result = Ok(());
    pipeline.with_role(Role::Worker, || result = turn.take(most));
    if pipeline.is_forked() {
        return Err(forked());
    }
    turn.fill(most);
    drop(turn);
    result?;
    let ran = pipeline.admission().lock().tally().finished - finished;
    Ok(usize::try_from(ran).unwrap_or(usize::MAX))
}

fn forked() -> io::Error {
    let message = "this process was forked from the one that made the dispatcher: make one here";
    io::Error::new(io::ErrorKind::Unsupported, message)
}

/// A turn. When it is dropped, the items that were counted and not taken are counted again.
struct Turn<'a> {
    pipeline: &'a Pipeline,
    doorbell: &'a Doorbell,
    /// How many items were counted and not taken.
    counted: u64,
    /// Callbacks since slots were last filled.
    since_fill: usize,
}

impl Turn<'_> {
    fn take(&mut self, most: usize) -> io::Result<()> {
        let first = self.doorbell.begin_turn();
        self.answer_wake_up();
        // Jobs that ended early come first in one turn and last in the next. As with kernel and
        // channel, which alternate, none keeps the others waiting by never running dry.
        let waiting = self.pipeline.admission().lock().ended_early().min(most);
        let ended = if first == First::Kernel { 0 } else { self.take_ended_early(waiting) };
        let mut most = most - ended;
        let allowed = usize::try_from(self.counted).unwrap_or(usize::MAX).min(most);
        self.counted -= allowed as u64;
        let mut left = allowed;
        let mut taken = Ok(());
        for source in first.then_the_other() {
            match source {
                First::Kernel => taken = self.take_from_kernel(&mut left),
                First::Channel => self.take_from_channel(&mut left),
            }
        }
        most -= allowed - left;
        if first == First::Kernel && !self.pipeline.is_forked() {
            self.take_ended_early(waiting.min(most));
        }
        match &taken {
            Err(_) => self.counted += left as u64,
            // There was less than had been counted: somebody else has written to the counter.
            Ok(()) if left > 0 => self.counted = 0,
            Ok(()) => {}
        }
        match taken {
            Err(Errno(errno)) if errno != libc::EINTR => Err(io::Error::from_raw_os_error(errno)),
            _ => Ok(()),
        }
    }

    /// Takes a wake-up to fill slots, or to ask the kernel again: the end of the turn does both.
    fn answer_wake_up(&mut self) {
        // If nothing has been counted, the wake-up has not been counted yet, either.
        if self.counted > 0 {
            let mut books = self.pipeline.admission().lock();
            if books.flags_mut().filler_arrives() {
                books.flags_mut().ask_kernel_again();
                self.counted -= 1;
            }
        }
    }

    /// Runs the callbacks of at most `most` jobs that ended early. Returns how many times it looked
    /// for one.
    fn take_ended_early(&mut self, most: usize) -> usize {
        for looked in 1..=most {
            end_one_early(self.pipeline);
            if self.pipeline.is_forked() {
                return looked - 1;
            }
        }
        most
    }

    fn take_from_channel(&mut self, left: &mut usize) {
        while *left > 0 && !self.pipeline.is_forked() {
            let Ok(completed) = self.pipeline.completed().try_recv() else { break };
            *left -= 1;
            if self.end(completed).is_break() {
                break;
            }
        }
    }

    fn take_from_kernel(&mut self, left: &mut usize) -> Result<(), Errno> {
        let launcher = self.pipeline.launcher();
        let (mut events, mut completed) = (Vec::new(), Vec::new());
        while *left > 0 && !self.pipeline.is_forked() {
            launcher.counters().reap_calls.fetch_add(1, Ordering::Relaxed);
            launcher.engine().take(&mut events, *left)?;
            if events.is_empty() {
                break;
            }
            *left -= events.len();
            launcher.counters().harvested(events.len());
            launcher.reaped(self.pipeline.admission(), &mut events, &mut completed);
            let mut completed = completed.drain(..);
            while let Some(job) = completed.next() {
                if self.end(job).is_break() {
                    // The other jobs are the parent's: nothing of theirs is dropped here.
                    completed.for_each(mem::forget);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Runs a job's callback. Breaks if that forked, and this is the child.
    #[inline(always)]
    fn end(&mut self, completed: Completed) -> ControlFlow<()> {
        if end(self.pipeline, completed).is_none() {
            return ControlFlow::Break(());
        }
        self.since_fill += 1;
        if self.since_fill >= run_limit(self.pipeline.admission().limits().depth, 1, 0) {
            self.since_fill = 0;
            self.pipeline.flush();
        }
        ControlFlow::Continue(())
    }

    /// Fills slots at the end of the turn. It looks into the page cache for no more reads than the
    /// user wanted callbacks.
    fn fill(&self, most: usize) {
        for _ in 0..most.max(1) {
            let books = self.pipeline.admission().lock();
            if !books.can_fill() {
                break;
            }
            self.pipeline.fill(books, Filler::BetweenCallbacks);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.pipeline.is_forked() {
            return;
        }
        let mut books = self.pipeline.admission().lock();
        self.doorbell.end_turn();
        let next = books.next_deadline();
        books.flags_mut().tell_deadline(next);
        if self.pipeline.wakeups().owner().is_needed(&books) {
            books.flags_mut().expect_filler();
            self.counted += 1;
        }
        drop(books);
        self.doorbell.put_back(self.counted);
    }
}
