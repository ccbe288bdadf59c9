//! What a worker does that found nothing to do, and first when there is something again.

use std::time::Duration;

use crate::admission::Cached;
use crate::pipeline::Pipeline;
use crate::sync::Instant;

/// How long an idle worker sleeps before it asks a kernel again that had no request left.
pub(crate) const NAP_MIN: Duration = Duration::from_millis(1);

/// What a worker may do that found nothing to do.
pub(crate) enum Rest {
    /// There was something after all.
    LookAgain,
    /// Sleep until called.
    Sleep,
    /// Sleep, but ask the kernel again soon: jobs wait beside free slots because it had no request
    /// left, and a completion that would make somebody ask may be long in coming.
    Nap,
}

impl Pipeline {
    /// What a worker does when the channel is empty. If it may sleep, it is counted as idle.
    pub(crate) fn rest(&self, worker: usize) -> Rest {
        let mut state = self.admission.lock();
        let early = self.mind_deadlines(&mut state);
        if state.can_fill() {
            self.move_on(state, Cached::TakeOne);
            return Rest::LookAgain;
        }
        if early {
            return Rest::LookAgain;
        }
        self.sleepers.announce_idle(worker, state.next_deadline());
        let starved = state.is_starved();
        drop(state);
        if !self.parcels.is_empty() || self.sleepers.are_dismissed() {
            self.sleepers.cancel_idle(worker);
            // Called or not: who saw this worker idle may rely on its coming.
            self.arrive();
            Rest::LookAgain
        } else if starved {
            Rest::Nap
        } else {
            Rest::Sleep
        }
    }

    /// What a worker does first that was idle.
    pub(crate) fn arrive(&self) {
        let mut state = self.admission.lock();
        state.summoned = false;
        self.mind_deadlines(&mut state);
        if state.can_fill() {
            drop(state);
            // Filling may take its time, and what was sent may have been left to this worker, as it
            // was coming.
            self.call_for_sent(false);
            self.move_on(self.admission.lock(), Cached::TakeOne);
        } else if state.is_starved() {
            self.leave_asking();
        }
    }

    /// Leaves it to one of those that are idle, if there is one, to ask a kernel again that had no
    /// request left: who was to may be in a callback for long.
    pub(crate) fn leave_asking(&self) {
        self.sleepers.wake_by(Instant::now() + NAP_MIN);
    }

    /// Asks a kernel again that had no request left, although nothing has completed since.
    pub(crate) fn ask_again(&self) {
        let mut state = self.admission.lock();
        state.starved = false;
        // Nobody else has to come for what this finds.
        state.summoned = true;
        self.move_on(state, Cached::TakeOne);
        self.arrive();
    }
}
