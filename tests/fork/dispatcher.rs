//! A forked child is refused clearly and promptly whatever it asks for, and the parent goes on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

use reapool::{
    AlignedBuf, Cancel, Dispatcher, DrainError, Files, Job, JobHandle, JoinError, PollEvents,
    Refusal, Refused, ShutdownError, Stats, WaitError,
};

use crate::support::alone::alone;
use crate::support::child::{first_failure, in_child};
use crate::support::tasks::Task;
use crate::support::{
    self, Gate, HANG, byte_at, eventfd, known_file, make_readable, null, null_read, open_direct,
    scratch, watched,
};

fn job() -> Job {
    Job::write(null(), vec![7; 9], 0, |_| ())
}

/// Whether a job was refused for the right reason, and came back.
fn refused(result: Result<(), Refused<Job>>) -> bool {
    let Err(error) = result else { return false };
    let told = error.kind() == Refusal::Forked && error.to_string().contains("forked");
    told && error.into_inner().into_buffer::<Vec<u8>>().is_ok_and(|buffer| buffer == [7; 9])
}

/// All that a child can ask of its parent's dispatcher without giving it up.
fn ask(dispatcher: &Dispatcher) -> i32 {
    let batch = dispatcher.submit_batch([job(), job()]).unwrap_err();
    first_failure(&[
        refused(dispatcher.submit(job())),
        refused(dispatcher.try_submit(job())),
        refused(dispatcher.submit_timeout(job(), HANG)),
        refused(dispatcher.spawn(job()).map(drop)),
        refused(dispatcher.try_spawn(job()).map(drop)),
        (batch.kind(), batch.accepted()) == (Refusal::Forked, 0),
        batch.into_inner().len() == 2,
        dispatcher.drain() == Err(DrainError::Forked),
        dispatcher.drain_timeout(HANG) == Err(DrainError::Forked),
        Task::new().poll(&mut dispatcher.drain_async()) == Poll::Ready(Err(DrainError::Forked)),
        dispatcher.flush() == Err(Refusal::Forked),
        dispatcher.stats() == Stats::default(),
    ])
}

#[test]
fn a_child_is_refused_and_the_parents_jobs_end() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().depth(8).workers(2).build().unwrap();
        let (eventfd, gate) = (eventfd(), Gate::default());
        let held = gate.clone();
        let finished = dispatcher.spawn(null_read(&null(), || 0)).unwrap();
        dispatcher.drain().unwrap();
        let poll = dispatcher.spawn(Job::poll(&eventfd, PollEvents::READABLE, |_| 1)).unwrap();
        let in_callback = null_read(&null(), move || {
            held.pass();
            2
        });
        let in_callback = dispatcher.spawn(in_callback).unwrap();
        gate.wait_for(1);

        assert_eq!(in_child(&mut || ask(&dispatcher)), Some(0));
        let mut handles = vec![finished, poll, in_callback];
        let mut wait = || {
            let first = JobHandle::wait_first(&handles, None) == Err(WaitError::Forked);
            let mut checks = vec![first];
            for handle in handles.drain(..) {
                checks.push(matches!(handle.join(), Err(JoinError::Forked)));
            }
            first_failure(&checks)
        };
        assert_eq!(in_child(&mut wait), Some(0), "waiting for single jobs");
        let mut owner = Some(dispatcher);
        let mut shut_down = || {
            let refused = owner.take().unwrap().shutdown();
            first_failure(&[matches!(refused, Err(ShutdownError::Forked))])
        };
        assert_eq!(in_child(&mut shut_down), Some(0), "shutting down");
        let (task, mut drained) = (Task::new(), owner.as_ref().unwrap().drain_async());
        assert!(task.poll(&mut drained).is_pending());
        let mut go_on = || {
            let end = task.poll(&mut drained);
            first_failure(&[end == Poll::Ready(Err(DrainError::Forked))])
        };
        assert_eq!(in_child(&mut go_on), Some(0), "a wait of the parent's");
        drop(drained);
        let mut shut_down = || {
            let refused = Task::new().poll(&mut owner.take().unwrap().shutdown_async());
            first_failure(&[matches!(refused, Poll::Ready(Err(ShutdownError::Forked)))])
        };
        assert_eq!(in_child(&mut shut_down), Some(0), "shutting down in a task");
        let mut detach = || {
            owner.take().unwrap().detach();
            0
        };
        assert_eq!(in_child(&mut detach), Some(0), "detaching");
        let mut give_up = || {
            owner = None;
            0
        };
        assert_eq!(in_child(&mut give_up), Some(0), "dropping");

        make_readable(&eventfd);
        gate.open();
        for (number, handle) in handles.into_iter().enumerate() {
            assert_eq!(handle.join_timeout(HANG).unwrap(), number);
        }
        let report = owner.take().unwrap().shutdown().unwrap();
        assert_eq!((report.jobs, report.panics, report.stats.refused), (3, 0, 0));
    });
}

#[test]
fn a_childs_tasks_are_refused_and_the_parents_get_on() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().depth(1).backlog(0).workers(1).build().unwrap();
        let (gate, mut context) = (Gate::default(), Context::from_waker(Waker::noop()));
        let held = gate.clone();
        let in_callback = null_read(&null(), move || {
            held.pass();
            1
        });
        let mut handle = dispatcher.spawn(in_callback).unwrap();
        let mut standing = Box::pin(dispatcher.spawn_async(null_read(&null(), || 2)));
        let mut fresh = Box::pin(dispatcher.submitter().write(null(), vec![7; 9], 0));
        assert!(Pin::new(&mut handle).poll(&mut context).is_pending());
        assert!(standing.as_mut().poll(&mut context).is_pending());

        let (mut handle, mut standing) = (Some(handle), Some(standing));
        let mut child = || {
            let (mut handle, mut standing) = (handle.take().unwrap(), standing.take().unwrap());
            let mut context = Context::from_waker(Waker::noop());
            let polled = || Pin::new(&mut handle).poll(&mut context).is_ready();
            let panics = catch_unwind(AssertUnwindSafe(polled)).is_err();
            let left = match standing.as_mut().poll(&mut context) {
                Poll::Ready(Err(error)) => error.kind() == Refusal::Forked,
                _ => false,
            };
            let came_back = match fresh.as_mut().poll(&mut context) {
                Poll::Ready((Err(_), buffer)) => buffer == [7; 9],
                _ => false,
            };
            let waiting = dispatcher.submitter().read(null(), vec![0], 0);
            drop((handle, standing, waiting));
            first_failure(&[panics, left, came_back])
        };
        assert_eq!(in_child(&mut child), Some(0));

        gate.open();
        assert_eq!(handle.take().unwrap().join_timeout(HANG).unwrap(), 1);
        let entered = poll_until_ready(standing.take().unwrap());
        assert_eq!(entered.unwrap().join_timeout(HANG).unwrap(), 2);
        assert_eq!(poll_until_ready(fresh).0.unwrap(), 9);
    });
}

/// Awaits a future without an executor's threads and locks.
fn poll_until_ready<F: Future>(mut future: Pin<Box<F>>) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::yield_now(),
        }
    }
}

#[test]
fn a_child_can_make_a_dispatcher_of_its_own() {
    let _alone = alone();
    watched(|| {
        let parents = support::builder().depth(8).workers(1).build().unwrap();
        let mut own = || {
            let dispatcher = support::builder().depth(8).workers(1).build().unwrap();
            let handle = dispatcher.spawn(null_read(&null(), || 5)).unwrap();
            let value = handle.join_timeout(HANG);
            first_failure(&[value.is_ok_and(|value| value == 5), dispatcher.shutdown().is_ok()])
        };
        assert_eq!(in_child(&mut own), Some(0));
        assert_eq!(parents.spawn(null_read(&null(), || 6)).unwrap().join().unwrap(), 6);
    });
}

#[test]
fn forking_while_the_dispatcher_is_busy_harms_neither() {
    let _alone = alone();
    watched(|| {
        let dispatcher = Arc::new(support::builder().depth(4).workers(2).build().unwrap());
        let stop = Arc::new(AtomicBool::new(false));
        let hammer = |_| {
            let (dispatcher, stop) = (Arc::clone(&dispatcher), Arc::clone(&stop));
            thread::spawn(move || {
                let (file, mut submitted) = (null(), 0_u64);
                while !stop.load(Ordering::SeqCst) {
                    dispatcher.submit_batch((0..20).map(|_| null_read(&file, || ()))).unwrap();
                    dispatcher.spawn(null_read(&file, || ())).unwrap().join().unwrap();
                    submitted += 21;
                }
                submitted
            })
        };
        let hammers: Vec<_> = (0..2).map(hammer).collect();
        for round in 0..50 {
            assert_eq!(in_child(&mut || ask(&dispatcher)), Some(0), "round {round}");
        }
        stop.store(true, Ordering::SeqCst);
        let submitted: u64 = hammers.into_iter().map(|hammer| hammer.join().unwrap()).sum();
        let report = Arc::into_inner(dispatcher).unwrap().shutdown().unwrap();
        assert_eq!((report.jobs, report.failed, report.panics), (submitted, 0, 0));
    });
}

#[test]
fn reads_in_flight_at_a_fork_bring_the_parent_its_data() {
    const BLOCK: u64 = 64 << 10;
    let _alone = alone();
    watched(|| {
        let directory = scratch();
        let path = known_file(directory.path(), "known", 64 * BLOCK);
        let Some(file) = open_direct(&path) else { return };
        let dispatcher = support::builder().depth(32).workers(1).build().unwrap();
        let (sender, read) = mpsc::channel();
        for round in 0..20 {
            let jobs = (0..64).map(|block| {
                let (sender, buffer) = (sender.clone(), AlignedBuf::zeroed(BLOCK as usize));
                Job::read(&file, buffer, block * BLOCK, move |done| {
                    let expected = (done.offset..).map(byte_at);
                    let right = done.data().iter().copied().eq(expected.take(BLOCK as usize));
                    sender.send(right).unwrap();
                })
            });
            dispatcher.submit_batch(jobs).unwrap();
            assert_eq!(in_child(&mut || ask(&dispatcher)), Some(0), "round {round}");
            for _ in 0..64 {
                assert!(read.recv_timeout(HANG).unwrap(), "other data, in round {round}");
            }
        }
    });
}

#[test]
fn a_child_withdraws_nothing_and_the_parent_does() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().depth(1).workers(1).build().unwrap();
        let eventfd = eventfd();
        dispatcher.submit(Job::poll(&eventfd, PollEvents::READABLE, |_| ())).unwrap();
        let waiting = dispatcher.spawn(null_read(&null(), || ())).unwrap();
        let mut cancel = || first_failure(&[waiting.cancel() == Cancel::TooLate]);
        assert_eq!(in_child(&mut cancel), Some(0));
        assert_eq!(waiting.cancel(), Cancel::Cancelled);
        waiting.join_timeout(HANG).unwrap();
        make_readable(&eventfd);
        assert_eq!(dispatcher.shutdown().unwrap().stats.cancelled, 1);
    });
}

#[test]
fn a_child_has_no_results_of_its_parents_run() {
    let _alone = alone();
    watched(|| {
        let dispatcher = support::builder().workers(1).build().unwrap();
        let (paths, receiver) = mpsc::channel::<&str>();
        let run = Files::new(&dispatcher).unwrap().read(receiver, |file| file.contents().len());
        let (mut run, task) = (run.into_stream(), Task::new());
        assert!(task.poll(&mut run.next()).is_pending());
        let code = in_child(&mut || {
            let over = matches!(task.poll(&mut run.next()), Poll::Ready(None));
            i32::from(!over)
        });
        assert_eq!(code, Some(0));
        paths.send("Cargo.toml").unwrap();
        assert!(futures::executor::block_on(run.next()).unwrap().is_ok(), "the parent goes on");
    });
}
