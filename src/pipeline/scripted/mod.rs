//! The pipeline against every answer that a kernel can give, through the scripted engine.

mod automatic;
mod completion;
mod counted;
mod deadlines;
mod decisions;
mod event_loop;
mod exact;
mod flow;
mod oracle;
mod points;
mod rest;
mod submission;
mod waking;
mod withdraw;

use std::os::fd::AsFd;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::admission::limits::Limits;
use crate::blocking::BlockingPool;
use crate::engine::fake::Fake;
use crate::file::FileHandle;
use crate::job::Job;
use crate::{Builder, Dispatcher, Submitter};

const HANG: Duration = Duration::from_secs(60);

/// The report of a callback: the job's offset, which serves as its name, and the result or errno.
type Seen = (u64, Result<usize, i32>);

struct Rig {
    /// Dropped before the dispatcher, which waits for its jobs.
    _end: EndOnPanic,
    fake: Fake,
    dispatcher: Dispatcher,
    file: FileHandle,
    seen: Receiver<Seen>,
    tell: Sender<Seen>,
}

fn with_limits(builder: Builder, limits: Limits) -> Builder {
    builder.depth(limits.depth as usize).backlog(limits.backlog).parked_limit(limits.parked)
}

/// Whether a descriptor is readable now.
fn is_readable(fd: &impl AsFd) -> bool {
    poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
}

/// Lets all jobs of a failing test end.
struct EndOnPanic(Fake);

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.give_up();
        }
    }
}

impl Rig {
    fn new(fake: Fake, depth: u32, backlog: usize, workers: usize) -> Self {
        Self::build(Dispatcher::builder(), fake, Limits { depth, backlog, parked: 1000 }, workers)
    }

    fn build(builder: Builder, fake: Fake, limits: Limits, workers: usize) -> Self {
        let settings = with_limits(builder, limits).workers(workers).for_workers().unwrap();
        let engine = Box::new(fake.clone());
        let dispatcher = settings.start(engine, BlockingPool::new(4, Default::default())).unwrap();
        let file = FileHandle::from(std::fs::File::open("/dev/null").unwrap());
        let (tell, seen) = mpsc::channel();
        Self { _end: EndOnPanic(fake.clone()), fake, dispatcher, file, seen, tell }
    }

    fn job(&self, name: u64) -> Job {
        let tell = self.tell.clone();
        Job::read(&self.file, vec![0; 100], name, move |done| {
            let result = done.result.map_err(|error| error.raw_os_error().unwrap());
            tell.send((done.offset, result)).unwrap();
        })
    }

    fn jobs(&self, names: std::ops::Range<u64>) -> Vec<Job> {
        names.map(|name| self.job(name)).collect()
    }

    /// Runs `count` callbacks, with the names from 0 on, on the one worker without a pause: the
    /// worker is held until all are on the channel. Each callback gets a job, named from 100 on, to
    /// do something with.
    fn run_together(&self, count: u64, act: fn(&Submitter, Job)) {
        let (arrive, arrived) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let hold = Job::read(&self.file, vec![0; 100], 999, move |_| {
            arrive.send(()).unwrap();
            released.recv_timeout(HANG).unwrap();
        });
        self.dispatcher.submit(hold).unwrap();
        self.fake.held(1);
        self.fake.complete_all();
        let completed = &self.dispatcher.submitter().pipeline.completed.clone();
        for name in 0..count {
            let (submitter, next) = (self.dispatcher.submitter(), self.job(100 + name));
            let job = Job::read(&self.file, vec![0; 100], name, move |_| act(&submitter, next));
            self.dispatcher.submit(job).unwrap();
        }
        arrived.recv_timeout(HANG).unwrap();
        self.fake.complete_all();
        while completed.len() < count as usize {
            thread::yield_now();
        }
        release.send(()).unwrap();
    }

    /// Holds the one worker in a callback until something is sent.
    fn held_worker(&self) -> Sender<()> {
        let (arrive, arrived) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let hold = move || {
            arrive.send(()).unwrap();
            released.recv_timeout(HANG).unwrap();
        };
        self.dispatcher.submit(Job::nop(hold)).unwrap();
        arrived.recv_timeout(HANG).unwrap();
        release
    }

    /// The reports of the next `count` callbacks, by name.
    fn seen(&self, count: usize) -> Vec<Seen> {
        let next = |_| self.seen.recv_timeout(HANG).expect("a callback doesn't run");
        let mut seen: Vec<Seen> = (0..count).map(next).collect();
        seen.sort_unstable();
        seen
    }

    /// Ends the dispatcher, and checks that every job has run once and that nothing is left.
    fn end(self, jobs: u64) {
        self.dispatcher.drain_timeout(HANG).unwrap();
        let report = self.dispatcher.shutdown().unwrap();
        assert_eq!(report.jobs, jobs);
        assert_eq!(
            (report.stats.outstanding, report.stats.in_flight, report.stats.parked),
            (0, 0, 0)
        );
        assert_eq!(report.stats.submitted, report.stats.completed);
        assert!(self.seen.try_recv().is_err(), "a callback ran twice");
        assert!(self.fake.is_closed());
    }
}

/// A place where callbacks wait for each other that are to run at the same time.
struct Meeting {
    arrived: Receiver<()>,
    _release: crossbeam_channel::Sender<()>,
    guest: Guest,
}

#[derive(Clone)]
struct Guest {
    arrive: Sender<()>,
    released: crossbeam_channel::Receiver<()>,
}

impl Meeting {
    fn new() -> Self {
        let (arrive, arrived) = mpsc::channel();
        let (release, released) = crossbeam_channel::bounded(0);
        Self { arrived, _release: release, guest: Guest { arrive, released } }
    }

    /// Waits until this many callbacks are there, and lets them go.
    fn of(self, count: usize) {
        (0..count).for_each(|_| self.arrived.recv_timeout(HANG).expect("somebody doesn't come"));
    }
}

impl Guest {
    fn meet(&self) {
        self.arrive.send(()).unwrap();
        // This ends when the meeting is dropped.
        let _ = self.released.recv_timeout(HANG);
    }
}

fn all_well(names: std::ops::Range<u64>) -> Vec<Seen> {
    names.map(|name| (name, Ok(100))).collect()
}
