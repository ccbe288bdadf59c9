//! The reaper: waits for completions, takes the jobs out of their slots, sends them, wakes workers.

use std::collections::VecDeque;

use crate::parameters::{
    COALESCE, Cost, EVENT, EVENTS_MAX, HARVEST_MAX, LOOK, PATIENCE, REAP, REAP_JOB, SEND,
    SYSTEM_CALL,
};
use crate::shared::{Job, Shared};
use crate::simulation::{Step, Thread};

pub(crate) struct Reaper {
    next: Next,
    /// The most completions that it waits for, and how many it waits for now.
    most: usize,
    asked: usize,
    harvest: VecDeque<Job>,
    unserved: Option<Unserved>,
    /// What it saw when it last looked after the workers, and when.
    seen: Option<(Unserved, f64)>,
}

/// What is left to workers that are awake, while others are idle.
#[derive(Clone, Copy)]
struct Unserved {
    completed: usize,
    can_fill: bool,
    finished: usize,
    refills: u64,
}

/// What comes next, or has just been done under the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Back,
    Harvested,
    Sent,
    // These are done under the lock.
    Reap,
    Watched,
    Watch,
}

impl Reaper {
    pub(crate) fn new() -> Self {
        let (next, harvest) = (Next::Sent, VecDeque::new());
        Self { next, most: HARVEST_MAX, asked: 1, harvest, unserved: None, seen: None }
    }

    fn lock(&mut self, next: Next) -> Step {
        self.next = next;
        Step::Lock
    }

    fn work(shared: &Shared, time: f64) -> Step {
        Step::Work(time / shared.setup.reapers as f64)
    }

    /// How many completions are worth waiting for (`Coalescing::least`).
    fn least(&self, shared: &Shared) -> usize {
        let in_flight = shared.device.in_flight + shared.device.ready.len();
        (in_flight / 2).max((shared.channel.len() / 4).min(in_flight)).clamp(1, self.most)
    }

    fn wait(&mut self, shared: &mut Shared) -> Step {
        self.asked = self.least(shared);
        if shared.device.ready.len() >= self.asked {
            return self.harvest(shared);
        }
        shared.device.wanted = Some(self.asked);
        self.next = Next::Back;
        match (self.unserved.is_some(), self.asked) {
            (false, 1) => Step::Sleep,
            (true, _) => Step::SleepFor(PATIENCE),
            (false, _) => Step::SleepFor(COALESCE),
        }
    }

    fn harvest(&mut self, shared: &mut Shared) -> Step {
        shared.device.wanted = None;
        let count = shared.device.ready.len().min(EVENTS_MAX);
        self.harvest.extend(shared.device.ready.drain(..count));
        if self.asked > 1 || count > 0 {
            let most = if count >= self.asked { self.most * 2 } else { count };
            self.most = most.clamp(1, HARVEST_MAX);
        }
        self.next = Next::Harvested;
        Self::work(shared, SYSTEM_CALL + EVENT * count as f64)
    }

    fn send(&mut self, shared: &mut Shared) -> Step {
        if !self.harvest.is_empty() {
            self.next = Next::Sent;
            return Self::work(shared, SEND.time(shared.setup.line));
        }
        if shared.is_quick() {
            return self.lock(Next::Watched);
        }
        shared.wake(shared.unclaimed());
        self.lock(Next::Watch)
    }

    /// Wakes idle workers if those that are awake don't get on (`Watch::goes_on`).
    fn help(&mut self, shared: &mut Shared) -> Step {
        let Some(unserved) = self.unserved else {
            self.seen = None;
            return self.wait(shared);
        };
        let (before, since) = *self.seen.get_or_insert((unserved, shared.now));
        let elapsed = shared.now - since;
        let mut missing = 0;
        if elapsed >= PATIENCE {
            self.seen = Some((unserved, shared.now));
            missing = helpers(&unserved, &before, elapsed);
        }
        if !shared.is_quick() {
            missing = unserved.completed.max(usize::from(unserved.can_fill));
        }
        shared.wake(missing);
        self.wait(shared)
    }
}

/// How many more workers it takes for the rest to be done in another `PATIENCE`.
fn helpers(unserved: &Unserved, before: &Unserved, elapsed: f64) -> usize {
    let stuck = usize::from(unserved.can_fill && unserved.refills == before.refills);
    let finished = unserved.finished - before.finished;
    if finished == 0 {
        return unserved.completed.max(stuck);
    }
    let time = elapsed / finished as f64 * unserved.completed as f64;
    ((time / PATIENCE) as usize).min(unserved.completed).max(stuck)
}

impl Thread for Reaper {
    fn step(&mut self, shared: &mut Shared) -> Step {
        match self.next {
            Next::Back => self.harvest(shared),
            Next::Harvested if self.harvest.is_empty() => self.lock(Next::Watch),
            Next::Harvested => self.lock(Next::Reap),
            Next::Reap => self.send(shared),
            Next::Sent => {
                shared.channel.extend(self.harvest.pop_front());
                self.send(shared)
            }
            Next::Watched => {
                shared.wake(shared.missing());
                self.lock(Next::Watch)
            }
            Next::Watch => self.help(shared),
        }
    }

    fn under_lock(&mut self, shared: &mut Shared) -> Cost {
        match self.next {
            Next::Reap => REAP.and(REAP_JOB.times(self.harvest.len())),
            Next::Watched => {
                shared.watched = shared.channel.len() > 1;
                LOOK
            }
            _ => {
                let unserved = Unserved {
                    completed: shared.unclaimed(),
                    can_fill: shared.can_fill(),
                    finished: shared.ended,
                    refills: shared.refills,
                };
                let is_some = unserved.can_fill || unserved.completed > 0;
                shared.watched = is_some && !shared.idle.is_empty();
                self.unserved = shared.watched.then_some(unserved);
                LOOK
            }
        }
    }
}
