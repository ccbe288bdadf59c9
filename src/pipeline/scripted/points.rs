//! Ending a dispatcher, and letting go of a handle, at each point of a job's life.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::HANG;
use crate::admission::limits::Limits;
use crate::blocking::BlockingPool;
use crate::engine::fake::{Fake, full};
use crate::file::FileHandle;
use crate::job::Job;
use crate::pipeline::scripted::with_limits;
use crate::{Dispatcher, Submitter};

/// Where the job is when its dispatcher ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Point {
    /// It waits for a slot, from outside.
    Backlog,
    /// It waits for a slot, from a callback.
    Parked,
    InKernel,
    /// The kernel has done a part of it, and has the rest.
    Resumed,
    OnChannel,
    InCallback,
    /// Its callback has returned.
    Over,
}

const POINTS: [Point; 7] = [
    Point::Backlog,
    Point::Parked,
    Point::InKernel,
    Point::Resumed,
    Point::OnChannel,
    Point::InCallback,
    Point::Over,
];

/// How the dispatcher is ended, and where.
#[derive(Clone, Copy, Debug)]
enum End {
    Drop,
    Shutdown,
    /// In a callback, of another job.
    DropInside,
}

/// A dispatcher with two slots and one worker, and the channel by which callbacks say that they
/// have begun.
struct Scene {
    fake: Fake,
    dispatcher: Dispatcher,
    file: FileHandle,
    runs: Arc<AtomicUsize>,
    begins: Receiver<()>,
    begin: Sender<()>,
}

impl Scene {
    fn new() -> Self {
        let (fake, limits) = (Fake::default(), Limits { depth: 2, backlog: 8, parked: 8 });
        let builder = with_limits(Dispatcher::builder(), limits).workers(1);
        let settings = builder.for_workers().unwrap();
        let dispatcher = settings
            .start(Box::new(fake.clone()), BlockingPool::new(1, Default::default()))
            .unwrap();
        let file = FileHandle::from(std::fs::File::open("/dev/null").unwrap());
        let (begin, begins) = mpsc::channel();
        Self { fake, dispatcher, file, runs: Arc::default(), begins, begin }
    }

    /// A read of a hundred bytes. Its callback counts the runs, and returns the number of its own.
    fn job(&self, act: impl FnOnce() + Send + 'static) -> Job<usize> {
        let (runs, begin) = (Arc::clone(&self.runs), self.begin.clone());
        Job::read(&self.file, vec![0; 100], 0, move |_| {
            let run = runs.fetch_add(1, Ordering::SeqCst);
            begin.send(()).unwrap();
            act();
            run
        })
        .exact()
    }

    /// Holds the worker in a callback that submits the jobs that are sent to it.
    fn hold_worker(&self) -> Sender<Option<Job>> {
        let (release, released) = mpsc::channel::<Option<Job>>();
        let (submitter, begin) = (self.dispatcher.submitter(), self.begin.clone());
        let hold = Job::nop(move || {
            begin.send(()).unwrap();
            while let Some(job) = released.recv_timeout(HANG).unwrap() {
                submitter.submit(job).unwrap();
                begin.send(()).unwrap();
            }
        });
        self.dispatcher.submit(hold).unwrap();
        self.begun();
        release
    }

    fn begun(&self) {
        self.begins.recv_timeout(HANG).expect("a callback doesn't begin");
    }

    fn complete_one(&self) {
        let request = self.fake.held(1)[0];
        self.fake.complete([(request, full(&request))]);
    }
}

/// Ends the dispatcher on a thread of its own, which ends when that has returned.
fn end(dispatcher: Dispatcher, how: End) -> thread::JoinHandle<Submitter> {
    let submitter = dispatcher.submitter();
    thread::spawn(move || {
        match how {
            End::Drop => drop(dispatcher),
            End::Shutdown => drop(dispatcher.shutdown().unwrap()),
            End::DropInside => {
                let owner = Job::nop(move || drop(dispatcher));
                submitter.submit(owner).unwrap();
            }
        }
        submitter
    })
}

/// Brings a job to a point, lets go of its handle there if `lets_go`, and ends the dispatcher.
fn ends_at(point: Point, how: End, lets_go: bool) {
    let scene = Scene::new();
    let (go, gone) = mpsc::channel::<()>();
    let waits = move || gone.recv_timeout(HANG).unwrap();
    let worker = match point {
        Point::Parked | Point::OnChannel => Some(scene.hold_worker()),
        _ => None,
    };
    if point == Point::Backlog {
        (0..2).for_each(|_| drop(scene.dispatcher.spawn(scene.job(|| ())).unwrap()));
        scene.fake.held(2);
    }
    let submitter = scene.dispatcher.submitter();
    let handle = if point == Point::Parked {
        let (job, handle) =
            crate::submit::spawned::Spawned::tie(scene.job(waits), &submitter.pipeline);
        worker.as_ref().unwrap().send(Some(job)).unwrap();
        scene.begun();
        handle
    } else {
        submitter.spawn(scene.job(waits)).unwrap()
    };
    match point {
        Point::Backlog | Point::Parked => {}
        Point::InKernel => drop(scene.fake.held(1)),
        Point::Resumed => {
            let request = scene.fake.held(1)[0];
            scene.fake.complete([(request, 40)]);
            scene.fake.called(2);
            scene.fake.held(1);
        }
        Point::OnChannel => {
            scene.complete_one();
            while submitter.pipeline.completed.is_empty() {
                thread::yield_now();
            }
        }
        Point::InCallback | Point::Over => {
            scene.complete_one();
            scene.begun();
        }
    }
    if point == Point::Over {
        go.send(()).unwrap();
        scene.dispatcher.drain_timeout(HANG).unwrap();
    }
    let handle = Some(handle).filter(|_| !lets_go);
    let Scene { fake, dispatcher, runs, .. } = scene;
    let ending = end(dispatcher, how);
    if !matches!(how, End::DropInside) && point != Point::Over {
        while !submitter.pipeline.is_closing() {
            thread::yield_now();
        }
        assert!(!ending.is_finished(), "it waits for the callback");
    }
    // The job goes on to its end.
    let _ = go.send(());
    if let Some(worker) = worker {
        worker.send(None).unwrap();
    }
    while submitter.stats().outstanding > 0 {
        fake.complete_all();
        thread::yield_now();
    }
    ending.join().unwrap();
    let others = if point == Point::Backlog { 2 } else { 0 };
    assert_eq!(runs.load(Ordering::SeqCst), others + 1, "{point:?}, {how:?}");
    let value = handle.map(|handle| handle.join_timeout(HANG).unwrap());
    assert!(value.is_none_or(|value| value == others), "its own value");
    while !fake.is_closed() {
        thread::yield_now();
    }
}

#[test]
fn a_dispatcher_ends_at_each_point_of_a_jobs_life() {
    for point in POINTS {
        for how in [End::Drop, End::Shutdown, End::DropInside] {
            for lets_go in [false, true] {
                ends_at(point, how, lets_go);
            }
        }
    }
}
