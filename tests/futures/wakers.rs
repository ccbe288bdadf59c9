//! Executors' mistakes: a waker that panics, wherever it is cloned or dropped, costs no job
//! anything. And their right: a waker may do as it likes, as no lock is held.

#![expect(unsafe_code, reason = "makes wakers that notice how they are cloned")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

use futures::executor::block_on;
use reapool::{BufferPool, Dispatcher, Job, Refusal};

use crate::support::panics::Grenade;
use crate::support::tasks::{Task, nosy};
use crate::support::{self, Drops, Gate, HANG, Tended, null, null_read, watched};

/// Its wakers panic when the last of them is dropped.
struct Bomb {
    _grenade: Grenade,
}

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {}
}

fn poll_as<F: Future + Unpin>(waker: &Waker, future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Has a future keep the last waker of a [`Bomb`].
fn arm<F: Future + Unpin>(future: &mut F) {
    let waker = Waker::from(Arc::new(Bomb { _grenade: Grenade }));
    assert!(poll_as(&waker, future).is_pending());
}

/// A dispatcher without room, until the gate is opened.
fn full() -> (Tended, Gate) {
    let dispatcher = Tended::new(support::builder().depth(1).backlog(0).workers(1));
    let gate = Gate::default();
    let inside = gate.clone();
    dispatcher.submit(null_read(&null(), move || inside.pass())).unwrap();
    (dispatcher, gate)
}

#[test]
fn one_that_panics_when_it_is_replaced_costs_no_job_its_place() {
    watched(|| {
        let (dispatcher, gate) = full();
        let ran = Drops::default();
        let guard = ran.guard();
        let mut submitted = dispatcher.submit_async(Job::nop(move || drop(guard)));
        let mut spawned = dispatcher.spawn_async(Job::nop(|| 5));
        let mut written = dispatcher.submitter().write(null(), vec![7; 9], 0);
        arm(&mut submitted);
        arm(&mut spawned);
        arm(&mut written);
        let task = Task::new();
        assert!(task.poll(&mut submitted).is_pending());
        assert!(task.poll(&mut spawned).is_pending());
        assert!(task.poll(&mut written).is_pending());
        assert_eq!(ran.count(), 0);
        gate.open();
        block_on(submitted).unwrap();
        assert_eq!(block_on(block_on(spawned).unwrap()), 5);
        let (result, buffer) = block_on(written);
        assert_eq!((result.unwrap(), buffer), (9, vec![7; 9]));
        dispatcher.quiesce();
        assert_eq!((ran.count(), dispatcher.stats().finished), (1, 4), "each once");
    });
}

#[test]
fn one_that_panics_when_its_future_is_dropped_costs_nobody_else_anything() {
    watched(|| {
        let (dispatcher, gate) = full();
        let drops = Drops::default();
        let job = Job::read(null(), drops.buffer(vec![0; 9]), 0, |_| panic!("it never runs"));
        let mut dropped = dispatcher.submit_async(job);
        let mut next = dispatcher.spawn_async(Job::nop(|| 6));
        arm(&mut dropped);
        assert!(Task::new().poll(&mut next).is_pending());
        drop(dropped);
        assert_eq!(drops.count(), 1);
        gate.open();
        let mut handle = block_on(next).unwrap();
        assert_eq!(block_on(&mut handle), 6);
    });
}

/// Runs `end` on a handle that keeps a bomb, before its job ends.
fn armed_handle(end: impl FnOnce(&Dispatcher, reapool::JobHandle<u32>, &Gate)) {
    let dispatcher = Tended::new(support::builder().depth(2).workers(1));
    let gate = Gate::default();
    let inside = gate.clone();
    let held = null_read(&null(), move || {
        inside.pass();
        5
    });
    let mut handle = dispatcher.spawn(held).unwrap();
    arm(&mut handle);
    end(&dispatcher, handle, &gate);
    gate.open();
    dispatcher.quiesce();
    assert_eq!(dispatcher.stats().panics, 0, "no callback's");
}

#[test]
fn one_that_panics_when_it_is_replaced_or_dropped_costs_no_handle_its_value() {
    watched(|| {
        armed_handle(|_, mut handle, gate| {
            assert!(Task::new().poll(&mut handle).is_pending());
            gate.open();
            assert_eq!(handle.join_timeout(HANG).unwrap(), 5);
        });
        armed_handle(|_, handle, _| drop(handle));
        armed_handle(|dispatcher, handle, gate| {
            gate.open();
            dispatcher.drain().unwrap();
            assert_eq!(block_on(handle), 5);
        });
    });
}

/// A waker that panics when it is cloned.
fn uncloneable() -> Waker {
    fn clone(_: *const ()) -> RawWaker {
        resume_unwind(Box::new("the waker's"));
    }
    fn nothing(_: *const ()) {}
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, nothing, nothing, nothing);
    // SAFETY: the functions do nothing with the pointer.
    unsafe { Waker::from_raw(RawWaker::new(ptr::null(), &VTABLE)) }
}

#[test]
fn one_that_panics_when_it_is_cloned_costs_one_poll_and_no_more() {
    fn fails<F: Future + Unpin>(future: &mut F) {
        let waker = uncloneable();
        assert!(catch_unwind(AssertUnwindSafe(|| poll_as(&waker, future).is_ready())).is_err());
    }
    watched(|| {
        let (dispatcher, gate) = full();
        let mut spawned = dispatcher.spawn_async(Job::nop(|| 5));
        let mut written = dispatcher.submitter().write(null(), vec![7; 9], 0);
        let mut refused = dispatcher.submitter().write(null(), vec![8; 9], 0);
        fails(&mut spawned);
        fails(&mut written);
        fails(&mut refused);
        let task = Task::new();
        assert!(task.poll(&mut spawned).is_pending() && task.poll(&mut written).is_pending());
        // They stand in the line now, and stay there.
        fails(&mut spawned);
        fails(&mut written);
        gate.open();
        let mut handle = block_on(spawned).unwrap();
        dispatcher.quiesce();
        assert_eq!(block_on(&mut handle), 5);
        let (result, buffer) = block_on(written);
        assert_eq!((result.unwrap(), buffer), (9, vec![7; 9]));
        drop(dispatcher);
        let (result, buffer) = block_on(refused);
        let error = result.unwrap_err();
        let kind = error.get_ref().and_then(|source| source.downcast_ref());
        assert_eq!((kind, buffer), (Some(&Refusal::ShutDown), vec![8; 9]));
    });
}

#[test]
fn one_that_panics_costs_a_pool_no_buffer() {
    watched(|| {
        let pool = BufferPool::builder().capacity(2 << 20).classes([2 << 20]).build().unwrap();
        let held = pool.acquire(1).unwrap();
        let (mut failed, mut bomb, mut last) =
            (pool.acquire_async(1), pool.acquire_async(1), pool.acquire_async(1));
        let waker = uncloneable();
        let poll = || poll_as(&waker, &mut failed).is_ready();
        assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
        arm(&mut bomb);
        let task = Task::new();
        assert!(task.poll(&mut last).is_pending());
        assert_eq!(pool.stats().waiting, 3);
        drop(held);
        drop((failed, bomb));
        let Poll::Ready(buffer) = task.poll(&mut last) else { panic!("it is the last's") };
        drop(buffer.unwrap());
        assert_eq!((pool.stats().buffers_out, pool.stats().waiting), (0, 0));
    });
}

#[test]
fn no_lock_is_held_while_one_is_cloned_or_dropped() {
    watched(|| {
        let (dispatcher, gate) = full();
        let submitter = dispatcher.submitter();
        let waker = nosy(move |_| _ = submitter.stats());
        let mut waiting = dispatcher.spawn_async(Job::nop(|| 5));
        let mut given_up = dispatcher.submit_async(Job::nop(|| ()));
        let mut refused = dispatcher.spawn_async(Job::nop(|| ()));
        for _ in 0..2 {
            assert!(poll_as(&waker, &mut waiting).is_pending());
            assert!(poll_as(&waker, &mut given_up).is_pending());
            assert!(poll_as(&waker, &mut refused).is_pending());
            assert!(Task::new().poll(&mut waiting).is_pending());
        }
        drop(given_up);
        assert!(poll_as(&waker, &mut waiting).is_pending());
        gate.open();
        dispatcher.quiesce();
        let Poll::Ready(Ok(_)) = poll_as(&waker, &mut waiting) else { panic!("there is room") };
        drop(dispatcher);
        assert!(matches!(poll_as(&waker, &mut refused), Poll::Ready(Err(_))));
    });
    // The end of a job takes the lock of what is between it and its handle.
    for moment in ["cloned", "dropped"] {
        watched(move || {
            let dispatcher = Arc::new(Tended::new(support::builder().depth(2).workers(1)));
            let gate = Gate::default();
            let (inside, ending) = (gate.clone(), Arc::downgrade(&dispatcher));
            let held = null_read(&null(), move || {
                inside.pass();
                5
            });
            let mut handle = dispatcher.spawn(held).unwrap();
            let waker = nosy(move |what| {
                if what == moment {
                    gate.open();
                    ending.upgrade().unwrap().quiesce();
                }
            });
            let mut polled = poll_as(&waker, &mut handle);
            if polled.is_pending() {
                polled = Task::new().poll(&mut handle);
            }
            if polled.is_pending() {
                polled = Task::new().poll(&mut handle);
            }
            assert_eq!(polled, Poll::Ready(5), "{moment}");
        });
    }
}
