//! Tasks take a run's results: none is lost and no wake-up is, whatever is dropped when.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use reapool::{FileErrorKind, FilesStream, Order, Processed};

use crate::support::files::{copied, dispatcher, modest, small_files};
use crate::support::panics::quietly;
use crate::support::tasks::{Task, nosy, on_each_executor, yield_once};
use crate::support::{self, Drops, Tended, eventually, null_read, scratch, watched};

type Result<T> = std::result::Result<Processed<T>, reapool::FileError>;

/// A run whose paths come when the test sends them.
fn fed(dispatcher: &Tended) -> (Sender<PathBuf>, FilesStream<Vec<u8>>) {
    let (sender, paths): (_, Receiver<PathBuf>) = mpsc::channel();
    let files = modest(dispatcher).build().unwrap();
    (sender, copied(&files, paths).into_stream())
}

fn toml() -> PathBuf {
    PathBuf::from("Cargo.toml")
}

fn index<T>(polled: Poll<Option<Result<T>>>) -> Option<u64> {
    let Poll::Ready(result) = polled else { panic!("no result yet") };
    result.map(|result| result.unwrap_or_else(|error| panic!("{error}")).index)
}

#[test]
fn under_every_executor_all_results_come_in_order() {
    watched(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let paths = small_files(directory.path(), 300);
        for results in [1, 3, 64, 5000] {
            let builder = modest(&dispatcher).order(Order::Input).results(results);
            let files = builder.build().unwrap();
            on_each_executor(|| {
                let mut run = copied(&files, paths.clone()).into_stream();
                async move {
                    for expected in 0..300 {
                        if expected % 7 == 0 {
                            yield_once().await;
                        }
                        assert_eq!(run.next().await.unwrap().unwrap().index, expected);
                    }
                    assert!(run.next().await.is_none());
                    assert!(run.next().await.is_none(), "it stays over");
                }
            });
        }
    });
}

#[test]
fn a_task_is_woken_by_each_result_that_it_waits_for_and_by_the_end() {
    watched(|| {
        let dispatcher = dispatcher(1);
        let (paths, mut run) = fed(&dispatcher);
        let task = Task::new();
        for round in 0..200 {
            assert!(task.poll(&mut run.next()).is_pending());
            // The one before may just be being dropped, by the thread that has woken the task.
            eventually("a dropped future leaves no waker", || task.wakers() == 0);
            let mut next = run.next();
            assert!(task.poll(&mut next).is_pending());
            paths.send(toml()).unwrap();
            task.wait_for(round + 1);
            assert_eq!(index(task.poll(&mut next)), Some(round as u64));
            assert_eq!(task.wakings(), round + 1, "once");
        }
        let mut next = run.next();
        assert!(task.poll(&mut next).is_pending());
        drop(paths);
        task.wait_for(201);
        assert_eq!(index(task.poll(&mut next)), None);
        drop(next);
        eventually("no waker is left", || task.wakers() == 0);
    });
}

#[test]
fn the_task_that_polled_last_is_woken() {
    watched(|| {
        let dispatcher = dispatcher(1);
        let (paths, mut run) = fed(&dispatcher);
        let (first, second) = (Task::new(), Task::new());
        let mut next = run.next();
        assert!(first.poll(&mut next).is_pending() && second.poll(&mut next).is_pending());
        assert_eq!((first.wakers(), second.wakers()), (0, 1));
        paths.send(toml()).unwrap();
        second.wait_for(1);
        assert_eq!((first.wakings(), index(first.poll(&mut next))), (0, Some(0)));
    });
}

#[test]
fn a_result_that_comes_while_the_waker_is_cloned_or_dropped_is_there() {
    for moment in ["cloned", "dropped"] {
        watched(move || {
            let dispatcher = Arc::new(dispatcher(1));
            let (paths, mut run) = fed(&dispatcher);
            let (paths, ends) = (Mutex::new(Some(paths)), Arc::downgrade(&dispatcher));
            let waker = nosy(move |what| {
                // The only path, and the end, which the dispatcher waits for.
                let sender = if what == moment { paths.lock().unwrap().take() } else { None };
                if let Some(sender) = sender {
                    sender.send(toml()).unwrap();
                    drop(sender);
                    ends.upgrade().unwrap().quiesce();
                }
            });
            let mut polled = run.poll_next(&mut Context::from_waker(&waker));
            if polled.is_pending() {
                // This drops the other's waker.
                assert_eq!(moment, "dropped");
                let task = Task::new();
                polled = task.poll(&mut run.next());
                if polled.is_pending() {
                    polled = task.poll(&mut run.next());
                }
            }
            assert_eq!(index(polled), Some(0), "{moment}");
            assert_eq!(index(run.poll_next(&mut Context::from_waker(&waker))), None);
        });
    }
}

#[test]
fn futures_that_are_dropped_lose_no_result_and_leave_no_waker() {
    watched(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let paths = small_files(directory.path(), 200);
        let files = modest(&dispatcher).order(Order::Input).results(3).build().unwrap();
        let mut run = copied(&files, paths).into_stream();
        let (task, mut taken) = (Task::new(), 0);
        while taken < 200 {
            drop(run.next());
            // Polled once and dropped, whether it is ready or not.
            if let Poll::Ready(result) = task.poll(&mut run.next()) {
                assert_eq!(result.unwrap().unwrap().index, taken);
                taken += 1;
            }
            // One that is just waking it is gone soon.
            eventually("no waker is left", || task.wakers() == 0);
        }
        assert!(futures::executor::block_on(run.next()).is_none());
    });
}

#[test]
fn a_stream_may_be_dropped_in_every_state() {
    watched(|| {
        for state in 0..5 {
            let dispatcher = dispatcher(1);
            let (sender, paths): (_, Receiver<PathBuf>) = mpsc::channel();
            let (drops, task) = (Drops::default(), Task::new());
            let guard = drops.guard();
            let paths = std::iter::from_fn(move || {
                let _of_the_iterator = &guard;
                paths.recv().ok()
            });
            let mut run = copied(&modest(&dispatcher).build().unwrap(), paths).into_stream();
            let mut poll = || run.poll_next(&mut Context::from_waker(&task.clone().into()));
            if state >= 1 {
                assert!(poll().is_pending());
            }
            if state >= 2 {
                sender.send(toml()).unwrap();
                task.wait_for(1);
            }
            if state >= 3 {
                assert_eq!(index(poll()), Some(0));
            }
            let sender = if state >= 4 {
                assert!(poll().is_pending());
                drop(sender);
                task.wait_for(2);
                assert_eq!(index(poll()), None);
                None
            } else {
                Some(sender)
            };
            let stopper = run.stopper();
            drop(run);
            eventually("no waker is left", || task.wakers() == 0);
            drop(sender);
            stopper.stop();
            eventually("the iterator is dropped", || drops.count() == 1);
            dispatcher.quiesce();
        }
    });
}

#[test]
fn a_task_hears_that_the_run_is_stopped_or_the_dispatcher_shut_down() {
    watched(|| {
        let dispatcher = dispatcher(1);
        let (_paths, mut run) = fed(&dispatcher);
        let (task, stopper) = (Task::new(), run.stopper());
        assert!(task.poll(&mut run.next()).is_pending());
        let mut next = run.next();
        assert!(task.poll(&mut next).is_pending());
        stopper.stop();
        task.wait_for(1);
        assert_eq!(index(task.poll(&mut next)), None);
        drop((next, _paths));

        let endless = std::iter::repeat_with(toml);
        let mut run = copied(&modest(&dispatcher).build().unwrap(), endless).into_stream();
        futures::executor::block_on(run.next()).unwrap().unwrap();
        drop(dispatcher);
        let kinds = futures::executor::block_on(async {
            let mut kinds = Vec::new();
            while let Some(result) = run.next().await {
                kinds.extend(result.err().map(|error| error.kind()));
            }
            kinds
        });
        assert!(kinds.iter().all(|&kind| kind == FileErrorKind::ShutDown), "{kinds:?}");
    });
}

#[test]
fn in_a_callback_of_the_only_worker_polling_does_not_wait() {
    watched(|| {
        let dispatcher = dispatcher(1);
        let (paths, mut run) = fed(&dispatcher);
        let task = Task::new();
        let inside = Arc::clone(&task);
        let job = null_read(&support::null(), move || {
            assert!(inside.poll(&mut run.next()).is_pending());
            let mut waits = run.next();
            assert!(inside.poll(&mut waits).is_pending());
            paths.send(toml()).unwrap();
            std::mem::forget(waits);
            run
        });
        let mut run = dispatcher.spawn(job).unwrap().join().unwrap();
        task.wait_for(1);
        assert_eq!(index(task.poll(&mut run.next())), Some(0));
    });
}

#[test]
fn a_waker_that_panics_costs_no_result() {
    quietly(|| {
        let dispatcher = dispatcher(1);
        let (paths, mut run) = fed(&dispatcher);
        let panics = nosy(|what| assert!(what != "cloned", "the waker"));
        let poll = || run.poll_next(&mut Context::from_waker(&panics)).is_ready();
        assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
        paths.send(toml()).unwrap();
        assert_eq!(futures::executor::block_on(run.next()).unwrap().unwrap().index, 0);
    });
}

#[cfg(feature = "futures-core")]
#[test]
fn it_is_a_stream() {
    use futures::StreamExt;

    watched(|| {
        let (directory, dispatcher) = (scratch(), dispatcher(2));
        let paths = small_files(directory.path(), 100);
        let files = modest(&dispatcher).results(5).build().unwrap();
        on_each_executor(|| {
            let run = copied(&files, paths.clone()).into_stream();
            async {
                let mut indices: Vec<_> = run.map(|result| result.unwrap().index).collect().await;
                indices.sort_unstable();
                assert!(indices.into_iter().eq(0..100));
            }
        });
    });
}
