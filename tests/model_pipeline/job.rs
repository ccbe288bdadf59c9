//! Jobs, and what belongs to them, as far as the books have to know.

use std::sync::Arc;

use task::{Brief, Route};

use crate::pipeline::Pipeline;

type Callback = Box<dyn FnOnce(&Arc<Pipeline>) + Send>;

/// A job with its callback.
pub(crate) struct Job {
    route: Route,
    callback: Callback,
    pub(crate) posted: bool,
    pub(crate) stopped: Option<early::Reason>,
}

impl Job {
    pub(crate) fn nop(callback: impl FnOnce(&Arc<Pipeline>) + Send + 'static) -> Self {
        let callback = Box::new(callback);
        Self { route: Route::Worker, callback, posted: false, stopped: None }
    }

    /// A read that finds all in the page cache.
    pub(crate) fn cached(callback: impl FnOnce(&Arc<Pipeline>) + Send + 'static) -> Self {
        Self { route: Route::Cache, ..Self::nop(callback) }
    }

    pub(crate) fn run(self, pipeline: &Arc<Pipeline>) {
        (self.callback)(pipeline);
    }

    pub(crate) fn brief(&self) -> Brief {
        let transfer = task::Transfer { operation: completion::Operation::Nop };
        Brief { transfer, buffered: self.route == Route::Cache, route: self.route }
    }

    pub(crate) fn is_poll(&self) -> bool {
        false
    }

    pub(crate) fn start_clock(&mut self) {}
}

pub(crate) mod task {
    use super::completion::Operation;

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Brief {
        pub(crate) transfer: Transfer,
        pub(crate) buffered: bool,
        pub(crate) route: Route,
    }

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Transfer {
        pub(crate) operation: Operation,
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) enum Route {
        Cache,
        Worker,
    }
}

pub(crate) mod completion {
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) enum Operation {
        Nop,
        Blocking,
        Poll,
    }
}

pub(crate) mod batch {
    use super::task::{Brief, Route};

    /// Tokens, by where their jobs go.
    #[derive(Default)]
    pub(crate) struct Batch {
        pub(crate) ready: Vec<u64>,
        pub(crate) look: Option<u64>,
    }

    impl Batch {
        pub(crate) fn push(&mut self, token: u64, brief: &Brief) {
            match brief.route {
                Route::Worker => self.ready.push(token),
                Route::Cache => self.look = Some(token),
            }
        }
    }
}

pub(crate) mod error {
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub(crate) enum SubmitErrorKind {
        Full,
        ShutDown,
        TimedOut,
    }
}

pub(crate) mod event_loop {
    /// There is none here.
    pub(crate) enum Teller {}

    impl Teller {
        pub(crate) fn is_attended(&self) -> bool {
            match *self {}
        }
    }
}

/// No job here ends without having been done, and none has a deadline.
pub(crate) mod early {
    use super::Job;
    use crate::admission::State;
    use crate::model::sync::Instant;

    #[derive(Clone, Copy, Debug)]
    pub(crate) enum Reason {
        Withdrawn,
        TimedOut,
    }

    #[derive(Default)]
    pub(crate) struct Early(());

    impl Early {
        pub(crate) fn push(&mut self, _job: Job, _why: Reason) {}

        pub(crate) fn poll_begins(&mut self, _job: &Job, _index: u32) {}

        pub(crate) fn poll_ends(&mut self, _job: &Job, _index: u32) {}
    }

    impl State {
        pub(crate) fn give_up_overdue(&mut self) {}

        pub(crate) fn next_deadline(&self) -> Option<Instant> {
            None
        }
    }
}

pub(crate) mod waiting {
    use std::collections::VecDeque;

    use super::Job;

    /// Only under the lock, so its order is all that counts.
    #[derive(Default)]
    pub(crate) struct Waiting(VecDeque<Job>);

    impl Waiting {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        pub(crate) fn len(&self) -> usize {
            self.0.len()
        }

        pub(crate) fn is_empty(&self) -> bool {
            self.0.is_empty()
        }

        pub(crate) fn front(&self) -> Option<&Job> {
            self.0.front()
        }

        pub(crate) fn push_back(&mut self, job: Job) {
            self.0.push_back(job);
        }

        pub(crate) fn push_front(&mut self, job: Job) {
            self.0.push_front(job);
        }

        pub(crate) fn pop_front(&mut self) -> Option<Job> {
            self.0.pop_front()
        }
    }
}
