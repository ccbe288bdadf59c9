//! Scopes and forks: a child opens none on its parent's dispatcher, waits for none of its jobs, and
//! leaves a scope alive only if these were over. The parent doesn't notice.

use std::sync::atomic::{AtomicBool, Ordering};

use reapool::{PollEvents, Refusal, ScopeError, ScopedJob};

use crate::support::alone::alone;
use crate::support::child::{end_of, exit, first_failure, fork, in_child};
use crate::support::{self, Tended, eventfd, eventually, make_readable, watched};

#[test]
fn a_child_opens_no_scope() {
    let _alone = alone();
    watched(|| {
        let dispatcher = Tended::new(support::builder());
        let mut open = || {
            let mut ran = false;
            let refused = dispatcher.scope(|_| ran = true) == Err(ScopeError::Forked);
            first_failure(&[refused, !ran])
        };
        assert_eq!(in_child(&mut open), Some(0));
        assert_eq!(dispatcher.scope(|_| 3), Ok(3));
    });
}

/// Has the body of a scope fork, with a job of the scope outstanding or not, and be left by the
/// child too, which then ends with `code`. Returns the child's wait status.
fn fork_inside(outstanding: bool, code: i32) -> i32 {
    let dispatcher = Tended::new(support::builder().workers(1));
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
            let child = fork();
            if child == 0 {
                let refused = scope.submit(ScopedJob::nop(|| ())).unwrap_err();
                assert_eq!(refused.kind(), Refusal::Forked);
                return true;
            }
            status = end_of(child).unwrap();
            assert_eq!(polled.load(Ordering::Relaxed), !outstanding);
            if outstanding {
                make_readable(&event);
            }
            false
        })
        .unwrap();
    if is_child {
        exit(code);
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
        let dispatcher = Tended::new(support::builder().workers(1));
        let mut status = -1;
        dispatcher
            .scope(|scope| {
                let job = ScopedJob::nop(|| {
                    let child = fork();
                    // It returns to the worker, which ends there, and with it the process, having
                    // no other thread.
                    if child > 0 {
                        status = end_of(child).unwrap();
                    }
                });
                scope.submit(job).unwrap();
            })
            .unwrap();
        assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status:#x}");
    });
}
