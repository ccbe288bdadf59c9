//! Event-loop mode and fork: the child is refused everything and takes nothing of its parent's, whose jobs
//! end.

mod util;

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reapool::{
    Dispatcher, DrainError, Job, LoopDispatcher, ShutdownError, Stats, SubmitErrorKind, Submitter,
};
use util::child::{first_failure, in_child};
use util::event_loop::{TendedLoop, is_readable};
use util::{Drops, null, null_read, watched};

/// One child at a time, so that no other test's descriptors and threads are in it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tended() -> TendedLoop {
    TendedLoop::new(Dispatcher::builder().depth(8).backlog(8))
}

/// All that a child can ask of its parent's loop without giving it up.
fn ask(jobs: &mut LoopDispatcher) -> i32 {
    let refused = |kind: SubmitErrorKind| kind == SubmitErrorKind::Forked;
    let submitter = jobs.submitter();
    let error = jobs.run(usize::MAX).unwrap_err();
    first_failure(&[
        error.kind() == std::io::ErrorKind::Unsupported,
        refused(jobs.submit(Job::nop(|| ())).unwrap_err().kind()),
        refused(jobs.submit_batch([Job::nop(|| ())]).unwrap_err().kind()),
        refused(jobs.spawn(Job::nop(|| ())).unwrap_err().kind()),
        refused(submitter.submit(Job::nop(|| ())).unwrap_err().kind()),
        jobs.drain() == Err(DrainError::Forked),
        jobs.stats() == Stats::default(),
    ])
}

#[test]
fn a_child_is_refused_and_takes_nothing() {
    let _alone = alone();
    watched(|| {
        let mut jobs = tended();
        let drops = Drops::default();
        for _ in 0..5 {
            let (first, second) = (drops.guard(), drops.guard());
            jobs.submit(null_read(&null(), move || drop(first))).unwrap();
            jobs.submit(Job::nop(move || drop(second))).unwrap();
        }
        assert_eq!(in_child(&mut || ask(&mut jobs)), Some(0));
        assert!(is_readable(&*jobs), "the counter is the parent's");
        // As many as there are slots.
        assert_eq!(jobs.run(usize::MAX).unwrap(), 8);
        jobs.quiesce();
        assert_eq!(drops.count(), 10);
    });
}

#[test]
fn a_child_that_drops_it_ends() {
    let _alone = alone();
    watched(|| {
        for by_shutdown in [false, true] {
            let jobs = tended().into_inner();
            jobs.submit(null_read(&null(), || ())).unwrap();
            let drops = Drops::default();
            let guard = drops.guard();
            jobs.submit(Job::nop(move || drop(guard))).unwrap();
            let mut own = Some(jobs);
            let code = in_child(&mut || {
                let jobs = own.take().unwrap();
                let refused = if by_shutdown {
                    matches!(jobs.shutdown(), Err(ShutdownError::Forked))
                } else {
                    drop(jobs);
                    true
                };
                first_failure(&[refused, drops.count() == 0])
            });
            assert_eq!(code, Some(0));
            assert_eq!(own.unwrap().shutdown().unwrap().jobs, 2);
        }
    });
}

/// What a callback does that forks: the child returns from it, into `run`.
fn fork_in_callback(submitter: &Submitter, is_child: &AtomicI32, children: &Mutex<Vec<i32>>) {
    submitter.submit(Job::nop(|| ())).unwrap();
    match util::child::fork() {
        0 => is_child.store(1, Ordering::SeqCst),
        child => children.lock().unwrap().push(child),
    }
}

#[test]
fn a_child_that_returns_from_its_callback_leaves_the_rest_to_the_parent() {
    let _alone = alone();
    watched(|| {
        let mut jobs = tended();
        let (is_child, children) = (Arc::new(AtomicI32::new(0)), Arc::new(Mutex::new(Vec::new())));
        let drops = Drops::default();
        for number in 0..8 {
            let guard = drops.guard();
            let (flag, children) = (Arc::clone(&is_child), Arc::clone(&children));
            let submitter = jobs.submitter();
            let callback = move || {
                let _guard = guard;
                if number == 2 || number == 3 {
                    fork_in_callback(&submitter, &flag, &children);
                }
            };
            let job =
                if number % 2 == 0 { Job::nop(callback) } else { null_read(&null(), callback) };
            jobs.submit(job).unwrap();
        }
        while jobs.stats().outstanding > 0 || is_child.load(Ordering::SeqCst) == 1 {
            let before = drops.count();
            let result = jobs.run(usize::MAX);
            if is_child.load(Ordering::SeqCst) == 1 {
                // Only callbacks up to the one that forked have ended here.
                let refused =
                    result.is_err_and(|error| error.kind() == std::io::ErrorKind::Unsupported);
                let dropped = drops.count();
                let asked = ask(&mut jobs);
                util::child::exit(if asked > 0 {
                    10 + asked
                } else {
                    first_failure(&[refused, dropped < 8, drops.count() == dropped, before < 8])
                });
            }
            result.unwrap();
        }
        let children = std::mem::take(&mut *children.lock().unwrap());
        assert_eq!(children.len(), 2);
        for child in children {
            assert_eq!(util::child::status_of(child), Some(0));
        }
        assert_eq!((drops.count(), jobs.stats().finished), (8, 10));
    });
}
