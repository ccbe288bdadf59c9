//! A callback that would wait for its own dispatcher is refused, and keeps what it asked with.

use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use reapool::{
    Dispatcher, DrainError, Job, JobHandle, JoinError, PollEvents, Refusal, RunError,
    ShutdownError, WaitError,
};

use crate::support::{self, Drops, HANG, eventfd, make_readable, null, null_read, watched};

/// Runs `callback` in a callback of the dispatcher, and returns what it returns.
fn in_callback<R: Send + 'static>(
    dispatcher: &Dispatcher,
    callback: impl FnOnce() -> R + Send + 'static,
) -> R {
    dispatcher.spawn(null_read(&null(), callback)).unwrap().join_timeout(HANG).unwrap()
}

#[test]
fn draining_is_refused() {
    watched(|| {
        for workers in [1, 2] {
            let dispatcher = support::builder().depth(2).workers(workers).build().unwrap();
            let dispatcher = Arc::new(dispatcher);
            let inner = Arc::clone(&dispatcher);
            let answers = in_callback(&dispatcher, move || {
                let limits = [Duration::ZERO, HANG, Duration::MAX];
                (inner.drain(), limits.map(|limit| inner.drain_timeout(limit)))
            });
            let refused = Err(DrainError::InCallback);
            assert_eq!(answers, (refused, [refused; 3]));
            assert_eq!(in_callback(&dispatcher, || 5), 5, "everything goes on");
            assert_eq!(dispatcher.drain(), Ok(()));
        }
    });
}

#[test]
fn shutting_down_is_refused_and_gives_the_dispatcher_back_as_open_as_it_was() {
    watched(|| {
        let dispatcher = support::builder().depth(2).workers(1).build().unwrap();
        let (submitter, place) = (dispatcher.submitter(), Arc::new(Mutex::new(Some(dispatcher))));
        let inner = Arc::clone(&place);
        let job = null_read(&null(), move || {
            let mut place = inner.lock().unwrap();
            let attempt = place.take().unwrap().shutdown();
            let Err(ShutdownError::InCallback(dispatcher)) = attempt else { return false };
            let attempt = dispatcher.shutdown_timeout(Duration::ZERO);
            let Err(ShutdownError::InCallback(dispatcher)) = attempt else { return false };
            *place = Some(dispatcher);
            true
        });
        assert!(submitter.spawn(job).unwrap().join_timeout(HANG).unwrap());
        let dispatcher = place.lock().unwrap().take().unwrap();
        assert_eq!(in_callback(&dispatcher, || 5), 5, "everything goes on");
        let report = dispatcher.shutdown().unwrap();
        assert_eq!((report.jobs, report.panics), (2, 0));
    });
}

#[test]
fn running_a_job_is_refused_and_gives_the_job_back() {
    watched(|| {
        let dispatcher = support::builder().depth(2).workers(2).build().unwrap();
        let (submitter, drops) = (dispatcher.submitter(), Drops::default());
        let guard = drops.guard();
        let refused = in_callback(&dispatcher, move || submitter.run(Job::nop(move || guard)));
        let RunError::Refused(refused) = refused.err().unwrap() else { panic!("not refused") };
        assert_eq!((refused.kind(), drops.count()), (Refusal::InCallback, 0));
        assert!(refused.to_string().ends_with("or wait in a thread of your own"), "{refused}");
        // Here it can be waited for, and so it can in a callback of another dispatcher.
        let guard = dispatcher.run(refused.into_inner()).unwrap();
        let other = support::builder().build().unwrap();
        assert_eq!(in_callback(&other, move || dispatcher.run(Job::nop(|| 5)).unwrap()), 5);
        drop(guard);
        assert_eq!(drops.count(), 1);
    });
}

#[test]
fn joining_is_refused_and_gives_the_handle_back() {
    watched(|| {
        let dispatcher = support::builder().depth(4).workers(2).build().unwrap();
        let eventfd = eventfd();
        let poll = || Job::poll(&eventfd, PollEvents::READABLE, |_| "ready");
        let (first, second) = (dispatcher.spawn(poll()), dispatcher.spawn(poll()));
        let (first, second) = (first.unwrap(), second.unwrap());
        let (first, second) = in_callback(&dispatcher, move || {
            let Err(JoinError::InCallback(first)) = first.join() else { return None };
            let Err(JoinError::InCallback(first)) = first.join_timeout(HANG) else { return None };
            let refused = second.join().unwrap_err();
            Some((first, refused.into_handle()?))
        })
        .expect("a refusal with the handle");
        make_readable(&eventfd);
        assert_eq!(first.join_timeout(HANG).unwrap(), "ready");
        assert_eq!(second.join_timeout(HANG).unwrap(), "ready");
    });
}

#[test]
fn a_callback_can_not_join_what_it_submitted() {
    watched(|| {
        let dispatcher = support::builder().depth(1).workers(1).build().unwrap();
        let submitter = dispatcher.submitter();
        let handle = in_callback(&dispatcher, move || {
            let handle = submitter.spawn(null_read(&null(), || 5)).unwrap();
            handle.join().unwrap_err().into_handle()
        });
        assert_eq!(handle.unwrap().join_timeout(HANG).unwrap(), 5);
    });
}

#[test]
fn a_finished_job_can_be_joined() {
    watched(|| {
        let dispatcher = support::builder().depth(2).workers(1).build().unwrap();
        let finished = || {
            let handle = dispatcher.spawn(null_read(&null(), || vec![5])).unwrap();
            dispatcher.drain().unwrap();
            handle
        };
        let (first, second) = (finished(), finished());
        let values = in_callback(&dispatcher, || {
            [first.join().unwrap(), second.join_timeout(Duration::ZERO).unwrap()]
        });
        assert_eq!(values, [[5], [5]]);
    });
}

#[test]
fn waiting_for_the_first_is_refused_unless_one_has_finished() {
    watched(|| {
        let dispatcher = support::builder().depth(4).workers(2).build().unwrap();
        let eventfd = eventfd();
        let poll = Job::poll(&eventfd, PollEvents::READABLE, |_| ());
        let pending = dispatcher.spawn(poll).unwrap();
        let finished = dispatcher.spawn(null_read(&null(), || ())).unwrap();
        while !finished.is_finished() {
            std::thread::yield_now();
        }
        let (answers, mut handles) = in_callback(&dispatcher, || {
            let handles = [pending, finished];
            let alone = JobHandle::wait_first(&handles[..1], None);
            let limited = JobHandle::wait_first(&handles[..1], Some(HANG));
            let both = JobHandle::wait_first(&handles, None);
            let none = JobHandle::<()>::wait_first(&[], None);
            ([alone, limited, both, none], Vec::from(handles))
        });
        let refused = Err(WaitError::InCallback);
        assert_eq!(answers, [refused, refused, Ok(1), Err(WaitError::NoHandles)]);
        make_readable(&eventfd);
        handles.remove(0).join_timeout(HANG).unwrap();
    });
}

#[test]
fn callbacks_may_wait_for_another_dispatcher() {
    watched(|| {
        let own = support::builder().depth(1).workers(1).build().unwrap();
        let other = Arc::new(support::builder().depth(1).workers(1).build().unwrap());
        let (sender, ran) = mpsc::channel();
        let target = Arc::clone(&other);
        let value = in_callback(&own, move || {
            target.submit(null_read(&null(), move || sender.send(()).unwrap())).unwrap();
            target.drain().unwrap();
            let handle = target.spawn(null_read(&null(), || 5)).unwrap();
            let first = JobHandle::wait_first(std::slice::from_ref(&handle), None);
            (first, handle.join().unwrap())
        });
        assert_eq!(value, (Ok(0), 5));
        assert_eq!(ran.try_recv(), Ok(()));
    });
}

/// Two callbacks, of which each waits until the other runs. Returns whether both did, within a
/// limit.
fn meet(workers: usize, limit: Duration) -> bool {
    let dispatcher = support::builder().depth(2).workers(workers).build().unwrap();
    let ((to_left, from_right), (to_right, from_left)) = (mpsc::channel(), mpsc::channel());
    let visit = |tell: mpsc::Sender<()>, told: mpsc::Receiver<()>| {
        Job::nop(move || {
            // The other may have given up.
            let _ = tell.send(());
            told.recv_timeout(limit).is_ok()
        })
    };
    let left = dispatcher.spawn(visit(to_right, from_right)).unwrap();
    let right = dispatcher.spawn(visit(to_left, from_left)).unwrap();
    let (left, right) = (left.join_timeout(HANG).unwrap(), right.join_timeout(HANG).unwrap());
    left && right
}

#[test]
fn callbacks_that_wait_for_each_other_need_a_worker_each() {
    watched(|| {
        assert!(meet(2, HANG));
        assert!(!meet(1, Duration::from_millis(1)), "by itself it would have waited for ever");
    });
}
