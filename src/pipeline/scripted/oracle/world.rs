//! The state that a program's threads and callbacks share: the submitter, the engine, the gate and
//! the ledger.

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::extent::{Extent, UNIT, written};
use super::gate::Gate;
use super::ledger::{Fate, Ledger, Seen};
use super::plan::{Act, How, Op, Plan};
use super::program::Kind;
use crate::admission::refusal::Refusal;
use crate::engine::fake::Fake;
use crate::file::FileHandle;
use crate::file::alignment::Alignment;
use crate::file::metadata::{DirectIo, Metadata};
use crate::job::Job;
use crate::pipeline::wakeups::Wakeups;
use crate::submit::handle::JobHandle;
use crate::{Cancel, JoinError, Refused, Submitter};

pub(super) struct World {
    pub(super) submitter: Submitter,
    pub(super) fake: Fake,
    pub(super) gate: Gate,
    pub(super) kind: Kind,
    template: File,
    ledger: Mutex<Ledger>,
}

impl World {
    pub(super) fn new(submitter: Submitter, fake: Fake, kind: Kind) -> Arc<Self> {
        let template = match kind {
            Kind::Plain => File::open("/dev/null").unwrap(),
            Kind::Direct => tempfile::tempfile().unwrap(),
            Kind::Append => {
                let file = tempfile::NamedTempFile::new().unwrap();
                OpenOptions::new().append(true).open(file.path()).unwrap()
            }
        };
        let (gate, ledger) = (Gate::default(), Mutex::default());
        Arc::new(Self { submitter, fake, gate, kind, template, ledger })
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a descriptor for one job alone, by which the engine knows the job's requests.
    pub(super) fn file(&self, name: usize) -> FileHandle {
        let file = self.template.try_clone().unwrap();
        let handle = if self.kind == Kind::Plain {
            FileHandle::from(file)
        } else {
            // A dispatcher can't tell that it is no direct file.
            let mut metadata = Metadata::of(file.as_fd()).unwrap();
            let alignment = Alignment { memory: UNIT, offset: UNIT as u64 };
            metadata.direct_io = DirectIo::Aligned(alignment);
            FileHandle::opened(OwnedFd::from(file), true, &metadata)
        };
        self.fake.name(handle.raw_fd(), name);
        handle
    }

    /// Submits jobs, and returns how many were accepted.
    pub(super) fn offer(self: &Arc<Self>, how: How, plans: &[Plan], in_callback: bool) -> usize {
        let one = |plan| match how {
            How::Spawn => self.offer_spawned(plan),
            _ => self.offer_single(plan, in_callback),
        };
        match how {
            How::Batch => self.offer_batch(plans, in_callback),
            _ => plans.iter().filter(|plan| one(plan)).count(),
        }
    }

    fn offer_single(self: &Arc<Self>, plan: &Plan, in_callback: bool) -> bool {
        let (name, job) = self.job(plan, |_| ());
        // None of these waits for room: a callback never does, and the limit is zero. They differ
        // in how they find that out.
        let result = if in_callback {
            self.submitter.submit(job)
        } else if name.is_multiple_of(2) {
            self.submitter.submit_timeout(job, Duration::ZERO)
        } else {
            self.submitter.try_submit(job)
        };
        self.answered(name, result.map_err(|error| (error.kind(), error.into_inner())))
    }

    fn offer_spawned(self: &Arc<Self>, plan: &Plan) -> bool {
        let (name, job) = self.job(plan, |name| name);
        match self.submitter.try_spawn(job) {
            Ok(handle) => {
                self.spawned(name, handle);
                true
            }
            Err(error) => self.answered(name, Err((error.kind(), error.into_inner()))),
        }
    }

    pub(super) fn spawned(&self, name: usize, handle: JobHandle<usize>) {
        let mut ledger = self.ledger();
        ledger.accept(name);
        ledger.handles.push((name, handle));
    }

    fn offer_batch(self: &Arc<Self>, plans: &[Plan], in_callback: bool) -> usize {
        let (names, jobs): (Vec<_>, Vec<_>) =
            plans.iter().map(|plan| self.job(plan, |_| ())).unzip();
        let result = if in_callback {
            self.submitter.submit_batch(jobs)
        } else {
            self.submitter.try_submit_batch(jobs)
        };
        let accepted = result.as_ref().map_or_else(Refused::accepted, |()| names.len());
        names[..accepted].iter().for_each(|&name| self.ledger().accept(name));
        if let Err(error) = result {
            let (kind, jobs) = (error.kind(), error.into_inner());
            assert_eq!(accepted + jobs.len(), names.len());
            for (&name, job) in names[accepted..].iter().zip(jobs) {
                self.answered(name, Err((kind, job)));
            }
        }
        accepted
    }

    /// Takes note of the answer to submitting a job, and checks the job that came back. True if it
    /// was accepted.
    pub(super) fn answered<R: 'static>(
        &self,
        name: usize,
        result: Result<(), (Refusal, Job<R>)>,
    ) -> bool {
        let Err((kind, job)) = result else {
            self.ledger().accept(name);
            return true;
        };
        let plan = self.ledger().records[name].plan.clone();
        let extent = Extent::of(&plan, self.kind);
        if let Op::Write { len, .. } = plan.operation {
            assert_eq!((job.offset(), job.requested()), (extent.offset, extent.requested));
            let buffer = job.into_buffer::<Vec<u8>>().unwrap_or_else(|_| panic!("no buffer"));
            let bytes = (0..len * extent.unit).map(|at| written(name, at));
            assert!(buffer.into_iter().eq(bytes), "the buffer of a refused job");
        } else {
            drop(job);
        }
        self.ledger().settle(name, Fate::Refused(kind));
        false
    }

    /// The body of a job's callback: notes its values, and does its acts.
    pub(super) fn called_back(self: &Arc<Self>, name: usize, seen: Seen) {
        let mut ledger = self.ledger();
        let record = &mut ledger.records[name];
        record.seen.push(seen);
        record.astray |= !self.submitter.pipeline.is_worker_here();
        let acts = record.plan.acts.clone();
        drop(ledger);
        for act in acts {
            match act {
                Act::Submit(how, plans) => {
                    self.offer(how, &plans, true);
                }
                Act::Cancel(place) => drop(self.cancel(place)),
                Act::Join(place) => self.join(place),
                // This would hold the thread that is to release it.
                Act::Hold if matches!(self.submitter.pipeline.wakeups(), Wakeups::Owner(_)) => {}
                Act::Hold => self.gate.hold(),
                // This panics without the panic hook and its output.
                Act::Panic => resume_unwind(Box::new("the callback of a program")),
            }
        }
    }

    pub(super) fn cancel(&self, place: usize) -> Option<Cancel> {
        let mut ledger = self.ledger();
        let count = ledger.handles.len();
        if count == 0 {
            return None;
        }
        let (name, handle) = &ledger.handles[place % count];
        let (name, answer) = (*name, handle.cancel());
        let record = &mut ledger.records[name];
        match answer {
            Cancel::Cancelled => {
                assert!(!record.cancelled, "job {name} was cancelled twice");
                record.cancelled = true;
            }
            Cancel::WillRun => record.astray |= record.plan.operation.has_result(),
            Cancel::TooLate => {}
        }
        Some(answer)
    }

    /// Checks the value of a job's callback, if the job has ended.
    pub(super) fn join(&self, place: usize) {
        let mut ledger = self.ledger();
        let count = ledger.handles.len();
        if count == 0 {
            return;
        }
        let (name, handle) = ledger.handles.swap_remove(place % count);
        drop(ledger);
        match handle.join_timeout(Duration::ZERO) {
            Ok(value) => self.joined(name, value == name, false),
            Err(JoinError::Panicked(_)) => self.joined(name, true, true),
            Err(error) => {
                let handle = error.into_handle().expect("it has not been taken");
                self.ledger().handles.push((name, handle));
            }
        }
    }

    pub(super) fn joined(&self, name: usize, right: bool, panicked: bool) {
        let mut ledger = self.ledger();
        let record = &mut ledger.records[name];
        record.astray |= !right || panicked != record.plan.panics();
    }
}
