//! Makes jobs from a program's plans.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::extent::{Extent, written};
use super::ledger::Seen;
use super::plan::{JobDeadline, Op, Plan};
use super::world::World;
use crate::engine::operation::Operation;
use crate::job::Job;
use crate::job::completion::Completion;
use crate::{Dispatcher, PollEvents, Ranged};

/// Longer than any test runs.
const LATER: Duration = Duration::from_secs(3600);
/// The bytes of a buffer before something is read into it.
const BLANK: u8 = 0xee;

/// Counts the drop of the callback that owns it.
struct Dropped(Arc<World>, usize);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.ledger().records[self.1].dropped += 1;
    }
}

impl World {
    /// The job that a plan describes, whose callback returns `value` of its name.
    pub(super) fn job<R: Send + 'static>(
        self: &Arc<Self>,
        plan: &Plan,
        value: fn(usize) -> R,
    ) -> (usize, Job<R>) {
        let name = self.ledger().add(plan.clone());
        let (world, guard) = (Arc::clone(self), Dropped(Arc::clone(self), name));
        let end = move |seen: Seen| {
            // This is dropped after all else that the callback does, also if it panics.
            let _guard = guard;
            world.called_back(name, seen);
            value(name)
        };
        let job = if matches!(plan.operation, Op::Nop | Op::Blocking { .. }) {
            self.without_kernel(name, plan, end)
        } else {
            self.transfer(name, plan, end)
        };
        let job = if plan.exact { job.exact() } else { job };
        let job = plan.limit.into_iter().fold(job, Job::limit);
        let job = match plan.due {
            JobDeadline::Never => job,
            JobDeadline::Past => job.start_by(Instant::now()),
            JobDeadline::Later => job.start_within(LATER),
        };
        (name, job)
    }

    /// Has a callback drop the dispatcher.
    pub(super) fn end_in_callback(self: &Arc<Self>, dispatcher: Dispatcher) {
        let operation = Op::Nop;
        let plan = Plan {
            operation,
            exact: false,
            limit: None,
            due: JobDeadline::Never,
            acts: Vec::new(),
        };
        let name = self.ledger().add(plan);
        let (world, guard) = (Arc::clone(self), Dropped(Arc::clone(self), name));
        let job = Job::nop(move || {
            let _guard = guard;
            drop(dispatcher);
            world.called_back(name, Seen::nothing(Operation::Nop));
        });
        let result = self.submitter.try_submit(job);
        self.answered(name, result.map_err(|error| (error.kind(), error.into_inner())));
    }

    fn transfer<R: Send + 'static>(
        &self,
        name: usize,
        plan: &Plan,
        end: impl FnOnce(Seen) -> R + Send + 'static,
    ) -> Job<R> {
        let (file, extent) = (self.file(name), Extent::of(plan, self.kind));
        let blank = |len: &usize| vec![BLANK; len * extent.unit];
        let mut at = 0;
        let mut filled = |len: &usize| -> Vec<u8> {
            let begin = at;
            at += len * extent.unit;
            (begin..at).map(|at| written(name, at)).collect()
        };
        let nothing = |done: &Completion<()>| Seen::of(done, |_| Vec::new());
        match &plan.operation {
            Op::Read { len, .. } => {
                Job::read(file, blank(len), extent.offset, |done| end(Seen::of(&done, whole)))
            }
            Op::Write { len, .. } => {
                Job::write(file, filled(len), extent.offset, |done| end(Seen::of(&done, whole)))
            }
            Op::ReadVectored { lens, .. } => {
                let buffers = lens.iter().map(blank).collect();
                Job::read_vectored(file, buffers, extent.offset, |done| end(Seen::of(&done, parts)))
            }
            Op::WriteVectored { lens, .. } => {
                let buffers = lens.iter().map(&mut filled).collect();
                Job::write_vectored(file, buffers, extent.offset, |done| {
                    end(Seen::of(&done, parts))
                })
            }
            &Op::Range { at, len } => {
                let buffer = vec![BLANK; extent.whole];
                let data = |done: &Completion<Ranged<Vec<u8>>>| done.data().to_vec();
                Job::read_range(file, buffer, at, len, move |done| end(Seen::of(&done, data)))
            }
            Op::SyncAll => Job::sync_all(file, move |done| end(nothing(&done))),
            Op::SyncData => Job::sync_data(file, move |done| end(nothing(&done))),
            _ => Job::poll(file, PollEvents::READABLE, move |done| end(nothing(&done))),
        }
    }

    fn without_kernel<R: Send + 'static>(
        self: &Arc<Self>,
        name: usize,
        plan: &Plan,
        end: impl FnOnce(Seen) -> R + Send + 'static,
    ) -> Job<R> {
        let Op::Blocking { panics } = plan.operation else {
            return Job::nop(|| end(Seen::nothing(Operation::Nop)));
        };
        let world = Arc::clone(self);
        let work = move || {
            world.ledger().records[name].worked += 1;
            if panics {
                // This panics without the panic hook and its output.
                resume_unwind(Box::new("the work of a program"));
            }
            name
        };
        Job::blocking(work, move |from| {
            assert_eq!(from, name);
            end(Seen::nothing(Operation::Blocking))
        })
    }
}

fn whole(done: &Completion<Vec<u8>>) -> Vec<u8> {
    done.buffer.clone()
}

fn parts(done: &Completion<Vec<Vec<u8>>>) -> Vec<u8> {
    done.buffer.concat()
}
