//! Event-loop mode and fork: the child is refused everything and takes nothing of its parent's,
//! whose jobs end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use reapool::{Dispatcher, DrainError, Job, LoopDispatcher, Refusal, ShutdownError, Stats};

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child};
use crate::support::event_loop::TendedLoop;
use crate::support::readiness::{counter, is_readable};
use crate::support::{self, Drops, null, null_read, watched};

fn tended() -> TendedLoop {
    TendedLoop::new(Dispatcher::builder().depth(8).backlog(8))
}

/// All that a child can ask of its parent's loop without giving it up.
fn ask(jobs: &mut LoopDispatcher) -> i32 {
    let refused = |kind: Refusal| kind == Refusal::Forked;
    let submitter = jobs.submitter();
    let error = jobs.run(usize::MAX).unwrap_err();
    first_failure(&[
        error.kind() == std::io::ErrorKind::Unsupported,
        refused(jobs.try_submit(Job::nop(|| ())).unwrap_err().kind()),
        refused(jobs.try_submit_batch([Job::nop(|| ())]).unwrap_err().kind()),
        refused(jobs.try_spawn(Job::nop(|| ())).unwrap_err().kind()),
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
            jobs.try_submit(null_read(&null(), move || drop(first))).unwrap();
            jobs.try_submit(Job::nop(move || drop(second))).unwrap();
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
            jobs.try_submit(null_read(&null(), || ())).unwrap();
            let drops = Drops::default();
            let guard = drops.guard();
            jobs.try_submit(Job::nop(move || drop(guard))).unwrap();
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

/// A loop with as many jobs as it has slots, which the kernel and the channel have to tell of in
/// turns. The callback of one of them forks; the parent's waits for the child to end.
struct Forking {
    jobs: TendedLoop,
    is_child: Arc<AtomicBool>,
    /// The numbers of the callbacks that have run in this process.
    ran: Arc<Mutex<Vec<usize>>>,
    drops: Drops,
}

impl Forking {
    const JOBS: usize = 8;

    fn new(forks: usize) -> Self {
        let jobs = tended();
        let (is_child, ran) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let drops = Drops::default();
        for number in 0..Self::JOBS {
            let (is_child, ran) = (Arc::clone(&is_child), Arc::clone(&ran));
            let (submitter, guard) = (jobs.submitter(), drops.guard());
            let callback = move || {
                let _guard = guard;
                ran.lock().unwrap().push(number);
                if number == forks {
                    submitter.submit(Job::nop(|| ())).unwrap();
                    match support::child::fork() {
                        0 => is_child.store(true, Ordering::SeqCst),
                        child => assert_eq!(support::child::status_of(child), Some(0)),
                    }
                }
            };
            let job =
                if number % 2 == 0 { Job::nop(callback) } else { null_read(&null(), callback) };
            jobs.try_submit(job).unwrap();
        }
        Self { jobs, is_child, ran, drops }
    }

    /// One turn. The child ends here, and reports whether all was left to the parent.
    fn turn(&mut self, most: usize, forks: usize) {
        let result = self.jobs.run(most);
        if self.is_child.load(Ordering::SeqCst) {
            let refused =
                result.is_err_and(|error| error.kind() == std::io::ErrorKind::Unsupported);
            let ran = self.ran.lock().unwrap().clone();
            let alone = ran.last() == Some(&forks) && self.drops.count() == ran.len();
            let asked = ask(&mut self.jobs);
            support::child::exit(if asked > 0 {
                10 + asked
            } else {
                first_failure(&[refused, alone])
            });
        }
        result.unwrap();
    }
}

#[test]
fn a_child_that_returns_from_its_callback_leaves_the_rest_to_the_parent() {
    let _alone = alone();
    for forks in [2, 3] {
        watched(move || {
            let mut forking = Forking::new(forks);
            while forking.jobs.stats().outstanding > 0 {
                forking.turn(usize::MAX, forks);
            }
            assert_eq!(forking.ran.lock().unwrap().len(), Forking::JOBS);
            assert_eq!(forking.drops.count(), Forking::JOBS);
            assert_eq!(forking.jobs.stats().panics, 0);
        });
    }
}

#[test]
fn a_child_leaves_the_counter_alone() {
    let _alone = alone();
    // The first callback of a turn, and the last.
    for forks in [0, 1] {
        watched(move || {
            // What was told and not taken is counted again, by the parent only.
            let mut forking = Forking::new(forks);
            forking.turn(5, forks);
            assert!(forking.ran.lock().unwrap().contains(&forks));
            assert_eq!(forking.jobs.stats().panics, 0);
            // Nine jobs, of which one was submitted by a callback, and five were taken.
            assert_eq!(counter(&forking.jobs), 4);
        });
    }
}
