//! Who is woken, when, and for what.
//!
//! Waking a thread costs more than most callbacks, so as long as these are quick, what could be done
//! by an idle worker is left to the ones that are awake: the reaper watches, and calls others if
//! they don't get on. If callbacks are slow, an idle worker is called at once.

use crate::admission::State;
use crate::pipeline::Pipeline;
use crate::sync::MutexGuard;

/// What idle workers could do and nobody was called for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// Jobs on the channel that nobody is coming for.
    pub(crate) waiting: usize,
    /// Whether jobs wait beside free slots.
    pub(crate) can_fill: bool,
    /// How many jobs have ended, and how often workers have filled slots, so far.
    pub(crate) finished: u64,
    pub(crate) refills: u64,
}

impl Pipeline {
    /// Whether jobs wait beside free slots that an idle worker could submit, and that are not to wait
    /// for the callbacks that others are running. They may if callbacks are quick, and the reaper
    /// watches over those that turn out not to be.
    pub(crate) fn owes_others(&self, state: &State) -> bool {
        if let Some(doorbell) = &self.doorbell {
            return !doorbell.is_attended() && state.can_fill();
        }
        let deferred = state.watched && self.pace.is_quick();
        !deferred && state.can_fill() && self.sleepers.idle() > 0
    }

    /// Calls as many idle workers as the jobs on the channel are worth: at least one, if nobody is
    /// awake. What the reaper does after it has sent some; next it calls [`watch`](Self::watch).
    pub(crate) fn rouse(&self) {
        if !self.pace.is_quick() {
            self.call_for_waiting();
            return;
        }
        self.admission.lock().watched = self.parcels.len() > 1;
        self.call_idle(self.missing());
    }

    /// Calls an idle worker for each job on the channel that nobody is coming for.
    pub(crate) fn call_for_waiting(&self) {
        self.call_idle(self.waiting());
    }

    /// Calls idle workers for what the calling thread has sent, which is not the reaper and so doesn't
    /// look after it. It may be a worker that takes one itself.
    pub(crate) fn call_for_sent(&self, takes_one: bool) {
        // Looked at after the sending: as long as it watches, the reaper looks again.
        if self.pace.is_quick() && self.admission.lock().watched {
            self.call_idle(self.missing());
        } else {
            self.call_idle(self.waiting().saturating_sub(usize::from(takes_one)));
        }
    }

    /// How many more workers should be awake for what is on the channel, if callbacks are quick.
    fn missing(&self) -> usize {
        let waiting = self.parcels.len();
        let wanted = self.pace.workers_for(waiting).max(1);
        wanted.saturating_sub(self.sleepers.awake()).min(waiting)
    }

    /// Calls so many workers, or all that are idle.
    pub(crate) fn call_idle(&self, count: usize) {
        let called = |_: &usize| self.sleepers.wake_one();
        (0..count).take_while(called).count();
    }

    /// How many jobs are on the channel that nobody is coming for.
    fn waiting(&self) -> usize {
        // In this order: who is called in between comes for what is sent in between, or for more.
        let coming = self.sleepers.coming();
        self.parcels.len().saturating_sub(coming)
    }

    /// What there is that an idle worker could do and nobody was called for, as it is left to the
    /// callbacks that are running now to end soon. From then on, until there is nothing, callbacks
    /// may leave what they submit to the end of the run.
    pub(crate) fn watch(&self) -> Option<Left> {
        let mut state = self.admission.lock();
        let left = Left {
            waiting: self.waiting(),
            can_fill: state.can_fill(),
            finished: state.tally.finished,
            refills: state.refills,
        };
        state.watched = (left.can_fill || left.waiting > 0) && self.sleepers.idle() > 0;
        state.watched.then_some(left)
    }

    /// From now on callbacks leave nothing.
    pub(crate) fn stop_watching(&self) {
        self.admission.lock().watched = false;
        self.call_for_waiting();
    }

    /// Calls an idle worker to fill slots, or to ask a starved kernel again, unless one is coming. If
    /// none is idle any more when the lock has been given up, whoever was will look by itself.
    pub(crate) fn summon(&self, mut state: MutexGuard<'_, State>) {
        if let Some(doorbell) = &self.doorbell {
            return self.summon_owner(doorbell, state);
        }
        let needed = state.can_fill() || state.is_starved();
        let wanted = needed && self.sleepers.idle() > 0 && !state.summoned;
        state.summoned |= wanted;
        drop(state);
        if wanted {
            self.sleepers.wake_one();
        }
    }
}
