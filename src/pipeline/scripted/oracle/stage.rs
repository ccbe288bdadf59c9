//! A dispatcher with a scripted engine, its owner's part, and its end.

use std::mem;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use super::super::is_readable;
use super::extent::contents;
use super::model::Model;
use super::program::{End, Shape};
use super::world::World;
use crate::admission::limits::Limits;
use crate::blocking::BlockingPool;
use crate::dispatcher::error::ShutdownError;
use crate::engine::fake::Fake;
use crate::engine::operation::Operation;
use crate::pipeline::Pipeline;
use crate::pipeline::scripted::with_limits;
use crate::pipeline::wakeups::Wakeups;
use crate::pipeline::wakeups::doorbell::Doorbell;
use crate::{Dispatcher, LoopDispatcher};

/// Only a hang takes this long.
pub(super) const HANG: Duration = Duration::from_secs(60);

pub(super) struct Stage {
    pub(super) shape: Shape,
    pub(super) world: Arc<World>,
    pub(super) model: Model,
    owner: Option<Owner>,
}

enum Owner {
    Threads(Dispatcher),
    Loop(LoopDispatcher),
}

impl Stage {
    pub(super) fn new(shape: &Shape) -> Self {
        let fake = Fake::with_contents(contents());
        let limits = Limits { depth: shape.depth, backlog: shape.backlog, parked: shape.parked };
        let (builder, engine) = (Dispatcher::builder(), Box::new(fake.clone()));
        let owner = if shape.is_loop() {
            let doorbell = Doorbell::new().unwrap();
            fake.count_on(doorbell.counter());
            let settings = with_limits(builder, limits).for_event_loop().unwrap();
            Owner::Loop(settings.start_loop(engine, doorbell))
        } else {
            let builder = with_limits(builder, limits).workers(shape.workers);
            let settings = builder.for_workers().unwrap();
            Owner::Threads(
                settings.start(engine, BlockingPool::new(2, Default::default())).unwrap(),
            )
        };
        let submitter = match &owner {
            Owner::Threads(dispatcher) => dispatcher.submitter(),
            Owner::Loop(jobs) => jobs.submitter(),
        };
        let (model, world) = (Model::new(shape.file), World::new(submitter, fake, shape.file));
        Self { shape: shape.clone(), world, model, owner: Some(owner) }
    }

    fn pipeline(&self) -> &Pipeline {
        &self.world.submitter.pipeline
    }

    /// Takes a turn of an event loop's owner.
    pub(super) fn turn(&mut self, most: usize) {
        let Some(Owner::Loop(jobs)) = &mut self.owner else { return };
        // If it fails, the program has asked for that.
        if let Ok(ran) = jobs.run(most) {
            assert!(ran <= most, "{ran} callbacks ran, and not {most}");
        }
    }

    fn is_readable(&self) -> bool {
        let Some(Owner::Loop(jobs)) = &self.owner else { return false };
        is_readable(jobs)
    }

    /// Waits for everything that happens without the program, and checks that this is enough. A
    /// caller that waited for room may have been woken and be just coming in. So it looks again
    /// until the counters say what the model says.
    pub(super) fn settle(&mut self) {
        let start = Instant::now();
        loop {
            while self.is_readable() {
                self.turn(usize::MAX);
            }
            if self.is_settled() {
                self.replay();
                let stats = self.world.submitter.stats();
                assert_eq!(stats.accepted, stats.finished + stats.outstanding, "{stats:?}");
                if stats.in_flight == self.model.in_kernel() {
                    return;
                }
            }
            let wanted = self.model.in_kernel();
            assert!(start.elapsed() < HANG, "no rest, {wanted} in the kernel: {}", self.describe());
            thread::yield_now();
        }
    }

    pub(super) fn replay(&mut self) {
        let ledger = self.world.ledger();
        let journal = self.world.fake.journal();
        self.model.replay(journal, &ledger);
    }

    /// Whether only the program can move jobs on: each is in the kernel, in a callback that is
    /// held, or waits, but not beside a free slot, nor for a worker while one is idle.
    fn is_settled(&self) -> bool {
        let pipeline = self.pipeline();
        let (held, (idle, coming)) = (self.world.gate.held(), self.asleep());
        let Some(in_kernel) = self.world.fake.held_if_quiet() else { return false };
        if idle + held != self.shape.workers || coming > 0 {
            return false;
        }
        let books = pipeline.admission.lock();
        let waiting =
            books.waiting().for_a_slot() + books.waiting().resumed() + books.ended_early();
        let on_channel = pipeline.completed.len();
        let accounted = waiting + on_channel + in_kernel.len() + held;
        let is_open = books.can_fill() || books.ended_early() > 0 || on_channel > 0;
        // An event loop's owner waits for the next completion.
        let only_polls =
            || in_kernel.iter().all(|request| request.transfer.operation == Operation::Poll);
        let is_starved = books.is_starved() && (!self.shape.is_loop() || only_polls());
        let at_rest = !is_open && !is_starved || idle == 0 && !self.shape.is_loop();
        at_rest && books.outstanding() == accounted as u64 && pipeline.launcher.blocking.jobs() == 0
    }

    /// How many workers are idle, and how many have been woken and have not noticed yet.
    fn asleep(&self) -> (usize, usize) {
        match self.pipeline().wakeups() {
            Wakeups::Workers(workers) => (workers.sleepers.idle(), workers.sleepers.coming()),
            Wakeups::Owner(_) => (0, 0),
        }
    }

    fn describe(&self) -> String {
        let pipeline = self.pipeline();
        let books = pipeline.admission.lock();
        let places = (
            books.waiting().for_a_slot(),
            books.waiting().resumed(),
            books.ended_early(),
            books.slots().occupied(),
        );
        let flags = (
            books.can_fill(),
            books.is_starved(),
            books.flags().is_filler_coming(),
            books.flags().is_watched(),
        );
        let workers = (self.asleep(), self.world.gate.held());
        let (channel, blocking) = (pipeline.completed.len(), pipeline.launcher.blocking.jobs());
        drop(books);
        let held = self.world.fake.held_if_quiet();
        format!(
            "waiting, resumed, ended early, occupied: {places:?}; \
             can fill, starved, filler coming, watched: {flags:?}; \
             idle, coming, held: {workers:?}; on the channel {channel}, blocking {blocking}; \
             in the kernel {held:?}; {:?}",
            self.world.submitter.stats()
        )
    }

    /// How many jobs may be submitted from outside now.
    pub(super) fn room(&self) -> usize {
        let pipeline = self.pipeline();
        pipeline.admission.room(&pipeline.admission.lock())
    }

    /// Whether all jobs that wait do so in the backlog, where they can be cancelled.
    pub(super) fn waits_in_line(&self) -> bool {
        let books = self.pipeline().admission.lock();
        let all_taken = self.world.fake.held_if_quiet().is_some();
        all_taken && books.waiting().resumed() == 0 && self.pipeline().completed.is_empty()
    }

    /// Lets the kernel complete everything from now on, and holds no callback any more. If the
    /// program's end is to give up the dispatcher, it does so first.
    pub(super) fn let_go(&mut self, end: End) {
        if end == End::Late {
            self.give_up();
        }
        self.world.fake.complete_from_now_on();
        self.world.gate.open();
    }

    fn give_up(&mut self) {
        match self.owner.take() {
            Some(Owner::Threads(dispatcher)) => {
                let result = dispatcher.shutdown_timeout(Duration::ZERO);
                assert!(matches!(result, Ok(_) | Err(ShutdownError::TimedOut(_))), "{result:?}");
            }
            Some(Owner::Loop(mut jobs)) => {
                let _ = jobs.drain_timeout(Duration::ZERO);
                self.owner = Some(Owner::Loop(jobs));
            }
            None => {}
        }
    }

    /// Has all callbacks run.
    pub(super) fn drain(&mut self) {
        match &mut self.owner {
            Some(Owner::Threads(dispatcher)) => dispatcher.drain_timeout(HANG),
            Some(Owner::Loop(jobs)) => jobs.drain_timeout(HANG),
            None => Ok(()),
        }
        .unwrap_or_else(|error| panic!("{error}: {}", self.describe()));
    }

    /// Ends the dispatcher.
    pub(super) fn end(&mut self, end: End) {
        let (tell, told) = mpsc::channel();
        let (owner, world) = (self.owner.take(), Arc::clone(&self.world));
        // On another thread, as it may hang.
        let thread = thread::spawn(move || {
            match owner {
                Some(Owner::Threads(dispatcher)) if end == End::InCallback => {
                    world.end_in_callback(dispatcher);
                }
                Some(Owner::Threads(dispatcher)) if end != End::Drop => {
                    dispatcher.shutdown().unwrap();
                }
                Some(Owner::Loop(jobs)) if end != End::Drop => {
                    jobs.shutdown().unwrap();
                }
                owner => drop(owner),
            }
            tell.send(()).unwrap();
        });
        assert!(told.recv_timeout(HANG).is_ok(), "it doesn't end: {}", self.describe());
        thread.join().unwrap();
        let start = Instant::now();
        while !self.world.fake.is_closed() {
            assert!(start.elapsed() < HANG, "the threads don't end: {}", self.describe());
            thread::yield_now();
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if thread::panicking() {
            // To drop the dispatcher would be to wait for ever for jobs that are lost.
            mem::forget(self.owner.take());
            self.world.fake.complete_from_now_on();
            self.world.gate.open();
        }
    }
}
