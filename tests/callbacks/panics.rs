//! A panicking callback costs nobody else anything, and is counted, reported and handed on.

#![expect(unsafe_code, reason = "implements the buffer contract for a buffer that panics")]

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

use reapool::{CallbackPanic, Dispatcher, FileHandle, IoBuf, Job, JoinError, Operation, Submitter};

use crate::support::panics::{Grenade, quietly};
use crate::support::{self, Drops, HANG, null, null_read, watched};

/// As small as possible: one slot, one worker, and the next job needs both.
fn tight() -> Dispatcher {
    support::builder().depth(1).workers(1).build().unwrap()
}

fn runs_on(dispatcher: &Dispatcher, file: &FileHandle) {
    let handle = dispatcher.spawn(null_read(file, || 5)).unwrap();
    assert_eq!(handle.join_timeout(HANG).unwrap(), 5);
}

#[test]
fn a_thousand_panics_in_a_row_leave_slot_and_worker_usable() {
    quietly(|| {
        let (dispatcher, file) = (tight(), null());
        for number in 0..1000 {
            dispatcher.submit(null_read(&file, move || panic!("number {number}"))).unwrap();
        }
        runs_on(&dispatcher, &file);
        assert_eq!(dispatcher.stats().panics, 1000);
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.failed, report.panics), (1001, 0, 1000));
    });
}

#[test]
fn the_handler_hears_of_each_panic_what_there_is_to_know() {
    quietly(|| {
        let (sender, heard) = mpsc::channel();
        let handler = move |panic: &CallbackPanic<'_>| {
            let thread = thread::current().name().unwrap().to_owned();
            let number = panic.payload.downcast_ref::<u64>().copied();
            let message = panic.message().map(str::to_owned);
            let text = panic.to_string();
            sender.send((panic.operation, panic.offset, message, number, text, thread)).unwrap();
        };
        let builder = support::builder().depth(1).workers(1).panic_handler(handler);
        let dispatcher = builder.build().unwrap();
        dispatcher.submit(Job::read(null(), vec![0; 9], 7, |_| panic!("plain"))).unwrap();
        let formatted = Job::write(null(), vec![0; 9], 8, |done| panic!("at {}", done.offset));
        dispatcher.submit(formatted).unwrap();
        drop(dispatcher.spawn(Job::sync_all(null(), |_| panic_any(99_u64))).unwrap());
        assert_eq!(dispatcher.shutdown().unwrap().panics, 3);

        let expected = [
            (Operation::Read, 7, Some("plain"), None, "the callback of a read at offset 7"),
            (Operation::Write, 8, Some("at 8"), None, "the callback of a write at offset 8"),
            (Operation::SyncAll, 0, None, Some(99), "the callback of a fsync at offset 0"),
        ];
        for expected in expected {
            let (operation, offset, message, number, text, thread) = heard.recv().unwrap();
            assert_eq!((operation, offset), (expected.0, expected.1));
            assert_eq!((message.as_deref(), number), (expected.2, expected.3));
            assert!(text.starts_with(expected.4), "{text}");
            assert_eq!(thread, "aio-worker-0");
        }
        assert!(heard.recv().is_err(), "once for each");
    });
}

#[test]
fn what_the_handler_holds_is_dropped_with_the_dispatcher() {
    watched(|| {
        for _ in 0..100 {
            let held = Arc::new(());
            let kept = Arc::clone(&held);
            let handler = move |_: &CallbackPanic<'_>| drop(Arc::clone(&kept));
            drop(support::builder().depth(1).workers(1).panic_handler(handler).build().unwrap());
            assert_eq!(Arc::strong_count(&held), 1, "a thread that goes on has it");
        }
    });
}

/// Tells which thread dropped it, and panics.
struct TellingGrenade(mpsc::Sender<Option<String>>);

impl Drop for TellingGrenade {
    fn drop(&mut self) {
        self.0.send(thread::current().name().map(str::to_owned)).unwrap();
        panic!("a destructor");
    }
}

#[test]
fn what_the_handler_holds_is_dropped_by_the_worker_that_ran_the_last_callback() {
    quietly(|| {
        let (tell, told) = mpsc::channel();
        let bomb = TellingGrenade(tell);
        let handler = move |_: &CallbackPanic<'_>| _ = &bomb;
        let dispatcher = support::builder().workers(1).panic_handler(handler).build().unwrap();
        // It shares the inside of the dispatcher for longer than the threads.
        let submitter = dispatcher.submitter();
        submitter.submit(Job::nop(move || drop(dispatcher))).unwrap();
        let name = told.recv_timeout(HANG).unwrap();
        assert_eq!(name.as_deref(), Some("aio-worker-0"));
        drop(submitter);
    });
}

#[test]
fn what_the_handler_holds_may_panic_when_an_idle_dispatcher_is_dropped() {
    quietly(|| {
        let (tell, told) = mpsc::channel();
        for shut_down in [true, false] {
            let bomb = TellingGrenade(tell.clone());
            let handler = move |_: &CallbackPanic<'_>| _ = &bomb;
            let dispatcher = support::builder().workers(1).panic_handler(handler).build().unwrap();
            dispatcher.drain().unwrap();
            if shut_down {
                dispatcher.shutdown().unwrap();
            } else {
                drop(dispatcher);
            }
            assert_eq!(told.try_recv().unwrap().as_deref(), thread::current().name());
        }
    });
}

#[test]
fn a_handler_may_hold_a_submitter_of_its_own_dispatcher() {
    quietly(|| {
        let (own, held) = (Arc::new(OnceLock::<Submitter>::new()), Arc::new(()));
        let (jobs, kept) = (Arc::clone(&own), Arc::clone(&held));
        let (tell, told) = mpsc::channel();
        let handler = move |_: &CallbackPanic<'_>| {
            let (kept, tell) = (Arc::clone(&kept), tell.clone());
            let job = Job::nop(move || {
                drop(kept);
                tell.send(()).unwrap();
            });
            jobs.get().unwrap().try_submit(job).unwrap();
        };
        let dispatcher = support::builder().workers(1).panic_handler(handler).build().unwrap();
        own.set(dispatcher.submitter()).unwrap();
        drop(own);
        dispatcher.submit(Job::nop(|| panic!("for the handler"))).unwrap();
        dispatcher.shutdown().unwrap();
        assert_eq!(told.try_recv(), Ok(()), "the job that the handler submitted has run");
        assert_eq!(Arc::strong_count(&held), 1, "the handler is gone");
    });
}

#[test]
fn a_handle_gets_the_payload() {
    quietly(|| {
        let (dispatcher, file) = (tight(), null());
        let spawn = || dispatcher.spawn(null_read(&file, || -> u8 { panic_any(99_u64) })).unwrap();
        let Err(JoinError::Panicked(payload)) = spawn().join_timeout(HANG) else { panic!() };
        assert_eq!(*payload.into_inner().downcast::<u64>().unwrap(), 99);

        let error = spawn().join_timeout(HANG).unwrap_err();
        let resumed = catch_unwind(AssertUnwindSafe(|| error.resume_panic())).unwrap_err();
        assert_eq!(*resumed.downcast::<u64>().unwrap(), 99);

        let late = spawn();
        dispatcher.drain().unwrap();
        assert!(late.is_finished());
        assert!(matches!(late.join(), Err(JoinError::Panicked(_))));
        assert_eq!(dispatcher.shutdown().unwrap().panics, 3);
    });
}

#[test]
fn a_handles_error_says_what_the_callback_panicked_with() {
    quietly(|| {
        let (dispatcher, file) = (tight(), null());
        let error = |panic: fn()| {
            let handle = dispatcher.spawn(null_read(&file, panic)).unwrap();
            let error = handle.join_timeout(HANG).unwrap_err();
            (error.to_string(), format!("{error:?}"))
        };
        let (shown, debugged) = error(|| panic!("no such planet"));
        assert_eq!(shown, "the callback panicked: no such planet");
        assert_eq!(debugged, "Panicked(\"no such planet\")");
        assert_eq!(error(|| panic!("{} planets", 9)).0, "the callback panicked: 9 planets");
        let (shown, debugged) = error(|| panic_any(99_u64));
        assert_eq!((&*shown, &*debugged), ("the callback panicked", "Panicked(..)"));
    });
}

#[test]
fn a_payload_that_panics_when_dropped_is_one_panic_and_no_more() {
    quietly(|| {
        let (dispatcher, file) = (tight(), null());
        dispatcher.submit(null_read(&file, || panic_any(Grenade))).unwrap();
        runs_on(&dispatcher, &file);
        assert_eq!(dispatcher.shutdown().unwrap().panics, 1);
    });
}

#[test]
fn a_payload_that_panics_when_dropped_is_one_panic_also_when_nobody_joins() {
    quietly(|| {
        let (dispatcher, file) = (tight(), null());
        // Nobody has the handle any more when the callback panics, so the worker drops the payload.
        let (open, opened) = mpsc::channel::<()>();
        let job = null_read(&file, move || {
            opened.recv_timeout(HANG).unwrap();
            panic_any(Grenade);
        });
        drop(dispatcher.spawn(job).unwrap());
        open.send(()).unwrap();
        runs_on(&dispatcher, &file);
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.panics), (2, 1));
    });
}

#[test]
fn a_value_that_panics_when_dropped_does_no_harm() {
    quietly(|| {
        let (dispatcher, file) = (tight(), null());
        let (open, opened) = mpsc::channel::<()>();
        let job = null_read(&file, move || {
            opened.recv_timeout(HANG).unwrap();
            Grenade
        });
        drop(dispatcher.spawn(job).unwrap());
        open.send(()).unwrap();
        runs_on(&dispatcher, &file);
        assert_eq!(dispatcher.shutdown().unwrap().jobs, 2);
    });
}

#[test]
fn a_handler_that_panics_does_no_harm() {
    quietly(|| {
        let handlers: [fn(&CallbackPanic<'_>); 2] =
            [|_| panic!("the handler too"), |_| panic_any(Grenade)];
        for handler in handlers {
            let builder = support::builder().depth(1).workers(1).panic_handler(handler);
            let (dispatcher, file) = (builder.build().unwrap(), null());
            dispatcher.submit(null_read(&file, || panic!("the callback"))).unwrap();
            let handle = dispatcher.spawn(null_read(&file, || panic!("its value"))).unwrap();
            let Err(JoinError::Panicked(payload)) = handle.join_timeout(HANG) else { panic!() };
            assert_eq!(payload.message(), Some("its value"));
            runs_on(&dispatcher, &file);
            assert_eq!(dispatcher.shutdown().unwrap().panics, 2);
        }
    });
}

#[test]
fn neighbours_in_the_same_batch_are_not_affected() {
    quietly(|| {
        let dispatcher = support::builder().depth(16).workers(2).build().unwrap();
        let (file, drops) = (null(), Drops::default());
        let (sender, ran) = mpsc::channel();
        for _ in 0..100 {
            let jobs = (0..16).map(|number| {
                let (sender, buffer) = (sender.clone(), drops.buffer(vec![0; 16]));
                Job::read(&file, buffer, number, move |done| {
                    assert!(done.offset % 3 > 0, "every third");
                    sender.send(done.offset).unwrap();
                })
            });
            dispatcher.submit_batch(jobs).unwrap();
            dispatcher.drain().unwrap();
            let mut offsets: Vec<u64> = ran.try_iter().collect();
            offsets.sort_unstable();
            assert!(offsets.into_iter().eq((0..16).filter(|number| number % 3 > 0)));
        }
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.panics), (1600, 600));
        assert_eq!(drops.count(), 1600, "panicking callbacks drop their buffers too");
    });
}

/// A buffer whose drop panics.
struct Trap(Vec<u8>);

// SAFETY: all is the vector's, whose implementation keeps the contract.
unsafe impl IoBuf for Trap {
    fn stable_ptr(&self) -> *const u8 {
        self.0.stable_ptr()
    }

    fn initialised(&self) -> usize {
        self.0.initialised()
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("the trap");
    }
}

#[test]
fn a_buffer_that_panics_when_dropped_does_no_harm() {
    quietly(|| {
        let (dispatcher, file, drops) = (tight(), null(), Drops::default());
        for _ in 0..10 {
            let guard = drops.guard();
            let job = Job::write(&file, Trap(vec![0; 16]), 0, move |done| {
                let _guard = guard;
                assert_eq!(done.buffer.0.len(), 16);
            });
            dispatcher.submit(job).unwrap();
        }
        runs_on(&dispatcher, &file);
        assert_eq!(dispatcher.shutdown().unwrap().panics, 10);
        assert_eq!(drops.count(), 10, "what else the callback owns is dropped");
    });
}
