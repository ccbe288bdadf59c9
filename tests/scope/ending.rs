//! A scope ends when all its jobs are over, on every way out of it, whatever is leaked inside; and
//! tells of panics.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use reapool::{
    AlignedBuf, Builder, FileHandle, JoinError, PollEvents, Scope, ScopeError, ScopedJob,
};

use crate::support::{
    self, Gate, Tended, contents, eventfd, known_file, make_readable, null, open_buffered,
    open_direct, scratch, watched,
};

const BLOCK: usize = 4096;
const BLOCKS: usize = 32;

fn set(flag: &mut bool) {
    *flag = true;
}

fn tended() -> Tended {
    Tended::new(support::builder().depth(4).workers(2))
}

/// Runs the body of a scope that holds a job in the kernel, and others behind it in callbacks,
/// until the body has been left, and checks that the scope's end came after theirs.
fn left_by<T>(leave: impl FnOnce() -> T) -> thread::Result<Result<T, ScopeError>> {
    /// Tells that the body has been left.
    struct Left<'a>(&'a Gate);

    impl Drop for Left<'_> {
        fn drop(&mut self) {
            self.0.pass();
        }
    }

    let dispatcher = Tended::new(support::builder().depth(4).backlog(BLOCKS).workers(2));
    let (event, left) = (eventfd(), Gate::default());
    let (mut polled, held) = (false, Gate::default());
    let mut ran = [false; BLOCKS];
    let ended = thread::scope(|threads| {
        threads.spawn(|| {
            left.wait_for(1);
            left.open();
            // The body is over. What it left behind gets what it waits for now.
            held.open();
            make_readable(&event);
        });
        catch_unwind(AssertUnwindSafe(|| {
            dispatcher.scope(|scope| {
                let poll = |_| polled = true;
                let _left = Left(&left);
                scope.submit(ScopedJob::poll(&*event, PollEvents::READABLE, poll)).unwrap();
                let holding = |ran| {
                    let held = &held;
                    ScopedJob::nop(move || {
                        held.pass();
                        set(ran);
                    })
                };
                scope.submit_batch(ran.iter_mut().map(holding)).unwrap();
                leave()
            })
        }))
    });
    assert!(polled && ran == [true; BLOCKS], "the scope ended before its jobs");
    ended
}

#[test]
fn it_waits_for_what_the_kernel_and_callbacks_have() {
    watched(|| assert_eq!(left_by(|| 7).unwrap(), Ok(7)));
}

#[test]
fn it_waits_when_its_body_panics() {
    watched(|| {
        let payload = left_by(|| panic_any("the body's own")).unwrap_err();
        assert_eq!(*payload.downcast::<&str>().unwrap(), "the body's own");
    });
}

#[test]
fn being_unparked_ends_no_scope() {
    watched(|| {
        let owner = thread::current();
        let over = AtomicBool::new(false);
        thread::scope(|threads| {
            threads.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    owner.unpark();
                    thread::yield_now();
                }
            });
            assert!(left_by(|| ()).unwrap().is_ok());
            over.store(true, Ordering::Relaxed);
        });
    });
}

/// The message of the panic that a scope ends with, having run all jobs.
fn panic_of(
    builder: Builder,
    body: impl for<'scope> FnOnce(&'scope Scope<'scope, '_>),
) -> Option<String> {
    let dispatcher = Tended::new(builder.depth(4).workers(2));
    let mut ran = [false; BLOCKS];
    let ended = catch_unwind(AssertUnwindSafe(|| {
        dispatcher.scope(|scope| {
            let others = |ran| ScopedJob::nop(move || set(ran));
            let (before, behind) = ran.split_at_mut(BLOCKS / 2);
            scope.submit_batch(before.iter_mut().map(others)).unwrap();
            body(scope);
            scope.submit_batch(behind.iter_mut().map(others)).unwrap();
        })
    }));
    assert_eq!(ran, [true; BLOCKS], "a panic costs nobody else anything");
    ended.err().map(|payload| match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().unwrap().to_string(),
    })
}

const SCOPES_OWN: &str = "a scoped job panicked";

#[test]
fn a_callbacks_panic_becomes_the_scopes() {
    watched(|| {
        let (told, tell) = mpsc::channel();
        let builder = support::builder().panic_handler(move |panic| {
            told.send(panic.message().unwrap().to_owned()).unwrap();
        });
        let panic = panic_of(builder, |scope| {
            scope.submit(ScopedJob::nop(|| panic!("the callback's own"))).unwrap();
        });
        assert_eq!(panic.as_deref(), Some("a scoped job panicked: the callback's own"));
        // The handler was told before the scope ended.
        assert_eq!(tell.try_recv().unwrap(), "the callback's own");
        assert!(tell.try_recv().is_err());
    });
}

#[test]
fn a_panic_that_somebody_got_is_not_the_scopes() {
    watched(|| {
        let panic = panic_of(support::builder(), |scope| {
            let handle = scope.spawn(ScopedJob::nop(|| panic_any(5_u8))).unwrap();
            let Err(JoinError::Panicked(payload)) = handle.join() else { panic!("no payload") };
            assert_eq!(*payload.into_inner().downcast::<u8>().unwrap(), 5);
        });
        assert_eq!(panic, None);
        let panic = panic_of(support::builder(), |scope| {
            let job = || ScopedJob::nop(|| panic_any(5_u8));
            let (joined, _dropped) = (scope.spawn(job()).unwrap(), scope.spawn(job()).unwrap());
            assert!(matches!(joined.join(), Err(JoinError::Panicked(_))));
        });
        assert_eq!(panic.as_deref(), Some(SCOPES_OWN), "one of two was got");
        let panic = panic_of(support::builder(), |scope| {
            mem::forget(scope.spawn(ScopedJob::nop(|| panic_any(5_u8))).unwrap());
        });
        assert_eq!(panic.as_deref(), Some(SCOPES_OWN), "in a handle that was forgotten");
        let panic = panic_of(support::builder().panic_handler(|_| ()), |scope| {
            let job = |number: usize| ScopedJob::nop(move || panic!("number {number}"));
            let handles = [0, 1, 2].map(|number| scope.spawn(job(number)).unwrap());
            let [first, _dropped, third] = handles;
            assert!(first.join().is_err() && third.join().is_err());
        });
        assert_eq!(panic.as_deref(), Some("a scoped job panicked: number 1"), "nobody got it");
    });
}

#[test]
fn the_bodys_panic_goes_before() {
    watched(|| {
        let dispatcher = tended();
        let ended = catch_unwind(AssertUnwindSafe(|| {
            dispatcher.scope(|scope| {
                scope.submit(ScopedJob::nop(|| panic!("the callback's own"))).unwrap();
                panic_any("the body's own");
            })
        }));
        assert_eq!(*ended.unwrap_err().downcast::<&str>().unwrap(), "the body's own");
    });
}

/// Panics when it is dropped.
struct Trap;

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("sprung");
    }
}

#[test]
fn destructors_may_panic() {
    watched(|| {
        // A value and a payload that have no handle any more, and what a callback captured.
        let panic = panic_of(support::builder(), |scope| {
            let gate = Gate::default();
            let held = gate.clone();
            let late = move || {
                held.pass();
                Trap
            };
            drop(scope.spawn(ScopedJob::nop(late)).unwrap());
            gate.open();
        });
        assert_eq!(panic.as_deref(), Some("a scoped job panicked: sprung"));
        let panic = panic_of(support::builder(), |scope| {
            let gate = Gate::default();
            let held = gate.clone();
            let late = move || {
                held.pass();
                panic_any(Trap)
            };
            drop(scope.spawn(ScopedJob::nop(late.clone())).unwrap());
            scope.submit(ScopedJob::nop(late)).unwrap();
            gate.open();
        });
        assert_eq!(panic.as_deref(), Some(SCOPES_OWN));
        let panic = panic_of(support::builder(), |scope| {
            let trap = Trap;
            scope.submit(ScopedJob::nop(move || drop(trap))).unwrap();
        });
        assert_eq!(panic.as_deref(), Some("a scoped job panicked: sprung"));
    });
}

/// Counts its drops where it was told to, on the owner's stack.
struct Borrower<'a>(&'a AtomicUsize);

impl Drop for Borrower<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn nothing_of_a_job_is_left() {
    watched(|| {
        let dispatcher = tended();
        for _ in 0..200 / support::scale() {
            let drops = AtomicUsize::new(0);
            let ended = catch_unwind(AssertUnwindSafe(|| {
                dispatcher.scope(|scope| {
                    for number in 0..6 {
                        let captured = Borrower(&drops);
                        let value = Borrower(&drops);
                        let job = ScopedJob::blocking(
                            || value,
                            move |value| {
                                let _captured = captured;
                                assert!(number != 3, "this one panics with both");
                                value
                            },
                        );
                        // Nobody is there for the value but the worker.
                        drop(scope.spawn(job).unwrap());
                    }
                })
            }));
            assert!(ended.is_err());
            assert_eq!(drops.into_inner(), 12, "all of them before the scope ended");
        }
    });
}

/// Reads all blocks into parts of a borrowed buffer, leaks all that can be leaked, and checks that
/// the buffer is the owner's again, with what was read.
fn leaking(file: &FileHandle) {
    let dispatcher = Tended::new(support::builder().depth(2).backlog(1).workers(2));
    let mut buffer = AlignedBuf::zeroed(BLOCK * BLOCKS);
    let kept = Mutex::new(Vec::new());
    dispatcher
        .scope(|scope| {
            for (number, part) in buffer.chunks_mut(BLOCK).enumerate() {
                let (offset, kept) = ((number * BLOCK) as u64, &kept);
                let captured = vec![number];
                let job = ScopedJob::read(file, part, offset, move |done| {
                    mem::forget(captured);
                    match number % 3 {
                        0 => mem::forget(done),
                        1 => kept.lock().unwrap().push(done.buffer),
                        _ => {}
                    }
                    Box::leak(Box::new(number))
                });
                match number % 2 {
                    0 => mem::forget(scope.spawn(job).unwrap()),
                    _ => drop(scope.spawn(job).unwrap()),
                }
                // Neither accepted nor dropped.
                mem::forget(ScopedJob::nop(|| drop(kept.lock())));
                if let Err(refused) = scope.try_submit(ScopedJob::nop(|| drop(kept.lock()))) {
                    mem::forget(refused);
                }
            }
        })
        .unwrap();
    drop(kept);
    assert!(*buffer == contents(0..(BLOCK * BLOCKS) as u64));
    buffer.fill(0);
}

#[test]
fn leaks_do_no_harm() {
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "known", (BLOCK * BLOCKS) as u64);
        leaking(&open_buffered(&path));
        if let Some(direct) = open_direct(&path) {
            leaking(&direct);
        }
    });
}

#[test]
fn the_dispatcher_may_end_inside() {
    watched(|| {
        let dispatcher = tended().into_inner();
        let submitter = dispatcher.submitter();
        let (null, mut buffers) = (null(), [[0; 16]; BLOCKS]);
        let ran = AtomicUsize::new(0);
        let count = || {
            ran.fetch_add(1, Ordering::Relaxed);
        };
        submitter
            .scope(|scope| {
                for buffer in &mut buffers {
                    let job = ScopedJob::read(&null, &mut buffer[..], 0, |_| {
                        count();
                        // Callbacks may go on submitting.
                        scope.submit(ScopedJob::nop(count)).unwrap();
                    });
                    scope.submit(job).unwrap();
                }
                drop(dispatcher);
                assert_eq!(ran.load(Ordering::Relaxed), 2 * BLOCKS);
            })
            .unwrap();
    });
}

#[test]
fn a_dispatcher_that_was_given_up_still_ends_its_jobs() {
    watched(|| {
        let dispatcher = tended().into_inner();
        let submitter = dispatcher.submitter();
        let (event, mut polled) = (eventfd(), false);
        submitter
            .scope(|scope| {
                let poll = |_| polled = true;
                scope.submit(ScopedJob::poll(&*event, PollEvents::READABLE, poll)).unwrap();
                let given_up = dispatcher.shutdown_timeout(Duration::ZERO);
                assert!(given_up.is_err());
                make_readable(&event);
            })
            .unwrap();
        assert!(polled);
        // Its threads end by themselves.
        let ended = || submitter.stats().outstanding == 0;
        support::eventually("nothing is outstanding", ended);
    });
}
