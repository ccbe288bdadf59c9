//! Runs the threads of one dispatcher, each on a core of its own, event by event.

use crate::events::{Event, Events};
use crate::lock::{Answer, GivenUp, Lock, ThreadId};
use crate::outcome::Outcome;
use crate::parameters::{Cost, LOCK, WAKE, WAKE_LATENCY};
use crate::reaper::Reaper;
use crate::setup::Setup;
use crate::shared::Shared;
use crate::submitter::Submitter;
use crate::worker::Worker;

/// What a thread does next.
pub(crate) enum Step {
    /// Works by itself for so long.
    Work(f64),
    /// Takes the lock of the books.
    Lock,
    Sleep,
    /// Sleeps until woken, or for so long.
    SleepFor(f64),
}

/// A thread. Between two steps it is in the middle of one.
pub(crate) trait Thread {
    /// The next step, as the one before is done.
    fn step(&mut self, shared: &mut Shared) -> Step;

    /// What it does under the lock.
    fn under_lock(&mut self, shared: &mut Shared) -> Cost;
}

/// Where a thread is, and since when.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Working,
    /// It wants the lock, or has it.
    Waiting(f64),
    Asleep(f64),
}

struct Slot {
    thread: Box<dyn Thread>,
    place: Place,
    /// Tells the time limits of its sleeps apart.
    sleeps: u64,
    waited: f64,
    slept: f64,
}

pub(crate) struct Simulation {
    shared: Shared,
    slots: Vec<Slot>,
    lock: Lock,
    held: f64,
    events: Events,
}

impl Simulation {
    pub(crate) fn run(setup: Setup) -> Outcome {
        let mut threads: Vec<Box<dyn Thread>> = vec![Box::new(Reaper::new())];
        threads.extend((1..=setup.workers).map(|id| Box::new(Worker::new(id)) as Box<dyn Thread>));
        let first = setup.workers + 1;
        let outside = first..first + setup.submitters;
        threads.extend(outside.map(|id| Box::new(Submitter::new(id)) as Box<dyn Thread>));
        let slots = threads.into_iter().map(Slot::new).collect();
        let (shared, lock, events) = (Shared::new(setup), Lock::default(), Events::default());
        let mut simulation = Self { shared, slots, lock, held: 0.0, events };
        if setup.submitters == 0 {
            (0..setup.depth).for_each(|_| _ = simulation.shared.accept(None));
        }
        for id in 0..simulation.slots.len() {
            simulation.at(0.0, Event::Step(id));
        }
        simulation.go_on()
    }

    fn at(&mut self, time: f64, event: Event) {
        self.events.add(time, event);
    }

    fn go_on(mut self) -> Outcome {
        let mut integral = 0.0;
        while self.shared.ended < self.shared.setup.jobs {
            let (time, event) = self.events.next().expect("nobody goes on: a job is lost");
            integral += (self.shared.started - self.shared.ended) as f64 * (time - self.shared.now);
            self.shared.now = time;
            match event {
                Event::Step(id) => self.step(id),
                Event::Limit(id, sleep) if self.slots[id].sleeps_still(sleep) => self.step(id),
                Event::Limit(..) => {}
                Event::SpunEnough(ticket) => _ = self.lock.give_up_spinning(ticket),
                Event::Wants(id, woken) => self.want(id, woken),
                Event::GivesUp(id) => self.give_up(id),
                Event::Completed(job) => {
                    if self.shared.device.complete(job) {
                        self.shared.woken.push(0);
                        self.wake_all();
                    }
                }
            }
        }
        self.outcome(integral)
    }

    fn step(&mut self, id: ThreadId) {
        let now = self.shared.now;
        let slot = &mut self.slots[id];
        match std::mem::replace(&mut slot.place, Place::Working) {
            Place::Working => {}
            Place::Waiting(since) => slot.waited += now - since,
            Place::Asleep(since) => slot.slept += now - since,
        }
        slot.sleeps += 1;
        let step = slot.thread.step(&mut self.shared);
        let later = self.wake_all();
        self.begin_requests();
        let slot = &mut self.slots[id];
        match step {
            Step::Work(time) => self.at(now + time + later, Event::Step(id)),
            // Waking others comes first.
            Step::Lock if later > 0.0 => {
                slot.place = Place::Waiting(now + later);
                self.at(now + later, Event::Wants(id, false));
            }
            Step::Lock => {
                slot.place = Place::Waiting(now);
                self.want(id, false);
            }
            Step::Sleep => slot.place = Place::Asleep(now),
            Step::SleepFor(time) => {
                slot.place = Place::Asleep(now);
                let sleeps = slot.sleeps;
                self.at(now + time, Event::Limit(id, sleeps));
            }
        }
    }

    /// Has the threads come that were just woken. Returns how long waking them took.
    fn wake_all(&mut self) -> f64 {
        let woken = std::mem::take(&mut self.shared.woken);
        for (count, &id) in (1..).zip(&woken) {
            let time = self.shared.now + WAKE * f64::from(count) + WAKE_LATENCY;
            let sleeps = self.slots[id].sleeps;
            self.at(time, Event::Limit(id, sleeps));
        }
        WAKE * woken.len() as f64
    }

    fn begin_requests(&mut self) {
        for (end, job) in std::mem::take(&mut self.shared.begun) {
            self.at(end, Event::Completed(job));
        }
    }

    fn want(&mut self, id: ThreadId, woken: bool) {
        match self.lock.want(id, woken) {
            Answer::Has => self.hold(id),
            Answer::Spins(ticket) => {
                self.at(self.shared.now + self.shared.setup.spin, Event::SpunEnough(ticket));
            }
            Answer::Sleeps => {}
        }
    }

    /// The thread has the lock now.
    fn hold(&mut self, id: ThreadId) {
        let slot = &mut self.slots[id];
        if let Place::Waiting(since) = slot.place {
            slot.waited += self.shared.now - since;
        }
        slot.place = Place::Working;
        let line = if self.lock.comes_from_elsewhere(id) { self.shared.setup.line } else { 0.0 };
        let time = LOCK + slot.thread.under_lock(&mut self.shared).time(line);
        self.held += time;
        self.at(self.shared.now + time, Event::GivesUp(id));
    }

    fn give_up(&mut self, id: ThreadId) {
        let now = self.shared.now;
        let GivenUp { next, woken } = self.lock.give_up();
        if let Some(next) = next {
            self.hold(next);
        }
        let mut later = 0.0;
        if let Some(woken) = woken {
            later = WAKE;
            self.at(now + WAKE + WAKE_LATENCY, Event::Wants(woken, true));
        }
        // Those that `under_lock` woke are woken by the same thread.
        later += self.wake_all();
        self.at(now + later, Event::Step(id));
    }

    fn outcome(self, integral: f64) -> Outcome {
        let Self { shared, slots, lock, held, .. } = self;
        let (setup, now) = (shared.setup, shared.now);
        let (from, to) = (setup.jobs / 5, setup.jobs / 5 * 4);
        let rate = (to - from) as f64 / (shared.ends[to] - shared.ends[from]) * 1e9;
        let workers = &slots[1..=setup.workers];
        let all = now * workers.len() as f64;
        let until_now = |slot: &Slot| match slot.place {
            Place::Asleep(since) => slot.slept + now - since,
            _ => slot.slept,
        };
        let on_core = |slot: &Slot| now - until_now(slot) - slot.waited;
        let cpu = slots.iter().map(on_core).sum::<f64>() / 1000.0 / setup.jobs as f64;
        let waited: f64 = workers.iter().map(|slot| slot.waited).sum();
        let asleep: f64 = workers.iter().map(until_now).sum();
        Outcome {
            setup,
            rate,
            lock: held / now,
            reaper: 1.0 - until_now(&slots[0]) / now,
            callbacks: shared.in_callbacks / all,
            in_submit: shared.in_submit / all,
            waiting: waited / all,
            asleep: asleep / all,
            cpu,
            taken: lock.taken as f64 / setup.jobs as f64,
            slept_for_lock: lock.slept as f64 / setup.jobs as f64,
            ended: shared.ended,
            integral,
            sojourns: shared.outstanding_time,
        }
    }
}

impl Slot {
    fn new(thread: Box<dyn Thread>) -> Self {
        Self { thread, place: Place::Working, sleeps: 0, waited: 0.0, slept: 0.0 }
    }

    /// Whether it is in this sleep. A thread that was woken before it slept knows that.
    fn sleeps_still(&self, sleep: u64) -> bool {
        self.sleeps == sleep && matches!(self.place, Place::Asleep(_))
    }
}
