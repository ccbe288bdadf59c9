//! Plays a program, step by step.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};

use super::ledger::Fate;
use super::model::Phase;
use super::plan::{How, JobDeadline, Op, Plan};
use super::program::{End, Program, Step};
use super::stage::{HANG, Stage};
use super::verdict;
use super::world::World;
use crate::submit::submit_future::SpawnFuture;
use crate::{Cancel, JoinError};

/// A thread that waits for room, for one job after the other.
struct Patient {
    plans: Sender<Plan>,
    thread: JoinHandle<()>,
    /// How many of its jobs have not been accepted or refused yet.
    left: Arc<AtomicUsize>,
}

struct Run {
    stage: Stage,
    patient: Option<Patient>,
    /// Tasks that wait for room, with their jobs' names.
    tasks: Vec<(usize, Pin<Box<SpawnFuture<usize>>>)>,
    /// How many events belonged to no job.
    strays: u64,
    /// Another thread has submitted, too.
    had_company: bool,
}

impl Program {
    /// Plays the program, and checks that everything has ended as it must and was counted right.
    pub(super) fn run(&self) {
        let mut run = Run {
            stage: Stage::new(&self.shape),
            patient: None,
            tasks: Vec::new(),
            strays: 0,
            had_company: false,
        };
        for step in &self.steps {
            run.take(step);
            if self.shape.stepwise && !self.shape.is_loop() {
                run.stage.settle();
            }
        }
        run.end(self.end);
        run.check();
    }
}

impl Run {
    fn take(&mut self, step: &Step) {
        let world = Arc::clone(&self.stage.world);
        match step {
            Step::Submit(how, plans) => self.submit(*how, plans),
            Step::Flush => world.submitter.flush().unwrap(),
            Step::Script(answers) => world.fake.script(answers.iter().copied()),
            Step::Complete(places) => world.fake.complete_some(places.iter().copied()),
            Step::FailWait(errno) => world.fake.fail_waits([*errno]),
            // An event loop doesn't believe counts beyond the number of its requests.
            Step::Stray(_) if self.stage.shape.is_loop() => {}
            Step::Stray(place) => self.strays += u64::from(world.fake.repeat(*place)),
            Step::Cancel(place) => self.cancel(*place),
            Step::Join(place) => world.join(*place),
            Step::Forget(place) => {
                let mut ledger = world.ledger();
                let count = ledger.handles.len();
                if count > 0 {
                    drop(ledger.handles.swap_remove(place % count));
                }
            }
            Step::PollTask(place) if !self.tasks.is_empty() => {
                self.poll(place % self.tasks.len());
            }
            Step::DropTask(place) if !self.tasks.is_empty() => {
                let (name, task) = self.tasks.swap_remove(place % self.tasks.len());
                drop(task);
                world.ledger().settle(name, Fate::Dropped);
            }
            Step::PollTask(_) | Step::DropTask(_) => {}
            Step::Release => world.gate.release(),
            Step::Settle => self.stage.settle(),
            Step::Turn(most) => self.stage.turn(*most),
        }
    }

    /// Whether only this thread submits, and nothing happens by itself.
    fn is_alone(&self) -> bool {
        let is_idle = |patient: &Patient| patient.left.load(Ordering::SeqCst) == 0;
        let steps = self.stage.shape.stepwise || self.stage.shape.is_loop();
        steps && self.tasks.is_empty() && self.patient.as_ref().is_none_or(is_idle)
    }

    fn submit(&mut self, how: How, plans: &[Plan]) {
        let world = Arc::clone(&self.stage.world);
        match how {
            How::Patient => {
                let patient = self.patient.get_or_insert_with(|| Patient::new(&world));
                patient.left.fetch_add(plans.len(), Ordering::SeqCst);
                plans.iter().for_each(|plan| patient.plans.send(plan.clone()).unwrap());
            }
            How::Task => {
                for plan in plans {
                    let (name, job) = world.job(plan, |name| name);
                    self.tasks.push((name, Box::pin(world.submitter.spawn_async(job))));
                    self.poll(self.tasks.len() - 1);
                }
            }
            _ => {
                let (alone, room) = (self.is_alone(), self.stage.room());
                let accepted = world.offer(how, plans, false);
                // Callbacks of the first jobs may take the places of the others.
                let chains = plans.iter().any(|plan| !plan.acts.is_empty());
                if alone && (!chains || self.stage.shape.is_loop()) {
                    let least = plans.len().min(room);
                    assert!(
                        accepted >= least,
                        "{accepted} accepted, and there was room for {room}"
                    );
                    let most = !self.stage.shape.is_loop() || accepted == least;
                    assert!(most, "{accepted} accepted, and there was room for {room}");
                }
            }
        }
    }

    fn poll(&mut self, place: usize) {
        let mut context = Context::from_waker(Waker::noop());
        let (name, task) = &mut self.tasks[place];
        let name = *name;
        let Poll::Ready(result) = task.as_mut().poll(&mut context) else { return };
        drop(self.tasks.swap_remove(place));
        match result {
            Ok(handle) => self.stage.world.spawned(name, handle),
            Err(error) => {
                let refused = (error.kind(), error.into_inner());
                self.stage.world.answered(name, Err(refused));
            }
        }
    }

    fn cancel(&mut self, place: usize) {
        self.stage.replay();
        let expected = self.to_be_answered(place);
        let answer = self.stage.world.cancel(place);
        if self.is_alone() && expected.is_some() {
            assert_eq!(answer, expected, "cancelling");
        }
    }

    /// The answer to cancelling, if it is certain as long as nothing happens meanwhile.
    fn to_be_answered(&self, place: usize) -> Option<Cancel> {
        let ledger = self.stage.world.ledger();
        let (name, _) = ledger.handles.get(place % ledger.handles.len().max(1))?;
        let record = &ledger.records[*name];
        if !record.plan.operation.has_result() {
            return None;
        }
        let is_poll = matches!(record.plan.operation, Op::Poll);
        let track = self.stage.model.track(*name, &record.plan);
        let given_up = record.plan.due == JobDeadline::Past || track.starved >= verdict::TRIES;
        let waits = !given_up && self.stage.waits_in_line();
        match track.phase {
            _ if record.cancelled || !record.seen.is_empty() => Some(Cancel::TooLate),
            Phase::InKernel if is_poll => Some(Cancel::Cancelled),
            Phase::InKernel => Some(Cancel::TooLate),
            // A worker may just be asking the kernel for it again.
            Phase::Backlog => waits.then_some(Cancel::Cancelled),
            Phase::Ended(_) if is_poll => None,
            Phase::Ended(_) => Some(Cancel::TooLate),
        }
    }

    fn end(&mut self, end: End) {
        self.stage.let_go(end);
        if end == End::Drain {
            let start = std::time::Instant::now();
            while !self.is_calm() {
                (0..self.tasks.len()).rev().for_each(|place| self.poll(place));
                self.stage.turn(usize::MAX);
                assert!(start.elapsed() < HANG, "a caller that waits for room never gets it");
                thread::yield_now();
            }
            self.stage.drain();
        }
        self.stage.end(end);
        if let Some(patient) = self.patient.take() {
            drop(patient.plans);
            patient.thread.join().unwrap();
            self.had_company = true;
        }
        (0..self.tasks.len()).rev().for_each(|place| self.poll(place));
        assert!(self.tasks.is_empty(), "a task still waits for room");
    }

    /// Whether nobody waits for room.
    fn is_calm(&self) -> bool {
        let is_idle = |patient: &Patient| patient.left.load(Ordering::SeqCst) == 0;
        self.tasks.is_empty() && self.patient.as_ref().is_none_or(is_idle)
    }

    fn check(mut self) {
        self.stage.replay();
        let Stage { world, model, shape, .. } = &self.stage;
        let handles = std::mem::take(&mut world.ledger().handles);
        for (name, handle) in handles {
            match handle.join_timeout(std::time::Duration::ZERO) {
                Ok(value) => world.joined(name, value == name, false),
                Err(JoinError::Panicked(_)) => world.joined(name, true, true),
                Err(error) => panic!("job {name} has ended, and its handle says {error}"),
            }
        }
        let ledger = world.ledger();
        let stats = world.submitter.stats();
        verdict::check(model, &ledger, &stats);
        assert_eq!(stats.stray_events, self.strays);
        assert!(world.fake.contents() == model.contents, "the device's contents");
        if shape.is_loop() && !self.had_company {
            verdict::check_order(model, &ledger);
        }
    }
}

impl Patient {
    fn new(world: &Arc<World>) -> Self {
        let (plans, received) = mpsc::channel::<Plan>();
        let left = Arc::new(AtomicUsize::new(0));
        let (world, counter) = (Arc::clone(world), Arc::clone(&left));
        let thread = thread::spawn(move || {
            for plan in received {
                let (name, job) = world.job(&plan, |_| ());
                let result = world.submitter.submit(job);
                world.answered(name, result.map_err(|error| (error.kind(), error.into_inner())));
                counter.fetch_sub(1, Ordering::SeqCst);
            }
        });
        Self { plans, thread, left }
    }
}
