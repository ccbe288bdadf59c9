//! A thread outside: submits a batch of its jobs when half of them have come back.

use crate::lock::ThreadId;
use crate::parameters::{ACCEPT, ACCEPT_JOB, Cost, FILL, MAKE};
use crate::setup::BATCH;
use crate::shared::{Job, Shared};
use crate::simulation::{Step, Thread};

pub(crate) struct Submitter {
    id: ThreadId,
    next: Next,
    /// How many jobs it has at hand, and how many of these it submits.
    at_hand: Option<usize>,
    made: usize,
    batch: Vec<Job>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Make,
    Accept,
    Accepted,
    Submitted,
}

impl Submitter {
    pub(crate) fn new(id: ThreadId) -> Self {
        Self { id, next: Next::Make, at_hand: None, made: 0, batch: Vec::new() }
    }

    fn make(&mut self, shared: &mut Shared) -> Step {
        let own = shared.setup.own();
        let at_hand = self.at_hand.get_or_insert(own);
        if *at_hand == 0 {
            if shared.returned[self.id] < own.div_ceil(2) {
                shared.submitter_sleeps[self.id] = true;
                return Step::Sleep;
            }
            *at_hand = std::mem::take(&mut shared.returned[self.id]);
        }
        self.made = BATCH.min(*at_hand);
        *at_hand -= self.made;
        self.next = Next::Accept;
        Step::Work(MAKE.times(self.made).time(shared.setup.line))
    }
}

impl Thread for Submitter {
    fn step(&mut self, shared: &mut Shared) -> Step {
        match self.next {
            Next::Make => self.make(shared),
            Next::Accept => {
                self.next = Next::Accepted;
                Step::Lock
            }
            Next::Accepted if self.batch.is_empty() => {
                self.next = Next::Make;
                self.make(shared)
            }
            Next::Accepted => {
                self.next = Next::Submitted;
                Step::Work(shared.setup.submission(self.batch.len()))
            }
            Next::Submitted => {
                shared.submit(std::mem::take(&mut self.batch));
                self.next = Next::Make;
                self.make(shared)
            }
        }
    }

    fn under_lock(&mut self, shared: &mut Shared) -> Cost {
        for _ in 0..self.made {
            shared.accept(Some(self.id));
        }
        self.batch = shared.fill();
        let filled = shared.setup.fill_job().times(self.batch.len());
        ACCEPT.and(ACCEPT_JOB.times(self.made)).and(FILL).and(filled)
    }
}
