//! A handle is a future of its callback's value, in any executor, and owns nothing of the job there
//! either.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use reapool::{Dispatcher, Job, JobHandle, JoinError, PollEvents};

use crate::support::tasks::{Task, on_each_executor, yield_once};
use crate::support::{
    self, Drops, Gate, HANG, Tended, eventfd, eventually, make_readable, null, null_read, scale,
    watched,
};

fn build() -> Dispatcher {
    support::builder().depth(8).workers(2).build().unwrap()
}

/// A job that waits at a gate and then returns 5.
fn held(dispatcher: &Dispatcher, gate: &Gate) -> JobHandle<u32> {
    let gate = gate.clone();
    let job = null_read(&null(), move || {
        gate.pass();
        5
    });
    dispatcher.spawn(job).unwrap()
}

#[test]
fn handles_are_awaited_in_every_executor() {
    watched(|| {
        let dispatcher = Arc::new(build());
        on_each_executor(|| {
            let dispatcher = Arc::clone(&dispatcher);
            async move {
                for number in 0..1000 / scale() {
                    let job = null_read(&null(), move || vec![number; 3]);
                    assert_eq!(dispatcher.spawn_async(job).await.unwrap().await, [number; 3]);
                }
                // All at once, awaited long after they ended, in another order.
                let job = |number| dispatcher.spawn(null_read(&null(), move || number)).unwrap();
                let handles: Vec<_> = (0..100).map(job).collect();
                while !handles.iter().all(JobHandle::is_finished) {
                    yield_once().await;
                }
                for (number, handle) in handles.into_iter().enumerate().rev() {
                    assert_eq!(handle.await, number);
                }
            }
        });
    });
}

#[test]
fn each_of_many_values_arrives() {
    let jobs = 20_000 / scale();
    watched(move || {
        let dispatcher = Arc::new(support::builder().depth(16).workers(2).build().unwrap());
        on_each_executor(|| {
            let dispatcher = Arc::clone(&dispatcher);
            async move {
                let file = null();
                let mut handles = Vec::new();
                for number in 0..jobs {
                    let job = null_read(&file, move || number);
                    handles.push(dispatcher.spawn_async(job).await.unwrap());
                }
                let mut sum = 0;
                for handle in handles {
                    sum += handle.await;
                }
                assert_eq!(sum, jobs * (jobs - 1) / 2);
            }
        });
    });
}

#[test]
fn the_task_that_polled_last_is_the_one_that_is_woken() {
    watched(|| {
        let (dispatcher, gate) = (build(), Gate::default());
        let mut handle = held(&dispatcher, &gate);
        let (first, second) = (Task::new(), Task::new());
        for task in [&first, &second, &first, &second] {
            assert!(task.poll(&mut handle).is_pending());
            // Not a second time for the same task.
            assert!(task.poll(&mut handle).is_pending());
            assert_eq!(task.wakers(), 1);
        }
        assert_eq!(first.wakers(), 0, "it has nothing to do with the handle any more");
        gate.open();
        second.wait_for(1);
        assert_eq!((first.wakings(), second.wakings()), (0, 1));
        eventually("the waker is gone", || second.wakers() == 0);
        assert_eq!(first.poll(&mut handle), Poll::Ready(5), "whoever polls has the value");
    });
}

#[test]
fn a_dropped_handles_job_goes_on_and_its_task_is_left_alone() {
    watched(|| {
        let (dispatcher, drops, gate) = (build(), Drops::default(), Gate::default());
        let (guard, held) = (drops.guard(), gate.clone());
        let job = null_read(&null(), move || {
            held.pass();
            guard
        });
        let (task, mut handle) = (Task::new(), dispatcher.spawn(job).unwrap());
        assert!(task.poll(&mut handle).is_pending());
        drop(handle);
        assert_eq!((task.wakers(), drops.count()), (0, 0));
        gate.open();
        dispatcher.drain().unwrap();
        assert_eq!((task.wakings(), drops.count()), (0, 1), "run, and its value discarded");
    });
}

#[test]
fn a_callbacks_panic_goes_on_in_the_awaiter() {
    watched(|| {
        let reported = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&reported);
        let builder = support::builder().depth(8).workers(2);
        let dispatcher = builder.panic_handler(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let dispatcher = Arc::new(dispatcher.build().unwrap());
        on_each_executor(|| {
            let dispatcher = Arc::clone(&dispatcher);
            async move {
                // Without the panic hook and its output.
                let panics = || resume_unwind(Box::new("the callback's"));
                let handle = dispatcher.spawn(null_read::<u32, _>(&null(), panics)).unwrap();
                let mut handle = pin!(handle);
                let caught = poll_fn(|context| {
                    let poll = catch_unwind(AssertUnwindSafe(|| handle.as_mut().poll(context)));
                    match poll {
                        Ok(Poll::Pending) => Poll::Pending,
                        Ok(Poll::Ready(_)) => panic!("it has no value"),
                        Err(payload) => Poll::Ready(payload),
                    }
                });
                assert_eq!(caught.await.downcast_ref(), Some(&"the callback's"));
            }
        });
        assert_eq!(reported.load(Ordering::SeqCst), 4, "and each was reported, as ever");
        assert_eq!(dispatcher.stats().panics, 4);
    });
}

#[test]
fn a_polled_handle_can_be_joined_and_an_awaited_one_has_nothing_more() {
    watched(|| {
        let (dispatcher, gate, task) = (build(), Gate::default(), Task::new());
        let mut handle = held(&dispatcher, &gate);
        assert!(task.poll(&mut handle).is_pending());
        gate.open();
        assert_eq!(handle.join_timeout(HANG).unwrap(), 5);

        let mut handle = held(&dispatcher, &gate);
        assert_eq!(futures::executor::block_on(&mut handle), 5);
        assert!(handle.is_finished());
        let again = catch_unwind(AssertUnwindSafe(|| task.poll(&mut handle)));
        let message = again.unwrap_err().downcast::<String>().unwrap();
        assert_eq!(*message, "the callback's value has been taken already");
        assert!(matches!(handle.join(), Err(JoinError::Taken)));
    });
}

#[test]
fn waiting_for_the_first_and_a_task_dont_disturb_each_other() {
    watched(|| {
        let (dispatcher, gate, task) = (build(), Gate::default(), Task::new());
        let never = eventfd();
        let poll = dispatcher.spawn(Job::poll(&never, PollEvents::READABLE, |_| 0)).unwrap();
        let mut handles = [poll, held(&dispatcher, &gate)];
        assert!(task.poll(&mut handles[1]).is_pending());
        gate.open();
        assert_eq!(JobHandle::wait_first(&handles, Some(HANG)), Ok(1));
        task.wait_for(1);
        assert_eq!(task.poll(&mut handles[1]), Poll::Ready(5));
        assert!(task.poll(&mut handles[0]).is_pending());
        make_readable(&never);
        task.wait_for(2);
        assert_eq!(task.poll(&mut handles[0]), Poll::Ready(0));
    });
}

#[test]
fn polling_in_a_callback_does_not_wait() {
    watched(|| {
        let dispatcher = support::builder().depth(2).workers(1).build().unwrap();
        let (eventfd, task) = (eventfd(), Task::new());
        let poll = Job::poll(&eventfd, PollEvents::READABLE, |_| "ready");
        let (mut handle, inner) = (dispatcher.spawn(poll).unwrap(), Arc::clone(&task));
        let in_callback =
            null_read(&null(), move || (inner.poll(&mut handle).is_pending(), handle));
        let (pending, mut handle) = dispatcher.spawn(in_callback).unwrap().join().unwrap();
        assert!(pending);
        make_readable(&eventfd);
        task.wait_for(1);
        assert_eq!(task.poll(&mut handle), Poll::Ready("ready"));
    });
}

/// A waker with a task that can be run where it is woken: on the worker.
struct Inline(Mutex<Option<JobHandle<u32>>>, AtomicUsize);

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        let mut place = self.0.lock().unwrap();
        let Some(handle) = &mut *place else { return };
        let polled = std::pin::Pin::new(handle).poll(&mut Context::from_waker(&waker));
        if let Poll::Ready(value) = polled {
            *place = None;
            self.1.store(value as usize, Ordering::SeqCst);
        }
    }
}

#[test]
fn a_task_may_be_run_where_it_is_woken() {
    watched(|| {
        let (dispatcher, gate) = (build(), Gate::default());
        let handle = held(&dispatcher, &gate);
        let task = Arc::new(Inline(Mutex::new(Some(handle)), AtomicUsize::new(0)));
        Arc::clone(&task).wake();
        gate.open();
        eventually("it has the value", || task.1.load(Ordering::SeqCst) == 5);
    });
}

/// An executor's mistake.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        resume_unwind(Box::new("the waker's"));
    }
}

#[test]
fn a_waker_that_panics_costs_no_job_anything() {
    watched(|| {
        let dispatcher = Tended::new(support::builder().depth(8).workers(1));
        let gate = Gate::default();
        let mut handle = held(&dispatcher, &gate);
        let waker = Waker::from(Arc::new(Panics));
        let poll = std::pin::Pin::new(&mut handle).poll(&mut Context::from_waker(&waker));
        assert!(poll.is_pending());
        gate.open();
        dispatcher.quiesce();
        assert_eq!(Task::new().poll(&mut handle), Poll::Ready(5));
        assert_eq!(dispatcher.spawn(Job::nop(|| 6)).unwrap().join_timeout(HANG).unwrap(), 6);
        assert_eq!(dispatcher.stats().panics, 0, "no callback's");
    });
}
