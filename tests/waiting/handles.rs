//! A spawned job's handle waits for the callback, has its value once, and owns nothing of the job.

use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use reapool::{Dispatcher, Job, JobHandle, JoinError, PollEvents, Refusal, WaitError};

use crate::support::{self, Drops, Gate, HANG, eventfd, make_readable, null, null_read, watched};

/// Short, for waits that have to end without what they wait for.
const BRIEFLY: Duration = Duration::from_millis(20);

fn build() -> Dispatcher {
    support::builder().depth(8).workers(2).build().unwrap()
}

#[test]
fn joining_returns_the_callbacks_value() {
    watched(|| {
        let (dispatcher, file) = (build(), null());
        let job = |number: usize| null_read(&file, move || vec![number; 3]);
        for number in 0..1000 {
            let handle = dispatcher.spawn(job(number)).unwrap();
            let value = match number % 3 {
                0 => handle.join(),
                1 => handle.join_timeout(HANG),
                _ => handle.join_timeout(Duration::MAX),
            };
            assert_eq!(value.unwrap(), [number; 3]);
        }
        // All at once, joined long after they ended, in another order.
        let handles: Vec<_> =
            (0..100).map(|number| dispatcher.spawn(job(number)).unwrap()).collect();
        dispatcher.drain().unwrap();
        for (number, handle) in handles.into_iter().enumerate().rev() {
            assert!(handle.is_finished());
            assert_eq!(handle.join().unwrap(), [number; 3]);
        }
    });
}

#[test]
fn joining_waits_for_the_callback_and_not_for_the_operation() {
    watched(|| {
        let (dispatcher, gate) = (build(), Gate::default());
        let held = gate.clone();
        let job = null_read(&null(), move || {
            held.pass();
            5
        });
        let handle = dispatcher.spawn(job).unwrap();
        gate.wait_for(1);
        assert!(!handle.is_finished());
        let Err(JoinError::TimedOut(handle)) = handle.join_timeout(BRIEFLY) else { panic!() };
        let Err(JoinError::TimedOut(handle)) = handle.join_timeout(Duration::ZERO) else {
            panic!()
        };
        gate.open();
        assert_eq!(handle.join_timeout(HANG).unwrap(), 5);
    });
}

#[test]
fn handles_outlive_the_dispatcher_and_travel_between_threads() {
    watched(|| {
        let dispatcher = build();
        let handle = dispatcher.spawn(null_read(&null(), || "value")).unwrap();
        drop(dispatcher);
        let joined = thread::spawn(|| handle.join().unwrap());
        assert_eq!(joined.join().unwrap(), "value");
    });
}

#[test]
fn values_are_moved_out_once_or_discarded_once() {
    watched(|| {
        let (dispatcher, drops) = (build(), Drops::default());
        let spawn = |gate: &Gate| {
            let (guard, gate) = (drops.guard(), gate.clone());
            let job = null_read(&null(), move || {
                gate.pass();
                guard
            });
            dispatcher.spawn(job).unwrap()
        };
        let gate = Gate::default();
        let (joined, before, forgotten) = (spawn(&gate), spawn(&gate), spawn(&gate));
        drop(before);
        std::mem::forget(forgotten);
        gate.open();
        dispatcher.drain().unwrap();
        assert_eq!(drops.count(), 1, "the one whose handle was dropped while it was pending");
        let after = spawn(&gate);
        dispatcher.drain().unwrap();
        assert_eq!(drops.count(), 1);
        drop(after);
        assert_eq!(drops.count(), 2, "the one whose handle was dropped when it had ended");
        let value = joined.join().unwrap();
        assert_eq!(drops.count(), 2);
        drop(value);
        assert_eq!(drops.count(), 3);
        assert_eq!(dispatcher.shutdown().unwrap().jobs, 4, "forgotten and dropped ones ran");
        assert_eq!(drops.count(), 3, "a forgotten handle leaks its value");
    });
}

#[test]
fn a_refused_spawn_gives_the_job_back_and_it_can_be_spawned_elsewhere() {
    watched(|| {
        let submitter = build().submitter();
        let job = Job::write(null(), vec![7; 9], 0, |done| done.buffer);
        let refused = submitter.spawn(job).unwrap_err();
        assert_eq!(refused.kind(), Refusal::ShutDown);
        let refused = submitter.try_spawn(refused.into_inner()).unwrap_err();
        let handle = build().spawn(refused.into_inner()).unwrap();
        assert_eq!(handle.join().unwrap(), [7; 9]);
    });
}

#[test]
fn the_first_of_several_is_found() {
    watched(|| {
        let dispatcher = build();
        let eventfds = [eventfd(), eventfd(), eventfd()];
        let mut handles: Vec<_> = (0..3)
            .map(|number| {
                let callback = move |_| number;
                let poll = Job::poll(&eventfds[number], PollEvents::READABLE, callback);
                dispatcher.spawn(poll).unwrap()
            })
            .collect();
        for limit in [BRIEFLY, Duration::ZERO] {
            assert_eq!(JobHandle::wait_first(&handles, Some(limit)), Err(WaitError::TimedOut));
        }
        // Each time another place in the slice, also after waits that timed out.
        for (next, place) in [(1, 1), (2, 1), (0, 0)] {
            make_readable(&eventfds[next]);
            for limit in [Some(HANG), None, Some(Duration::MAX), Some(Duration::ZERO)] {
                assert_eq!(JobHandle::wait_first(&handles, limit), Ok(place));
            }
            assert_eq!(handles.remove(place).join_timeout(HANG).unwrap(), next);
        }
        assert_eq!(JobHandle::wait_first(&handles, None), Err(WaitError::NoHandles));
    });
}

#[test]
fn of_several_that_ended_the_lowest_is_the_first() {
    watched(|| {
        let dispatcher = build();
        let eventfd = eventfd();
        let poll = Job::poll(&eventfd, PollEvents::READABLE, |_| ());
        let mut handles = vec![dispatcher.spawn(poll).unwrap()];
        handles.extend((0..3).map(|_| dispatcher.spawn(null_read(&null(), || ())).unwrap()));
        while !handles[1..].iter().all(JobHandle::is_finished) {
            thread::yield_now();
        }
        assert_eq!(JobHandle::wait_first(&handles, None), Ok(1));
        make_readable(&eventfd);
        dispatcher.drain().unwrap();
        assert_eq!(JobHandle::wait_first(&handles, None), Ok(0));
    });
}

#[test]
fn a_panicked_job_counts_as_ended() {
    watched(|| {
        let dispatcher = build();
        // Without the panic hook and its output.
        let panics = || std::panic::resume_unwind(Box::new("the test's"));
        let handle = dispatcher.spawn(null_read::<(), _>(&null(), panics)).unwrap();
        assert_eq!(JobHandle::wait_first(std::slice::from_ref(&handle), Some(HANG)), Ok(0));
        assert!(handle.is_finished());
        assert!(matches!(handle.join(), Err(JoinError::Panicked(_))));
    });
}

#[test]
fn several_threads_wait_for_the_first_of_the_same_handles() {
    watched(|| {
        let dispatcher = build();
        for round in 0..100 {
            let gate = Gate::default();
            let never = eventfd();
            let held = gate.clone();
            let pending = dispatcher.spawn(Job::poll(&never, PollEvents::READABLE, |_| ()));
            let awaited = dispatcher.spawn(null_read(&null(), move || held.pass()));
            let handles = Arc::new([pending.unwrap(), awaited.unwrap()]);
            let (sender, found) = mpsc::channel();
            for _ in 0..4 {
                let (handles, sender) = (Arc::clone(&handles), sender.clone());
                thread::spawn(move || {
                    sender.send(JobHandle::wait_first(&*handles, Some(HANG))).unwrap();
                });
            }
            if round % 2 == 0 {
                let briefly = JobHandle::wait_first(&*handles, Some(Duration::ZERO));
                assert_eq!(briefly, Err(WaitError::TimedOut), "it leaves the others waiting");
            }
            gate.open();
            for _ in 0..4 {
                assert_eq!(found.recv_timeout(HANG).unwrap(), Ok(1));
            }
            make_readable(&never);
        }
    });
}
