//! A worker: takes jobs from the channel, runs callbacks, keeps the books, fills slots.

use crate::lock::ThreadId;
use crate::parameters::{CALL, Cost, FILL, FINISH, FINISH_MORE, LOOK, PARK, PARK_MORE};
use crate::setup::Booking;
use crate::shared::{Job, Shared};
use crate::simulation::{Step, Thread};

pub(crate) struct Worker {
    id: ThreadId,
    next: Next,
    job: Option<Job>,
    /// When the run began, how many callbacks it has had, and after how many it ends.
    run: Option<(f64, usize, usize)>,
    fills_now: bool,
    /// Jobs that ended and are to be finished, and how many are to be parked for them.
    ended: Vec<Job>,
    batch: Vec<Job>,
}

/// What comes next, or has just been done under the lock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Take,
    Called,
    Submitted,
    Woken,
    // These are done under the lock.
    Park,
    Finish,
    Fill,
    Look,
    Arrive,
}

impl Worker {
    pub(crate) fn new(id: ThreadId) -> Self {
        let (job, run, next) = (None, None, Next::Take);
        Self { id, next, job, run, fills_now: false, ended: Vec::new(), batch: Vec::new() }
    }

    fn lock(&mut self, next: Next) -> Step {
        self.next = next;
        Step::Lock
    }

    fn work(&mut self, next: Next, time: f64) -> Step {
        self.next = next;
        Step::Work(time)
    }

    fn take(&mut self, shared: &mut Shared) -> Step {
        let Some(job) = shared.channel.pop_front() else {
            self.end_run(shared);
            return self.lock(Next::Look);
        };
        self.job = Some(job);
        let limit = shared.run_limit();
        self.run.get_or_insert((shared.now, 0, limit));
        let callback = shared.setup.callback;
        shared.in_callbacks += callback;
        self.work(Next::Called, callback + CALL.time(shared.setup.line))
    }

    fn called(&mut self, shared: &mut Shared) -> Step {
        let parks = shared.setup.submitters == 0 && shared.started < shared.setup.jobs;
        match shared.setup.booking {
            Booking::Each | Booking::FinishTogether if parks => self.lock(Next::Park),
            Booking::Each => self.lock(Next::Finish),
            _ => self.put_off(shared),
        }
    }

    /// Leaves the end of a job to the end of the run.
    fn put_off(&mut self, shared: &mut Shared) -> Step {
        self.ended.extend(self.job.take());
        self.fills_now = shared.may_fill_now();
        self.finished(shared)
    }

    fn finished(&mut self, shared: &mut Shared) -> Step {
        let (_, callbacks, limit) = self.run.as_mut().unwrap();
        *callbacks += 1;
        if *callbacks >= *limit || std::mem::take(&mut self.fills_now) {
            self.end_run(shared);
            return self.lock(Next::Fill);
        }
        self.take(shared)
    }

    fn end_run(&mut self, shared: &mut Shared) {
        let Some((since, callbacks, _)) = self.run.take() else { return };
        shared.record(shared.now - since, callbacks);
        if !shared.is_quick() {
            shared.wake(shared.unclaimed());
        }
    }

    fn submit(&mut self, shared: &mut Shared) -> Step {
        let time = shared.setup.submission(self.batch.len());
        shared.in_submit += time;
        self.work(Next::Submitted, time)
    }

    fn looked(&mut self, shared: &mut Shared) -> Step {
        let Some(place) = shared.idle.iter().position(|&other| other == self.id) else {
            // It has been woken already.
            shared.coming -= 1;
            return self.lock(Next::Arrive);
        };
        if !shared.channel.is_empty() {
            shared.idle.remove(place);
            return self.lock(Next::Arrive);
        }
        self.next = Next::Woken;
        Step::Sleep
    }

    /// Finishes and parks what the run has left.
    fn book(&mut self, shared: &mut Shared) -> Cost {
        let ended = std::mem::take(&mut self.ended);
        let more = ended.len().saturating_sub(1);
        let mut cost = Cost { instructions: 0.0, lines: 0.0 };
        if !ended.is_empty() {
            cost = cost.and(FINISH).and(FINISH_MORE.times(more));
            if shared.setup.booking == Booking::AllTogether {
                cost = cost.and(PARK).and(PARK_MORE.times(more));
            }
        }
        for job in ended {
            if shared.setup.booking == Booking::AllTogether && shared.setup.submitters == 0 {
                shared.accept(None);
            }
            shared.finish(job);
        }
        cost
    }

    fn fill(&mut self, shared: &mut Shared) -> Cost {
        self.batch = shared.fill();
        shared.refills += 1;
        FILL.and(shared.setup.fill_job().times(self.batch.len()))
    }
}

impl Thread for Worker {
    fn step(&mut self, shared: &mut Shared) -> Step {
        match self.next {
            Next::Take => self.take(shared),
            Next::Called => self.called(shared),
            Next::Park if shared.setup.booking == Booking::Each => self.lock(Next::Finish),
            Next::Park => self.put_off(shared),
            Next::Finish => self.finished(shared),
            Next::Fill | Next::Arrive if self.batch.is_empty() => self.take(shared),
            Next::Fill | Next::Arrive => self.submit(shared),
            Next::Submitted => {
                shared.submit(std::mem::take(&mut self.batch));
                self.take(shared)
            }
            Next::Look if !self.batch.is_empty() => self.submit(shared),
            Next::Look => self.looked(shared),
            Next::Woken => {
                shared.coming -= 1;
                self.lock(Next::Arrive)
            }
        }
    }

    fn under_lock(&mut self, shared: &mut Shared) -> Cost {
        match self.next {
            Next::Park => {
                shared.accept(None);
                if shared.fills_now() {
                    shared.wake_filler();
                }
                PARK
            }
            Next::Finish => {
                shared.finish(self.job.take().unwrap());
                self.fills_now = shared.fills_now();
                FINISH
            }
            Next::Fill => {
                let booked = self.book(shared);
                self.fill(shared).and(booked)
            }
            Next::Look => {
                let booked = self.book(shared);
                if shared.can_fill() {
                    return self.fill(shared).and(booked);
                }
                shared.idle.push(self.id);
                LOOK.and(booked)
            }
            Next::Arrive => {
                shared.filler_coming = false;
                if shared.can_fill() { self.fill(shared) } else { LOOK }
            }
            _ => unreachable!("nothing else is done under the lock"),
        }
    }
}
