//! Scopes and forks: a child opens none on its parent's dispatcher, waits for none of its jobs, and
//! leaves a scope alive only if these were over. The parent doesn't notice.

#![expect(unsafe_code, reason = "forks")]

mod util;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use reapool::{PollEvents, Refusal, ScopeError, ScopedJob};
use util::child::{first_failure, in_child};
use util::{Tended, eventfd, eventually, make_readable, watched};

/// One child at a time, so that no other test's descriptors and threads are in it.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_child_opens_no_scope() {
    let _alone = alone();
    watched(|| {
        let dispatcher = Tended::new(util::builder());
        let mut open = || {
            let mut ran = false;
            let refused = dispatcher.scope(|_| ran = true) == Err(ScopeError::Forked);
            first_failure(&[refused, !ran])
        };
        assert_eq!(in_child(&mut open), Some(0));
        assert_eq!(dispatcher.scope(|_| 3), Ok(3));
    });
}

/// Has the body of a scope fork, with a job of the scope outstanding or not, and be left by the child
/// too, which then ends with `code`. Returns the child's wait status.
fn fork_inside(outstanding: bool, code: i32) -> i32 {
    let dispatcher = Tended::new(util::builder().workers(1));
    let (event, polled) = (eventfd(), AtomicBool::new(false));
    let mut status = 0;
    let is_child = dispatcher
        .scope(|scope| {
            let poll = ScopedJob::poll(&*event, PollEvents::READABLE, |_| {
                polled.store(true, Ordering::Relaxed);
            });
            let handle = scope.spawn(poll).unwrap();
            if !outstanding {
                make_readable(&event);
                handle.join().unwrap();
                // The job is over when the worker is done with it, shortly after.
                eventually("the job is over", || dispatcher.stats().outstanding == 0);
            }
            // SAFETY: the child checks and ends; it takes no lock that another thread may have held
            // but those of the crate, which are what is tested.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let refused = scope.submit(ScopedJob::nop(|| ())).unwrap_err();
                assert_eq!(refused.kind(), Refusal::Forked);
                return true;
            }
            assert!(child > 0);
            // SAFETY: the kernel writes the status through the pointer, which is to a live local.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            assert_eq!(polled.load(Ordering::Relaxed), !outstanding);
            if outstanding {
                make_readable(&event);
            }
            false
        })
        .unwrap();
    if is_child {
        // SAFETY: ends the process without running anything of it.
        unsafe { libc::_exit(code) };
    }
    assert!(polled.into_inner(), "the parent's scope waited for its job");
    status
}

#[test]
fn a_child_leaves_a_scope_whose_jobs_are_over() {
    let _alone = alone();
    watched(|| {
        let status = fork_inside(false, 17);
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 17, "{status:#x}");
    });
}

#[test]
fn a_child_does_not_leave_a_scope_whose_jobs_are_not() {
    let _alone = alone();
    watched(|| {
        let status = fork_inside(true, 17);
        assert!(
            libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGABRT,
            "{status:#x}"
        );
    });
}

#[test]
fn a_callback_may_fork() {
    let _alone = alone();
    watched(|| {
        let dispatcher = Tended::new(util::builder().workers(1));
        let mut status = -1;
        dispatcher
            .scope(|scope| {
                let job = ScopedJob::nop(|| {
                    // SAFETY: as above; the child returns to the worker, which ends there, and with
                    // it the process, having no other thread.
                    let child = unsafe { libc::fork() };
                    if child == 0 {
                        return;
                    }
                    assert!(child > 0);
                    let mut ended = 0;
                    // SAFETY: the kernel writes the status through the pointer, to a live local.
                    assert_eq!(unsafe { libc::waitpid(child, &raw mut ended, 0) }, child);
                    status = ended;
                });
                scope.submit(job).unwrap();
            })
            .unwrap();
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:#x}");
    });
}
