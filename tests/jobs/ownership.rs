//! Dropping, forgetting or panicking frees no memory and closes no file that the kernel still uses.

use std::fs::File;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use reapool::{AlignedBuf, Dispatcher, FileHandle, Job, PollEvents};
use tempfile::TempDir;

use crate::support::{
    self, Counted, Drops, HANG, Tended, byte_at, completion_of, contents, eventfd, known_file,
    make_readable, null, open_buffered, open_direct, scratch, watched,
};

const BLOCK: usize = 4096;
const BLOCKS: u64 = 32;
/// One that waits in the kernel, and a read of each block behind it or beside it.
const JOBS: usize = 1 + BLOCKS as usize;

/// Counted for its job alone, and for all.
type Buffer = Counted<Counted<AlignedBuf>>;

struct Scene {
    _directory: TempDir,
    file: FileHandle,
    eventfd: Arc<File>,
    /// Of each job: how often what it owned had been dropped when its callback began, and whether
    /// it got what it asked for.
    reports: Receiver<(usize, bool)>,
    report: Sender<(usize, bool)>,
    drops: Drops,
}

impl Scene {
    fn new() -> Self {
        let directory = scratch();
        let path = known_file(directory.path(), "known", BLOCKS * BLOCK as u64);
        let file = open_direct(&path).unwrap_or_else(|| open_buffered(&path));
        let (report, reports) = mpsc::channel();
        let (eventfd, drops) = (eventfd(), Drops::default());
        Self { _directory: directory, file, eventfd, reports, report, drops }
    }

    fn read<R>(&self, block: u64, finish: impl FnOnce(Buffer) -> R + Send + 'static) -> Job<R>
    where
        R: Send + 'static,
    {
        let own = Drops::default();
        let buffer = self.drops.buffer(own.buffer(AlignedBuf::zeroed(BLOCK)));
        let (report, offset) = (self.report.clone(), block * BLOCK as u64);
        Job::read(&self.file, buffer, offset, move |done| {
            let data = &done.buffer.inner.inner;
            let right = data.iter().zip(offset..).all(|(&is, at)| is == byte_at(at));
            report.send((own.count(), right && data.len() == BLOCK)).unwrap();
            finish(done.buffer)
        })
    }

    /// Stays in the kernel until [`release`](Self::release).
    fn held(&self) -> Job {
        let (report, own) = (self.report.clone(), Drops::default());
        let capture = (own.guard(), self.drops.guard());
        Job::poll(&self.eventfd, PollEvents::READABLE, move |done| {
            report.send((own.count(), done.result.is_ok())).unwrap();
            drop(capture);
        })
    }

    fn all(&self) -> Vec<Job> {
        let reads = (0..BLOCKS).map(|block| self.read(block, drop));
        std::iter::once(self.held()).chain(reads).collect()
    }

    fn release(&self) {
        make_readable(&self.eventfd);
    }

    /// So many callbacks run, and no more of those that have run are left to count.
    fn check_reports(&self, jobs: usize) {
        for _ in 0..jobs {
            assert_eq!(self.reports.recv_timeout(HANG).unwrap(), (0, true));
        }
        assert!(self.reports.try_recv().is_err(), "a callback ran twice");
    }
}

/// With one slot, which the held job occupies, so that the others can't even begin.
fn narrow() -> Tended {
    Tended::new(support::builder().depth(1).backlog(JOBS).workers(1))
}

#[test]
fn job_handles_own_nothing() {
    let scene = Scene::new();
    let dispatcher = Tended::new(support::builder().depth(8).backlog(4 * JOBS));
    dispatcher.try_submit(scene.held()).unwrap();
    for block in 0..BLOCKS {
        // The callback's value, the buffer, has nobody to go to.
        drop(dispatcher.try_spawn(scene.read(block, |buffer| buffer)).unwrap());
        mem::forget(dispatcher.try_spawn(scene.read(block, drop)).unwrap());
    }
    scene.release();
    dispatcher.quiesce();
    scene.check_reports(2 * JOBS - 1);
    assert_eq!(scene.drops.count(), 2 * JOBS - 1);
}

#[test]
fn submitters_own_nothing() {
    let (scene, dispatcher) = (Scene::new(), narrow());
    let (dropped, forgotten) = (dispatcher.submitter(), dispatcher.submitter());
    let mut jobs = scene.all();
    forgotten.try_submit_batch(jobs.drain(..JOBS / 2)).unwrap();
    mem::forget(forgotten);
    dropped.try_submit_batch(jobs).unwrap();
    drop(dropped);
    assert_eq!(scene.drops.count(), 0, "all wait behind the held job");
    scene.release();
    dispatcher.quiesce();
    scene.check_reports(JOBS);
    assert_eq!(scene.drops.count(), JOBS);
}

/// Ends a dispatcher with jobs under way in a thread, and checks that it waited for them.
fn ended_by(end: impl FnOnce(Dispatcher) + Send + 'static) {
    let (scene, dispatcher) = (Scene::new(), narrow());
    dispatcher.try_submit_batch(scene.all()).unwrap();
    let dispatcher = dispatcher.into_inner();
    let ending = thread::spawn(move || end(dispatcher));
    assert_eq!(scene.drops.count(), 0, "all wait behind the held job");
    scene.release();
    // A panic of the thread's is what it was asked for.
    let _ = watched(move || ending.join());
    assert_eq!(scene.drops.count(), JOBS, "the dispatcher's end waits for all");
    scene.check_reports(JOBS);
}

#[test]
fn a_dropped_dispatcher_waits_for_what_the_kernel_has() {
    ended_by(drop);
}

#[test]
fn a_panicking_owner_waits_for_what_the_kernel_has() {
    ended_by(|_dispatcher| panic::resume_unwind(Box::new("not reported by the hook")));
}

#[test]
fn a_forgotten_dispatcher_goes_on() {
    let (scene, dispatcher) = (Scene::new(), narrow());
    dispatcher.try_submit_batch(scene.all()).unwrap();
    let submitter = dispatcher.submitter();
    mem::forget(dispatcher.into_inner());
    assert_eq!(scene.drops.count(), 0, "all wait behind the held job");
    scene.release();
    scene.check_reports(JOBS);
    // The one worker has left the last of these callbacks when it runs another.
    completion_of(&submitter, |callback| Job::read(null(), Vec::new(), 0, callback));
    assert_eq!(scene.drops.count(), JOBS);
}

#[test]
fn a_submitting_thread_may_panic() {
    let (scene, dispatcher) = (Scene::new(), narrow());
    let submitter = dispatcher.submitter();
    let (held, reads) = (scene.held(), (0..BLOCKS).map(|block| scene.read(block, drop)));
    let reads: Vec<_> = reads.collect();
    let thread = thread::spawn(move || {
        submitter.try_submit(held).unwrap();
        let spawn = |job| submitter.try_spawn(job).unwrap();
        let _handles: Vec<_> = reads.into_iter().map(spawn).collect();
        panic::resume_unwind(Box::new("not reported by the hook"));
    });
    assert!(thread.join().is_err());
    assert_eq!(scene.drops.count(), 0, "all wait behind the held job");
    scene.release();
    dispatcher.quiesce();
    scene.check_reports(JOBS);
    assert_eq!(scene.drops.count(), JOBS);
}

/// Reads a file whose every owner but the waiting job is gone, made by `open`, while other files
/// are opened whose descriptors would get its number if it had been closed.
fn read_behind(open: impl Fn(&Path) -> FileHandle) {
    let (scene, dispatcher) = (Scene::new(), narrow());
    let directory = scratch();
    let path = known_file(directory.path(), "known", BLOCK as u64);
    let decoy = directory.path().join("decoy");
    std::fs::write(&decoy, [0xdd; BLOCK]).unwrap();

    dispatcher.try_submit(scene.held()).unwrap();
    let file = open(&path);
    let number = file.as_fd().as_raw_fd();
    let (sender, receiver) = mpsc::channel();
    let job = Job::read(file, AlignedBuf::zeroed(BLOCK), 0, move |done| {
        sender.send((done.file.as_fd().as_raw_fd(), done.into_success())).unwrap();
    });
    dispatcher.try_submit(job).unwrap();
    let decoys: Vec<_> = (0..64).map(|_| File::open(&decoy).unwrap()).collect();
    assert!(decoys.iter().all(|decoy| decoy.as_raw_fd() != number), "the file was closed");
    scene.release();
    let (same, result) = receiver.recv_timeout(HANG).unwrap();
    let (count, buffer) = result.unwrap();
    assert_eq!((same, count), (number, BLOCK));
    assert!(*buffer == contents(0..BLOCK as u64), "contents of the job's own file");
    dispatcher.quiesce();
}

#[test]
fn the_job_alone_keeps_its_file_open() {
    let closed = Drops::default();
    read_behind(|path| closed.file(File::open(path).unwrap()));
    assert_eq!(closed.count(), 1, "closed once, after the callback");
    read_behind(|path| FileHandle::from(File::open(path).unwrap()));
    read_behind(|path| FileHandle::from(OwnedFd::from(File::open(path).unwrap())));
    read_behind(|path| open_direct(path).unwrap_or_else(|| open_buffered(path)));
    read_behind(|path| {
        let shared = Arc::new(File::open(path).unwrap());
        FileHandle::from(&shared).clone()
    });
}
