//! A dispatcher, or an event loop that the test itself gives its turns.

use reapool::{Job, LoopDispatcher, Refusal, Stats, Submitter};

use super::program::{How, Program};
use crate::support::event_loop::wait_readable;
use crate::support::{HANG, Tended, builder};

pub(crate) enum Owner {
    Threads(Tended),
    Loop(LoopDispatcher),
}

impl Owner {
    pub(crate) fn new(program: &Program, event_loop: bool) -> Self {
        let builder = builder().depth(program.depth).backlog(program.backlog);
        if event_loop {
            Self::Loop(builder.build_loop().unwrap())
        } else {
            Self::Threads(Tended::new(builder.workers(program.workers).blocking_threads(2)))
        }
    }

    pub(crate) fn submitter(&self) -> Submitter {
        match self {
            Self::Threads(dispatcher) => dispatcher.submitter(),
            Self::Loop(jobs) => jobs.submitter(),
        }
    }

    pub(crate) fn submit(&mut self, how: How, mut jobs: Vec<Job>) {
        match self {
            Self::Threads(dispatcher) => submit(&dispatcher.submitter(), how, jobs),
            Self::Loop(dispatcher) => {
                while let Err(error) = dispatcher.try_submit_batch(jobs) {
                    assert_eq!(error.kind(), Refusal::Full);
                    jobs = error.into_inner();
                    take_turn(dispatcher);
                }
            }
        }
    }

    /// Has everything end.
    pub(crate) fn drain(&mut self) -> Stats {
        match self {
            Self::Threads(dispatcher) => {
                dispatcher.quiesce();
                dispatcher.stats()
            }
            Self::Loop(dispatcher) => {
                while dispatcher.stats().outstanding > 0 {
                    take_turn(dispatcher);
                }
                dispatcher.stats()
            }
        }
    }
}

/// Waits until the loop is to be given a turn, and gives it one.
fn take_turn(dispatcher: &mut LoopDispatcher) {
    wait_readable(dispatcher);
    dispatcher.run(3).unwrap();
}

fn submit(submitter: &Submitter, how: How, jobs: Vec<Job>) {
    match how {
        How::Batch => submitter.submit_batch(jobs).unwrap(),
        How::Single => jobs.into_iter().for_each(|job| submitter.submit(job).unwrap()),
        How::Spawn => {
            let handles: Vec<_> =
                jobs.into_iter().map(|job| submitter.spawn(job).unwrap()).collect();
            for handle in handles {
                handle.join_timeout(HANG).unwrap();
            }
        }
        How::Async => {
            let submit = |job| futures::executor::block_on(submitter.submit_async(job));
            jobs.into_iter().for_each(|job| submit(job).unwrap());
        }
    }
}
