//! Scopes where there is more than one dispatcher with threads of its own: with event loops, with
//! tasks, and within scopes and callbacks of other dispatchers.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use reapool::{Cancel, Dispatcher, Job, PollEvents, Scope, ScopeError, ScopedJob};

use crate::support::event_loop::{TendedLoop, wait_readable};
use crate::support::tasks::Task;
use crate::support::{self, Tended, eventfd, eventually, null, scale, watched};

#[test]
fn another_thread_opens_scopes_on_a_loop_and_its_owner_none() {
    watched(|| {
        let mut jobs = TendedLoop::new(Dispatcher::builder().depth(2).backlog(2));
        let submitter = jobs.submitter();
        assert_eq!(jobs.run(1).unwrap(), 0);
        let refused = submitter.scope(|_| panic!("the owner would wait for itself"));
        assert_eq!(refused, Err(ScopeError::InCallback));
        let (never, over) = (eventfd(), AtomicBool::new(false));
        thread::scope(|threads| {
            threads.spawn(|| {
                for _ in 0..100 / scale() {
                    let mut told = [None; 6];
                    submitter
                        .scope(|scope| {
                            for (place, number) in told.iter_mut().zip(0..) {
                                // They wait for room, and then for the deadline or the handle.
                                let poll = ScopedJob::poll(&*never, PollEvents::READABLE, |done| {
                                    *place = done.result.unwrap_err().raw_os_error();
                                });
                                if number % 2 == 0 {
                                    let handle = scope.spawn(poll).unwrap();
                                    assert_eq!(handle.cancel(), Cancel::Cancelled);
                                } else {
                                    scope
                                        .submit(poll.start_within(Duration::from_millis(1)))
                                        .unwrap();
                                }
                            }
                        })
                        .unwrap();
                    let (cancelled, late) = (Some(libc::ECANCELED), Some(libc::ETIMEDOUT));
                    assert_eq!(told, [cancelled, late, cancelled, late, cancelled, late]);
                }
                over.store(true, Ordering::SeqCst);
                // The owner looks once more.
                submitter.submit(Job::nop(|| ())).unwrap();
            });
            while !over.load(Ordering::SeqCst) {
                match jobs.next_deadline() {
                    None => wait_readable(&*jobs),
                    Some(_) => thread::yield_now(),
                }
                jobs.run(usize::MAX).unwrap();
            }
        });
        jobs.quiesce();
    });
}

#[test]
fn a_scope_in_a_callback_of_another_dispatchers_scope_submits_to_both() {
    fn fan<'scope>(scope: &'scope Scope<'scope, '_>, count: &'scope AtomicUsize) {
        for _ in 0..5 {
            let job = ScopedJob::nop(|| {
                count.fetch_add(1, Ordering::Relaxed);
            });
            scope.submit(job).unwrap();
        }
    }
    watched(|| {
        // With room for all: a callback that waits for room of a dispatcher whose callbacks wait
        // for it would wait for ever.
        let here = Tended::new(support::builder().depth(2).backlog(64).workers(2));
        let there = Tended::new(support::builder().depth(2).backlog(2).workers(2));
        for _ in 0..50 / scale() {
            let (outside, inside) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let (outside, inside) = (&outside, &inside);
            here.scope(|outer| {
                for _ in 0..4 {
                    let callback = || {
                        let mine = AtomicUsize::new(0);
                        there
                            .scope(|inner| {
                                fan(inner, &mine);
                                let both = || fan(outer, outside);
                                inner.submit(ScopedJob::nop(both)).unwrap();
                            })
                            .unwrap();
                        inside.fetch_add(mine.into_inner(), Ordering::Relaxed);
                    };
                    outer.submit(ScopedJob::nop(callback)).unwrap();
                }
            })
            .unwrap();
            assert_eq!(outside.load(Ordering::Relaxed), 20);
            assert_eq!(inside.load(Ordering::Relaxed), 20);
        }
    });
}

#[test]
fn a_task_awaits_what_a_scopes_job_borrows() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(4).workers(2));
        let (numbers, file) = ([1, 2, 3, 4], null());
        let mut buffer = [0; 16];
        let sum = dispatcher
            .scope(|scope| {
                let read = ScopedJob::read(&file, &mut buffer[..], 0, |done| done.buffer);
                let read = scope.spawn(read).unwrap();
                let sum = scope.spawn(ScopedJob::nop(|| numbers.iter().sum::<u32>())).unwrap();
                futures::executor::block_on(async {
                    read.await.fill(7);
                    sum.await
                })
            })
            .unwrap();
        assert_eq!((sum, buffer), (10, [7; 16]));
    });
}

#[test]
fn a_panic_that_a_task_got_is_not_the_scopes() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(4).workers(2).panic_handler(|_| ()));
        let task = Task::new();
        let spawn_and_poll = |is_awaited: bool| {
            let ended = dispatcher.scope(|scope| {
                let mut handle = scope.spawn(ScopedJob::nop(|| panic_any(5_u8))).unwrap();
                eventually("the callback is over", || handle.is_finished());
                let got =
                    is_awaited.then(|| catch_unwind(AssertUnwindSafe(|| task.poll(&mut handle))));
                got.map(|got| *got.map(drop).unwrap_err().downcast::<u8>().unwrap())
            });
            ended.unwrap()
        };
        assert_eq!(spawn_and_poll(true), Some(5));
        let ended = catch_unwind(AssertUnwindSafe(|| spawn_and_poll(false)));
        assert_eq!(*ended.unwrap_err().downcast::<&str>().unwrap(), "a scoped job panicked");
    });
}

#[test]
fn a_handle_that_was_polled_in_a_scope_and_forgotten_keeps_nothing_of_it() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(4).workers(2));
        let task = Task::new();
        for _ in 0..100 / scale() {
            let mut byte = 0;
            dispatcher
                .scope(|scope| {
                    let mut handle = scope.spawn(ScopedJob::nop(|| byte = 1)).unwrap();
                    let _ = task.poll(&mut handle);
                    std::mem::forget(handle);
                })
                .unwrap();
            assert_eq!(byte, 1);
        }
        // Its job has woken it or dropped its waker.
        assert_eq!(task.wakers(), 0);
    });
}
